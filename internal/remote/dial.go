// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Waits between attempts: they grow from first to last. A login that was refused
// is tried less often than a port that was closed, since hosts count failed
// logins.
var (
	networkWait = wait{first: 200 * time.Millisecond, last: 5 * time.Second, growth: 1.5}
	loginWait   = wait{first: 2 * time.Second, last: time.Minute, growth: 2}
)

type wait struct {
	first, last time.Duration
	growth      float64
}

// after is the wait after the nth attempt in a row that failed alike, with
// jitter, so that many hosts behind one jump host do not come back together.
func (w wait) after(n int) time.Duration {
	d := w.first
	for range n - 1 {
		if d = time.Duration(float64(d) * w.growth); d >= w.last {
			d = w.last
			break
		}
	}
	return d/2 + rand.N(d) //nolint:gosec // nobody gains by guessing it
}

// maxLogins bounds how often one Dial tries a login that is refused, unless the
// [Target] says less: images set keys and accounts late, and whoever is refused
// too often is banned (fail2ban). With loginWait, these are two to four minutes.
const maxLogins = 8

// maxPasswordAttempts bounds how often a password is given to one host in one
// Dial: more could lock the account (pam_faillock) or the address (fail2ban).
const maxPasswordAttempts = 3

// Dial connects to a host, trying again until its ConnectTimeout: hosts that
// are booting refuse, reset and close connections, and take logins late. A
// wrong host key or a credential that cannot be used ends it at once.
//
// Errors are *ConfigError, *HostKeyError or *ConnectError, the latter around
// an *AuthError if the login was refused.
func (c *Client) Dial(ctx context.Context, t Target) (*Conn, error) {
	route, err := c.route(ctx, t)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connecting to %s: %w", t.Address, context.Cause(ctx))
		}
		return nil, err
	}
	t = route.target
	stage := t.Log.Stage("connect")
	conn, err := c.dial(ctx, route, func(msg string) { stage.Progress(msg, 0) })
	if err != nil {
		stage.Fail(err, nil, "")
		return nil, err
	}
	for _, at := range conn.primary().trail() {
		if at.note != "" {
			stage.Progress(at.note, 0)
		}
	}
	stage.Finish()
	return conn, nil
}

func (c *Client) dial(ctx context.Context, r *route, progress func(string)) (*Conn, error) {
	if err := c.connections.acquire(ctx); err != nil {
		return nil, fmt.Errorf("waiting to connect to %s: %w", r.end.label, err)
	}
	start := time.Now()
	deadline := start.Add(r.target.ConnectTimeout)
	within, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var last *ConnectError
	alike, silent, logins := 0, true, refusals{most: r.target.Logins}
	for attempt := 1; ; attempt++ {
		tr, step, via, err := c.attempt(within, r)
		if err == nil {
			return newConn(c, r, tr), nil
		}
		c.connections.release()
		if ctx.Err() != nil {
			return nil, abandoned(ctx, r, last)
		}
		// An attempt that our own limit cut short says less than the one before.
		// The network may end by the limit a moment before the context does.
		if within.Err() == nil && time.Until(deadline) > 20*time.Millisecond || last == nil {
			if last == nil || last.Stage != step {
				alike = 0
			}
			if last == nil || last.Stage != step || last.Err.Error() != err.Error() {
				progress(fmt.Sprintf("%s: %v", step, err))
			}
			last = &ConnectError{Host: r.end.label, Via: via, Stage: step, Err: err}
		}
		alike++
		silent = silent && step == StepTCP && unanswered(err, via)
		last.Silent = silent
		last.Attempts, last.Elapsed = attempt, time.Since(start)
		if fatal := permanent(err); fatal != nil {
			return nil, fatal
		}
		pause, refused := logins.pause(err)
		if !refused {
			pause = networkWait.after(alike)
		}
		if hopeless(err) || logins.enough() || within.Err() != nil {
			return nil, last
		}
		if refused {
			progress(fmt.Sprintf("the login was refused; trying again in %s", pause.Round(time.Second)))
		}
		if err := sleep(within, pause); err != nil {
			if ctx.Err() != nil {
				return nil, abandoned(ctx, r, last)
			}
			last.Elapsed = time.Since(start)
			return nil, last
		}
		if err := c.connections.acquire(within); err != nil {
			return nil, last
		}
	}
}

// refusals are the logins of one Dial that were refused.
type refusals struct {
	most      int // of those at which the host had seen all keys
	all, seen int
	passwords int // with which the password was given
}

// pause counts an attempt if it was refused as a login, and returns how long to wait
// before the next then.
func (r *refusals) pause(err error) (_ time.Duration, refused bool) {
	var auth *AuthError
	var away *turnedAwayError
	switch {
	case errors.As(err, &auth):
		return r.count(auth), true
	case errors.As(err, &away):
		return r.turnedAway(), true
	}
	return 0, false
}

// count counts one, and returns how long to wait before the next.
func (r *refusals) count(auth *AuthError) time.Duration {
	r.all++
	if !auth.more {
		r.seen++
	}
	if usedPassword(auth) {
		r.passwords++
	}
	return loginWait.after(max(r.seen, 1))
}

