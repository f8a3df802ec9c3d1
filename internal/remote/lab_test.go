// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	t.Parallel()
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
	t.Parallel()
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
			t.Parallel()
			h := l.Host(t, "sh"+strings.ReplaceAll(name, " ", ""), lab.WithPackages("busybox", "fish", "tcsh", "zsh"))
			shell(t, h, c.setup+"\nfor u in alice tina; do usermod -s "+c.login+" $u; done")
			for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
				t.Run(user, func(t *testing.T) {
					t.Parallel()
					s := labHost(t, h, user, nil)
					s.RootAlone = user == lab.UserRequireTTY
					remotetest.Conformance(t, s)
				})
			}
		})
	}
}

// Servers that allow one session to a connection, have no SFTP, or know only
// what OpenSSH 7.4 knew.
func TestConformanceServers(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	key, _, _ := keyText(t)
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
