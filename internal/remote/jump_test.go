// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

func hopTo(s *remotetest.Server) remote.Hop {
	return remote.Hop{Address: s.Host, Port: s.Port, HostKey: s.HostKey}
}

func TestConformanceThroughJumpHosts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			var hops []remote.Hop
			for range n {
				hops = append(hops, hopTo(remotetest.Serve(t, remotetest.Options{})))
			}
			s, _ := inProcess(t, remotetest.Options{}, remote.Config{JumpHosts: hops})
			remotetest.Conformance(t, s)
		})
	}
}

// Each hop has its own user, credentials and host key.
func TestJumpHops(t *testing.T) {
	t.Parallel()
	key, public, _ := keyText(t)
	as := func(user string) ssh.ServerConfig {
		return ssh.ServerConfig{
			PublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
				if m.User() != user || !bytes.Equal(k.Marshal(), public.Marshal()) {
					return nil, errors.New("no")
				}
				return nil, nil
			},
			PasswordCallback: func(m ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
				if m.User() != user || string(p) != "of the hop" {
					return nil, errors.New("no")
				}
				return nil, nil
			},
		}
	}
	first := remotetest.Serve(t, remotetest.Options{Config: as("user")})
	second := remotetest.Serve(t, remotetest.Options{Config: as("jumper")})
	end := remotetest.Serve(t, remotetest.Options{Config: as("user")})
	c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{PrivateKey: remote.Secret(key)}})
	target := remote.Target{Address: end.Host, Port: end.Port, HostKey: end.HostKey, ConnectTimeout: 20 * time.Second}
	hops := func() []remote.Hop {
		h := []remote.Hop{hopTo(first), hopTo(second)}
		h[1].User, h[1].Credentials = "jumper", &remote.Credentials{Password: "of the hop"}
		return h
	}
	target.JumpHosts = hops()
	for range 3 {
		if err := dial(t, c, target); err != nil {
			t.Fatal(err)
		}
		target.JumpHosts = hops() // equal, but another one
	}
	if a, b := first.Accepted(), second.Accepted(); a != 1 || b != 1 || end.Accepted() != 3 {
		t.Errorf("%d and %d connections to jump hosts", a, b)
	}
	t.Run("wrong key of a hop", func(t *testing.T) {
		target := target
		target.JumpHosts = hops()
		target.JumpHosts[1].HostKey = first.HostKey
		err := dial(t, c, target)
		var wrong *remote.HostKeyError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), fmt.Sprintf("jump host 127.0.0.1:%d", second.Port)) {
			t.Errorf("have %v", err)
		}
	})
	t.Run("refused by a hop", func(t *testing.T) {
		target := target
		target.JumpHosts, target.ConnectTimeout = hops(), 4*time.Second
		target.JumpHosts[1].User = "nobody"
		err := dial(t, c, target)
		var auth *remote.AuthError
		if !errors.As(err, &auth) || auth.User != "nobody" || !strings.Contains(auth.Host, "jump host") {
			t.Errorf("have %v", err)
		}
		_ = wantConnectError(t, err, remote.StepAuthentication, fmt.Sprintf("at jump host 127.0.0.1:%d", second.Port))
	})
	t.Run("nothing behind", func(t *testing.T) {
		target := target
		target.JumpHosts, target.Port, target.ConnectTimeout = hops(), freePort(t), 3*time.Second
		_ = wantConnectError(t, dial(t, c, target), remote.StepTCP, "cannot reach 127.0.0.1:")
	})
	t.Run("forwarding is forbidden", func(t *testing.T) {
		closed := remotetest.Serve(t, remotetest.Options{NoForward: true})
		target := target
		target.JumpHosts, target.ConnectTimeout = []remote.Hop{hopTo(closed)}, time.Second
		err := wantConnectError(t, dial(t, c, target), remote.StepTCP, "does not forward connections")
		var refused *remote.ForwardError
		if !errors.As(err, &refused) || !refused.Forbidden() || refused.To == "" {
			t.Errorf("%#v", err)
		}
	})
	t.Run("none instead of the client's", func(t *testing.T) {
		c := newClient(t, remote.Config{User: "user", Credentials: remote.Credentials{PrivateKey: remote.Secret(key)},
			JumpHosts: []remote.Hop{{Address: "127.0.0.1", Port: freePort(t)}}})
		target := target
		target.JumpHosts = []remote.Hop{}
		if err := dial(t, c, target); err != nil {
			t.Error(err)
		}
	})
}

