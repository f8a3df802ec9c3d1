// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Port is where a master's ZooKeeper serves (client-port in
// packages/exhibitor/extra/start_exhibitor.py of dcos/dcos).
const Port = 2181

const (
	dialLimit      = 3 * time.Second
	handshakeLimit = 5 * time.Second
	wordLimit      = 3 * time.Second
	// maxPacket bounds what a server sends at once: ZooKeeper's own limit
	// (jute.maxbuffer).
	maxPacket = 1 << 20
)

// own is the server of the master that the way leads to, as that one sees it.
const own = "127.0.0.1"

// A Forbidden error says that a way is not to be had: the host that it leads
// through forwards nothing there.
type Forbidden interface {
	error
	Forbidden() bool
}

// ways are those to an ensemble's servers. It is the library's HostProvider,
// which says where to go next.
type ways struct {
	through Dial
	servers []string
	failed  chan struct{} // all servers have been tried, in vain

	ctx    context.Context //nolint:containedctx // it bounds what the library dials
	cancel context.CancelFunc

	mu    sync.Mutex
	tried int              // servers since the last session
	at    int              // the next one
	errs  map[string]error // how the last try of each ended; nil: it was reached
	conn  *stream          // the last one
}

func newWays(through Dial, others []string) *ways {
	w := &ways{through: through, failed: make(chan struct{}, 1), errs: map[string]error{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	for _, host := range append(append([]string(nil), others...), own) {
		w.servers = append(w.servers, net.JoinHostPort(host, strconv.Itoa(Port)))
	}
	return w
}

// Init is told of the servers that are known already, in any order.
func (*ways) Init([]string) error { return nil }

// Len is how many servers there are.
func (w *ways) Len() int { return len(w.servers) }

// Next says where to go, and whether all have been tried without a session.
func (w *ways) Next() (server string, retryStart bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	server = w.servers[w.at]
	w.at = (w.at + 1) % len(w.servers)
	retryStart = w.tried > 0 && w.tried%len(w.servers) == 0
	w.tried++
	if retryStart {
		tell(w.failed)
	}
	return server, retryStart
}

// Connected is told of a session.
func (w *ways) Connected() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tried = 0
}

// dial is the library's dialer. It takes no more time than the library should
// have given it.
func (w *ways) dial(_, address string, _ time.Duration) (net.Conn, error) {
	conn, err := w.open(w.ctx, address)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs[address] = err
	if err != nil {
		return nil, err
	}
	w.conn = newStream(conn)
	if w.ctx.Err() != nil {
		return nil, errors.Join(w.ctx.Err(), w.conn.Close())
	}
	return w.conn, nil
}

func (w *ways) open(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return reach(ctx, w.through, host, number)
}

func reach(ctx context.Context, through Dial, host string, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	return through(ctx, host, port)
}

// close ends what is open.
func (w *ways) close() {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close() // everything has been said
	}
}

// why says why no server has given a session. Whether there will be one is asked
// of those that were reached: a ZooKeeper without a quorum hangs up as something
// does that is no ZooKeeper, but says so when it is asked for its state.
func (w *ways) why(ctx context.Context) error {
	w.mu.Lock()
	errs := make(map[string]error, len(w.errs))
	for server, err := range w.errs {
		errs[server] = err
	}
	w.mu.Unlock()
	var reached int
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var refused, forbidden, lost error
	for _, server := range w.servers {
		err := errs[server]
		var f Forbidden
		switch {
		case errors.As(err, &f) && f.Forbidden():
			forbidden = err
		case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
			lost = err // with the connection, and not by who listens there
		case err != nil:
			refused = err
		default:
			reached++
			word, err := w.word(ctx, server)
			if err == nil && (strings.Contains(word, "not currently serving") || strings.Contains(word, "not executed")) {
				return fmt.Errorf("the ensemble's ZooKeeper at %s gives no session: %s", server, strings.Join(strings.Fields(word), " "))
			}
		}
	}
	switch {
	case lost != nil:
		return fmt.Errorf("the ensemble's ZooKeeper was not reached: %w", lost)
	case forbidden != nil:
		return &NoLockError{Err: forbidden}
	case reached > 0:
		return &NoLockError{Foreign: true, Err: errors.New("what answers at the port of ZooKeeper does not speak as it does")}
	case refused != nil:
		return &NoLockError{Foreign: true, Err: refused}
	}
	return errors.New("no server of the ensemble's ZooKeeper was tried")
}

// Serves asks a master's own ZooKeeper whether it serves: exhibitor says what it was
// when it last looked, which in DC/OS is up to 30 s ago (see [Steady]). known is false
// where nobody can tell: the way there is forbidden, or was lost, or the server does not
// answer such questions.
func Serves(ctx context.Context, through Dial, server string) (serves, known bool) {
	conn, err := reach(ctx, through, server, Port)
	text := ""
	if err == nil {
		text, err = word(ctx, conn)
	}
	var f Forbidden
	switch {
	case strings.Contains(text, "Mode: "):
		return true, true
	case strings.Contains(text, "not executed"):
		return false, false
	case err == nil:
		return false, true
	case errors.As(err, &f) && f.Forbidden(), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return false, false
	}
	return false, true
}

func (w *ways) word(ctx context.Context, server string) (string, error) {
	conn, err := w.open(ctx, server)
	if err != nil {
		return "", err
	}
	return word(ctx, conn)
}

// word asks a server for its state, by one of ZooKeeper's four-letter words (ZooKeeper's
// administrator's guide), and closes the connection.
func word(ctx context.Context, conn net.Conn) (string, error) {
	defer conn.Close()
	limit := time.AfterFunc(wordLimit, func() { _ = conn.Close() }) // who dials may know no deadlines
	defer limit.Stop()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(conn, 4<<10))
	switch {
	case len(text) > 0:
		return string(text), nil
	case !limit.Stop(): // it was closed here
		return "", errors.New("it was asked for its state, and does not answer")
	}
	return "", err
}

// A stream gives a connection, which need not know deadlines, those by which the
// library finds out that a server is dead: it ends then. What answers as no
// ZooKeeper does is not listened to: the library takes the first four bytes for a
// length, and makes room for it.
type stream struct {
	net.Conn
	mu    sync.Mutex
	limit *time.Timer
	calls int
	head  []byte // the first bytes that came
}

func newStream(conn net.Conn) *stream {
	s := &stream{Conn: conn}
	s.limit = time.AfterFunc(handshakeLimit, func() { _ = s.Conn.Close() })
	return s
}

// Read is the connection's.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if missing := 4 - len(s.head); missing > 0 {
		s.head = append(s.head, p[:min(n, missing)]...)
		if len(s.head) == 4 && (s.head[0] != 0 || s.head[1] != 0) {
			return 0, errors.New("this is no ZooKeeper")
		}
	}
	return n, err
}

// Close ends it.
func (s *stream) Close() error {
	s.limit.Stop()
	return s.Conn.Close()
}

// SetReadDeadline ends the stream then. What the library sets for the handshake
// is minutes away, and what it takes back comes again with the next packet.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.IsZero() {
		return nil
	}
	if s.calls++; s.calls > 1 {
		s.limit.Reset(time.Until(t))
	}
	return nil
}

// SetWriteDeadline does nothing: who does not take what is written does not
// answer it either.
func (*stream) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is not used.
func (s *stream) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }
