// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// jumpIdle is how long a jump host's connection is kept when nobody uses it:
// the next host's attempt is likely to come.
const jumpIdle = 30 * time.Second

// mostGivenUp is how many calls and channels that were given up a connection to
// a jump host may carry: the memory of some goroutines each. The next user gets
// another connection.
const mostGivenUp = 128

// jumpPool shares the connections to jump hosts among all hosts behind them.
type jumpPool struct {
	perHop int
	// over ends what is being dialled when the pool is closed.
	over context.Context //nolint:containedctx // it is the pool's
	end  context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	jumps  map[string]*jump
	worn   map[*jump]bool // those that have users and get no new ones
}

// jump is a shared connection to a jump host.
type jump struct {
	key   string
	slots semaphore // channels through it

	users int         // under jumpPool.mu
	idle  *time.Timer // closes it, while users is 0

	turn semaphore // of who is dialling: the others wait for its outcome
	t    atomic.Pointer[transport]
}

var errClientClosed = errors.New("the client is closed")

func newJumpPool(perHop int) *jumpPool {
	p := &jumpPool{perHop: perHop, jumps: map[string]*jump{}, worn: map[*jump]bool{}}
	p.over, p.end = context.WithCancelCause(context.Background())
	return p
}

// use gives the connection to the last of the hops, dialling what is not there
// yet. The caller has a slot for one channel until release.
func (p *jumpPool) use(ctx context.Context, c *Client, hops []*hop) (_ *jump, at Step, via string, err error) {
	h := hops[len(hops)-1]
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, StepTCP, h.label, errClientClosed
	}
	j := p.jumps[h.key]
	if j != nil && j.isWorn() {
		p.worn[j] = true
		j = nil
	}
	if j == nil {
		j = &jump{key: h.key, slots: newSemaphore(p.perHop), turn: newSemaphore(1)}
		p.jumps[h.key] = j
	}
	j.users++
	if j.idle != nil {
		j.idle.Stop()
		j.idle = nil
	}
	p.mu.Unlock()

	if err := j.slots.acquire(ctx); err != nil {
		p.leave(j)
		return nil, StepTCP, h.label, fmt.Errorf("waiting for one of %d connections: %w", p.perHop, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.over, func() { cancel(errClientClosed) })()
	if at, via, err := j.connect(ctx, c, hops); err != nil {
		j.slots.release()
		p.leave(j)
		return nil, at, via, err
	}
	return j, StepTCP, "", nil
}

// release gives the slot back.
func (p *jumpPool) release(j *jump) {
	j.slots.release()
	p.leave(j)
}

func (p *jumpPool) leave(j *jump) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.users--
	if j.users > 0 {
		return
	}
	if p.closed || p.worn[j] {
		go p.drop(j)
		return
	}
	j.idle = time.AfterFunc(jumpIdle, func() { p.drop(j) })
}

// drop closes a jump that has no users.
func (p *jumpPool) drop(j *jump) {
	p.mu.Lock()
	if j.users > 0 && !p.closed {
		p.mu.Unlock()
		return
	}
	if p.jumps[j.key] == j {
		delete(p.jumps, j.key)
	}
	delete(p.worn, j)
	if j.idle != nil {
		j.idle.Stop()
	}
	p.mu.Unlock()
	if t := j.t.Swap(nil); t != nil {
		t.shut()
	}
}

func (p *jumpPool) close() {
	p.mu.Lock()
	p.closed = true
	p.end(errClientClosed)
	jumps := slices.AppendSeq(slices.Collect(maps.Values(p.jumps)), maps.Keys(p.worn))
	p.mu.Unlock()
	for _, j := range jumps {
		p.drop(j)
	}
}

// connect makes sure that there is a live connection.
func (j *jump) connect(ctx context.Context, c *Client, hops []*hop) (at Step, via string, err error) {
	h := hops[len(hops)-1]
	if err := j.turn.acquire(ctx); err != nil {
		return StepTCP, h.label, fmt.Errorf("waiting for the connection to it: %w", err)
	}
	defer j.turn.release()
	if t := j.t.Load(); t != nil && t.alive() {
		return StepTCP, "", nil
	}
	if t := j.t.Swap(nil); t != nil {
		t.shut()
	}
	t, at, via, err := c.attempt(ctx, &route{hops: hops[:len(hops)-1], end: &h.endpoint})
	if err != nil {
		if via == "" {
			via = h.label
		}
		return at, via, err
	}
	j.t.Store(t)
	if errors.Is(context.Cause(ctx), errClientClosed) { // who closed the pool may have looked before
		if t := j.t.Swap(nil); t != nil {
			t.shut()
		}
		return at, h.label, errClientClosed
	}
	return at, "", nil
}

