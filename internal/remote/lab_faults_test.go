// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// shortLinger is for how long these tests' keepers wait for a successor: long
// enough for one that comes at once, on a busy machine too.
const shortLinger = 8 * time.Second

// childOf is, in the child process of TestLabKilledClient, the host's address.
const childOf = "REMOTE_CHILD_HOST"

// beChild locks a host, puts files there, runs a script as root, and does not
// come back: it is killed.
func beChild(ctx context.Context) error {
	key, err := os.ReadFile(os.Getenv("REMOTE_CHILD_KEY"))
	if err != nil {
		return err
	}
	user := os.Getenv("REMOTE_CHILD_USER")
	cfg := remote.Config{User: user, Credentials: remote.Credentials{PrivateKey: remote.Secret(key)}}
	if user == lab.UserPassword {
		cfg.Sudo.Password = remote.Secret(lab.Password(user))
	}
	client, err := remote.NewClient(cfg)
	if err != nil {
		return err
	}
	client.SetLinger(shortLinger)
	conn, err := client.Dial(ctx, remote.Target{Address: os.Getenv(childOf), ConnectTimeout: 30 * time.Second})
	if err != nil {
		return err
	}
	if err := conn.Lock(ctx, "the child"); err != nil {
		return err
	}
	dir, err := conn.Upload(ctx, []remote.File{randomFile("big", 8<<20)}, nil)
	if err != nil {
		return err
	}
	word := os.Getenv("REMOTE_CHILD_WORD")
	_, err = conn.Run(ctx, remote.Script{
		Name: "endless", Root: true, Args: []string{dir},
		Text:   "mkdir $1/made; touch $1/made/x; sleep " + word + " & sh -c 'trap \"\" TERM HUP; sleep " + word + "' & sleep 1; echo up; wait",
		Stdout: writerFunc(func([]byte) { fmt.Printf("UP %s\n", dir) }),
	})
	return err
}

// startChild gives the child once its script runs, and its work directory.
func startChild(t *testing.T, h *lab.Host, user, word string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+h.Address, "REMOTE_CHILD_KEY="+lab.Require(t).KeyFile(), "REMOTE_CHILD_USER="+user,
		"REMOTE_CHILD_WORD="+word)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead already
		_ = cmd.Wait()
	})
	var said []string
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if d, ok := strings.CutPrefix(sc.Text(), "UP "); ok {
			return cmd, d
		}
		said = append(said, sc.Text())
	}
	t.Fatalf("the child: %s", strings.Join(said, "\n"))
	return nil, ""
}

// A client that is killed leaves nothing: its scripts end, its lock opens, its
// directory goes. One that comes soon takes over what was uploaded.
func TestLabKilledClient(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "kill-"+user)
			word := randomWord()
			cmd, dir := startChild(t, h, user, word)
			s := labHost(t, h, user, nil)
			s.Client.SetLinger(shortLinger)
			second := s.Dial(t)
			var locked *remote.LockedError
			if err := second.Lock(t.Context(), "the second"); !errors.As(err, &locked) || locked.Owner != "the child" || locked.Since == "" ||
				locked.Hint() == "" {
				t.Errorf("have %v", err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, h, time.Minute, sleepers(word), "0")
			if err := second.Lock(t.Context(), "the second"); err != nil {
				t.Error(err)
			}
			sent, _ := second.Traffic()
			again, err := second.Upload(t.Context(), []remote.File{randomFile("big", 8<<20)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := second.Traffic(); again != dir || after-sent > 1<<20 {
				t.Errorf("the directory is %s, not %s, and %d bytes were sent", again, dir, after-sent)
			}
			if err := second.Close(); err != nil {
				t.Error(err)
			}
			eventually(t, h, 0, workDirectories, "")
			eventually(t, h, 0, lockFile, "")
			// And when nobody comes.
			cmd, _ = startChild(t, h, user, word)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, h, time.Minute, workDirectories, "")
			eventually(t, h, 0, lockFile, "")
			eventually(t, h, time.Minute, processes, "0")
		})
	}
}

// Power is cut during a script: the error says that the connection was lost,
// and the next client finds the host clean, or makes it so.
func TestLabPowerCut(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "power")
	quick := func(cfg *remote.Config, _ *remote.Target) { cfg.KeepaliveInterval = 500 * time.Millisecond }
	s := labHost(t, h, lab.UserNoPassword, quick)
	conn := s.Dial(t)
	if err := conn.Lock(t.Context(), "us"); err != nil {
		t.Fatal(err)
	}
	dir, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 100_000)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	_, err = conn.Run(t.Context(), remote.Script{
		Name: "working", Root: true, Text: "sync; echo up; sleep 60",
		Stdout: writerFunc(func([]byte) { go func() { cut <- h.PowerCut(context.WithoutCancel(t.Context())) }() }),
	})
	var lost *remote.LostError
	if !errors.As(err, &lost) {
		t.Errorf("have %v", err)
	}
	if err := <-cut; err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := s.Dial(t)
	if err := next.Lock(t.Context(), "us again"); err != nil {
		t.Error(err)
	}
	again, err := next.Upload(t.Context(), []remote.File{randomFile("f", 100_000)}, nil)
	if err != nil || again != dir {
		t.Errorf("the directory is %s, not %s: %v", again, dir, err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, h, 0, workDirectories, "")
	eventually(t, h, 0, lockFile, "")
}

