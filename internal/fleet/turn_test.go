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
	"sync/atomic"
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
// that has failed; and not though its ensemble goes.
func TestMastersAreNotRemovedDuringChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fails, goes bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		fails := c.fails
		synctest.Test(t, func(t *testing.T) {
			rec, work := newRecord(), cluster(fleet.Change, 3, 0)
			work[0].Kind, work[0].EnsembleGoes = fleet.Removal, c.goes
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
				t.Errorf("%+v: the order is %v", c, rec.begun)
			}
		})
	}
}

// Masters are removed one at a time; when the ensemble goes, all at once.
func TestRemovalIsAChange(t *testing.T) {
	t.Parallel()
	for _, goes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rec, work := newRecord(), cluster(fleet.Removal, 5, 3)
			work[1].EnsembleGoes = goes
			for i, err := range terraform(t, fleet.New(), 100, work, rec.work) {
				if err != nil {
					t.Errorf("%s: %v", work[i].Host, err)
				}
			}
			rec.check(t, fleet.Removal, 100, len(work))
			if want := map[bool]int{false: 1, true: 5}[goes]; rec.most["master"] != want {
				t.Errorf("%d masters were removed at once, want %d", rec.most["master"], want)
			}
		})
	}
}

// A master is not removed while another is changed or repaired, and the other
// way round.
func TestRemovalAndRepairTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, work := newRecord(), slices.Concat(cluster(fleet.Removal, 2, 0), cluster(fleet.Repair, 5, 0)[2:])
		for i, err := range terraform(t, fleet.New(), 100, work, rec.work) {
			if err != nil {
				t.Errorf("%s: %v", work[i].Host, err)
			}
		}
		if rec.most["master"] != 1 {
			t.Errorf("%d masters were out at once", rec.most["master"])
		}
	})
}

// ask asks a pass until it says go or no more.
func ask(ctx context.Context, p *fleet.Pass, risk func() error) error {
	for {
		again, err := p.Ask(risk(), true)
		if err == nil || !again || ctx.Err() != nil {
			return err
		}
		time.Sleep(2 * time.Second)
	}
}

// When it turns out that the ensemble goes, those that wait at a closed gate are
// free, at the first one and at the one of the outage, and so is who waits for
// its turn.
func TestEnsembleGoesFreesThoseThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, start := fleet.New(), time.Now()
		closed := func() error { return errors.New("2 of 3 masters serve") }
		work := cluster(fleet.Removal, 3, 0)
		work[0].Before = func(context.Context) error { return closed() }
		work[1].Pass = &fleet.Pass{}
		work[2].EnsembleGoes = true
		const called = 30 * time.Second
		var wg sync.WaitGroup
		for i, w := range work {
			wg.Go(func() {
				if i == 2 {
					time.Sleep(called)
				}
				err := c.Do(t.Context(), w, func(ctx context.Context) error {
					if w.Pass != nil {
						if err := ask(ctx, w.Pass, closed); err != nil {
							return err
						}
					}
					if took := time.Since(start); took < called || took > called+2*time.Second {
						t.Errorf("%s: after %s", w.Host, took)
					}
					return nil
				})
				if err != nil {
					t.Errorf("%s: %v", w.Host, err)
				}
			})
		}
		wg.Wait()
	})
}

