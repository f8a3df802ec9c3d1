// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// holdLimit is for how long a wire holds back what was written: who waits
	// for the peer in the meantime (RFC 4254, section 5.2: a window that is
	// used up) must not wait for long.
	holdLimit = 5 * time.Millisecond
	// holdMost is how many bytes a wire holds back.
	holdMost = 48 << 10
)

// holders are for what wires hold back. A connection that waits has none.
var holders = sync.Pool{New: func() any { return new([holdMost]byte) }}

// wire counts what passes, notices silence, and lets what belongs together
// leave together: the library writes each SSH packet by itself, larger ones
// in two parts, and each write is a segment for the network, an interrupt for
// the peer and a wake-up for its server.
type wire struct {
	net.Conn
	read, written atomic.Int64
	last          atomic.Int64 // monotonic time of the last byte read

	greeted bool   // an SSH server has said that it is one; of the goroutine that reads, as is said
	said    []byte // what came before that, its beginning
	before  []byte // and its last bytes, in which a name may begin

	mu      sync.Mutex
	holds   int             // who wants writes held back
	expired bool            // they have been for long enough
	limit   *time.Timer     // until then
	held    []byte          // what was written meanwhile, in buf
	buf     *[holdMost]byte // nil while nothing is held
	failed  error           // of a write that had been held back
}

// epoch makes monotonic times of time.Duration since it.
var epoch = time.Now()

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.read.Add(int64(n))
		w.touch()
	}
	if !w.greeted && n > 0 && w.greet(p[:n]) {
		return 0, errNotSSH
	}
	return n, err
}

var errNotSSH = errors.New("no SSH server")

// greet looks at what comes before a server has said that it is one. Any lines may
// (RFC 4253, section 4.2), but with some other protocols begin, whose servers wait for
// more then.
func (w *wire) greet(p []byte) (foreign bool) {
	const most, name = 256, "\nSSH-"
	if len(w.said) == 0 {
		w.before = []byte{'\n'}
	}
	seen := slices.Concat(w.before, p)
	if bytes.Contains(seen, []byte(name)) {
		w.greeted, w.said, w.before = true, nil, nil
		return false
	}
	w.before = seen[max(0, len(seen)-len(name)+1):]
	w.said = append(w.said, p[:min(len(p), most-len(w.said))]...)
	line, _, whole := bytes.Cut(w.said, []byte("\n"))
	for _, begin := range []string{"HTTP/", "<!DOCTYPE", "<html", "220 ", "220-", "421 ", "554 ", "* OK", "+OK", "-ERR", "RFB ", "\x15\x03"} {
		if bytes.HasPrefix(w.said, []byte(begin)) && (whole || len(line) == most || begin == "\x15\x03") {
			return true
		}
	}
	return len(w.said) == most && !whole // no line of text is as long
}

// foreign is the first line that came in the place of a server's word that it is one,
// "" if none came. It is for when nothing is read any more.
func (w *wire) foreign() string {
	if w.greeted {
		return ""
	}
	lines := tidyLines(strings.ToValidUTF8(string(w.said), "?"), len(w.said))
	if len(lines) == 0 && len(w.said) > 0 {
		return fmt.Sprintf("%x", w.said)
	}
	if len(lines) == 0 {
		return ""
	}
	return clip(lines[0])
}

// Write writes, or holds back what it is given. What was held back and could
// not be written is the error of the next write; the connection is closed then.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.failed != nil:
		return 0, w.failed
	case w.holds == 0 || w.expired:
		return w.send(p)
	case len(w.held)+len(p) > holdMost:
		w.flush()
		return w.send(p)
	}
	if w.buf == nil {
		w.buf, _ = holders.Get().(*[holdMost]byte)
		w.held = w.buf[:0]
	}
	w.held = append(w.held, p...)
	return len(p), nil
}

func (w *wire) send(p []byte) (int, error) {
	if w.failed != nil {
		return 0, w.failed
	}
	n, err := w.Conn.Write(p)
	w.written.Add(int64(n))
	return n, err
}

// flush writes what was held back.
func (w *wire) flush() {
	if w.buf == nil {
		return
	}
	if _, err := w.send(w.held); err != nil {
		w.failed = err
		_ = w.Close() // it broke
	}
	holders.Put(w.buf)
	w.buf, w.held = nil, nil
}

// hold makes writes wait for release, for holdLimit at the longest.
func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds++; w.holds > 1 {
		return
	}
	if w.limit == nil {
		w.limit = time.AfterFunc(holdLimit, w.expire)
	} else {
		w.limit.Reset(holdLimit)
	}
}

func (w *wire) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds > 0 {
		w.expired = true
		w.flush()
	}
}

// release lets go of what was held back.
func (w *wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds--; w.holds > 0 {
		return
	}
	w.limit.Stop()
	w.expired = false
	w.flush()
}

func (w *wire) touch()              { w.last.Store(int64(time.Since(epoch))) }
func (w *wire) idle() time.Duration { return time.Since(epoch) - time.Duration(w.last.Load()) }
