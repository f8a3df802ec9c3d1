// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A node is a host with its role.
type node struct {
	*lab.Host
	role   string // as the provider has it: master, agent
	before *lab.Snapshot
	kept   string // what it kept when it was first seen up: see [node.keeps]
	app    bool   // Marathon has one to keep
	up     []string
	newer  bool     // it has another release than when up was noted, which may bring some of these units no more
	added  []string // groups that packages ask for, and that the host did not have by itself
}

// patience is how long a node may take to come to rest.
const patience = 5 * time.Minute

// A site is a directory with a configuration, and the nodes that are in it.
type site struct {
	*judge
	tf      *terraform.Dir
	nodes   []*node
	masters []string // addresses of the cluster's masters, which may be another site's nodes
	release string   // path of a release
	search  int      // the configuration's number, which is in dns_search
	made    int      // configurations so far: DC/OS gives two that differ in templates alone one id, so none comes twice
	limit   string   // of the provider's operations on a host
}

// newSite makes the directory; nothing is in it until configure.
func (j *judge) newSite(t testing.TB, release string, masters []string, nodes ...*node) *site {
	return &site{judge: j, tf: terraform.New(t), nodes: nodes, masters: masters, release: release, limit: "10m"}
}

// raise makes a host for a node, as a machine is before anybody thinks of DC/OS.
func (j *judge) raise(t testing.TB, name, role string, opts ...lab.Option) *node {
	t.Helper()
	n := &node{role: role, Host: j.lab.Host(t, name, slices.Concat(opts, j.standIns)...)}
	j.ready(t, n)
	return n
}

// configure writes the configuration.
func (s *site) configure() {
	s.tf.T.Helper()
	var nodes strings.Builder
	for _, n := range s.nodes {
		after := ""
		for _, m := range s.nodes {
			if n.role != "master" && m.role == "master" {
				after = "depends_on = [dcos_node." + m.Name + "]"
			}
		}
		fmt.Fprintf(&nodes, `
resource "dcos_node" %q {
  address  = %q
  role     = %q
  bundle   = dcos_cluster_config.test.bundle
  timeouts = { create = %q, update = %q, delete = %q }
  %s
}
`, n.Name, n.Address, n.role, s.limit, s.limit, s.limit, after)
	}
	s.tf.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user            = %q
    private_key     = file(%q)
    connect_timeout = "2m"
  }
  run_log = "run.jsonl"
}

resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "release-test"
  master_discovery          = "static"
  master_list               = ["%s"]
  exhibitor_storage_backend = "static"
  resolvers                 = ["192.0.2.53"]
  oauth_enabled             = false
  check_time                = false
  ip_detect_script          = provider::dcos::ip_detect("route")
  dns_search                = "change%d.example"
  %s
}
%s`, lab.UserNoPassword, s.lab.KeyFile(), s.release, strings.Join(s.masters, `", "`), s.search, s.parameters, nodes.String()))
}

// change makes another configuration.
func (s *site) change() {
	s.made++
	s.search = s.made
	s.configure()
}

// A said is what a call of Terraform came to.
type said struct {
	out  string
	code int
}

// run calls Terraform.
func (s *site) run(args ...string) said {
	out, err := s.tf.Try(append(args, "-no-color")...)
	out = overrides.ReplaceAllString(out, "")
	var exit *exec.ExitError
	switch {
	case err == nil:
		return said{out, 0}
	case errors.As(err, &exit):
		return said{out, exit.ExitCode()}
	}
	return said{out + err.Error(), -1}
}

func (s *site) plan() said { return s.run("plan", "-detailed-exitcode", "-out=plan.bin") }

func (s *site) apply() said { return s.run("apply", "-auto-approve") }

var (
	// overrides is what Terraform says of a provider that is not from a registry, each time.
	overrides  = regexp.MustCompile(`(?s)[│ ]*Warning: Provider development overrides.*?published\s+(?:│ )?releases\.\n`)
	driftWords = regexp.MustCompile(`(?m)^\s+- "(.*)",?$`)
	anyID      = regexp.MustCompile(`--[0-9A-Za-z@_+:.]+`)
	actions    = regexp.MustCompile(`(?m)^  # (dcos_node\.\S+) (?:will|must) be (.*)$`)
	firstError = regexp.MustCompile(`(?m)^(?:│ )?Error: (.*)$`)
	doing      = regexp.MustCompile(`(?m)^(?:│ )?(?:Stage|Doing): .*$`)
)

