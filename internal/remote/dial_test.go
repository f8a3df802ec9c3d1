// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// dial tries for at most as long as given.
func dial(t testing.TB, c *remote.Client, target remote.Target) error {
	t.Helper()
	if target.ConnectTimeout == 0 {
		target.ConnectTimeout = time.Second
	}
	conn, err := c.Dial(t.Context(), target)
	if err == nil {
		err = conn.Close()
	}
	return err
}

// wantConnectError checks an error of a Dial that ran out of time.
func wantConnectError(t *testing.T, err error, step remote.Step, text string) *remote.ConnectError {
	t.Helper()
	var connect *remote.ConnectError
	if !errors.As(err, &connect) || connect.Stage != step || !strings.Contains(err.Error(), text) || connect.Hint() == "" {
		t.Fatalf("have %v, want %s: %s", err, step, text)
	}
	return connect
}

// freePort is a port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return addr.Port
}

// A host that boots: it refuses, resets, closes early, babbles, refuses the
// key, and then it is up.
func TestDialWaitsForBoot(t *testing.T) {
	t.Parallel()
	key, public, _ := keyText(t)
	var refused atomic.Int32
	o := remotetest.Options{
		Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		Config: ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if refused.Add(1) == 1 || !bytes.Equal(k.Marshal(), public.Marshal()) {
				return nil, errors.New("no authorized_keys yet")
			}
			return nil, nil
		}},
		Accept: func(n int, c net.Conn) net.Conn {
			switch n {
			case 1:
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
				_ = c.Close()
				return nil
			case 2:
				_ = c.Close()
				return nil
			case 3:
				_, _ = c.Write([]byte("SSH-2.0-Boot\r\n"))
				_ = c.Close()
				return nil
			}
			return c
		},
	}
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "run.log")
	rl, err := runlog.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{PrivateKey: remote.Secret(key)}})
	done := make(chan error, 1)
	go func() {
		var n int
		_, _ = fmt.Sscan(port, &n)
		done <- dial(t, c, remote.Target{Address: host, Port: n, ConnectTimeout: time.Minute, Log: rl.Scope("c", host, "master")})
	}()
	// It is refused at least once before the server is there.
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(log.String(), "refused") && time.Now().Before(deadline) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		log.Reset()
		log.Write(b)
	}
	s := remotetest.Serve(t, o)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := s.Accepted(); n != 5 {
		t.Errorf("it took %d connections", n)
	}
	if err := rl.Close(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for e, err := range runlog.Read(bytes.NewReader(b)) {
		if err != nil || e.Stage != "connect" || e.Host != host || e.Role != "master" {
			t.Errorf("event %+v, %v", e, err)
		}
		step, _, _ := strings.Cut(e.Message, ":")
		steps = append(steps, string(e.Event)+" "+step)
	}
	all := strings.Join(steps, ", ")
	for _, want := range []string{"started ", "progress tcp", "progress handshake", "progress authentication", "finished "} {
		if !strings.Contains(all, want) {
			t.Errorf("the run log has %s, not %q", all, want)
		}
	}
}

// Each step has its limit and its words.
func TestDialGivesUp(t *testing.T) {
	t.Parallel()
	c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Password: "x"}})
	c.SetStepLimits(300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond)
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		err := wantConnectError(t, dial(t, c, remote.Target{Address: "127.0.0.1", Port: freePort(t)}), remote.StepTCP, "refused")
		if err.Attempts < 2 || err.Elapsed > 5*time.Second || !remote.IsUnreachable(err) {
			t.Errorf("have %+v", err)
		}
	})
	t.Run("no such name", func(t *testing.T) {
		t.Parallel()
		_ = wantConnectError(t, dial(t, c, remote.Target{Address: "no.such.host.invalid", ConnectTimeout: 5 * time.Second}), remote.StepTCP,
			"no.such.host.invalid")
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		s := remotetest.Serve(t, remotetest.Options{Accept: func(_ int, nc net.Conn) net.Conn {
			t.Cleanup(func() { _ = nc.Close() })
			return nil
		}})
		_ = wantConnectError(t, dial(t, c, remote.Target{Address: s.Host, Port: s.Port}), remote.StepHandshake, "no end within 300ms")
	})
	t.Run("not SSH", func(t *testing.T) {
		t.Parallel()
		s := remotetest.Serve(t, remotetest.Options{Accept: func(_ int, nc net.Conn) net.Conn {
			_, _ = nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = nc.Close()
			return nil
		}})
		err := wantConnectError(t, dial(t, c, remote.Target{Address: s.Host, Port: s.Port}), remote.StepHandshake, "")
		if strings.Contains(err.Error(), "ssh: handshake failed") {
			t.Errorf("the step is said twice: %v", err)
		}
	})
	t.Run("authentication hangs", func(t *testing.T) {
		t.Parallel()
		hang := make(chan struct{})
		s := remotetest.Serve(t,
			remotetest.Options{Config: ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
				<-hang
				return nil, errors.New("no")
			}}})
		t.Cleanup(func() { close(hang) })
		_ = wantConnectError(t, dial(t, c, remote.Target{Address: s.Host, Port: s.Port}), remote.StepAuthentication, "no end within 300ms")
	})
	t.Run("old algorithms", func(t *testing.T) {
		t.Parallel()
		s := remotetest.Serve(t,
			remotetest.Options{Config: ssh.ServerConfig{Config: ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}}}})
		err := wantConnectError(t, dial(t, c, remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: time.Minute}), remote.StepHandshake,
			"no common algorithm")
		if err.Attempts != 1 {
			t.Errorf("tried %d times", err.Attempts)
		}
	})
}

// A login that is refused is tried by count, whatever time there is: who is
// refused too often is banned.
func TestDialRefusedLogins(t *testing.T) {
	t.Parallel()
	key, _, _ := keyText(t)
	var asked atomic.Int32
	s := remotetest.Serve(t, remotetest.Options{Config: ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			asked.Add(1)
			return nil, errors.New("no")
		},
	}})
	target := remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: time.Hour, Logins: 2}
	t.Run("a key", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{PrivateKey: remote.Secret(key)}})
		err := wantConnectError(t, dial(t, c, target), remote.StepAuthentication, "key SHA256")
		if err.Attempts != 2 || asked.Load() != 2 {
			t.Errorf("tried %d times, %d keys were shown", err.Attempts, asked.Load())
		}
	})
	t.Run("nothing to log in with", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, remote.Config{User: "user"})
		start := time.Now()
		err := dial(t, c, remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: time.Hour})
		var bad *remote.ConfigError
		if !errors.As(err, &bad) || bad.Field != "ssh" || !strings.Contains(bad.Hint(), "DCOS_SSH_PRIVATE_KEY") ||
			time.Since(start) > time.Minute {
			t.Errorf("have %v after %s", err, time.Since(start))
		}
	})
	t.Run("a jump host", func(t *testing.T) {
		t.Parallel()
		hop := remote.Hop{Address: s.Host, Port: s.Port, Credentials: &remote.Credentials{}}
		c := newClient(t, remote.Config{User: "user", JumpHosts: []remote.Hop{hop}})
		err := dial(t, c, remote.Target{Address: "10.0.0.1", ConnectTimeout: time.Hour})
		var bad *remote.ConfigError
		if !errors.As(err, &bad) || bad.Field != "ssh.jump_hosts" {
			t.Errorf("have %v", err)
		}
	})
}

// A server that says why and hangs up, as for an account that has expired, is a login
// that was refused as well: it is tried by count, with pauses.
func TestDialTurnedAway(t *testing.T) {
	t.Parallel()
	var last atomic.Pointer[net.Conn]
	var authentication atomic.Pointer[ssh.ServerPreAuthConn]
	s := remotetest.Serve(t, remotetest.Options{
		Config: ssh.ServerConfig{
			BannerCallback:      func(ssh.ConnMetadata) string { return "For members of staff." },
			PreAuthConnCallback: func(c ssh.ServerPreAuthConn) { authentication.Store(&c) },
			PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
				var err error
				if string(password) == "x" {
					err = (*authentication.Load()).SendAuthBanner("Your account has expired.")
				}
				return nil, errors.Join(err, (*last.Load()).Close(), errors.New("no"))
			},
		},
		Accept: func(_ int, nc net.Conn) net.Conn { last.Store(&nc); return nc },
	})
	c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Password: "x"}})
	target := remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: 6 * time.Second}
	err := wantConnectError(t, dial(t, c, target), remote.StepAuthentication, "Your account has expired.")
	if err.Attempts > 4 {
		t.Errorf("tried %d times", err.Attempts)
	}
	// A notice for all says nothing of the login: what is cut then may be a host that boots.
	c = newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{Password: "y"}})
	if err = wantConnectError(t, dial(t, c, target), remote.StepAuthentication, "For members of staff."); err.Attempts <= 4 {
		t.Errorf("tried %d times", err.Attempts)
	}
}

