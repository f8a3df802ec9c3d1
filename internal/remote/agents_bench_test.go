// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// BenchmarkAgentOfMany logs in with the last of 300 keys of a real ssh-agent to a real
// sshd, and runs one command: package remote, beside it ssh itself, and with
// agent_identity.
func BenchmarkAgentOfMany(b *testing.B) {
	s := remotetest.StartSSHD(b, "MaxAuthTries 1000")
	client := remotetest.OpenSSH(b)
	socket, right := realAgent(b, s)
	b.Setenv("SSH_AUTH_SOCK", socket)
	run := func(b *testing.B, credentials remote.Credentials) {
		b.Helper()
		c := newClient(b, remote.Config{User: s.User, Credentials: credentials})
		for b.Loop() {
			conn, err := c.Dial(b.Context(), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := conn.Run(b.Context(), remote.Script{Name: "true", Text: "true"}); err != nil {
				b.Fatal(err)
			}
			if err := conn.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("remote", func(b *testing.B) { run(b, remote.Credentials{Agent: true}) })
	b.Run("ssh", func(b *testing.B) {
		known := writeFile(b, b.TempDir(), "known_hosts", fmt.Sprintf("[%s]:%d %s\n", s.Host, s.Port, s.HostKey))
		for b.Loop() {
			out, err := exec.CommandContext(b.Context(), client, "-F", "none", "-o", "IdentityFile=none", "-o", "BatchMode=yes", "-o",
				"UserKnownHostsFile="+known, "-o", "StrictHostKeyChecking=yes", "-p", strconv.Itoa(s.Port), "-l", s.User, "--", s.Host,
				"true").CombinedOutput()
			if err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		}
	})
	b.Run("agent_identity", func(b *testing.B) { run(b, remote.Credentials{Agent: true, AgentIdentity: right}) })
}

// realAgent starts an ssh-agent with 300 keys, the last of which logs in. It gives its
// socket and that key's fingerprint.
func realAgent(b *testing.B, s *remotetest.SSHD) (socket, right string) {
	b.Helper()
	path, err := exec.LookPath("ssh-agent")
	if err != nil {
		b.Skip("there is no ssh-agent here")
	}
	socket = filepath.Join(b.TempDir(), "agent")
	cmd := exec.Command(path, "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	var nc net.Conn
	comesTrue(b, "an agent", func() bool {
		nc, err = net.Dial("unix", socket)
		return err == nil
	})
	defer func() { _ = nc.Close() }()
	ring := agent.NewClient(nc)
	for i := range 300 {
		var key any
		if _, key, err = ed25519.GenerateKey(rand.Reader); i == 299 {
			key, err = ssh.ParseRawPrivateKey([]byte(s.Key))
		}
		if err == nil {
			err = ring.Add(agent.AddedKey{PrivateKey: key, Comment: fmt.Sprintf("key-%d", i)})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	last, err := ssh.ParsePrivateKey([]byte(s.Key))
	if err != nil {
		b.Fatal(err)
	}
	return socket, ssh.FingerprintSHA256(last.PublicKey())
}
