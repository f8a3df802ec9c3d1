// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// proxyOf is, in a process that is a proxy command, the address that it connects to.
const proxyOf = "REMOTE_PROXY_OF"

// beProxy connects standard input and output to an address.
func beProxy(address string) error {
	nc, err := net.Dial("tcp", address) //nolint:gosec // the test has started it and says where
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(nc, os.Stdin)
		_ = nc.Close()
	}()
	_, err = io.Copy(os.Stdout, nc)
	return err
}

// proxyTo is a command that is a connection to a server, after what else a shell is
// to do first.
func proxyTo(t testing.TB, s *remotetest.Server, first string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sh -c '%s exec env %s=%s:%d %s'", first, proxyOf, s.Host, s.Port, self)
}

// comesTrue waits until something holds.
func comesTrue(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20s: %s", what)
		}
	}
}

// pidIn gives the process whose number a command has written into a file.
func pidIn(t testing.TB, path string) int {
	t.Helper()
	pid := 0
	comesTrue(t, "a process number in "+path, func() bool {
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(text), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

// runs says whether there is such a process that has not ended.
func runs(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil || p.Signal(syscall.Signal(0)) != nil {
		return false
	}
	// One that nobody has waited for yet has ended all the same.
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	return err != nil || !strings.HasPrefix(rest, "Z")
}

// A command is the connection, to the host or to the first one on the way.
func TestProxyCommand(t *testing.T) {
	t.Parallel()
	s := remotetest.Serve(t, remotetest.Options{})
	far := remotetest.Serve(t, remotetest.Options{})
	for name, given := range map[string]func(cfg *remote.Config, target *remote.Target, command, dir string){
		"of all hosts": func(cfg *remote.Config, _ *remote.Target, command, _ string) { cfg.ProxyCommand = command },
		"of the host":  func(_ *remote.Config, target *remote.Target, command, _ string) { target.ProxyCommand = command },
		"of the file": func(cfg *remote.Config, _ *remote.Target, command, dir string) {
			cfg.ConfigFile = writeFile(t, dir, "config", "Host node.*\n ProxyCommand "+command+"\n")
		},
		"of a jump host": func(cfg *remote.Config, target *remote.Target, command, dir string) {
			cfg.ConfigFile = writeFile(t, dir, "config", fmt.Sprintf("Host far\n HostName 127.0.0.1\n Port %d\n ProxyJump node.invalid\n"+
				"Host node.*\n ProxyCommand %s\n", far.Port, command))
			target.Address = "far"
		},
		"of the first jump host": func(cfg *remote.Config, target *remote.Target, command, _ string) {
			cfg.ProxyCommand, cfg.JumpHosts = command, []remote.Hop{{Address: "node.invalid"}}
			target.Address, target.Port = far.Host, far.Port
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg, target := remote.Config{User: "core"}, remote.Target{Address: "node.invalid", ConnectTimeout: 30 * time.Second}
			given(&cfg, &target, proxyTo(t, s, "echo %h %p %r %n 100%% >"+dir+"/words;"), dir)
			conn, err := newClient(t, cfg).Dial(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			if res, err := conn.Run(t.Context(), remote.Script{Name: "test", Text: "echo here"}); err != nil || string(res.Stdout) != "here\n" {
				t.Errorf("have %+v, %v", res, err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			if words, err := os.ReadFile(dir + "/words"); err != nil || string(words) != "node.invalid 22 core node.invalid 100%\n" {
				t.Errorf("have %q, %v", words, err)
			}
		})
	}
}

// What a command says and how it ended is in the error.
func TestProxyCommandFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ command, want string }{
		"says why": {`sh -c 'echo starting >&2; echo "TargetNotConnected: i-0123" >&2; exit 254'`,
			"proxy command: exit code 254: starting; TargetNotConnected: i-0123"},
		"is not there":  {"/nowhere/at-all %h", "/nowhere/at-all"},
		"is no server":  {"echo hello", "proxy command: exit code 0"},
		"is killed":     {`sh -c 'kill -9 $$'`, "proxy command was ended by a signal"},
		"writes a lot":  {"yes", "proxy command"},
		"says much":     {`sh -c 'seq 1 100000 >&2; exit 3'`, "exit code 3: 99991; 99992"},
		"unknown token": {"nc %q", "%q is not known here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := dial(t, newClient(t, remote.Config{ProxyCommand: c.command}), remote.Target{Address: "node", ConnectTimeout: 2 * time.Second})
			var failed *remote.ProxyCommandError
			var bad *remote.ConfigError
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &failed) && !errors.As(err, &bad) {
				t.Fatalf("have %v", err)
			}
			if failed != nil && (!remote.IsUnreachable(err) || !strings.Contains(failed.Hint(), "%h")) {
				t.Errorf("have %#v", err)
			}
		})
	}
}

// The command ends with the connection, and so does what it started; and however it
// feels about it.
func TestProxyCommandEnds(t *testing.T) {
	t.Parallel()
	s := remotetest.Serve(t, remotetest.Options{})
	for name, first := range map[string]string{
		"at once":        "",
		"when it has to": `trap "" TERM HUP;`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			command := proxyTo(t, s, first+" sleep 600 & echo $! >"+dir+"/other; echo $$ >"+dir+"/self;")
			conn, err := newClient(t, remote.Config{User: "core", ProxyCommand: command}).Dial(t.Context(),
				remote.Target{Address: "node", ConnectTimeout: 30 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			self, other := pidIn(t, dir+"/self"), pidIn(t, dir+"/other")
			if !runs(self) || !runs(other) {
				t.Fatal("the command has ended")
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			comesTrue(t, "the end of both", func() bool { return !runs(self) && !runs(other) })
		})
	}
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "self")
		c := newClient(t, remote.Config{ProxyCommand: "sh -c 'echo $$ >" + path + "; exec sleep 600'"})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			pidIn(t, path)
			cancel()
		}()
		if _, err := c.Dial(ctx, remote.Target{Address: "node"}); !errors.Is(err, context.Canceled) {
			t.Errorf("have %v", err)
		}
		pid := pidIn(t, path)
		comesTrue(t, "the end of the command", func() bool { return !runs(pid) })
	})
	t.Run("before the connection", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "self")
		conn, err := newClient(t, remote.Config{User: "core", ProxyCommand: proxyTo(t, s,
			"echo $$ >"+path+"; echo so long >&2;")}).Dial(t.Context(),
			remote.Target{Address: "node", ConnectTimeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		p, err := os.FindProcess(pidIn(t, path))
		if err == nil {
			err = p.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Run(t.Context(), remote.Script{Name: "test", Text: "sleep 60"})
		if err == nil || !strings.Contains(err.Error(), "proxy command was ended by a signal: so long") || !remote.IsUnreachable(err) {
			t.Errorf("have %v", err)
		}
	})
}

