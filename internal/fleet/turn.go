// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

const (
	// Grace is how long a node waits for others that have to come before it
	// and that Terraform may be about to call.
	Grace = 5 * time.Second
	// Patience is how long a gate may stay closed.
	Patience = 5 * time.Minute
	// RemovalPatience is how long it may before a removal: an ensemble whose
	// master has just come back is well again by then, and nothing of what is
	// planned behind a removal mends one that is not.
	RemovalPatience = time.Minute
	// probeInterval is how often a closed gate is tried.
	probeInterval = 2 * time.Second
)

// A Kind is what happens to a node.
type Kind int

// What happens to a node.
const (
	FirstInstall Kind = iota // the node is not part of its cluster yet
	Change                   // it gets another bundle
	Repair                   // it is put right and keeps its bundle
	Removal                  // the node leaves
)

// A Turn is one node's operation as the coordinator orders it.
type Turn struct {
	Cluster string
	Host    string
	Role    node.Role
	Kind    Kind
	// Masters is the size of the ensemble; 0 if it is not known. When so many
	// have changed, no agent waits for more.
	Masters int
	// MaxUnavailable bounds how many agents of the cluster are out of service
	// for a change or a repair at once, those that others change counted; 0
	// does not.
	MaxUnavailable int
	// Connect connects to the host when its turn has come: who waits must not
	// hold a connection, or those that are waited for may get none. May be nil.
	Connect func(ctx context.Context) error
	// Out says of the error of an agent's operation whether the node is out of
	// service since. It keeps its place then. Nil: it is not.
	Out func(err error) bool
	// EnsembleGoes is as in [Terms].
	EnsembleGoes bool
	// Before and After are gates around a master's change, and Before is the
	// one of its removal: they give the reason why it may not go on, nil if it
	// may, and are asked until then, for as long as Patience. They run while no
	// other master of the cluster changes. Either may be nil.
	Before, After func(ctx context.Context) error
	// Pass is the gate at the moment of the outage. It may be nil.
	Pass *Pass
	Log  *runlog.Scope
}

func (t *Turn) master() bool { return t.Role == node.Master }

// patience is how long the turn's gates may stay closed before the master is
// out of service.
func (t *Turn) patience() time.Duration {
	if t.Kind == Removal {
		return RemovalPatience
	}
	return Patience
}

// A Coordinator orders the turns of one process. Make it with [New]; it is
// safe for concurrent use.
type Coordinator struct {
	mu       sync.Mutex
	clusters map[string]*cluster
}

// New gives a coordinator that knows of no cluster yet.
func New() *Coordinator { return &Coordinator{clusters: map[string]*cluster{}} }

// Arrive announces an operation from the moment on in which it was called, which
// may be long before its host can be reached. leave says that it is over.
func (c *Coordinator) Arrive(name string, role node.Role, kind Kind) (leave func()) {
	cl := c.cluster(name)
	cl.arrive(role == node.Master, kind)
	return sync.OnceFunc(func() { cl.leave(role == node.Master, kind) })
}

// Do does an operation when it is its turn.
func (c *Coordinator) Do(ctx context.Context, t Turn, do func(ctx context.Context) error) error {
	cl := c.cluster(t.Cluster)
	defer c.Arrive(t.Cluster, t.Role, t.Kind)()
	switch {
	case t.Kind == FirstInstall && t.master() && t.Pass != nil:
		return cl.installMaster(ctx, &t, do)
	case t.Kind == FirstInstall:
		return t.run(ctx, do)
	case t.Kind == Removal && t.master():
		return cl.removeMaster(ctx, &t, do)
	case t.Kind == Removal:
		return t.run(ctx, do)
	case t.master():
		return cl.changeMaster(ctx, &t, do)
	}
	mayChange := func(now time.Time) (bool, time.Time, error) {
		return cl.mayChangeAgent(&t, now)
	}
	if err := cl.await(ctx, &t, "waiting for the masters to be changed and for other agents to be back", mayChange); err != nil {
		return err
	}
	err := t.run(ctx, do)
	cl.set(func() {
		if err != nil && t.Out != nil && t.Out(err) {
			cl.agentsLost++
		} else {
			cl.agentsOut--
		}
	})
	return err
}

