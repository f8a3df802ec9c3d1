// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// writeFile writes a file in dir and gives its path.
func writeFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// forUser lets one user in with one key.
func forUser(user string, key ssh.PublicKey) remotetest.Options {
	return remotetest.Options{Config: ssh.ServerConfig{PublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if m.User() != user || !bytes.Equal(k.Marshal(), key.Marshal()) {
			return nil, errors.New("no")
		}
		return nil, nil
	}}}
}

func TestConfigFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, public, _ := keyText(t)
	jumpKey, jumpPublic := lockedKey(t)
	outer := remotetest.Serve(t, forUser("outer-user", jumpPublic))
	inner := remotetest.Serve(t, forUser("inner-user", public))
	end := remotetest.Serve(t, forUser("file-user", public))
	other := remotetest.Serve(t, forUser("given-user", public))
	writeFile(t, dir, "id_end", key)
	writeFile(t, dir, "id_jump", jumpKey)
	writeFile(t, dir, "known", fmt.Sprintf("[127.0.0.1]:%d %s\n", end.Port, end.HostKey))
	writeFile(t, dir, "wrong", fmt.Sprintf("[127.0.0.1]:%d %s\n", end.Port, other.HostKey))
	writeFile(t, dir, "included", fmt.Sprintf("Host inner\n  HostName 127.0.0.1\n  Port %d\n  User inner-user\n  ProxyJump outer\n",
		inner.Port))
	writeFile(t, dir, "badport", "Host badport\n  Port many\n")
	path := writeFile(t, dir, "config", fmt.Sprintf(`
# as people have it
Include %[1]s/included
Host outer
  HostName 127.0.0.1
  Port %[2]d
  User outer-user
  IdentityFile %[1]s/id_jump
Host master-? !master-9
  HostName 127.0.0.1
  Port %[3]d
  UserKnownHostsFile "%[1]s/known"
Host master-1
  ProxyJump inner
Host master-2 master-3
  ProxyJump none
Host master-3
  UserKnownHostsFile %[1]s/wrong
Host circle
  ProxyJump circle
Match all
  User=file-user
  IdentityFile %[1]s/missing
  IdentityFile "%[1]s/id_end"
`, dir, outer.Port, end.Port))
	for how, makeClient := range map[string]func(remote.Config) (*remote.Client, error){
		"ssh": remote.NewClient, "words": remote.NewClientWithoutOpenSSH,
	} {
		t.Run(how, func(t *testing.T) {
			client := func(t *testing.T, change func(*remote.Config)) *remote.Client {
				cfg := remote.Config{ConfigFile: path, Credentials: remote.Credentials{Passphrase: "swordfish"}}
				if change != nil {
					change(&cfg)
				}
				c, err := makeClient(cfg)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			t.Run("alone", func(t *testing.T) {
				t.Parallel()
				c := client(t, func(cfg *remote.Config) { cfg.HostKeyPolicy = remote.Strict })
				if err := dial(t, c, remote.Target{Address: "master-2", ConnectTimeout: 20 * time.Second}); err != nil {
					t.Error(err)
				}
			})
			t.Run("through jump hosts", func(t *testing.T) {
				before := outer.Accepted()
				c := client(t, nil)
				for range 2 {
					if err := dial(t, c, remote.Target{Address: "master-1", ConnectTimeout: 20 * time.Second}); err != nil {
						t.Error(err)
					}
				}
				if n := outer.Accepted() - before; n != 1 {
					t.Errorf("%d connections to the outer jump host", n)
				}
			})
			t.Run("what is given comes first", func(t *testing.T) {
				t.Parallel()
				c := client(t, func(cfg *remote.Config) { cfg.User, cfg.Credentials.PrivateKey = "given-user", remote.Secret(key) })
				target := remote.Target{Address: "master-1", Port: other.Port, HostKey: other.HostKey, JumpHosts: []remote.Hop{},
					ConnectTimeout: 20 * time.Second}
				if err := dial(t, c, target); err != nil {
					t.Error(err)
				}
			})
			t.Run("jump hosts by their names there", func(t *testing.T) {
				t.Parallel()
				c := client(t, func(cfg *remote.Config) { cfg.JumpHosts = []remote.Hop{{Address: "outer"}} })
				if err := dial(t, c, remote.Target{Address: "master-2", ConnectTimeout: 20 * time.Second}); err != nil {
					t.Error(err)
				}
			})
			t.Run("known there as another", func(t *testing.T) {
				t.Parallel()
				// The first value of each key counts.
				if err := dial(t, client(t, nil), remote.Target{Address: "master-3", ConnectTimeout: 20 * time.Second}); err != nil {
					t.Error(err)
				}
				bad := writeFile(t, t.TempDir(), "config2",
					fmt.Sprintf("Host x\n HostName 127.0.0.1\n Port %d\n User file-user\n IdentityFile %s/id_end\n UserKnownHostsFile %s/wrong\n",
						end.Port, dir, dir))
				err := dial(t, newClient(t, remote.Config{ConfigFile: bad}), remote.Target{Address: "x"})
				var wrong *remote.HostKeyError
				if !errors.As(err, &wrong) || !strings.Contains(wrong.Source, "wrong") {
					t.Errorf("have %v", err)
				}
			})
			for name, want := range map[string]string{"circle": "circle", "badport": "badport"} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					_, err := client(t, func(cfg *remote.Config) {
						if name == "badport" {
							cfg.ConfigFile = filepath.Join(dir, name)
						}
					}).Dial(t.Context(), remote.Target{Address: name, ConnectTimeout: 20 * time.Second})
					var bad *remote.ConfigError
					if !errors.As(err, &bad) || bad.Field != "ssh.config_file" || !strings.Contains(err.Error(), want) {
						t.Errorf("have %v", err)
					}
				})
			}
			// One that is encrypted is left out, and the next one is tried.
			t.Run("encrypted", func(t *testing.T) {
				t.Parallel()
				err := dial(t, client(t, func(cfg *remote.Config) { cfg.Credentials.Passphrase = "" }),
					remote.Target{Address: "outer", ConnectTimeout: 1500 * time.Millisecond})
				var refused *remote.AuthError
				if !errors.As(err, &refused) || len(refused.Tried) != 1 || !strings.Contains(strings.Join(refused.Unused, ", "),
					"id_jump (the private key is encrypted") {
					t.Errorf("have %v", err)
				}
			})
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		_, err := remote.NewClient(remote.Config{ConfigFile: filepath.Join(dir, "nothing")})
		var bad *remote.ConfigError
		if !errors.As(err, &bad) || bad.Field != "ssh.config_file" || bad.Hint() == "" {
			t.Errorf("have %v", err)
		}
	})
}

