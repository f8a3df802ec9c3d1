// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// jumpIdle is how long a jump host's connection is kept when nobody uses it:
// the next host's attempt is likely to come.
const jumpIdle = 30 * time.Second

// jumpPool shares the connections to jump hosts among all hosts behind them.
type jumpPool struct {
	perHop int

	mu     sync.Mutex
	closed bool
	jumps  map[string]*jump
}

// jump is a shared connection to a jump host.
type jump struct {
	key   string
	slots semaphore // channels through it

	users int         // under jumpPool.mu
	idle  *time.Timer // closes it, while users is 0

	mu sync.Mutex // held while dialling: the others wait for its outcome
	t  *transport
}

func newJumpPool(perHop int) *jumpPool {
	return &jumpPool{perHop: perHop, jumps: map[string]*jump{}}
}

// use gives the connection to the last of the hops, dialling what is not there
// yet. The caller has a slot for one channel until release.
func (p *jumpPool) use(ctx context.Context, c *Client, hops []*hop) (_ *jump, at Step, via string, err error) {
	h := hops[len(hops)-1]
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, StepTCP, h.label, errors.New("the client is closed")
	}
	j := p.jumps[h.key]
	if j == nil {
		j = &jump{key: h.key, slots: newSemaphore(p.perHop)}
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
	if p.closed {
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
	if j.idle != nil {
		j.idle.Stop()
	}
	p.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.t != nil {
		j.t.shut()
		j.t = nil
	}
}

func (p *jumpPool) close() {
	p.mu.Lock()
	p.closed = true
	jumps := make([]*jump, 0, len(p.jumps))
	for _, j := range p.jumps {
		jumps = append(jumps, j)
	}
	p.mu.Unlock()
	for _, j := range jumps {
		p.drop(j)
	}
}

// connect makes sure that there is a live connection.
func (j *jump) connect(ctx context.Context, c *Client, hops []*hop) (at Step, via string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.t != nil && j.t.alive() {
		return StepTCP, "", nil
	}
	if j.t != nil {
		j.t.shut()
		j.t = nil
	}
	h := hops[len(hops)-1]
	t, at, via, err := c.attempt(ctx, &route{hops: hops[:len(hops)-1], end: &h.endpoint})
	if err != nil {
		if via == "" {
			via = h.label
		}
		return at, via, err
	}
	j.t = t
	return at, "", nil
}

// dial opens a stream to a host through the jump host, which is the last of the
// hops. Whoever made the connection to it may have had other notes of its key, or
// none.
func (j *jump) dial(ctx context.Context, hops []*hop, host string, port int) (net.Conn, error) {
	j.mu.Lock()
	t := j.t
	j.mu.Unlock()
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
	ctx, cancel := context.WithTimeoutCause(ctx, tcpLimit, fmt.Errorf("no answer within %s", tcpLimit))
	defer cancel()
	ch, reqs, err := t.openChannel(ctx, "direct-tcpip", ssh.Marshal(&struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}{host, uint32(port), "127.0.0.1", 0})) //nolint:gosec // 65535 at most
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
	return &channelConn{Channel: ch, t: t, remote: joinHostPort(host, port)}, nil
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

// channelConn makes a net.Conn of a forwarded channel. It has no deadlines,
// and nothing here uses any.
type channelConn struct {
	ssh.Channel
	t      *transport
	remote string
}

var _ net.Conn = (*channelConn)(nil)

func (c *channelConn) LocalAddr() net.Addr              { return c.t.ssh.LocalAddr() }
func (c *channelConn) RemoteAddr() net.Addr             { return tunnelAddr(c.remote) }
func (c *channelConn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (c *channelConn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (c *channelConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type tunnelAddr string

func (tunnelAddr) Network() string  { return "tcp" }
func (a tunnelAddr) String() string { return string(a) }
