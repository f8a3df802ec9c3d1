// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

func dialSSHD(t testing.TB, s *remotetest.SSHD) *remote.Conn {
	t.Helper()
	c, err := remote.NewClient(remote.Config{User: s.User, Port: s.Port, Credentials: remote.Credentials{PrivateKey: remote.Secret(s.Key)}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), remote.Target{Address: s.Host, HostKey: s.HostKey, ConnectTimeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestRunFirst(t *testing.T) {
	s := remotetest.StartSSHD(t)
	conn := dialSSHD(t, s)
	for _, tty := range []bool{false} {
		_ = tty
		res, err := conn.Run(t.Context(), remote.Script{Name: "a", Text: "printf 'a\\0b'; echo err >&2; cat; echo $# \"$2\"; exit 3", Args: []string{"x", "it's $HOME"}})
		var exit *remote.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		t.Logf("%q %q %v", res.Stdout, res.Stderr, err)
		res, err = conn.Run(t.Context(), remote.Script{Name: "a", Text: "wc -c; sleep 0; echo done", Stdin: strings.NewReader(strings.Repeat("abc\n", 50000))})
		t.Logf("%+v %v", res, err)
		if err == nil {
			t.Logf("%q %q", res.Stdout, res.Stderr)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		res, err = conn.Run(ctx, remote.Script{Name: "a", Text: "echo 1; sleep 77 & sleep 78"})
		t.Logf("%+v %v %v", res, err, time.Since(start))
		cancel()
		res, err = conn.Run(t.Context(), remote.Script{Name: "a", Text: "ps ax | grep -c '[s]leep 7'; true"})
		t.Logf("%q %q %v", res.Stdout, res.Stderr, err)
		res, err = conn.Run(t.Context(), remote.Script{Name: "a", Text: "sleep 5 & echo hi", Timeout: time.Minute})
		t.Logf("%q %q %v", res.Stdout, res.Duration, err)
		res, err = conn.Run(t.Context(), remote.Script{Name: "a", Text: "sleep 5", Timeout: 100 * time.Millisecond})
		t.Logf("%q %q %v", res.Stdout, res.Duration, err)
		res, err = conn.Run(t.Context(), remote.Script{Name: "a", Text: "echo 'sa", Timeout: 100 * time.Millisecond})
		t.Logf("%q %q %v", res.Stdout, res.Stderr, err)
	}
}
