// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// twoBlocks are two provider blocks of one run: processes of their own, to
// Terraform.
func twoBlocks(t *testing.T) (a, b *registered) {
	t.Helper()
	dir := t.TempDir()
	return ofBlock(t, dir, "a"), ofBlock(t, dir, "b")
}

// ofBlock is a process of a provider block.
func ofBlock(t *testing.T, dir, block string) *registered {
	t.Helper()
	r := newRegistered(t)
	if r.s.plan.with = runExchange(dir, block, os.Getpid()); r.s.plan.with == nil {
		t.Skip("nothing tells the run of Terraform here: there is no /proc")
	}
	t.Cleanup(func() {
		if err := r.s.plan.trouble(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestPlanOfTwoProviderBlocks plans what resources of two provider blocks do to
// one host, in each order.
func TestPlanOfTwoProviderBlocks(t *testing.T) {
	t.Parallel()
	const renamed, twice = "Node Would Be Uninstalled By Its Old Resource", "Two Resources For One Host"
	const host = "10.0.0.1"
	t.Run("moved, the new one first", func(t *testing.T) {
		a, b := twoBlocks(t)
		b.want(b.comes(b.host("new", host, nil)), "")
		n, diags := a.goes(a.host("old", host, nil))
		if a.want(diags, ""); len(n.Leave) != 1 {
			t.Error("the old one is not told to leave the node")
		}
	})
	t.Run("moved, the old one first", func(t *testing.T) {
		a, b := twoBlocks(t)
		_, diags := a.goes(a.host("old", host, nil))
		a.want(diags, "")
		b.want(b.comes(b.host("new", host, nil)), renamed, "moved {")
	})
	t.Run("twice", func(t *testing.T) {
		a, b := twoBlocks(t)
		a.want(a.stays(a.host("a", host, nil)), "")
		b.want(b.comes(b.host("b", host, nil)), twice)
	})
	t.Run("another cluster of the same name", func(t *testing.T) {
		a, b := twoBlocks(t)
		b.want(b.stays(b.host("agent", "10.0.0.9", nil)), "")
		for i := range 3 {
			_, diags := a.goes(a.master(fmt.Sprint("m", i), fmt.Sprint("10.0.0.", i)))
			a.want(diags, "")
		}
	})
	t.Run("behind another jump host", func(t *testing.T) {
		a, b := twoBlocks(t)
		b.s.route = " jump:22"
		a.want(a.stays(a.host("a", host, nil)), "")
		b.want(b.stays(b.host("b", host, nil)), "")
	})
	// Apply has processes of its own. What it plans anew has been planned before,
	// by one that was over before.
	over := func(t *testing.T) (a, b *registered) {
		a, b = twoBlocks(t)
		a.s.plan.with.by.Born = "0"
		b.s.plan.with.since = math.MaxInt64
		return a, b
	}
	t.Run("applied", func(t *testing.T) {
		a, b := over(t)
		a.want(a.stays(a.host("planned", host, nil)), "")
		b.want(b.stays(b.host("applied", host, nil)), "")
	})
	t.Run("a replacement applied", func(t *testing.T) {
		a, b := over(t)
		for i := range 3 {
			a.want(a.stays(a.master(fmt.Sprint("m", i), fmt.Sprint("10.0.0.", i))), "")
		}
		_, diags := a.replaced(a.master("m0", "10.0.0.0"))
		a.want(diags, "")
		b.want(b.stays(b.master("applied", "10.0.0.0")), "")
		n, diags := b.replaced(b.master("applied", "10.0.0.0"))
		if b.want(diags, ""); n.EnsembleGoes {
			t.Error("one master was counted twice")
		}
	})
	t.Run("a creation that was planned first", func(t *testing.T) {
		a, b := over(t)
		a.want(a.comes(a.host("new", host, nil)), "")
		n, diags := b.goes(b.host("old", host, nil))
		if b.want(diags, ""); len(n.Leave) != 1 {
			t.Error("the old one is not told to leave the node")
		}
	})
	t.Run("destroyed after a plan", func(t *testing.T) {
		a, b := over(t)
		for i := range 3 {
			a.want(a.stays(a.master(fmt.Sprint("m", i), fmt.Sprint("10.0.0.", i))), "")
		}
		a.want(a.stays(a.host("agent", "10.0.0.9", nil)), "")
		again := ofBlock(t, a.s.plan.with.dir, "a")
		again.s.plan.with.since = math.MaxInt64
		for _, r := range []*registered{again, b} {
			for i := range 3 {
				n, diags := r.goes(r.master(r.s.plan.with.own+fmt.Sprint(i), fmt.Sprint("10.0.0.", i)))
				if r.want(diags, ""); len(n.Leave) > 0 || n.EnsembleGoes != (i == 2) {
					t.Errorf("master %d: %+v", i, n)
				}
			}
			r.s.plan.done(r.master("", "10.0.0.0").way, r.master("", "10.0.0.1").way, r.master("", "10.0.0.2").way)
		}
	})
	t.Run("a cluster that ends", func(t *testing.T) {
		a, b := over(t)
		a.want(a.stays(a.master("m", host)), "") // the plan that a destroy begins with
		later := func() *registered {
			r := ofBlock(t, a.s.plan.with.dir, "a")
			r.s.plan.with.since = math.MaxInt64
			return r
		}
		again := later()
		cluster := again.master("m", host).cluster
		if _, diags := again.goes(again.master("m", host)); len(diags) > 0 || again.s.plan.ends(cluster) {
			t.Errorf("a master goes, and its cluster ends: %v", diags)
		}
		again.s.plan.end(cluster)
		// Apply, in a process of its own.
		if apply := later(); !apply.s.plan.ends(cluster) || apply.s.plan.ends("another") {
			t.Error("apply does not know which cluster ends")
		}
		if other := ofBlock(t, a.s.plan.with.dir, "b"); other.s.plan.ends(cluster) {
			t.Error("another provider block's cluster of that name ends with it")
		}
		// It does not end where something of it comes, whoever says it first.
		b.want(b.comes(b.host("new", "10.0.0.8", nil)), "")
		if apply := later(); apply.s.plan.ends(cluster) {
			t.Error("a cluster ends of which a node comes")
		}
		if b.s.plan.end(cluster); b.s.plan.ends(cluster) {
			t.Error("a cluster ends of which a node stays")
		}
	})
	// A destroy begins with an ordinary plan, in which a resource comes that the
	// destroy has nothing to do with.
	t.Run("a destroy over a move that was not applied", func(t *testing.T) {
		b, a := over(t)
		a.s.plan.with.by.Born = "1"
		b.want(b.comes(b.host("new", host, nil)), "")
		if n, diags := a.goes(a.host("old", host, nil)); len(diags) > 0 || len(n.Leave) != 1 {
			t.Errorf("the plan that the destroy begins with: %+v, %v", n, diags)
		}
		again := ofBlock(t, a.s.plan.with.dir, a.s.plan.with.block)
		again.s.plan.with.since = math.MaxInt64
		n, diags := again.goes(again.host("old in the destroy", host, nil))
		if again.want(diags, ""); len(n.Leave) > 0 {
			t.Error("the destroy leaves the node")
		}
	})
	// Blocks that differ in secrets alone are told apart by that their processes are
	// there at the same time.
	alike := func(t *testing.T) (a, b *registered) {
		a, b = twoBlocks(t)
		a.s.plan.with.block, a.s.plan.with.by.Born = b.s.plan.with.block, "0" // over when b hears of it
		now, err := sinceBoot()
		if err != nil {
			t.Fatal(err)
		}
		b.s.plan.with.since = now
		return a, b
	}
	t.Run("alike, moved, the new one first", func(t *testing.T) {
		b, a := alike(t)
		b.want(b.comes(b.host("new", host, nil)), "")
		n, diags := a.goes(a.host("old", host, nil))
		if a.want(diags, ""); len(n.Leave) != 1 {
			t.Error("the old one is not told to leave the node")
		}
	})
	t.Run("alike, moved, the old one first", func(t *testing.T) {
		a, b := alike(t)
		_, diags := a.goes(a.host("old", host, nil))
		a.want(diags, "")
		b.want(b.comes(b.host("new", host, nil)), renamed, "moved {")
	})
	t.Run("alike, twice", func(t *testing.T) {
		a, b := alike(t)
		a.want(a.stays(a.host("a", host, nil)), "")
		b.want(b.comes(b.host("b", host, nil)), twice)
	})
	t.Run("alike, an earlier process of the block itself", func(t *testing.T) {
		a, b := alike(t)
		b.s.plan.with.since = math.MaxInt64
		a.want(a.stays(a.host("planned", host, nil)), "")
		b.want(b.stays(b.host("applied", host, nil)), "")
	})
	t.Run("removed by then", func(t *testing.T) {
		a, b := over(t)
		_, diags := a.goes(a.host("old", host, nil))
		a.want(diags, "")
		b.want(b.comes(b.host("new", host, nil)), renamed)
		a.s.plan.done(a.host("old", host, nil).way)
		b.want(b.comes(b.host("newer", "10.0.0.2", nil)), "")
		b.s.plan.with.by.Born = "0"
		c := ofBlock(t, a.s.plan.with.dir, "c")
		c.s.plan.with.since = math.MaxInt64
		c.want(c.comes(c.host("new", host, nil)), "")
	})
}

// TestPlanExchangeSweeps holds that files of runs that are over go, and others
// stay.
func TestPlanExchangeSweeps(t *testing.T) {
	t.Parallel()
	a, _ := twoBlocks(t)
	x := a.s.plan.with
	born, err := processStart(1)
	if err != nil {
		t.Fatal(err)
	}
	const elsewhere = "00000000." // a container with the same cache directory, say, where 1 is another process
	if x.realm == elsewhere || len(x.realm) != len(elsewhere) {
		t.Fatalf("here is %q", x.realm)
	}
	files := map[string]bool{
		x.realm + "1-" + born + ".AAAAAAAAAAAAAAAA.plan": true, x.realm + "1-0.AAAAAAAAAAAAAAAA.plan": false,
		x.realm + "999999999-5.AAAAAAAAAAAAAAAA.plan": false,
		elsewhere + "1-0.AAAAAAAAAAAAAAAA.plan":       true, elsewhere + "999999999-5.AAAAAAAAAAAAAAAA.plan": true,
		"production.plan": true, "1-0.plan": true, "note": true, // somebody's
		filepath.Base(x.prefix) + "BBBBBBBBBBBBBBBB.plan": true,
	}
	for name := range files {
		if err := os.WriteFile(filepath.Join(x.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, realm := range []string{x.realm, elsewhere} {
		old := filepath.Join(x.dir, realm+"1-"+born+".CCCCCCCCCCCCCCCC.plan")
		if err := os.WriteFile(old, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*planLife)); err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(old)] = false
	}
	a.want(a.comes(a.host("a", "10.0.0.1", nil)), "")
	for name, stays := range files {
		if _, err := os.Stat(filepath.Join(x.dir, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// otherBlock writes a provider block dcos.other beside the site's own, which differs
// from that in one text.
func (s *simSite) otherBlock(from, to string) {
	s.t.Helper()
	text := readFile(s.t, filepath.Join(s.tf.Path, "main.tf"))
	begin, end := strings.Index(text, `provider "dcos" {`), strings.Index(text, `resource "dcos_cluster_config"`)
	other := strings.Replace(text[begin:end], "{", "{\n  alias = \"other\"", 1)
	s.tf.Write("other.tf", strings.Replace(other, from, to, 1))
}

// TestProviderBlocks moves the nodes of a whole cluster from one provider block to
// another, with real Terraform, which starts a process for each: in any order the
// plan is refused, with the way out, or the old resources leave the nodes. The blocks
// differ in a secret alone, which tells nobody which of them a process is of.
func TestProviderBlocks(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	s.masters = 3
	keys := map[string]int{"1": 0, "2": 1, "3": 2}
	nodes := func(name, block string) string {
		return simNodes(name, "master", keys, "provider = "+block) + agents(name+"_agent", map[string]int{"1": 3}, "provider = "+block)
	}
	configure := func(resources string) {
		s.configure("", resources)
		s.otherBlock(s.key, s.newKey("other-key"))
	}
	unhurt := func(what string) {
		t.Helper()
		if hosts, _ := s.uninstalled(0); len(hosts) > 0 {
			t.Fatalf("%s: uninstalled: %v", what, hosts)
		}
		for n := range 4 {
			s.there(n)
		}
	}
	configure(nodes("a", "dcos"))
	s.tf.Apply()
	was := "a"
	for i, name := range []string{"b", "c", "d"} {
		configure(nodes(name, []string{"dcos.other", "dcos"}[i%2]))
		if s.applyOrRefused("-parallelism=10", "moved {", "from = dcos_node.OLD") {
			was = name
		}
		unhurt(name)
	}
	moved := ""
	for _, kind := range []string{"", "_agent"} {
		moved += fmt.Sprintf("moved {\n  from = dcos_node.%[1]s%[2]s\n  to   = dcos_node.end%[2]s\n}\n", was, kind)
	}
	configure(nodes("end", "dcos.other") + moved)
	s.tf.Apply()
	unhurt("the way out")
	s.tf.NoChanges()
	s.tf.Destroy()
	for n := range 4 {
		if got := s.fleet.Node(simhosts.Address(n)); got != (simhosts.Node{}) {
			t.Errorf("left on %s: %+v", simhosts.Address(n), got)
		}
	}
}

// TestProviderBlocksDestroyed destroys while the configuration has a move between
// provider blocks that was never applied: the new resource comes in the plan that a
// destroy begins with, and not in the destroy.
func TestProviderBlocksDestroyed(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	s := newSimSite(t, simhosts.Options{})
	s.configure("", agents("old", map[string]int{"1": 0}, "provider = dcos"))
	s.otherBlock(`"10s"`, `"11s"`)
	s.tf.Apply()
	// The new one is planned first.
	s.configure("", agents("new", map[string]int{"1": 0}, "provider = dcos.other")+
		agents("old", nil, "provider = dcos\n  depends_on = [dcos_node.new]"))
	out := s.tf.Destroy()
	if got := s.fleet.Node(simhosts.Address(0)); got != (simhosts.Node{}) {
		t.Errorf("left: %+v\n%s", got, out)
	}
}