// Hundreds of hosts behind one jump host share one connection, so many at a
// time; when it breaks, the next ones make a new one.
func TestJumpShared(t *testing.T) {
	t.Parallel()
	jump, end := remotetest.Serve(t, remotetest.Options{}), remotetest.Serve(t, remotetest.Options{})
	c := newClient(t, remote.Config{User: "user", JumpHosts: []remote.Hop{hopTo(jump)}, Limits: remote.Limits{ConnectionsPerJumpHost: 5}})
	target := remote.Target{Address: end.Host, Port: end.Port, HostKey: end.HostKey, ConnectTimeout: time.Minute}
	all := func(n int) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				conn, err := c.Dial(t.Context(), target)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := conn.Run(t.Context(), remote.Script{Name: "true", Text: "true"}); err != nil {
					t.Error(err)
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	all(60)
	if n := jump.Accepted(); n != 1 {
		t.Errorf("%d connections to the jump host", n)
	}
	t.Run("limit", func(t *testing.T) {
		for range 5 {
			conn, err := c.Dial(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		sixth := target
		sixth.ConnectTimeout = 300 * time.Millisecond
		_ = wantConnectError(t, dial(t, c, sixth), remote.StepTCP, "waiting for one of 5 connections")
	})
	jump.CutAll()
	all(10)
	if n := jump.Accepted(); n != 2 {
		t.Errorf("%d connections to the jump host", n)
	}
}

// relay passes bytes both ways until either side ends.
func relay(a, b net.Conn, fromA io.Reader) {
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(b, fromA); done <- struct{}{} }()
	go func() { _, _ = io.Copy(a, b); done <- struct{}{} }()
	<-done
	_ = a.Close()
	_ = b.Close()
	<-done
}

// proxyServer accepts connections until the test ends.
func proxyServer(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	return l.Addr().String()
}

func TestProxies(t *testing.T) {
	t.Parallel()
	connect := proxyServer(t, func(c net.Conn) {
		br := bufio.NewReader(c)
		req, err := http.ReadRequest(br)
		if err != nil || req.Method != http.MethodConnect {
			_ = c.Close()
			return
		}
		if req.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("me:pass:word")) {
			_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			_ = c.Close()
			return
		}
		to, err := net.Dial("tcp", req.Host)
		if err != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			_ = c.Close()
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")
		relay(c, to, br)
	})
	socks := proxyServer(t, func(c net.Conn) { // RFC 1928, RFC 1929
		b := make([]byte, 300)
		read := func(n int) []byte {
			_, _ = io.ReadFull(c, b[:n])
			return b[:n]
		}
		read(int(read(2)[1]))
		_, _ = c.Write([]byte{5, 2})
		user := string(read(int(read(2)[1])))
		password := string(read(int(read(1)[0])))
		if user != "me" || password != "pass:word" {
			_, _ = c.Write([]byte{1, 1})
			_ = c.Close()
			return
		}
		_, _ = c.Write([]byte{1, 0})
		var host string
		switch read(4)[3] {
		case 1:
			host = net.IP(read(4)).String()
		case 3:
			host = string(read(int(read(1)[0])))
		}
		port := binary.BigEndian.Uint16(read(2))
		to, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		if err != nil {
			_, _ = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			_ = c.Close()
			return
		}
		_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		relay(c, to, c)
	})
	s := remotetest.Serve(t, remotetest.Options{})
	target := remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey}
	for scheme, address := range map[string]string{"http": connect, "socks5": socks} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, remote.Config{User: "user", ProxyURL: scheme + "://me:pass%3Aword@" + address})
			conn, err := c.Dial(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Run(t.Context(), remote.Script{Name: "true", Text: "true"}); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			gone := target
			gone.Port, gone.ConnectTimeout = freePort(t), time.Second
			_ = wantConnectError(t, dial(t, c, gone), remote.StepTCP, "at proxy "+address)
			c = newClient(t, remote.Config{User: "user", ProxyURL: scheme + "://me:tell-tale@" + address})
			err = dial(t, c, target)
			_ = wantConnectError(t, err, remote.StepTCP, "at proxy "+address)
			if strings.Contains(err.Error(), "tell-tale") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}
