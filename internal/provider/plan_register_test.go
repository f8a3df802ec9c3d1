// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A registered is a plan register, and what hosts of a plan are put into it.
type registered struct {
	t *testing.T
	s *shared
}

func newRegistered(t *testing.T) *registered {
	t.Helper()
	return &registered{t, &shared{plan: newPlanRegister(), fleet: &fleet.Fleet{}}}
}

func (r *registered) host(id, address string, change func(*fleet.Host)) plannedHost {
	h := fleet.Host{Target: remote.Target{Address: address}, Role: node.Agent, Cluster: "one", Holder: holderNode}
	if change != nil {
		change(&h)
	}
	p := r.s.planned(id, h)
	p.masters = 3
	return p
}

func (r *registered) master(id, address string) plannedHost {
	return r.host(id, address, func(h *fleet.Host) { h.Role = node.Master })
}

func (r *registered) comes(p plannedHost) diag.Diagnostics {
	return r.s.planPlaces(r.t.Context(), []plannedHost{p}, func(int) tfpath.Path { return tfpath.Root("address") })
}

func (r *registered) stays(p plannedHost) diag.Diagnostics {
	p.had = true
	return r.comes(p)
}

func (r *registered) goes(p plannedHost) (planNote, diag.Diagnostics) {
	n := planNote{ID: p.id}
	diags := r.s.planRemovals(r.t.Context(), &n, p)
	return n, diags
}

func (r *registered) replaced(p plannedHost) (planNote, diag.Diagnostics) {
	n := planNote{ID: p.id}
	diags := r.s.planEnsemble(r.t.Context(), &n, r.s.plan.replaced(p.id))
	diags.Append(r.comes(p)...)
	return n, diags
}

func (r *registered) want(diags diag.Diagnostics, summary string, words ...string) {
	r.t.Helper()
	if summary == "" {
		if len(diags) > 0 {
			r.t.Errorf("refused: %v", diags)
		}
		return
	}
	if len(diags) != 1 || diags[0].Summary() != summary {
		r.t.Errorf("want %q, have %v", summary, diags)
		return
	}
	for _, w := range words {
		if !strings.Contains(diags[0].Detail(), w) {
			r.t.Errorf("%s does not say %q: %s", summary, w, diags[0].Detail())
		}
	}
}

// TestPlanRegister plans what several resources do to one host, in each order.
func TestPlanRegister(t *testing.T) {
	t.Parallel()
	const renamed, changes = "Node Would Be Uninstalled By Its Old Resource", "Host Is Given Up In The Same Plan"
	t.Run("renamed, the new one first", func(t *testing.T) {
		r := newRegistered(t)
		r.want(r.comes(r.host("new", "10.0.0.1", nil)), "")
		n, diags := r.goes(r.host("old", "10.0.0.1", nil))
		if r.want(diags, ""); len(n.Leave) != 1 {
			t.Error("the old one is not told to leave the node")
		}
	})
	t.Run("renamed, the old one first", func(t *testing.T) {
		r := newRegistered(t)
		if n, diags := r.goes(r.host("old", "10.0.0.1", nil)); len(diags) > 0 || len(n.Leave) > 0 {
			t.Errorf("%+v, %v", n, diags)
		}
		r.want(r.comes(r.host("new", "10.0.0.1", nil)), renamed, "moved {", "dcos_node.OLD")
		r.want(r.comes(r.host("pool", "10.0.0.1", func(h *fleet.Host) { h.Holder = holderPool })), "Two Resources For One Host")
	})
	t.Run("into a pool", func(t *testing.T) {
		r := newRegistered(t)
		_, _ = r.goes(r.host("old", "10.0.0.1", nil))
		r.want(r.comes(r.host("pool", "10.0.0.1", func(h *fleet.Host) { h.Holder = holderPool })), renamed, "removed {", "destroy = false")
	})
	t.Run("out of a pool that stays", func(t *testing.T) {
		for _, first := range []bool{true, false} {
			r := newRegistered(t)
			p := r.host("pool", "10.0.0.1", func(h *fleet.Host) { h.Holder = holderPool })
			p.given = true
			if first {
				_ = r.s.plan.remove(p)
				r.want(r.comes(r.host("node", "10.0.0.1", nil)), changes, `on_destroy = "abandon"`, "out of a pool, a dcos_node_pool")
				continue
			}
			r.want(r.comes(r.host("node", "10.0.0.1", nil)), "")
			if to := r.s.plan.remove(p); to[0] == nil || to[0].holder != holderNode {
				t.Errorf("%+v", to)
			}
		}
	})
	t.Run("another role", func(t *testing.T) {
		r := newRegistered(t)
		_, _ = r.goes(r.host("old", "10.0.0.1", nil))
		r.want(r.comes(r.host("new", "10.0.0.1", func(h *fleet.Host) { h.Role = node.PublicAgent })), changes, "apply that first")
	})
	t.Run("a replacement of itself", func(t *testing.T) {
		r := newRegistered(t)
		r.want(r.stays(r.host("a", "10.0.0.1", nil)), "")
		n, diags := r.replaced(r.host("a", "10.0.0.1", nil))
		if r.want(diags, ""); len(n.Leave) > 0 || n.EnsembleGoes {
			t.Errorf("%+v", n)
		}
		r.want(r.comes(r.host("b", "10.0.0.1", nil)), "Two Resources For One Host", `role agent in the cluster "one", at the address 10.0.0.1`)
	})
	t.Run("ways", func(t *testing.T) {
		r := newRegistered(t)
		r.want(r.comes(r.host("a", "host.example", nil)), "")
		r.want(r.comes(r.host("b", "HOST.example.", nil)), "Two Resources For One Host")
		r.want(r.comes(r.host("c", "host.example", func(h *fleet.Host) { h.Target.Port = 22 })), "Two Resources For One Host")
		r.want(r.comes(r.host("d", "host.example", func(h *fleet.Host) { h.Target.Port = 2222 })), "")
		r.want(r.comes(r.host("e", "host.example", func(h *fleet.Host) { h.Target.JumpHosts = []remote.Hop{{Address: "jump"}} })), "")
		r.want(r.comes(r.host("f", "host.example", func(h *fleet.Host) { h.Target.JumpHosts = []remote.Hop{{Address: "JUMP", Port: 22}} })),
			"Two Resources For One Host")
	})
}

