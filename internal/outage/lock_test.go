// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage/outagetest"
)

// master is that of a number.
func master(n int) outage.Master {
	return outage.Master{Names: []string{fmt.Sprintf("10.0.0.%d", n), fmt.Sprintf("m%d", n)}, MachineID: fmt.Sprintf("machine %d", n)}
}

// all says the same of each master.
func all(s outage.Standing) func(outage.Master) outage.Standing {
	return func(outage.Master) outage.Standing { return s }
}

// wantHeld wants an error that says that the lock is another's.
func wantHeld(t *testing.T, err error, by outage.Master, alive bool) {
	t.Helper()
	var held *outage.HeldError
	if !errors.As(err, &held) || held.Alive != alive || !strings.Contains(err.Error(), by.Names[0]) ||
		!strings.Contains(err.Error(), "the run of") {
		t.Fatalf("the lock of %s is not held (by one who is there: %t): %v", by, alive, err)
	}
}

// TestRules holds each row of the table in the package's comment.
func TestRules(t *testing.T) {
	t.Parallel()
	const (
		free   = iota
		steady // free after Steady
		never  // as long as that is so
	)
	type end func(t *testing.T, l *outage.Lock, s *outagetest.Session)
	there := func(*testing.T, *outage.Lock, *outagetest.Session) {}
	dies := func(_ *testing.T, _ *outage.Lock, s *outagetest.Session) {
		s.Die()
		time.Sleep(outagetest.SessionTimeout + time.Second)
	}
	leaves := func(_ *testing.T, l *outage.Lock, _ *outagetest.Session) { l.Close() }
	gives := func(how func(*outage.Lock, context.Context) error) end {
		return func(t *testing.T, l *outage.Lock, _ *outagetest.Session) {
			if err := how(l, t.Context()); err != nil {
				t.Error(err)
			}
			l.Close()
		}
	}
	for name, c := range map[string]struct {
		same     bool // the record names the same master
		end      end  // of the former holder
		standing outage.Standing
		want     int
	}{
		"given back":                   {false, gives((*outage.Lock).Release), outage.Serving, free},
		"its own, former run died":     {true, dies, outage.Out, free},
		"its own, former run is there": {true, there, outage.Out, free},
		"there, serves":                {false, there, outage.Serving, never},
		"there, out":                   {false, there, outage.Out, never},
		"there, unlisted":              {false, there, outage.Unlisted, never},
		"dead, serves":                 {false, dies, outage.Serving, steady},
		"dead, out":                    {false, dies, outage.Out, never},
		"dead, unlisted":               {false, dies, outage.Unlisted, steady},
		"gone, serves":                 {false, leaves, outage.Serving, steady},
		"gone, out":                    {false, leaves, outage.Out, never},
		"removed, serves":              {false, gives((*outage.Lock).Removed), outage.Serving, steady},
		"removed, out":                 {false, gives((*outage.Lock).Removed), outage.Out, free},
		"removed, unlisted":            {false, gives((*outage.Lock).Removed), outage.Unlisted, free},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var e outagetest.Ensemble
				s := e.Session()
				former := outage.New(s, master(1), "the run of 1")
				if err := former.Take(t.Context(), all(outage.Serving)); err != nil {
					t.Fatal(err)
				}
				c.end(t, former, s)
				next := master(2)
				if c.same {
					next = master(1)
				}
				l := outage.New(e.Session(), next, "the run of 2")
				defer l.Close()
				err := l.Take(t.Context(), all(c.standing))
				if c.want == free {
					if err != nil || !l.Held() {
						t.Fatalf("it is not taken: %v", err)
					}
					return
				}
				alive := name[:5] == "there"
				wantHeld(t, err, master(1), alive)
				for range 9 {
					time.Sleep(outage.Steady / 10)
					wantHeld(t, l.Take(t.Context(), all(c.standing)), master(1), alive)
				}
				time.Sleep(outage.Steady / 10)
				if err := l.Take(t.Context(), all(c.standing)); c.want == never {
					wantHeld(t, err, master(1), alive)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Not before a master has been seen serving all the time is its lock free.
func TestSteadyBeginsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e outagetest.Ensemble
		former, l := outage.New(e.Session(), master(1), "the run of 1"), outage.New(e.Session(), master(2), "")
		if err := former.Take(t.Context(), all(outage.Serving)); err != nil {
			t.Fatal(err)
		}
		former.Close()
		for _, s := range []outage.Standing{outage.Serving, outage.Out, outage.Serving} {
			wantHeld(t, l.Take(t.Context(), all(s)), master(1), false)
			time.Sleep(outage.Steady * 2 / 3)
		}
		wantHeld(t, l.Take(t.Context(), all(outage.Serving)), master(1), false)
		time.Sleep(outage.Steady / 2)
		if err := l.Take(t.Context(), all(outage.Serving)); err != nil {
			t.Error(err)
		}
	})
}

// TestRace has many go for the lock, when it is free and when it is left behind:
// one has it.
func TestRace(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var e outagetest.Ensemble
			var locks []*outage.Lock
			for i := range 20 {
				locks = append(locks, outage.New(e.Session(), master(i+10), "the run of many"))
			}
			if left {
				former := outage.New(e.Session(), master(1), "the run of 1")
				if err := former.Take(t.Context(), all(outage.Serving)); err != nil {
					t.Fatal(err)
				}
				former.Close()
				for _, l := range locks {
					wantHeld(t, l.Take(t.Context(), all(outage.Serving)), master(1), false)
				}
				time.Sleep(outage.Steady)
			}
			var have atomic.Int32
			var wg sync.WaitGroup
			for _, l := range locks {
				wg.Go(func() {
					if l.Take(t.Context(), all(outage.Serving)) == nil {
						have.Add(1)
					}
				})
			}
			if wg.Wait(); have.Load() != 1 {
				t.Errorf("%d have the lock", have.Load())
			}
		})
	}
}

// What was taken over while its holder was silent is not given back by it, nor
// taken for its own.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e outagetest.Ensemble
		silent, next := outage.New(e.Session(), master(1), "the run of 1"), outage.New(e.Session(), master(1), "the run of 1, again")
		for _, l := range []*outage.Lock{silent, next} {
			if err := l.Take(t.Context(), all(outage.Out)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(silent.Release(t.Context()), silent.Removed(t.Context())); err != nil || silent.Held() {
			t.Error(err)
		}
		other := outage.New(e.Session(), master(2), "the run of 2")
		if err := other.Take(t.Context(), all(outage.Serving)); err == nil || !strings.Contains(err.Error(), "again") {
			t.Errorf("%v", err)
		}
	})
}

// A register that does not answer gives nobody the lock, and what is in it stays.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	var e outagetest.Ensemble
	l := outage.New(e.Session(), master(1), "")
	e.Down(true)
	if err := l.Take(t.Context(), all(outage.Serving)); err == nil || errors.As(err, new(*outage.NoLockError)) || l.Held() {
		t.Errorf("%v", err)
	}
	e.Down(false)
	if err := l.Take(t.Context(), all(outage.Serving)); err != nil {
		t.Fatal(err)
	}
	e.Down(true)
	if err := l.Release(t.Context()); err == nil || !l.Held() {
		t.Errorf("given back to nobody: %v", err)
	}
	e.Down(false)
	if err := l.Release(t.Context()); err != nil || l.Held() || e.Record() != nil {
		t.Errorf("%v; %s", err, e.Record())
	}
}