func TestDialCancelled(t *testing.T) {
	t.Parallel()
	c := newClient(t, remote.Config{User: "user"})
	silent := remotetest.Serve(t, remotetest.Options{Accept: func(_ int, nc net.Conn) net.Conn {
		t.Cleanup(func() { _ = nc.Close() })
		return nil
	}})
	why := errors.New("interrupted")
	for name, target := range map[string]remote.Target{
		"in a handshake":   {Address: silent.Host, Port: silent.Port},
		"between attempts": {Address: "127.0.0.1", Port: freePort(t)},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(500*time.Millisecond, func() { cancel(why) })
		start := time.Now()
		_, err := c.Dial(ctx, target)
		if !errors.Is(err, why) || time.Since(start) > 10*time.Second {
			t.Errorf("%s: have %v after %s", name, err, time.Since(start))
		}
	}
}

func TestDialIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := remotetest.Serve(t, remotetest.Options{Listen: "[::1]:0"})
	c := newClient(t, remote.Config{User: "user", KnownHosts: []string{fmt.Sprintf("[::1]:%d %s", s.Port, s.HostKey)},
		HostKeyPolicy: remote.Strict})
	for _, address := range []string{"::1", "[::1]"} {
		if err := dial(t, c, remote.Target{Address: address, Port: s.Port, ConnectTimeout: 20 * time.Second}); err != nil {
			t.Error(err)
		}
	}
	err := dial(t, c, remote.Target{Address: "::1", Port: freePort(t)})
	if err == nil || !strings.Contains(err.Error(), "[::1]:") {
		t.Errorf("have %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	key, _, _ := keyText(t)
	for name, c := range map[string]struct {
		cfg   remote.Config
		field string
	}{
		"policy":      {remote.Config{HostKeyPolicy: "maybe"}, "ssh.host_key_policy"},
		"known_hosts": {remote.Config{KnownHosts: []string{"host ssh-rsa nonsense"}}, "ssh.known_hosts"},
		"marker": {remote.Config{KnownHosts: []string{"@trusted host " + remotetest.AuthorizedKey(remotetest.NewKey(t).PublicKey())}},
			"ssh.known_hosts"},
		"files":          {remote.Config{KnownHostsFiles: []string{t.TempDir()}}, "ssh.known_hosts_files"},
		"authority":      {remote.Config{HostCertificateAuthorities: []string{"nonsense"}}, "ssh.host_certificate_authorities"},
		"port":           {remote.Config{Port: 70000}, "ssh.port"},
		"sudo":           {remote.Config{Sudo: remote.Sudo{Command: "su"}}, "sudo.command"},
		"sudo user":      {remote.Config{Sudo: remote.Sudo{User: "-root; id"}}, "sudo.user"},
		"proxy":          {remote.Config{ProxyURL: "ftp://user:secret@host"}, "ssh.proxy_url"},
		"proxy nonsense": {remote.Config{ProxyURL: "socks5://user:secret@ho st"}, "ssh.proxy_url"},
		"limit":          {remote.Config{Limits: remote.Limits{Transfers: -1}}, "limits.transfers"},
		"identity":       {remote.Config{Credentials: remote.Credentials{AgentIdentity: "x"}}, "ssh.agent_identity"},
		"hop":            {remote.Config{JumpHosts: []remote.Hop{{Address: "a"}, {}}}, "ssh.jump_hosts[1].address"},
		"hop port":       {remote.Config{JumpHosts: []remote.Hop{{Address: "a", Port: -1}}}, "ssh.jump_hosts[0].port"},
		"hop pin":        {remote.Config{JumpHosts: []remote.Hop{{Address: "a", HostKey: "x"}}}, "ssh.jump_hosts[0].host_key"},
		"hop key": {
			remote.Config{JumpHosts: []remote.Hop{{Address: "a", Credentials: &remote.Credentials{PrivateKey: remote.Secret(key[:100])}}}},
			"ssh.jump_hosts[0].private_key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.User = "user"
			_, err := remote.NewClient(c.cfg)
			var bad *remote.ConfigError
			if !errors.As(err, &bad) || bad.Field != c.field || bad.Hint() == "" || strings.Contains(err.Error(), "secret") {
				t.Errorf("have %v, want %s", err, c.field)
			}
		})
	}
	c := newClient(t, remote.Config{})
	for field, target := range map[string]remote.Target{
		"address": {User: "u"}, "ssh.host_key": {Address: "a", User: "u", HostKey: "x"}, "ssh.port": {Address: "a", User: "u", Port: 1 << 16},
	} {
		target.ConnectTimeout = time.Second
		_, err := c.Dial(t.Context(), target)
		var bad *remote.ConfigError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("have %v, want %s", err, field)
		}
	}
}

