// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// SetStepLimits shortens the limits of the steps of connecting.
func (c *Client) SetStepLimits(tcp, handshake, auth time.Duration) {
	c.limits.tcp, c.limits.handshake, c.limits.auth = tcp, handshake, auth
}

// SetGrace changes how long a call waits to end by gentler means.
func (c *Client) SetGrace(grace time.Duration) { c.limits.grace = grace }

// NewClientWithoutOpenSSH is NewClient on a machine that has no ssh.
func NewClientWithoutOpenSSH(cfg Config) (*Client, error) { return newClient(cfg, "") }

// Knows says whether a known_hosts line is about a name.
func Knows(t testing.TB, line, name string) bool {
	t.Helper()
	var db knownHosts
	if err := db.add([]byte(line), "test", false); err != nil {
		t.Fatal(err)
	}
	return len(db.lookup(name)) > 0
}

// Revokes says whether a file of revoked keys revokes a key.
func Revokes(t testing.TB, path string, key ssh.PublicKey) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := parseRevokedKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys.revokes(key)
}

// Hurry makes all limits so many times shorter.
func (c *Client) Hurry(times time.Duration) {
	l := &c.limits
	for _, limit := range []*time.Duration{&l.tcp, &l.handshake, &l.auth, &l.start, &l.ask, &l.end, &l.unread, &l.kill, &l.sftp, &l.quiet,
		&l.keeper, &l.dismiss, &l.answer, &l.grace} {
		*limit /= times
	}
}

// MostGivenUp is how much is given up on a connection to a jump host.
const MostGivenUp = mostGivenUp

// SetDialer has hosts and jump hosts reached in another way than by TCP.
func (c *Client) SetDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.dialer = dialer(dial)
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// SetSFTPLimit shortens the time that SFTP has to start.
func (c *Client) SetSFTPLimit(d time.Duration) { c.limits.sftp = d }

// SetLinger shortens the time for which the work directory of a broken
// connection waits for a successor.
func (c *Client) SetLinger(d time.Duration) { c.linger = int(d.Seconds()) }

// CommandLine is what a login shell gets for a script with such a word.
func CommandLine(word string) string { return commandLine(becoming{}, word, false) }

// Message is what the script's shell gets to read then.
func Message(word, text string) []byte {
	return new(message).write(word, true, func(b *bytes.Buffer) { b.WriteString(text) })
}
