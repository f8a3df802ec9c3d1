// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// SessionTimeout is for how long a holder is still announced after nothing has
// been heard of its process. It is more than the script that waits for its go
// does (20 s, gate.sh), so that no go of a holder that was taken for dead arrives;
// and the most that ZooKeeper grants: 20 of DC/OS's ticks of 2 s (tickTime, in
// packages/exhibitor/extra/start_exhibitor.py of dcos/dcos; maxSessionTimeout, in
// ZooKeeper's administrator's guide). A server may grant less.
const SessionTimeout = 40 * time.Second

// What the lock is in an ensemble's ZooKeeper: under the first, the record and in
// it its version, once more as a child; and who is there, one ephemeral node
// each. A record changes with its child, in one transaction: its own version, a
// number that begins anew with each node, could be that of another record.
const (
	root       = "/terraform-provider-dcos"
	recordPath = root + "/outage"
	holderPath = root + "/holder-"
)

// open is everybody's: DC/OS's ZooKeeper knows no users of this provider's, and
// who reaches its port through a master has become root there.
func open() []zk.ACL { return zk.WorldACL(zk.PermAll) }

// retryPause is how long an operation waits that is repeated.
const retryPause = 200 * time.Millisecond

// An ensemble is a register in ZooKeeper.
type ensemble struct {
	ways *ways
	conn *zk.Conn

	closing  sync.Once
	quit     chan struct{}
	sessions chan struct{} // one has begun, or is the same again
	over     sync.WaitGroup

	mu     sync.Mutex
	holder string // that is announced
}

var _ Register = (*ensemble)(nil)

// Open is the [Opener] of an ensemble's own ZooKeeper. The session is with
// another master's server where one answers: the own one's is about to go out.
func Open(ctx context.Context, dial Dial, others []string) (Register, error) {
	e := &ensemble{ways: newWays(dial, others), quit: make(chan struct{}), sessions: make(chan struct{}, 1)}
	begun := make(chan struct{}, 1)
	conn, _, err := zk.Connect(e.ways.servers, SessionTimeout,
		zk.WithDialer(e.ways.dial), zk.WithHostProvider(e.ways), zk.WithLogger(silent{}), zk.WithLogInfo(false),
		zk.WithMaxBufferSize(maxPacket), zk.WithEventCallback(func(ev zk.Event) {
			if ev.Type == zk.EventSession && ev.State == zk.StateHasSession {
				tell(begun)
				tell(e.sessions)
			}
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting to the ensemble's ZooKeeper: %w", err)
	}
	e.conn = conn
	e.over.Go(e.keep)
	select {
	case <-begun:
		return e, nil
	case <-e.ways.failed:
		err = e.ways.why(ctx)
	case <-ctx.Done():
		err = fmt.Errorf("waiting for a session with the ensemble's ZooKeeper: %w", context.Cause(ctx))
	}
	e.Close()
	return nil, err
}

// tell says something to who may be listening.
func tell(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// keep announces the holder again whenever a session begins: the one before may
// have ended while nobody could be reached.
func (e *ensemble) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-e.quit
		cancel()
	}()
	for {
		select {
		case <-e.quit:
			return
		case <-e.sessions:
		}
		e.mu.Lock()
		holder := e.holder
		e.mu.Unlock()
		if holder != "" {
			_ = e.Announce(ctx, holder) // if that does not work, another session comes
		}
	}
}

// Announce makes the holder's ephemeral node.
func (e *ensemble) Announce(ctx context.Context, holder string) error {
	e.mu.Lock()
	e.holder = holder
	e.mu.Unlock()
	_, err := ask(ctx, func() (struct{}, error) {
		_, err := e.conn.Create(holderPath+holder, nil, zk.FlagEphemeral, open())
		switch {
		case errors.Is(err, zk.ErrNoNode):
			return struct{}{}, e.makeRoot()
		case !errors.Is(err, zk.ErrNodeExists):
			return struct{}{}, err
		}
		_, stat, err := e.conn.Exists(holderPath + holder)
		if err != nil || stat.EphemeralOwner == e.conn.SessionID() {
			return struct{}{}, err
		}
		// It is that of a session which has ended, and goes with it.
		if err := e.conn.Delete(holderPath+holder, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
			return struct{}{}, err
		}
		return struct{}{}, errAgain
	})
	return err
}

// makeRoot makes the node in which the others are. What needs it comes again.
func (e *ensemble) makeRoot() error {
	if _, err := e.conn.Create(root, nil, 0, open()); err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return err
	}
	return errAgain
}

// Alive asks for a holder's ephemeral node.
func (e *ensemble) Alive(ctx context.Context, holder string) (bool, error) {
	return ask(ctx, func() (bool, error) {
		if _, err := e.conn.Sync(root); err != nil {
			return false, err
		}
		there, _, err := e.conn.Exists(holderPath + holder)
		return there, err
	})
}

// A kept record is what is in the record's node.
type kept struct {
	Version string          `json:"version"`
	Record  json.RawMessage `json:"record"`
}