// run connects and does the operation.
func (t *Turn) run(ctx context.Context, do func(ctx context.Context) error) error {
	if t.Connect != nil {
		if err := t.Connect(ctx); err != nil {
			return err
		}
	}
	return do(ctx)
}

// changeMaster changes a master in its turn, between its gates.
func (cl *cluster) changeMaster(ctx context.Context, t *Turn, do func(ctx context.Context) error) error {
	if err := cl.open(ctx, t, "waiting for another master of the cluster to be done"); err != nil {
		return err
	}
	defer cl.set(func() { cl.release(t) })
	return cl.conclude(ctx, t, do(ctx))
}

// installMaster installs a master. That is free, unless it turns out that one is
// there already which has to be stopped for it: then it has the turn from the gate
// at its outage on, as a change.
func (cl *cluster) installMaster(ctx context.Context, t *Turn, do func(ctx context.Context) error) error {
	t.Pass.cl, t.Pass.turn = cl, t
	defer cl.set(func() { cl.release(t) })
	err := t.run(ctx, do)
	if !t.Pass.through {
		return err
	}
	return cl.conclude(ctx, t, err)
}

// conclude goes through the gate behind a master's change, and notes how it ended.
func (cl *cluster) conclude(ctx context.Context, t *Turn, err error) error {
	if err == nil && t.After != nil {
		if err = cl.pass(ctx, t.After); err != nil && ctx.Err() == nil {
			err = &GateError{Host: t.Host, After: true, Err: err}
		}
	}
	if err != nil {
		// An interrupted apply stops everything by itself.
		if ctx.Err() == nil && !heldBack(err) {
			cl.set(func() { cl.halted = &HaltedError{By: t.Host, Err: err} })
		}
		return err
	}
	cl.set(func() { cl.atRisk, cl.mastersDone[t.Host] = nil, true })
	return nil
}

// removeMaster removes a master: alone and through its gates like a change, or,
// if the ensemble goes, at once. What the ensemble says afterwards cannot be
// asked, since the one that would answer is gone: that the rest keeps its quorum
// is what the gates before have said, and what those of the next master say.
func (cl *cluster) removeMaster(ctx context.Context, t *Turn, do func(ctx context.Context) error) error {
	if t.EnsembleGoes {
		cl.set(func() { cl.goes = true })
	}
	if err := cl.open(ctx, t, "waiting for the agents of the cluster to be removed and for its masters to be changed"); err != nil {
		return err
	}
	defer cl.set(func() { cl.release(t) })
	err := do(ctx)
	if err != nil && ctx.Err() == nil {
		cl.set(func() {
			if !cl.goes && t.Pass != nil && t.Pass.through {
				cl.halted = &HaltedError{By: t.Host, Err: err}
			}
		})
	}
	return err
}

// heldBack reports whether an operation ended in front of its outage: the master
// serves as before, and others may be mended.
func heldBack(err error) bool {
	var gate *GateError
	return errors.As(err, &gate) && gate.Outage || errors.As(err, new(*HaltedError))
}