// TestPlannedRemovals counts the masters that a plan removes.
func TestPlannedRemovals(t *testing.T) {
	t.Parallel()
	const lost = "More Masters Removed Than Can Be Spared"
	address := func(i int) string { return "10.0.0." + string(rune('1'+i)) }
	id := func(i int) string { return "m" + string(rune('1'+i)) }
	t.Run("one of three", func(t *testing.T) {
		r := newRegistered(t)
		n, diags := r.goes(r.master(id(0), address(0)))
		if r.want(diags, ""); n.EnsembleGoes {
			t.Error("one can be spared")
		}
		r.want(r.stays(r.master(id(1), address(1))), "")
	})
	t.Run("the whole cluster", func(t *testing.T) {
		r := newRegistered(t)
		for i := range 3 {
			n, diags := r.goes(r.master(id(i), address(i)))
			if r.want(diags, ""); n.EnsembleGoes != (i == 2) { // two alone, as of a -target, are not all of it
				t.Errorf("master %d: %+v", i, n)
			}
		}
		// Another cluster's nodes do not matter, one of its own that stays does.
		r.want(r.stays(r.host("other", "10.0.1.1", func(h *fleet.Host) { h.Cluster = "two" })), "")
		r.want(r.stays(r.host("agent", "10.0.0.9", nil)), lost, "3 masters of 3 would be removed", "allow_ensemble_loss")
	})
	t.Run("replacing two of three", func(t *testing.T) {
		r := newRegistered(t)
		for i := range 3 {
			r.want(r.stays(r.master(id(i), address(i))), "")
		}
		_, diags := r.replaced(r.master(id(0), address(0)))
		r.want(diags, "")
		n, diags := r.replaced(r.master(id(1), address(1)))
		if len(diags) == 0 || diags[0].Summary() != lost || n.EnsembleGoes {
			t.Errorf("%+v, %v", n, diags)
		}
	})
	t.Run("its loss is allowed", func(t *testing.T) {
		r := newRegistered(t)
		r.s.allowEnsembleLoss = true
		for i := range 3 {
			r.want(r.stays(r.master(id(i), address(i))), "")
		}
		for i := range 3 {
			n, diags := r.replaced(r.master(id(i), address(i)))
			if r.want(diags, ""); n.EnsembleGoes != (i > 0) {
				t.Errorf("master %d: %+v", i, n)
			}
		}
	})
	t.Run("left to another resource", func(t *testing.T) {
		r := newRegistered(t)
		for i := range 3 {
			r.want(r.comes(r.master("new"+id(i), address(i))), "")
		}
		for i := range 3 {
			n, diags := r.goes(r.master(id(i), address(i)))
			if r.want(diags, ""); len(n.Leave) != 1 || n.EnsembleGoes {
				t.Errorf("master %d: %+v", i, n)
			}
		}
	})
	t.Run("abandoned", func(t *testing.T) {
		r := newRegistered(t)
		for i := range 3 {
			p := r.master(id(i), address(i))
			p.stays = true
			r.want(r.stays(p), "")
			_, diags := r.replaced(p)
			r.want(diags, "")
		}
	})
	t.Run("the only one", func(t *testing.T) {
		r := newRegistered(t)
		p := r.master(id(0), address(0))
		p.masters = 1
		r.want(r.stays(p), "")
		n, diags := r.replaced(p)
		if r.want(diags, ""); !n.EnsembleGoes {
			t.Error("it has gates")
		}
		r.want(r.stays(r.host("agent", "10.0.0.9", nil)), lost, "1 master of 1 would be removed")
	})
	t.Run("nobody knows the size", func(t *testing.T) {
		r := newRegistered(t)
		p := r.master(id(0), address(0))
		p.masters = 0
		if n, diags := r.goes(p); len(diags) > 0 || !n.EnsembleGoes {
			t.Errorf("%+v, %v", n, diags)
		}
		r.want(r.stays(r.master(id(1), address(1))), lost, "nothing says how many")
	})
}

