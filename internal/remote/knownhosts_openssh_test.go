// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// A keyCell is a client configuration for a server with a key, and what becomes of
// a login. In the texts @DIR@ is the directory, @NAME@ the server in known_hosts
// form, @KEY@ its key, @OLD@ another one.
type keyCell struct {
	config string
	files  map[string]string
	policy remote.HostKeyPolicy
	want   string // part of the error; "": none
	// stricter says that ssh would log in, and why we do not.
	stricter string
}

// What the configuration says of host keys counts, as with ssh on the same files.
func TestHostKeysOfConfigFile(t *testing.T) {
	t.Parallel()
	client := remotetest.OpenSSH(t)
	sshd := remotetest.StartSSHD(t)
	old := remotetest.AuthorizedKey(remotetest.NewKey(t).PublicKey())
	const changed, unknown, revoked = "has changed", "is not known", "is revoked"
	known, wrong := "@NAME@ @KEY@\n", "@NAME@ @OLD@\n"
	cells := map[string]keyCell{
		"nothing is known": {config: "UserKnownHostsFile @DIR@/known\n"},
		"known":            {config: "UserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": known}},
		"changed":          {config: "UserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": wrong}, want: changed},
		"quoted blank": {config: "UserKnownHostsFile \"@DIR@/known hosts\"\n", files: map[string]string{"known hosts": wrong},
			want: changed},
		"two paths": {config: "UserKnownHostsFile @DIR@/nothing @DIR@/known\n", files: map[string]string{"known": wrong},
			want: changed},
		"two quoted paths": {config: "UserKnownHostsFile \"@DIR@/a b\" \"@DIR@/known\"\n", files: map[string]string{"known": wrong},
			want: changed},
		"two quoted, the first": {config: "UserKnownHostsFile \"@DIR@/a b\" \"@DIR@/c d\"\n", files: map[string]string{"a b": wrong},
			want: changed},
		"variable": {config: "UserKnownHostsFile ${REMOTE_TEST_KNOWN}/@DIR@/known\n", files: map[string]string{"known": wrong},
			want: changed},
		"variable, quoted": {config: "UserKnownHostsFile \"${REMOTE_TEST_KNOWN}@DIR@/k n\"\n", files: map[string]string{"k n": wrong},
			want: changed},
		"token": {config: "UserKnownHostsFile @DIR@/%n-%p\n", files: map[string]string{"node-@PORT@": wrong}, want: changed},
		"alias": {config: "HostKeyAlias the-node\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": "the-node @OLD@\n"}, want: changed},
		"alias, known": {config: "HostKeyAlias the-node\nStrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": "the-node @KEY@\n"}},
		"alias, not the name": {config: "HostKeyAlias the-node\nStrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known}, want: unknown},
		"global": {config: "UserKnownHostsFile none\nGlobalKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": wrong}, want: changed},
		"global, with a blank": {config: "UserKnownHostsFile none\nGlobalKnownHostsFile \"@DIR@/a b\" @DIR@/c\n",
			files: map[string]string{"a b": wrong}, want: changed},
		"strict": {config: "StrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n", want: unknown},
		"strict, known": {config: "StrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known}},
		"strict in the block":  {config: "UserKnownHostsFile @DIR@/known\n", policy: remote.Strict, want: unknown, stricter: "host_key_policy"},
		"strict beside ignore": {config: "StrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n", policy: remote.Ignore, want: unknown},
		"ask":                  {config: "StrictHostKeyChecking ask\nUserKnownHostsFile @DIR@/known\n", want: unknown},
		"ask, known": {config: "StrictHostKeyChecking ask\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known}},
		"no check": {config: "StrictHostKeyChecking no\nUserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": wrong},
			want:     changed,
			stricter: "host_key_policy"},
		"no check, and none wanted": {config: "StrictHostKeyChecking no\nUserKnownHostsFile @DIR@/known\n",
			files:  map[string]string{"known": wrong},
			policy: remote.Ignore},
		"revoked by a list": {config: "RevokedHostKeys @DIR@/revoked\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known, "revoked": "# bad\n@KEY@\n"}, want: revoked},
		"revoked by a list, whatever the policy": {config: "StrictHostKeyChecking no\nRevokedHostKeys @DIR@/revoked\nUserKnownHostsFile none\n",
			files: map[string]string{"revoked": "@KEY@\n"}, policy: remote.Ignore, want: revoked},
		"another is revoked by a list": {config: "RevokedHostKeys @DIR@/revoked\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known, "revoked": "@OLD@\n"}},
		"the list is not there": {config: "RevokedHostKeys @DIR@/revoked\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known}, want: "RevokedHostKeys"},
		"revoked in a key revocation list": {config: "RevokedHostKeys @DIR@/krl\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known, "krl.spec": "@KEY@\n"}, want: revoked},
		"revoked by its hash": {config: "RevokedHostKeys @DIR@/krl\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known, "krl.spec": "sha256: @KEY@\n"}, want: revoked},
		"revoked by its old hash": {config: "RevokedHostKeys @DIR@/krl\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known, "krl.spec": "sha1: @KEY@\n"}, want: revoked},
		"another in a key revocation list": {config: "RevokedHostKeys @DIR@/krl\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": known, "krl.spec": "@OLD@\n"}},
		"revoked": {config: "UserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": "@revoked @NAME@ @KEY@\n" + known},
			want: revoked},
		"revoked for another": {config: "StrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": "@revoked other @KEY@\n" + known}},
		"revoked for all": {config: "UserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": "@revoked * @KEY@\n" + known},
			want: revoked},
		"a command knows it": {config: "StrictHostKeyChecking yes\nUserKnownHostsFile none\nKnownHostsCommand /bin/cat \"@DIR@/of %H\"\n",
			files: map[string]string{"of @NAME@": known, "of 127.0.0.1": ""}},
		"a command knows another": {config: "UserKnownHostsFile @DIR@/known\nKnownHostsCommand /bin/cat \"@DIR@/of %H\"\n",
			files: map[string]string{"of @NAME@": wrong, "of 127.0.0.1": ""}, want: changed},
		"a command fails": {config: "UserKnownHostsFile @DIR@/known\nKnownHostsCommand /bin/cat @DIR@/nothing\n",
			files: map[string]string{"known": known}, want: "KnownHostsCommand for node"},
		"hashed": {config: "HashKnownHosts yes\nUserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": "@HASH@ @OLD@\n"},
			want: changed},
		"of another port": {config: "StrictHostKeyChecking yes\nUserKnownHostsFile @DIR@/known\n",
			files: map[string]string{"known": "127.0.0.1 @KEY@\n"}},
		"of another kind": {config: "UserKnownHostsFile @DIR@/known\n", files: map[string]string{"known": "@NAME@ @RSA@\n"}, want: changed},
	}
	rsa := remotetest.AuthorizedKey(ecdsaKey(t).PublicKey())
	hashed := knownhosts.HashHostname(fmt.Sprintf("[%s]:%d", sshd.Host, sshd.Port))
	var mu sync.Mutex
	count := map[string]int{}
	t.Run("cells", func(t *testing.T) {
		for name, c := range cells {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				// ssh writes into what it reads, so each has its own.
				write := func() (config string) {
					dir := t.TempDir()
					fill := strings.NewReplacer("@DIR@", dir, "@NAME@", fmt.Sprintf("[%s]:%d", sshd.Host, sshd.Port), "@KEY@", sshd.HostKey, "@OLD@", old,
						"@PORT@", fmt.Sprint(sshd.Port), "@HASH@", hashed, "@RSA@", rsa).Replace
					for file, text := range c.files {
						path := writeFile(t, dir, fill(file), fill(text))
						if name, ok := strings.CutSuffix(path, ".spec"); ok {
							if out, err := exec.Command("ssh-keygen", "-k", "-f", name, path).CombinedOutput(); err != nil {
								t.Fatalf("ssh-keygen: %v\n%s", err, out)
							}
						}
					}
					writeFile(t, dir, "id", sshd.Key)
					return writeFile(t, dir, "config", fmt.Sprintf("Host node\n HostName %s\n Port %d\n User %s\n IdentityFile %s/id\n IdentitiesOnly "+
						"yes\n%s"+
						"StrictHostKeyChecking accept-new\nGlobalKnownHostsFile none\n", sshd.Host, sshd.Port, sshd.User, dir, fill(c.config)))
				}
				err := dial(t, newClient(t, remote.Config{ConfigFile: write(), HostKeyPolicy: c.policy}), remote.Target{Address: "node",
					ConnectTimeout: 20 * time.Second})
				what := "passed"
				switch {
				case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("have %v, want %q", err, c.want)
					what = "differs"
				case err != nil:
					what = "refused as it must be"
				}
				mu.Lock()
				count[what]++
				mu.Unlock()
				if !lab.Nightly && !strings.Contains(name, "quoted") && !strings.HasPrefix(name, "alias") {
					return // with ssh itself it is tried every night
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				out, sshErr := exec.CommandContext(ctx, client, "-F", write(), "-o", "BatchMode=yes", "node", "true").CombinedOutput()
				if wants := c.want != "" && c.stricter == ""; wants != (sshErr != nil) {
					t.Errorf("ssh: %v\n%s", sshErr, out)
				}
			})
		}
	})
	t.Logf("%d configurations: %v", len(cells), count)
}

