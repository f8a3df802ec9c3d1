// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// on runs a command on a host.
func on(t *testing.T, h *lab.Host, command string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), command)
	if err != nil {
		t.Fatalf("%s: %s: %v", h.Name, command, err)
	}
	return strings.TrimSpace(out)
}

// siteActions are the actions of TestAccActions.
const siteActions = `
locals {
  nodes = merge({ for n, m in dcos_node.master : "m-${n}" => m }, { for n, a in dcos_node.agent : "a-${n}" => a })
}
variable "before" {
  type    = string
  default = null
}
action "dcos_check" "all" {
  config {
    nodes = local.nodes
  }
}
action "dcos_restart" "all" {
  config {
    nodes           = local.nodes
    max_unavailable = 1
    started_before  = var.before
  }
}
action "dcos_restart" "machine" {
  config {
    nodes          = { m1 = dcos_node.master["n1"], a1 = dcos_node.agent["n1"] }
    what           = "machines"
    started_before = var.before
  }
}
action "dcos_restart" "one" {
  config {
    nodes    = { a1 = dcos_node.agent["n1"] }
    services = ["dcos-net.service"]
  }
}
action "dcos_drain" "one" {
  config {
    nodes         = { a1 = dcos_node.agent["n1"] }
    drain_timeout = "1m"
  }
}
action "dcos_drain" "forced" {
  config {
    nodes         = { a1 = dcos_node.agent["n1"] }
    drain_timeout = "2s"
    force         = true
  }
}
action "dcos_drain" "hasty" {
  config {
    nodes         = { a1 = dcos_node.agent["n1"] }
    drain_timeout = "0s"
  }
}
action "dcos_resume" "one" {
  config {
    nodes = { a1 = dcos_node.agent["n1"] }
  }
}
action "dcos_backup" "zk" {
  config {
    nodes = { for name, node in local.nodes : name => node if node.role == "master" }
    path  = "backup.tar.gz"
  }
}
action "dcos_diagnostics" "all" {
  config {
    nodes = local.nodes
    path  = "diagnostics.tar.gz"
  }
}
`

