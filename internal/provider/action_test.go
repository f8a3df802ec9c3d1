// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// requireActions skips a test on a client that has no actions.
func requireActions(t *testing.T, d *terraform.Dir) {
	t.Helper()
	if !d.Version().Actions() {
		t.Skip("actions: this client knows none; Terraform 1.14 and later do")
	}
}

// simNodes are a master and two agents on simulated hosts, and what stands behind them.
func (s *simSite) simNodes(more string) {
	s.t.Helper()
	s.masters = 1
	s.configure("", fmt.Sprintf(`
resource "dcos_node" "master" {
  address = %q
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
}
resource "dcos_node" "agent" {
  for_each = { a1 = %q, a2 = %q }
  address  = each.value
  role     = "agent"
  bundle   = dcos_cluster_config.test.bundle
}
`, simhosts.Address(0), simhosts.Address(1), simhosts.Address(2))+more)
}

// mentionsNot holds that none of some texts is in a text.
func mentionsNot(t *testing.T, text string, nots ...string) {
	t.Helper()
	for _, not := range nots {
		if strings.Contains(text, not) {
			t.Errorf("%q is in:\n%s", not, text)
		}
	}
}

// TestActionCheck has an action invoked by hand, after an update of the configuration and
// after a create: a line for each host and stage, exit codes as diagnostics, and nothing
// else changed. A node's recipe is in no output.
func TestActionCheck(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireActions(t, s.tf)
	check := `
action "dcos_check" "all" {
  config {
    nodes = merge({ m1 = dcos_node.master }, dcos_node.agent)
  }
}
`
	invoke := []string{"apply", "-auto-approve", "-no-color", "-invoke=action.dcos_check.all"}
	s.simNodes(check)
	s.tf.Apply()
	out := s.tf.Run(invoke...)
	mentions(t, out, "m1 ("+simhosts.Address(0)+"): check: node-poststart", "m1 ("+simhosts.Address(0)+"): check: cluster",
		"a2 ("+simhosts.Address(2)+"): done: 2 checks: 0 fail, 0 warn")
	mentionsNot(t, out, "a1 ("+simhosts.Address(1)+"): check: cluster")
	if plan := s.tf.Run("plan", "-no-color", "-invoke=action.dcos_check.all"); strings.Contains(plan, "recipe") &&
		!strings.Contains(plan, "(sensitive value)") {
		t.Errorf("the plan shows recipes:\n%s", plan)
	}

	s.fleet.Check(simhosts.Address(1), 1)
	out = s.tf.Run(invoke...)
	mentions(t, out, "DC/OS's Checks Warn", "a1 ("+simhosts.Address(1)+")", "node check components: warning (1)")
	s.fleet.Check(simhosts.Address(2), 2)
	out, err := s.tf.Try(invoke...)
	if err == nil {
		t.Error("a critical check is no error")
	}
	mentions(t, out, "DC/OS's Checks Fail", "a2 ("+simhosts.Address(2)+")", "node check components: critical (2)", "DC/OS's Checks Warn")
	s.fleet.Check(simhosts.Address(0), 7)
	s.fleet.Check(simhosts.Address(1), 0)
	if out, err = s.tf.Try(invoke...); err == nil {
		t.Error("a check that is unknown is no error")
	}
	mentions(t, out, "cluster check components: unknown (3)", "node check components: unknown (3)")
	s.fleet.Check(simhosts.Address(0), 0)
	s.fleet.Check(simhosts.Address(2), 0)
	s.tf.NoChanges()

	// After an update of the configuration, and by -refresh-only with -invoke.
	s.simNodes(strings.Replace(check, "action", `
resource "terraform_data" "gate" {
  input = dcos_cluster_config.test.id
  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.dcos_check.all]
    }
  }
}
action`, 1))
	s.tf.Apply()
	text := readFile(t, filepath.Join(s.tf.Path, "main.tf"))
	text = strings.ReplaceAll(text, `oauth_enabled             = false`, `oauth_enabled             = true`)
	s.tf.Write("main.tf", text)
	mentions(t, s.tf.Apply(), "Action complete: action.dcos_check.all", "a2 ("+simhosts.Address(2)+"): done: 2 checks")
	mentions(t, s.tf.Run("apply", "-refresh-only", "-auto-approve", "-no-color", "-invoke=action.dcos_check.all"), "done: 2 checks")
}

