// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// What a jump host showed the first time it has to show in later runs too. What
// the user says of it counts more, so that a key can be changed.
func TestJumpKeyNoted(t *testing.T) {
	t.Parallel()
	jump, end := remotetest.StartSSHD(t), remotetest.Serve(t, remotetest.Options{})
	cfg := remote.Config{User: jump.User, Credentials: remote.Credentials{PrivateKey: remote.Secret(jump.Key)}}
	hop := remote.Hop{Address: jump.Host, Port: jump.Port}
	target := remote.Target{Address: end.Host, Port: end.Port, HostKey: end.HostKey, ConnectTimeout: 20 * time.Second,
		JumpHosts: []remote.Hop{hop}}
	// keys dials as a run of its own does, and gives what is to be noted.
	keys := func(t *testing.T, c *remote.Client, target remote.Target) (map[string]string, error) {
		t.Helper()
		conn, err := c.Dial(t.Context(), target)
		if err != nil {
			return nil, err
		}
		return conn.JumpKeys(), conn.Close()
	}
	noted, err := keys(t, newClient(t, cfg), target)
	name := fmt.Sprintf("[%s]:%d", jump.Host, jump.Port)
	if err != nil || !maps.Equal(noted, map[string]string{name: jump.HostKey}) {
		t.Fatalf("noted: %v, %v", noted, err)
	}
	known := target
	known.JumpKeys = noted
	if again, err := keys(t, newClient(t, cfg), known); err != nil || !maps.Equal(again, noted) {
		t.Errorf("the same key: %v, %v", again, err)
	}
	jump.ChangeHostKey()
	refused := func(t *testing.T, err error) {
		t.Helper()
		var key *remote.HostKeyError
		if !errors.As(err, &key) || !key.Jump || key.Key != jump.HostKey || !strings.Contains(key.Hint(), "jump_hosts") {
			t.Errorf("have %v", err)
		}
	}
	t.Run("another key", func(t *testing.T) {
		_, err := keys(t, newClient(t, cfg), known)
		refused(t, err)
	})
	t.Run("another key on a connection that is there", func(t *testing.T) {
		c := newClient(t, cfg)
		if _, err := keys(t, c, target); err != nil { // for what has noted nothing
			t.Fatal(err)
		}
		_, err := keys(t, c, known)
		refused(t, err)
	})
	named := map[string]string{name: jump.HostKey}
	t.Run("another key than that of the connection, which another has noted", func(t *testing.T) {
		c, other := newClient(t, cfg), target
		other.JumpKeys = named
		if now, err := keys(t, c, other); err != nil || !maps.Equal(now, named) {
			t.Fatalf("have %v, %v", now, err)
		}
		_, err := keys(t, c, known)
		refused(t, err)
	})
	t.Run("host_key", func(t *testing.T) {
		pinned := known
		pinned.JumpHosts = []remote.Hop{hop}
		pinned.JumpHosts[0].HostKey = jump.HostKey
		if now, err := keys(t, newClient(t, cfg), pinned); err != nil || !maps.Equal(now, named) {
			t.Errorf("have %v, %v", now, err)
		}
	})
	t.Run("known_hosts", func(t *testing.T) {
		listed := cfg
		listed.KnownHosts = []string{name + " " + jump.HostKey}
		if now, err := keys(t, newClient(t, listed), known); err != nil || !maps.Equal(now, named) {
			t.Errorf("have %v, %v", now, err)
		}
	})
	t.Run("ignore", func(t *testing.T) {
		ignoring := cfg
		ignoring.HostKeyPolicy = remote.Ignore
		if now, err := keys(t, newClient(t, ignoring), known); err != nil || now != nil {
			t.Errorf("have %v, %v", now, err)
		}
	})
}

// A password is for hosts whose key something vouches for; a jump host gets none
// on its own word.
func TestJumpPassword(t *testing.T) {
	t.Parallel()
	const password = "of the jump host"
	for name, method := range map[string]func(*ssh.ServerConfig, func(given string) error){
		"password": func(c *ssh.ServerConfig, check func(string) error) {
			c.PasswordCallback = func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) { return nil, check(string(given)) }
		},
		"keyboard-interactive": func(c *ssh.ServerConfig, check func(string) error) {
			c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				answers, err := ask("", "", []string{"Password: "}, []bool{false})
				if err == nil {
					err = check(strings.Join(answers, ""))
				}
				return nil, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var given atomic.Int64
			var config ssh.ServerConfig
			method(&config, func(text string) error {
				given.Add(1)
				if text != password {
					return errors.New("no")
				}
				return nil
			})
			jump, end := remotetest.Serve(t, remotetest.Options{Config: config}), remotetest.Serve(t, remotetest.Options{})
			hop := hopTo(jump)
			hop.HostKey, hop.Credentials = "", &remote.Credentials{Password: password}
			target := remote.Target{Address: end.Host, Port: end.Port, HostKey: end.HostKey, ConnectTimeout: 3 * time.Second,
				JumpHosts: []remote.Hop{hop}}
			var key *remote.HostKeyError
			err := dial(t, newClient(t, remote.Config{User: "user"}), target)
			if !errors.As(err, &key) || !key.Password || key.Key != jump.HostKey || !strings.Contains(key.Hint(), "host_key in jump_hosts") {
				t.Errorf("with nothing but a password: %v", err)
			}
			private, _, _ := keyText(t)
			target.JumpHosts[0].Credentials = &remote.Credentials{PrivateKey: remote.Secret(private), Password: password}
			var auth *remote.AuthError
			err = dial(t, newClient(t, remote.Config{User: "user"}), target)
			if !errors.As(err, &auth) || !auth.KeptBack || !strings.Contains(auth.Hint(), "host_key in jump_hosts") {
				t.Errorf("with a key that is refused: %v", err)
			}
			if n := given.Load(); n != 0 {
				t.Errorf("the password was given %d times", n)
			}
			noted := target
			noted.JumpKeys = map[string]string{fmt.Sprintf("[%s]:%d", jump.Host, jump.Port): jump.HostKey}
			if err := dial(t, newClient(t, remote.Config{User: "user"}), noted); err != nil {
				t.Errorf("with its key noted: %v", err)
			}
			target.JumpHosts[0].HostKey = jump.HostKey
			if err := dial(t, newClient(t, remote.Config{User: "user"}), target); err != nil {
				t.Errorf("with its host_key: %v", err)
			}
		})
	}
}