// A condition that does not hold logs in to nobody else: where only ssh can tell,
// and there is none, nobody is connected to.
func TestMatchOfAnotherHost(t *testing.T) {
	t.Parallel()
	key, public, _ := keyText(t)
	right, wrong := remotetest.Serve(t, forUser("core", public)), remotetest.Serve(t, forUser("core", public))
	dir := t.TempDir()
	writeFile(t, dir, "id", key)
	for name, condition := range map[string]string{
		"exec": "host node exec \"false\"", "user": "host node user nobody", "localuser": "host node localuser nobody-here",
		"final": "host node !final exec \"false\"", "original": "originalhost other",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, t.TempDir(), "config", fmt.Sprintf(
				"Match %s\n Port %d\nHost *\n HostName 127.0.0.1\n Port %d\n User core\n IdentityFile %s/id\n", condition, wrong.Port, right.Port, dir))
			target := remote.Target{Address: "node", ConnectTimeout: 20 * time.Second}
			before := right.Accepted()
			if err := dial(t, newClient(t, remote.Config{ConfigFile: path}), target); err != nil {
				t.Error(err)
			}
			c, err := remote.NewClientWithoutOpenSSH(remote.Config{ConfigFile: path})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			err = dial(t, c, target)
			if !strings.Contains(condition, "exec") {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var bad *remote.ConfigError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), path+":1: only ssh itself can tell") {
				t.Errorf("have %v", err)
			}
			if right.Accepted() == before {
				t.Error("nobody was connected to at all")
			}
		})
	}
	t.Cleanup(func() {
		if n := wrong.Accepted(); n > 0 {
			t.Errorf("the wrong host was connected to %d times", n)
		}
	})
}

// A connection exchanges keys again once so much has gone through it (RFC 4253, section
// 9): nobody is asked about the key again, and no limit of the login starts again.
func TestHostKeysAgain(t *testing.T) {
	t.Parallel()
	s := remotetest.Serve(t, remotetest.Options{Config: ssh.ServerConfig{Config: ssh.Config{RekeyThreshold: 1 << 16}}})
	dir := t.TempDir()
	command := writeFile(t, dir, "command", fmt.Sprintf("echo $1 >>%s/asked\necho '[%s]:%d %s'\n", dir, s.Host, s.Port, s.HostKey))
	c := newClient(t, remote.Config{User: "core", ConfigFile: writeFile(t, dir, "config", "KnownHostsCommand /bin/sh "+command+" %I\n")})
	const limit = 4 * time.Second
	c.SetStepLimits(time.Minute, time.Minute, limit)
	conn, err := c.Dial(t.Context(), remote.Target{Address: s.Host, Port: s.Port, ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, text := range []string{"head -c 1000000 /dev/zero", "sleep " + fmt.Sprint(limit.Seconds()+1)} {
		if _, err := conn.Run(t.Context(), remote.Script{Name: "test", Text: text}); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if asked, err := os.ReadFile(filepath.Join(dir, "asked")); err != nil || string(asked) != "ORDER\nHOSTNAME\n" {
		t.Errorf("have %q, %v", asked, err)
	}
}
