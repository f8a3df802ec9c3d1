// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage/outagetest"
)

// masterAt is a master of an ensemble, by its number from 1.
func masterAt(n int) fleet.Host {
	h := hostAt(node.Master)
	h.Target.Address, h.MachineID = fmt.Sprintf("10.0.0.%d", n), fmt.Sprintf("m%d", n)
	return h
}

// views are what the masters' exhibitors say, which notice late what has stopped.
type views struct {
	mu      sync.Mutex
	serving []bool
	out     int
	most    int
}

func (v *views) see() []bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.serving)
}

// stop takes a master out: at once, and for the others a while later.
func (v *views) stop(n int, notice time.Duration) {
	v.mu.Lock()
	v.out++
	v.most = max(v.most, v.out)
	v.mu.Unlock()
	time.AfterFunc(notice, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.serving[n-1] = false
	})
}

// process is another one with a master of its own, whose removal takes that long.
func (v *views) process(t *testing.T, e *outagetest.Ensemble, n int, took, notice time.Duration) (*fakeMachine, *fleet.Fleet) {
	t.Helper()
	m := &fakeMachine{id: fmt.Sprintf("m%d", n), dcos: true, sees: v.see}
	m.work = func() {
		v.stop(n, notice)
		time.Sleep(took)
	}
	f := m.fleet(t.TempDir())
	f.Outages = e.Open
	return m, f
}

// TestTwoProcesses has two processes that know nothing of each other remove a
// master each, at once, with exhibitor slow to notice: the second one waits until
// it counts on no master that is gone.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size   int
		notice time.Duration
		most   int
		fails  bool
	}{
		"of three: one stays":             {3, 20 * time.Second, 1, true},
		"of five: one after the other":    {5, 20 * time.Second, 2, false},
		"of five, noticed before the end": {5, time.Second, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var e outagetest.Ensemble
				v := &views{serving: slices.Repeat([]bool{true}, c.size)}
				begun := time.Now()
				var mu sync.Mutex
				var ends []time.Duration
				errs := make([]error, 2)
				var wg sync.WaitGroup
				for i := range errs {
					_, f := v.process(t, &e, i+1, 10*time.Second, c.notice)
					wg.Go(func() {
						_, errs[i] = f.Remove(t.Context(), masterAt(i+1), fleet.Terms{})
						mu.Lock()
						defer mu.Unlock()
						ends = append(ends, time.Since(begun)-fleet.Grace)
					})
				}
				wg.Wait()
				if v.most != c.most {
					t.Errorf("%d masters are out", v.most)
				}
				var gate *fleet.GateError
				failed := errors.Join(errs...)
				if errors.As(failed, &gate) != c.fails || !c.fails && failed != nil || c.fails && (!gate.Outage || errs[0] != nil && errs[1] != nil) {
					t.Errorf("%v", failed)
				}
				if !c.fails && ends[1] < 20*time.Second {
					t.Errorf("they took %s: at once", ends)
				}
				if !strings.Contains(string(e.Record()), `"removed":true`) {
					t.Errorf("the record is %s", e.Record())
				}
			})
		})
	}
}

// TestLockAfterFailure holds what becomes of the lock when a removal fails: it is
// given back if the master serves, else it stays, and whoever waits for it is told
// of the master and of its run, which is over.
func TestLockAfterFailure(t *testing.T) {
	t.Parallel()
	for _, serves := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var e outagetest.Ensemble
			v := &views{serving: slices.Repeat([]bool{true}, 5)}
			m, f := v.process(t, &e, 1, 2*time.Second, time.Second)
			m.left = "/opt/mesosphere"
			if serves {
				m.work = nil
			}
			if _, err := f.Remove(t.Context(), masterAt(1), fleet.Terms{}); err == nil {
				t.Fatal("it does not fail")
			}
			if held := e.Record() != nil; held == serves {
				t.Errorf("it serves: %t; the record is %s", serves, e.Record())
			}
			other, f := v.process(t, &e, 2, 0, 0)
			_, err := f.Remove(t.Context(), masterAt(2), fleet.Terms{})
			if other.dcos == serves {
				t.Errorf("it was removed: %t", !other.dcos)
			}
			var gate *fleet.GateError
			if !serves && (!errors.As(err, &gate) || !gate.Outage || !strings.Contains(err.Error(), "the master 10.0.0.1 was taken out") ||
				!strings.Contains(err.Error(), "has ended")) || serves && err != nil {
				t.Errorf("%v", err)
			}
			if serves {
				return
			}
			// Its own next run goes on, and frees the other one.
			m, f = v.process(t, &e, 1, 0, 0)
			if _, err := f.Remove(t.Context(), masterAt(1), fleet.Terms{}); err != nil || m.dcos {
				t.Error(err)
			}
			other, f = v.process(t, &e, 2, 0, 0)
			if _, err := f.Remove(t.Context(), masterAt(2), fleet.Terms{}); err != nil || other.dcos {
				t.Error(err)
			}
		})
	}
}