// TestActionEvents holds what the guide says of triggers whose action fails: after a create it is not invoked again by the
// next apply, and before a destroy it keeps nothing that is destroyed as a whole.
func TestActionEvents(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireActions(t, s.tf)
	trigger := func(event string) string {
		return "action \"dcos_check\" \"c\" {\n  config {\n    nodes = { m1 = dcos_node.master }\n  }\n}\nresource \"terraform_data\" \"t\" {\n" +
			"  lifecycle {\n    action_trigger {\n      events  = [" + event + "]\n      actions = [action.dcos_check.c]\n    }\n  }\n}\n"
	}
	s.simNodes("")
	s.tf.Apply()
	s.fleet.Check(simhosts.Address(0), 2)
	s.simNodes(trigger("after_create"))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil {
		t.Error("an action that fails lets the apply succeed")
	}
	mentions(t, out, "DC/OS's Checks Fail")
	s.tf.NoChanges()
	mentionsNot(t, s.tf.Apply(), "action.dcos_check.c (triggered")
	s.simNodes(trigger("before_destroy"))
	out, err = s.tf.Try("apply", "-auto-approve", "-no-color", "-replace=terraform_data.t")
	if err == nil {
		t.Error("an action that fails before a destroy lets a replacement go on")
	}
	mentions(t, out, "DC/OS's Checks Fail")
	mentions(t, s.tf.Destroy(), "DC/OS's Checks Fail", "Destroy complete")
}

// TestActionNodes gives actions what they cannot take, or what is not what it is taken for:
// an error at the attribute, or one that names the host; nothing is done.
func TestActionNodes(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireActions(t, s.tf)
	check := func(nodes, more string) string {
		return fmt.Sprintf("action \"dcos_check\" \"c\" {\n  config {\n    nodes = %s\n    %s\n  }\n}\n", nodes, more)
	}
	s.simNodes("")
	s.tf.Apply()
	m, a := simhosts.Address(0), simhosts.Address(1)
	one := func(more string) string { return fmt.Sprintf("{ x = { address = %q, %s } }", m, more) }
	id := fmt.Sprintf("id = %q", s.fleet.MachineID(m))
	for _, c := range []struct{ nodes, more, want string }{
		{"{ x = null }", "", "Node Lacks An Attribute"},
		// What is not known while Terraform validates.
		{one(`role = "master"`), "timeout = var.soon", "Invalid Duration"},
		{one(`role = var.soon`), "", "value must be one of"},
		{"{}", "", "at least 1 elements"},
		{`{ x = { address = "10.0.0.1" } }`, "", "Node Lacks An Attribute"},
		{one(`role = "minion"`), "", `value must be one of`},
		{one(`role = "master"`), `checks = ["network"]`, "value must be one of"},
		{one(`role = "master"`), "max_parallel = 0", "max_parallel"},
		{one(`role = "master"`), `timeout = "soon"`, "Invalid Duration"},
		{fmt.Sprintf(`{ x = { address = %q, role = "agent" } }`, a), `checks = ["cluster"]`, "No Master To Check The Cluster"},
		{fmt.Sprintf(`{ x = { address = %q, role = "master", %s }, y = { address = %q, role = "master", %s } }`, m, id, a, id), "",
			"One Machine Named Twice"},
		{one(`role = "agent"`), "", "Host Is Not The Node"},
		{one(`role = "master", id = "0"`), "", "Machine Replaced"},
		{one(`role = "master", bundle = { cluster_name = "another" }`), "", "DC/OS Is Already On The Host"},
		{one(`role = "master", host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJd5ZUCvHTUNvHSQh6vxUj3lNoeaPqiivXSDTQXHqLNY"`), "",
			"Host Key Refused"},
		{`{ x = { address = "127.0.0.99", role = "agent" } }`, "", "Host Is Not The Node"},
	} {
		s.simNodes("variable \"soon\" {\n  default = \"soon\"\n}\n" + check(c.nodes, c.more))
		out, err := s.tf.Try("apply", "-auto-approve", "-no-color", "-invoke=action.dcos_check.c")
		if err == nil {
			t.Errorf("%s: nothing is said:\n%s", c.nodes, out)
		}
		mentions(t, out, c.want)
	}
}

// invoke is how an action is invoked by hand.
func invoke(name string) []string {
	return []string{"apply", "-auto-approve", "-no-color", "-invoke=action." + name}
}

