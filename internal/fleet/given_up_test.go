// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// TestGivenUp removes nodes whose machines do not answer: one is given up only
// if that is wanted, if it is silent and does not refuse, and if another of its
// cluster has answered lately, in this process or in another one.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	const left, alone, fails = "left", "alone", "fails"
	for name, c := range map[string]struct {
		machine     *fakeMachine
		ifReachable bool
		other       time.Duration // since when another one has been seen; 0: never
		want        string
	}{
		"given up":            {&fakeMachine{refuses: true, silent: true}, true, time.Minute, left},
		"not wanted":          {&fakeMachine{refuses: true, silent: true}, false, time.Minute, fails},
		"it refuses":          {&fakeMachine{refuses: true}, true, time.Minute, fails},
		"none answers":        {&fakeMachine{refuses: true, silent: true}, true, 0, alone},
		"none answers lately": {&fakeMachine{refuses: true, silent: true}, true, 31 * time.Minute, alone},
	} {
		for _, elsewhere := range []bool{false, true} {
			dir := t.TempDir()
			f := c.machine.fleet(dir)
			seenBy := f.Machines
			if elsewhere {
				seenBy = fleet.NewMachines(dir, func() time.Time { return time.Now().Add(-c.other) })
			} else if c.other > time.Minute {
				continue // this process is not so old
			}
			if c.other > 0 {
				if err := seenBy.Seen("one", fleet.Machine{Address: "10.0.0.9", ID: "m9"}); err != nil {
					t.Fatal(err)
				}
			}
			// What is known of the machine itself, and of other clusters, does not count.
			for cluster, m := range map[string]fleet.Machine{"one": {Address: "10.0.0.1", ID: "m1"}, "two": {Address: "10.0.0.8", ID: "m8"}} {
				if err := f.Machines.Seen(cluster, m); err != nil {
					t.Fatal(err)
				}
			}
			r, err := f.Remove(t.Context(), hostAt(node.Agent), fleet.Terms{IfReachable: c.ifReachable})
			var silent *fleet.SilentError
			var nobody *fleet.AloneError
			got := fails
			switch {
			case errors.As(err, &nobody):
				got = alone
			case err == nil && errors.As(r.Left, &silent):
				got = left
			case err == nil:
				got = "removed"
			}
			if got != c.want || r.Before != nil {
				t.Errorf("%s, elsewhere %t: %s, want %s (%v)", name, elsewhere, got, c.want, err)
			}
			if d := c.machine.dials[0]; c.ifReachable && d.ConnectTimeout > fleet.LookTimeout {
				t.Errorf("%s: waited for %v", name, d.ConnectTimeout)
			}
		}
	}
}
