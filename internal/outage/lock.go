// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Steady is for how long a master has to be seen serving after its holder is
// gone, before another one takes the lock: exhibitor may need as long to see that
// the master was stopped by the last word that its holder got through. In DC/OS it
// looks at its ZooKeeper every 30 s (check-ms in
// packages/exhibitor/extra/start_exhibitor.py of dcos/dcos).
const Steady = 40 * time.Second

// attempts bounds how often Take begins again because another one was quicker.
const attempts = 5

var (
	// ErrNone is a register's answer where there is no record.
	ErrNone = errors.New("there is no record")
	// ErrChanged is a register's answer where another one was quicker: the
	// record that was to be made is there, or has another version or none.
	ErrChanged = errors.New("another one has changed the record")
)

// A Register is where an ensemble keeps its one record, and who of the holders is
// alive. Operations are atomic, and everybody sees them in one order; each ends
// with its context. An operation that fails by anything else than ErrNone and
// ErrChanged may have been done.
type Register interface {
	// Announce says that a holder is alive, until Close, or until nothing is
	// heard of this process for a while. It may be repeated.
	Announce(ctx context.Context, holder string) error
	// Alive reports whether a holder is announced.
	Alive(ctx context.Context, holder string) (bool, error)
	// Read gives the record and its version, which no other record ever has, nor
	// had. The error is ErrNone if there is none.
	Read(ctx context.Context) (record []byte, version string, err error)
	// Create makes the record. The error is ErrChanged if there is one.
	Create(ctx context.Context, record []byte) error
	// Write changes the record if it has that version, and Delete takes it away
	// then. The error is ErrChanged if it does not.
	Write(ctx context.Context, record []byte, version string) error
	Delete(ctx context.Context, version string) error
	// Close ends the announcements. It may be repeated.
	Close()
}

// A Master is one of the ensemble's.
type Master struct {
	// Names are those under which the ensemble may know it.
	Names []string `json:"names"`
	// MachineID is that of its machine; "" if it is not known.
	MachineID string `json:"machine_id,omitempty"`
}

// is reports whether two are the same.
func (m Master) is(other Master) bool {
	if m.MachineID != "" && other.MachineID != "" {
		return m.MachineID == other.MachineID
	}
	return slices.ContainsFunc(m.Names, func(n string) bool { return slices.Contains(other.Names, n) })
}

func (m Master) String() string {
	if len(m.Names) > 0 {
		return m.Names[0]
	}
	return m.MachineID
}

// A Standing is what an ensemble says of one of its masters.
type Standing int

// What an ensemble says of one of its masters.
const (
	Unlisted Standing = iota // nothing: it is none of them
	Out                      // it does not serve
	Serving
)

// A record is what the register keeps while a master is, or is about to be, out.
type record struct {
	Master
	Holder string    `json:"holder"` // random, of one operation
	Run    string    `json:"run"`
	Since  time.Time `json:"since"` // by the holder's clock: for people
	// Removed says that the master has been removed, and that the record stays
	// until the ensemble has noticed.
	Removed bool `json:"removed,omitempty"`
}

// A HeldError says that the lock is another's.
type HeldError struct {
	Master string // that is, or is about to be, out
	Run    string
	Since  time.Time
	Alive  bool // its holder is there
	Why    string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("the master %s was taken out of service by another run (%s, since %s), %s",
		e.Master, e.Run, e.Since.UTC().Format(time.RFC3339), e.Why)
}

// A Lock is that of an ensemble for one operation on one of its masters. Make
// it with [New]. It is not safe for concurrent use.
type Lock struct {
	register Register
	own      record
	held     bool // the record is its own, or may be
	steady   time.Duration
	stale    staleness
}

// staleness is since when a version of another's record has been seen free to be
// taken over.
type staleness struct {
	version string
	since   time.Time
}

// New makes one that is not taken. Close closes the register.
func New(register Register, master Master, run string) *Lock {
	if run == "" {
		run = "a run without a name"
	}
	master.Names = slices.DeleteFunc(slices.Clone(master.Names), func(n string) bool { return n == "" })
	return &Lock{register: register, own: record{Master: master, Run: run, Holder: rand.Text()}, steady: Steady}
}

// Held reports whether the lock may have been taken and not been given back.
func (l *Lock) Held() bool { return l.held }

