// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A record is what happened to nodes, as a test saw it.
type record struct {
	mu        sync.Mutex
	out, most map[string]int // by role, now and at most
	begun     []string       // hosts
	ended     []string
	happened  []string // both, in one order: "begin m0", "end m0"
}

func newRecord() *record { return &record{out: map[string]int{}, most: map[string]int{}} }

// work is a host's, which takes its time on the fake clock.
func (r *record) work(w fleet.Turn) func(context.Context) error {
	return func(context.Context) error {
		r.mu.Lock()
		role := string(w.Role)
		r.out[role]++
		r.most[role] = max(r.most[role], r.out[role])
		r.begun = append(r.begun, w.Host)
		r.happened = append(r.happened, "begin "+w.Host)
		r.mu.Unlock()
		time.Sleep(time.Minute) // on the fake clock
		r.mu.Lock()
		defer r.mu.Unlock()
		r.out[role]--
		r.ended = append(r.ended, w.Host)
		r.happened = append(r.happened, "end "+w.Host)
		return nil
	}
}

// terraform calls work as Terraform does: so many at once, in the order given.
func terraform(
	t *testing.T, c *fleet.Coordinator, parallelism int, work []fleet.Turn, do func(fleet.Turn) func(context.Context) error,
) []error {
	t.Helper()
	slots := make(chan struct{}, parallelism)
	errs := make([]error, len(work))
	var wg sync.WaitGroup
	for i, w := range work {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = c.Do(t.Context(), w, do(w))
		})
		synctest.Wait() // they come in this order
	}
	wg.Wait()
	return errs
}

func cluster(kind fleet.Kind, masters, agents int) []fleet.Turn {
	var work []fleet.Turn
	for i := range masters {
		work = append(work, fleet.Turn{Cluster: "one", Host: fmt.Sprintf("m%d", i), Role: node.Master, Kind: kind, Masters: masters})
	}
	for i := range agents {
		work = append(work, fleet.Turn{Cluster: "one", Host: fmt.Sprintf("a%d", i), Role: node.Agent, Kind: kind, Masters: masters,
			MaxUnavailable: 4})
	}
	return work
}

// Each operation ends at any parallelism, whatever the order in which
// Terraform calls, and keeps to the order as far as it can be known. A
// deadlock ends the bubble of the fake clock with a failure.
func TestEveryOperationAtAnyParallelism(t *testing.T) {
	t.Parallel()
	const masters, agents = 5, 30
	kinds := map[string]fleet.Kind{"install": fleet.FirstInstall, "change": fleet.Change, "repair": fleet.Repair, "removal": fleet.Removal}
	for name, kind := range kinds {
		for _, parallelism := range []int{1, 2, 3, 10, 100} {
			t.Run(fmt.Sprintf("%s/%d", name, parallelism), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(20) {
					synctest.Test(t, func(t *testing.T) {
						work := cluster(kind, masters, agents)
						r := rand.New(rand.NewPCG(seed, 7))
						r.Shuffle(len(work), func(i, j int) { work[i], work[j] = work[j], work[i] })
						rec := newRecord()
						for i, err := range terraform(t, fleet.New(), parallelism, work, rec.work) {
							if err != nil {
								t.Errorf("%s: %v", work[i].Host, err)
							}
						}
						rec.check(t, kind, parallelism, len(work))
					})
				}
			})
		}
	}
}

func (r *record) check(t *testing.T, kind fleet.Kind, parallelism, all int) {
	t.Helper()
	if len(r.ended) != all {
		t.Errorf("%d of %d nodes are done", len(r.ended), all)
	}
	if kind == fleet.Change || kind == fleet.Repair {
		if r.most["master"] != 1 {
			t.Errorf("%d masters changed at once", r.most["master"])
		}
		if r.most["agent"] > 4 {
			t.Errorf("%d agents were out of service at once", r.most["agent"])
		}
	}
	if parallelism < all {
		return // not everything had been called when the first began
	}
	overlap := func(first, second string) bool {
		begun := slices.IndexFunc(r.happened, func(e string) bool { return strings.HasPrefix(e, "begin "+second) })
		return slices.ContainsFunc(r.happened[begun:], func(e string) bool { return strings.HasPrefix(e, "end "+first) })
	}
	switch kind {
	case fleet.Change:
		if overlap("m", "a") {
			t.Errorf("an agent changed before the masters had: %v", r.happened)
		}
	case fleet.Removal:
		if overlap("a", "m") {
			t.Errorf("a master was removed before the agents were: %v", r.happened)
		}
	}
}

