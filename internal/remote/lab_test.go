// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
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
// GNU's: each once, half of them with a terminal, as root, whose way leads through
// sudo's shell too; every night each with and without, and as the user as well.
func TestConformanceShells(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	for name, c := range map[string]struct{ setup, login, user string }{
		"dash": {"", "/bin/dash", lab.UserNoPassword},
		"tcsh": {"echo 'echo chatter; set prompt=x' >/etc/csh.cshrc", "/bin/tcsh", lab.UserRequireTTY},
		"fish": {"", "/usr/bin/fish", lab.UserRequireTTY},
		"zsh":  {"", "/bin/zsh", lab.UserNoPassword},
		"chatty bash": {`for u in alice tina; do printf 'echo chatter; echo noise >&2\n' | cat - /home/$u/.bashrc >/tmp/b; ` +
			`cp /tmp/b /home/$u/.bashrc; done; rm /tmp/b`, "/bin/bash", lab.UserRequireTTY},
		"bash as sh": {"ln -s /bin/bash /usr/local/bin/sh", "/bin/bash", lab.UserNoPassword},
		"busybox": {"/bin/busybox --install -s /usr/local/bin; rm -f /usr/local/bin/login /usr/local/bin/su", "/bin/bash",
			lab.UserNoPassword},
		"busybox only": {"/bin/busybox --install -s /usr/local/bin; rm -f /usr/local/bin/login /usr/local/bin/su; " +
			"ln -sf /bin/busybox /bin/ash; echo /bin/ash >>/etc/shells", "/bin/ash", lab.UserRequireTTY},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "sh"+strings.ReplaceAll(name, " ", ""), lab.WithPackages("busybox", "fish", "tcsh", "zsh"))
			shell(t, h, c.setup+"\nfor u in alice tina; do usermod -s "+c.login+" $u; done")
			for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
				if user != c.user && !lab.Nightly {
					continue
				}
				t.Run(user, func(t *testing.T) {
					t.Parallel()
					s := labHost(t, h, user, nil)
					s.RootAlone = user == lab.UserRequireTTY || !lab.Nightly
					remotetest.Conformance(t, s)
				})
			}
		})
	}
}

// Servers that allow one session to a connection, have no SFTP, or know only
// what OpenSSH 7.4 knew; every night as the user as well.
func TestConformanceServers(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	servers := map[string][]lab.Option{
		"MaxSessions 1": {lab.WithSSHD("MaxSessions 1")},
		"MaxStartups 3": {lab.WithSSHD("MaxStartups 3")},
		"no SFTP":       {lab.WithoutSFTP()},
		"old": {lab.WithSSHD(
			"KexAlgorithms curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256",
			"Ciphers aes128-ctr,aes256-ctr", "MACs hmac-sha2-256,hmac-sha1")},
	}
	if lab.Nightly {
		servers["oldest"] = []lab.Option{lab.WithSSHD("KexAlgorithms diffie-hellman-group-exchange-sha256",
			"Ciphers chacha20-poly1305@openssh.com")}
	}
	for name, opts := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := l.Host(t, "srv"+strings.ToLower(strings.ReplaceAll(name, " ", "")), opts...)
			s := labHost(t, h, lab.UserNoPassword, nil)
			s.RootAlone = !lab.Nightly
			remotetest.Conformance(t, s)
		})
	}
}

// A host behind one and behind three others, of which only the last is to
// have seen a login at the host. All hosts of the lab see each other, so their
// logs tell.
func TestLabJumpHosts(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	var jumps []*lab.Host
	var hops []remote.Hop
	for i, user := range []string{lab.UserNoSudo, lab.UserRequireTTY, lab.UserNoPassword} {
		h := l.Host(t, fmt.Sprintf("jump%d", i+1))
		jumps = append(jumps, h)
		hops = append(hops, remote.Hop{Address: h.Address, Port: h.Port, HostKey: h.HostKey, User: user})
	}
	chains := []int{3}
	if lab.Nightly {
		chains = []int{1, 3}
	}
	for _, n := range chains {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			end := l.Host(t, fmt.Sprintf("behind%d", n))
			s := labHost(t, end, lab.UserPassword, func(cfg *remote.Config, _ *remote.Target) { cfg.JumpHosts = hops[:n] })
			s.RootAlone = n == 1 || !lab.Nightly
			remotetest.Conformance(t, s)
			from := shell(t, end, "journalctl -u ssh -o cat | grep 'Accepted publickey for paul' | grep -v 'from "+jumps[n-1].Address+" ' | wc -l")
			if from != "0" {
				t.Errorf("%s logins did not come through the last jump host", from)
			}
		})
	}
	for i, h := range jumps {
		want := "1"
		if i == 0 {
			want = fmt.Sprint(len(chains)) // one for each client
		}
		if n := shell(t, h, "journalctl -u ssh -o cat | grep -c 'Accepted publickey'"); n != want {
			t.Errorf("%s logins at %s, want %s", n, h.Name, want)
		}
	}
}