// TestActionRestart restarts nodes that are simulated: masters first, and after a node that fails
// no other is begun. What was restarted after a time is left alone.
func TestActionRestart(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireActions(t, s.tf)
	restart := func(more string) string {
		return "action \"dcos_restart\" \"all\" {\n  config {\n    nodes = merge({ m1 = dcos_node.master }, dcos_node.agent)\n    " +
			more + "\n  }\n}\n"
	}
	s.simNodes(restart(""))
	s.tf.Apply()
	begun := time.Now().UTC().Format(time.RFC3339)
	out := s.tf.Run(invoke("dcos_restart.all")...)
	mentions(t, out, "m1 ("+simhosts.Address(0)+"): restart: restarting 1 service", "a2 ("+simhosts.Address(2)+"): done: 1 service restarted")
	if m, a := strings.Index(out, "m1 ("+simhosts.Address(0)+"): done"), strings.Index(out, "): restart\n"); m < 0 || a < 0 ||
		strings.Index(out, "a1 ("+simhosts.Address(1)+"): restart") < m {
		t.Errorf("an agent was restarted before the master was done:\n%s", out)
	}
	s.simNodes(restart(fmt.Sprintf("started_before = %q", begun)))
	mentions(t, s.tf.Run(invoke("dcos_restart.all")...), "m1 ("+simhosts.Address(0)+"): done: left as it is",
		"a2 ("+simhosts.Address(2)+"): done: left as it is")
	for more, want := range map[string]string{
		`started_before = "yesterday"`:                                   "Invalid Time",
		`services = ["sshd.service"]`:                                    "Invalid Service",
		"what = \"machines\"\nservices = [\"dcos-adminrouter.service\"]": "Services Of Machines",
		`max_unavailable = "0"`:                                          "max_unavailable",
		`what = "houses"`:                                                "value must be one of",
	} {
		s.simNodes(restart(more))
		out, err := s.tf.Try(invoke("dcos_restart.all")...)
		if err == nil {
			t.Errorf("%s: nothing is said:\n%s", more, out)
		}
		mentions(t, out, want)
	}
	s.simNodes(strings.Replace(restart(""), "dcos_node.agent)", "{ a = { address = \"127.0.0.7\", role = \"agent\" } })", 1))
	out, err := s.tf.Try(invoke("dcos_restart.all")...)
	if err == nil {
		t.Error("a node without its machine's id is restarted")
	}
	mentions(t, out, "Machine Not Named")
	// One that is not there: those behind it are not begun.
	s.simNodes(strings.Replace(restart("max_parallel = 1"), "merge(", "merge({ a0 = { address = \"127.0.0.7\", role = \"agent\", id = "+
		"\"0\" } },", 1))
	if out, err = s.tf.Try(invoke("dcos_restart.all")...); err == nil {
		t.Error("another machine is restarted")
	}
	mentions(t, out, "Machine Replaced", "a0 (127.0.0.7)", "Action Not Finished", "nothing was begun on 2 hosts (a1, a2)")
	mentionsNot(t, out, "a1 ("+simhosts.Address(1)+"): restart")
}

// TestActionDrain drains simulated agents and brings them back, twice each.
func TestActionDrain(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireActions(t, s.tf)
	actions := func(nodes string) string {
		return fmt.Sprintf("action \"dcos_drain\" \"a\" {\n  config {\n    nodes = %s\n  }\n}\naction \"dcos_resume\" \"a\" {\n  config {\n"+
			"    nodes = %s\n  }\n}\n", nodes, nodes)
	}
	s.simNodes(actions("dcos_node.agent"))
	s.tf.Apply()
	// One of several by its key, which is wholly unknown while a configuration is validated.
	s.simNodes(actions("{ a1 = dcos_node.agent[\"a1\"], a2 = dcos_node.agent[\"a2\"] }"))
	for range 2 {
		mentions(t, s.tf.Run(invoke("dcos_drain.a")...), "a2 ("+simhosts.Address(2)+"): done: drained")
		if !s.fleet.Drained(simhosts.Address(1)) || s.fleet.Drained(simhosts.Address(0)) {
			t.Error("not those agents are drained that were meant")
		}
	}
	mentions(t, s.tf.Run(invoke("dcos_resume.a")...), "a1 ("+simhosts.Address(1)+"): done: in service again")
	mentions(t, s.tf.Run(invoke("dcos_resume.a")...), "a1 ("+simhosts.Address(1)+"): done: in service already")
	if s.fleet.Drained(simhosts.Address(1)) {
		t.Error("an agent is still drained")
	}
	// Actions are judged when they are invoked: what is to be named then may be left open.
	s.simNodes("variable \"names\" {\n  type    = set(string)\n  default = []\n}\n" + actions("{ for n in var.names : n => "+
		"dcos_node.agent[n] }"))
	s.tf.Run("validate", "-no-color")
	s.tf.NoChanges()
	mentions(t, s.tf.Run(append(invoke("dcos_drain.a"), "-var", `names=["a1"]`)...), "a1 ("+simhosts.Address(1)+"): done: drained")
	if s.fleet.Drained(simhosts.Address(2)) {
		t.Error("the other agent is drained, too")
	}
	s.simNodes(actions("{ m1 = dcos_node.master }"))
	out, err := s.tf.Try(invoke("dcos_drain.a")...)
	if err == nil {
		t.Error("a master is drained")
	}
	mentions(t, out, "Role Not Of This Action", "agent or public_agent")
}