// Whoever comes next removes what nobody holds any more, if it only locks the
// host, too.
func TestLabSweep(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY, lab.UserNoSudo} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "sweep-"+user)
			s := labHost(t, h, user, nil)
			conn := s.Dial(t)
			dir, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, h, 0, workDirectories, dir)
			// As a host does that reboots: the keeper has no time to tidy up.
			if _, err := h.Shell(t.Context(), "fuser -k -KILL "+dir+" || pkill -KILL -u "+user); err != nil {
				t.Fatal(err)
			}
			_ = conn.Close() // its keeper is gone
			eventually(t, h, 0, workDirectories, dir)
			next := s.Dial(t)
			if err := next.Lock(t.Context(), "the next"); err != nil {
				t.Fatal(err)
			}
			if err := next.Close(); err != nil {
				t.Error(err)
			}
			eventually(t, h, 0, workDirectories, "")
			eventually(t, h, 0, lockFile, "")
		})
	}
}

// The network swallows everything: we notice within the keepalive's limit,
// the host within its lease, and a lock that we lost sight of is ours again at
// once when the network is back.
func TestLabBlackHole(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "hole-"+user)
			s := labHost(t, h, user, func(cfg *remote.Config, _ *remote.Target) { cfg.KeepaliveInterval = 750 * time.Millisecond })
			s.Client.SetLinger(shortLinger)
			for _, back := range []bool{true, false} {
				conn, word := s.Dial(t), randomWord()
				if err := conn.Lock(t.Context(), "us"); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil); err != nil {
					t.Fatal(err)
				}
				cut := make(chan error, 1)
				start := time.Now()
				_, err := conn.Run(t.Context(), remote.Script{
					// Longer than the first heartbeat takes.
					Name: "working", Root: true, Text: "sleep " + word + " & sleep 2; echo up; wait",
					Stdout: writerFunc(func([]byte) { go func() { cut <- h.Cut(context.WithoutCancel(t.Context()), lab.BlackHole) }() }),
				})
				var lost *remote.LostError
				// TCP alone takes a quarter of an hour
				if took := time.Since(start); !errors.As(err, &lost) || !strings.Contains(err.Error(), "no answer for") || took > time.Minute {
					t.Errorf("have %v after %s", err, took)
				}
				if err := <-cut; err != nil {
					t.Fatal(err)
				}
				if back {
					if err := h.Rejoin(t.Context()); err != nil {
						t.Fatal(err)
					}
					next := s.Dial(t)
					if err := next.Lock(t.Context(), "us"); err != nil {
						t.Error(err)
					}
					eventually(t, h, time.Minute, sleepers(word), "0")
					if err := next.Close(); err != nil {
						t.Error(err)
					}
				} else {
					eventually(t, h, time.Minute, sleepers(word), "0")
					if err := h.Rejoin(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				eventually(t, h, time.Minute, workDirectories, "")
				eventually(t, h, time.Minute, lockFile, "")
			}
		})
	}
}

// The disk fills up during an upload: the error says so, and nothing is left.
func TestLabDiskFull(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "full", lab.WithDisk(300<<20))
	if err := h.FillDisk(t.Context(), 20<<20); err != nil {
		t.Fatal(err)
	}
	conn := labHost(t, h, lab.UserNoPassword, nil).Dial(t)
	_, err := conn.Upload(t.Context(), []remote.File{randomFile("big", 64<<20)}, nil)
	var failed *remote.TransferError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "no room") {
		t.Errorf("have %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, h, 0, workDirectories, "")
}

// Files, locks and scripts of all kinds leave the host as it was.
func TestLabNoTrace(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "trace")
	work := func(user string) {
		conn, err := labHost(t, h, user, nil).Client.Dial(t.Context(),
			remote.Target{Address: h.Address, HostKey: h.HostKey, ConnectTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Lock(t.Context(), "us"); err != nil {
			t.Error(err)
		}
		dir, err := conn.Upload(t.Context(), []remote.File{randomFile("a/b", 100_000)}, nil)
		if err != nil {
			t.Error(err)
		}
		if _, err := conn.Run(t.Context(),
			remote.Script{Name: "root", Root: true, Args: []string{dir}, Text: "mkdir $1/r && touch $1/r/x && chmod 0 $1/r"}); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := conn.Run(ctx, remote.Script{Name: "cancelled", Root: true, Text: "sleep 60"}); err == nil {
			t.Error("a cancelled script has no error")
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	users := []string{lab.UserRoot, lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword}
	for _, user := range users {
		work(user) // what a first login leaves (sudo's lecture, wtmp) is not ours
	}
	eventually(t, h, time.Minute, processes, "0")
	eventually(t, h, time.Minute, sleepers("60"), "0")
	before, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		work(user)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		after, err := h.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var changes []string
		for _, c := range lab.Diff(before, after) {
			if !strings.Contains(c.Name, "/var/log/") {
				changes = append(changes, c.String())
			}
		}
		if len(changes) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind:\n%s", strings.Join(changes, "\n"))
		}
	}
}
