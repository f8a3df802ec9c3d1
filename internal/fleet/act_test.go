// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// What takes a master out of service for a time has the gates of a change: in front of it, at the
// moment of the outage, and behind it.
func TestDisturbGates(t *testing.T) {
	t.Parallel()
	all, other := []bool{true, true, true}, []bool{true, false, true}
	for name, c := range map[string]struct {
		before, at, after []bool
		worked, well      bool
	}{
		"all serve":                      {all, all, all, true, true},
		"another does not before":        {other, all, all, false, false},
		"another does not at the outage": {all, other, all, true, false},
		"this one does not come back":    {all, all, []bool{false, true, true}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := &fakeMachine{id: "m1", dcos: true, serving: c.before}
				worked := false
				err := m.fleet(dir).Disturb(t.Context(), hostAt(node.Master), fleet.Terms{Kind: fleet.Change, Masters: 1},
					func(_ context.Context, _ node.Conn, opts node.Options) error {
						worked = true
						h := node.Health{Leader: "10.0.0.1", Recovered: true}
						for i, serves := range c.at {
							h.Masters = append(h.Masters, node.EnsembleMaster{
								Address: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}[i], Status: map[bool]string{true: "serving", false: "down"}[serves],
							})
						}
						_, err := opts.Gate(h, true)
						m.mu.Lock()
						m.serving = c.after
						m.mu.Unlock()
						return err
					})
				var gate *fleet.GateError
				if worked != c.worked || (err == nil) != c.well || err != nil && !errors.As(err, &gate) {
					t.Errorf("worked: %t; %v", worked, err)
				}
			})
		})
	}
}

// Masters are disturbed one at a time, and agents after them, so many at once as may be.
func TestDisturbInTurn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMachine{id: "m1", dcos: true, serving: []bool{true, true, true}}
		f := m.fleet(dir)
		var mu sync.Mutex
		var order []node.Role
		now, most := map[node.Role]int{}, map[node.Role]int{}
		var wg sync.WaitGroup
		for _, role := range []node.Role{node.Agent, node.Agent, node.Agent, node.Agent, node.Master, node.Master} {
			h := hostAt(role)
			h.MachineID = ""
			wg.Go(func() {
				err := f.Disturb(t.Context(), h, fleet.Terms{Kind: fleet.Change, Masters: 2, MaxUnavailable: 2},
					func(context.Context, node.Conn, node.Options) error {
						mu.Lock()
						order = append(order, role)
						now[role]++
						most[role] = max(most[role], now[role])
						mu.Unlock()
						time.Sleep(time.Minute)
						mu.Lock()
						now[role]--
						mu.Unlock()
						return nil
					})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most[node.Master] != 1 || most[node.Agent] != 2 || !slices.Equal(order[:2], []node.Role{node.Master, node.Master}) {
			t.Errorf("order %v, at once %v", order, most)
		}
	})
}

// What keeps a node in service has no turn, and ends with its time.
func TestAskEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMachine{id: "m1", dcos: true}
		var told []string
		start := time.Now()
		terms := fleet.Terms{Limit: time.Minute, Tell: func(stage, _ string) { told = append(told, stage) }}
		err := m.fleet(dir).Ask(t.Context(), hostAt(node.Master), terms,
			func(ctx context.Context, _ node.Conn, opts node.Options) error {
				opts.Tell("check", "")
				<-ctx.Done()
				return ctx.Err()
			})
		var failed *fleet.Failure
		if !errors.As(err, &failed) || failed.Ended != fleet.ByTimeLimit || time.Since(start) != time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if !slices.Equal(told, []string{"connect", "check"}) || len(m.ran) > 0 {
			t.Errorf("told %q, ran %q", told, m.ran)
		}
	})
}
