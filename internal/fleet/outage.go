// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
)

const (
	// lockTimeout bounds the taking of the ensemble's lock, and backTimeout its
	// giving back. The script that waits for the answer does so for 20 s (gate.sh).
	lockTimeout = 8 * time.Second
	backTimeout = 5 * time.Second
	// askTimeout bounds how long the masters' own servers are asked.
	askTimeout = 6 * time.Second
	// electionAsks is how often one that may be choosing a leader is asked, a second
	// apart: in the tests of ensembles it takes 0.6 s.
	electionAsks = 4
	// lastTimeout bounds how long a visit that has failed asks whether its master
	// serves, to give the lock back: exhibitor may wait for one that is not there.
	lastTimeout = 45 * time.Second
)

// NoOutageLock is the name of the finding on an ensemble that gives no lock.
const NoOutageLock = "no-outage-lock"

// An outageLock is a visit's hold on the lock of its ensemble.
type outageLock struct {
	*outage.Lock      // nil: it was not asked for yet
	none         bool // the ensemble gives none

	mu   sync.Mutex
	conn Conn // by which the ensemble is reached, the newest
}

// lead has the lock use a connection from now on.
func (l *outageLock) lead(conn Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

// dial is an [outage.Dial].
func (l *outageLock) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	return conn.DialThrough(ctx, host, port)
}

// take takes the ensemble's lock for the master's outage, or makes sure that it
// has it: nil says so. Who is alone needs none, and to whom it is not given, nor
// to anybody else, goes without. A master that is out already keeps it from
// others if it can.
func (v *visit) take(ctx context.Context, h node.Health) error {
	if len(h.Masters) <= 1 {
		return nil
	}
	if err := v.takeLock(ctx, h); err != nil {
		return err
	}
	return v.confirm(ctx, h)
}

func (v *visit) takeLock(ctx context.Context, h node.Health) error {
	if v.Outages == nil || v.lock.none {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	err := v.tryLock(ctx, h)
	var none *outage.NoLockError
	switch m, listed := h.Find(v.names(h)...); {
	case err == nil:
		return nil
	case errors.As(err, &none):
		v.lock.none = true
		v.noLock(none)
		return nil
	case listed && !m.Serving():
		return nil
	}
	return err
}

func (v *visit) tryLock(ctx context.Context, h node.Health) error {
	names := v.names(h)
	if v.lock.Lock == nil {
		var others []string // those that serve first: the others may take their time not to answer
		for _, m := range h.Masters {
			switch {
			case slices.Contains(names, m.Address):
			case m.Serving():
				others = slices.Insert(others, 0, m.Address)
			default:
				others = append(others, m.Address)
			}
		}
		register, err := v.Outages(ctx, v.lock.dial, others)
		if err != nil {
			return err
		}
		v.lock.Lock = outage.New(register, outage.Master{Names: names, MachineID: v.host.MachineID}, v.Log.Run())
	}
	return v.lock.Take(ctx, func(m outage.Master) outage.Standing {
		switch found, listed := h.Find(m.Names...); {
		case !listed:
			return outage.Unlisted
		case found.Serving():
			return outage.Serving
		}
		return outage.Out
	})
}

// confirm asks those masters of which exhibitor says that they serve whether they do:
// that is what it was when it last looked. And it asks this one if exhibitor says that
// it does not: it may have looked while the others chose another leader, and who is
// taken for one that is out has nothing in its way. nil says that the ensemble can do
// without this master. Where there is no lock, there is no ZooKeeper that could be asked
// either, or no way to it.
func (v *visit) confirm(ctx context.Context, h node.Health) error {
	if v.Serves == nil || v.lock.none {
		return nil
	}
	names := v.names(h)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	masters := slices.Clone(h.Masters)
	var wg sync.WaitGroup
	for i, m := range masters {
		self := slices.Contains(names, m.Address)
		switch {
		case self && !m.Serving():
			wg.Go(func() {
				if v.servesSoon(ctx, m.Address) {
					masters[i].Status = "serving"
				}
			})
		case !self && m.Serving():
			wg.Go(func() {
				if serves, known := v.Serves(ctx, v.lock.dial, m.Address); known && !serves {
					masters[i].Status = "not serving"
				}
			})
		}
	}
	wg.Wait()
	h.Masters = masters
	if reason := h.RiskWithout(names...); reason != "" {
		return errors.New(reason + "; exhibitor has yet to notice that")
	}
	return nil
}

// servesSoon reports whether a master's own ZooKeeper serves, or does so soon: while a
// leader is chosen none serves, and each counts.
func (v *visit) servesSoon(ctx context.Context, server string) bool {
	for range electionAsks {
		serves, known := v.Serves(ctx, v.lock.dial, server)
		if serves || !known {
			return serves && known
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Second):
		}
	}
	return false
}

// noLock tells that the ensemble gives no lock: the run log, and the user if
// somebody can mend that.
func (v *visit) noLock(err *outage.NoLockError) {
	stage := v.log.Stage("turn")
	stage.Progress(err.Error(), 0)
	stage.Finish()
	if !err.Foreign && v.warn != nil {
		v.warn(node.Finding{
			Name: NoOutageLock, Severity: node.SeverityWarning, Found: err.Err.Error(),
			Needed: "the ensemble's ZooKeeper, through SSH: its lock keeps two runs that know nothing of each other from taking out two " +
				"masters at once",
			Hint: "let no other run change or remove masters of this cluster at the same time",
		})
	}
}

// serves gives the lock back: the master serves.
func (v *visit) serves(ctx context.Context) {
	if v.lock.Lock == nil || !v.lock.Held() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, backTimeout)
	defer cancel()
	_ = v.lock.Release(ctx) // whoever wants it takes it over, since the master serves
}

// ended gives the lock back after an operation that failed, if the master serves
// all the same.
func (v *visit) ended(ctx context.Context) {
	if v.lock.Lock == nil || !v.lock.Held() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastTimeout)
	defer cancel()
	if v.gate(ctx, false, node.Health.Unwell) == nil {
		v.serves(ctx)
	}
}

// removed gives the lock back: the master is gone.
func (v *visit) removed(ctx context.Context) {
	if v.lock.Lock == nil || !v.lock.Held() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastTimeout)
	defer cancel()
	err := v.lock.Removed(ctx)
	if err != nil && v.again != nil { // by the connection that is closed
		if err = v.dial(ctx); err == nil {
			err = v.lock.Removed(ctx)
		}
	}
	if err != nil && v.warn != nil {
		v.warn(node.Finding{
			Name: NoOutageLock, Severity: node.SeverityWarning, Found: err.Error(),
			Needed: "the ensemble told that this master is gone, so that others can be changed",
			Hint: "replace the master: others are not taken out of service before the ensemble has it, or another in its place, " +
				"or does not list it any more",
		})
	}
}

// end ends the visit.
func (v *visit) end() {
	if v.lock.Lock != nil {
		v.lock.Close()
	}
	v.close()
}