// turnedAway counts a login that may or may not have been refused. One of a host
// that boots or goes down is tried again, whatever Target.Logins says.
func (r *refusals) turnedAway() time.Duration {
	r.all++
	return loginWait.after(r.all)
}

// enough reports whether there is to be no further login.
func (r *refusals) enough() bool {
	return r.seen >= r.most || r.all >= maxLogins || r.passwords >= maxPasswordAttempts
}

// hopeless reports whether another attempt would end so too.
func hopeless(err error) bool {
	var auth *AuthError
	var unsupported *ssh.AlgorithmNegotiationError
	var other *NotSSHError
	return errors.As(err, &auth) && (auth.wantsMore() || auth.cutOff()) || errors.As(err, &unsupported) || errors.As(err, &other)
}

// abandoned is the error of a Dial whose context ended, with what was known.
func abandoned(ctx context.Context, r *route, last *ConnectError) error {
	if last == nil {
		return fmt.Errorf("connecting to %s: %w", r.end.label, context.Cause(ctx))
	}
	return fmt.Errorf("connecting to %s: %w (last attempt: %w)", r.end.label, context.Cause(ctx), last)
}

// permanent gives the error that no further attempt can mend, nil if there is
// hope.
func permanent(err error) error {
	var key *HostKeyError
	if errors.As(err, &key) {
		return key
	}
	var config *ConfigError
	if errors.As(err, &config) {
		return config
	}
	if errors.Is(err, errClientClosed) {
		return err
	}
	return nil
}

func usedPassword(e *AuthError) bool {
	for _, t := range e.Tried {
		if t == "password" || t == "keyboard-interactive" {
			return true
		}
	}
	return false
}

// attempt is one try at all steps. It gives the step that failed and, if that
// was on the way to the host, where.
func (c *Client) attempt(ctx context.Context, r *route) (_ *transport, at Step, via string, err error) {
	nc, release, via, at, err := c.reach(ctx, r)
	if err != nil {
		return nil, at, via, err
	}
	t, at, err := c.handshake(ctx, nc, r.end)
	if err != nil {
		release()
		// What the host answered stands for itself.
		if at == StepHandshake && permanent(err) == nil && ctx.Err() == nil {
			err = throughProxy(nc, err)
		}
		return nil, at, "", err
	}
	t.onClose = release
	return t, at, "", nil
}

// dialTCP opens a TCP connection, through the proxy if there is one.
func (c *Client) dialTCP(ctx context.Context, e *endpoint) (net.Conn, error) {
	most := e.within(c.limits.tcp)
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("no answer within %s", most))
	defer cancel()
	dialer, network := c.dialer, "tcp"
	if c.proxyLabel == "" && e.file != nil {
		network += map[string]string{"inet": "4", "inet6": "6"}[e.file.AddressFamily]
		if e.file.BindAddress != "" {
			addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+strings.TrimPrefix(network, "tcp"), trimBrackets(e.file.BindAddress))
			if err != nil {
				return nil, &ConfigError{Field: "ssh.config_file", Err: fmt.Errorf("BindAddress: %w", err)}
			}
			from := directDialer()
			from.LocalAddr, dialer = net.TCPAddrFromAddrPort(netip.AddrPortFrom(addresses[0].Unmap(), 0)), from
		}
	}
	conn, err := dialer.DialContext(ctx, network, e.address())
	// What the end of the context did to a connection is no news. Dialers of proxies
	// give that the context's deadline, which the context keeps a moment later.
	if errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done()
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
		return conn, nil
	case cause == nil:
		return nil, err
	case c.proxyLabel == "" && errors.Is(err, context.DeadlineExceeded):
		return nil, noAnswerError{cause}
	default:
		return nil, cause
	}
}

// A noAnswerError says that a host gave no answer, to whoever asked for us.
type noAnswerError struct{ error }

func (e noAnswerError) Unwrap() error { return e.error }

// An onTheWayError is of a jump host, whatever became of it.
type onTheWayError struct{ error }

func (e onTheWayError) Unwrap() error { return e.error }

// unanswered reports whether an attempt at TCP had no answer from the host. Of
// what is beyond a jump host only that one knows (jump.go); a proxy says nothing
// that could be relied on.
func unanswered(err error, via string) bool {
	var before onTheWayError
	var beyond noAnswerError
	switch {
	case errors.As(err, &before):
		return false
	case errors.As(err, &beyond):
		return true
	}
	var name *net.DNSError
	if via != "" || errors.As(err, &name) {
		return false
	}
	var timeout interface{ Timeout() bool }
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.EHOSTDOWN) || errors.As(err, &timeout) && timeout.Timeout()
}

// sleep waits for d or the end of ctx. It says at once when ctx will end first.
func sleep(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	return pass(ctx, d)
}

// pass lets d pass, or the time until ctx ends.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isClosed reports whether err is the end of a connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// joinHostPort takes IPv6 addresses with and without brackets.
func joinHostPort(host string, port int) string {
	return net.JoinHostPort(trimBrackets(host), strconv.Itoa(port))
}

func trimBrackets(host string) string {
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
