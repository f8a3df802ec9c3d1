// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package outage_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
)

// A process is one that reaches an ensemble through one of its masters.
type process struct {
	z   *lab.ZooKeeper
	own int // the master, which it reaches at 127.0.0.1

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (p *process) dial(ctx context.Context, host string, port int) (net.Conn, error) {
	if host == "127.0.0.1" {
		host = p.z.Addresses[p.own]
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return nil, errors.Join(errors.New("the way is cut"), conn.Close())
	}
	p.conns = append(p.conns, conn)
	return noDeadlines{conn}, nil
}

// noDeadlines is as a connection through SSH is.
type noDeadlines struct{ net.Conn }

func (noDeadlines) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (noDeadlines) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (noDeadlines) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// others are the masters beside its own.
func (p *process) others() []string {
	var others []string
	for i, a := range p.z.Addresses {
		if i != p.own {
			others = append(others, a)
		}
	}
	return others
}

// sever cuts the way, as when the process dies, or mends it.
func (p *process) sever(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for _, c := range p.conns {
		_ = c.Close() // it may be closed already
	}
	p.conns = nil
}

// patience bounds each question of these tests. In the product it is 8 s.
const patience = 15 * time.Second

// lockOf opens the lock for an operation on one of the masters.
func lockOf(t *testing.T, z *lab.ZooKeeper, own int) (*process, *outage.Lock) {
	t.Helper()
	return lockFor(t, z, own, own)
}

// lockFor is lockOf with the master's number apart from that of its server.
func lockFor(t *testing.T, z *lab.ZooKeeper, own, number int) (*process, *outage.Lock) {
	t.Helper()
	p := &process{z: z, own: own}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	register, err := outage.Open(ctx, p.dial, p.others())
	for err != nil && ctx.Err() == nil && !errors.As(err, new(*outage.NoLockError)) { // who elects a leader gives no session
		time.Sleep(200 * time.Millisecond)
		register, err = outage.Open(ctx, p.dial, p.others())
	}
	if err != nil {
		t.Fatalf("master %d: %v", own, err)
	}
	l := outage.New(register, master(number), fmt.Sprintf("the run of %d", number))
	l.SetSteady(time.Second)
	t.Cleanup(l.Close)
	return p, l
}

func take(t *testing.T, l *outage.Lock, s outage.Standing) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return l.Take(ctx, all(s))
}

