// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Faults is what a Proxy does to what passes through it. The zero value does
// nothing.
type Faults struct {
	Latency   time.Duration // each way
	Jitter    time.Duration // up to so much more of it, at random; order is kept
	Bandwidth int64         // bytes a second, each way, of each connection; 0: no limit
	Loss      float64       // the fraction of segments that come late by LossDelay, as if they had to be sent again
	Refuse    bool          // new connections are reset at once
	Up, Down  Fault         // client to server, server to client
}

// LossDelay is how late a segment comes that was lost: what TCP waits before
// it sends again, at least.
const LossDelay = 200 * time.Millisecond

// segment is how much a proxy moves at once: a usual network's TCP segment,
// so that Loss and Bandwidth mean what they say.
const segment = 1448

// Fault happens once to every connection of a Proxy, at a byte of one of its
// directions.
type Fault struct {
	Kind FaultKind
	At   int64 // how many bytes pass before it
}

// FaultKind is a kind of Fault.
type FaultKind int

// The kinds of Fault.
const (
	NoFault FaultKind = iota
	Close             // both sides are closed in order
	Reset             // both sides are reset
	Stall             // nothing passes any more, either way; the connection stays
	Corrupt           // one bit of the byte is changed
)

// Proxy is a TCP proxy that makes the path to a host a bad one. The kernel's
// own means (netem) are not to be had everywhere.
type Proxy struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	ctx      context.Context //nolint:containedctx // connections come when they like, until Close
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu       sync.Mutex
	faults   Faults
	open     map[*path]bool
	accepted int
	up, down int64
}

// path is one connection through a proxy.
type path struct {
	client, server net.Conn
	stalled        chan struct{} // closed when nothing is to pass any more
	stall          sync.Once
}

// Proxy makes a proxy to target ("ADDRESS:PORT"), gone when the test ends. It
// listens at a port of the lab's own end of the network.
func (l *Lab) Proxy(t testing.TB, target string, f Faults) *Proxy {
	t.Helper()
	p, err := l.OpenProxy(t.Context(), net.JoinHostPort(gateway, "0"), target, f)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// OpenProxy is Proxy for callers that are not a test: it listens at the
// address given until Close or the end of ctx.
func (l *Lab) OpenProxy(ctx context.Context, listen, target string, f Faults) (*Proxy, error) {
	ln, err := l.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: ln, faults: f, open: map[*path]bool{}}
	p.dial = func(ctx context.Context) (net.Conn, error) { return l.Dial(ctx, "tcp", target) }
	p.ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, p.Close)
	p.done.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens, "ADDRESS:PORT".
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Port is the port at which the proxy listens; its address is Lab.Gateway
// where a test made it.
func (p *Proxy) Port() int {
	if a, ok := p.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// Set changes the faults, for new connections and for what is yet to pass
// through open ones.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

func (p *Proxy) now() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// Cut resets all open connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.reset()
	}
}

// Bytes is how much has come out of the proxy so far: client to server, and
// server to client.
func (p *Proxy) Bytes() (up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up, p.down
}

// Connections is how many connections were accepted so far.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Close resets what is open and ends the proxy.
func (p *Proxy) Close() {
	p.stop()
	_ = p.listener.Close() // closed twice at worst
	p.Cut()
	p.done.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.accepted++
		refuse := p.faults.Refuse
		p.mu.Unlock()
		if refuse {
			reset(client)
			continue
		}
		p.done.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := p.dial(p.ctx)
	if err != nil {
		reset(client)
		return
	}
	c := &path{client: client, server: server, stalled: make(chan struct{})}
	p.mu.Lock()
	p.open[c] = true
	if p.ctx.Err() != nil {
		c.reset()
	}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.carry(c, server, client, &p.up, func(f Faults) Fault { return f.Up }) })
	both.Go(func() { p.carry(c, client, server, &p.down, func(f Faults) Fault { return f.Down }) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
	// Both ends are closed already where a fault did it; else both have said their last.
	_, _ = client.Close(), server.Close()
}

// parcel is a segment on its way, and when it is to arrive.
type parcel struct {
	data []byte
	due  time.Time
}

// carry moves one direction of a connection. What is on its way at once is
// bounded by a window, as TCP has one, so that a slow path pushes back.
func (p *Proxy) carry(c *path, to, from net.Conn, passed *int64, choose func(Faults) Fault) {
	const window = 256
	flying := make(chan parcel, window)
	gone := make(chan struct{})
	go func() {
		defer close(flying)
		var due time.Time
		for {
			buffer := make([]byte, segment)
			n, err := from.Read(buffer)
			if n > 0 {
				due = p.arrival(due, n)
				select {
				case flying <- parcel{buffer[:n], due}:
				case <-gone:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					c.reset() // a reset of one side is a reset for the other
				}
				return
			}
		}
	}()
	defer close(gone)
	var count int64
	for next := range flying {
		if !p.wait(c, time.Until(next.due)) {
			return
		}
		data, end := p.strike(c, choose(p.now()), count, next.data)
		// Before they go: who has them from the proxy finds them counted.
		p.count(passed, len(data))
		n, err := to.Write(data)
		p.count(passed, n-len(data))
		count += int64(len(next.data))
		if end != nil {
			end()
			if !p.wait(c, 0) {
				return
			}
		}
		if err != nil {
			c.reset()
			return
		}
	}
	if tcp, ok := to.(*net.TCPConn); ok && p.wait(c, 0) {
		_ = tcp.CloseWrite() // gone already, which is as good
	}
}

func (p *Proxy) count(passed *int64, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*passed += int64(n)
}

// arrival says when a segment read now is to arrive, after one that arrives at last.
func (p *Proxy) arrival(last time.Time, n int) time.Time {
	f := p.now()
	due := time.Now().Add(f.Latency)
	if f.Jitter > 0 {
		due = due.Add(rand.N(f.Jitter))
	}
	if f.Loss > 0 && rand.Float64() < f.Loss {
		due = due.Add(LossDelay)
	}
	if due.Before(last) {
		due = last
	}
	if f.Bandwidth > 0 {
		due = due.Add(time.Duration(int64(n) * int64(time.Second) / f.Bandwidth))
	}
	return due
}

// wait waits; false says that the connection or the proxy has come to its end.
// In a stalled connection it waits for just that.
func (p *Proxy) wait(c *path, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ctx.Done():
		return false
	case <-c.stalled:
	case <-timer.C:
		select {
		case <-c.stalled:
		default:
			return true
		}
	}
	<-p.ctx.Done()
	return false
}

// strike applies a fault to the next data of a direction of which count bytes
// have passed: what is to be written of it, and what is to be done then.
func (p *Proxy) strike(c *path, f Fault, count int64, data []byte) (write []byte, then func()) {
	at := f.At - count
	if f.Kind == NoFault || at >= int64(len(data)) {
		return data, nil
	}
	if f.Kind == Corrupt {
		if at >= 0 {
			data[at] ^= 1
		}
		return data, nil
	}
	data = data[:max(at, 0)]
	switch f.Kind {
	case Close:
		return data, c.close
	case Reset:
		return data, c.reset
	default:
		return data, func() { c.stall.Do(func() { close(c.stalled) }) }
	}
}

func (c *path) close() {
	// An end that is closed already is as good.
	_, _ = c.client.Close(), c.server.Close()
}

func (c *path) reset() {
	reset(c.client)
	reset(c.server)
}

// reset closes a connection so that the other end sees it reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails on a closed connection alone
	}
	_ = conn.Close() // closed twice at worst
}