// An agent that Terraform calls first waits for masters that it calls a moment
// later, and between two masters for the next, but not once all have changed.
func TestAgentsGiveMastersTimeToCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, c, start := newRecord(), fleet.New(), time.Now()
		work := slices.Concat(cluster(fleet.Change, 0, 1), cluster(fleet.Change, 3, 0))
		work[0].Masters = 3
		called := []time.Duration{0, fleet.Grace / 2, time.Minute + fleet.Grace, 2*time.Minute + 3*fleet.Grace/2}
		var wg sync.WaitGroup
		for i, w := range work {
			wg.Go(func() {
				time.Sleep(called[i])
				if err := c.Do(t.Context(), w, rec.work(w)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := strings.Join(rec.begun, " "); got != "m0 m1 m2 a0" {
			t.Errorf("the order is %s", got)
		}
		if took := time.Since(start); took != called[3]+2*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// A repair of an agent concerns no master.
func TestRepairsDoNotWaitForMasters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fleet.New()
		defer c.Arrive("one", node.Master, fleet.Change)()
		start := time.Now()
		err := c.Do(t.Context(), fleet.Turn{Cluster: "one", Host: "a", Role: node.Agent, Kind: fleet.Repair},
			func(context.Context) error { return nil })
		if err != nil || time.Since(start) > 0 {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// With one master failing, the others and the agents are left alone, and are
// told why and what is safe.
func TestFailedMasterHalts(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rec := newRecord()
			work := cluster(fleet.Change, 3, 6)
			broken := errors.New("broken on purpose")
			for i := range work {
				if after && i == 0 {
					work[i].After = func(context.Context) error { return broken }
				}
			}
			errs := terraform(t, fleet.New(), 100, work, func(w fleet.Turn) func(context.Context) error {
				if w.Host == "m0" && !after {
					return func(context.Context) error { return broken }
				}
				return rec.work(w)
			})
			for i, err := range errs {
				var halted *fleet.HaltedError
				switch {
				case i == 0 && !errors.Is(err, broken):
					t.Errorf("%v", err)
				case i > 0 && (!errors.As(err, &halted) || halted.By != "m0" || halted.Host != work[i].Host ||
					!strings.Contains(halted.Hint(), "apply again")):
					t.Errorf("%s: %v", work[i].Host, err)
				}
			}
			want := 0
			if after {
				want = 1
			}
			if len(rec.begun) != want {
				t.Errorf("touched: %v", rec.begun)
			}
		})
	}
}

// The master that is the trouble gets its turn though one that may not be
// touched came first.
func TestClosedGateGivesItsTurnAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := newRecord()
		work := cluster(fleet.Change, 3, 2)
		mended := false
		for i := range work {
			if i < 2 {
				work[i].Before = func(context.Context) error {
					if mended {
						return nil
					}
					return errors.New("2 of 3 masters serve")
				}
			}
		}
		work[2].After = func(context.Context) error { mended = true; return nil }
		for i, err := range terraform(t, fleet.New(), 100, work, rec.work) {
			if err != nil {
				t.Errorf("%s: %v", work[i].Host, err)
			}
		}
		if rec.begun[0] != "m2" {
			t.Errorf("%v", rec.begun)
		}
	})
}

// A gate that stays closed ends in an error within its time, nothing is
// touched, and the turn is free again.
func TestGateThatStaysClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fleet.New()
		start := time.Now()
		w := fleet.Turn{Cluster: "one", Host: "m1", Role: node.Master, Kind: fleet.Change,
			Before: func(context.Context) error { return errors.New("no quorum") }}
		err := c.Do(t.Context(), w, func(context.Context) error { t.Error("touched"); return nil })
		var gate *fleet.GateError
		if !errors.As(err, &gate) || gate.After || gate.Host != "m1" || !strings.Contains(err.Error(), "no quorum") || gate.Hint() == "" {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took > fleet.Patience {
			t.Errorf("it took %s", took)
		}
		err = c.Do(t.Context(), fleet.Turn{Cluster: "one", Host: "a1", Role: node.Agent, Kind: fleet.Change},
			func(context.Context) error { t.Error("touched"); return nil })
		var halted *fleet.HaltedError
		if !errors.As(err, &halted) || halted.By != "m1" {
			t.Errorf("%v", err)
		}
		w.Before = nil
		if err := c.Do(t.Context(), w, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fleet.New()
		w := fleet.Turn{Cluster: "one", Host: "m2", Role: node.Master, Kind: fleet.Change}
		err := c.Do(t.Context(), w, func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(errors.New("interrupted"))
			return c.Do(ctx, w, func(context.Context) error { t.Error("ran out of turn"); return nil })
		})
		if err == nil || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(err.Error(), "m2") {
			t.Errorf("%v", err)
		}
	})
}

