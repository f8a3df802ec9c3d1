// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/program"
)

// silentIntervals is after how many keepalive intervals without a byte a peer
// counts as dead, if nothing else is said.
const silentIntervals = 4

// transport is one authenticated SSH connection to a host or jump host.
type transport struct {
	ssh     ssh.Conn
	wire    *wire
	hostKey ssh.PublicKey
	vouched vouched // who vouches for hostKey
	label   string
	note    string // what the user should hear of its key
	limits  *limits
	through []*transport // the jump hosts on the way to it, in order

	// givenUp counts calls and channels that nobody waits for any more: they end
	// when the peer answers, and with the connection.
	givenUp atomic.Int64

	closeOnce sync.Once
	onClose   func() // releases what the connection stands on

	mu   sync.Mutex
	died error // why we gave it up, nil if the library knows
	stop bool  // closed by us
	gone bool  // closed by the peer
	beat *time.Timer

	sessions int  // open now
	most     int  // that the server allows, 0 if it is not known
	used     bool // there has been a session

	// once tells that the server is TinySSH: it has one session for a connection, ends
	// both together, and does not know global requests, which it says in a way that ends
	// the connection here (UNIMPLEMENTED, RFC 4253, section 11.4; x/crypto/ssh takes it
	// for a message of a channel). It is asked over the channel of the session then.
	once    bool
	channel ssh.Channel // of the session that is open, where once
}

// endpoint is whom to log in to: a host or a jump host.
type endpoint struct {
	label string // for messages: "10.0.0.1", "10.0.0.1:2222", "jump host b"
	host  string
	port  int
	user  string
	pin   []ssh.PublicKey
	auth  *authAttempts
	// way names a jump host by those on the way to it and itself; "" of a host.
	way string
	// noted is the key that it showed when it was first used, nil if none is noted.
	noted   ssh.PublicKey
	name    string        // as it was asked for
	command string        // whose standard input and output are the connection, "" if there is none
	file    *hostSettings // what the client configuration says of it; nil if there is none
}

func (e *endpoint) address() string { return joinHostPort(e.host, e.port) }

// within is the limit of one step of connecting: ConnectTimeout, if the client
// configuration has one.
func (e *endpoint) within(usual time.Duration) time.Duration {
	if e.file != nil && e.file.ConnectTimeout > 0 {
		return e.file.ConnectTimeout
	}
	return usual
}

// transportConfig is what is offered to it in the key exchange.
func (e *endpoint) transportConfig(c *Client) ssh.Config {
	if e.file != nil {
		return e.file.transport
	}
	return c.transportConfig
}

// handshake makes an SSH connection of nc, which it owns from then on. It
// gives the step at which it ended.
func (c *Client) handshake(ctx context.Context, nc net.Conn, e *endpoint) (*transport, Step, error) {
	w := &wire{Conn: nc}
	check, err := c.checkOf(ctx, e)
	if err != nil {
		_ = nc.Close() // nothing was written
		return nil, StepHandshake, err
	}
	asked := &agentUse{}
	defer asked.end()
	methods := e.auth.methods(ctx, asked, e.user, func() bool { return e.way == "" || check.vouched != byNobody })
	// The library's handshake knows no limit but the end of its connection, and of
	// the agent's while that is asked.
	end := func() {
		_ = w.Close() // nobody is left to tell
		asked.end()
	}
	var late atomic.Bool
	mostHandshake := max(c.limits.handshake, e.within(0))
	limit := time.AfterFunc(mostHandshake, func() {
		late.Store(true)
		end()
	})
	defer limit.Stop()
	defer context.AfterFunc(ctx, end)()

	var step atomic.Value
	step.Store(StepHandshake)
	cfg := &ssh.ClientConfig{
		Config:        e.transportConfig(c),
		User:          e.user,
		Auth:          methods,
		ClientVersion: "SSH-2.0-dcos",
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			if err := check.callback(host, remote, key); err != nil {
				return err
			}
			// Keys are exchanged again when the connection is in use: that has no limit.
			if step.CompareAndSwap(StepHandshake, StepAuthentication) {
				limit.Reset(c.limits.auth)
			}
			return nil
		},
		HostKeyAlgorithms: check.algorithms(),
		AuthCallback:      e.auth.progress,
		BannerCallback: func(banner string) error {
			e.auth.hear(banner)
			return nil
		},
	}
	conn, channels, requests, err := ssh.NewClientConn(w, e.address(), cfg)
	at, _ := step.Load().(Step)
	switch {
	case err == nil && !late.Load():
	case ctx.Err() != nil:
		return nil, at, ctx.Err()
	case check.err != nil:
		return nil, at, check.err
	case late.Load():
		after := map[Step]time.Duration{StepHandshake: mostHandshake, StepAuthentication: c.limits.auth}[at]
		if asked.waiting() {
			return nil, at, fmt.Errorf("the agent has not answered within %s: it may be waiting for a touch, a confirmation or a PIN", after)
		}
		if said := w.foreign(); said != "" && at == StepHandshake {
			return nil, at, &NotSSHError{Said: said}
		}
		return nil, at, fmt.Errorf("no end within %s", after)
	case e.auth.keptBack && !e.auth.login.hasKeys():
		return nil, at, check.withoutPassword()
	default:
		return nil, at, e.classify(at, w, err)
	}
	go ssh.DiscardRequests(requests)
	t := &transport{ssh: conn, wire: w, hostKey: check.got, vouched: check.vouched, label: e.label, note: check.note, limits: &c.limits}
	if channel, ok := nc.(*channelConn); ok {
		t.through = append(slices.Clone(channel.t.through), channel.t)
	}
	t.once = strings.Contains(string(conn.ServerVersion()), "tinyssh")
	go func() {
		for ch := range channels {
			// The connection's end shows elsewhere.
			_ = ch.Reject(ssh.Prohibited, "not a server")
		}
		// The library closes this channel when the connection has ended.
		t.mu.Lock()
		t.gone = true
		t.mu.Unlock()
	}()
	t.startKeepalive(c.pulse(e))
	return t, at, nil
}

