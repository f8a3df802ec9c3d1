// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// echo is a server that sends back what it gets; it gives its address.
func echo(t *testing.T, l *lab.Lab) string {
	t.Helper()
	ln, err := l.Listen(t.Context(), "tcp", l.Gateway()+":0")
	check(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				_, _ = io.Copy(conn, conn) // ends with the connection, whichever way
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); done.Wait() })
	return ln.Addr().String()
}

// A proxy does its faults at the very byte they are asked for.
func TestProxy(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	server := echo(t, l)
	payload := bytes.Repeat([]byte("0123456789"), 1000)

	// exchange sends the payload through a proxy and gives what comes back.
	exchange := func(t *testing.T, f lab.Faults) ([]byte, time.Duration, error) {
		t.Helper()
		p := l.Proxy(t, server, f)
		conn, err := net.Dial("tcp", p.Address())
		check(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		started := time.Now()
		go func() {
			_, _ = conn.Write(payload) // what of it gets through is what is tested
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
		}()
		check(t, conn.SetReadDeadline(time.Now().Add(2*time.Second)))
		got, err := io.ReadAll(conn)
		return got, time.Since(started), err
	}

	t.Run("nothing", func(t *testing.T) {
		if got, _, err := exchange(t, lab.Faults{}); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("latency", func(t *testing.T) {
		got, took, err := exchange(t, lab.Faults{Latency: 100 * time.Millisecond})
		if err != nil || len(got) != len(payload) || took < 200*time.Millisecond || took > time.Second {
			t.Errorf("%d bytes in %v, %v", len(got), took, err)
		}
	})
	t.Run("bandwidth", func(t *testing.T) {
		got, took, err := exchange(t, lab.Faults{Bandwidth: 50_000})
		if err != nil || len(got) != len(payload) || took < 200*time.Millisecond {
			t.Errorf("%d bytes in %v, %v", len(got), took, err)
		}
	})
	t.Run("loss", func(t *testing.T) {
		got, took, err := exchange(t, lab.Faults{Loss: 1})
		if err != nil || len(got) != len(payload) || took < 2*lab.LossDelay {
			t.Errorf("%d bytes in %v, %v", len(got), took, err)
		}
	})
	t.Run("close", func(t *testing.T) {
		got, _, err := exchange(t, lab.Faults{Down: lab.Fault{Kind: lab.Close, At: 4321}})
		if (err != nil && !errors.Is(err, syscall.ECONNRESET)) || len(got) > 4321 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		got, _, err := exchange(t, lab.Faults{Up: lab.Fault{Kind: lab.Reset, At: 1234}})
		if !errors.Is(err, syscall.ECONNRESET) || len(got) > 1234 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("stall", func(t *testing.T) {
		got, _, err := exchange(t, lab.Faults{Down: lab.Fault{Kind: lab.Stall, At: 777}})
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || len(got) != 777 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("corrupt", func(t *testing.T) {
		got, _, err := exchange(t, lab.Faults{Up: lab.Fault{Kind: lab.Corrupt, At: 5000}})
		want := bytes.Clone(payload)
		want[5000] ^= 1
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("changes", func(t *testing.T) {
		p := l.Proxy(t, server, lab.Faults{})
		conn, err := net.Dial("tcp", p.Address())
		check(t, err)
		word := make([]byte, 4)
		check(t, second(conn.Write([]byte("ping"))))
		check(t, second(io.ReadFull(conn, word)))
		if up, down := p.Bytes(); up != 4 || down != 4 || p.Connections() != 1 {
			t.Errorf("%d up, %d down, %d connections", up, down, p.Connections())
		}
		p.Cut()
		if _, err := conn.Read(word); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after Cut: %v", err)
		}
		p.Set(lab.Faults{Refuse: true})
		conn, err = net.Dial("tcp", p.Address())
		if err == nil {
			_, err = conn.Read(word)
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("while it refuses: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }
