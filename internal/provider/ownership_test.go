// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// agents are dcos_nodes by key, on hosts by number.
func agents(name string, hosts map[string]int, more string) string {
	return simNodes(name, "agent", hosts, more)
}

func simNodes(name, role string, hosts map[string]int, more string) string {
	var b strings.Builder
	for key, n := range hosts {
		fmt.Fprintf(&b, "    %s = %q\n", key, simhosts.Address(n))
	}
	return fmt.Sprintf(`
resource "dcos_node" %q {
  for_each = {
%s  }
  address = each.value
  role    = %q
  bundle  = dcos_cluster_config.test.bundle
  %s
}
`, name, b.String(), role, more)
}

// uninstalled gives the hosts that were uninstalled since an event.
func (s *simSite) uninstalled(since int) (addresses []string, now int) {
	s.t.Helper()
	return s.worked("uninstall", since)
}

// neverUninstalled fails if a host was, ever.
func (s *simSite) neverUninstalled() {
	s.t.Helper()
	if hosts, _ := s.uninstalled(0); len(hosts) > 0 {
		s.t.Errorf("uninstalled: %v", hosts)
	}
}

// there fails unless the host is a node.
func (s *simSite) there(n int) {
	s.t.Helper()
	if !s.fleet.Node(simhosts.Address(n)).Installed {
		s.t.Errorf("DC/OS is gone from %s", simhosts.Address(n))
	}
}

// again is another directory for the same hosts, with a state of its own.
func (s *simSite) again(t *testing.T) *simSite {
	t.Helper()
	other := *s
	other.t, other.tf = t, terraform.New(t)
	return &other
}

// applyOrRefused applies, or finds the plan refused with these words. It reports
// whether it was applied.
func (s *simSite) applyOrRefused(parallelism string, words ...string) bool {
	s.t.Helper()
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color", parallelism)
	if err == nil {
		return true
	}
	for _, want := range words {
		if !strings.Contains(flat(out), want) {
			s.t.Errorf("the error does not say %q:\n%s", want, out)
		}
	}
	return false
}

// thrownAway makes a plan that nobody applies, and gives what it says. Neither the
// hosts nor the state are others after it.
func (s *simSite) thrownAway(args ...string) string {
	s.t.Helper()
	look := func() string {
		text := readFile(s.t, filepath.Join(s.tf.Path, "terraform.tfstate"))
		for n := range 4 {
			text += fmt.Sprintf("%+v\n", s.fleet.Node(simhosts.Address(n)))
		}
		return text
	}
	before := look()
	out, err := s.tf.Try(append([]string{"plan", "-no-color"}, args...)...)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	if now := look(); now != before {
		s.t.Errorf("a plan has changed\n%s\nto\n%s", before, now)
	}
	return flat(out)
}

// TestRename renames resources whose hosts stay the same. Whichever Terraform
// plans first, no host is uninstalled: the plan is refused with the way out, or
// the old resource leaves the node to the new one.
func TestRename(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	all := []string{"-parallelism=10"}
	if lab.Nightly { // TestAccOwnership has both on real hosts
		all = append(all, "-parallelism=1")
	}
	for _, parallelism := range all {
		t.Run(parallelism, func(t *testing.T) {
			t.Parallel()
			s := newSimSite(t, simhosts.Options{})
			s.masters = 3
			nodes := func(prefix string) string {
				return simNodes("master", "master", map[string]int{prefix + "1": 0, prefix + "2": 1, prefix + "3": 2}, "") +
					agents("agent", map[string]int{prefix + "1": 3}, "")
			}
			s.configure("", nodes("a"))
			s.tf.Apply()
			was := "a"
			for round, keys := range []string{"b", "c", "d"} {
				s.configure("", nodes(keys))
				if s.applyOrRefused(parallelism, "moved {", "from = dcos_node.OLD", simhosts.Address(3)) {
					was = keys
				} else {
					t.Logf("round %d: refused", round)
				}
				s.neverUninstalled()
				for n := range 4 {
					s.there(n)
				}
			}
			// The way out of the message works.
			var moves strings.Builder
			for _, name := range []string{"master", "agent"} {
				for n := 1; n <= 3 && (name == "master" || n == 1); n++ {
					fmt.Fprintf(&moves, "moved {\n  from = dcos_node.%s[\"%s%d\"]\n  to = dcos_node.%s[\"z%d\"]\n}\n", name, was, n, name, n)
				}
			}
			s.configure("", nodes("z")+moves.String())
			if out := s.tf.Apply(parallelism); !strings.Contains(out, "0 added, 0 changed, 0 destroyed") {
				t.Errorf("moving is not nothing:\n%s", out)
			}
			s.neverUninstalled()
			s.tf.Destroy(parallelism)
			for n := range 4 {
				if s.fleet.Node(simhosts.Address(n)).Installed {
					t.Errorf("DC/OS is left on %s", simhosts.Address(n))
				}
			}
		})
	}
}

// TestOneHostTwice gives two resources one host.
func TestOneHostTwice(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	for name, resources := range map[string]string{
		"two nodes":       agents("one", map[string]int{"a": 0, "b": 0}, ""),
		"a node and pool": agents("one", map[string]int{"a": 0}, "") + pool("two", s.hosts(0, 2), ""),
		"two pools":       pool("one", s.hosts(0, 2), "") + pool("two", s.hosts(1, 3), ""),
	} {
		s.configure("", resources)
		out, err := s.tf.Try("plan", "-no-color")
		if err == nil {
			t.Errorf("%s: the plan is not refused:\n%s", name, out)
			continue
		}
		for _, want := range []string{"Two Resources For One Host", `with the role agent in the cluster "sim"`} {
			if !strings.Contains(flat(out), want) {
				t.Errorf("%s: the error does not say %q:\n%s", name, want, out)
			}
		}
	}
}

// TestOneMachineTwice gives two resources one machine by two addresses, which no
// plan can see.
func TestOneMachineTwice(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	s.cluster = "twice" // other tests have the same machine, once
	second := agents("two", map[string]int{"a": 0}, "depends_on = [dcos_node.one]")
	second = strings.ReplaceAll(second, `"`+simhosts.Address(0), `"::ffff:`+simhosts.Address(0))
	s.configure("", agents("one", map[string]int{"a": 0}, "")+second)
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil || !strings.Contains(out, "One Machine For Two Resources") {
		t.Errorf("the second is made (%v):\n%s", err, out)
	}
	if list := s.tf.Run("state", "list"); strings.Contains(list, "dcos_node.two") {
		t.Errorf("the second is in state: %s", list)
	}
	s.there(0)

	// Nor is there a second one for a node that the apply does not touch.
	first := agents("one", map[string]int{"a": 0}, "")
	other := "::ffff:" + simhosts.Address(0)
	resources := map[string]string{"a node": "dcos_node.two", "a pool": "dcos_node_pool.two"}
	seconds, parallelisms := map[string]string{"a node": second}, []string{"-parallelism=1"}
	if lab.Nightly {
		parallelisms = append(parallelisms, "-parallelism=10")
		seconds["a pool"] = fmt.Sprintf("resource \"dcos_node_pool\" \"two\" {\n  role = \"agent\"\n  bundle = dcos_cluster_config.test.bundle\n"+
			"  depends_on = [dcos_node.one]\n  hosts = { x = { address = %q } }\n}\n", other)
	}
	for what, second := range seconds {
		s.configure("", first+second)
		out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
		if err == nil || !strings.Contains(flat(out), "has this machine for its node, at the address "+simhosts.Address(0)) {
			t.Errorf("%s beside it is made (%v):\n%s", what, err, out)
		}
		// A plan that was saved is another run's. What it makes is told whose the node was,
		// and does not take the node along when it goes.
		for _, parallelism := range parallelisms {
			s.configure("", first+second)
			s.tf.Run("plan", "-no-color", "-out=second.bin")
			if out := s.tf.Apply("second.bin"); !strings.Contains(out, "Node Taken Over") {
				t.Errorf("%s: nothing says whose the node was:\n%s", what, out)
			}
			s.configure("", first)
			if !s.applyOrRefused(parallelism, "Two Resources For One Machine", "destroy = false") {
				s.configure("", first+"removed {\n  from = "+resources[what]+"\n  lifecycle {\n    destroy = false\n  }\n}\n")
				s.tf.Apply(parallelism)
			}
			s.there(0)
			s.neverUninstalled()
			s.tf.Run("state", "rm", `dcos_node.one["a"]`)
			s.tf.Apply() // takes it back
		}
	}

	// The same by an import, which takes the claim that is there.
	twice := first + agents("two", map[string]int{"a": 0}, "")
	s.configure("", twice)
	s.tf.Run("import", "-no-color", `dcos_node.two["a"]`, simhosts.Address(0))
	for _, parallelism := range parallelisms {
		s.configure("", first)
		if s.applyOrRefused(parallelism, "Two Resources For One Machine", "terraform state rm") {
			s.configure("", twice)
			s.tf.Run("import", "-no-color", `dcos_node.two["a"]`, simhosts.Address(0))
		}
		s.there(0)
		s.neverUninstalled()
	}
	s.configure("", first)
	s.tf.Run("state", "rm", `dcos_node.two["a"]`)
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Node(simhosts.Address(0)); got != (simhosts.Node{}) {
		t.Errorf("left: %+v", got)
	}
}