// Close ends it. What is taken and has not been given back stays taken for as
// long as its master does not serve.
func (l *Lock) Close() { l.register.Close() }

// Take takes the lock, or makes sure that it is still held. standing says what
// the ensemble says of a master at that moment. The error is a [*HeldError] if it
// is another's.
func (l *Lock) Take(ctx context.Context, standing func(Master) Standing) error {
	// First of all: a record whose holder is not announced is taken over.
	if err := l.register.Announce(ctx, l.own.Holder); err != nil {
		return fmt.Errorf("announcing a holder: %w", err)
	}
	for range attempts {
		if err := l.try(ctx, standing); !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return errors.New("taking the ensemble's lock: others are always quicker")
}

// try does it once. The error is ErrChanged if another one was quicker.
func (l *Lock) try(ctx context.Context, standing func(Master) Standing) error {
	now, version, err := l.read(ctx)
	switch {
	case errors.Is(err, ErrNone):
		l.stale, l.held = staleness{}, true
		return doing("taking the ensemble's lock", l.register.Create(ctx, l.text(false)))
	case err != nil:
		return err
	case l.owns(now):
		l.held = true
		return nil
	}
	l.held = false
	// The lock on the host keeps two from one master: its own is a former run's.
	if !now.is(l.own.Master) {
		if err := l.judge(ctx, now, version, standing(now.Master)); err != nil {
			return err
		}
	}
	l.held = true
	return doing("taking the ensemble's lock over", l.register.Write(ctx, l.text(false), version))
}

// judge says why another master's record is not to be taken over, nil if it is.
func (l *Lock) judge(ctx context.Context, other record, version string, standing Standing) error {
	held := &HeldError{Master: other.String(), Run: other.Run, Since: other.Since}
	if !other.Removed {
		alive, err := l.register.Alive(ctx, other.Holder)
		if err != nil {
			return doing("asking for the holder of the ensemble's lock", err)
		}
		if alive {
			l.stale, held.Alive, held.Why = staleness{}, true, "which has not given it back yet"
			return held
		}
	}
	switch {
	case other.Removed && standing != Serving:
		return nil // whoever judges the ensemble counts it as gone
	case standing == Out:
		l.stale, held.Why = staleness{}, "which has ended, and it does not serve: apply that master, or remove or replace it, first"
		return held
	}
	if l.stale.version != version {
		l.stale = staleness{version, time.Now()}
	}
	if time.Since(l.stale.since) < l.steady {
		held.Why = fmt.Sprintf("which has ended; the lock is free when it has been serving for %s", l.steady)
		return held
	}
	return nil
}

// Release gives the lock back: the master serves. It does nothing if it is not
// held.
func (l *Lock) Release(ctx context.Context) error {
	return l.giveBack(ctx, func(version string) error { return l.register.Delete(ctx, version) })
}

// Removed gives the lock back when its master is gone for good: it is free for
// whoever sees that the master does not serve. It does nothing if it is not
// held.
func (l *Lock) Removed(ctx context.Context) error {
	return l.giveBack(ctx, func(version string) error { return l.register.Write(ctx, l.text(true), version) })
}

func (l *Lock) giveBack(ctx context.Context, how func(version string) error) error {
	if !l.held {
		return nil
	}
	now, version, err := l.read(ctx)
	switch {
	case errors.Is(err, ErrNone) || err == nil && !l.owns(now):
		// Whoever has it now has taken it over while this process was silent.
	case err != nil:
		return err
	default:
		if err := how(version); err != nil && !errors.Is(err, ErrChanged) {
			return doing("giving the ensemble's lock back", err)
		}
	}
	l.held = false
	return nil
}

// owns reports whether a record is that of this lock.
func (l *Lock) owns(r record) bool { return r.Holder == l.own.Holder && !r.Removed }

func (l *Lock) read(ctx context.Context) (record, string, error) {
	text, version, err := l.register.Read(ctx)
	if err != nil {
		return record{}, "", doing("reading the ensemble's lock", err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, "", fmt.Errorf("reading the ensemble's lock: it is no record of this provider's: %w", err)
	}
	return r, version, nil
}

// text is its own record.
func (l *Lock) text(removed bool) []byte {
	r := l.own
	r.Since, r.Removed = time.Now(), removed
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a time
	}
	return text
}

// doing says what was being done when an error came.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