// TestNoLock holds who goes without a lock, and what is said of it.
func TestNoLock(t *testing.T) {
	t.Parallel()
	three := []bool{true, true, true}
	forbidden := &outage.NoLockError{Err: errors.New("forwarding is forbidden")}
	foreign := &outage.NoLockError{Foreign: true, Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		role    node.Role
		serving []bool
		goes    bool
		err     error
		opened  bool
		warned  bool
		stays   bool
	}{
		"an agent":                         {node.Agent, three, false, errors.New("no"), false, false, false},
		"the ensemble goes":                {node.Master, three, true, errors.New("no"), false, false, false},
		"a single master":                  {node.Master, []bool{true}, false, errors.New("no"), false, false, false},
		"forbidden":                        {node.Master, three, false, forbidden, true, true, false},
		"no ZooKeeper":                     {node.Master, three, false, foreign, true, false, false},
		"no answer":                        {node.Master, three, false, errors.New("no answer"), true, false, true},
		"no answer, and it does not serve": {node.Master, []bool{false, true, true}, false, errors.New("no answer"), true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &fakeMachine{id: "m1", dcos: true, serving: c.serving}
				f := m.fleet(t.TempDir())
				opened := 0
				f.Outages = func(_ context.Context, _ outage.Dial, others []string) (outage.Register, error) {
					if opened++; !slices.Equal(others, []string{"10.0.0.3", "10.0.0.2"}) {
						t.Errorf("the others are %q", others)
					}
					return nil, c.err
				}
				var warned []node.Finding
				_, err := f.Remove(t.Context(), hostAt(c.role), fleet.Terms{EnsembleGoes: c.goes,
					Warn: func(f node.Finding) { warned = append(warned, f) }})
				if m.dcos != c.stays || (err != nil) != c.stays {
					t.Errorf("DC/OS is there: %t; %v", m.dcos, err)
				}
				var gate *fleet.GateError
				if c.stays && (!errors.As(err, &gate) || !gate.Outage || !strings.Contains(err.Error(), "no answer")) {
					t.Errorf("%v", err)
				}
				if (opened > 0) != c.opened || c.opened && !c.stays && opened != 1 {
					t.Errorf("it was asked for %d times", opened)
				}
				if (len(warned) > 0) != c.warned || c.warned && (len(warned) > 1 || warned[0].Name != fleet.NoOutageLock) {
					t.Errorf("warned of %v", warned)
				}
			})
		})
	}
}

// TestPassTakes holds when a pass takes what keeps others away: last, in its turn,
// and not when nobody is asked; and that a gate is not closed for longer because
// of it.
func TestPassTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, taken := fleet.New(), 0
		var held error
		w := fleet.Turn{Cluster: "one", Host: "m1", Role: node.Master, Kind: fleet.Change, Pass: &fleet.Pass{}}
		w.Pass.Take = func() error {
			taken++
			time.Sleep(time.Second)
			return held
		}
		err := c.Do(t.Context(), w, func(ctx context.Context) error {
			if _, err := w.Pass.Ask(errors.New("2 of 3 masters serve"), true); err == nil || taken > 0 {
				t.Errorf("taken %d times: %v", taken, err)
			}
			if _, err := w.Pass.Ask(nil, true); err != nil || taken != 1 {
				t.Errorf("taken %d times: %v", taken, err)
			}
			held = errors.New("another run has it")
			begun := time.Now()
			err := ask(ctx, w.Pass, func() error { return nil })
			if took := time.Since(begun); took > fleet.Patience+5*time.Second || took < fleet.Patience-5*time.Second {
				t.Errorf("it took %s", took)
			}
			return err
		})
		var gate *fleet.GateError
		if !errors.As(err, &gate) || !strings.Contains(err.Error(), "another run has it") {
			t.Errorf("%v", err)
		}
		w = fleet.Turn{Cluster: "two", Host: "m1", Role: node.Master, Kind: fleet.Removal, EnsembleGoes: true, Pass: &fleet.Pass{}}
		taken = 0
		w.Pass.Take = func() error { taken++; return errors.New("no") }
		err = c.Do(t.Context(), w, func(context.Context) error {
			_, err := w.Pass.Ask(errors.New("no quorum"), true)
			return err
		})
		if err != nil || taken != 0 {
			t.Errorf("taken %d times: %v", taken, err)
		}
	})
}