// A master whose gate is closed at the moment of its outage lets another one go
// first, which is the trouble, and goes on when that is done.
func TestOutageWaitsForTheOneToBeMended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, work := fleet.New(), cluster(fleet.Change, 3, 1)
		var order []string
		var broken atomic.Bool // m2
		broken.Store(true)
		work[0].Pass = &fleet.Pass{}
		work[1].Before = func(context.Context) error {
			if broken.Load() {
				return errors.New("2 of 3 masters serve")
			}
			return nil
		}
		errs := terraform(t, c, 100, work, func(w fleet.Turn) func(context.Context) error {
			return func(ctx context.Context) error {
				if w.Host == "m0" {
					time.Sleep(time.Minute) // it transfers
					err := ask(ctx, w.Pass, func() error {
						if broken.Load() {
							return errors.New("2 of 3 masters serve")
						}
						return nil
					})
					if err != nil {
						return err
					}
				}
				order = append(order, "begin "+w.Host)
				time.Sleep(3 * time.Minute)
				if w.Host == "m2" {
					broken.Store(false)
					time.Sleep(3 * time.Minute) // it is not done yet
				}
				order = append(order, "end "+w.Host)
				return nil
			}
		})
		for i, err := range errs {
			if err != nil {
				t.Errorf("%s: %v", work[i].Host, err)
			}
		}
		for pair := range slices.Chunk(order, 2) {
			if strings.TrimPrefix(pair[0], "begin ") != strings.TrimPrefix(pair[1], "end ") {
				t.Errorf("not one at a time: %q", order)
			}
		}
		if order[0] != "begin m2" || order[len(order)-1] != "end a0" {
			t.Errorf("the order is %q", order)
		}
	})
}

// With the gate open again a master has its turn back, and the next one waits.
func TestOutageHasTheTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, rec, work := fleet.New(), newRecord(), cluster(fleet.Change, 2, 0)
		work[0].Pass = &fleet.Pass{}
		var wg sync.WaitGroup
		for i, w := range work {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Minute)
				do := rec.work(w)
				err := c.Do(t.Context(), w, func(ctx context.Context) error {
					if w.Pass != nil {
						again, err := w.Pass.Ask(errors.New("2 of 3 masters serve"), true)
						if time.Sleep(59 * time.Second); !again || err == nil {
							t.Errorf("%v", err)
						}
						if _, err := w.Pass.Ask(nil, true); err != nil {
							t.Error(err)
						}
					}
					return do(ctx)
				})
				if err != nil {
					t.Errorf("%s: %v", w.Host, err)
				}
			})
		}
		wg.Wait()
		if got := strings.Join(rec.begun, " "); got != "m0 m1" || rec.most["master"] != 1 {
			t.Errorf("the order is %s, %d at once", got, rec.most["master"])
		}
	})
}

// First installations are free, until one finds a master that has to be stopped for
// it: that is a change, one at a time, with the gate behind it.
func TestInstallationThatStopsAMaster(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stops bool
		risk  error
		after error
		most  int // at once
		took  time.Duration
		gate  int // errors of gates
	}{
		"nothing is there":         {false, nil, nil, 3, time.Minute, 0},
		"masters serve":            {true, nil, nil, 1, 3 * time.Minute, 0},
		"the ensemble has no more": {true, errors.New("2 of 3 masters serve"), nil, 0, fleet.Patience, 3},
		"it is not well after one": {true, nil, errors.New("1 of 3 masters serve"), 1, time.Minute + fleet.Patience, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				work, rec, start := cluster(fleet.FirstInstall, 3, 0), newRecord(), time.Now()
				for i := range work {
					work[i].Pass = &fleet.Pass{}
					work[i].After = func(context.Context) error { return c.after }
				}
				errs := terraform(t, fleet.New(), 10, work, func(w fleet.Turn) func(context.Context) error {
					do := rec.work(w)
					return func(ctx context.Context) error {
						if c.stops {
							if err := ask(ctx, w.Pass, func() error { return c.risk }); err != nil {
								return err
							}
						}
						return do(ctx)
					}
				})
				gates, halted := 0, 0
				for _, err := range errs {
					switch {
					case errors.As(err, new(*fleet.GateError)):
						gates++
					case errors.As(err, new(*fleet.HaltedError)):
						halted++
					case err != nil:
						t.Error(err)
					}
				}
				if rec.most["master"] != c.most || gates != c.gate || (halted > 0) != (c.after != nil) {
					t.Errorf("%d at once, want %d; %d gates, %d halted", rec.most["master"], c.most, gates, halted)
				}
				if took := time.Since(start); took > c.took+10*time.Second || took < c.took-10*time.Second {
					t.Errorf("it took %s, want %s", took, c.took)
				}
			})
		})
	}
}

