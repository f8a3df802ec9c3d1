// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// clientOf is a client with a configuration file of these words, read without ssh.
func clientOf(t *testing.T, text string, change func(*Config)) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{ConfigFile: path}
	if change != nil {
		change(&cfg)
	}
	c, err := newClient(cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// The host's own comes before the provider block's, and that before the file's.
func TestWay(t *testing.T) {
	t.Parallel()
	const file = `Host direct
Host jumped
  ProxyJump gw,ops@inner:2200
Host commanded
  ProxyCommand file-command %h %p
Host behind
  ProxyJump via
Host via
  ProxyJump gw
Host gw
  ProxyCommand gw-command %h
  User gatekeeper
Host inner
  ProxyCommand never
  User nobody
`
	jump := []Hop{{Address: "block"}}
	for name, c := range map[string]struct {
		cfg    Config
		target Target
		want   string // the command, then each host on the way as user@address
	}{
		"direct":                {target: Target{Address: "direct"}, want: "root@direct:22"},
		"by the file's jumps":   {target: Target{Address: "jumped"}, want: "[gw-command gw] gatekeeper@gw:22 ops@inner:2200 root@jumped:22"},
		"by the file's command": {target: Target{Address: "commanded"}, want: "[file-command commanded 22] root@commanded:22"},
		"by jumps of jumps":     {target: Target{Address: "behind"}, want: "[gw-command gw] gatekeeper@gw:22 root@via:22 root@behind:22"},
		"by the block's":        {Config{JumpHosts: jump}, Target{Address: "jumped"}, "root@block:22 root@jumped:22"},
		"by the block's, known": {Config{JumpHosts: []Hop{{Address: "gw"}}}, Target{Address: "direct"},
			"[gw-command gw] gatekeeper@gw:22 root@direct:22"},
		"by the block's none":     {Config{JumpHosts: []Hop{}}, Target{Address: "jumped"}, "root@jumped:22"},
		"by none, with a command": {Config{JumpHosts: []Hop{}}, Target{Address: "commanded"}, "root@commanded:22"},
		"by the block's command": {Config{ProxyCommand: "block-command %h"}, Target{Address: "jumped"},
			"[block-command jumped] root@jumped:22"},
		"by the block's both": {Config{JumpHosts: jump, ProxyCommand: "block-command %h"}, Target{Address: "jumped"},
			"[block-command block] root@block:22 root@jumped:22"},
		"by the block's no command": {Config{ProxyCommand: "none"}, Target{Address: "commanded"}, "root@commanded:22"},
		"by its own": {Config{JumpHosts: jump}, Target{Address: "jumped", JumpHosts: []Hop{{Address: "own"}}},
			"root@own:22 root@jumped:22"},
		"by its own none": {Config{JumpHosts: jump}, Target{Address: "jumped", JumpHosts: []Hop{}}, "root@jumped:22"},
		"by its own command": {Config{JumpHosts: jump, ProxyCommand: "block-command"}, Target{Address: "jumped",
			ProxyCommand: "own-command %r"}, "[own-command root] root@jumped:22"},
		"by its own both": {Config{ProxyCommand: "block-command"}, Target{Address: "jumped", ProxyCommand: "own-command %h",
			JumpHosts: []Hop{{Address: "own"}}},
			"[own-command own] root@own:22 root@jumped:22"},
		"not by the block's command": {Config{ProxyCommand: "block-command"}, Target{Address: "direct", ProxyCommand: "none"}, "root@direct:22"},
		"not by the block's command, by its jumps": {Config{JumpHosts: jump, ProxyCommand: "block-command"}, Target{Address: "direct",
			ProxyCommand: "none"},
			"root@block:22 root@direct:22"},
		"by a proxy": {Config{ProxyURL: "socks5://127.0.0.1:1"}, Target{Address: "commanded"}, "root@commanded:22"},
		"by a proxy and jumps": {Config{ProxyURL: "socks5://127.0.0.1:1"}, Target{Address: "jumped"},
			"gatekeeper@gw:22 ops@inner:2200 root@jumped:22"},
		"by its own, not a proxy": {Config{ProxyURL: "socks5://127.0.0.1:1"}, Target{Address: "direct", ProxyCommand: "own-command"},
			"[own-command] root@direct:22"},
		"the block's user": {Config{User: "core"}, Target{Address: "jumped"},
			"[gw-command gw] gatekeeper@gw:22 ops@inner:2200 core@jumped:22"},
		"the block's user of its": {Config{User: "core", JumpHosts: []Hop{{Address: "gw"}}}, Target{Address: "direct"},
			"[gw-command gw] core@gw:22 core@direct:22"},
		"its own user":     {Config{User: "core"}, Target{Address: "direct", User: "own", Port: 2222}, "own@direct:2222"},
		"the block's port": {Config{Port: 2022}, Target{Address: "commanded"}, "[file-command commanded 2022] root@commanded:2022"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientOf(t, file, func(cfg *Config) {
				path := cfg.ConfigFile
				*cfg = c.cfg
				cfg.ConfigFile = path
			})
			r, err := client.route(t.Context(), c.target)
			if err != nil {
				t.Fatal(err)
			}
			var all []*endpoint
			for _, h := range r.hops {
				all = append(all, &h.endpoint)
			}
			have := ""
			for i, e := range append(all, r.end) {
				if e.command != "" {
					have += fmt.Sprintf("[%s] ", e.command)
					if i > 0 {
						t.Errorf("host %d on the way has a command", i)
					}
				}
				have += e.user + "@" + e.address() + " "
			}
			if have = strings.TrimSpace(have); have != c.want {
				t.Errorf("have %s\nwant %s", have, c.want)
			}
		})
	}
}

