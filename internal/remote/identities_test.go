// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// agentAt runs an agent with keys and gives its socket.
func agentAt(t testing.TB, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for i, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k, Comment: fmt.Sprintf("key-%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	return agentSocket(t, ring)
}

// The keys of a client configuration: which are tried, and what is said of others.
func TestIdentities(t *testing.T) {
	t.Parallel()
	text, public, raw := keyText(t)
	locked, lockedPublic := lockedKey(t)
	lockedRaw, err := ssh.ParseRawPrivateKeyWithPassphrase([]byte(locked), []byte("swordfish"))
	if err != nil {
		t.Fatal(err)
	}
	others := make([]any, 8)
	for i := range others {
		_, _, others[i] = keyText(t)
	}
	authority := remotetest.NewKey(t)
	signer, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	cert := remotetest.AuthorizedKey(certify(t, signer, authority, ssh.UserCert, []string{"user"}, nil).PublicKey())
	checker := ssh.CertChecker{IsUserAuthority: func(k ssh.PublicKey) bool {
		return bytes.Equal(k.Marshal(),
			authority.PublicKey().Marshal())
	}}
	byCert := remotetest.Options{Config: ssh.ServerConfig{PublicKeyCallback: checker.Authenticate}}
	byKey, byLocked := allowing(public), allowing(lockedPublic)
	full, fullLocked := agentAt(t, slices.Concat(others, []any{raw})...), agentAt(t, slices.Concat(others, []any{lockedRaw})...)

	for name, c := range map[string]struct {
		config string // @DIR@, @AGENT@
		files  map[string]string
		agent  string
		server remotetest.Options
		cfg    remote.Config
		tried  []string // in order, if the login is to fail
		unused string   // part of what is said of keys that were not tried
		bad    string   // part of a ConfigError
	}{
		"a file": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id": text}, server: byKey},
		"several": {config: "IdentityFile @DIR@/missing\nIdentityFile @DIR@/locked\nIdentityFile @DIR@/id\n",
			files: map[string]string{"id": text, "locked": locked}, server: byKey},
		"a directory": {config: "IdentityFile @DIR@\nIdentityFile @DIR@/id\n", files: map[string]string{"id": text},
			server: byKey},
		"no key": {config: "IdentityFile @DIR@/x\nIdentityFile @DIR@/id\n", files: map[string]string{"x": "hello\n",
			"id": text}, server: byKey},
		"of an unknown kind": {config: "IdentityFile @DIR@/x\nIdentityFile @DIR@/id\n",
			files: map[string]string{"x": "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n", "id": text}, server: byKey},
		"only what is wanted": {config: "IdentitiesOnly yes\nIdentityFile @DIR@/id.pub\n",
			files: map[string]string{"id.pub": remotetest.AuthorizedKey(public)}, agent: full, server: byKey},
		"the public half": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id.pub": remotetest.AuthorizedKey(public)},
			agent: full, server: byKey},
		"unlocked in the agent": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id": locked}, agent: fullLocked,
			server: byLocked},
		"unlocked, and only it": {config: "IdentitiesOnly yes\nIdentityFile @DIR@/id\n", files: map[string]string{"id": locked},
			agent: fullLocked, server: byLocked},
		"with a passphrase": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id": locked}, server: byLocked,
			cfg: remote.Config{Credentials: remote.Credentials{Passphrase: "swordfish"}}},
		"certificate beside it": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id": text, "id-cert.pub": cert},
			server: byCert},
		"certificate by its name": {config: "IdentityFile @DIR@/id\nCertificateFile @DIR@/c\n", files: map[string]string{"id": text,
			"c": cert}, server: byCert},
		"certificate for the agent's": {config: "IdentitiesOnly yes\nCertificateFile @DIR@/c\nIdentityFile none\n",
			files: map[string]string{"c": cert}, agent: full, server: byCert},
		"the block's key comes first": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id": locked}, server: byKey,
			cfg: remote.Config{Credentials: remote.Credentials{PrivateKey: remote.Secret(text)}}},
		"the file's agent": {config: "IdentityAgent @AGENT@\n", agent: full, server: byKey, cfg: remote.Config{ConnectTimeout: 20 * time.Second}},
		"no agent in the block": {config: "IdentityAgent @AGENT@\nIdentityFile @DIR@/id\n", files: map[string]string{"id": text}, agent: full,
			server: byLocked,
			cfg:    remote.Config{AgentGiven: true}, tried: []string{"/id"}},
		"none of the agent's": {config: "IdentitiesOnly yes\nIdentityFile @DIR@/id\n", files: map[string]string{"id": text}, agent: full,
			server: byLocked, tried: []string{"/id"}},
		"encrypted": {config: "IdentityFile @DIR@/id\nIdentityFile @DIR@/other\n", files: map[string]string{"id": locked, "other": text},
			server: byLocked,
			tried:  []string{"/other"}, unused: "/id (the private key is encrypted and no passphrase is given, and the agent does not have its " +
				"private key)"},
		"encrypted, and nothing else": {config: "IdentityFile @DIR@/id\n", files: map[string]string{"id": locked}, server: byLocked,
			bad: "/id (the private key is encrypted"},
		"not there": {config: "IdentityFile @DIR@/id\n", server: byKey, bad: "/id (it is not there)"},
		"not the algorithm": {config: "IdentityFile @DIR@/id\nPubkeyAcceptedAlgorithms rsa-sha2-512\n", files: map[string]string{"id": text},
			server: byKey,
			tried:  []string{}},
		"of the algorithm": {config: "IdentityFile @DIR@/id\nPubkeyAcceptedAlgorithms ssh-ed25519\n", files: map[string]string{"id": text},
			server: byKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, text := range c.files {
				writeFile(t, dir, file, text+"\n")
			}
			// A server that lets nobody try twice.
			c.server.Config.MaxAuthTries = 2
			s := remotetest.Serve(t, c.server)
			c.cfg.ConfigFile = writeFile(t, dir, "config", strings.NewReplacer("@DIR@", dir, "@AGENT@", c.agent).Replace(c.config))
			if c.agent != "" && !strings.Contains(c.config, "IdentityAgent") {
				c.cfg.ConfigFile = writeFile(t, dir, "config2", "IdentityAgent "+c.agent+"\nInclude "+c.cfg.ConfigFile+"\n")
			}
			c.cfg.User = "user"
			limit := 20 * time.Second
			if c.tried != nil {
				limit = time.Second
			}
			err := dial(t, newClient(t, c.cfg), remote.Target{Address: s.Host, Port: s.Port, HostKey: s.HostKey, ConnectTimeout: limit})
			var refused *remote.AuthError
			var unusable *remote.ConfigError
			switch {
			case c.bad != "":
				if !errors.As(err, &unusable) || unusable.Field != "ssh.config_file" || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("have %v", err)
				}
			case c.tried == nil:
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &refused) || len(refused.Tried) != len(c.tried) || !strings.Contains(strings.Join(refused.Unused, ", "), c.unused):
				t.Errorf("have %v", err)
			default:
				for i, part := range c.tried {
					if !strings.Contains(refused.Tried[i], part) {
						t.Errorf("tried %q", refused.Tried)
					}
				}
			}
		})
	}
}

