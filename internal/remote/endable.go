// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"io"
	"net"
	"sync"
	"time"
)

// flushLimit is how long what was written last may take when an endable stream
// has been closed.
const flushLimit = time.Second

// endable makes a connection that ends here and at once, and has deadlines, of
// a stream whose calls nobody but its other end is sure to end, as of a channel in
// another connection. What is under way with the stream then is given up; ended is
// closed when it has ended all the same.
func endable(stream io.ReadWriteCloser) (_ net.Conn, ended <-chan struct{}) {
	near, far := net.Pipe()
	over := sync.OnceFunc(func() { _ = stream.Close() }) // there is nobody left to tell
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(onlyWriter{stream}, far) // why it ended shows in what is read
		// Of a stream that takes nothing any more there may be something to read.
		_, _ = io.Copy(io.Discard, onlyReader{far})
		over()
	})
	both.Go(func() {
		_, _ = io.Copy(onlyWriter{far}, onlyReader{stream}) // an end, however it comes
		_ = far.Close()
		// The other end sends until it has heard that nobody listens.
		_, _ = io.Copy(io.Discard, onlyReader{stream})
	})
	done := make(chan struct{})
	go func() {
		both.Wait()
		close(done)
	}()
	return &endableConn{Conn: near, hangUp: sync.OnceFunc(func() { time.AfterFunc(flushLimit, over) })}, done
}

type endableConn struct {
	net.Conn
	hangUp func()
}

// Close ends the connection here. The stream is closed when it has taken what
// was written, or soon after.
func (c *endableConn) Close() error {
	c.hangUp()
	return c.Conn.Close()
}

// onlyReader and onlyWriter hide other methods from io.Copy.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
