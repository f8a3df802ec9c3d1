// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// says listens, says something to whoever comes, and hangs up if that is the end.
func says(t *testing.T, words string, end bool) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(nc, words)
			if end {
				_ = nc.Close()
			} else {
				t.Cleanup(func() { _ = nc.Close() })
			}
		}
	}()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return addr.Port
}

// A greeting takes an SSH server and no login, with jump hosts in between too.
func TestGreet(t *testing.T) {
	t.Parallel()
	refuse := ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") }}
	end, jump := remotetest.Serve(t, remotetest.Options{Config: refuse}), remotetest.Serve(t, remotetest.Options{})
	sshd := remotetest.StartSSHD(t)
	c := newClient(t, remote.Config{User: "nobody"})
	wrong := hopTo(jump)
	wrong.HostKey = end.HostKey
	for name, g := range map[string]struct {
		port  int
		via   []remote.Hop
		wants remote.Step // "": it answers
	}{
		"a server that lets nobody in":    {port: end.Port},
		"OpenSSH":                         {port: sshd.Port},
		"through a jump host":             {port: end.Port, via: []remote.Hop{hopTo(jump)}},
		"words before the name":           {port: says(t, "welcome\r\nSSH-2.0-x\r\n", false)},
		"many words before the name":      {port: says(t, strings.Repeat("all that is done here is noted\r\n", 100)+"SSH-2.0-x\r\n", false)},
		"nobody":                          {port: freePort(t), wants: remote.StepTCP},
		"nobody behind a jump host":       {port: freePort(t), via: []remote.Hop{hopTo(jump)}, wants: remote.StepTCP},
		"another kind of server":          {port: says(t, "HTTP/1.1 400 Bad Request\r\n\r\n", true), wants: remote.StepHandshake},
		"one that says nothing":           {port: says(t, "", false), wants: remote.StepHandshake},
		"one that does so at a jump host": {port: says(t, "", false), via: []remote.Hop{hopTo(jump)}, wants: remote.StepHandshake},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := c.Greet(ctx, remote.Target{Address: "127.0.0.1", Port: g.port, JumpHosts: g.via})
		cancel()
		if g.wants != "" {
			_ = wantConnectError(t, err, g.wants, "127.0.0.1")
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What it says instead is told as Dial tells it.
	for _, end := range []bool{true, false} {
		err := c.Greet(t.Context(), remote.Target{Address: "127.0.0.1", Port: says(t, "220 mail.example.org ESMTP\r\n", end)})
		var other *remote.NotSSHError
		if !errors.As(err, &other) || other.Said != "220 mail.example.org ESMTP" {
			t.Errorf("have %v", err)
		}
	}
	// The jump host's connection is shared with those who have seen its key.
	target := remote.Target{Address: "127.0.0.1", Port: end.Port, JumpHosts: []remote.Hop{wrong}}
	err := newClient(t, remote.Config{}).Greet(t.Context(), target)
	var key *remote.HostKeyError
	if !errors.As(err, &key) || !key.Jump {
		t.Errorf("a jump host with another key: %v", err)
	}
}

// The way to a host is what is in between, whoever says it.
func TestWay(t *testing.T) {
	t.Parallel()
	a, b := remote.Hop{Address: "a", User: "x"}, remote.Hop{Address: "b", Port: 2222}
	for _, w := range []struct {
		cfg    remote.Config
		target remote.Target
		want   remote.Way
	}{
		{remote.Config{}, remote.Target{}, remote.Way{Port: 22}},
		{remote.Config{Port: 2200}, remote.Target{}, remote.Way{Port: 2200}},
		{remote.Config{Port: 2200}, remote.Target{Port: 23}, remote.Way{Port: 23}},
		{remote.Config{JumpHosts: []remote.Hop{a, b}}, remote.Target{}, remote.Way{Port: 22, Via: "a [b]:2222"}},
		{remote.Config{JumpHosts: []remote.Hop{a}}, remote.Target{JumpHosts: []remote.Hop{b}}, remote.Way{Port: 22, Via: "[b]:2222"}},
		{remote.Config{JumpHosts: []remote.Hop{a}}, remote.Target{JumpHosts: []remote.Hop{}}, remote.Way{Port: 22}},
		{remote.Config{ProxyURL: "socks5://user:password@proxy:1080", JumpHosts: []remote.Hop{a}}, remote.Target{},
			remote.Way{Port: 22, Via: "proxy proxy:1080 a"}},
		{remote.Config{ProxyCommand: "nc %h %p", JumpHosts: []remote.Hop{a}}, remote.Target{}, remote.Way{Port: 22, Via: "nc %h %p a"}},
	} {
		w.target.Address = "host"
		if way, err := newClient(t, w.cfg).Way(t.Context(), w.target); err != nil || way != w.want {
			t.Errorf("%+v, %+v: %+v, %v", w.cfg, w.target, way, err)
		}
	}
	if _, err := newClient(t, remote.Config{}).Way(t.Context(), remote.Target{}); err == nil {
		t.Error("there is a way to nowhere")
	}
}
