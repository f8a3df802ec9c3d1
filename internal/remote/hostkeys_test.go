// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

func ecdsaKey(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// certify makes a certificate of the key; change may alter it before it is
// signed.
func certify(t *testing.T, key, authority ssh.Signer, kind uint32, names []string, change func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: kind, KeyId: "a test", ValidPrincipals: names,
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	ed, other, ec, authority := remotetest.NewKey(t), remotetest.NewKey(t), ecdsaKey(t), remotetest.NewKey(t)
	line := func(k ssh.Signer) string { return remotetest.AuthorizedKey(k.PublicKey()) }
	certified := certify(t, ed, authority, ssh.HostCert, []string{"127.0.0.1"}, nil)
	expired := certify(t, ed, authority, ssh.HostCert, nil,
		func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix()) })
	misnamed := certify(t, ed, authority, ssh.HostCert, []string{"elsewhere"}, nil)
	userCert := certify(t, ed, authority, ssh.UserCert, []string{"127.0.0.1"}, nil)

	const here = "[127.0.0.1]:PORT"
	for name, c := range map[string]struct {
		host  []ssh.Signer // nil: ed
		cfg   remote.Config
		known string // PORT and HASH stand for what is known then
		pin   string
		want  string // part of the error; "": none
		got   ssh.Signer
	}{
		"strict, unknown":        {cfg: remote.Config{HostKeyPolicy: remote.Strict}, want: "is not known: it shows ssh-ed25519 SHA256:"},
		"strict, known":          {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: here + " " + line(ed)},
		"strict, pinned":         {cfg: remote.Config{HostKeyPolicy: remote.Strict}, pin: line(ed)},
		"strict, hashed":         {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "HASH " + line(ed)},
		"strict, one of many":    {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "a,b,!c," + here + ",d " + line(ed)},
		"strict, wildcard":       {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "*.0.0.? " + line(ed), want: ""},
		"strict, any":            {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "* " + line(ed)},
		"strict, negated":        {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "*,!*127.0.0.1* " + line(ed), want: "is not known"},
		"strict, name alone":     {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "127.0.0.1 " + line(ed)},
		"strict, another's port": {cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "[127.0.0.1]:1 " + line(ed), want: "is not known"},
		"new":                    {},
		"new, name alone":        {known: "127.0.0.1 " + line(other)},
		"new, changed":           {known: here + " " + line(other), want: "has changed: known is ssh-ed25519 SHA256:"},
		"new, pin changed":       {pin: line(other), want: "has changed"},
		"new, pin wins":          {known: here + " " + line(other), pin: line(ed)},
		"new, two pins":          {pin: line(other) + "\n" + line(ed) + "\n"},
		"new, changed type":      {known: here + " " + line(ec), want: "known is ecdsa-sha2-nistp256 SHA256:"},
		"ignore, changed":        {cfg: remote.Config{HostKeyPolicy: remote.Ignore}, known: here + " " + line(other)},
		"ignore, pin changed":    {cfg: remote.Config{HostKeyPolicy: remote.Ignore}, pin: line(other)},
		"known type is asked for": {
			host: []ssh.Signer{ed, ec}, cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: here + " " + line(ec), got: ec,
		},
		"pinned type is asked for": {host: []ssh.Signer{ed, ec}, pin: line(ec), got: ec},
		"ed25519 is preferred":     {host: []ssh.Signer{ec, ed}, got: ed},
		"revoked":                  {known: "@revoked * " + line(ed), want: "is revoked"},
		"revoked, and pinned":      {known: "@revoked * " + line(ed), pin: line(ed), want: "is revoked"},
		"authority": {
			host: []ssh.Signer{certified}, cfg: remote.Config{HostKeyPolicy: remote.Strict, HostCertificateAuthorities: []string{line(authority)}},
		},
		"authority in known_hosts": {
			host: []ssh.Signer{certified}, cfg: remote.Config{HostKeyPolicy: remote.Strict}, known: "@cert-authority * " + line(authority),
		},
		"authority for others": {
			host: []ssh.Signer{certified, ed}, cfg: remote.Config{HostKeyPolicy: remote.Strict},
			known: "@cert-authority *.example.com " + line(authority), want: "is not known",
		},
		"authority revoked": {
			host:  []ssh.Signer{certified},
			known: "@revoked * " + line(authority) + "\n@cert-authority * " + line(authority), want: "is revoked",
		},
		"certificate expired": {
			host: []ssh.Signer{expired}, cfg: remote.Config{HostCertificateAuthorities: []string{line(authority)}},
			want: "certificate of 127.0.0.1:PORT is not valid: ssh: cert has expired",
		},
		"certificate for another": {
			host: []ssh.Signer{misnamed}, cfg: remote.Config{HostCertificateAuthorities: []string{line(authority)}},
			want: "not in the set of valid principals",
		},
		"certificate of a user": {
			host: []ssh.Signer{userCert}, cfg: remote.Config{HostCertificateAuthorities: []string{line(authority)}},
			want: "it is a user certificate",
		},
		"certificate of a stranger": {
			host: []ssh.Signer{certified}, cfg: remote.Config{HostKeyPolicy: remote.Strict, HostCertificateAuthorities: []string{line(other)}},
			want: "is not known",
		},
		"certificate, but the key is pinned": {host: []ssh.Signer{ed}, cfg: remote.Config{HostCertificateAuthorities: []string{line(other)}},
			pin: line(ed)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.host == nil {
				c.host = []ssh.Signer{ed}
			}
			s := remotetest.Serve(t, remotetest.Options{HostKeys: c.host})
			known := strings.ReplaceAll(c.known, "PORT", fmt.Sprint(s.Port))
			known = strings.ReplaceAll(known, "HASH", knownhosts.HashHostname(fmt.Sprintf("[127.0.0.1]:%d", s.Port)))
			path := filepath.Join(t.TempDir(), "known_hosts")
			text := "# a comment\n\nbroken line\nhost ssh-dss AAAAB3NzaC1kc3MAAAAA\n" + known + "\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for how, fill := range map[string]func(*remote.Config){
				"lines": func(cfg *remote.Config) { cfg.KnownHosts = []string{known} },
				"file":  func(cfg *remote.Config) { cfg.KnownHostsFiles = []string{path, path + ".missing"} },
			} {
				cfg := c.cfg
				cfg.User = "user"
				fill(&cfg)
				conn, err := newClient(t, cfg).Dial(t.Context(),
					remote.Target{Address: s.Host, Port: s.Port, HostKey: c.pin, ConnectTimeout: 20 * time.Second})
				if c.want == "" {
					if err != nil {
						t.Errorf("%s: %v", how, err)
						continue
					}
					want := ed
					if c.got != nil {
						want = c.got
					}
					if conn.HostKey() != line(want) {
						t.Errorf("%s: the key is %q", how, conn.HostKey())
					}
					if err := conn.Close(); err != nil {
						t.Error(err)
					}
					continue
				}
				var key *remote.HostKeyError
				if !errors.As(err, &key) || !strings.Contains(err.Error(), strings.ReplaceAll(c.want, "PORT", fmt.Sprint(s.Port))) || key.Hint() == "" {
					t.Errorf("%s: have %v, want %q", how, err, c.want)
					continue
				}
				if key.Got != "ssh-ed25519 "+ssh.FingerprintSHA256(ed.PublicKey()) || key.Key != line(ed) || remote.IsUnreachable(err) {
					t.Errorf("%s: have %#v", how, key)
				}
			}
			if n := s.Accepted(); c.want != "" && n != 2 {
				t.Errorf("a wrong key was tried %d times", n)
			}
		})
	}
}

// What was accepted once counts for the rest of the process.
func TestAcceptNewRemembers(t *testing.T) {
	t.Parallel()
	c := newClient(t, remote.Config{User: "user"})
	s := remotetest.Serve(t, remotetest.Options{})
	target := remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: 20 * time.Second}
	conn, err := c.Dial(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	s.ChangeHostKey()
	_, err = c.Dial(t.Context(), target)
	var key *remote.HostKeyError
	if !errors.As(err, &key) || key.Source != "seen earlier in this run" || key.Key != s.HostKey {
		t.Errorf("have %v", err)
	}
}
