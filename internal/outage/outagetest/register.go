// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package outagetest is an ensemble's register in memory, for tests: sessions
// that end or fall silent, and one record. Left out: servers, of which a session
// may lose one and find another.
package outagetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
)

// SessionTimeout is how long a holder is announced after its process died.
const SessionTimeout = 40 * time.Second

// An Ensemble is one. It is safe for concurrent use.
type Ensemble struct {
	mu      sync.Mutex
	record  []byte
	version int // of the record; no two have the same
	down    bool
	alive   map[string]*Session
}

// Down has the register answer nobody, as without a quorum, or again.
func (e *Ensemble) Down(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// Record gives what is there, nil if there is nothing.
func (e *Ensemble) Record() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.record
}

// Open is an [outage.Opener].
func (e *Ensemble) Open(context.Context, outage.Dial, []string) (outage.Register, error) {
	return e.Session(), nil
}

// Session begins one.
func (e *Ensemble) Session() *Session { return &Session{e: e} }

// A Session is that of one process with the register.
type Session struct {
	e     *Ensemble
	mu    sync.Mutex
	timer *time.Timer
	dead  bool
}

var _ outage.Register = (*Session)(nil)

// Die has the process fall silent: who it has announced is so for as long as
// SessionTimeout. It may be called of a session that is closed.
func (s *Session) Die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dead {
		s.dead = true
		s.timer = time.AfterFunc(SessionTimeout, s.end)
	}
}

// Close ends it.
func (s *Session) Close() {
	s.mu.Lock()
	dead := s.dead
	s.dead = true
	s.mu.Unlock()
	if !dead {
		s.end()
	}
}

func (s *Session) end() {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	for holder, of := range s.e.alive {
		if of == s {
			delete(s.e.alive, holder)
		}
	}
}

// do does an operation if the ensemble is there for this session.
func (s *Session) do(ctx context.Context, op func(e *Ensemble) error) error {
	s.mu.Lock()
	dead := s.dead
	s.mu.Unlock()
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case dead || s.e.down:
		return errors.New("the register does not answer")
	}
	return op(s.e)
}

// Announce is as in [outage.Register], as the others are.
func (s *Session) Announce(ctx context.Context, holder string) error {
	return s.do(ctx, func(e *Ensemble) error {
		if e.alive == nil {
			e.alive = map[string]*Session{}
		}
		e.alive[holder] = s
		return nil
	})
}

// Alive reports whether a holder is announced.
func (s *Session) Alive(ctx context.Context, holder string) (alive bool, err error) {
	err = s.do(ctx, func(e *Ensemble) error {
		alive = e.alive[holder] != nil
		return nil
	})
	return alive, err
}

// Read gives the record.
func (s *Session) Read(ctx context.Context) (record []byte, version string, err error) {
	err = s.do(ctx, func(e *Ensemble) error {
		if e.record == nil {
			return outage.ErrNone
		}
		record, version = e.record, strconv.Itoa(e.version)
		return nil
	})
	return record, version, err
}

// Create makes it.
func (s *Session) Create(ctx context.Context, record []byte) error {
	return s.do(ctx, func(e *Ensemble) error {
		if e.record != nil {
			return outage.ErrChanged
		}
		e.record = record
		e.version++
		return nil
	})
}

// Write changes it.
func (s *Session) Write(ctx context.Context, record []byte, version string) error {
	return s.do(ctx, func(e *Ensemble) error {
		if e.record == nil || strconv.Itoa(e.version) != version {
			return outage.ErrChanged
		}
		e.record = record
		e.version++
		return nil
	})
}

// Delete takes it away.
func (s *Session) Delete(ctx context.Context, version string) error {
	return s.do(ctx, func(e *Ensemble) error {
		if e.record == nil || strconv.Itoa(e.version) != version {
			return outage.ErrChanged
		}
		e.record = nil
		return nil
	})
}