// TestTwoStates has one node in two states: the later one has it, and the former
// says so in every plan, changes nothing and leaves it when it goes.
func TestTwoStates(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	a := newSimSite(t, simhosts.Options{})
	b := a.again(t)
	nodes := agents("agent", map[string]int{"n": 0}, "")
	a.configure("", nodes)
	a.tf.Apply()
	first := a.fleet.Node(simhosts.Address(0)).Claim
	if first == "" {
		t.Fatal("there is no claim on the host")
	}
	a.tf.NoChanges()

	b.configure("", nodes)
	b.tf.Write("terraform.tfstate", `{"version":4,"terraform_version":"1.5.0","serial":1,"lineage":"second"}`)
	b.thrownAway()
	if out := flat(b.tf.Apply()); !strings.Contains(out, "Node Taken Over") || !strings.Contains(out, `dcos_node of the cluster "sim"`) {
		t.Errorf("nothing says whose the node was:\n%s", out)
	}
	if second := a.fleet.Node(simhosts.Address(0)).Claim; second == first || second == "" {
		t.Errorf("the claim is %q, and was %q", second, first)
	}
	b.tf.NoChanges()
	for range 2 {
		if out := a.thrownAway("-detailed-exitcode"); !strings.Contains(out, "Node Belongs To Another Resource") {
			t.Errorf("the former owner's plan:\n%s", out)
		}
	}
	// What it would change is refused.
	a.configure(`ui_banner_header_title = jsonencode("changed")`, nodes)
	if out, err := a.tf.Try("plan", "-no-color"); err == nil || !strings.Contains(flat(out), "It cannot be changed through this resource") {
		t.Errorf("the former owner's change (%v):\n%s", err, out)
	}
	if out, err := a.tf.Try("apply", "-no-color", "-auto-approve", "-refresh=false"); err == nil ||
		!strings.Contains(out, "Node Belongs To Another Resource") {
		t.Errorf("the former owner's change without a refresh (%v):\n%s", err, out)
	}
	a.configure("", nodes)
	if out := a.tf.Destroy(); !strings.Contains(out, "Node Left As It Is") {
		t.Errorf("destroying says nothing of the node:\n%s", out)
	}
	a.there(0)
	a.neverUninstalled()
	b.tf.NoChanges()

	// An import takes the claim that is there, and says so.
	a.tf.Run("import", "-no-color", `dcos_node.agent["n"]`, simhosts.Address(0))
	if out := a.tf.Run("state", "rm", `dcos_node.agent["n"]`); out == "" {
		t.Error("nothing was imported")
	}
	if out := a.tf.Run("import", "-no-color", `dcos_node.agent["n"]`, simhosts.Address(0)); !strings.Contains(out,
		"Imported Node Had An Owner") {
		t.Errorf("the import says nothing of the owner:\n%s", out)
	}
	b.tf.Run("state", "rm", `dcos_node.agent["n"]`)
	a.tf.Apply()
	a.tf.NoChanges()
	a.tf.Destroy()
	if a.fleet.Node(simhosts.Address(0)) != (simhosts.Node{}) {
		t.Errorf("left: %+v", a.fleet.Node(simhosts.Address(0)))
	}
}

// TestReplaceInPlace replaces a node whose host stays, the new one first.
func TestReplaceInPlace(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	all := []string{"-parallelism=1"}
	if lab.Nightly {
		all = append(all, "-parallelism=10")
	}
	for _, parallelism := range all {
		s := newSimSite(t, simhosts.Options{})
		s.configure("", agents("agent", map[string]int{"n": 0, "o": 1}, "lifecycle {\n create_before_destroy = true\n }"))
		s.tf.Apply()
		s.tf.Apply(parallelism, `-replace=dcos_node.agent["n"]`, `-replace=dcos_node.agent["o"]`)
		s.there(0)
		s.there(1)
		s.neverUninstalled()
		s.tf.NoChanges()
		s.tf.Destroy()
		if s.fleet.Node(simhosts.Address(0)).Installed {
			t.Error("the new one does not uninstall the node")
		}
	}
}

// TestNodeToPool moves a node into a pool and out of it.
func TestNodeToPool(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	node, rest := agents("agent", map[string]int{"n": 0}, ""), pool("pool", s.hosts(1, 3), "")
	s.configure("", node+rest)
	s.tf.Apply()

	all := pool("pool", s.hosts(0, 3), "")
	s.configure("", all)
	if !s.applyOrRefused("-parallelism=1", "removed {", "from = dcos_node.OLD", "destroy = false") {
		s.configure("", all+"removed {\n  from = dcos_node.agent\n  lifecycle {\n    destroy = false\n  }\n}\n")
		s.thrownAway()
		s.tf.Apply()
	}
	s.neverUninstalled()
	s.tf.NoChanges()

	s.configure("", node+rest)
	if s.applyOrRefused("-parallelism=10", "Host Is Given Up In The Same Plan", `on_destroy = "abandon"`) {
		t.Error("the pool may uninstall what the node has taken over")
	}
	s.there(0)
	s.configure("", node+pool("pool", s.hosts(1, 3), `on_destroy = "abandon"`))
	s.thrownAway()
	s.tf.Apply()
	s.there(0)
	s.neverUninstalled()
	s.configure("", node+rest)
	s.tf.Apply()
	s.tf.NoChanges()
	s.tf.Destroy()
	for n := range 3 {
		if s.fleet.Node(simhosts.Address(n)).Installed {
			t.Errorf("DC/OS is left on %s", simhosts.Address(n))
		}
	}
}

// TestKilledBehindAClaim kills Terraform when a host has its new claim and the
// state does not: between a node and a pool, in both directions. The next apply
// goes on, and nothing is uninstalled.
func TestKilledBehindAClaim(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{Delay: 500 * time.Millisecond})
	node := agents("agent", map[string]int{"n": 0}, "")
	s.configure("", node)
	s.tf.Apply()
	claim := func() string { return s.fleet.Node(simhosts.Address(0)).Claim }
	killed := func(what string) {
		t.Helper()
		before := claim()
		if !s.killOnce(func() bool { return claim() != before }) {
			t.Fatalf("%s: it ended without a new claim", what)
		}
		s.there(0)
		s.tf.Apply()
		s.there(0)
		s.neverUninstalled()
		s.tf.NoChanges()
	}
	// The pool's other hosts take longer, so its state is not written yet.
	s.configure("", pool("pool", s.hosts(0, 3), "")+"removed {\n  from = dcos_node.agent\n  lifecycle {\n    destroy = false\n  }\n}\n")
	killed("node to pool")
	s.configure("", pool("pool", s.hosts(1, 3), `on_destroy = "abandon"`))
	s.tf.Apply()
	s.configure("", node+pool("pool", s.hosts(1, 3), ""))
	killed("pool to node")
	s.tf.Destroy()
	for n := range 3 {
		if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
			t.Errorf("left on %s: %+v", simhosts.Address(n), got)
		}
	}
}

