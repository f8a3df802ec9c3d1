// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// shell runs a script on a host from outside, not over SSH.
func shell(t testing.TB, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// eventually waits until the script on the host says what is wanted.
func eventually(t testing.TB, h *lab.Host, within time.Duration, script, want string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		have := shell(t, h, script)
		if have == want {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("after %s %q is still %q", within, script, have)
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// What a client leaves on a host, if anything.
const (
	workDirectories = "ls -d /var/tmp/.dcos-work.* /tmp/.dcos-work.* 2>/dev/null || true"
	lockFile        = "ls /run/*operator.lock 2>/dev/null || true"
	processes       = "pgrep -fc '[d]cos dcos-' || true"
)

func sleepers(word string) string {
	return "pgrep -fc '^sleep " + word + "' || true"
}

func randomWord() string { return fmt.Sprint(1_000_000_000 + rand.IntN(1_000_000_000)) }

// randomFile is a file of size bytes that the host has not seen.
func randomFile(name string, size int) remote.File {
	content := make([]byte, size)
	seeded := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = seeded.Read(content)
	sum := sha256.Sum256(content)
	return remote.File{Name: name, Size: int64(size), SHA256: hex.EncodeToString(sum[:]), Mode: 0o644, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(string(content))), nil
	}}
}

func TestConformanceLab(t *testing.T) {
	h := lab.Require(t).Host(t, "conf")
	for _, user := range []string{lab.UserRoot, lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword, lab.UserNoSudo} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			remotetest.Conformance(t, labHost(t, h, user, nil))
		})
	}
}

// Login shells and shells called sh, and the tools of BusyBox in place of
// GNU's, with and without a terminal.
func TestConformanceShells(t *testing.T) {
	l := lab.Require(t)
	for name, c := range map[string]struct{ setup, login string }{
		"dash":         {"", "/bin/dash"},
		"tcsh":         {"echo 'echo chatter; set prompt=x' >/etc/csh.cshrc", "/bin/tcsh"},
		"fish":         {"", "/usr/bin/fish"},
		"zsh":          {"", "/bin/zsh"},
		"chatty bash":  {`for u in alice tina; do printf 'echo chatter; echo noise >&2\n' | cat - /home/$u/.bashrc >/tmp/b; cp /tmp/b /home/$u/.bashrc; done; rm /tmp/b`, "/bin/bash"},
		"bash as sh":   {"ln -s /bin/bash /usr/local/bin/sh", "/bin/bash"},
		"busybox":      {"/bin/busybox --install -s /usr/local/bin; rm -f /usr/local/bin/login /usr/local/bin/su", "/bin/bash"},
		"busybox only": {"/bin/busybox --install -s /usr/local/bin; rm -f /usr/local/bin/login /usr/local/bin/su; ln -sf /bin/busybox /bin/ash; echo /bin/ash >>/etc/shells", "/bin/ash"},
	} {
		t.Run(name, func(t *testing.T) {
			h := l.Host(t, "sh"+strings.ReplaceAll(name, " ", ""), lab.WithPackages("busybox", "fish", "tcsh", "zsh"))
			shell(t, h, c.setup+"\nfor u in alice tina; do usermod -s "+c.login+" $u; done")
			for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
				t.Run(user, func(t *testing.T) { remotetest.Conformance(t, labHost(t, h, user, nil)) })
			}
		})
	}
}

// Servers that allow one session to a connection, have no SFTP, or know only
// what OpenSSH 7.4 knew.
func TestConformanceServers(t *testing.T) {
	l := lab.Require(t)
	for name, opts := range map[string][]lab.Option{
		"MaxSessions 1": {lab.WithSSHD("MaxSessions 1")},
		"MaxStartups":   {lab.WithSSHD("MaxStartups 2:60:3")},
		"no SFTP":       {lab.WithoutSFTP()},
		"old": {lab.WithSSHD(
			"KexAlgorithms curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256",
			"Ciphers aes128-ctr,aes256-ctr", "MACs hmac-sha2-256,hmac-sha1")},
		"oldest": {lab.WithSSHD("KexAlgorithms diffie-hellman-group-exchange-sha256", "Ciphers chacha20-poly1305@openssh.com")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "srv"+strings.ToLower(strings.ReplaceAll(name, " ", "")), opts...)
			remotetest.Conformance(t, labHost(t, h, lab.UserNoPassword, nil))
		})
	}
}

