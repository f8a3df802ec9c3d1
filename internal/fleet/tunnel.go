// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

const (
	// tunnelStreams bounds how many streams a tunnel has at once; further connections wait.
	tunnelStreams = 64
	// tunnelLinger bounds how long a connection that cannot be served may take to send its
	// request and to read why.
	tunnelLinger = 5 * time.Second
	// tunnelPause is how long a login that was refused is not tried again: other providers
	// ask for many things, and who is refused too often is banned.
	tunnelPause = time.Minute
)

// A Tunnel forwards connections from this machine's loopback to an address as a host
// sees it, as ssh -L does (RFC 4254, section 7.2). The host is logged in to when the first
// connection comes, and again when the SSH connection has been lost. It is safe for
// concurrent use.
type Tunnel struct {
	connect  func(context.Context) (Conn, error)
	refusal  func(err error) []byte
	host     string
	port     int
	listener net.Listener
	ctx      context.Context //nolint:containedctx // as long as the tunnel lives, whoever opened it
	end      context.CancelFunc
	work     sync.WaitGroup
	slots    chan struct{}

	mu      sync.Mutex
	conn    Conn // nil: none, or it was lost
	refused error
	until   time.Time // nobody tries again
}

// OpenTunnel listens on a free port of 127.0.0.1 and returns at once. connect logs in to
// the host through which connections go, host and port are the address as that host sees
// it. A client that cannot be served is sent what refusal returns, before its connection is
// closed; without refusal, nothing. The tunnel lives until it is closed.
func OpenTunnel(
	ctx context.Context, connect func(context.Context) (Conn, error), host string, port int, refusal func(err error) []byte,
) (*Tunnel, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Tunnel{connect: connect, refusal: refusal, host: host, port: port, listener: listener, slots: make(chan struct{}, tunnelStreams)}
	t.ctx, t.end = context.WithCancel(context.WithoutCancel(ctx))
	t.work.Go(t.serve)
	return t, nil
}

// Port is the local port.
func (t *Tunnel) Port() int {
	address, ok := t.listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return address.Port
}

// serve forwards connections until the tunnel is closed.
func (t *Tunnel) serve() {
	for {
		select {
		case t.slots <- struct{}{}:
		case <-t.ctx.Done():
			return
		}
		client, err := t.listener.Accept()
		if err != nil {
			<-t.slots
			if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			select {
			case <-time.After(10 * time.Millisecond): // too many open files, say
			case <-t.ctx.Done():
			}
			continue
		}
		t.work.Go(func() {
			defer func() { <-t.slots }()
			t.forward(client)
		})
	}
}

// Close ends the listener, all connections and the way to the host.
func (t *Tunnel) Close() error {
	t.end()
	err := t.listener.Close()
	t.work.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		err = errors.Join(err, t.conn.Close())
		t.conn = nil
	}
	return err
}

// forward serves one connection.
func (t *Tunnel) forward(client net.Conn) {
	// What is cut off has no one to tell. With one end the other one is closed.
	stop := context.AfterFunc(t.ctx, func() { _ = client.Close() })
	defer stop()
	defer client.Close() // as well
	far, err := t.dial()
	if err != nil {
		t.refuse(client, err)
		return
	}
	defer far.Close() // as well
	var both sync.WaitGroup
	both.Go(func() { pour(far, client) })
	both.Go(func() { pour(client, far) })
	both.Wait()
}

// pour copies one direction to its end, and hands the end on. A stream through SSH can only
// be ended as a whole; HTTP and TLS end theirs so (RFC 9112, section 9.6).
func pour(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		_ = to.Close() // both ends of the stream are closed by whoever began it
		_ = from.Close()
	}
}

// dial opens a stream. An SSH connection that was lost since is made anew, once.
func (t *Tunnel) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, LookTimeout, errors.New("the host has not answered in "+LookTimeout.String()))
	defer cancel()
	conn, fresh, err := t.way(ctx)
	if err != nil {
		return nil, err
	}
	far, err := conn.DialThrough(ctx, t.host, t.port)
	if remote.OfKind(err, remote.KindLost) == nil {
		return far, err
	}
	t.forget(conn)
	if fresh {
		return nil, err
	}
	if conn, _, err = t.way(ctx); err != nil {
		return nil, err
	}
	return conn.DialThrough(ctx, t.host, t.port)
}

// way returns the SSH connection, and whether it was made just now. Of several who want
// one at once, one makes it while the others wait.
func (t *Tunnel) way(ctx context.Context) (conn Conn, fresh bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		return t.conn, false, nil
	}
	if t.ctx.Err() != nil {
		return nil, false, net.ErrClosed
	}
	if time.Now().Before(t.until) {
		return nil, false, t.refused
	}
	t.conn, err = t.connect(ctx)
	if remote.OfKind(err, remote.KindLogin) != nil || remote.OfKind(err, remote.KindHostKey) != nil {
		t.refused, t.until = err, time.Now().Add(tunnelPause)
	}
	return t.conn, true, err
}

// forget lets go of an SSH connection that was lost.
func (t *Tunnel) forget(conn Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == conn {
		t.conn = nil
		_ = conn.Close() // nothing was made on the host through it
	}
}

// refuse tells a client why it cannot be served, once it has asked for something: an answer
// that comes before the question is none to an HTTP client.
func (t *Tunnel) refuse(client net.Conn, err error) {
	if t.refusal == nil {
		return
	}
	if client.SetDeadline(time.Now().Add(tunnelLinger)) != nil {
		return
	}
	if _, rerr := client.Read(make([]byte, 4096)); rerr != nil {
		return
	}
	if _, werr := client.Write(t.refusal(err)); werr != nil {
		return
	}
	if half, ok := client.(*net.TCPConn); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, client) // until it has read that
	}
}

// Endpoint is an address as a URL has it.
func (t *Tunnel) Endpoint() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.Port())) }