// What the file says of the agent counts unless the block says it.
func TestIdentityAgentNone(t *testing.T) {
	_, public, raw := keyText(t)
	t.Setenv("SSH_AUTH_SOCK", agentAt(t, raw))
	path := writeFile(t, t.TempDir(), "config", "IdentityAgent none\nIdentityFile none\n")
	for _, given := range []bool{true, false} {
		s := remotetest.Serve(t, allowing(public))
		err := dial(t, newClient(t, remote.Config{User: "user", ConfigFile: path, AgentGiven: given,
			Credentials: remote.Credentials{Agent: true}}),
			remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: 1500 * time.Millisecond})
		if (err == nil) != given {
			t.Errorf("given %v: %v", given, err)
		}
	}
}

// Algorithms, addresses and times of the file count.
func TestConfigFileConnection(t *testing.T) {
	t.Parallel()
	s := remotetest.Serve(t, remotetest.Options{})
	var only ssh.ServerConfig
	only.Ciphers, only.MACs, only.KeyExchanges = []string{ssh.CipherAES256CTR}, []string{ssh.HMACSHA512}, []string{ssh.KeyExchangeECDHP384}
	narrow := remotetest.Serve(t, remotetest.Options{Config: only})
	var from net.Addr
	bound := remotetest.Serve(t, remotetest.Options{Accept: func(_ int, c net.Conn) net.Conn {
		from = c.RemoteAddr()
		return c
	}})
	for name, c := range map[string]struct {
		config string
		server *remotetest.Server
		want   string
	}{
		"lists":            {"Ciphers aes256-ctr\nMACs hmac-sha2-512\nKexAlgorithms ecdh-sha2-nistp384\n", narrow, ""},
		"lists in front":   {"Ciphers ^aes256-ctr\nMACs ^hmac-sha2-512\nKexAlgorithms ^ecdh-sha2-nistp384\n", narrow, ""},
		"another cipher":   {"Ciphers aes128-ctr\n", narrow, "no common algorithm"},
		"without a cipher": {"Ciphers -aes256-ctr\n", narrow, "no common algorithm"},
		"another kex":      {"KexAlgorithms ecdh-sha2-nistp256\n", narrow, "no common algorithm"},
		"another host key": {"HostKeyAlgorithms ecdsa-sha2-nistp256\n", s, "no common algorithm"},
		"a host key":       {"HostKeyAlgorithms ssh-ed25519\n", s, ""},
		"nothing we know": {"Ciphers chacha20-poly1305@openssh.com\nMACs umac-64@openssh.com\n", s,
			"MACs: none of umac-64@openssh.com is supported"},
		"another family":      {"AddressFamily inet6\nHostName 127.0.0.1\n", s, "suitable address"},
		"the family":          {"AddressFamily inet\nHostName localhost\n", s, ""},
		"an address":          {"BindAddress 127.0.0.9\n", bound, ""},
		"an address not ours": {"BindAddress 192.0.2.1\n", bound, "assign requested address"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "an address" && runtime.GOOS != "linux" {
				t.Skip("only Linux has all of 127.0.0.0/8")
			}
			path := writeFile(t, t.TempDir(), "config", c.config)
			err := dial(t, newClient(t, remote.Config{User: "user", ConfigFile: path}),
				remote.Target{Address: c.server.Host, Port: c.server.Port, ConnectTimeout: 2 * time.Second})
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v", err)
			}
			if name == "an address" && (from == nil || !strings.HasPrefix(from.String(), "127.0.0.9:")) {
				t.Errorf("it came from %v", from)
			}
		})
	}
}