// No secret of ours is in the environment of a command, and all else is.
func TestProxyCommandEnvironment(t *testing.T) {
	s := remotetest.Serve(t, remotetest.Options{})
	for name, value := range map[string]string{
		"DCOS_SSH_PASSWORD": "from-the-environment", "TF_VAR_key": "a-variable", "TF_TOKEN_example_com": "a-token", "OTHER_NAME": "swordfish",
		"AWS_PROFILE": "ops",
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	command := proxyTo(t, s, "env >"+dir+"/env;")
	conn, err := newClient(t, remote.Config{User: "core", ProxyCommand: command, Redactor: runlog.NewRedactor(),
		Credentials: remote.Credentials{Password: "swordfish"}}).Dial(t.Context(), remote.Target{Address: "node",
		ConnectTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(dir + "/env")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"from-the-environment", "a-variable", "a-token", "swordfish"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in the environment", secret)
		}
	}
	for _, kept := range []string{"AWS_PROFILE=ops", "PATH="} {
		if !strings.Contains(string(text), kept) {
			t.Errorf("%q is not in the environment", kept)
		}
	}
}

// What would be an option, a command or another host reaches no command line.
func TestNamesThatAreCommands(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ran")
	c := newClient(t, remote.Config{User: "core", ProxyCommand: "sh -c 'echo %h %r >" + path + "'"})
	for _, address := range []string{"-oProxyCommand=x", "a;id", "$(id)", "a b", "a'b", "root@other", "a|b", "a\nb"} {
		var bad *remote.ConfigError
		if err := dial(t, c, remote.Target{Address: address}); !errors.As(err, &bad) || bad.Field != "address" {
			t.Errorf("%q: have %v", address, err)
		}
		if _, err := remote.NewClient(remote.Config{JumpHosts: []remote.Hop{{Address: address}}}); !errors.As(err, &bad) {
			t.Errorf("%q: have %v", address, err)
		}
	}
	for _, user := range []string{"-l", "a;id", "`id`", "a|b"} {
		var bad *remote.ConfigError
		if err := dial(t, c, remote.Target{Address: "node", User: user}); !errors.As(err, &bad) {
			t.Errorf("%q: have %v", user, err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the command was run")
	}
}