// A certificate that does not hold does not stand in the way of a key that is
// known, as with ssh; without one it is refused.
func TestCertificateFallsBack(t *testing.T) {
	t.Parallel()
	key, authority := remotetest.NewKey(t), remotetest.NewKey(t)
	line := func(k ssh.Signer) string { return remotetest.AuthorizedKey(k.PublicKey()) }
	for name, change := range map[string]func(*ssh.Certificate){
		"expired":     func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix()) },
		"for another": func(c *ssh.Certificate) { c.ValidPrincipals = []string{"elsewhere"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := remotetest.Serve(t, remotetest.Options{HostKeys: []ssh.Signer{certify(t, key, authority, ssh.HostCert, []string{"127.0.0.1"},
				change)}})
			ca := "@cert-authority * " + line(authority)
			target := remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: 20 * time.Second}
			known := newClient(t, remote.Config{User: "user", HostKeyPolicy: remote.Strict,
				KnownHosts: []string{ca, fmt.Sprintf("[127.0.0.1]:%d %s", s.Port, line(key))}})
			if err := dial(t, known, target); err != nil {
				t.Error(err)
			}
			var bad *remote.HostKeyError
			if err := dial(t, newClient(t, remote.Config{User: "user", KnownHosts: []string{ca}}), target); !errors.As(err, &bad) || bad.Err == nil {
				t.Errorf("have %v", err)
			}
		})
	}
}

