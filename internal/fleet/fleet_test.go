// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

func TestMastersChangeOneAtATime(t *testing.T) {
	t.Parallel()
	c := fleet.New()
	var at, most, gates atomic.Int32
	gate := func(context.Context) error {
		gates.Add(1)
		if at.Load() > 1 {
			return errors.New("a gate while two masters change")
		}
		return nil
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := c.Do(t.Context(), fleet.Work{Cluster: "one", Role: node.Master, Kind: fleet.Change, Before: gate, After: gate}, func(context.Context) error {
				if n := at.Add(1); n > most.Load() {
					most.Store(n)
				}
				at.Add(-1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || gates.Load() != 40 {
		t.Errorf("%d at a time, %d gates", most.Load(), gates.Load())
	}
}

// Masters of another cluster, agents, first installations and removals do not
// wait for a master that changes: each of them runs while one does.
func TestOthersAreFree(t *testing.T) {
	t.Parallel()
	c := fleet.New()
	for name, w := range map[string]fleet.Work{
		"another cluster":    {Cluster: "two", Role: node.Master, Kind: fleet.Change},
		"an agent":           {Cluster: "one", Role: node.Agent, Kind: fleet.Change},
		"first installation": {Cluster: "one", Role: node.Master, Kind: fleet.FirstInstall},
		"removal":            {Cluster: "one", Role: node.Master, Kind: fleet.Removal},
	} {
		ran := false
		err := c.Do(t.Context(), fleet.Work{Cluster: "one", Role: node.Master, Kind: fleet.Change}, func(ctx context.Context) error {
			return c.Do(ctx, w, func(context.Context) error { ran = true; return nil })
		})
		if err != nil || !ran {
			t.Errorf("%s: ran %v, %v", name, ran, err)
		}
	}
}

func TestGates(t *testing.T) {
	t.Parallel()
	c := fleet.New()
	no := func(context.Context) error { return errors.New("no quorum") }
	touched := false
	err := c.Do(t.Context(), fleet.Work{Cluster: "one", Host: "m1", Role: node.Master, Kind: fleet.Change, Before: no}, func(context.Context) error { touched = true; return nil })
	var gate *fleet.GateError
	if touched || !errors.As(err, &gate) || gate.After || !strings.Contains(err.Error(), "not touched") {
		t.Errorf("touched %v: %v", touched, err)
	}
	err = c.Do(t.Context(), fleet.Work{Cluster: "one", Host: "m1", Role: node.Master, Kind: fleet.Change, After: no}, func(context.Context) error { return nil })
	if !errors.As(err, &gate) || !gate.After {
		t.Errorf("%v", err)
	}
	// Whatever happened, the turn is given back.
	if err := c.Do(t.Context(), fleet.Work{Cluster: "one", Role: node.Master, Kind: fleet.Change}, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	c := fleet.New()
	w := fleet.Work{Cluster: "one", Host: "m2", Role: node.Master, Kind: fleet.Change}
	err := c.Do(t.Context(), w, func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("interrupted"))
		return c.Do(ctx, w, func(context.Context) error { t.Error("ran out of turn"); return nil })
	})
	if err == nil || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(err.Error(), "m2") {
		t.Errorf("%v", err)
	}
}