// A machine that gives no answer is told from one that refuses, with and without
// a jump host, and from one whose name or jump host fails.
func TestLabSilent(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	end, jump := l.Host(t, "silent"), l.Host(t, "silentjump")
	hop := remote.Hop{Address: jump.Address, Port: jump.Port, HostKey: jump.HostKey, User: lab.UserNoSudo}
	silent := func(what string, want bool, change func(cfg *remote.Config, target *remote.Target)) {
		t.Helper()
		s := labHost(t, end, lab.UserNoPassword, func(cfg *remote.Config, target *remote.Target) {
			target.ConnectTimeout = 4 * time.Second
			change(cfg, target)
		})
		_, err := s.Client.Dial(t.Context(), s.Target)
		var connect *remote.ConnectError
		if !errors.As(err, &connect) || connect.Silent != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	direct := func(*remote.Config, *remote.Target) {}
	through := func(cfg *remote.Config, _ *remote.Target) { cfg.JumpHosts = []remote.Hop{hop} }
	cut := func(h *lab.Host, how lab.CutMode) {
		t.Helper()
		if err := h.Cut(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	cut(end, lab.Refuse)
	silent("refused", false, direct)
	silent("refused beyond a jump host", false, through)
	cut(end, lab.BlackHole)
	silent("no answer", true, direct)
	silent("no answer beyond a jump host", true, through)
	silent("a name that there is not", false, func(_ *remote.Config, target *remote.Target) { target.Address = "no-such-host.invalid" })
	cut(jump, lab.BlackHole)
	silent("a jump host that does not answer", false, through)
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
	h := l.Host(t, "refuse", lab.WithSSHD("AllowTcpForwarding no"))
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
	var forward *remote.ForwardError
	if _, err = nora.Dial(t).DialThrough(t.Context(), "127.0.0.1", 22); !errors.As(err, &forward) || forward.To != "127.0.0.1:22" {
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

// Files are given away to others; the directory stays ours.
func TestLabOwner(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "owner")
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword} {
		conn := labHost(t, h, user, nil).Dial(t)
		root, group, own := randomFile("d/root", 100), randomFile("d/group", 200), randomFile("own", 300)
		root.Owner, root.Mode, group.Owner, group.Mode = "root:daemon", 0o600, ":users", 0o640
		if user != lab.UserNoPassword {
			group.Owner = user + ":users"
		}
		for range 2 { // the second time what is not ours any more comes anew
			dir, err := conn.Upload(t.Context(), []remote.File{root, group, own}, nil)
			if err != nil {
				t.Fatal(err)
			}
			have := shell(t, h, "cd "+dir+" && stat -c '%U %a %n' . && stat -c '%U:%G %a %n' d d/root d/group own")
			want := fmt.Sprintf("%[1]s 700 .\n%[1]s:%[1]s 700 d\nroot:daemon 600 d/root\n%[1]s:users 640 d/group\n%[1]s:%[1]s 644 own", user)
			if have != want {
				t.Errorf("%s: have\n%s\nwant\n%s", user, have, want)
			}
		}
	}
	bad := randomFile("x", 1)
	bad.Owner = "root; id"
	if _, err := labHost(t, h, lab.UserNoPassword, nil).Dial(t).Upload(t.Context(), []remote.File{bad}, nil); err == nil ||
		!strings.Contains(err.Error(), "no owner") {
		t.Errorf("have %v", err)
	}
}

// While the password for sudo is in use, no process on the host has it in its
// command line or environment, and no file and no log has it afterwards.
func TestLabPasswordStaysHidden(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "hidden")
	secret := lab.Password(lab.UserPassword)
	conn := labHost(t, h, lab.UserPassword, nil).Dial(t)
	if err := conn.Lock(t.Context(), "us"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil); err != nil {
		t.Fatal(err)
	}
	look := "grep -las 'paul-[s]ecret' /proc/[0-9]*/cmdline /proc/[0-9]*/environ; grep -rlas 'paul-[s]ecret' /var/tmp /tmp /home /root " +
		"/run /var/log 2>/dev/null; journalctl -o cat --no-pager | grep 'paul-[s]ecret' || true"
	for range 5 {
		res, err := conn.Run(t.Context(), remote.Script{Name: "look", Root: true, Text: look})
		if err != nil || len(res.Stdout) > 0 {
			t.Errorf("have %q, %v", res.Stdout, err)
		}
	}
	// The search would find it.
	if have := shell(t, h, "env X="+secret+" sh -c \"grep -las 'paul-[s]ecret' /proc/\\$\\$/environ\" | wc -l"); have != "1" {
		t.Errorf("the search finds %s of 1", have)
	}
	// Watched from outside while scripts start again and again.
	done := make(chan error, 1)
	go func() {
		for range 20 {
			if _, err := conn.Run(t.Context(), remote.Script{Name: "true", Root: true, Text: "true"}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			if have := shell(t, h, "grep -las 'paul-[s]ecret' /proc/[0-9]*/cmdline /proc/[0-9]*/environ || true"); have != "" {
				t.Errorf("seen in %s", have)
			}
		}
	}
}

// Scripts run as another user than root, and a host that has doas in place of
// sudo is none the worse.
func TestLabTargetUser(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "target", lab.WithPackages("doas"))
	shell(t, h, "printf 'permit nopass alice as root\\npermit nopass alice as nora\\npermit tina as root\\n"+
		"' >/etc/doas.conf; chmod 600 /etc/doas.conf")
	for _, c := range []struct {
		command, user, target, want string
		password                    remote.Secret
	}{
		{"sudo", lab.UserNoPassword, lab.UserNoSudo, "nora\n/home/nora\n", ""},
		{"sudo", lab.UserRequireTTY, lab.UserNoSudo, "nora\n/home/nora\n", ""},
		{"sudo", lab.UserPassword, lab.UserNoSudo, "nora\n/home/nora\n", remote.Secret(lab.Password(lab.UserPassword))},
		{"doas", lab.UserNoPassword, "", "root\n/root\n", ""},
		{"doas", lab.UserNoPassword, lab.UserNoSudo, "nora\n/home/nora\n", ""},
		{"doas", lab.UserRequireTTY, "", "root\n/root\n", remote.Secret(lab.Password(lab.UserRequireTTY))},
	} {
		conn := labHost(t, h, c.user, func(cfg *remote.Config, _ *remote.Target) {
			cfg.Sudo = remote.Sudo{Command: c.command, User: c.target, Password: c.password}
		}).Dial(t)
		res, err := conn.Run(t.Context(), remote.Script{Name: "who", Root: true, Text: "id -un; echo $HOME"})
		if err != nil || string(res.Stdout) != c.want {
			t.Errorf("%s of %s: have %q, %v", c.command, c.user, res.Stdout, err)
		}
		if _, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil); err != nil {
			t.Errorf("%s of %s: %v", c.command, c.user, err)
		}
	}
	wrong := labHost(t, h, lab.UserRequireTTY, func(cfg *remote.Config, _ *remote.Target) {
		cfg.Sudo = remote.Sudo{Command: "doas", Password: "wrong"}
	}).Dial(t)
	_, err := wrong.Run(t.Context(), remote.Script{Name: "who", Root: true, Text: "id -un"})
	var sudo *remote.SudoError
	if !errors.As(err, &sudo) || sudo.Reason != remote.SudoPasswordWrong {
		t.Errorf("have %v", err)
	}
}

// A host so busy that what a script wrote comes long after its exit code: all
// of it is waited for, but not for what a process that it left behind may write.
func TestLabLateOutput(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "late-out")
	shell(t, h, "printf '#!/bin/sh\\ncat >/tmp/b.$$\\n[ ! -s /tmp/b.$$ ] || sleep 4\\nexec /usr/bin/base64 </tmp/b.$$\\n"+
		"' >/usr/local/bin/base64; chmod 755 /usr/local/bin/base64")
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
		conn := labHost(t, h, user, nil).Dial(t)
		res, err := conn.Run(t.Context(), remote.Script{Name: "late", Root: true, Text: "echo out; echo err >&2"})
		if err != nil || string(res.Stdout) != "out\n" || string(res.Stderr) != "err\n" {
			t.Errorf("%s: have %q %q, %v", user, res.Stdout, res.Stderr, err)
		}
		word := randomWord()
		var exit *remote.ExitError
		res, err = conn.Run(t.Context(), remote.Script{
			Name: "left", Root: true, Args: []string{word}, Timeout: 40 * time.Second, // a process left behind must not make it a minute
			Text: `sleep "$1" & echo out; exit 3`,
		})
		if !errors.As(err, &exit) || exit.Code != 3 || string(res.Stdout) != "out\n" {
			t.Errorf("%s, with a process left behind: have %q, %v", user, res.Stdout, err)
		}
	}
}

