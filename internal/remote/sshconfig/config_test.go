// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

func open(t testing.TB, path, client string) *sshconfig.File {
	t.Helper()
	f, err := sshconfig.Open(path, client, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func me(t testing.TB) *user.User {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestCells holds that what is made of a configuration is what ssh makes of it,
// and that whoever has no ssh has the same or is told which line it is.
func TestCells(t *testing.T) {
	client := remotetest.OpenSSH(t)
	t.Setenv("DCOS_TEST_AGENT", "/run/agent")
	t.Setenv("DCOS_TEST_DIR", "/var/lib/known hosts")
	unset := ask(t, client, "none", sshconfig.Question{Host: "host"})
	var mu sync.Mutex
	count := map[string]int{}
	tally := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		count[what]++
	}
	all := cells
	if lab.Nightly {
		all = slices.Concat(cells, moreCells)
	}
	t.Run("all", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				path := c.write(t)
				asking, reading := open(t, path, client), open(t, path, "")
				if len(c.hosts) == 0 {
					c.hosts = []string{"host"}
				}
				for _, host := range c.hosts {
					q := sshconfig.Question{Host: host, User: c.user, Port: c.port, DefaultUser: "fallback"}
					want, err := asking.Settings(t.Context(), q)
					tally(c.hold(t, "ssh", err, c.refused))
					got, err := reading.Settings(t.Context(), q)
					tally(c.hold(t, "words", err, c.words))
					if c.refused == "" && want != nil {
						compare(t, client, path, unset, q, want)
					}
					if c.refused == "" && c.words == "" && got != nil && want != nil {
						alike(t, got, want)
					}
				}
			})
		}
	})
	t.Logf("%d configurations: %v", len(all), count)
}

// hold holds an outcome against what it must be, and gives it in a word.
func (c cell) hold(t *testing.T, who string, err error, want string) string {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", who, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: have %v, want an error with %q", who, err, want)
	case err != nil:
		return who + ": refused as it must be"
	default:
		return who + ": passed"
	}
	return who + ": differs"
}

// compare holds settings against what ssh itself prints.
func compare(t *testing.T, client, path string, unset map[string][]string, q sshconfig.Question, s *sshconfig.Settings) {
	t.Helper()
	printed := ask(t, client, path, q)
	first := func(keyword string) string {
		if len(printed[keyword]) == 0 {
			return ""
		}
		return printed[keyword][0]
	}
	for keyword, have := range map[string]string{
		"hostname": s.HostName, "port": strconv.Itoa(s.Port),
		"userknownhostsfile":   cmpNone(s.UserKnownHostsFiles),
		"globalknownhostsfile": cmpNone(s.GlobalKnownHostsFiles),
		"hostkeyalias":         s.HostKeyAlias,
		"knownhostscommand":    s.KnownHostsCommand,
		"bindaddress":          s.BindAddress,
	} {
		if have != first(keyword) {
			t.Errorf("%s: %s is %q, ssh says %q", q.Host, keyword, have, first(keyword))
		}
	}
	if u := first("user"); s.User != u && (s.User != q.DefaultUser || u != me(t).Username) {
		t.Errorf("%s: the user is %q, ssh says %q", q.Host, s.User, u)
	}
	if !slices.Equal(printed["identityfile"], unset["identityfile"]) && len(printed["identityfile"]) != max(len(s.IdentityFiles), 1) {
		t.Errorf("%s: identities are %q, ssh says %q", q.Host, s.IdentityFiles, printed["identityfile"])
	}
	if command := first("proxycommand"); command != s.ProxyCommand && command != "none" {
		t.Errorf("%s: the command is %q, ssh says %q", q.Host, s.ProxyCommand, command)
	}
	if jumps := strings.Count(first("proxyjump"), ",") + 1; first("proxyjump") != "" && first("proxyjump") != "none" && len(s.Jumps) != jumps {
		t.Errorf("%s: jump hosts are %v, ssh says %q", q.Host, s.Jumps, first("proxyjump"))
	}
	for keyword, list := range map[string]sshconfig.Algorithms{
		"ciphers": s.Ciphers, "macs": s.MACs, "kexalgorithms": s.KexAlgorithms, "hostkeyalgorithms": s.HostKeyAlgorithms,
	} {
		if first(keyword) != strings.Join(unset[keyword], "") && strings.Join(list.Names, ",") != first(keyword) {
			t.Errorf("%s: %s are %v, ssh says %q", q.Host, keyword, list, first(keyword))
		}
	}
}

// cmpNone is how ssh prints a list of paths.
func cmpNone(paths []string) string {
	if len(paths) == 0 {
		return "none"
	}
	return strings.Join(paths, " ")
}

// ask is a bare ssh -G.
func ask(t testing.TB, client, path string, q sshconfig.Question) map[string][]string {
	t.Helper()
	args := []string{"-G", "-F", path}
	if q.User != "" {
		args = append(args, "-l", q.User)
	}
	if q.Port != 0 {
		args = append(args, "-p", strconv.Itoa(q.Port))
	}
	out, err := exec.Command(client, append(args, "--", q.Host)...).Output()
	if err != nil {
		t.Fatalf("ssh -G: %v", err)
	}
	printed := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		keyword, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		printed[keyword] = append(printed[keyword], value)
	}
	return printed
}

// alike holds what the words say against what ssh says.
func alike(t *testing.T, words, ssh *sshconfig.Settings) {
	t.Helper()
	a, b := reflect.ValueOf(*words), reflect.ValueOf(*ssh)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			t.Errorf("%s is %#v by its words, %#v by ssh", a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	}
}

