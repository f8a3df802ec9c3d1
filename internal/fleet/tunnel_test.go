// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// wayConn is a connection through which one server is reached until it is lost.
type wayConn struct {
	fakeConn

	server string
	lost   atomic.Bool
	closed atomic.Bool
}

func (c *wayConn) DialThrough(ctx context.Context, host string, port int) (net.Conn, error) {
	if c.lost.Load() {
		return nil, &remote.LostError{Host: "m1", Work: "the way", Err: io.EOF}
	}
	if host != "10.0.0.1" || port != 80 {
		return nil, fmt.Errorf("m1 cannot reach %s:%d: Connection refused", host, port)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", c.server)
}

func (c *wayConn) Close() error {
	c.closed.Store(true)
	return nil
}

func get(t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() // only read
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// The host is logged in to once, when the first of many connections comes, and anew when
// the SSH connection was lost; nothing is left of it all at the end.
func TestTunnel(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "here "+r.URL.Path+strings.Repeat("x", 100_000))
	}))
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var conns []*wayConn
	tunnel, err := fleet.OpenTunnel(t.Context(), func(context.Context) (fleet.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		c := &wayConn{server: server.Listener.Addr().String()}
		conns = append(conns, c)
		return c, nil
	}, "10.0.0.1", 80, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := func() []*wayConn {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(conns)
	}
	if len(made()) != 0 {
		t.Error("it was logged in before anybody had asked")
	}
	many := func() {
		t.Helper()
		var group sync.WaitGroup
		for i := range 150 {
			group.Go(func() {
				status, body, err := get(t, fmt.Sprintf("http://%s/%d", tunnel.Endpoint(), i))
				if err != nil || status != 200 || len(body) != 100_000+len(fmt.Sprintf("here /%d", i)) {
					t.Errorf("%d: %d %d bytes %v", i, status, len(body), err)
				}
			})
		}
		group.Wait()
	}
	many()
	if n := len(made()); n != 1 {
		t.Errorf("it was logged in %d times", n)
	}
	made()[0].lost.Store(true)
	many()
	if all := made(); len(all) != 2 || !all[0].closed.Load() {
		t.Errorf("after the connection was lost, it was logged in %d times", len(all)-1)
	}
	if err := tunnel.Close(); err != nil {
		t.Error(err)
	}
	if !made()[1].closed.Load() {
		t.Error("the way to the host is still open")
	}
	if _, _, err := get(t, "http://"+tunnel.Endpoint()+"/"); err == nil {
		t.Error("it still listens")
	}
}

// Who cannot be served is told why, and the next one is tried again.
func TestTunnelRefusal(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	tunnel, err := fleet.OpenTunnel(t.Context(), func(context.Context) (fleet.Conn, error) {
		if tries.Add(1) == 1 {
			return nil, errors.New("nobody there yet")
		}
		return &wayConn{}, nil
	}, "10.0.0.2", 80, func(err error) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(err.Error()), err)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nobody there yet", "m1 cannot reach 10.0.0.2:80: Connection refused"} {
		if status, body, err := get(t, "http://"+tunnel.Endpoint()); status != 502 || body != want || err != nil {
			t.Errorf("%d %q %v; %q is wanted", status, body, err, want)
		}
	}
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", tunnel.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an answer before the question: %d %v", n, err)
	}
	_ = client.Close()
	if err := tunnel.Close(); err != nil {
		t.Error(err)
	}
}

// A host that has refused the login is not asked for it again by each of many connections:
// it would ban who is refused so often.
func TestTunnelRefusedLogin(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]error{
		"login":    &fleet.Failure{Err: &remote.AuthError{Host: "m1", User: "ops"}},
		"host key": &fleet.Failure{Err: &remote.HostKeyError{Host: "m1"}},
	} {
		var logins atomic.Int32
		tunnel, err := fleet.OpenTunnel(t.Context(), func(context.Context) (fleet.Conn, error) {
			logins.Add(1)
			return nil, refused
		}, "10.0.0.1", 80, func(error) []byte { return []byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") })
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				if status, _, err := get(t, "http://"+tunnel.Endpoint()); status != 502 || err != nil {
					t.Errorf("%s: %d %v", name, status, err)
				}
			})
		}
		group.Wait()
		if n := logins.Load(); n != 1 {
			t.Errorf("%s: it was logged in %d times", name, n)
		}
		if err := tunnel.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A tunnel ends at once, whatever is in it: a client and a server that say nothing, and a
// host that is being logged in to.
func TestTunnelClose(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	asked := make(chan struct{}, 1)
	for name, connect := range map[string]func(context.Context) (fleet.Conn, error){
		"silent": func(context.Context) (fleet.Conn, error) {
			asked <- struct{}{}
			return &wayConn{server: listener.Addr().String()}, nil
		},
		"login": func(ctx context.Context) (fleet.Conn, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		},
	} {
		tunnel, err := fleet.OpenTunnel(t.Context(), connect, "10.0.0.1", 80, nil)
		if err != nil {
			t.Fatal(err)
		}
		client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", tunnel.Endpoint())
		if err != nil {
			t.Fatal(err)
		}
		<-asked
		closed := make(chan error, 1)
		go func() { closed <- tunnel.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it does not end", name)
		}
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: the client's connection goes on", name)
		}
		_ = client.Close()
	}
}