// Read gets the record. A server may be behind the others, so it is made to catch
// up first.
func (e *ensemble) Read(ctx context.Context) (record []byte, version string, err error) {
	text, err := ask(ctx, func() ([]byte, error) {
		if _, err := e.conn.Sync(recordPath); err != nil {
			return nil, err
		}
		text, _, err := e.conn.Get(recordPath)
		return text, err
	})
	switch {
	case errors.Is(err, zk.ErrNoNode):
		return nil, "", ErrNone
	case err != nil:
		return nil, "", err
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil || k.Version == "" || strings.Contains(k.Version, "/") {
		return nil, "", fmt.Errorf("%s in the ensemble's ZooKeeper holds what nobody here has written", recordPath)
	}
	return k.Record, k.Version, nil
}

// Create makes the record.
func (e *ensemble) Create(ctx context.Context, record []byte) error {
	text, version := keep(record)
	return e.change(ctx,
		&zk.CreateRequest{Path: recordPath, Data: text, Acl: open()},
		&zk.CreateRequest{Path: path.Join(recordPath, version), Acl: open()})
}

// Write replaces it.
func (e *ensemble) Write(ctx context.Context, record []byte, version string) error {
	text, next := keep(record)
	return e.change(ctx,
		&zk.DeleteRequest{Path: path.Join(recordPath, version), Version: -1},
		&zk.SetDataRequest{Path: recordPath, Data: text, Version: -1},
		&zk.CreateRequest{Path: path.Join(recordPath, next), Acl: open()})
}

// Delete takes it away.
func (e *ensemble) Delete(ctx context.Context, version string) error {
	return e.change(ctx,
		&zk.DeleteRequest{Path: path.Join(recordPath, version), Version: -1},
		&zk.DeleteRequest{Path: recordPath, Version: -1})
}

// keep makes what the node holds, and its version.
func keep(record []byte) (text []byte, version string) {
	k := kept{Version: rand.Text(), Record: record}
	var err error
	text, err = json.Marshal(k)
	if err != nil {
		panic(err) // a record is JSON
	}
	return text, k.Version
}

// change does operations all or none. One whose answer was lost is repeated, and
// finds what it has done itself: to the caller that is another's change, who reads
// the record then.
func (e *ensemble) change(ctx context.Context, ops ...any) error {
	_, err := ask(ctx, func() (struct{}, error) {
		_, err := e.conn.Multi(ops...)
		if create, ok := ops[0].(*zk.CreateRequest); ok && errors.Is(err, zk.ErrNoNode) && create.Path == recordPath {
			return struct{}{}, e.makeRoot()
		}
		return struct{}{}, err
	})
	if errors.Is(err, zk.ErrNoNode) || errors.Is(err, zk.ErrNodeExists) || errors.Is(err, zk.ErrNotEmpty) {
		return ErrChanged
	}
	return err
}

// Close ends the session, and takes the node away that all others are in if it
// was the last one. It takes seconds at most.
func (e *ensemble) Close() { e.closing.Do(e.close) }

func (e *ensemble) close() {
	e.mu.Lock()
	holder := e.holder
	e.holder = ""
	e.mu.Unlock()
	close(e.quit)
	e.over.Wait()
	if e.conn.State() == zk.StateHasSession && holder != "" {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		_, _ = ask(ctx, func() (struct{}, error) { // the session's end does the same, and what remains is empty
			if err := e.conn.Delete(holderPath+holder, -1); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, e.conn.Delete(root, -1)
		})
	}
	if e.conn.State() == zk.StateHasSession {
		e.conn.Close()
	} else {
		go e.conn.Close() // it waits a second for an answer that cannot come
	}
	e.ways.close()
}

// closeLimit bounds what Close asks.
const closeLimit = 2 * time.Second

// errAgain says that an operation is to be done once more.
var errAgain = errors.New("to be done again")

// ask does an operation of the library's, which knows no context, and does it
// again for as long as the way to the ensemble is what fails.
func ask[T any](ctx context.Context, op func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var last error
	for {
		done := make(chan answer, 1)
		go func() {
			v, err := op()
			done <- answer{v, err}
		}()
		var a answer
		select {
		case a = <-done:
		case <-ctx.Done():
			return a.value, noAnswer(ctx, last)
		}
		switch {
		case errors.Is(a.err, errAgain):
		case errors.Is(a.err, zk.ErrConnectionClosed), errors.Is(a.err, zk.ErrNoServer), errors.Is(a.err, zk.ErrSessionExpired),
			errors.Is(a.err, zk.ErrSessionMoved):
			last = a.err
			select {
			case <-time.After(retryPause):
			case <-ctx.Done():
				return a.value, noAnswer(ctx, last)
			}
		case errors.Is(a.err, zk.ErrNoAuth), errors.Is(a.err, zk.ErrAuthFailed), errors.Is(a.err, zk.ErrInvalidACL):
			return a.value, &NoLockError{Err: fmt.Errorf("its ZooKeeper does not allow it: %w", a.err)}
		default:
			return a.value, a.err
		}
	}
}

func noAnswer(ctx context.Context, last error) error {
	if last == nil {
		return fmt.Errorf("the ensemble's ZooKeeper does not answer: %w", context.Cause(ctx))
	}
	return fmt.Errorf("the ensemble's ZooKeeper does not answer (%w): %w", last, context.Cause(ctx))
}

// silent is the library's logger.
type silent struct{}

func (silent) Printf(string, ...any) {}