// killOnce applies, and kills Terraform once something has come true. It reports
// whether it did.
func (s *simSite) killOnce(when func() bool) bool {
	s.t.Helper()
	cmd := s.tf.Command(s.t.Context(), "apply", "-auto-approve", "-no-color")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !when() {
		select {
		case err := <-ended:
			s.t.Logf("it ended: %v", err)
			return false
		case <-ticker.C:
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	if err := <-ended; err == nil {
		s.t.Log("it came to its end before it was killed")
	}
	return true
}

// TestStaleState has a state of a cluster whose machine is another cluster's now.
func TestStaleState(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	nodes := agents("agent", map[string]int{"n": 0}, "")
	s.configure("", nodes)
	s.tf.Apply()
	state := readFile(t, filepath.Join(s.tf.Path, "terraform.tfstate"))
	s.tf.Destroy()
	other := s.again(t)
	other.cluster = "other"
	other.configure("", nodes)
	other.tf.Apply()
	_, before := s.uninstalled(0)

	s.tf.Write("terraform.tfstate", state)
	out, err := s.tf.Try("plan", "-no-color", "-detailed-exitcode")
	if err != nil || !strings.Contains(flat(out), `"other"`) {
		t.Errorf("the plan does not name the cluster that the node is of (%v):\n%s", err, out)
	}
	s.configure(`ui_banner_header_title = jsonencode("changed")`, nodes)
	if out, err := s.tf.Try("apply", "-no-color", "-auto-approve", "-refresh=false"); err == nil || !strings.Contains(flat(out), `"other"`) {
		t.Errorf("another cluster's node was changed (%v):\n%s", err, out)
	}
	s.configure("", nodes)
	for _, args := range [][]string{{}, {"-refresh=false"}} {
		s.tf.Write("terraform.tfstate", state)
		if out := s.tf.Destroy(args...); !strings.Contains(flat(out), `"other"`) {
			t.Errorf("destroy %v does not say whose the node is:\n%s", args, out)
		}
		s.there(0)
	}
	if hosts, _ := s.uninstalled(before); len(hosts) > 0 {
		t.Errorf("uninstalled: %v", hosts)
	}
	other.tf.NoChanges()
}

// TestRestoredState has a state come back from a backup: one from before a change of
// the nodes goes on, and one from before their resources were replaced has other
// claims, and leaves the nodes.
func TestRestoredState(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	nodes := agents("agent", map[string]int{"n": 0}, "lifecycle {\n create_before_destroy = true\n }") + pool("pool", s.hosts(1, 3), "")
	s.configure("", nodes)
	s.tf.Apply()
	backup := readFile(t, filepath.Join(s.tf.Path, "terraform.tfstate"))
	claims := func() (list [3]string) {
		for n := range list {
			// Without the run that wrote it last.
			list[n], _, _ = strings.Cut(s.fleet.Node(simhosts.Address(n)).Claim, "\nrun=")
		}
		return list
	}
	first := claims()

	const changed = `ui_banner_header_title = jsonencode("changed")`
	s.configure(changed, nodes)
	s.tf.Apply()
	s.tf.Write("terraform.tfstate", backup)
	s.thrownAway()
	s.tf.Apply()
	s.tf.NoChanges()
	if now := claims(); now != first {
		t.Errorf("the claims were %v, and are %v", first, now)
	}
	s.neverUninstalled()

	// Another state takes the pool's hosts over, and the node gets a new resource.
	other := s.again(t)
	other.configure(changed, pool("pool", s.hosts(1, 3), ""))
	other.tf.Apply()
	s.tf.Apply(`-replace=dcos_node.agent["n"]`, "-target=dcos_node.agent")
	second := claims()
	for n := range second {
		if second[n] == first[n] || second[n] == "" {
			t.Errorf("the claim of %s is %q", simhosts.Address(n), second[n])
		}
	}
	_, since := s.uninstalled(0)
	s.neverUninstalled()
	s.tf.Write("terraform.tfstate", backup)
	s.configure("", nodes)
	for _, target := range []string{"-target=dcos_node.agent", "-target=dcos_node_pool.pool"} { // of several warnings Terraform shows one
		if out := s.thrownAway(target); !strings.Contains(out, "Node Belongs To Another Resource") {
			t.Errorf("the plan does not say that %s is another's:\n%s", target, out)
		}
	}
	for _, refresh := range []string{"-refresh=true", "-refresh=false"} {
		s.tf.Write("terraform.tfstate", backup)
		s.configure(`ui_banner_header_title = jsonencode("again")`, nodes)
		if out, err := s.tf.Try("apply", "-auto-approve", "-no-color", refresh); err == nil ||
			!strings.Contains(out, "Node Belongs To Another Resource") {
			t.Errorf("a change, %s (%v):\n%s", refresh, err, out)
		}
		s.tf.Write("terraform.tfstate", backup)
		s.configure("", nodes)
		if out := s.tf.Destroy(refresh); !strings.Contains(out, "Node Left As It Is") {
			t.Errorf("destroying, %s, says nothing of the nodes:\n%s", refresh, out)
		}
		for n := range 3 {
			s.there(n)
		}
	}
	if now := claims(); now != second {
		t.Errorf("the claims were %v, and are %v", second, now)
	}
	if hosts, _ := s.uninstalled(since); len(hosts) > 0 {
		t.Errorf("uninstalled: %v", hosts)
	}
	other.tf.NoChanges()
	other.tf.Destroy()
	s.configure(changed, agents("agent", map[string]int{"n": 0}, ""))
	s.tf.Apply()
	s.tf.Destroy()
	for n := range 3 {
		if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
			t.Errorf("left on %s: %+v", simhosts.Address(n), got)
		}
	}
}

// TestUnclaimed has states from before there were claims, and hosts that lost
// theirs.
func TestUnclaimed(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	nodes := agents("agent", map[string]int{"n": 0}, "") + pool("pool", s.hosts(1, 3), "")
	s.configure("", nodes)
	s.tf.Apply()
	claims := map[int]string{}
	for n := range 3 {
		claims[n] = s.fleet.Node(simhosts.Address(n)).Claim
		s.fleet.Unclaim(simhosts.Address(n))
	}
	if claims[0] == claims[1] || claims[1] != claims[2] || claims[1] == "" {
		t.Errorf("the claims are %v", claims)
	}
	// The host lost it, the state has it.
	if out := s.thrownAway("-detailed-exitcode"); !strings.Contains(out, "Claim Missing On The Host") {
		t.Errorf("the plan:\n%s", out)
	}
	// Neither has it.
	s.unclaimState()
	s.tf.NoChanges()
	s.tf.NoChanges("-refresh=false")
	s.configure(`ui_banner_header_title = jsonencode("changed")`, nodes)
	s.thrownAway()
	s.tf.Apply()
	s.tf.NoChanges()
	for n := range 3 {
		if s.fleet.Node(simhosts.Address(n)).Claim == "" {
			t.Errorf("a change does not write the claim of %s", simhosts.Address(n))
		}
	}
	// The host has it, the state does not: a refresh takes it, a destroy without
	// one leaves the node.
	state := s.unclaimState()
	s.tf.Destroy("-refresh=false", "-target=dcos_node.agent")
	s.there(0)
	s.tf.Write("terraform.tfstate", state)
	s.neverUninstalled()
	if out := s.thrownAway("-detailed-exitcode"); !strings.Contains(out, "Claim Taken From The Host") {
		t.Errorf("the plan:\n%s", out)
	}
	s.tf.Destroy()
	for n := range 3 {
		if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
			t.Errorf("left on %s: %+v", simhosts.Address(n), got)
		}
	}
}

