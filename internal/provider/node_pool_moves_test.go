// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// withSSH gives a map of hosts an ssh of each.
func withSSH(hosts, ssh string) string {
	return strings.ReplaceAll(hosts, "\" }", "\", ssh = { "+ssh+" } }")
}

// To name the port that a host is reached at anyway concerns no host.
func TestNodePoolPortNamed(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	s.configure("", pool("a", s.hosts(0, 5), ""))
	s.tf.Apply()
	_, since := s.worked("connect", 0)
	named := withSSH(s.hosts(0, 5), fmt.Sprintf("port = %d", s.fleet.Port()))
	s.configure("", pool("a", named, ""))
	s.tf.Apply("-refresh=false")
	if got, _ := s.worked("connect", since); len(got) != 0 {
		t.Errorf("connected to %v", got)
	}
	if n := s.fleet.Count().Installed; n != 5 {
		t.Errorf("%d hosts have DC/OS", n)
	}
	s.tf.NoChanges()

	// With and without its port it is the same host.
	twice := strings.Replace(named, "h0 =", fmt.Sprintf("again = { address = %q }\n    h0 =", simhosts.Address(0)), 1)
	s.configure("", pool("a", twice, ""))
	out, err := s.tf.Try("plan", "-no-color")
	if err == nil {
		t.Errorf("it was taken:\n%s", out)
	}
	mentions(t, out, "Host Twice In The Pool", "again and h0")
	s.configure("", pool("a", named, ""))
	s.tf.Destroy()
}

// Hosts that go to another pool in the apply that upgrades them are upgraded
// there: nothing is uninstalled, and nothing installed anew.
func TestNodePoolMovesAndUpgrades(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{Delay: 20 * time.Millisecond})
	s.configure("", pool("a", s.hosts(0, 12), ""))
	s.tf.Apply()
	_, since := s.worked("upgrade", 0)
	s.configure(`gc_delay = "3days"`, pool("a", s.hosts(0, 6), "max_unavailable = 2")+pool("b", s.hosts(6, 12), "max_unavailable = 2"))
	s.tf.Apply()
	if got, _ := s.worked("upgrade", since); len(got) != 12 {
		t.Errorf("upgraded: %v", got)
	}
	for _, stage := range []string{"install", "uninstall"} {
		if got, _ := s.worked(stage, since); len(got) != 0 {
			t.Errorf("%s: %v", stage, got)
		}
	}
	if n := s.fleet.Count().Installed; n != 12 {
		t.Errorf("%d hosts have DC/OS", n)
	}
	s.tf.NoChanges()

	// A pool whose hosts all go elsewhere goes with nothing done to them.
	_, since = s.worked("uninstall", 0)
	s.configure(`gc_delay = "3days"`, pool("b", s.hosts(0, 12), ""))
	s.tf.Apply()
	if got, _ := s.worked("uninstall", since); len(got) != 0 {
		t.Errorf("uninstalled: %v", got)
	}
	s.tf.NoChanges()
	s.tf.Destroy()
	if n := s.fleet.Count().Installed; n != 0 {
		t.Errorf("%d hosts still have DC/OS", n)
	}
}

// A pool whose first apply failed on some hosts may be replaced in the other
// order: the new one takes the hosts over before the old one goes.
func TestNodePoolCreatedBeforeDestroyed(t *testing.T) {
	t.Parallel()
	const n = 40
	s := newSimSite(t, simhosts.Options{Failures: 0.2})
	failing := s.failing(0, n)
	if len(failing) == 0 || len(failing) == n {
		t.Fatalf("%d of %d hosts fail: the test would say nothing", len(failing), n)
	}
	s.configure("", pool("a", s.hosts(0, n), "max_failures = \"100%\"\n  lifecycle {\n    create_before_destroy = true\n  }"))
	if out, err := s.tf.Try("apply", "-auto-approve", "-no-color"); err == nil {
		t.Fatalf("apply succeeded:\n%s", out)
	}
	s.fleet.Mend()
	_, since := s.worked("uninstall", 0)
	s.tf.Apply()
	if got, _ := s.worked("uninstall", since); len(got) != 0 {
		t.Errorf("uninstalled: %v", got)
	}
	if got, _ := s.worked("install", since); len(got) > len(failing) {
		t.Errorf("installed on %v", got)
	}
	if got := s.fleet.Count().Installed; got != n {
		t.Errorf("%d installed", got)
	}
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Count().Installed; got != 0 {
		t.Errorf("%d installed", got)
	}
}

