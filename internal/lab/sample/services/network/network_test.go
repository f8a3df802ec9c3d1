// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package network

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// listen starts a resolver and gives a client that asks it.
func listen(t *testing.T, r *resolver) *net.Resolver {
	t.Helper()
	conn, err := listenUDP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.serve(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func cluster() *resolver {
	return &resolver{
		masters: func(context.Context) ([]string, error) { return []string{"10.0.0.1", "10.0.0.2"}, nil },
		leader:  func(context.Context) (string, error) { return "10.0.0.2", nil },
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	r := listen(t, cluster())
	for name, want := range map[string][]string{
		"ready.spartan.": {"127.0.0.1"},
		"leader.mesos.":  {"10.0.0.2"},
		"Master.Mesos.":  {"10.0.0.1", "10.0.0.2"},
	} {
		got, err := r.LookupHost(t.Context(), name)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	_, err := r.LookupHost(t.Context(), "nonsense.mesos.")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("nonsense.mesos: %v", err)
	}
	if _, err := r.LookupHost(t.Context(), "example.com."); err == nil {
		t.Error("a name outside the cluster is known without a resolver")
	}
}

// What is not the cluster's is asked of the site's resolvers.
func TestForward(t *testing.T) {
	t.Parallel()
	conn, err := listenUDP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		msg := make([]byte, maxMessage)
		for {
			n, from, err := conn.ReadFrom(msg)
			if err != nil {
				return
			}
			_, _, end, _ := question(msg[:n])
			if _, err := conn.WriteTo(reply(msg[:end], 0, []string{"192.0.2.7"}), from); err != nil {
				return
			}
		}
	}()
	c := cluster()
	c.upstream = []string{conn.LocalAddr().String()}
	got, err := listen(t, c).LookupHost(t.Context(), "example.com.")
	if err != nil || !slices.Contains(got, "192.0.2.7") {
		t.Errorf("%v, %v", got, err)
	}
}

// Where the node's name servers do not answer, resolv.conf has the site's.
func TestResolvconf(t *testing.T) {
	t.Parallel()
	if answers(t.Context(), net.JoinHostPort(servers[0], dnsPort)) {
		t.Skip("this machine is a node")
	}
	env := map[string]string{"RESOLVERS": "192.0.2.1,192.0.2.2:5353,192.0.2.3:53", "SEARCH": "example.com"}
	h := host.Host{Getenv: func(name string) string { return env[name] }}
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := Resolvconf(t.Context(), h, path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "search example.com\nnameserver 192.0.2.1\nnameserver 192.0.2.3\n"; !strings.HasSuffix(string(text), want) {
		t.Errorf("resolv.conf:\n%s\nwant at its end:\n%s", text, want)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5, 'r', 'e', 'a', 'd', 'y', 7, 's', 'p', 'a', 'r', 't', 'a', 'n', 0, 0, typeA,
		0, classIN})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		if got := cluster().answer(t.Context(), msg); got != nil && len(got) < headerSize {
			t.Errorf("a reply of %d bytes", len(got))
		}
	})
}