// Which certificates a key revocation list revokes is what ssh-keygen says.
func TestRevokedCertificates(t *testing.T) {
	t.Parallel()
	remotetest.OpenSSH(t)
	dir := t.TempDir()
	key, authority, other := remotetest.NewKey(t), remotetest.NewKey(t), remotetest.NewKey(t)
	ca := writeFile(t, dir, "ca.pub", remotetest.AuthorizedKey(authority.PublicKey())+"\n")
	var spec strings.Builder
	spec.WriteString("serial: 5\nserial: 10-20\nid: bad\n")
	for n := 1000; n < 1100; n += 3 { // dense enough for a bitmap
		fmt.Fprintf(&spec, "serial: %d\n", n)
	}
	list := filepath.Join(dir, "list")
	if out, err := exec.Command("ssh-keygen", "-k", "-f", list, "-s", ca, writeFile(t, dir, "spec",
		spec.String())).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	for serial, id := range map[uint64]string{0: "good", 1: "bad", 4: "good", 5: "good", 10: "good", 15: "", 20: "good", 21: "good",
		1000: "good", 1001: "good", 1003: "good", 1099: "good", 1102: "good"} {
		for _, by := range []ssh.Signer{authority, other} {
			cert := certify(t, key, by, ssh.HostCert, []string{"host"}, func(c *ssh.Certificate) { c.Serial, c.KeyId = serial, id }).PublicKey()
			err := exec.Command("ssh-keygen", "-Q", "-f", list, writeFile(t, dir, "cert.pub", remotetest.AuthorizedKey(cert)+"\n")).Run()
			if have, want := remote.Revokes(t, list, cert), err != nil; have != want {
				t.Errorf("serial number %d, id %q: %v, ssh-keygen says %v", serial, id, have, want)
			}
		}
	}
}

// What is known of a name is what ssh-keygen finds for it.
func TestKnownHostsBesideOpenSSH(t *testing.T) {
	t.Parallel()
	remotetest.OpenSSH(t)
	key := remotetest.AuthorizedKey(remotetest.NewKey(t).PublicKey())
	fill := strings.NewReplacer("KEY", key, "HASH", knownhosts.HashHostname("host"), "PORT", knownhosts.HashHostname("[host]:2222")).Replace
	lines := strings.Split(fill(strings.Join([]string{
		"host KEY", "hoST KEY", "host,other KEY", "other,host # KEY", " \thost   KEY  a comment", "host\tKEY", "[host]:22 KEY", "[host]:2222 KEY",
		"[10.0.0.1]:22 KEY", "10.0.0.1 KEY", "[10.0.0.1]:2222 KEY", "fd00::1 KEY", "[fd00::1]:2222 KEY", "[fd00::1]:22 KEY", "*.example.com KEY",
		"h?st KEY", "*,!host KEY", "!host,* KEY", "!other,h* KEY", "* KEY", "[*]:2222 KEY", "[host]:* KEY", "@cert-authority host KEY",
		"@cert-authority *.example.com,host KEY", "@revoked host KEY", "@revoked other KEY", "@unknown host KEY", "# host KEY", "host",
		"HASH KEY", "PORT KEY", "HASH,other KEY", "host,HASH KEY", "|1|AAAA KEY", "|2|a|b KEY", "a.example.com,*.example.com KEY",
	}, "\n")), "\n")
	path := writeFile(t, t.TempDir(), "known", strings.Join(lines, "\n")+"\n")
	for _, name := range []string{"host", "other", "[host]:2222", "10.0.0.1", "[10.0.0.1]:2222", "fd00::1", "[fd00::1]:2222",
		"a.example.com"} {
		out, err := exec.Command("ssh-keygen", "-F", name, "-f", path).Output()
		if err != nil {
			t.Fatalf("ssh-keygen: %v", err)
		}
		for i, line := range lines {
			want := regexp.MustCompile(fmt.Sprintf(`(?m)^# Host .* found: line %d\b`, i+1)).Match(out)
			if have := remote.Knows(t, line, name); have != want {
				t.Errorf("%q in %q: %v, ssh-keygen says %v", name, line, have, want)
			}
		}
	}
}