// unclaimState makes the state one from before there were claims, and gives it.
func (s *simSite) unclaimState() string {
	s.t.Helper()
	path := filepath.Join(s.tf.Path, "terraform.tfstate")
	var state map[string]any
	if err := json.Unmarshal([]byte(readFile(s.t, path)), &state); err != nil {
		s.t.Fatal(err)
	}
	resources, _ := state["resources"].([]any)
	taken := 0
	for _, r := range resources {
		instances, _ := r.(map[string]any)["instances"].([]any)
		for _, i := range instances {
			instance, _ := i.(map[string]any)
			text, _ := instance["private"].(string)
			data, err := base64.StdEncoding.DecodeString(text)
			private := map[string]json.RawMessage{}
			if err != nil || json.Unmarshal(data, &private) != nil || private[claimKey] == nil {
				continue
			}
			delete(private, claimKey)
			taken++
			if data, err = json.Marshal(private); err != nil {
				s.t.Fatal(err)
			}
			instance["private"] = base64.StdEncoding.EncodeToString(data)
		}
	}
	if taken == 0 {
		s.t.Fatal("there is no claim in the state")
	}
	text, err := json.Marshal(state)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// TestEnsembleRemoval plans removals of masters.
func TestEnsembleRemoval(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	s.masters = 3
	three := map[string]int{"a": 0, "b": 1, "c": 2}
	nodes := simNodes("master", "master", three, "") + agents("agent", map[string]int{"n": 3}, "")
	s.configure("", nodes)
	s.tf.Apply()
	replace := func(keys ...string) (args []string) {
		for _, k := range keys {
			args = append(args, fmt.Sprintf("-replace=dcos_node.master[%q]", k))
		}
		return append(args, "-no-color")
	}
	refused := func(what string, args ...string) {
		t.Helper()
		out, err := s.tf.Try(append([]string{"plan"}, args...)...)
		if err == nil || !strings.Contains(flat(out), "More Masters Removed Than Can Be Spared") ||
			!strings.Contains(flat(out), "of 3 would be removed") {
			t.Errorf("%s is not refused (%v):\n%s", what, err, out)
		}
	}
	for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
		refused("replacing all", append(replace("a", "b", "c"), parallelism)...)
		refused("replacing two", append(replace("a", "c"), parallelism)...)
	}
	s.configure("", agents("agent", map[string]int{"n": 3}, ""))
	refused("removing all but the agent", "-no-color")
	s.provider = "allow_ensemble_loss = true"
	s.configure("", nodes)
	s.tf.Run(append([]string{"plan"}, replace("a", "b", "c")...)...)
	s.provider = ""
	s.configure("", nodes)
	s.neverUninstalled()

	_, before := s.uninstalled(0)
	s.tf.Apply(replace("b")...)
	if hosts, _ := s.uninstalled(before); len(hosts) != 1 {
		t.Errorf("replacing one master uninstalls %v", hosts)
	}
	s.tf.NoChanges()

	// Of an ensemble that can spare none another one does not go, though the rest of it
	// is in no plan: the gates are asked.
	s.configure("", strings.Replace(nodes, `role    = "master"`, "role = \"master\"\n  timeouts = { delete = \"12s\" }", 1))
	s.tf.Apply()
	_, before = s.uninstalled(0)
	out, err := s.tf.Try("destroy", "-auto-approve", "-no-color", `-target=dcos_node.master["a"]`, `-target=dcos_node.master["c"]`)
	if hosts, _ := s.uninstalled(before); err == nil || len(hosts) != 1 {
		t.Errorf("two targeted masters of three go, %v (%v):\n%s", hosts, err, out)
	}
	s.tf.Apply()
	s.tf.Destroy(`-target=dcos_node.master["a"]`)
	_, before = s.uninstalled(0)
	out, err = s.tf.Try("destroy", "-auto-approve", "-no-color", `-target=dcos_node.master["b"]`)
	if hosts, _ := s.uninstalled(before); err == nil || len(hosts) > 0 ||
		!strings.Contains(flat(out), "without this one there would be no quorum") || !strings.Contains(flat(out), "allow_ensemble_loss") {
		t.Errorf("a targeted master of two goes, %v (%v):\n%s", hosts, err, out)
	}
	s.tf.Destroy("-parallelism=1")
	for n := range 4 {
		if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
			t.Errorf("left on %s: %+v", simhosts.Address(n), got)
		}
	}
}