// Another cluster has an order of its own.
func TestClustersDoNotConcernEachOther(t *testing.T) {
	t.Parallel()
	c := fleet.New()
	ran := false
	err := c.Do(t.Context(), fleet.Turn{Cluster: "one", Role: node.Master, Kind: fleet.Change}, func(ctx context.Context) error {
		return c.Do(ctx, fleet.Turn{Cluster: "two", Role: node.Master, Kind: fleet.Change},
			func(context.Context) error { ran = true; return nil })
	})
	if err != nil || !ran {
		t.Errorf("ran %v, %v", ran, err)
	}
}

// Who waits for its turn is not connected: with fewer connections than agents
// that wait for the masters, the masters get theirs, and the other way round in
// a removal.
func TestWhoWaitsHoldsNoConnection(t *testing.T) {
	t.Parallel()
	for _, kind := range []fleet.Kind{fleet.Change, fleet.Removal} {
		synctest.Test(t, func(t *testing.T) {
			c, rec := fleet.New(), newRecord()
			connections := make(chan struct{}, 1)
			work := cluster(kind, 3, 6)
			if kind == fleet.Change {
				slices.Reverse(work) // the agents come first
			}
			for i := range work {
				work[i].Connect = func(context.Context) error {
					select {
					case connections <- struct{}{}:
						return nil
					case <-time.After(time.Hour):
						return errors.New("no connection")
					}
				}
			}
			errs := terraform(t, c, 100, work, func(w fleet.Turn) func(context.Context) error {
				do := rec.work(w)
				return func(ctx context.Context) error {
					defer func() { <-connections }()
					return do(ctx)
				}
			})
			for i, err := range errs {
				if err != nil {
					t.Errorf("%s: %v", work[i].Host, err)
				}
			}
			rec.check(t, kind, 100, len(work))
		})
	}
}

// A master that cannot be reached keeps agents from being changed before it;
// the other masters are changed.
func TestMasterOutOfReachHoldsAgentsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, work := newRecord(), cluster(fleet.Change, 3, 2)
		away := errors.New("connection refused")
		work[1].Connect = func(context.Context) error { return away }
		for i, err := range terraform(t, fleet.New(), 100, work, rec.work) {
			var halted *fleet.HaltedError
			switch {
			case i == 1 && !errors.Is(err, away), (i == 0 || i == 2) && err != nil:
				t.Errorf("%s: %v", work[i].Host, err)
			case i > 2 && (!errors.As(err, &halted) || halted.By != "m1" || !halted.Missed || halted.Host != work[i].Host):
				t.Errorf("%s: %v", work[i].Host, err)
			}
		}
		slices.Sort(rec.ended)
		if !slices.Equal(rec.ended, []string{"m0", "m2"}) {
			t.Errorf("changed: %v", rec.ended)
		}
	})
}

// Agents that are out of service since their change failed keep their places.
func TestFailedAgentsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, work := newRecord(), cluster(fleet.Repair, 0, 10)
		broken, refused := errors.New("it does not come back"), errors.New("refused before anything was changed")
		for i := range work {
			work[i].MaxUnavailable = 2
			work[i].Out = func(err error) bool { return errors.Is(err, broken) }
		}
		fails := map[string]error{"a0": refused, "a1": broken, "a3": refused, "a4": broken}
		errs := terraform(t, fleet.New(), 1, work, func(w fleet.Turn) func(context.Context) error {
			do := rec.work(w)
			return func(ctx context.Context) error { return errors.Join(do(ctx), fails[w.Host]) }
		})
		for i, err := range errs {
			var full *fleet.UnavailableError
			if i > 4 && (!errors.As(err, &full) || full.Host != work[i].Host || full.Lost != 2 || full.Most != 2) {
				t.Errorf("%s: %v", work[i].Host, err)
			}
		}
		if len(rec.ended) != 5 {
			t.Errorf("worked on: %v", rec.ended)
		}
	})
}

// A master is not removed while others are changed, which count on it, nor when
// that has failed.
func TestMastersAreNotRemovedDuringChanges(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rec, work := newRecord(), cluster(fleet.Change, 3, 0)
			work[0].Kind = fleet.Removal
			errs := terraform(t, fleet.New(), 100, work, func(w fleet.Turn) func(context.Context) error {
				do := rec.work(w)
				return func(ctx context.Context) error {
					if fails && w.Host == "m2" {
						return errors.Join(do(ctx), errors.New("broken on purpose"))
					}
					return do(ctx)
				}
			})
			var halted *fleet.HaltedError
			if fails != errors.As(errs[0], &halted) {
				t.Errorf("%v", errs[0])
			}
			if n := slices.Index(rec.begun, "m0"); !fails && n != 2 || fails && n >= 0 {
				t.Errorf("the order is %v", rec.begun)
			}
		})
	}
}