// isWorn reports whether too much was given up on the connection.
func (j *jump) isWorn() bool {
	t := j.t.Load()
	return t != nil && t.givenUp.Load() >= mostGivenUp
}

// dial opens a stream to a host through the jump host, which is the last of the
// hops. Whoever made the connection to it may have had other notes of its key, or
// none.
func (j *jump) dial(ctx context.Context, hops []*hop, host string, port int) (net.Conn, error) {
	t := j.t.Load()
	if t == nil {
		return nil, net.ErrClosed
	}
	for i, on := range t.trail() {
		if err := hops[i].differs(on); err != nil {
			return nil, err
		}
	}
	return t.forward(ctx, host, port)
}

// forward opens a stream to a host through the connection (RFC 4254, section 7.2).
func (t *transport) forward(ctx context.Context, host string, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.limits.tcp, fmt.Errorf("no answer within %s", t.limits.tcp))
	defer cancel()
	ch, reqs, err := t.openChannel(ctx, "direct-tcpip", ssh.Marshal(&struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}{host, uint32(port), "127.0.0.1", 0}), func() {}) //nolint:gosec // 65535 at most
	var refused *ssh.OpenChannelError
	switch {
	case err == nil:
	case errors.As(err, &refused) && refused.Reason == ssh.Prohibited:
		return nil, &ForwardError{Host: t.label, To: joinHostPort(host, port), Message: clip(refused.Message)}
	case errors.As(err, &refused):
		err := fmt.Errorf("%s cannot reach %s: %s", t.label, joinHostPort(host, port), clip(refused.Message))
		if refused.Reason == ssh.ConnectionFailed && silence.MatchString(refused.Message) {
			return nil, noAnswerError{err}
		}
		return nil, err
	case errors.Is(err, context.DeadlineExceeded):
		if t.alive() {
			return nil, noAnswerError{context.Cause(ctx)}
		}
		return nil, context.Cause(ctx)
	default:
		return nil, t.reason(err)
	}
	go ssh.DiscardRequests(reqs)
	conn, ended := endable(ch)
	return &channelConn{Conn: conn, t: t, remote: joinHostPort(host, port), giveUp: sync.OnceFunc(func() {
		t.givenUp.Add(1)
		go func() {
			<-ended // as soon as the peer agrees
			t.givenUp.Add(-1)
		}()
	})}, nil
}

// trail is the jump hosts on the way to whatever is reached through t, t the last.
func (t *transport) trail() []*transport { return append(slices.Clone(t.through), t) }

// differs says that a connection to the jump host is not to the one that is noted.
func (h *hop) differs(t *transport) error {
	if h.noted == nil || t.vouched == byConfig || bytes.Equal(h.noted.Marshal(), t.hostKey.Marshal()) {
		return nil
	}
	return &HostKeyError{Host: h.label, Jump: true, Want: []string{fingerprint(h.noted)}, Got: fingerprint(t.hostKey),
		Key: authorizedKey(t.hostKey), Source: fromNote}
}

// silence is how OpenSSH words that a host gave no answer: strerror(3) of
// ETIMEDOUT, EHOSTUNREACH and EHOSTDOWN, in glibc and musl (channels.c, port_open_helper
// and channel_post_connecting).
var silence = regexp.MustCompile(`(?i)^(connection|operation) timed out$|^no route to host$|^host is (down|unreachable)$`)

// alive asks nothing of the peer: a connection that broke without a word is
// found by its keepalive.
func (t *transport) alive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.died == nil && !t.stop && !t.gone
}

// channelConn is a forwarded channel. When it is closed its ends here end, and
// the channel is given up until the peer has closed it too.
type channelConn struct {
	net.Conn
	t      *transport
	remote string
	giveUp func()
}

var _ net.Conn = (*channelConn)(nil)

// Close ends it.
func (c *channelConn) Close() error {
	c.giveUp()
	return c.Conn.Close()
}

func (c *channelConn) LocalAddr() net.Addr  { return c.t.ssh.LocalAddr() }
func (c *channelConn) RemoteAddr() net.Addr { return tunnelAddr(c.remote) }

type tunnelAddr string

func (tunnelAddr) Network() string  { return "tcp" }
func (a tunnelAddr) String() string { return string(a) }
