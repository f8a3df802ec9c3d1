// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Conn is a connection to a host. It is safe for use by many goroutines.
type Conn struct {
	client *Client
	route  *route
	root   rootMode
	dd     atomic.Int32 // what is known of the host's: 0 if nothing is

	mu         sync.Mutex
	closing    bool
	closed     bool
	transports []*transport      // the first is the one that was dialled
	endings    []<-chan struct{} // of scripts that were stopped
	spent      [2]int64          // traffic of those that are over
	lockToken  string            // "" until the lock is taken
	noSFTP     bool

	keeping semaphore // of one, who uses keeper
	keeper  *keeper   // nil until it is needed

	working    semaphore // of one, who makes the work directory
	uploading  semaphore // of one Upload at a time
	locking    semaphore // of one Lock
	progressMu sync.Mutex
}

func newConn(c *Client, r *route, t *transport) *Conn {
	one := func() semaphore { return newSemaphore(1) }
	return &Conn{client: c, route: r, transports: []*transport{t}, keeping: one(), working: one(), uploading: one(), locking: one()}
}

// Target is what was dialled, with the client's defaults filled in.
func (c *Conn) Target() Target { return c.route.target }

// HostKey is the key that the host showed and that was accepted, in
// authorized_keys form. Of a certificate it is the key in it.
func (c *Conn) HostKey() string { return authorizedKey(c.primary().hostKey) }

// JumpKeys are the keys that the jump hosts on the way have shown, for the
// Target of the next time; nil where there are none, and under [Ignore].
func (c *Conn) JumpKeys() map[string]string {
	through := c.primary().through
	if len(through) == 0 || c.client.keys.policy == Ignore {
		return nil
	}
	keys := make(map[string]string, len(through))
	for i, t := range through {
		keys[c.route.hops[i].way] = authorizedKey(t.hostKey)
	}
	return keys
}

// Traffic is the number of bytes sent to and received from the host so far.
func (c *Conn) Traffic() (sent, received int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent, received = c.spent[0], c.spent[1]
	for _, t := range c.transports {
		sent += t.wire.written.Load()
		received += t.wire.read.Load()
	}
	return sent, received
}

func (c *Conn) host() string { return c.route.end.label }
func (c *Conn) user() string { return c.route.end.user }

// primary is the connection that stands for all: the one that was dialled or, where each
// ends with its session, the latest that is there.
func (c *Conn) primary() *transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range slices.Backward(c.transports) {
		if t.once && t.alive() {
			return t
		}
	}
	return c.transports[0]
}

// Close removes the work directory, releases the lock and closes the
// connection. It takes the host 20 seconds at most.
func (c *Conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.client.limits.dismiss)
	defer cancel()
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return nil
	}
	c.closing = true
	c.mu.Unlock()
	c.settle(ctx)
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.dismissKeeper(ctx)
	c.mu.Lock()
	transports, token := c.transports, c.lockToken
	c.mu.Unlock()
	if token != "" && c.primary().alive() {
		c.client.locks.remove(c.route.end.address(), token)
	}
	for _, t := range transports {
		t.shut()
	}
	c.client.connections.release()
	return err
}

// start runs a command on one of the connection's transports. A server that
// allows fewer sessions to a connection than are needed (MaxSessions) gets
// another connection.
func (c *Conn) start(ctx context.Context, word string, cmd command) (*process, error) {
	return onSession(ctx, c, func(t *transport) (*process, error) {
		return t.start(ctx, word, cmd)
	})
}

// onSession opens something that takes a session of a transport. What it opens
// must give its place back through transport.leave.
func onSession[T any](ctx context.Context, c *Conn, open func(*transport) (T, error)) (T, error) {
	var zero T
	for attempt := 1; ; attempt++ {
		t, err := c.withRoom(ctx)
		if err != nil {
			return zero, err
		}
		v, err := open(t)
		if err == nil {
			return v, nil
		}
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) || attempt > 20 {
			t.leave()
			if ctx.Err() != nil {
				return zero, context.Cause(ctx)
			}
			return zero, t.reason(err)
		}
		if t.full() {
			continue
		}
		// Not one session of ours is open there: the server has not put away
		// the last one yet.
		if err := sleep(ctx, networkWait.after(1)/8); err != nil {
			return zero, err
		}
	}
}

// withRoom gives a transport with room for a session, and takes the place.
func (c *Conn) withRoom(ctx context.Context) (*transport, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errors.New("the connection is closed")
	}
	for i, t := range c.transports {
		if (i == 0 || t.alive()) && t.enter() {
			c.mu.Unlock()
			return t, nil
		}
	}
	first := c.transports[0]
	c.mu.Unlock()
	if !first.once && !first.alive() {
		return nil, first.reason(nil)
	}
	var t *transport
	var err error
	for attempt := 1; attempt <= 5; attempt++ {
		if t, _, _, err = c.client.attempt(ctx, c.route); err == nil || permanent(err) != nil {
			break
		}
		if sleepErr := sleep(ctx, networkWait.after(attempt)); sleepErr != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening one more connection, since the server allows %d session(s) each: %w", max(first.allowed(), 1), err)
	}
	t.enter()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		t.shut()
		return nil, errors.New("the connection is closed")
	}
	c.transports = append(slices.DeleteFunc(c.transports, func(t *transport) bool {
		over := t.once && t.used && !t.alive()
		if over {
			c.spent[0] += t.wire.written.Load()
			c.spent[1] += t.wire.read.Load()
		}
		return over
	}), t)
	return t, nil
}

// enter takes a place for a session, if there is one.
func (t *transport) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.most > 0 && t.sessions >= t.most || t.once && t.used {
		return false
	}
	t.sessions++
	t.used = true
	return true
}

func (t *transport) leave() {
	t.mu.Lock()
	t.sessions--
	over := t.once && t.sessions == 0
	t.mu.Unlock()
	if over {
		t.shut()
	}
}

// full learns from a refused session, whose place it gives back, how many the
// server allows. It is false if none is open.
func (t *transport) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions--
	if t.sessions == 0 {
		return false
	}
	t.most = t.sessions
	return true
}

func (t *transport) allowed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.most
}

// lost makes the error of work that was under way when the connection ended.
func (c *Conn) lost(t *transport, work string, err error) error {
	return &LostError{Host: c.host(), Work: work, Err: t.reason(err)}
}