// Of one list in a file that is ambiguous nothing is guessed.
func TestAmbiguousPaths(t *testing.T) {
	t.Parallel()
	client := remotetest.OpenSSH(t)
	c := cell{config: "Match exec \"true\"\n UserKnownHostsFile \"@DIR@/a /b\"\nMatch exec \"true\"\n UserKnownHostsFile @DIR@/a /b\n"}
	path := c.write(t)
	_, err := open(t, path, client).Settings(t.Context(), sshconfig.Question{Host: "host"})
	if err == nil || !strings.Contains(err.Error(), path+":2: UserKnownHostsFile: ") {
		t.Errorf("have %v", err)
	}
}

// Who logs in decides about Match user, also where it is nobody that ssh knows of.
func TestDefaultUser(t *testing.T) {
	t.Parallel()
	client := remotetest.OpenSSH(t)
	path := cell{config: "Match user core\n HostName 10.0.0.1\nMatch user @ME@\n HostName 10.0.0.2\n"}.write(t)
	for _, client := range []string{client, ""} {
		s, err := open(t, path, client).Settings(t.Context(), sshconfig.Question{Host: "host", DefaultUser: "core"})
		if err != nil || s.HostName != "10.0.0.1" || s.User != "core" {
			t.Errorf("have %+v, %v", s, err)
		}
	}
}

// What would be an option or a command reaches neither ssh nor a command line.
func TestNames(t *testing.T) {
	t.Parallel()
	client := remotetest.OpenSSH(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte("Match exec \"touch "+dir+"/ran-%h-%r\"\n User x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"-oProxyCommand=x", "a;touch x", "$(id)", "a b", "a\nb", "`id`", "a|b", "root@other", "ssh://other", ""} {
		for _, client := range []string{client, ""} {
			if _, err := open(t, path, client).Settings(t.Context(), sshconfig.Question{Host: host}); err == nil {
				t.Errorf("%q is a host", host)
			}
		}
	}
	for _, user := range []string{"-x", "a;b", "a -b", "$(id)", "`id`", "a|b", `a\`, "a\x00b"} {
		if _, err := open(t, path, client).Settings(t.Context(), sshconfig.Question{Host: "host", User: user}); err == nil {
			t.Errorf("%q is a user", user)
		}
	}
	if found, err := filepath.Glob(filepath.Join(dir, "ran-*")); err != nil || len(found) > 0 {
		t.Errorf("what was refused has been run: %v, %v", found, err)
	}
}

// Hosts that nothing tells apart are asked about together; each has its own name.
func TestShared(t *testing.T) {
	t.Parallel()
	client := remotetest.OpenSSH(t)
	unset := ask(t, client, "none", sshconfig.Question{Host: "host"})
	for name, c := range map[string]struct {
		config string
		calls  int // of 20 hosts
	}{
		"nothing tells them apart": {"Host node-*\n User alice\n IdentityFile ~/%h\n ProxyCommand nc %h %p\n", 1},
		"two patterns":             {"Host node-1*\n User alice\n", 2},
		"another's name":           {"Host node-7\n User alice\n", 2},
		"one address":              {"HostName 10.0.0.1\n", 1},
		"one for all, without":     {"Match exec true\n User alice\n", 1},
		"a token":                  {"HostName %h.example.com\n", 20},
		"a token in a condition":   {"Match exec \"test %h = node-1\"\n User alice\n", 20},
		"a token that is replaced": {"UserKnownHostsFile /known/%h\n", 20},
		"a hash":                   {"UserKnownHostsFile /known/%C\n", 20},
		"canonical names":          {"CanonicalizeHostname yes\nCanonicalDomains invalid\nCanonicalizeFallbackLocal yes\n", 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, cell{config: c.config}.write(t), client)
			var all sync.WaitGroup
			for i := range 20 {
				q := sshconfig.Question{Host: fmt.Sprintf("node-%d", i)}
				all.Go(func() {
					s, err := f.Settings(t.Context(), q)
					if err != nil {
						t.Error(err)
					} else if i%5 == 0 {
						compare(t, client, f.Path(), unset, q, s)
					}
				})
			}
			all.Wait()
			// What ssh says without a file is one more; where an answer turns out not to be
			// everybody's, it is still that of whoever was asked about.
			if n := f.Calls() - 1; n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

// Nobody waits for ssh longer than it takes, and not for one that others wait for.
func TestCancelled(t *testing.T) {
	t.Parallel()
	client := remotetest.OpenSSH(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte("Match exec \"sleep 300\"\n User x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path, client)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := f.Settings(ctx, sshconfig.Question{Host: "host"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %v", err)
	}
}

// A file that cannot be read is told at once.
func TestMissing(t *testing.T) {
	t.Parallel()
	if _, err := sshconfig.Open(filepath.Join(t.TempDir(), "nothing"), "", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("have %v", err)
	}
}

// An ssh that does not know -G, or not who runs it, is none, and its reason is told.
func TestOtherClient(t *testing.T) {
	t.Parallel()
	path := cell{config: "Host host\n HostName 10.0.0.1\nMatch originalhost host exec false\n HostName 10.0.0.2\n"}.write(t)
	for client, want := range map[string]string{
		"":           "it cannot be asked: there is no ssh on this machine",
		"/bin/false": "it cannot be asked: false: exit code 1",
	} {
		f := open(t, path, client)
		if _, err := f.Settings(t.Context(), sshconfig.Question{Host: "host"}); err == nil || !strings.Contains(err.Error(), path+":3: ") ||
			!strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: have %v", client, err)
		}
		if s, err := f.Settings(t.Context(), sshconfig.Question{Host: "other"}); err != nil || s.HostName != "other" {
			t.Errorf("%s: have %+v, %v", client, s, err)
		}
	}
}
