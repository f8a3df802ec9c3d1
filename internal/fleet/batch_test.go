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
)

// run runs a batch in which the hosts of a set fail, and gives who was started.
func run(t *testing.T, b fleet.Batch, n int, fails ...int) (out fleet.Outcome, started []int, most int) {
	t.Helper()
	var mu sync.Mutex
	now := 0
	out = b.Run(t.Context(), n, func(_ context.Context, i int) error {
		mu.Lock()
		started = append(started, i)
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(time.Second) // on the fake clock
		mu.Lock()
		now--
		mu.Unlock()
		if slices.Contains(fails, i) {
			return errors.New("failed")
		}
		return nil
	})
	slices.Sort(started)
	return out, started, most
}

func TestBatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		batch   fleet.Batch
		n       int
		fails   []int
		started int
		failed  int
		most    int
		halt    fleet.Halt
	}{
		"all":                         {fleet.Batch{Parallel: 7, MaxFailures: -1}, 100, nil, 100, 0, 7, fleet.HaltNot},
		"none":                        {fleet.Batch{Parallel: 7, MaxFailures: -1}, 0, nil, 0, 0, 0, fleet.HaltNot},
		"any number may fail":         {fleet.Batch{Parallel: 7, MaxFailures: -1}, 100, []int{1, 2, 3, 99}, 100, 4, 7, fleet.HaltNot},
		"as many as may":              {fleet.Batch{Parallel: 7, MaxFailures: 3}, 100, []int{1, 20, 99}, 100, 3, 7, fleet.HaltNot},
		"more than may":               {fleet.Batch{Parallel: 1, MaxFailures: 1}, 100, []int{1, 2}, 3, 2, 1, fleet.HaltFailures},
		"the last ones are more":      {fleet.Batch{Parallel: 1, MaxFailures: 1}, 3, []int{1, 2}, 3, 2, 1, fleet.HaltNot},
		"canaries alone at first":     {fleet.Batch{Parallel: 50, Canaries: 2, MaxFailures: -1}, 2, nil, 2, 0, 2, fleet.HaltNot},
		"a canary fails":              {fleet.Batch{Parallel: 50, Canaries: 2, MaxFailures: -1}, 100, []int{1}, 2, 1, 2, fleet.HaltCanary},
		"canaries, then the rest":     {fleet.Batch{Parallel: 50, Canaries: 2, MaxFailures: -1}, 100, []int{50}, 100, 1, 50, fleet.HaltNot},
		"all are canaries and one is": {fleet.Batch{Parallel: 50, Canaries: 5, MaxFailures: -1}, 3, []int{1}, 3, 1, 3, fleet.HaltNot},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				out, started, most := run(t, c.batch, c.n, c.fails...)
				if len(started) != c.started || out.Started != c.started || len(out.Failed) != c.failed || most != c.most || out.Halt != c.halt {
					t.Errorf("started %d (%d), failed %d, %d at once, halt %q", len(started), out.Started, len(out.Failed), most, out.Halt)
				}
				for i, s := range started {
					if i != s {
						t.Fatalf("not in order: %v", started)
					}
				}
			})
		})
	}
}

// When somebody says stop, what runs ends and nothing new is started.
func TestBatchStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		time.AfterFunc(1500*time.Millisecond, func() { close(stop) })
		out, started, _ := run(t, fleet.Batch{Parallel: 10, MaxFailures: -1, Stop: stop}, 100)
		if len(started) != 20 || out.Halt != fleet.HaltStopped || len(out.Failed) != 0 {
			t.Errorf("started %d, %+v", len(started), out)
		}
	})
}

func TestShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		of, want int
	}{{"3", 10, 3}, {"0", 10, 0}, {"25%", 10, 2}, {"100%", 7, 7}, {"5%", 10, 0}, {" 5% ", 10000, 500}} {
		if got, err := fleet.Share(c.text, c.of); err != nil || got != c.want {
			t.Errorf("%s of %d: %d, %v", c.text, c.of, got, err)
		}
	}
	for _, bad := range []string{"", "%", "-1", "101%", "a", "1.5"} {
		if n, err := fleet.Share(bad, 10); err == nil {
			t.Errorf("%q gives %d", bad, n)
		}
	}
}
