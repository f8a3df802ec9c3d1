// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// pathWork is everything that is done to a host, in order, over a path that
// has faults.
type pathWork struct {
	s     remotetest.Subject
	files []remote.File
	after func(step string) // called at the boundaries
}

func newPathWork(s remotetest.Subject) *pathWork {
	return &pathWork{s: s, files: []remote.File{randomFile("big", 400_000), randomFile("a/small", 100), randomFile("a/empty", 0)},
		after: func(string) {}}
}

// do returns the first error. A wrong result is a wrongResult.
func (w *pathWork) do(t *testing.T) (err error) {
	conn, err := w.s.Client.Dial(t.Context(), w.s.Target)
	if err != nil {
		return err
	}
	defer func() {
		// Close has nothing to say of a connection that is broken already.
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
		w.after("close")
	}()
	w.after("connect")
	if err := conn.Lock(t.Context(), "us"); err != nil {
		return err
	}
	w.after("lock")
	dir, err := conn.Upload(t.Context(), w.files, nil)
	if err != nil {
		return err
	}
	w.after("upload")
	res, err := conn.Run(t.Context(), remote.Script{
		Name: "look", Root: true, Args: []string{dir}, Timeout: time.Minute,
		Text: `id -u; cd "$1" && sha256sum big a/small a/empty; head -c 50000 big | od -An -v -tx1 | tr -d ' \n'; echo to stderr >&2; exit 5`,
	})
	var exit *remote.ExitError
	if !errors.As(err, &exit) || exit.Code != 5 {
		if err == nil {
			return wrongResult("it has exit code 0")
		}
		return err
	}
	w.after("script")
	var want strings.Builder
	want.WriteString("0\n")
	for _, f := range w.files {
		fmt.Fprintf(&want, "%s  %s\n", f.SHA256, f.Name)
	}
	if out := string(res.Stdout); !strings.HasPrefix(out, want.String()) || len(out) != want.Len()+100_000 ||
		string(res.Stderr) != "to stderr\n" {
		return wrongResult(fmt.Sprintf("%d bytes that begin with %.300q, and %q", len(out), out, res.Stderr))
	}
	return nil
}

type wrongResult string

func (e wrongResult) Error() string { return "wrong result: " + string(e) }

// Whatever happens to a connection, at whatever byte of it, the result is
// right or the error is clear, and the host is clean in the end.
func TestLabPathFaults(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	for name, c := range map[string]struct {
		user       string
		boundaries bool // faults at the boundaries of the steps, too
		jump       bool // faults on the way to a jump host before the host
	}{
		"no password": {user: lab.UserNoPassword, boundaries: true},
		"terminal":    {user: lab.UserRequireTTY},
		"password":    {user: lab.UserPassword},
		"jump host":   {user: lab.UserNoPassword, jump: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "path-"+strings.ReplaceAll(name, " ", ""))
			s, proxy := throughProxy(t, h, c.user, nil)
			var hops []remote.Hop
			if c.jump {
				j := l.Host(t, "path-jump")
				proxy = l.Proxy(t, fmt.Sprintf("%s:%d", j.Address, j.Port), lab.Faults{})
				hops = []remote.Hop{{Address: l.Gateway(), Port: proxy.Port(), HostKey: j.HostKey, User: lab.UserNoSudo}}
				s = labHost(t, h, c.user, func(cfg *remote.Config, _ *remote.Target) { cfg.JumpHosts = hops })
			}
			w := newPathWork(s)
			// Without faults first, to learn where the boundaries are.
			type boundary struct {
				step     string
				up, down int64
			}
			boundaries := []boundary{{"begin", 0, 0}}
			w.after = func(step string) {
				up, down := proxy.Bytes()
				boundaries = append(boundaries, boundary{step, up, down})
			}
			if err := w.do(t); err != nil {
				t.Fatal(err)
			}
			end := boundaries[len(boundaries)-1]
			// A client that gives up soon, since it is to give up often.
			hasty := labHost(t, h, c.user, func(cfg *remote.Config, target *remote.Target) {
				cfg.JumpHosts, *target = hops, s.Target
				cfg.KeepaliveInterval, target.ConnectTimeout = 400*time.Millisecond, time.Second
			})
			hasty.Client.SetLinger(shortLinger)
			hasty.Client.SetStepLimits(2*time.Second, 2*time.Second, 2*time.Second)
			w = newPathWork(hasty)

			kinds := map[lab.FaultKind]string{lab.Close: "close", lab.Reset: "reset", lab.Stall: "stall", lab.Corrupt: "corrupt"}
			broke := 0
			try := func(where string, f lab.Faults) {
				proxy.Set(f)
				start := time.Now()
				err := w.do(t)
				took := time.Since(start)
				if err != nil {
					broke++
				}
				var connect *remote.ConnectError
				var lost *remote.LostError
				switch {
				case err == nil:
				case !errors.As(err, &connect) && !errors.As(err, &lost):
					t.Errorf("%s: have %v", where, err)
				case !strings.Contains(err.Error(), s.Target.Address):
					t.Errorf("%s: no host in %v", where, err)
				}
				if took > 2*time.Minute {
					t.Errorf("%s: it took %s", where, took)
				}
			}
			if c.boundaries {
				for kind, name := range kinds {
					for _, b := range boundaries {
						try(name+" up at "+b.step, lab.Faults{Up: lab.Fault{Kind: kind, At: b.up}})
						try(name+" down at "+b.step, lab.Faults{Down: lab.Fault{Kind: kind, At: b.down}})
					}
				}
			}
			seeded := rand.New(rand.NewPCG(4, uint64(len(name))))
			for range 2 {
				for kind, name := range kinds {
					f := lab.Fault{Kind: kind, At: seeded.Int64N(end.up)}
					try(fmt.Sprintf("%s up at byte %d", name, f.At), lab.Faults{Up: f})
					f.At = seeded.Int64N(end.down)
					try(fmt.Sprintf("%s down at byte %d", name, f.At), lab.Faults{Down: f})
				}
			}
			if broke < 4 {
				t.Errorf("only %d faults broke anything", broke)
			}
			// A bad path breaks nothing.
			w = newPathWork(s)
			for name, f := range map[string]lab.Faults{
				"delay": {Latency: 60 * time.Millisecond, Jitter: 60 * time.Millisecond},
				"loss":  {Loss: 0.03}, "narrow": {Bandwidth: 300_000}, "none": {},
			} {
				proxy.Set(f)
				if err := w.do(t); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			proxy.Cut() // what stalled
			eventually(t, h, time.Minute, workDirectories, "")
			eventually(t, h, time.Minute, lockFile, "")
			// A sudo that lost its terminal while it started goes with the next connection.
			conn := s.Dial(t)
			if err := conn.Lock(t.Context(), "us"); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			eventually(t, h, time.Minute, "ps -eo pid,ppid,stat,args | grep '[d]cos dcos-' || true", "")
		})
	}
}

// throughProxy is a subject on a host behind a proxy that makes faults.
func throughProxy(t *testing.T, h *lab.Host, user string, change func(*remote.Config, *remote.Target)) (remotetest.Subject, *lab.Proxy) {
	t.Helper()
	l := lab.Require(t)
	p := l.Proxy(t, fmt.Sprintf("%s:%d", h.Address, h.Port), lab.Faults{})
	return labHost(t, h, user, func(cfg *remote.Config, target *remote.Target) {
		target.Address, target.Port = l.Gateway(), p.Port()
		if change != nil {
			change(cfg, target)
		}
	}), p
}