// A host behind two others, of which the last alone sees it.
func TestLabJumpHosts(t *testing.T) {
	l := lab.Require(t)
	first, second, end := l.Host(t, "jump1"), l.Host(t, "jump2"), l.Host(t, "behind")
	hops := []remote.Hop{
		{Address: first.Address, Port: first.Port, HostKey: first.HostKey, User: lab.UserNoSudo},
		{Address: second.Address, Port: second.Port, HostKey: second.HostKey, User: lab.UserRequireTTY},
	}
	s := labHost(t, end, lab.UserPassword, func(cfg *remote.Config, _ *remote.Target) { cfg.JumpHosts = hops })
	remotetest.Conformance(t, s)
	from := shell(t, end, "journalctl -u ssh -o cat | grep 'Accepted publickey for paul' | grep -v 'from "+second.Address+" ' | wc -l")
	if from != "0" {
		t.Errorf("%s logins did not come through the second jump host", from)
	}
	for _, h := range []*lab.Host{first, second} {
		if n := shell(t, h, "journalctl -u ssh -o cat | grep -c 'Accepted publickey'"); n != "1" {
			t.Errorf("%s logins at %s", n, h.Name)
		}
	}
}

// A host that is switched on while it is being waited for.
func TestLabLateBoot(t *testing.T) {
	h := lab.Require(t).Host(t, "late", lab.NotStarted())
	s := labHost(t, h, lab.UserNoPassword, func(_ *remote.Config, target *remote.Target) { target.ConnectTimeout = 2 * time.Minute })
	booted := make(chan error, 1)
	go func() {
		select {
		case <-time.After(2 * time.Second):
			booted <- h.Start(t.Context())
		case <-t.Context().Done():
			booted <- t.Context().Err()
		}
	}()
	if _, err := s.Dial(t).Run(t.Context(), remote.Script{Name: "true", Root: true, Text: "true"}); err != nil {
		t.Error(err)
	}
	if err := <-booted; err != nil {
		t.Error(err)
	}
}

// A wrong key and a user without sudo, told apart, within their limits.
func TestLabRefusals(t *testing.T) {
	l := lab.Require(t)
	h := l.Host(t, "refuse")
	_, err := labHost(t, h, lab.UserNoSudo, nil).Dial(t).Run(t.Context(), remote.Script{Name: "root", Root: true, Text: "echo ran"})
	var sudo *remote.SudoError
	if !errors.As(err, &sudo) || sudo.Reason != remote.SudoPasswordRequired || !strings.Contains(err.Error(), h.Address) {
		t.Errorf("have %v", err)
	}
	wrong := labHost(t, h, lab.UserPassword, func(cfg *remote.Config, _ *remote.Target) { cfg.Sudo.Password = "not the password" })
	start := time.Now()
	_, err = wrong.Dial(t).Run(t.Context(), remote.Script{Name: "root", Root: true, Text: "echo ran"})
	if !errors.As(err, &sudo) || sudo.Reason != remote.SudoPasswordWrong || time.Since(start) > 30*time.Second {
		t.Errorf("have %v after %s", err, time.Since(start))
	}
	if n := shell(t, h, "journalctl -o cat | grep -c 'pam_unix(sudo:auth): authentication failure' || true"); n != "1" {
		t.Errorf("%s failures are logged", n)
	}
	nora := labHost(t, h, lab.UserNoSudo, func(cfg *remote.Config, _ *remote.Target) {
		cfg.Sudo.Password = remote.Secret(lab.Password(lab.UserNoSudo))
	})
	_, err = nora.Dial(t).Run(t.Context(), remote.Script{Name: "root", Root: true, Text: "echo ran"})
	if !errors.As(err, &sudo) || sudo.Reason != remote.SudoNotAllowed {
		t.Errorf("have %v", err)
	}
	key, _, _ := keyText(t, "")
	stranger := labHost(t, h, lab.UserNoPassword, func(cfg *remote.Config, target *remote.Target) {
		cfg.Credentials.PrivateKey, target.ConnectTimeout = remote.Secret(key), 3*time.Second
	})
	start = time.Now()
	_, err = stranger.Client.Dial(t.Context(), stranger.Target)
	var auth *remote.AuthError
	if !errors.As(err, &auth) || len(auth.Tried) != 1 || auth.User != lab.UserNoPassword || time.Since(start) > 10*time.Second {
		t.Errorf("have %v after %s", err, time.Since(start))
	}
}

