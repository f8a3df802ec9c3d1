// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// segments is a connection that keeps each write by itself.
type segments struct {
	net.Conn
	mu     sync.Mutex
	writes []string
	err    error
	closed bool
}

func (s *segments) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *segments) Close() error {
	s.closed = true
	return nil
}

func send(t *testing.T, w *wire, text string) {
	t.Helper()
	if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
}

func (s *segments) want(t *testing.T, writes ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.writes, writes) {
		t.Errorf("written: %q, want %q", s.writes, writes)
	}
	s.writes = nil
}

// What is written between hold and release leaves in one piece.
func TestWireHold(t *testing.T) {
	t.Parallel()
	s := &segments{}
	w := &wire{Conn: s}
	send(t, w, "a")
	s.want(t, "a")

	w.hold()
	send(t, w, "b")
	w.hold() // somebody else
	send(t, w, "c")
	w.release()
	send(t, w, "d")
	s.want(t)
	w.release()
	s.want(t, "bcd")
	if n := w.written.Load(); n != 4 {
		t.Errorf("%d bytes counted", n)
	}
	send(t, w, "e")
	s.want(t, "e")

	w.hold()
	w.release()
	s.want(t)

	// More than there is room for goes on at once, in its order.
	long := strings.Repeat("x", holdMost)
	w.hold()
	send(t, w, "f")
	send(t, w, long)
	s.want(t, "f", long)
	send(t, w, "g")
	w.release()
	s.want(t, "g")
}

// Nobody waits for longer than a moment for what was held back, not even one
// who never lets go.
func TestWireHoldExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &segments{}
		w := &wire{Conn: s}
		w.hold()
		send(t, w, "a")
		send(t, w, "b")
		time.Sleep(holdLimit - 1)
		synctest.Wait()
		s.want(t)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		s.want(t, "ab")
		send(t, w, "c") // it has been held for long enough
		s.want(t, "c")
		w.release()
		w.hold()
		send(t, w, "d")
		s.want(t)
		w.release()
		s.want(t, "d")
	})
}

// A write that was held back and then failed is the next one's error, and ends
// the connection, so that who reads sees it too.
func TestWireHoldFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := &segments{err: broken}
	w := &wire{Conn: s}
	w.hold()
	send(t, w, "a")
	if s.closed {
		t.Error("closed too early")
	}
	w.release()
	if !s.closed {
		t.Error("the connection is not closed")
	}
	if _, err := w.Write([]byte("b")); !errors.Is(err, broken) {
		t.Errorf("have %v", err)
	}
}