// words gives what a plan says it is about, without what differs from release to release.
func (p said) words() string {
	switch p.code {
	case 0:
		return "nothing to do"
	case 2:
	default:
		return "error: " + p.reason()
	}
	var all []string
	for _, m := range actions.FindAllStringSubmatch(p.out, -1) {
		all = append(all, m[2])
	}
	slices.Sort(all)
	all = slices.Compact(all)
	var drift []string
	for _, m := range driftWords.FindAllStringSubmatch(p.out, -1) {
		drift = append(drift, anyID.ReplaceAllString(m[1], "--…"))
	}
	if len(drift) > 2 {
		drift = append(drift[:2], fmt.Sprintf("and %d more", len(drift)-2))
	}
	words := strings.Join(all, ", ")
	switch {
	case len(all) == 0:
		return "no node changes"
	case len(drift) > 0:
		words += ": " + strings.Join(drift, "; ")
	}
	return words
}

// reason gives the first error's title, and what was being done.
func (p said) reason() string {
	m := firstError.FindStringSubmatch(p.out)
	if m == nil {
		return fmt.Sprintf("exit status %d without an error", p.code)
	}
	words := []string{m[1]}
	for _, d := range doing.FindAllString(p.out, 2) {
		words = append(words, strings.TrimPrefix(d, "│ "))
	}
	return strings.Join(words, "; ")
}

// wants is an error unless a call came to what was expected.
func (p said) wants(what string, code int) error {
	if p.code == code {
		return nil
	}
	came := p.words()
	if p.code != 0 && p.code != 2 {
		came = p.reason()
	}
	return fmt.Errorf("%s: %s\n%s", what, came, lastLines(p.out, 60))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// shell runs a script on a host; the error has the script's.
func (n *node) shell(t testing.TB, script string) (string, error) {
	out, err := n.Shell(t.Context(), script)
	return strings.TrimSpace(out), err
}

// plant puts something into each of the directories that a cluster's life is in, and an application into Marathon, and notes what is
// kept now.
func (n *node) plant(t testing.TB) error {
	places := "/var/lib/dcos /var/lib/mesos/slave/meta"
	if n.role == "master" {
		places = "/var/lib/dcos /var/lib/dcos/exhibitor/zookeeper/snapshot /var/lib/dcos/mesos/master"
	}
	_, err := n.shell(t, "for d in "+places+"; do mkdir -p $d; head -c 16 /dev/urandom | od -An -tx1 >$d/lab-mark; done")
	if err != nil {
		return err
	}
	if n.role == "master" {
		// DC/OS writes it when its services first start, which stand-ins do not.
		_, err := n.shell(t, `[ -s /var/lib/dcos/cluster-id ] || cat /proc/sys/kernel/random/uuid >/var/lib/dcos/cluster-id; i=0; `+
			`until curl -fsS -m 5 `+apps+`/lab-mark || curl -fsS -m 5 -X POST -H 'Content-Type: application/json' `+
			`-d '{"id": "/lab-mark", "cmd": "sleep 86400", "cpus": 0.1, "mem": 16, "instances": 0}' `+apps+
			`; do i=$((i + 1)); [ $i -lt 120 ] || exit 1; sleep 1; done >/dev/null 2>&1`)
		n.app = err == nil
	}
	n.kept, err = n.keeps(t)
	return err
}

// apps is where Marathon's applications are, on a master.
const apps = "http://127.0.0.1:8080/v2/apps"

// keeps gives what a node keeps: what was planted, and the id of its cluster.
func (n *node) keeps(t testing.TB) (string, error) {
	files, err := n.shell(t, "for f in $(find /var/lib/dcos /var/lib/mesos -name lab-mark 2>/dev/null | sort) /var/lib/dcos/cluster-id; do "+
		`if [ -f "$f" ]; then echo "$f: $(cat "$f")"; fi; done`)
	if err != nil || !n.app {
		return files, err
	}
	had, err := n.shell(t, `for i in $(seq 120); do a=$(curl -fsS -m 5 `+apps+` 2>/dev/null | grep -o '"id": *"/[^"]*"' | sort -u) && `+
		`[ -n "$a" ] && break; sleep 1; done; echo "applications: $a"`)
	return files + "\n" + had, err
}

// holds is an error unless the node keeps what it kept.
func (n *node) holds(t testing.TB) error {
	now, err := n.keeps(t)
	if err == nil && now != n.kept {
		err = fmt.Errorf("what the cluster keeps is not what it was\nbefore:\n%s\nafter:\n%s", n.kept, now)
	}
	return err
}

// activeUnits are the units of the node that are active, and how all of them are.
func (n *node) activeUnits(t testing.TB) (active []string, all string, err error) {
	all, err = n.shell(t, "cd /etc/systemd/system/dcos.target.wants && systemctl show -p Id -p LoadState -p ActiveState -p SubState * | "+
		`awk -F= '/^Id=/ { id = $2 } /^LoadState=/ { load = $2 } /^ActiveState=/ { active = $2 } /^SubState=/ { sub_ = $2 } `+
		`/^$/ { print id, load, active, sub_; id = "" } END { if (id != "") print id, load, active, sub_ }' | sort -u`)
	for line := range strings.Lines(all) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == "loaded" && f[2] == "active" {
			active = append(active, f[0])
		}
	}
	return active, all, err
}

