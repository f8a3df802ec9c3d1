// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// An arrival is a sort of operation that has been called.
type arrival struct {
	master bool
	kind   Kind
}

// A cluster is what is under way in one cluster.
type cluster struct {
	mu          sync.Mutex
	changed     chan struct{} // closed and replaced whenever something below changes
	here        map[arrival]int
	lastMaster  time.Time // a changing master came or went, or the cluster was first seen
	lastAgent   time.Time // the same of a leaving agent
	turn        *Turn     // of the master that has it; nil: it is free
	goes        bool      // the whole ensemble goes, or its loss is allowed
	mastersDone map[string]bool
	agentsOut   int
	agentsLost  int          // of agentsOut, those whose operation has failed
	atRisk      error        // a master's first gate is closed
	halted      *HaltedError // a master's change has failed
	missed      *HaltedError // a master could not be reached to be changed
	wants       map[Member]bool
	offers      map[Member]string // what is known of them
}

// set changes something, and wakes those who wait.
func (cl *cluster) set(change func()) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	change()
	close(cl.changed)
	cl.changed = make(chan struct{})
}

func (cl *cluster) arrive(master bool, kind Kind) {
	cl.set(func() {
		cl.here[arrival{master, kind}]++
		cl.note(master, kind)
	})
}

func (cl *cluster) leave(master bool, kind Kind) {
	cl.set(func() {
		cl.here[arrival{master, kind}]--
		cl.note(master, kind)
	})
}

func (cl *cluster) note(master bool, kind Kind) {
	switch {
	case master && kind == Change:
		cl.lastMaster = time.Now()
	case !master && kind == Removal:
		cl.lastAgent = time.Now()
	}
}

// await waits until may says yes. may is called with the lock held and takes
// what it allows; it may name a time at which it is to be asked again.
func (cl *cluster) await(ctx context.Context, t *Turn, what string, may func(now time.Time) (bool, time.Time, error)) error {
	var stage *runlog.Stage // begins with the first wait
	defer func() { stage.Finish() }()
	for {
		if ctx.Err() != nil {
			err := fmt.Errorf("%s: %s: %w", t.Host, what, context.Cause(ctx))
			stage.Fail(err, nil, "")
			return err
		}
		cl.mu.Lock()
		ok, again, err := may(time.Now())
		changed := cl.changed
		cl.mu.Unlock()
		if err != nil {
			return haltedFor(t.Host, err)
		}
		if ok {
			return nil
		}
		if stage == nil && t.Log != nil {
			stage = t.Log.Stage("turn")
			stage.Progress(what, 0)
		}
		var timer *time.Timer
		var due <-chan time.Time
		if !again.IsZero() {
			timer = time.NewTimer(time.Until(again))
			due = timer.C
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// mayTake takes the masters' turn if it is free and the master may have it.
func (cl *cluster) mayTake(t *Turn, now time.Time) (bool, time.Time, error) {
	if cl.halted != nil {
		return false, time.Time{}, cl.halted
	}
	if t.Kind == Removal {
		if ok, again := cl.mayRemoveMaster(now); !ok || cl.free(t) {
			return ok, again, nil
		}
	}
	if cl.turn != nil {
		return false, time.Time{}, nil
	}
	cl.turn = t
	return true, time.Time{}, nil
}

// release gives the masters' turn back, if it is that master's.
func (cl *cluster) release(t *Turn) {
	if cl.turn == t {
		cl.turn = nil
	}
}

// close gives the turn away, since the gate is closed.
func (cl *cluster) close(t *Turn, gate *GateError) {
	cl.release(t)
	if t.Kind != Removal { // agents do not come after those
		cl.atRisk = gate
	}
}

// free says that a removal of a master needs neither turn nor gates.
func (cl *cluster) free(t *Turn) bool { return cl.goes && t.Kind == Removal }

func (cl *cluster) isFree(t *Turn) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.free(t)
}

// mayChangeAgent takes a place for an agent that is out of service, if the
// masters are through with theirs.
func (cl *cluster) mayChangeAgent(t *Turn, now time.Time) (bool, time.Time, error) {
	if cl.halted != nil {
		return false, time.Time{}, cl.halted
	}
	if t.Kind == Change {
		if cl.here[arrival{true, Change}] > 0 {
			return false, time.Time{}, nil
		}
		if cl.atRisk != nil {
			return false, time.Time{}, cl.atRisk
		}
		if cl.missed != nil {
			return false, time.Time{}, cl.missed
		}
		all := t.Masters > 0 && len(cl.mastersDone) >= t.Masters
		if until := cl.lastMaster.Add(Grace); !all && now.Before(until) {
			return false, until, nil
		}
	}
	if t.MaxUnavailable > 0 && cl.agentsOut >= t.MaxUnavailable {
		if cl.agentsLost >= t.MaxUnavailable {
			return false, time.Time{}, &UnavailableError{Host: t.Host, Lost: cl.agentsLost, Most: t.MaxUnavailable}
		}
		return false, time.Time{}, nil
	}
	cl.agentsOut++
	return true, time.Time{}, nil
}

// mayRemoveMaster says whether the agents are gone and no master is changed or
// about to be: those that are changed count on the others.
func (cl *cluster) mayRemoveMaster(now time.Time) (bool, time.Time) {
	changing := cl.turn != nil && cl.turn.Kind != Removal
	if changing || cl.here[arrival{true, Change}] > 0 || cl.here[arrival{false, Removal}] > 0 {
		return false, time.Time{}
	}
	last := cl.lastAgent
	if cl.lastMaster.After(last) {
		last = cl.lastMaster
	}
	if until := last.Add(Grace); now.Before(until) {
		return false, until
	}
	return true, time.Time{}
}