// The child process of TestLabKilledClient: it locks a host, puts files there,
// runs a script as root, and does not come back.
func TestChild(t *testing.T) {
	address := os.Getenv("REMOTE_CHILD_HOST")
	if address == "" {
		t.Skip("not a child")
	}
	key, err := os.ReadFile(os.Getenv("REMOTE_CHILD_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	user := os.Getenv("REMOTE_CHILD_USER")
	cfg := remote.Config{User: user, Credentials: remote.Credentials{PrivateKey: remote.Secret(key)}}
	if user == lab.UserPassword {
		cfg.Sudo.Password = remote.Secret(lab.Password(user))
	}
	conn, err := newClient(t, cfg).Dial(t.Context(), remote.Target{Address: address, ConnectTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Lock(t.Context(), "the child"); err != nil {
		t.Fatal(err)
	}
	dir, err := conn.Upload(t.Context(), []remote.File{randomFile("big", 8<<20)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	word := os.Getenv("REMOTE_CHILD_WORD")
	_, err = conn.Run(t.Context(), remote.Script{
		Name: "endless", Root: true, Args: []string{dir},
		Text:   "mkdir $1/made; touch $1/made/x; sleep " + word + " & sh -c 'trap \"\" TERM HUP; sleep " + word + "' & sleep 1; echo up; wait",
		Stdout: writerFunc(func([]byte) { fmt.Printf("UP %s\n", dir) }),
	})
	t.Fatal(err)
}

// startChild gives the child once its script runs, and its work directory.
func startChild(t *testing.T, h *lab.Host, user, word string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	// -test.short keeps the lab's Main from taking the child for a run of its own.
	cmd = exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.short")
	cmd.Env = append(os.Environ(), "REMOTE_CHILD_HOST="+h.Address, "REMOTE_CHILD_KEY="+lab.Require(t).KeyFile(), "REMOTE_CHILD_USER="+user, "REMOTE_CHILD_WORD="+word)
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
	l := lab.Require(t)
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "kill-"+user)
			word := randomWord()
			cmd, dir := startChild(t, h, user, word)
			s := labHost(t, h, user, nil)
			second := s.Dial(t)
			var locked *remote.LockedError
			if err := second.Lock(t.Context(), "the second"); !errors.As(err, &locked) || locked.Owner != "the child" || locked.Since == "" || locked.Hint() == "" {
				t.Errorf("have %v", err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, h, 10*time.Second, sleepers(word), "0")
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
			eventually(t, h, 10*time.Second, processes, "0")
		})
	}
}

// Power is cut during a script: the error says that the connection was lost,
// and the next client finds the host clean, or makes it so.
func TestLabPowerCut(t *testing.T) {
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

// The network swallows everything: we notice within the keepalive's limit,
// the host within its lease, and a lock that we lost sight of is ours again at
// once when the network is back.
func TestLabBlackHole(t *testing.T) {
	l := lab.Require(t)
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "hole-"+user)
			s := labHost(t, h, user, func(cfg *remote.Config, _ *remote.Target) { cfg.KeepaliveInterval = 750 * time.Millisecond })
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
				if took := time.Since(start); !errors.As(err, &lost) || !strings.Contains(err.Error(), "no answer for") || took > 15*time.Second {
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
					eventually(t, h, 10*time.Second, sleepers(word), "0")
					if err := next.Close(); err != nil {
						t.Error(err)
					}
				} else {
					eventually(t, h, 15*time.Second, sleepers(word), "0")
					if err := h.Rejoin(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				eventually(t, h, time.Minute, workDirectories, "")
				eventually(t, h, 10*time.Second, lockFile, "")
			}
		})
	}
}

// The disk fills up during an upload: the error says so, and nothing is left.
func TestLabDiskFull(t *testing.T) {
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
	l := lab.Require(t)
	h := l.Host(t, "trace")
	work := func(user string) {
		conn, err := labHost(t, h, user, nil).Client.Dial(t.Context(), remote.Target{Address: h.Address, HostKey: h.HostKey, ConnectTimeout: time.Minute})
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
		if _, err := conn.Run(t.Context(), remote.Script{Name: "root", Root: true, Args: []string{dir}, Text: "mkdir $1/r && touch $1/r/x && chmod 0 $1/r"}); err != nil {
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
	eventually(t, h, 20*time.Second, processes, "0")
	eventually(t, h, 20*time.Second, "pgrep -fc '^sleep [0-9]' || true", "0")
	before, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		work(user)
	}
	deadline := time.Now().Add(20 * time.Second)
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