// steady is an error unless, before patience ends, each unit that is to be active is, all are loaded and none has failed.
func (n *node) steady(t testing.TB) error {
	var err error
	for begun := time.Now(); time.Since(begun) < patience; {
		var now []string
		var all string
		if now, all, err = n.activeUnits(t); err == nil {
			var lack []string
			for _, u := range n.up {
				if !slices.Contains(now, u) && (!n.newer || strings.Contains("\n"+all, "\n"+u+" ")) {
					lack = append(lack, u)
				}
			}
			if len(lack) == 0 && !strings.Contains(all, " failed ") && !strings.Contains(all, " not-found ") {
				return nil
			}
			err = fmt.Errorf("units are not as they were\nnot active: %s\n%s", strings.Join(lack, " "), all)
		}
		if waitErr := pause(t, time.Second); waitErr != nil {
			return waitErr
		}
	}
	return err
}

// settles waits until no unit of the node is about to change, and notes which are active.
func (n *node) settles(t testing.TB) error {
	var before []string
	for same, begun := 0, time.Now(); same < 3; {
		now, all, err := n.activeUnits(t)
		if err != nil {
			return err
		}
		if slices.Equal(now, before) && !strings.Contains(all, " activating ") {
			same++
		} else {
			same = 0
		}
		before = now
		if time.Since(begun) > patience {
			return fmt.Errorf("units do not come to rest\n%s", all)
		}
		if err := pause(t, time.Second); err != nil {
			return err
		}
	}
	n.up, n.newer = before, false
	return nil
}

// pause waits.
func pause(t testing.TB, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-t.Context().Done():
		return t.Context().Err()
	}
}

// has is an error unless the node's active packages are the release's and those of a configuration, each is there, and
// so is each user that a package asks for.
func (n *node) has(t testing.TB, packages []string) error {
	out, err := n.shell(t, `cd /opt/mesosphere/active; for l in *; do p=$(readlink "$l"); [ -f "$p/pkginfo.json" ] || echo "lacks $l"; `+
		`echo "id ${p##*/}"; u=$(sed -n 's/.*"username": *"\([^"]*\)".*/\1/p' "$p/pkginfo.json"); `+
		`[ -z "$u" ] || getent passwd "$u" >/dev/null || echo "nobody $u"; done`)
	if err != nil {
		return err
	}
	want := slices.Clone(packages)
	var configs, wrong []string
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		i := slices.Index(want, value)
		switch {
		case key != "id":
			wrong = append(wrong, line)
		case i >= 0:
			want = slices.Delete(want, i, i+1)
		case strings.Contains(value, "--setup_"):
			configs = append(configs, value)
		default:
			wrong = append(wrong, "active, and not the release's: "+value)
		}
	}
	for _, id := range want {
		wrong = append(wrong, "not active: "+id)
	}
	if len(configs) != 2 {
		wrong = append(wrong, fmt.Sprintf("packages of the configuration: %q", configs))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("active packages are not the release's\n%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// journal gives the end of what the package manager has said on a host.
func (n *node) journal(t testing.TB) string {
	out, err := n.shell(t, "journalctl -q --no-pager -n 100 -o short-precise -u terraform-dcos-activate.service -u dcos-setup.service | "+
		"grep -v 'Failed to open /run/systemd/transient' | tail -n 40")
	if err != nil {
		return err.Error()
	}
	return out
}