// What the file says of time and silence counts where the block says nothing.
func TestPulse(t *testing.T) {
	t.Parallel()
	usual := usualLimits().tcp
	const file = "Host a\n ServerAliveInterval 60\n ServerAliveCountMax 2\n ConnectTimeout 45\nHost b\n ServerAliveInterval 2m\n"
	for _, c := range []struct {
		given    time.Duration
		host     string
		interval time.Duration
		silent   int
		lease    int
		tcp      time.Duration
	}{
		{0, "a", time.Minute, 3, 270, 45 * time.Second},
		{0, "b", 2 * time.Minute, 4, 720, usual},
		{0, "c", defaultKeepaliveInterval, 4, 90, usual},
		{10 * time.Second, "a", 10 * time.Second, 4, 60, 45 * time.Second},
		{-1, "a", -1, 4, 90, 45 * time.Second},
	} {
		client := clientOf(t, file, func(cfg *Config) { cfg.KeepaliveInterval = c.given })
		r, err := client.route(t.Context(), Target{Address: c.host})
		if err != nil {
			t.Fatal(err)
		}
		interval, silent := client.pulse(r.end)
		conn := newConn(client, r, nil)
		if interval != c.interval || silent != c.silent || conn.lease() != c.lease || r.end.within(usual) != c.tcp {
			t.Errorf("%s given %s: %s, %d, lease %ds, TCP %s", c.host, c.given, interval, silent, conn.lease(), r.end.within(usual))
		}
	}
}

// A file of known keys that is named has to be readable; of the usual ones one that is
// not is none, as to ssh.
func TestUnreadableKnownHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // which is no file, to root neither
	client := clientOf(t, "Host named\n UserKnownHostsFile "+dir+"\n", nil)
	var bad *ConfigError
	if _, err := client.route(t.Context(), Target{Address: "named"}); !errors.As(err, &bad) || !strings.Contains(err.Error(), dir) {
		t.Errorf("have %v", err)
	}
	for _, s := range []sshconfig.Settings{
		{UserKnownHostsFiles: []string{dir}, UsualUser: true}, {GlobalKnownHostsFiles: []string{dir}, UsualGlobal: true},
		{UserKnownHostsFiles: []string{dir + "/nothing"}, GlobalKnownHostsFiles: []string{dir}, UsualGlobal: true},
	} {
		if err := client.file.readKnown(&hostSettings{Settings: &s}); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	s := sshconfig.Settings{UserKnownHostsFiles: []string{dir + "/nothing"}, UsualUser: true, GlobalKnownHostsFiles: []string{dir}}
	if err := client.file.readKnown(&hostSettings{Settings: &s}); err == nil {
		t.Error("a file that is named is not read, and nobody is told")
	}
}

// What a KnownHostsCommand says counts as known_hosts do: not beside a pin, and more than
// what was accepted once or is known for the name alone.
func TestKnownByCommand(t *testing.T) {
	t.Parallel()
	var keys []ssh.PublicKey
	for i := range 2 {
		signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, signer.PublicKey())
	}
	first, second := keys[0], keys[1]
	pinned := keyCheck{known: []knownKey{{key: first, source: "host_key"}}, pinned: true}
	noted, seen := keyCheck{known: []knownKey{{key: first, source: fromNote}}}, keyCheck{known: []knownKey{{key: first, source: fromRun}}}
	for name, c := range map[string]struct {
		check keyCheck
		said  knownKey
		shown ssh.PublicKey
		good  bool
	}{
		"it":                         {keyCheck{}, knownKey{key: first}, first, true},
		"another":                    {keyCheck{}, knownKey{key: second}, first, false},
		"beside a pin":               {pinned, knownKey{key: second}, second, false},
		"another than the pin":       {pinned, knownKey{key: second}, first, true},
		"the pin is revoked":         {pinned, knownKey{key: first, revoked: true}, first, false},
		"another than what is noted": {noted, knownKey{key: second}, first, false},
		"an authority beside it":     {noted, knownKey{key: second, authority: true}, first, true},
		"another than seen":          {seen, knownKey{key: second}, first, false},
		"for the name alone":         {keyCheck{portless: []knownKey{{key: first}}}, knownKey{key: second}, first, false},
	} {
		c.check.all, c.check.policy = &hostKeys{accepted: map[string]ssh.PublicKey{}}, AcceptNew
		c.check.known = slices.Clone(c.check.known)
		c.said.source = "KnownHostsCommand"
		c.check.ask = func(ssh.PublicKey) ([]knownKey, error) { return []knownKey{c.said}, nil }
		if err := c.check.callback("", nil, c.shown); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Hosts that the file knows by different names share no connection to a jump host
// of which it says different things.
func TestJumpHostsByName(t *testing.T) {
	t.Parallel()
	client := clientOf(t, "Host one two\n HostName 10.0.0.1\nHost one\n StrictHostKeyChecking yes\nHost a\n ProxyJump one\nHost b c\n "+
		"ProxyJump two\n", nil)
	keys := map[string]string{}
	for _, host := range []string{"a", "b", "c"} {
		r, err := client.route(t.Context(), Target{Address: host})
		if err != nil {
			t.Fatal(err)
		}
		keys[host] = r.hops[0].key
	}
	if keys["a"] == keys["b"] || cmp.Compare(keys["b"], keys["c"]) != 0 {
		t.Errorf("have %q", keys)
	}
}