// A master that waits at a gate which has closed again, in service, keeps nobody
// from mending another one: the lock is given back meanwhile. What broke before is
// no way to the ensemble any more.
func TestLockWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e outagetest.Ensemble
		m := &fakeMachine{id: "m1", dcos: true, breakAt: "gate+uninstall"}
		f := m.fleet(t.TempDir())
		var way outage.Dial
		f.Outages = func(ctx context.Context, dial outage.Dial, others []string) (outage.Register, error) {
			way = dial
			return e.Open(ctx, dial, others)
		}
		m.sees = func() []bool {
			if m.gates > 1 && m.gates < 6 {
				if _, err := way(t.Context(), "10.0.0.2", outage.Port); err == nil || !strings.HasSuffix(err.Error(), "connection 2") {
					t.Errorf("the way is %v", err)
				}
			}
			if held := e.Record() != nil; held != (m.gates == 2) && m.gates < 6 {
				t.Errorf("it is held at question %d: %t", m.gates, held)
			}
			return []bool{true, m.gates < 2 || m.gates > 5, true}
		}
		if _, err := f.Remove(t.Context(), hostAt(node.Master), fleet.Terms{}); err != nil {
			t.Error(err)
		}
		if m.gates < 6 {
			t.Errorf("%d questions", m.gates)
		}
	})
}

// TestConfirm has exhibitor say of masters that they serve when their ZooKeepers have
// ceased to: what those say themselves keeps a master in service, until they serve.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serving []bool            // as exhibitor says
		servers map[string]string // what a server says until the given question; "" is that nobody can tell
		until   int
		asked   string // of whom, at one question
		stays   bool
	}{
		"one is out":                     {[]bool{true, true, true}, map[string]string{"10.0.0.3": "no"}, 100, "10.0.0.2 10.0.0.3", true},
		"one is out for a while":         {[]bool{true, true, true}, map[string]string{"10.0.0.3": "no"}, 4, "10.0.0.2 10.0.0.3", false},
		"of one nobody can tell":         {[]bool{true, true, true}, map[string]string{"10.0.0.3": ""}, 100, "10.0.0.2 10.0.0.3", false},
		"one of five":                    {[]bool{true, true, true, true, true}, map[string]string{"10.0.0.3": "no"}, 100, "", false},
		"two of five, one of them known": {[]bool{true, true, false, true, true}, map[string]string{"10.0.0.4": "no"}, 100, "", true},
		"it does not serve itself":       {[]bool{false, true, true}, map[string]string{"10.0.0.1": "no", "10.0.0.3": "no"}, 100, "", false},
		"it serves itself again":         {[]bool{false, true, true}, map[string]string{"10.0.0.3": "no"}, 100, "", true},
		"it serves, and another is down": {[]bool{false, true, false}, nil, 100, "", true},
		"it serves, and so do the rest":  {[]bool{false, true, true}, nil, 100, "", false},
		"it does not serve for a moment": {[]bool{false, true, false}, map[string]string{"10.0.0.1": "no"}, 1, "", true},
		"nobody can tell of itself":      {[]bool{false, true, false}, map[string]string{"10.0.0.1": ""}, 100, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &fakeMachine{id: "m1", dcos: true, serving: c.serving}
				m.sees = func() []bool { return c.serving }
				f := m.fleet(t.TempDir())
				var mu sync.Mutex
				var asked []string
				f.Serves = func(_ context.Context, _ outage.Dial, server string) (serves, known bool) {
					mu.Lock()
					defer mu.Unlock()
					asked = append(asked, server)
					says, told := c.servers[server]
					return !told || len(asked) > 2*c.until, !told || says != ""
				}
				_, err := f.Remove(t.Context(), masterAt(1), fleet.Terms{})
				if m.dcos != c.stays || (err != nil) != c.stays {
					t.Errorf("DC/OS is there: %t; %v", m.dcos, err)
				}
				var gate *fleet.GateError
				if c.stays && (!errors.As(err, &gate) || !gate.Outage || !strings.Contains(err.Error(), "has yet to notice")) {
					t.Errorf("%v", err)
				}
				if c.asked != "" {
					first := slices.Sorted(slices.Values(asked[:2]))
					if got := strings.Join(first, " "); got != c.asked {
						t.Errorf("asked %q", asked)
					}
				}
				if c.until < 100 && len(asked) <= 2*c.until {
					t.Errorf("it was asked %d times: it did not wait", len(asked))
				}
			})
		})
	}
}