// A wrong key that the user pins loses nothing: the host stays known, and
// destroy finds it.
func TestNodePoolWrongPin(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	s.configure("", pool("a", s.hosts(0, 3), ""))
	s.tf.Apply()
	other, ok := s.fleet.HostKey(simhosts.Address(9))
	if !ok {
		t.Fatal("no host key")
	}
	pinned := strings.Replace(s.hosts(0, 3), `"`+simhosts.Address(1)+`" }`,
		fmt.Sprintf(`%q, ssh = { host_key = %q } }`, simhosts.Address(1), other), 1)
	s.configure("", pool("a", pinned, ""))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color", "-refresh=false")
	if err == nil {
		t.Fatalf("it was taken:\n%s", out)
	}
	mentions(t, out, "1 of 1 Host Failed", "Host Key Refused")
	nodes, ok := s.state()["nodes"].(map[string]any)
	if !ok {
		t.Fatal("no nodes in state")
	}
	if h, ok := nodes["h1"].(map[string]any); !ok || h["status"] != "failed" || h["machine_id"] == nil || h["machine_id"] == "" {
		t.Errorf("h1 is %v", nodes["h1"])
	}
	s.configure("", pool("a", s.hosts(0, 3), ""))
	s.tf.Apply()
	s.tf.NoChanges()
	s.tf.Destroy()
	if n := s.fleet.Count().Installed; n != 0 {
		t.Errorf("%d hosts still have DC/OS", n)
	}
}

// Agents that wait for masters leave them the connections, and masters that
// wait for agents do so in a destroy.
func TestLimitsKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	const masters, agents = 3, 8
	s := newSimSite(t, simhosts.Options{Delay: 10 * time.Millisecond})
	s.masters = masters
	s.provider = "limits = { connections = 2 }"
	resources := fmt.Sprintf("\nresource \"dcos_node\" \"master\" {\n  for_each = %s\n  address = each.value.address\n  role = \"master\"\n"+
		"  bundle = dcos_cluster_config.test.bundle\n}\n",
		s.hosts(0, masters)) + pool("a", s.hosts(masters, masters+agents), "max_unavailable = \"100%\"")
	s.configure("", resources)
	s.tf.Apply()
	seen := len(s.events())
	s.configure(`gc_delay = "3days"`, resources)
	start := time.Now()
	s.tf.Apply()
	changedInOrder(t, spansOf(s.events()[seen:], "upgrade"))
	seen = len(s.events())
	s.tf.Destroy()
	removedInOrder(t, spansOf(s.events()[seen:], "uninstall"))
	if took := time.Since(start); took > 4*time.Minute {
		t.Errorf("it took %s: somebody waited for a connection in vain", took)
	}
}

// hostOf is a host of a pool.
func hostOf(name, address string, port int64, machine string) *poolHost {
	h := &poolHost{name: name, address: types.StringValue(address), ssh: types.ObjectNull(nodeSSHType.AttrTypes),
		poolRecord: poolRecord{MachineID: machine}}
	if port != 0 {
		h.ssh = types.ObjectValueMust(nodeSSHType.AttrTypes, map[string]attr.Value{
			"port": types.Int64Value(port), "user": types.StringNull(), "host_key": types.StringNull(),
			"jump_hosts": types.ListNull(nodeJumpHostType), "proxy_command": types.StringNull(),
		})
	}
	return h
}

// Which hosts of a plan are those of the state.
func TestMatchHosts(t *testing.T) {
	t.Parallel()
	prior := []*poolHost{hostOf("a", "x", 0, "1"), hostOf("b", "y", 22, "2"), hostOf("c", "z", 22, "3"), hostOf("d", "z", 23, "4"),
		hostOf("e", "gone", 0, "5")}
	planned := []*poolHost{hostOf("A", "x", 2222, ""), hostOf("b", "y", 22, ""), hostOf("c", "z", 22, ""), hostOf("d", "z", 24, ""),
		hostOf("n", "new", 0, "")}
	hosts, leaving := matchHosts(planned, prior)
	var got []string
	for _, h := range hosts {
		got = append(got, h.name+h.MachineID)
	}
	// Behind one address there may be several machines: another port there is
	// another host.
	if want := []string{"A1", "b2", "c3", "d", "n"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got = nil
	for _, h := range leaving {
		got = append(got, h.name+h.MachineID)
	}
	if want := []string{"d4", "e5"}; !slices.Equal(got, want) {
		t.Errorf("leaving: %v, want %v", got, want)
	}

	// The machine that came back at another port is not one that leaves.
	hosts[3].MachineID = "4"
	if rest := notOf(hosts, leaving); len(rest) != 1 || rest[0].name != "e" {
		t.Errorf("%d hosts are to be removed", len(rest))
	}

	// No name stands twice, however often a host stays behind.
	left := renamed([]*poolHost{hostOf("b", "1", 0, ""), hostOf("b (before)", "2", 0, ""), hostOf("e", "3", 0, "")}, hosts)
	got = nil
	for _, h := range left {
		got = append(got, h.name)
	}
	if want := []string{"b (before)", "b (before) 2", "e"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A cause is the same whatever the host's name is.
func TestCauseOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ message, name, address, want string }{
		{"exit code 3 on a after 5m3s", "a", "10.0.0.1", "exit code N on HOST after N"},
		{"disk of 10.0.0.1:22 is full", "disk1", "10.0.0.1", "disk of HOST:N is full"},
		{"disk of 10.0.0.11 is full", "d", "10.0.0.1", "disk of N is full"},
		{"exit code 7", "7", "node-7.example", "exit code N"},
		{"node-7: gone, node-77 too", "node-7", "", "HOST: gone, node-N too"},
	} {
		if got := causeOf(c.message, c.name, c.address); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