// open takes a master's turn with its first gate open. Between two tries the
// turn is free. A master that cannot be reached keeps the agents from going
// ahead of it.
func (cl *cluster) open(ctx context.Context, t *Turn, waiting string) error {
	if t.Pass != nil {
		t.Pass.cl, t.Pass.turn = cl, t
	}
	var deadline time.Time // from when the gate is first found closed: a turn may take long to come
	for connected := t.Connect == nil; ; {
		if err := cl.await(ctx, t, waiting, func(now time.Time) (bool, time.Time, error) { return cl.mayTake(t, now) }); err != nil {
			return err
		}
		if !connected {
			if err := t.Connect(ctx); err != nil {
				cl.set(func() {
					cl.release(t)
					if t.Kind == Change && ctx.Err() == nil {
						cl.missed = &HaltedError{By: t.Host, Missed: true, Err: err}
					}
				})
				return err
			}
			connected = true
		}
		var err error
		if t.Before != nil && !cl.isFree(t) {
			err = t.Before(ctx)
		}
		if err == nil || cl.isFree(t) {
			return nil
		}
		gate := &GateError{Host: t.Host, Err: err}
		cl.set(func() { cl.close(t, gate) })
		if deadline.IsZero() {
			deadline = time.Now().Add(t.patience())
		}
		if ctx.Err() != nil || !time.Now().Add(probeInterval).Before(deadline) {
			return gate
		}
		if sleep(ctx, probeInterval) != nil {
			return gate
		}
	}
}

// A Pass is a master's way through the gate at the moment of its outage, when
// its turn is under way. While the gate is closed the turn is free, so that a
// master can be mended which is the trouble.
type Pass struct {
	// Take takes what keeps other processes from the outage, when nothing of what
	// is known here stands in its way and the turn is the master's. Its error is
	// why it may not be yet. It may be nil.
	Take func() error

	cl       *cluster
	turn     *Turn
	deadline time.Time // of a gate that is closed; zero while it is not
	through  bool      // it was open once, for an outage
}

// Ask is told what stands in the outage's way at that moment, nil if nothing
// does, and answers: nil says go, else whether it may be asked again. stops says
// that the master is out of service behind a go; else it serves on.
func (p *Pass) Ask(risk error, stops bool) (again bool, err error) {
	takes := p.Take != nil && !p.cl.isFree(p.turn)
	p.cl.set(func() { again, err = p.ask(time.Now(), risk, stops, !takes) })
	if err != nil || !takes {
		return again, err
	}
	risk = p.Take()
	p.cl.set(func() { again, err = p.ask(time.Now(), risk, stops, true) })
	return again, err
}

// ask judges what stands in the outage's way, with everything asked or only so
// far. With nothing in the way the turn is the master's.
func (p *Pass) ask(now time.Time, risk error, stops, everything bool) (bool, error) {
	cl, t := p.cl, p.turn
	closed := func(why error) *GateError {
		return &GateError{Host: t.Host, Outage: !p.through, After: p.through, Err: why}
	}
	switch {
	case cl.free(t):
		p.through = p.through || stops
		return false, nil
	case cl.turn == t:
	case cl.halted != nil:
		return false, haltedFor(t.Host, cl.halted)
	case cl.turn != nil: // when that one is done, the ensemble may be well
		return true, closed(errors.New("another of its masters is being worked on"))
	}
	cl.turn = t // again, if it was given away
	switch {
	case risk == nil && everything:
		p.through, p.deadline = p.through || stops, time.Time{}
		return false, nil
	case risk == nil:
		return false, nil
	}
	gate := closed(risk)
	cl.close(t, gate)
	if p.deadline.IsZero() {
		p.deadline = now.Add(t.patience())
	}
	return now.Add(probeInterval).Before(p.deadline), gate
}

// pass tries a gate until it is open.
func (cl *cluster) pass(ctx context.Context, gate func(ctx context.Context) error) error {
	deadline := time.Now().Add(Patience)
	for {
		err := gate(ctx)
		if err == nil || ctx.Err() != nil || !time.Now().Add(probeInterval).Before(deadline) {
			return err
		}
		if sleep(ctx, probeInterval) != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Coordinator) cluster(name string) *cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl, ok := c.clusters[name]
	if !ok {
		now := time.Now()
		cl = &cluster{
			here: map[arrival]int{}, mastersDone: map[string]bool{}, wants: map[Member]bool{}, offers: map[Member]string{},
			changed: make(chan struct{}), lastMaster: now, lastAgent: now,
		}
		c.clusters[name] = cl
	}
	return cl
}