// TestAccActions does with the nodes of a cluster on real hosts what actions do: checks; services
// and machines restarted, one master at a time and agents after them; an agent drained and brought
// back, by both ways that lines have; diagnostics without a secret. The nodes are what they were.
func TestAccActions(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	requireActions(t, terraform.New(t))
	s := newSite(t, l, 3, 2, 0)
	const secret = "c3VwZXItc2VjcmV0LXdvcmQ6eA=="
	s.configure(siteOptions{parameters: "cluster_docker_credentials_enabled = true\n  cluster_docker_credentials_dcos_owned = true\n" +
		"  cluster_docker_credentials = jsonencode({ auths = { \"registry.test\" = { auth = \"" + secret + "\" } } })"})
	main := readFile(t, filepath.Join(s.tf.Path, "main.tf"))
	s.tf.Write("main.tf", main+siteActions)
	s.tf.Apply()
	step := func(name string, do func(t *testing.T)) { s.step(name, do) }

	step("check", func(t *testing.T) {
		out := s.tf.Run(invoke("dcos_check.all")...)
		mentions(t, out, "m-n1 ("+s.masters[0].Address+"): check: cluster", "a-n2 ("+s.agents[1].Address+"): done: ")
		on(t, s.agents[0], "systemctl stop dcos-adminrouter-agent.service")
		out, err := s.tf.Try(invoke("dcos_check.all")...)
		if err == nil {
			t.Error("a service that is down is nothing to the checks")
		}
		mentions(t, out, "DC/OS's Checks Fail", "a-n1 ("+s.agents[0].Address+")", "critical (2)")
		on(t, s.agents[0], "systemctl start dcos-adminrouter-agent.service")
	})
	started := func(h *lab.Host, unit string) string {
		return on(t, h, "systemctl show -p ExecMainStartTimestampMonotonic "+unit)
	}
	step("services", func(t *testing.T) {
		begun := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Second) // times are compared by the second
		var was []string
		for _, h := range s.nodes() {
			was = append(was, started(h, "dcos-net.service"))
		}
		events := len(s.events())
		out := s.tf.Run(invoke("dcos_restart.all")...)
		for i, h := range s.nodes() {
			if started(h, "dcos-net.service") == was[i] {
				t.Errorf("%s was not restarted:\n%s", h.Name, out)
			}
			was[i] = started(h, "dcos-net.service")
		}
		list := s.spans("restart", events)
		if len(list) != len(s.nodes()) {
			t.Errorf("%d nodes were restarted", len(list))
		}
		changedInOrder(t, list)
		// As after an interruption: there is nothing to do, on any.
		mentions(t, s.tf.Run(append(invoke("dcos_restart.all"), "-var", "before="+begun)...), "a-n2 ("+s.agents[1].Address+"): done: left "+
			"as it is")
		for i, h := range s.nodes() {
			if started(h, "dcos-net.service") != was[i] {
				t.Errorf("%s was restarted twice", h.Name)
			}
		}
	})
	step("machines", func(t *testing.T) {
		boot := func(h *lab.Host) string { return on(t, h, "systemctl show -p UserspaceTimestampMonotonic") }
		begun := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Second)
		m, a, other := boot(s.masters[0]), boot(s.agents[0]), boot(s.agents[1])
		out := s.tf.Run(invoke("dcos_restart.machine")...)
		mentions(t, out, "m1 ("+s.masters[0].Address+"): restart: the machine has booted", "a1 ("+s.agents[0].Address+"): done: the machine "+
			"was booted anew")
		if boot(s.masters[0]) == m || boot(s.agents[0]) == a || boot(s.agents[1]) != other {
			t.Errorf("not those machines were booted that were meant:\n%s", out)
		}
		mentions(t, s.tf.Run(append(invoke("dcos_restart.machine"), "-var", "before="+begun)...), "m1 ("+s.masters[0].Address+"): done: "+
			"left as it is")
		s.tf.NoChanges()
	})
	step("drain", func(t *testing.T) { s.drainAndResume(t) })
	step("drain before 2.0", func(t *testing.T) { s.drainBySchedule(t) })
	step("diagnostics", func(t *testing.T) {
		on(t, s.masters[1], "systemctl stop dcos-marathon.service")
		s.tf.Run(invoke("dcos_diagnostics.all")...)
		path := filepath.Join(s.tf.Path, "diagnostics.tar.gz")
		files := readArchive(t, path)
		for _, want := range []string{"m-n1/journal/dcos-mesos-master.service.log", "m-n1/state/exhibitor-status.json",
			"m-n2/state/mesos-agents.json",
			"a-n1/state/mesos-agent-metrics.json", "a-n2/config/expanded.config.json", "a-n2/config/user.config.yaml", "run-log.jsonl",
			"m-n3/state/host.txt"} {
			if len(files[want]) < 20 {
				t.Errorf("%s is %q", want, files[want])
			}
		}
		for name, text := range files {
			if strings.Contains(text, secret) {
				t.Errorf("the secret is in %s", name)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		out, err := s.tf.Try(invoke("dcos_diagnostics.all")...)
		if err == nil {
			t.Error("an archive is written over")
		}
		mentions(t, out, "File Is There Already")
		on(t, s.masters[1], "systemctl start dcos-marathon.service")
	})
	// These masters have a stand-in for ZooKeeper, which keeps nothing: each is asked, and no file is left.
	out, err := s.tf.Try(invoke("dcos_backup.zk")...)
	if err == nil {
		t.Error("a backup of nothing is made")
	}
	mentions(t, out, "Backup Failed", "ZooKeeper has no snapshot on this master", "The next of the masters was "+
		"asked", "m-n3 ("+s.masters[2].Address+")")
	if left, err := filepath.Glob(filepath.Join(s.tf.Path, ".dcos-*")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	s.tf.NoChanges()
}

// running says how many tasks of an application run on each agent.
func (s *testSite) running() map[string]int {
	var v struct {
		Tasks []struct{ Host, State string } `json:"tasks"`
	}
	n := map[string]int{}
	if err := s.get("/service/marathon/v2/tasks", &v); err != nil {
		s.t.Log(err)
	}
	for _, task := range v.Tasks {
		if task.State == "TASK_RUNNING" {
			n[task.Host]++
		}
	}
	return n
}

// until waits until so many tasks run on the first agent, and so many on the second.
func (s *testSite) until(first, second int) {
	s.t.Helper()
	s.eventually("tasks", func() error {
		if n := s.running(); first >= 0 && n[s.agents[0].Address] != first || n[s.agents[1].Address] < second {
			return fmt.Errorf("they are %v", n)
		}
		return nil
	})
}

// drainAndResume drains an agent by the master, which moves its tasks.
func (s *testSite) drainAndResume(t *testing.T) {
	app := `{"id":"/work","cmd":"trap \"exit 0\" TERM; while :; do sleep 0.2; done","instances":4}`
	on(t, s.masters[0], "curl -fsS -H 'Content-Type: application/json' -d '"+app+"' http://127.0.0.1:8080/v2/apps")
	s.until(2, 2)
	mentions(t, s.tf.Run(invoke("dcos_drain.one")...), "a1 ("+s.agents[0].Address+"): done: drained")
	s.until(0, 4)
	mentions(t, s.tf.Run(invoke("dcos_drain.one")...), "done: drained")
	s.tf.NoChanges() // it is the node that it was
	mentions(t, s.tf.Run(invoke("dcos_resume.one")...), "a1 ("+s.agents[0].Address+"): done: in service again")
	on(t, s.masters[0], "curl -fsS -X PUT -H 'Content-Type: application/json' -d '{\"instances\":6}' http://127.0.0.1:8080/v2/apps/work")
	s.eventually("tasks on the agent that is back", func() error {
		if n := s.running(); n[s.agents[0].Address] == 0 {
			return fmt.Errorf("they are %v", n)
		}
		return nil
	})
	mentions(t, s.tf.Run(invoke("dcos_resume.one")...), "done: in service already")
}

// drainBySchedule has an agent taken for one of 1.13: Mesos ends no task of it by itself.
func (s *testSite) drainBySchedule(t *testing.T) {
	a := s.agents[0]
	const version = "/opt/mesosphere/etc/dcos-version.json"
	on(t, a, "cp -a $(readlink -f "+version+") /root/version && sed -i 's/\"version\": *\"2[^\"]*\"/\"version\": \"1.13.9\"/' $(readlink "+
		"-f "+version+")")
	status := func() (down []machineID) {
		var v struct {
			Down []machineID `json:"down_machines"`
		}
		if err := json.Unmarshal([]byte(on(t, s.masters[0], "curl -fsSL "+
			"http://$(/opt/mesosphere/bin/detect_ip):5050/maintenance/status")), &v); err != nil {
			t.Fatal(err)
		}
		return v.Down
	}
	out, err := s.tf.Try(invoke("dcos_drain.hasty")...)
	if err == nil {
		t.Errorf("an agent with tasks is drained at once:\n%s", out)
	}
	mentions(t, out, "Agent Could Not Be Drained", "there are still tasks on the agent", "DC/OS 1.13 ends no tasks for maintenance")
	if len(status()) > 0 {
		t.Error("its machine is down although it has tasks")
	}
	mentions(t, s.tf.Run(invoke("dcos_drain.forced")...), "a1 ("+a.Address+"): done: taken down with")
	if down := status(); len(down) != 1 || down[0].IP != a.Address {
		t.Errorf("down are %v", down)
	}
	s.until(0, 6)
	mentions(t, s.tf.Run(invoke("dcos_drain.forced")...), "done: out of service already")
	mentions(t, s.tf.Run(invoke("dcos_restart.one")...), "restart: not waited for: its machine is down for maintenance",
		"done: 1 service restarted")
	mentions(t, s.tf.Run(invoke("dcos_resume.one")...), "a1 ("+a.Address+"): done: in service again")
	if down := status(); len(down) > 0 {
		t.Errorf("down are %v", down)
	}
	on(t, a, "cp -a /root/version $(readlink -f "+version+")")
	on(t, s.masters[0], "curl -fsS -X DELETE http://127.0.0.1:8080/v2/apps/work")
	s.until(0, 0)
}

// machineID is a machine in the words of Mesos.
type machineID struct{ Hostname, IP string }

// TestAccActionBackup makes a backup of a master with a real ZooKeeper while somebody writes, and
// restores it as its page says: what was there at the time is there again, and nothing since.
func TestAccActionBackup(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	d := terraform.New(t)
	requireActions(t, d)
	m := l.Host(t, "backup-m1", lab.WithZooKeeper(10))
	t.Cleanup(func() {
		if err := m.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	})
	config := func(path string) string {
		return terraform.RequiredProviders + fmt.Sprintf(`
provider "dcos" {
  ssh = { user = %q, private_key = file(%q) }
}
resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "backup"
  master_discovery          = "static"
  master_list               = [%q]
  exhibitor_storage_backend = "static"
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
}
resource "dcos_node" "master" {
  address = %q
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
}
action "dcos_backup" "zk" {
  config {
    nodes = { m1 = dcos_node.master }
    path  = %q
  }
}
`, lab.UserNoPassword, l.KeyFile(), sampleRelease(t, samplerelease.V22), m.Address, m.Address, path)
	}
	d.Write("main.tf", config("backup.tar.gz"))
	d.Apply()
	client := zkClient(t, m)
	put := func(path string) error {
		_, err := client.Create(path, []byte("kept-text"), 0, zk.WorldACL(zk.PermAll))
		return err
	}
	await(t, "nothing can be written", func() error { return put("/kept") })
	// It writes on while the backup is made.
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	var written atomic.Int64
	writer.Go(func() {
		for ctx.Err() == nil {
			if put(fmt.Sprintf("/w%d", written.Load())) == nil {
				written.Add(1)
			}
		}
	})
	await(t, "too little is written", func() error {
		if written.Load() < 100 {
			return errors.New("so far")
		}
		return nil
	})
	before := written.Load()
	out := d.Run(invoke("dcos_backup.zk")...)
	mentions(t, out, "m1 ("+m.Address+"): backup: verifying", "m1 ("+m.Address+"): done: verified: snapshot.")
	stop()
	writer.Wait()
	path := filepath.Join(d.Path, "backup.tar.gz")
	files := readArchive(t, path)
	t.Logf("%s", files["manifest.json"])
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if out, err := d.Try(invoke("dcos_backup.zk")...); err == nil || !strings.Contains(out, "File Is There Already") {
		t.Errorf("%v: %s", err, out)
	}
	if err := errors.Join(put("/since"), client.Delete("/kept", -1)); err != nil {
		t.Fatal(err)
	}

	// The page's way back.
	text := readFile(t, path)
	if err := m.WriteFile("/root/backup.tar.gz", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	on(t, m, restoreCommands(t))
	client = zkClient(t, m)
	await(t, "what was backed up is not there again", func() error {
		text, _, err := client.Get("/kept")
		if err == nil && string(text) != "kept-text" {
			t.Errorf("it is %q", text)
		}
		return err
	})
	if there, _, err := client.Exists("/since"); err != nil || there {
		t.Errorf("what came after the backup: %v, %v", there, err)
	}
	for n := range before { // all that was told to be written before the backup was begun
		if there, _, err := client.Exists(fmt.Sprintf("/w%d", n)); err != nil || !there {
			t.Fatalf("of %d writes number %d: %v, %v", before, n, there, err)
		}
	}
	t.Logf("%d writes before the backup are there, of %d in all", before, written.Load())
	await(t, "the node is not well", func() error {
		_, err := d.Try("plan", "-no-color", "-detailed-exitcode")
		return err
	})
	d.NoChanges()
	d.Destroy()
}

type quietZK struct{}

// Printf says nothing: a server that is away is waited for.
func (quietZK) Printf(string, ...any) {}

// zkClient is a client of a master's ZooKeeper.
func zkClient(t *testing.T, m *lab.Host) *zk.Conn {
	t.Helper()
	client, _, err := zk.Connect([]string{m.Address + ":2181"}, 20*time.Second, zk.WithLogger(quietZK{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// restoreCommands are those of the page, for a backup that lies in root's home.
func restoreCommands(t *testing.T) string {
	t.Helper()
	page := readFile(t, filepath.Join("..", "..", "templates", "actions", "backup.md.tmpl"))
	_, rest, ok := strings.Cut(page, "```sh\n")
	commands, _, ended := strings.Cut(rest, "```")
	if !ok || !ended {
		t.Fatal("the page has no commands")
	}
	return commands
}
