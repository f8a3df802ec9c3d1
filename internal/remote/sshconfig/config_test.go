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

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// openSSH is this machine's ssh, which is needed to say what is right.
func openSSH(t testing.TB) string {
	t.Helper()
	client := sshconfig.Client()
	if client == "" {
		const msg = "OpenSSH's client is not installed (Debian: openssh-client)"
		if os.Getenv("CI") == "true" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	return client
}

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

// A cell is a configuration and what is asked of it. @DIR@ stands for the
// directory of its files, @ME@ for the local user.
type cell struct {
	name   string
	config string
	files  map[string]string // included ones and others, in DIR
	hosts  []string          // "host" if there are none
	user   string
	port   int
	// words says what the words alone cannot tell: a part of the error of whoever
	// has no ssh; "" if there is none.
	words string
	// refused is a part of the error if ssh refuses too.
	refused string
}

func (c cell) write(t testing.TB) (path string) {
	t.Helper()
	dir := t.TempDir()
	fill := strings.NewReplacer("@DIR@", dir, "@ME@", me(t).Username).Replace
	for name, text := range c.files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(fill(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(fill(c.config)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// cells are configurations as people have them, each with a trap.
var cells = []cell{
	// The right host.
	{name: "empty", config: ""},
	{name: "host name", config: "Host host\n HostName 10.0.0.1\n"},
	{name: "first value counts", config: "Host h*\n HostName 10.0.0.1\nHost host\n HostName 10.0.0.2\n"},
	{name: "before the first host", config: "HostName 10.0.0.9\nHost host\n HostName 10.0.0.1\n"},
	{name: "negated", config: "Host h* !host\n HostName 10.0.0.1\nHost *\n HostName 10.0.0.2\n"},
	{name: "negated first", config: "Host !host *\n HostName 10.0.0.1\nHost *\n HostName 10.0.0.2\n"},
	{name: "only negated", config: "Host !other\n HostName 10.0.0.1\n"},
	{name: "question mark", config: "Host ho?t\n HostName 10.0.0.1\n"},
	{name: "pattern with a comma", config: "Host host,other\n HostName 10.0.0.1\n", hosts: []string{"host", "other"}},
	{name: "case of Host", config: "Host HOST\n HostName 10.0.0.1\n", hosts: []string{"host", "HOST", "Host"}},
	{name: "case of Match host", config: "Match host HOST\n HostName 10.0.0.1\n", hosts: []string{"host", "HOST", "Host"}},
	{name: "case of keywords", config: "HOST host\n HOSTNAME 10.0.0.1\n pOrT 2222\n"},
	{name: "equals signs", config: "Host=host\n HostName=10.0.0.1\n Port = 2222\n User= alice\n"},
	{name: "two equals signs", config: "Host host\n User == alice\n", refused: "line 2", words: "config:2"},
	{name: "tabs", config: "Host\thost\n\tHostName\t\t10.0.0.1\t\n"},
	{name: "quoted pattern", config: "Host \"host\" \"other\"\n HostName \"10.0.0.1\"\n"},
	{name: "quoted patterns in one", config: "Host \"host other\"\n HostName 10.0.0.1\n"},
	{name: "single quotes", config: "Host 'host'\n HostName '10.0.0.1'\n"},
	{name: "carriage returns", config: "Host host\r\n HostName 10.0.0.1\r\n User alice\r\n"},
	{name: "no last newline", config: "Host host\n HostName 10.0.0.1"},
	{name: "comments", config: "# Host host\nHost host # and others\n HostName 10.0.0.1 # there\n #User alice\n"},
	{name: "host name with token", config: "Host host\n HostName %h.example.com\n", hosts: []string{"host", "other"}},
	{name: "host name with token for all", config: "HostName %h.example.com\n", hosts: []string{"a", "b"}},
	{name: "host name with percent", config: "HostName a%%b\n"},
	{name: "host name with unknown token", config: "HostName %n.example.com\n", refused: "%n", words: "%n"},
	{name: "one is the other's name", config: "Host n*\n HostName n1\n", hosts: []string{"n1", "n2", "n3"}},
	{name: "address", config: "Host 10.0.0.*\n User alice\n", hosts: []string{"10.0.0.1", "10.0.0.2", "10.0.1.1"}},
	{name: "one address for all", config: "Host 10.0.0.*\n HostName 10.0.0.1\n", hosts: []string{"10.0.0.1", "10.0.0.2"}},
	{name: "IPv6", config: "Host fd00::*\n User alice\n", hosts: []string{"fd00::1", "fd00::2", "fd00:0::3"}},
	{name: "capital address", config: "User alice\n", hosts: []string{"FD00::1", "Host.Example.COM"}},
	{name: "port", config: "Port 2222\n"},
	{name: "given port", config: "Port 2222\n", port: 2200},
	{name: "given user", config: "User alice\n", user: "bob"},
	{name: "user", config: "User alice\n"},
	{name: "local user", config: "User @ME@\n"},
	{name: "local user for another", config: "Host other\n User @ME@\n"},
	{name: "local user by chance", config: "Match exec false\n User @ME@\n", words: "config:1"},
	{name: "user with a domain", config: "User \"DOMAIN\\\\alice\"\n"},
	{name: "port is no number", config: "Host host\n Port many\n", refused: "config", words: "config:2"},
	{name: "unknown option", config: "Host host\n Colour blue\n", refused: "line 2", words: "config:2"},
	{name: "unknown option elsewhere", config: "Host other\n Colour blue\nHost host\n User alice\n", refused: "line 2"},
	{name: "unknown option ignored", config: "IgnoreUnknown Col*\nHost host\n Colour blue\n User alice\n"},
	{name: "no value", config: "Host host\n User\n", refused: "line 2", words: "config:2"},
	{name: "quote is open", config: "Host host\n User \"alice\n", refused: "line 2", words: "config:2"},

	// Match: a condition that does not hold.
	{name: "false", config: "Match host host exec \"false\"\n HostName 10.9.9.9\nHost *\n HostName 10.0.0.1\n", words: "config:1"},
	{name: "true", config: "Match host host exec \"true\"\n HostName 10.9.9.9\nHost *\n HostName 10.0.0.1\n", words: "config:1"},
	{name: "exec of another host", config: "Match host other exec \"true\"\n HostName 10.9.9.9\nHost *\n HostName 10.0.0.1\n"},
	{name: "exec first, of another host", config: "Match exec \"true\" host other\n HostName 10.9.9.9\nHost *\n User a\n"},
	{name: "not exec", config: "Match !exec \"true\"\n HostName 10.9.9.9\n", words: "config:1"},
	{name: "exec about the host", config: "Match exec \"test %h = host\"\n HostName 10.9.9.9\n", hosts: []string{"host", "other"},
		words: "config:1"},
	{name: "exec about the name", config: "Match exec \"test %n = host\"\n HostName 10.9.9.9\n", hosts: []string{"host", "other"},
		words: "config:1"},
	{name: "exec about the user", config: "Match exec \"test %r = alice\"\n HostName 10.9.9.9\n", user: "alice", words: "config:1"},
	{name: "exec with output", config: "Match exec \"echo hostname 10.8.8.8\"\n User alice\n", words: "config:1"},
	{name: "user", config: "Match user nobody\n HostName 10.9.9.9\n"},
	{name: "host and user", config: "Match host host user nobody\n HostName 10.9.9.9\n"},
	{name: "given match user", config: "Match user alice\n HostName 10.9.9.9\n", user: "alice"},
	{name: "user from before", config: "User alice\nMatch user alice\n HostName 10.9.9.9\n"},
	{name: "user from behind", config: "Match user alice\n HostName 10.9.9.9\nMatch all\n User alice\n"},
	{name: "not user", config: "Match !user alice\n HostName 10.9.9.9\n", user: "alice"},
	{name: "default user", config: "Match user nobody\n HostName 10.9.9.9\n"},
	{name: "local", config: "Match localuser nobody\n HostName 10.9.9.9\nMatch localuser @ME@\n Port 2222\n"},
	{name: "local and host", config: "Match host host localuser nobody\n HostName 10.9.9.9\n"},
	{name: "patterns", config: "Match host other,h*,!host\n HostName 10.9.9.9\nMatch host other,h*\n HostName 10.0.0.1\n"},
	{name: "original", config: "Host host\n HostName a.example.com\nMatch originalhost host\n User alice\nMatch host host\n User bob\n"},
	{name: "resulting", config: "Host host\n HostName a.example.com\nMatch host a.example.com\n User alice\n"},
	{name: "resulting with token", config: "HostName %h.example.com\nMatch host *.example.com\n User alice\n"},
	{name: "all", config: "Match all\n User alice\n"},
	{name: "not all", config: "Match !all\n User alice\n"},
	{name: "all with another", config: "Match host host all\n User alice\n"},
	{name: "all with others", config: "Match host host user x all\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "final", config: "Host host\n HostName a.example.com\nMatch final host a.example.com\n User alice\n"},
	{name: "final all", config: "Match final all\n User alice\nMatch host host\n User bob\n"},
	{name: "not final", config: "Match !final all\n User alice\n"},
	{name: "second pass", config: "Host a.example.com\n User alice\nHost host\n HostName a.example.com\nMatch final all\n Port 2222\n"},
	{name: "canonical", config: "Match canonical all\n User alice\n"},
	{name: "canonical names off", config: "CanonicalizeHostname no\nMatch canonical all\n User alice\n"},
	{name: "canonical names", config: "CanonicalizeHostname yes\nCanonicalDomains invalid\nCanonicalizeFallbackLocal yes\n User a\n",
		words: "config:1"},
	{name: "no condition", config: "Match\n User alice\n", refused: "line 1", words: "config"},
	{name: "unknown condition", config: "Match weather fine\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "unknown condition, of another", config: "Match host other weather fine\n User alice\n", refused: "line 1"},

	// Include.
	{name: "include", config: "Include @DIR@/one\nHost host\n User bob\n", files: map[string]string{"one": "Host host\n User alice\n"}},
	{name: "include of many", config: "Include @DIR@/one*\n", files: map[string]string{"one1": "Host host\n User alice\n",
		"one2": "User bob\n Port 2222\n"}},
	{name: "include of nothing", config: "Include @DIR@/none*\nUser alice\n"},
	{name: "include of two", config: "Include @DIR@/b @DIR@/a\n", files: map[string]string{"a": "User alice\n", "b": "User bob\n"}},
	{name: "include in a block", config: "Host other\n Include @DIR@/one\nHost host\n Port 2222\n",
		files: map[string]string{"one": "Host host\n User alice\n"}},
	{name: "include does not end a block", config: "Host host\n Include @DIR@/one\n User bob\n",
		files: map[string]string{"one": "Host other\n User alice\n"}},
	{name: "include in an include", config: "Include @DIR@/one\n", files: map[string]string{"one": "Include @DIR@/two\n",
		"two": "User alice\n"}},
	{name: "include of itself", config: "Include @DIR@/config\n", refused: "include", words: "include"},
	{name: "condition in an include", config: "Host host\n Include @DIR@/one\n",
		files: map[string]string{"one": "Match exec false\n User alice\n"}, words: "one:1"},
	{name: "condition in another's include", config: "Host other\n Include @DIR@/one\n",
		files: map[string]string{"one": "Match exec false\n User alice\n"}},

	// Ways.
	{name: "jump", config: "ProxyJump gw\n"},
	{name: "jumps", config: "ProxyJump ops@gw:2222,[fd00::1]:22,ssh://bob@inner:2200 # and on\n"},
	{name: "no jump", config: "Host host\n ProxyJump none\nHost *\n ProxyJump gw\n"},
	{name: "jump with token", config: "ProxyJump gw-%h\n", hosts: []string{"a", "b"}},
	{name: "jump comes first", config: "ProxyJump gw\nProxyCommand nc %h %p\n"},
	{name: "command comes first", config: "ProxyCommand nc %h %p\nProxyJump gw\n"},
	{name: "no command, then a jump", config: "ProxyCommand none\nProxyJump gw\n"},
	{name: "command", config: "ProxyCommand sh -c \"aws ssm start-session --target '%h' --parameters 'portNumber=%p'\" # %r\n"},
	{name: "jump to an option", config: "ProxyJump -oProxyCommand=x\n", refused: "hyphen", words: "config:1"},
	{name: "jump with a command", config: "ProxyJump gw$(id)\n", refused: "no host's name", words: "config:1"},
	{name: "passed on", config: "ProxyCommand nc -F %h %p\nProxyUseFdpass yes\n", refused: "passes on", words: "config:2"},
	{name: "address of ours", config: "BindAddress 127.0.0.1\nAddressFamily inet\n"},
	{name: "any family", config: "AddressFamily any\n"},
	{name: "times", config: "ConnectTimeout 1m30\nServerAliveInterval 10\nServerAliveCountMax 5\n"},
	{name: "no time", config: "ConnectTimeout none\nServerAliveInterval 0\n"},

	// Keys.
	{name: "identities", config: "IdentityFile ~/.ssh/a\nHost host\n IdentityFile @DIR@/b\n IdentityFile @DIR@/b\n"},
	{name: "identity with a blank", config: "IdentityFile \"@DIR@/a b\"\n"},
	{name: "identity with tokens", config: "IdentityFile %d/.ssh/%h-%r-%p-%n-%u-%i-%l-%L-%k\n", hosts: []string{"a", "b"}},
	{name: "identity with a default's name", config: "IdentityFile ~/.ssh/id_ed25519\n"},
	{name: "identity with a hash", config: "IdentityFile ~/.ssh/%C\n", refused: "%C", words: "%C"},
	{name: "no identity", config: "IdentityFile none\n"},
	{name: "identities only", config: "IdentitiesOnly yes\nCertificateFile @DIR@/c\nCertificateFile @DIR@/d\n"},
	{name: "agent", config: "IdentityAgent @DIR@/agent-%h\n"},
	{name: "no agent", config: "IdentityAgent none\n"},
	{name: "usual agent", config: "IdentityAgent SSH_AUTH_SOCK\n"},
	{name: "agent of a variable", config: "IdentityAgent $DCOS_TEST_AGENT\n"},
	{name: "agent of a variable in braces", config: "IdentityAgent ${DCOS_TEST_AGENT}/s\n"},

	// Host keys.
	{name: "known hosts", config: "UserKnownHostsFile @DIR@/known\n"},
	{name: "two files", config: "UserKnownHostsFile @DIR@/one @DIR@/two\n"},
	{name: "quoted blank", config: "UserKnownHostsFile \"@DIR@/a b\"\n", files: map[string]string{"a b": ""}},
	{name: "quoted blank, nothing there", config: "UserKnownHostsFile \"@DIR@/a b\"\n"},
	{name: "two quoted", config: "UserKnownHostsFile \"@DIR@/a b\" \"@DIR@/c\"\n"},
	{name: "escaped blank", config: "UserKnownHostsFile @DIR@/a\\ b @DIR@/c\n"},
	{name: "blank and slash", config: "UserKnownHostsFile \"@DIR@/a /b\"\n"},
	{name: "two readings, one is there", config: "Host other\n UserKnownHostsFile \"@DIR@/a /b\"\nHost host\n UserKnownHostsFile @DIR@/a /b\n",
		files: map[string]string{"a": ""}},
	{name: "variable", config: "UserKnownHostsFile ${DCOS_TEST_DIR}/known \"@DIR@/a b\"\n"},
	{name: "variable that is not set", config: "UserKnownHostsFile ${DCOS_TEST_NOT_SET}/known\n", refused: "DCOS_TEST_NOT_SET",
		words: "DCOS_TEST_NOT_SET"},
	{name: "tokens", config: "UserKnownHostsFile @DIR@/known-%h @DIR@/%k\n", hosts: []string{"a", "b"}},
	{name: "tilde", config: "UserKnownHostsFile ~/known\n"},
	{name: "none", config: "UserKnownHostsFile none\n"},
	{name: "null", config: "UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n"},
	{name: "global", config: "GlobalKnownHostsFile @DIR@/one \"@DIR@/a b\"\n"},
	{name: "global is as it stands", config: "GlobalKnownHostsFile ~/known\n"},
	{name: "strict", config: "StrictHostKeyChecking yes\n"},
	{name: "strict, of another", config: "Host other\n StrictHostKeyChecking yes\nHost *\n StrictHostKeyChecking off\n"},
	{name: "accept-new", config: "StrictHostKeyChecking accept-new\n"},
	{name: "ask", config: "StrictHostKeyChecking ask\n"},
	{name: "ask, of another", config: "Host other\n StrictHostKeyChecking ask\n"},
	{name: "alias", config: "HostKeyAlias the-host\n"},
	{name: "alias by name", config: "Host a\n HostKeyAlias a\nHost b\n HostKeyAlias a\n", hosts: []string{"a", "b"}},
	{name: "revoked", config: "RevokedHostKeys @DIR@/krl\n"},
	{name: "revoked with a blank", config: "RevokedHostKeys \"@DIR@/k r l\"\n"},
	{name: "known by a command", config: "KnownHostsCommand /bin/cat \"@DIR@/known %H\"\n"},
	{name: "hashed", config: "HashKnownHosts yes\n"},
	{name: "lists", config: "Ciphers aes256-ctr,aes128-ctr\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\nHostKeyAlgorithms " +
		"ssh-ed25519\n" +
		"PubkeyAcceptedKeyTypes ssh-ed25519\nCASignatureAlgorithms ssh-ed25519\n"},
	{name: "unknown algorithm", config: "Ciphers aes257-ctr\n", refused: "line 1"},
	{name: "dropped", config: "ForwardAgent yes\nControlMaster auto\nControlPath ~/%C\nCompression yes\nLogLevel DEBUG\nSendEnv " +
		"LANG\nPKCS11Provider /x\n"},
}

// TestCells holds that what is made of a configuration is what ssh makes of it,
// and that whoever has no ssh has the same or is told which line it is.
func TestCells(t *testing.T) {
	client := openSSH(t)
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
	t.Run("all", func(t *testing.T) {
		for _, c := range cells {
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
	t.Logf("%d configurations: %v", len(cells), count)
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
	client := openSSH(t)
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
	client := openSSH(t)
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
	client := openSSH(t)
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
	client := openSSH(t)
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
	client := openSSH(t)
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

// An ssh that does not know -G is none.
func TestOtherClient(t *testing.T) {
	t.Parallel()
	path := cell{config: "Host host\n HostName 10.0.0.1\nMatch exec false\n HostName 10.0.0.2\n"}.write(t)
	if _, err := open(t, path, "/bin/false").Settings(t.Context(), sshconfig.Question{Host: "host"}); err == nil ||
		!strings.Contains(err.Error(), path+":3: ") {
		t.Errorf("have %v", err)
	}
}