func release(t *testing.T, l *outage.Lock) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.Release(ctx); err != nil || l.Held() {
		t.Errorf("it is not given back: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until tries until the lock is free, and says after how long.
func until(t *testing.T, l *outage.Lock, s outage.Standing) time.Duration {
	t.Helper()
	begun := time.Now()
	for {
		err := take(t, l, s)
		if err == nil {
			return time.Since(begun)
		}
		if !errors.As(err, new(*outage.HeldError)) {
			t.Fatal(err)
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("it never becomes free: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// loopback gives addresses of this machine that nobody else uses.
func loopback(t *testing.T, n int) []string {
	t.Helper()
	var random [2]byte
	if _, err := rand.Read(random[:]); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for i := range n {
		addresses = append(addresses, fmt.Sprintf("127.%d.%d.%d", 1+random[0]%254, random[1], i+1))
	}
	return addresses
}

// TestZooKeeper holds the lock on a real ensemble.
func TestZooKeeper(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a ZooKeeper, which -short leaves out")
	}
	z := lab.NewZooKeeper(t, loopback(t, 3)...)

	t.Run("race", func(t *testing.T) {
		var locks []*outage.Lock
		for i := range 6 {
			_, l := lockFor(t, z, i%3, i)
			locks = append(locks, l)
		}
		for range 5 {
			var have atomic.Int32
			var winner atomic.Pointer[outage.Lock]
			var wg sync.WaitGroup
			for _, l := range locks {
				wg.Go(func() {
					switch err := take(t, l, outage.Serving); {
					case err == nil:
						have.Add(1)
						winner.Store(l)
					case !errors.As(err, new(*outage.HeldError)):
						t.Error(err)
					}
				})
			}
			if wg.Wait(); have.Load() != 1 {
				t.Fatalf("%d have the lock", have.Load())
			}
			release(t, winner.Load())
		}
		for _, l := range locks {
			l.Close()
		}
		if left := nodes(t, z); len(left) > 0 {
			t.Errorf("what is left is %q", left)
		}
	})

	t.Run("outlives its own master's server", func(t *testing.T) {
		_, l := lockOf(t, z, 0)
		_, other := lockOf(t, z, 1)
		must(t, take(t, l, outage.Serving))
		z.Kill(t, 0)
		for begun := time.Now(); time.Since(begun) < 2*lab.ZooKeeperSession; time.Sleep(200 * time.Millisecond) {
			wantHeld(t, take(t, other, outage.Out), master(0), true)
		}
		must(t, take(t, l, outage.Out))
		z.Start(t, 0)
		z.Wait(t)
		release(t, l)
		must(t, take(t, other, outage.Serving))
		release(t, other)
	})

	t.Run("power cuts", func(t *testing.T) {
		for cut := range 3 {
			for moment, what := range []string{"before it is opened", "before it is taken", "while it is held"} {
				off := func(now int) {
					if now == moment {
						z.Kill(t, cut)
					}
				}
				off(0)
				_, l := lockOf(t, z, 0)
				_, other := lockOf(t, z, 1)
				off(1)
				if err := take(t, l, outage.Serving); err != nil {
					t.Fatalf("master %d off %s: %v", cut, what, err)
				}
				off(2)
				wantHeld(t, take(t, other, outage.Serving), master(0), true)
				release(t, l)
				if err := take(t, other, outage.Serving); err != nil {
					t.Errorf("master %d off %s: %v", cut, what, err)
				}
				release(t, other)
				z.Start(t, cut)
				z.Wait(t)
			}
		}
	})

	t.Run("a holder dies", func(t *testing.T) {
		for _, s := range []outage.Standing{outage.Serving, outage.Out} {
			p, l := lockOf(t, z, 0)
			_, other := lockOf(t, z, 1)
			must(t, take(t, l, outage.Serving))
			p.sever(true)
			if s == outage.Serving {
				if took := until(t, other, s); took < lab.ZooKeeperSession/2 {
					t.Errorf("it was free after %s: nobody can have known by then", took)
				}
				p.sever(false)
				wantHeld(t, take(t, l, s), master(1), true)
				release(t, other)
				continue
			}
			for begun := time.Now(); time.Since(begun) < 2*lab.ZooKeeperSession; time.Sleep(200 * time.Millisecond) {
				if err := take(t, other, s); !errors.As(err, new(*outage.HeldError)) {
					t.Fatalf("a master is out, and its lock is free: %v", err)
				}
			}
			wantHeld(t, take(t, other, s), master(0), false)
			_, again := lockOf(t, z, 0) // the same master's next run
			must(t, take(t, again, s))
			release(t, again)
		}
	})

	t.Run("announced again", func(t *testing.T) {
		p, l := lockOf(t, z, 0)
		_, other := lockOf(t, z, 1)
		must(t, take(t, l, outage.Serving))
		p.sever(true)
		time.Sleep(2 * lab.ZooKeeperSession)
		wantHeld(t, take(t, other, outage.Out), master(0), false)
		p.sever(false)
		for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) { // nobody asks l for anything
			var held *outage.HeldError
			if errors.As(take(t, other, outage.Out), &held) && held.Alive {
				break
			}
			if time.Since(begun) > patience {
				t.Fatal("the holder is back and nobody sees it")
			}
		}
		release(t, l)
	})

	t.Run("many take what was left behind", func(t *testing.T) {
		_, l := lockOf(t, z, 0)
		must(t, take(t, l, outage.Serving))
		l.Close()
		var have atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			_, l := lockFor(t, z, i%3, 10+i)
			l.SetSteady(0) // all at once
			wg.Go(func() {
				if take(t, l, outage.Serving) == nil {
					have.Add(1)
				}
			})
		}
		if wg.Wait(); have.Load() != 1 {
			t.Errorf("%d have the lock", have.Load())
		}
	})

	t.Run("a version is never another's", func(t *testing.T) {
		ctx := t.Context()
		p := &process{z: z}
		r, err := outage.Open(ctx, p.dial, p.others())
		must(t, err)
		t.Cleanup(r.Close)
		if _, version, err := r.Read(ctx); err == nil {
			must(t, r.Delete(ctx, version))
		}
		must(t, r.Create(ctx, []byte(`"one"`)))
		_, version, err := r.Read(ctx)
		must(t, err)
		if err := r.Create(ctx, []byte(`"two"`)); !errors.Is(err, outage.ErrChanged) {
			t.Errorf("created again: %v", err)
		}
		must(t, r.Delete(ctx, version))
		must(t, r.Create(ctx, []byte(`"three"`)))
		for what, err := range map[string]error{"written": r.Write(ctx, []byte(`"four"`), version), "deleted": r.Delete(ctx, version)} {
			if !errors.Is(err, outage.ErrChanged) {
				t.Errorf("%s over another: %v", what, err)
			}
		}
		text, version, err := r.Read(ctx)
		if err != nil || string(text) != `"three"` {
			t.Errorf("%s, %v", text, err)
		}
		must(t, r.Delete(ctx, version))
	})

	t.Run("no quorum", func(t *testing.T) {
		_, l := lockOf(t, z, 0)
		must(t, take(t, l, outage.Serving))
		z.Kill(t, 1)
		serve := func(want ...bool) {
			t.Helper()
			way := &process{z: z}
			for i, w := range want {
				for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) { // those that are left elect a leader
					if serves, known := outage.Serves(t.Context(), way.dial, z.Addresses[i]); known && serves == w {
						break
					}
					if time.Since(begun) > patience {
						t.Fatalf("server %d serves: not %t", i, w)
					}
				}
			}
		}
		serve(true, false, true)
		z.Kill(t, 2)
		serve(false, false, false)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := l.Take(ctx, all(outage.Serving)); err == nil || errors.As(err, new(*outage.NoLockError)) {
			t.Errorf("%v", err)
		}
		p := &process{z: z}
		begun := time.Now()
		_, err := outage.Open(t.Context(), p.dial, p.others())
		if err == nil || errors.As(err, new(*outage.NoLockError)) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("it took %s", took)
		}
		z.Start(t, 1)
		z.Start(t, 2)
		z.Wait(t)
		must(t, take(t, l, outage.Serving))
		release(t, l)
	})

	t.Run("not allowed", func(t *testing.T) {
		admin := connect(t, z)
		acl := zk.DigestACL(zk.PermAll, "somebody", "secret")
		if _, err := admin.Create("/terraform-provider-dcos", nil, 0, acl); err != nil {
			t.Fatal(err)
		}
		_, l := lockOf(t, z, 0)
		var none *outage.NoLockError
		if err := take(t, l, outage.Serving); !errors.As(err, &none) || none.Foreign {
			t.Errorf("%v", err)
		}
		must(t, admin.Delete("/terraform-provider-dcos", -1))
	})
}

// connect gives a client of its own.
func connect(t *testing.T, z *lab.ZooKeeper) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect([]string{z.Addresses[0]}, time.Minute, zk.WithLogger(quiet{}))
	must(t, err)
	t.Cleanup(conn.Close)
	return conn
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// nodes are those that the ensemble has besides its own.
func nodes(t *testing.T, z *lab.ZooKeeper) []string {
	t.Helper()
	all, _, err := connect(t, z).Children("/")
	must(t, err)
	var ours []string
	for _, n := range all {
		if n != "zookeeper" {
			ours = append(ours, n)
		}
	}
	return ours
}

type forbidden struct{ error }

func (forbidden) Forbidden() bool { return true }

// TestNoZooKeeper tells what gives no lock from what may give one later, in time.
func TestNoZooKeeper(t *testing.T) {
	t.Parallel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	t.Cleanup(func() {
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 500<<20 {
			t.Errorf("%d MB were allocated: what is no length was taken for one", (after.TotalAlloc-before.TotalAlloc)>>20)
		}
	})
	answering := func(t *testing.T, answer func(word string) string) outage.Dial {
		t.Helper()
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { _ = ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					word := make([]byte, 4)
					if _, err := io.ReadFull(conn, word); err != nil {
						return
					}
					if text := answer(string(word)); text != "silence" {
						_, _ = io.WriteString(conn, text) // whoever has gone does not listen
						return
					}
					_, _ = io.Copy(io.Discard, conn) // until it is given up
				}()
			}
		}()
		return func(ctx context.Context, _ string, _ int) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
			if err != nil {
				return nil, err
			}
			return noDeadlines{conn}, nil
		}
	}
	words := func(srvr string) func(string) string {
		return func(word string) string {
			if word == "srvr" {
				return srvr
			}
			return ""
		}
	}
	failing := func(err error) outage.Dial {
		return func(context.Context, string, int) (net.Conn, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		dial          outage.Dial
		none, foreign bool
		says          string
		serves, known bool // as it says of itself
	}{
		"refused":     {failing(errors.New("connection refused")), true, true, "refused", false, true},
		"forbidden":   {failing(forbidden{errors.New("not forwarded")}), true, false, "not forwarded", false, false},
		"a stand-in":  {answering(t, words("Zookeeper version: sample\nMode: leader\n")), true, true, "does not speak", true, true},
		"it hangs up": {answering(t, words("")), true, true, "does not speak", false, true},
		"a web server": {
			answering(t, func(string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" }), true, true, "does not speak", false, true,
		},
		"no quorum": {
			answering(t, words("This ZooKeeper instance is not currently serving requests\n")), false, false, "not currently", false, true,
		},
		"no words": {
			answering(t, words("srvr is not executed because it is not in the whitelist.\n")), false, false, "not executed", false, false,
		},
		"nothing at all": {answering(t, func(string) string { return "silence" }), false, false, "deadline", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if serves, known := outage.Serves(t.Context(), c.dial, "10.0.0.2"); serves != c.serves || known != c.known {
				t.Errorf("it serves: %t, which is known: %t", serves, known)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			_, err := outage.Open(ctx, c.dial, []string{"10.0.0.2", "10.0.0.3"})
			var none *outage.NoLockError
			if err == nil || errors.As(err, &none) != c.none || c.none && none.Foreign != c.foreign || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if ctx.Err() != nil && c.says != "deadline" {
				t.Error("it took too long")
			}
		})
	}
}