// A gate that stays closed at the moment of the outage ends the change within
// its time. The master serves, so that others may be changed; agents do not go
// ahead.
func TestOutageThatIsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []fleet.Kind{fleet.Change, fleet.Removal} {
		synctest.Test(t, func(t *testing.T) {
			c, start := fleet.New(), time.Now()
			w := fleet.Turn{Cluster: "one", Host: "m1", Role: node.Master, Kind: kind, Pass: &fleet.Pass{}}
			err := c.Do(t.Context(), w, func(ctx context.Context) error {
				start = time.Now()
				return ask(ctx, w.Pass, func() error { return errors.New("no quorum") })
			})
			var gate *fleet.GateError
			if !errors.As(err, &gate) || !gate.Outage || gate.After || gate.Host != "m1" || !strings.Contains(err.Error(), "left in service") ||
				!strings.Contains(err.Error(), "no quorum") || !strings.Contains(gate.Hint(), "Nothing was stopped") {
				t.Errorf("%v", err)
			}
			patience := map[fleet.Kind]time.Duration{fleet.Change: fleet.Patience, fleet.Removal: fleet.RemovalPatience}[kind]
			if took := time.Since(start); took > patience || took < patience-5*time.Second {
				t.Errorf("it took %s", took)
			}
			err = c.Do(t.Context(), fleet.Turn{Cluster: "one", Host: "a1", Role: node.Agent, Kind: fleet.Change},
				func(context.Context) error { return nil })
			var halted *fleet.HaltedError
			if errors.As(err, &halted) != (kind == fleet.Change) {
				t.Errorf("%v", err)
			}
			if err := c.Do(t.Context(), fleet.Turn{Cluster: "one", Host: "m2", Role: node.Master, Kind: fleet.Change},
				func(context.Context) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
}

// A master that was let go and fails, or may not go on, halts the others: it is
// out of service.
func TestFailureBehindTheGateHalts(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(p *fleet.Pass) error{
		"failed": func(*fleet.Pass) error { return errors.New("broken on purpose") },
		"refused half-way": func(p *fleet.Pass) error {
			_, err := p.Ask(errors.New("no quorum"), true)
			return err
		},
	} {
		for _, kind := range []fleet.Kind{fleet.Change, fleet.Removal} {
			synctest.Test(t, func(t *testing.T) {
				c := fleet.New()
				w := fleet.Turn{Cluster: "one", Host: "m1", Role: node.Master, Kind: kind, Pass: &fleet.Pass{}}
				err := c.Do(t.Context(), w, func(context.Context) error {
					if _, err := w.Pass.Ask(nil, true); err != nil {
						t.Error(err)
					}
					return fails(w.Pass)
				})
				var gate *fleet.GateError
				if err == nil || errors.As(err, &gate) && !gate.After {
					t.Errorf("%s: %v", name, err)
				}
				for _, next := range []fleet.Kind{fleet.Change, fleet.Removal} {
					err := c.Do(t.Context(), fleet.Turn{Cluster: "one", Host: "m2", Role: node.Master, Kind: next},
						func(context.Context) error { t.Errorf("%s: touched", name); return nil })
					var halted *fleet.HaltedError
					if !errors.As(err, &halted) || halted.By != "m1" {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
	}
}

// A master whose files were written, and which may not be stopped then, serves
// on as it did: others may be changed, and its error says so.
func TestRefusalBehindWritingHaltsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fleet.New()
		w := fleet.Turn{Cluster: "one", Host: "m1", Role: node.Master, Kind: fleet.Change, Pass: &fleet.Pass{}}
		err := c.Do(t.Context(), w, func(context.Context) error {
			if _, err := w.Pass.Ask(nil, false); err != nil {
				t.Error(err)
			}
			_, err := w.Pass.Ask(errors.New("no quorum"), true)
			return err
		})
		var gate *fleet.GateError
		if !errors.As(err, &gate) || !gate.Outage || gate.After || !strings.Contains(gate.Hint(), "Nothing was stopped") {
			t.Errorf("%v", err)
		}
		if err := c.Do(t.Context(), fleet.Turn{Cluster: "one", Host: "m2", Role: node.Master, Kind: fleet.Change},
			func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}
