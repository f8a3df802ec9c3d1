// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// Most tests wait, for hosts and for time limits, so more of them run at once
// than there are processors.
func TestMain(m *testing.M) {
	if os.Getenv(childOf) != "" {
		fmt.Fprintln(os.Stderr, beChild(context.Background()))
		os.Exit(1)
	}
	if address := os.Getenv(proxyOf); address != "" {
		if err := beProxy(address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// What a configuration names may be in it. It is nothing, so that the directory of a test may follow.
	if err := os.Setenv("REMOTE_TEST_KNOWN", ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(lab.Main(m))
}

func newClient(t testing.TB, cfg remote.Config) *remote.Client {
	t.Helper()
	c, err := remote.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// inProcess is a subject on the server within this process.
func inProcess(t testing.TB, o remotetest.Options, cfg remote.Config) (remotetest.Subject, *remotetest.Server) {
	t.Helper()
	s := remotetest.Serve(t, o)
	if cfg.User == "" {
		cfg.User = "user"
	}
	return remotetest.Subject{
		Client: newClient(t, cfg),
		Target: remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: 20 * time.Second},
	}, s
}

// openSSH is a subject on the machine's own sshd.
func openSSH(t testing.TB, lines ...string) remotetest.Subject {
	t.Helper()
	s := remotetest.StartSSHD(t, lines...)
	return remotetest.Subject{
		Client: newClient(t, remote.Config{User: s.User, Credentials: remote.Credentials{PrivateKey: remote.Secret(s.Key)}}),
		Target: remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: 20 * time.Second},
		Root:   s.User == "root",
	}
}

// labHost is a subject on a host of the lab.
func labHost(t testing.TB, h *lab.Host, user string, change func(*remote.Config, *remote.Target)) remotetest.Subject {
	t.Helper()
	key, err := lab.Require(t).PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	cfg := remote.Config{User: user, Credentials: remote.Credentials{PrivateKey: remote.Secret(key)}}
	target := remote.Target{Address: h.Address, Port: h.Port, HostKey: h.HostKey, ConnectTimeout: time.Minute}
	if user == lab.UserPassword {
		cfg.Sudo.Password = remote.Secret(lab.Password(user))
	}
	if change != nil {
		change(&cfg, &target)
	}
	return remotetest.Subject{Client: newClient(t, cfg), Target: target, Root: user != lab.UserNoSudo}
}

func TestConformanceInProcess(t *testing.T) {
	t.Parallel()
	s, _ := inProcess(t, remotetest.Options{}, remote.Config{})
	remotetest.Conformance(t, s)
}

func TestConformanceOpenSSH(t *testing.T) {
	t.Parallel()
	remotetest.Conformance(t, openSSH(t))
}

// All uploads of a client together keep to its bandwidth.
func TestBandwidth(t *testing.T) {
	t.Parallel()
	s, _ := inProcess(t, remotetest.Options{}, remote.Config{Limits: remote.Limits{Bandwidth: 200_000}})
	start := time.Now()
	var wg sync.WaitGroup
	for range 2 {
		conn := s.Dial(t)
		wg.Go(func() {
			if _, err := conn.Upload(t.Context(), []remote.File{randomFile("a", 150_000), randomFile("b", 50_000)}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took < 1900*time.Millisecond {
		t.Errorf("400 kB at 200 kB a second took %s", took)
	}
}

// A host with an IPv6 address, given with and without brackets.
func TestIPv6(t *testing.T) {
	t.Parallel()
	sshd := remotetest.StartSSHD(t, "AddressFamily any", "ListenAddress ::1")
	for _, address := range []string{"::1", "[::1]"} {
		c := newClient(t,
			remote.Config{User: sshd.User, HostKeyPolicy: remote.Strict, KnownHosts: []string{fmt.Sprintf("[::1]:%d %s", sshd.Port, sshd.HostKey)},
				Credentials: remote.Credentials{PrivateKey: remote.Secret(sshd.Key)}})
		conn, err := c.Dial(t.Context(), remote.Target{Address: address, Port: sshd.Port, ConnectTimeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Upload(t.Context(), []remote.File{randomFile("f", 1000)}, nil); err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