// stalling is a connection that one day passes nothing any more.
type stalling struct {
	net.Conn
	stalled *atomic.Bool
	forever chan struct{}
	once    sync.Once
}

func (c *stalling) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.stalled.Load() {
		<-c.forever
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *stalling) Write(p []byte) (int, error) {
	if c.stalled.Load() {
		<-c.forever
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *stalling) Close() error {
	c.once.Do(func() { close(c.forever) })
	return c.Conn.Close()
}

// A peer that vanishes without a word is found, and what was under way says so.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	var stalled atomic.Bool
	s, _ := inProcess(t, remotetest.Options{Accept: func(_ int, c net.Conn) net.Conn {
		return &stalling{Conn: c, stalled: &stalled, forever: make(chan struct{})}
	}}, remote.Config{KeepaliveInterval: 100 * time.Millisecond})
	conn, err := s.Client.Dial(t.Context(), s.Target)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = conn.Run(t.Context(),
		remote.Script{Name: "long", Text: "echo up; sleep 3; kill -9 $$", Stdout: writerFunc(func([]byte) { stalled.Store(true) })})
	var lost *remote.LostError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "no answer for") || !strings.Contains(err.Error(), "script long") ||
		!remote.IsUnreachable(err) || lost.Hint() == "" {
		t.Errorf("have %v", err)
	}
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	if _, err := conn.Run(t.Context(), remote.Script{Name: "next", Text: "true"}); !errors.As(err, &lost) {
		t.Errorf("have %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// A long silent script is no silent peer.
func TestKeepaliveOfQuietConnection(t *testing.T) {
	t.Parallel()
	s, _ := inProcess(t, remotetest.Options{}, remote.Config{KeepaliveInterval: 500 * time.Millisecond})
	if _, err := s.Dial(t).Run(t.Context(), remote.Script{Name: "quiet", Text: "sleep 3"}); err != nil {
		t.Error(err)
	}
}

func TestLostConnection(t *testing.T) {
	t.Parallel()
	s, srv := inProcess(t, remotetest.Options{}, remote.Config{})
	conn := s.Dial(t)
	_, err := conn.Run(t.Context(),
		remote.Script{Name: "cut", Text: "echo up; sleep 60", Stdout: writerFunc(func([]byte) { go srv.CutAll() })})
	var lost *remote.LostError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "script cut") {
		t.Errorf("have %v", err)
	}
	var exit *remote.ExitError
	if errors.As(err, &exit) {
		t.Errorf("have %v", err)
	}
}

// Connections are limited, and places come free.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	s, _ := inProcess(t, remotetest.Options{}, remote.Config{Limits: remote.Limits{Connections: 2}})
	first, second := s.Dial(t), s.Dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Client.Dial(ctx, s.Target); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting") {
		t.Errorf("have %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	s.Dial(t)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