// A script that does not read the much input that it has is ended all the same.
func TestLabUnreadInput(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "unread")
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY, lab.UserPassword, lab.UserNoSudo} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			s := labHost(t, h, user, nil)
			conn, word := s.Dial(t), randomWord()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := conn.Run(ctx, remote.Script{
				Name: "deaf", Root: s.Root, Text: `echo up; sleep "$1"; echo never`, Args: []string{word},
				Stdin:  strings.NewReader(strings.Repeat("x", 8<<20)),
				Stdout: writerFunc(func([]byte) { time.AfterFunc(time.Second, cancel) }),
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("have %v", err)
			}
			// The lock may go to the next operator as soon as it is closed.
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			if left := shell(t, h, "pgrep -xf 'sleep "+word+"' || true"); left != "" {
				t.Errorf("it still runs: %s", left)
			}
		})
	}
}

// An upload without SFTP whose interrupt comes before the host has begun it: no
// order to end a script gets into the file, which would be resumed from there.
func TestLabUploadInterruptedAtStart(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "upstart", lab.WithoutSFTP())
	// A login that takes a while when it is told to, and then says that it has begun.
	shell(t, h, "printf '#!/bin/sh\nif [ -e /tmp/slow ]; then touch /tmp/begun; sleep 3; fi\nexec /bin/bash \"$@\"\n"+
		"' >/bin/slow; chmod 755 /bin/slow; usermod -s /bin/slow alice")
	conn := labHost(t, h, lab.UserNoPassword, nil).Dial(t)
	if err := conn.Lock(t.Context(), "us"); err != nil {
		t.Fatal(err)
	}
	shell(t, h, "touch /tmp/slow")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	interrupted := make(chan error, 1)
	go func() {
		defer cancel()
		_, err := h.Shell(t.Context(), "until [ -e /tmp/begun ]; do sleep 0.1; done")
		interrupted <- err
	}()
	if _, err := conn.Upload(ctx, []remote.File{randomFile("f", 1000)}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("have %v", err)
	}
	if err := <-interrupted; err != nil {
		t.Fatal(err)
	}
	eventually(t, h, time.Minute, "pgrep -f '/bin/[s]low' || true", "")
	if have := shell(t, h, "find /var/tmp/.dcos-work.* -path '*/.part/f' -size +0"); have != "" {
		t.Errorf("there is something in %s", have)
	}
	shell(t, h, "rm /tmp/slow")
	if _, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil); err != nil {
		t.Error(err)
	}
}

// Nothing in /tmp and /var/tmp may be executed, and they are small: what does
// not fit there goes elsewhere, or says so.
func TestLabSmallTmp(t *testing.T) {
	t.Parallel()
	h := lab.Require(t).Host(t, "smalltmp")
	shell(t, h, "for d in /tmp /var/tmp; do mount -t tmpfs -o noexec,nosuid,size=2m,mode=1777 t $d; done")
	s := labHost(t, h, lab.UserNoPassword, nil)
	remotetest.Conformance(t, remotetest.Subject{Client: s.Client, Target: s.Target, Root: true, RootAlone: true, SmallDisk: true})
	conn := s.Dial(t)
	_, err := conn.Upload(t.Context(), []remote.File{randomFile("big", 8<<20)}, nil)
	var failed *remote.TransferError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "no room") {
		t.Errorf("have %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	shell(t, h, "chmod 755 /var/tmp")
	dir, err := labHost(t, h, lab.UserNoSudo, nil).Dial(t).Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil)
	if err != nil || !strings.HasPrefix(dir, "/tmp/") {
		t.Errorf("have %q, %v", dir, err)
	}
}
