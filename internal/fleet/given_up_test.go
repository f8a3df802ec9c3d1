// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// TestGivenUp removes nodes whose machines do not answer: one is given up only
// if that is wanted, if it is silent and does not refuse, and if another of its
// cluster answers then that is reached through the same, whichever process has
// seen that one before.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	const left, alone, fails, removed = "left", "alone", "fails", "removed"
	silent := func() *fakeMachine { return &fakeMachine{id: "m1", refuses: true, silent: true} }
	returns := func() *fakeMachine { return &fakeMachine{id: "m1", refuses: true, silent: true, returns: true} }
	refuses := func() *fakeMachine { return &fakeMachine{id: "m1", refuses: true} }
	jump := []remote.Hop{{Address: "10.9.0.1"}}
	// Another host is looked at, and its machine answers when it is asked.
	other := func(n int) *fleet.Host {
		h := hostAt(node.Agent)
		h.Target.Address, h.MachineID = fmt.Sprintf("10.0.0.%d", n), fmt.Sprintf("m%d", n)
		return &h
	}
	behind := func(h *fleet.Host, hops []remote.Hop) *fleet.Host {
		h.Target.JumpHosts = hops
		return h
	}
	type seen struct {
		host *fleet.Host
		ago  time.Duration
		gone bool // its node has been removed since
		mute bool // its machine does not answer any more
	}
	var rack []seen // that died since it was looked at
	for n := range 20 {
		rack = append(rack, seen{host: other(20 + n), mute: true})
	}
	for name, c := range map[string]struct {
		machine func() *fakeMachine
		forced  bool // not asked to give anything up
		via     []remote.Hop
		seen    []seen
		want    string
		asks    string
	}{
		"given up":                 {machine: silent, seen: []seen{{host: other(9)}}, want: left, asks: "10.0.0.9"},
		"not wanted":               {machine: silent, forced: true, seen: []seen{{host: other(9)}}, want: fails},
		"it refuses":               {machine: refuses, seen: []seen{{host: other(9)}}, want: fails},
		"it comes back":            {machine: returns, seen: []seen{{host: other(9)}}, want: removed, asks: "10.0.0.9"},
		"the way is down":          {machine: silent, seen: []seen{{host: other(9), mute: true}}, want: alone, asks: "10.0.0.9"},
		"all are dead":             {machine: silent, seen: rack, want: alone},
		"one of many answers":      {machine: silent, seen: append(rack, seen{host: other(9), ago: time.Minute}), want: left},
		"the only one":             {machine: silent, want: alone},
		"seen long ago":            {machine: silent, seen: []seen{{host: other(9), ago: 61 * time.Minute}}, want: alone},
		"seen an hour ago, nearly": {machine: silent, seen: []seen{{host: other(9), ago: 59 * time.Minute}}, want: left, asks: "10.0.0.9"},
		"its node is gone":         {machine: silent, seen: []seen{{host: other(9), gone: true}}, want: left, asks: "10.0.0.9"},
		"at another port": {machine: silent, seen: []seen{{host: func() *fleet.Host {
			h := other(9)
			h.Target.Port = 2222
			return h
		}()}}, want: left, asks: "10.0.0.9:2222"},
		"the same machine elsewhere": {machine: silent, seen: []seen{{host: func() *fleet.Host {
			h := other(9)
			h.MachineID = "m1"
			return h
		}()}}, want: alone},
		"the other one behind a jump host": {machine: silent, seen: []seen{{host: behind(other(9), jump)}}, want: alone},
		"it is behind a jump host":         {machine: silent, via: jump, seen: []seen{{host: other(9)}}, want: alone},
		"behind another jump host": {machine: silent, via: jump,
			seen: []seen{{host: behind(other(9), []remote.Hop{{Address: "10.9.0.2"}})}}, want: alone},
		"behind the same jump host": {machine: silent, via: jump, seen: []seen{{host: behind(other(9), jump)}, {host: other(8)}},
			want: left, asks: "10.0.0.9 behind 10.9.0.1"},
	} {
		for _, elsewhere := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				m := c.machine()
				dir := t.TempDir()
				f := m.fleet(dir)
				for _, s := range c.seen {
					looker := &fakeMachine{id: s.host.MachineID, dcos: true}
					by := looker.fleet(dir)
					if !elsewhere {
						by.Machines = f.Machines
					}
					if s.ago > 0 {
						by.Machines = fleet.NewMachines(dir, func() time.Time { return time.Now().Add(-s.ago) })
					}
					if _, err := by.Look(t.Context(), *s.host); err != nil {
						t.Fatal(err)
					}
					if s.gone {
						by.Forget(t.Context(), s.host.Cluster, s.host.Address())
					}
					if !s.mute {
						m.answers = append(m.answers, s.host.Address())
					}
				}
				// What was known of the machine itself, and of other clusters, does not count.
				for cluster, it := range map[string]fleet.Machine{
					"one": {Address: "10.0.0.1", ID: "m1", Port: 22}, "two": {Address: "10.0.0.8", ID: "m8", Port: 22},
				} {
					m.answers = append(m.answers, it.Address)
					if err := f.Machines.Seen(cluster, it); err != nil {
						t.Fatal(err)
					}
				}
				host := hostAt(node.Agent)
				host.Target.JumpHosts = c.via
				begun := time.Now()
				r, err := f.Remove(t.Context(), host, fleet.Terms{IfReachable: !c.forced})
				if took := time.Since(begun); took > fleet.LookTimeout {
					t.Errorf("%s: the others were asked for %v", name, took)
				}
				var gone *fleet.SilentError
				var nobody *fleet.AloneError
				got := fails
				switch {
				case errors.As(err, &nobody):
					got = alone
				case err == nil && errors.As(r.Left, &gone):
					got = left
				case err == nil:
					got = removed
				}
				if got != c.want || got != removed && r.Before != nil {
					t.Errorf("%s, elsewhere %t: %s, want %s (%v)", name, elsewhere, got, c.want, err)
				}
				if dials := len(m.dials); (got == left) != (dials == 2) && got != removed {
					t.Errorf("%s: it was dialled %d times", name, dials)
				}
				if d := m.dials[0]; !c.forced && d.ConnectTimeout > fleet.LookTimeout {
					t.Errorf("%s: waited for %v", name, d.ConnectTimeout)
				}
				if asks := asked(m.greeted); c.asks != "" && asks != c.asks {
					t.Errorf("%s: asks %s, want %s", name, asks, c.asks)
				}
			})
		}
	}
}

// asked names targets.
func asked(targets []remote.Target) string {
	var names []string
	for _, t := range targets {
		name := t.Address
		if t.Port != 22 {
			name += fmt.Sprintf(":%d", t.Port)
		}
		for _, h := range t.JumpHosts {
			name += " behind " + h.Address
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