// classify tells a refused login from a broken connection, and from what is no SSH
// server. The library's error for a refused login has no type.
func (e *endpoint) classify(at Step, w *wire, err error) error {
	if at == StepHandshake {
		if said := w.foreign(); said != "" {
			return &NotSSHError{Said: said}
		}
	}
	var network net.Error
	if at != StepAuthentication {
		return trimHandshake(err)
	}
	a := e.auth
	a.mu.Lock()
	fatal, said, told := a.fatal, serverSaid(a.said), a.told
	a.mu.Unlock()
	switch closed := isClosed(err) || errors.As(err, &network); {
	case closed && told:
		return &turnedAwayError{trimHandshake(err), said} // it says why, and hangs up
	case closed && said != "":
		return fmt.Errorf("%w%s", trimHandshake(err), said)
	case closed:
		return trimHandshake(err)
	case fatal != nil:
		return fatal
	}
	if !a.login.any() { // the server does not take those who have nothing to show, as some do
		return nothingToShow(e)
	}
	return a.refused(e.label, trimHandshake(err))
}

// trimHandshake takes the library's prefixes off: the step is said already.
func trimHandshake(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// startKeepalive watches for silence without a goroutine of its own.
func (t *transport) startKeepalive(interval time.Duration, silent int) {
	if interval <= 0 {
		return
	}
	t.wire.touch()
	var asking atomic.Bool
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beat = time.AfterFunc(interval, func() {
		idle := t.wire.idle()
		if idle >= time.Duration(silent)*interval {
			t.fail(fmt.Errorf("no answer for %s", idle.Round(time.Second)))
			return
		}
		if idle >= interval && asking.CompareAndSwap(false, true) {
			go func() {
				defer asking.Store(false)
				// Any answer is a byte that the wire notices; so is its end.
				_ = t.ask()
			}()
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.stop {
			next := interval
			if idle >= interval {
				next = min(interval, time.Duration(silent)*interval-idle)
			} else {
				next -= idle
			}
			t.beat.Reset(next)
		}
	})
}

// ask asks the peer for a sign of life, and waits for it without a limit.
func (t *transport) ask() error {
	if !t.once {
		_, _, err := t.ssh.SendRequest("keepalive@openssh.com", true, nil)
		return err
	}
	t.mu.Lock()
	channel := t.channel
	t.mu.Unlock()
	if channel == nil { // there is nothing to lose
		t.wire.touch()
		return nil
	}
	_, err := channel.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

// answers asks the peer whether it is still there. The library tells the end
// of a channel a moment before that of the connection below it. A peer that does
// not answer is gone.
func (t *transport) answers(ctx context.Context) bool {
	timer := time.NewTimer(t.limits.answer)
	defer timer.Stop()
	answered := make(chan bool, 1)
	go func() {
		answered <- t.ask() == nil
	}()
	select {
	case is := <-answered:
		return is
	case <-timer.C:
		t.fail(fmt.Errorf("no answer for %s", t.limits.answer))
		return false
	case <-ctx.Done():
		return false
	}
}

// fail gives the connection up for a reason that replaces the library's.
func (t *transport) fail(err error) {
	t.mu.Lock()
	if t.died == nil {
		t.died = err
	}
	t.mu.Unlock()
	t.shut()
}

// reason is why the connection ended.
func (t *transport) reason(err error) error {
	if stream, ok := t.wire.Conn.(*program.Stream); ok && stream.Over() {
		err = throughProxy(stream, cmp.Or(err, errClosed))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.died != nil {
		return t.died
	}
	return cmp.Or(err, errClosed)
}

var errClosed = errors.New("connection closed by the host")

func (t *transport) shut() {
	t.closeOnce.Do(func() {
		t.mu.Lock()
		t.stop = true
		if t.beat != nil {
			t.beat.Stop()
		}
		t.mu.Unlock()
		// Below SSH, which has no goodbye. It ends all calls of the library, which
		// does the rest by itself; its own Close waits for that.
		_ = t.wire.Close()
		if t.onClose != nil {
			t.onClose()
		}
	})
}

// openSession opens a channel for a session. A host that has not answered a
// moment after the context is done is stuck.
func (t *transport) openSession(ctx context.Context) (ssh.Channel, <-chan *ssh.Request, error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	ch, requests, err := t.openChannel(ctx, "session", nil, t.guard(ctx, "the opening of a session", func() {}))
	if t.once && err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.channel = ch
	}
	return ch, requests, err
}

// openChannel is ssh.Conn's with a context; answered is called when the answer
// has come, be it too late, or will not come any more.
func (t *transport) openChannel(ctx context.Context, kind string, extra []byte, answered func()) (ssh.Channel, <-chan *ssh.Request, error) {
	type opened struct {
		ch   ssh.Channel
		reqs <-chan *ssh.Request
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		ch, reqs, err := t.ssh.OpenChannel(kind, extra)
		answered()
		done <- opened{ch, reqs, err}
	}()
	select {
	case o := <-done:
		return o.ch, o.reqs, o.err
	case <-ctx.Done():
		t.givenUp.Add(1)
		go func() {
			defer t.givenUp.Add(-1)
			if o := <-done; o.err == nil {
				go ssh.DiscardRequests(o.reqs)
				_ = o.ch.Close() // it was opened for nobody
			}
		}()
		return nil, nil, ctx.Err()
	}
}
