// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// longTraces is what a long script leaves on a host, if anything.
const longTraces = "ls -d /var/tmp/.dcos-long.* 2>/dev/null || true; systemctl list-units --all --plain --no-legend 'dcos-long*'; " +
	"pgrep -af 'sh /.*/[.]dcos-long[.][^*]*/run' || true"

// slowLines takes about four seconds and writes 400 numbered lines to each
// stream. It counts how often it was started.
const slowLines = `echo started >>"$1"; i=0; while [ $i -lt 400 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); ` +
	`[ $((i % 10)) -ne 0 ] || sleep 0.1; done; exit 3`

func slowOutput(stream string) string {
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "%s %d\n", stream, i)
	}
	return b.String()
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

// The connection of a long script breaks again and again: it runs once, and
// no byte of its output is missing.
func TestLabLongSurvives(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "long")
	t.Run("users", func(t *testing.T) {
		for _, c := range []struct {
			user string
			root bool
		}{{lab.UserNoPassword, true}, {lab.UserRequireTTY, true}, {lab.UserPassword, true}, {lab.UserNoSudo, false}} {
			t.Run(c.user, func(t *testing.T) {
				t.Parallel()
				s, proxy := throughProxy(t, h, c.user, nil)
				count := "/var/tmp/count-" + c.user
				var once sync.Once
				cuts := make(chan struct{})
				ended := make(chan struct{})
				go func() {
					defer close(cuts)
					// From the first byte of output on, so that the script is sure to be there, four breaks.
					for range 4 {
						select {
						case <-time.After(700 * time.Millisecond):
							proxy.Cut()
						case <-ended:
							return
						}
					}
				}()
				var live strings.Builder
				res, err := s.Client.RunLong(t.Context(), s.Target, "lines", remote.Script{
					Name: "lines", Root: c.root, Text: slowLines, Args: []string{count},
					Stdout: writerFunc(func(p []byte) { once.Do(proxy.Cut); live.Write(p) }),
				})
				close(ended)
				<-cuts
				var exit *remote.ExitError
				if !errors.As(err, &exit) || exit.Code != 3 {
					t.Fatalf("have %v", err)
				}
				if string(res.Stdout) != slowOutput("out") || string(res.Stderr) != slowOutput("err") || live.String() != slowOutput("out") {
					t.Errorf("have %d, %d and %d bytes, want %d", len(res.Stdout), len(res.Stderr), live.Len(), len(slowOutput("out")))
				}
				if n := shell(t, h, "cat "+count); n != "started" {
					t.Errorf("it was started %d times", strings.Count(n, "started"))
				}
				if n := proxy.Connections(); n < 3 {
					t.Errorf("%d connections: the test did not break any", n)
				}
			})
		}
	})
	eventually(t, h, time.Minute, longTraces, "")
}

// A client gives up in the middle, in two ways: one whose context ends takes
// the script with it, one that just vanishes leaves it to the next, which gets
// all of its output.
func TestLabLongTakenUp(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "longup")
	for _, root := range []bool{true, false} {
		t.Run(fmt.Sprintf("root %v", root), func(t *testing.T) {
			word, count := randomWord(), fmt.Sprintf("/var/tmp/count-%v", root)
			s, proxy := throughProxy(t, h, lab.UserNoPassword, func(_ *remote.Config, target *remote.Target) { target.ConnectTimeout = time.Second })
			var once sync.Once
			_, err := s.Client.RunLong(t.Context(), s.Target, "up", remote.Script{
				Name: "up", Root: root, Text: slowLines, Args: []string{count},
				Stdout: writerFunc(func([]byte) {
					once.Do(func() {
						proxy.Set(lab.Faults{Refuse: true})
						proxy.Cut()
					})
				}),
			})
			if !remote.IsUnreachable(err) {
				t.Errorf("have %v", err)
			}
			proxy.Set(lab.Faults{})
			s = labHost(t, h, lab.UserNoPassword, nil) // patient
			res, err := s.Client.RunLong(t.Context(), s.Target, "up", remote.Script{Name: "up", Root: root, Text: slowLines, Args: []string{count}})
			var exit *remote.ExitError
			if !errors.As(err, &exit) || exit.Code != 3 || string(res.Stdout) != slowOutput("out") {
				t.Errorf("have %v and %d bytes", err, len(res.Stdout))
			}
			if n := shell(t, h, "cat "+count); n != "started" {
				t.Errorf("it was started %d times", strings.Count(n, "started"))
			}

			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("changed my mind")
			_, err = s.Client.RunLong(ctx, s.Target, "cancelled", remote.Script{
				Name: "cancelled", Root: root, Text: "echo up; sleep " + word + " & sh -c 'trap \"\" TERM; sleep " + word + "'",
				Stdout: writerFunc(func([]byte) { cancel(why) }),
			})
			if !errors.Is(err, why) {
				t.Errorf("have %v", err)
			}
			eventually(t, h, time.Minute, sleepers(word), "0")
			_, err = s.Client.RunLong(t.Context(), s.Target, "late", remote.Script{Name: "late", Root: root, Text: "echo why >&2; sleep " + word,
				Timeout: 4 * time.Second})
			var late *remote.TimeoutError
			if !errors.As(err, &late) || late.Stderr != "why" {
				t.Errorf("have %v", err)
			}
			eventually(t, h, time.Minute, sleepers(word), "0")
			eventually(t, h, time.Minute, longTraces, "")
		})
	}
}

// The host is rebooted, or somebody kills the script: the error says so.
func TestLabLongReboot(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "longboot")
	s := labHost(t, h, lab.UserNoPassword, func(cfg *remote.Config, _ *remote.Target) { cfg.KeepaliveInterval = time.Second })
	run := func(id string, then func()) (*remote.Result, error) {
		var once sync.Once
		return s.Client.RunLong(t.Context(), s.Target, id, remote.Script{
			Name: id, Root: true, Text: "echo up; sync; sleep 1000", Timeout: 2 * time.Minute,
			Stdout: writerFunc(func([]byte) { once.Do(func() { go then() }) }),
		})
	}
	res, err := run("boot", func() {
		if err := h.Reboot(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	var rebooted *remote.RebootError
	if !errors.As(err, &rebooted) || rebooted.Hint() == "" || string(res.Stdout) != "up\n" {
		t.Errorf("have %v, %q", err, res.Stdout)
	}
	_, err = run("killed", func() { shell(t, h, "systemctl kill --signal=KILL 'dcos-long.killed*'") })
	var exit *remote.ExitError
	if !errors.As(err, &exit) || exit.Signal != "KILL" {
		t.Errorf("have %v", err)
	}
	eventually(t, h, time.Minute, "ls -d /var/tmp/.dcos-long.* 2>/dev/null || true", "")
}