// TestTainted replaces a node whose creation failed, and one that is tainted by
// hand: Terraform plans that as a creation, and keeps from the removal what is in
// private state.
func TestTainted(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{Failures: 0.5})
	n := 0
	for s.fleet.Fails(simhosts.Address(n)) != simhosts.FailPostflight {
		n++
	}
	nodes := agents("agent", map[string]int{"n": n}, "")
	for _, refresh := range []string{"-refresh=true", "-refresh=false"} {
		s.configure("", nodes)
		if out, err := s.tf.Try("apply", "-auto-approve", "-no-color"); err == nil {
			t.Fatalf("it does not fail:\n%s", out)
		}
		// It is half made: its removal takes it away, with the creation to come or without.
		_, since := s.uninstalled(0)
		if out, err := s.tf.Try("apply", "-auto-approve", "-no-color", refresh); err == nil {
			t.Fatalf("it does not fail:\n%s", out)
		}
		if hosts, _ := s.uninstalled(since); len(hosts) == 0 {
			t.Errorf("%s: the half-made node is not removed", refresh)
		}
		s.tf.Destroy(refresh)
		if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
			t.Errorf("%s: left: %+v", refresh, got)
		}
	}
	s.fleet.Mend()
	s.tf.Apply()
	for _, refresh := range []string{"-refresh=true", "-refresh=false"} {
		s.tf.Run("taint", `dcos_node.agent["n"]`)
		s.tf.Apply(refresh)
		s.there(n)
		s.tf.NoChanges()
	}
	s.tf.Destroy()
	if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
		t.Errorf("left: %+v", got)
	}
}