// TestOneMachineAtTwoWays has resources of one machine in a plan: the one that goes does
// not take the node of the one that stays along.
func TestOneMachineAtTwoWays(t *testing.T) {
	t.Parallel()
	at := func(address string, change func(*fleet.Host)) func(*registered, string) plannedHost {
		return func(r *registered, id string) plannedHost {
			return r.host(id, address, func(h *fleet.Host) {
				h.MachineID, h.DetectedIP = "m", "10.0.0.1"
				if change != nil {
					change(h)
				}
			})
		}
	}
	stays := at("10.0.0.1", nil)
	for name, c := range map[string]struct {
		goes func(*registered, string) plannedHost
		one  bool // machine
	}{
		"another port":       {at("10.0.0.1", func(h *fleet.Host) { h.Target.Port = 2222 }), true},
		"another name":       {at("agent.example", nil), true},
		"another jump host":  {at("10.0.0.1", func(h *fleet.Host) { h.Target.JumpHosts = []remote.Hop{{Address: "j"}} }), true},
		"a clone":            {at("10.0.0.2", func(h *fleet.Host) { h.DetectedIP = "10.0.0.2" }), false},
		"another cluster's":  {at("10.0.0.2", func(h *fleet.Host) { h.Cluster = "two" }), false},
		"nothing made of it": {at("10.0.0.2", func(h *fleet.Host) { h.MachineID, h.DetectedIP = "", "" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRegistered(t)
			if diags := r.stays(stays(r, "a")); diags.HasError() {
				t.Fatal(diags)
			}
			note, diags := r.goes(c.goes(r, "b"))
			if left := len(note.Leave) == 1; left != c.one || diags.HasError() {
				t.Errorf("it is left: %v (%v)", left, diags)
			}
			r = newRegistered(t)
			if note, diags := r.goes(c.goes(r, "b")); len(note.Leave) > 0 || diags.HasError() {
				t.Errorf("with nothing beside it: %v, %v", note, diags)
			}
			diags = r.stays(stays(r, "a"))
			if refused := diags.HasError() && diags[0].Summary() == "Two Resources For One Machine"; refused != c.one {
				t.Errorf("the removal was planned first: %v", diags)
			}
			// Of one resource's own hosts it is the pool that knows.
			r = newRegistered(t)
			if note, _ := r.goes(c.goes(r, "a")); len(note.Leave) > 0 {
				t.Errorf("it is left to itself: %q", note.Leave)
			}
			if diags := r.stays(stays(r, "a")); diags.HasError() {
				t.Errorf("it is refused beside itself: %v", diags)
			}
			// What is made anew is another matter: nobody knows its machine yet.
			r = newRegistered(t)
			r.goes(c.goes(r, "b"))
			if diags := r.comes(r.host("a", "10.0.0.3", nil)); diags.HasError() {
				t.Error(diags)
			}
		})
	}
}