// TestActionDiagnostics collects from simulated hosts, one of which is no node: what the others gave is in
// the archive, bounded, without secrets, and what failed is an error.
func TestActionDiagnostics(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireActions(t, s.tf)
	collect := func(nodes, path string) string {
		return fmt.Sprintf("action \"dcos_diagnostics\" \"d\" {\n  config {\n    nodes = merge({ m1 = dcos_node.master }, %s)\n    path = %q\n"+
			"    max_size = 1\n    max_parallel = 1\n  }\n}\n", nodes, path)
	}
	const other = `{ "x/../y" = { address = "127.0.0.9", role = "agent" } }`
	s.simNodes(collect("dcos_node.agent", "d.tar.gz"))
	s.tf.Apply()
	mentions(t, s.tf.Run(invoke("dcos_diagnostics.d")...), "m1 ("+simhosts.Address(0)+"): done: 2 files, 625 KiB")
	files := readArchive(t, filepath.Join(s.tf.Path, "d.tar.gz"))
	if got, want := files["m1/journal/dcos-net.service.log"], simhosts.Address(0)+" logs in with (redacted)\n"; got != want {
		t.Errorf("it is %q", got)
	}
	if left := files["left-out.txt"]; !strings.Contains(left, "a1/state/large.txt") || files["m1/state/large.txt"] == "" {
		t.Errorf("left out is %q", left)
	}
	if files["run-log.jsonl"] == "" {
		t.Error("there is no run log in it")
	}
	for name, text := range files {
		if strings.Contains(text, simhosts.Secret) {
			t.Errorf("the secret is in %s", name)
		}
	}
	out, err := s.tf.Try(invoke("dcos_diagnostics.d")...)
	if err == nil {
		t.Error("a file is written over")
	}
	mentions(t, out, "File Is There Already")
	s.simNodes(collect(other, "e.tar.gz"))
	if out, err = s.tf.Try(invoke("dcos_diagnostics.d")...); err == nil {
		t.Error("a host that is no node is no error")
	}
	mentions(t, out, "Host Is Not The Node", "x/../y (127.0.0.9)")
	if files = readArchive(t, filepath.Join(s.tf.Path, "e.tar.gz")); files["x_.._y/error.txt"] == "" || files["m1/state/large.txt"] == "" {
		t.Errorf("%d files", len(files))
	}
	s.simNodes(collect(other, "nowhere/e.tar.gz"))
	if out, err = s.tf.Try(invoke("dcos_diagnostics.d")...); err == nil {
		t.Error("there is such a directory")
	}
	mentions(t, out, "File Not Writable")
}

// What went wrong in a stage of an action is titled by it.
func TestActionStages(t *testing.T) {
	t.Parallel()
	for stage, want := range map[string]string{
		"check": "Checks Could Not Be Run", "restart": "Restart Failed", "drain": "Agent Could Not Be Drained",
		"resume": "Agent Could Not Be Resumed", "diagnostics": "Diagnostics Not Collected", "backup": "Backup Failed",
	} {
		f := (&shared{}).failure(&fleet.Host{}, "doing it", &node.StageError{Host: "h", Stage: stage, Doing: "trying"})
		if f.summary != want {
			t.Errorf("%s: %s", stage, f.summary)
		}
	}
}

// An action that is interrupted once brings what is under way to its end and begins nothing more,
// which it says; invoked again it goes on from there.
func TestActionInterrupted(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{Delay: 400 * time.Millisecond})
	requireActions(t, s.tf)
	begun := time.Now().UTC().Format(time.RFC3339)
	s.simNodes("variable \"before\" {\n  type    = string\n  default = null\n}\naction \"dcos_restart\" \"all\" {\n  config {\n" +
		"    nodes = merge({ m1 = dcos_node.master }, dcos_node.agent)\n    max_parallel = 1\n    started_before = var.before\n  }\n}\n")
	s.tf.Apply()
	cmd := s.tf.Command(t.Context(), invoke("dcos_restart.all")...)
	var out lockedText
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the master is not restarted", func() error {
		if text := out.String(); !strings.Contains(text, "restarting 1 service") {
			return errors.New(text)
		}
		return nil
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it succeeded")
	}
	mentions(t, out.String(), "Action Not Finished", "a2", "Terraform was interrupted")
	text := s.tf.Run(append(invoke("dcos_restart.all"), "-var", "before="+begun)...)
	mentions(t, text, "m1 ("+simhosts.Address(0)+"): done: left as it is", "a2 ("+simhosts.Address(2)+"): done: 1 service restarted")
}

// A lockedText is what a process prints while somebody reads it.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds to it.
func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
