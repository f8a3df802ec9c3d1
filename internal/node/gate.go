// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"time"
)

// Answers to the question of gate.sh.
const (
	gateGo   = "go"
	gateWait = "wait"
	gateNo   = "no"
)

// disturb makes a round trip of a stage that takes the node out of service. With [Options.Gate], the script asks
// first, over the connection that is open anyway; what it is to do goes out with
// the go. begun names a unit that runs when the outage has begun already, over a
// connection that has broken since; "" if there is none.
func (s *session) disturb(ctx context.Context, stage, begun string, c call) (*frame, error) {
	return s.ask(ctx, stage, begun, true, c)
}

// overwrite is disturb for a round trip that writes over what the node's services
// read, and stops none of them.
func (s *session) overwrite(ctx context.Context, stage string, c call) (*frame, error) {
	return s.ask(ctx, stage, "", false, c)
}

func (s *session) ask(ctx context.Context, stage, begun string, stops bool, c call) (*frame, error) {
	if s.opts.Gate == nil || s.bound {
		s.outage()
		return s.do(ctx, stage, c)
	}
	st, err := s.enter(stage)
	if err != nil {
		return &frame{}, err
	}
	var refused error
	said := map[string]bool{}
	var closedSince time.Time
	c.scripts, c.args = append([]string{"gate"}, c.scripts...), []string{begun}
	c.timeout += s.opts.GateTimeout
	c.gate = func(h Health, hasBegun bool) string {
		refused = nil
		again, err := false, error(nil)
		if !hasBegun {
			again, err = s.opts.Gate(h, stops)
		}
		if err == nil {
			s.outage()
			return gateGo
		}
		if closedSince.IsZero() {
			closedSince = time.Now()
		}
		switch {
		case closed(s.opts.Stop): // nothing of it has been done
			refused = s.canceled(stage, c.doing)
			return gateNo
		case !again || time.Since(closedSince) > s.opts.GateTimeout:
			refused = err
			return gateNo
		case !said[err.Error()]: // once, though it may be asked a hundred times
			said[err.Error()] = true
			words := "the master stays in service for now: " + err.Error()
			st.Progress(words, 0)
			s.tell(stage, words)
		}
		return gateWait
	}
	f, err := s.do(ctx, stage, c)
	switch {
	case err == nil || slices.Contains(f.ended, "gate"):
		return f, err
	case refused != nil && ctx.Err() == nil:
		return f, &heldError{refused}
	}
	return f, &heldError{err}
}

// A heldError is what kept a script from taking the node out of service. It has
// done nothing, so there is nothing to put back.
type heldError struct{ err error }

func (e *heldError) Error() string { return e.err.Error() }
func (e *heldError) Unwrap() error { return e.err }

// A conversation is a script's standard input that is written while the script
// runs.
type conversation struct {
	mu      sync.Mutex
	more    sync.Cond
	pending bytes.Buffer
	over    bool
}

func newConversation() *conversation {
	c := &conversation{}
	c.more.L = &c.mu
	return c
}

// say adds to it. It never waits: who says something is who takes the script's
// output.
func (c *conversation) say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.pending.WriteString(text)
		c.more.Signal()
	}
}

// end makes it end behind what has been said.
func (c *conversation) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.more.Broadcast()
}

// Read waits for something that was said.
func (c *conversation) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending.Len() == 0 {
		if c.over {
			return 0, io.EOF
		}
		c.more.Wait()
	}
	return c.pending.Read(p)
}
