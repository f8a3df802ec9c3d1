// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

// cells are configurations as people have them, each with a trap: those that are
// tried with every change.
var cells = []cell{
	// The right host.
	{name: "empty", config: ""},
	{name: "host name", config: "Host host\n HostName 10.0.0.1\n"},
	{name: "first value counts", config: "Host h*\n HostName 10.0.0.1\nHost host\n HostName 10.0.0.2\n"},
	{name: "negated", config: "Host h* !host\n HostName 10.0.0.1\nHost *\n HostName 10.0.0.2\n"},
	{name: "case of Host", config: "Host HOST\n HostName 10.0.0.1\n", hosts: []string{"host", "HOST", "Host"}},
	{name: "quoted pattern", config: "Host \"host\" \"other\"\n HostName \"10.0.0.1\"\n"},
	{name: "comments", config: "# Host host\nHost host # and others\n HostName 10.0.0.1 # there\n #User alice\n"},
	{name: "host name with token for all", config: "HostName %h.example.com\n", hosts: []string{"a", "b"}},
	{name: "one is the other's name", config: "Host n*\n HostName n1\n", hosts: []string{"n1", "n2", "n3"}},
	{name: "IPv6", config: "Host fd00::*\n User alice\n", hosts: []string{"fd00::1", "fd00::2", "fd00:0::3"}},
	{name: "given port", config: "Port 2222\n", port: 2200},
	{name: "given user", config: "User alice\n", user: "bob"},
	{name: "local user", config: "User @ME@\n"},
	{name: "port is no number", config: "Host host\n Port many\n", refused: "config", words: "config:2"},
	{name: "unknown option", config: "Host host\n Colour blue\n", refused: "line 2", words: "config:2"},
	{name: "unknown option elsewhere", config: "Host other\n Colour blue\nHost host\n User alice\n", refused: "line 2"},

	// What ssh refuses, and what nobody may take for something else.
	{name: "equals sign first", config: "= HostName 10.0.0.1\n\"\" Port 2222\n"},
	{name: "no host", config: "Host\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "empty host", config: "Host other \"\" host\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "end of text in a line", config: "Host host\x00x\n User alice\n", words: "config:1"},
	{name: "end of text in a condition", config: "Match host host\x00x\n User alice\n", words: "config:1"},
	{name: "condition with a comment", config: "Match host # other\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "not final, and another",
		config: "Host host\n HostName a.example.com\nMatch !final\n User alice\nHost a.example.com\n Port 2222\n"},
	{name: "include of no file", config: "Include\n", refused: "line 1", words: "config:1"},
	{name: "include of an empty name", config: "Include \"\"\n", refused: "line 1", words: "config:1"},
	{name: "include with an open quote", config: "User alice\nInclude \"one\n", refused: "line 2", words: "config:2"},
	{name: "include of a directory", config: "Include @DIR@/d*\n", files: map[string]string{"d1/x": "User alice\n", "d2": "User bob\n"}},
	{name: "include of what is hidden", config: "Include @DIR@/d/*\nInclude @DIR@/d/.b\n",
		files: map[string]string{"d/.a.swp": "Port 2222\n", "d/.b": "User alice\n", "d/c": "HostName 10.0.0.1\n"}},
	{name: "include of all but some", config: "Include @DIR@/d/[!_]*\n",
		files: map[string]string{"d/_a": "User alice\n", "d/b": "User bob\n"}},
	{name: "include of a class", config: "Include @DIR@/d/[[:alpha:]]\n", files: map[string]string{"d/1": "User alice\n", "d/b": "User bob\n"},
		words: "config:1"},
	{name: "include in order", config: "Include @DIR@/*/x\n", files: map[string]string{"a/x": "User alice\n", "a-b/x": "User bob\n"}},
	{name: "unknown option ignored later", config: "IgnoreUnknown Colour\nIgnoreUnknown Taste\nTaste sweet\n", refused: "line 3",
		words: "config:3"},
	{name: "identity with a blank", config: "IdentityFile @DIR@/my key\n", refused: "line 1", words: "config:1"},
	{name: "certificate with a blank", config: "CertificateFile @DIR@/my key\n", refused: "line 1", words: "config:1"},
	{name: "none and another", config: "UserKnownHostsFile none @DIR@/a\n", refused: "line 1", words: "config:1"},
	{name: "another and none", config: "GlobalKnownHostsFile @DIR@/a none\n", refused: "line 1", words: "config:1"},
	{name: "empty path", config: "UserKnownHostsFile @DIR@/a \"\"\n", refused: "line 1", words: "config:1"},
	{name: "nobody's directory", config: "UserKnownHostsFile ~no.such.user/known_hosts\n", refused: "no.such.user", words: "config:1"},
	{name: "no flag", config: "IdentitiesOnly maybe\n", refused: "line 1", words: "config:1"},
	{name: "another no flag", config: "HashKnownHosts maybe\n", refused: "line 1", words: "config:1"},
	{name: "port 0", config: "Port 0\n", refused: "line 1", words: "config:1"},
	{name: "no canonical names, first", config: "CanonicalizeHostname no\nCanonicalizeHostname yes\nUser alice\n"},

	// Match: a condition that does not hold.
	{name: "false", config: "Match host host exec \"false\"\n HostName 10.9.9.9\nHost *\n HostName 10.0.0.1\n", words: "config:1"},
	{name: "true", config: "Match host host exec \"true\"\n HostName 10.9.9.9\nHost *\n HostName 10.0.0.1\n", words: "config:1"},
	{name: "exec of another host", config: "Match host other exec \"true\"\n HostName 10.9.9.9\nHost *\n HostName 10.0.0.1\n"},
	{name: "exec about the host", config: "Match exec \"test %h = host\"\n HostName 10.9.9.9\n", hosts: []string{"host", "other"},
		words: "config:1"},
	{name: "host and user", config: "Match host host user nobody\n HostName 10.9.9.9\n"},
	{name: "user from before", config: "User alice\nMatch user alice\n HostName 10.9.9.9\n"},
	{name: "local and host", config: "Match host host localuser nobody\n HostName 10.9.9.9\n"},
	{name: "resulting", config: "Host host\n HostName a.example.com\nMatch host a.example.com\n User alice\n"},
	{name: "final", config: "Host host\n HostName a.example.com\nMatch final host a.example.com\n User alice\n"},
	{name: "second pass", config: "Host a.example.com\n User alice\nHost host\n HostName a.example.com\nMatch final all\n Port 2222\n"},
	{name: "canonical names", config: "CanonicalizeHostname yes\nCanonicalDomains invalid\nCanonicalizeFallbackLocal yes\n User a\n",
		words: "config:1"},

	// Include.
	{name: "include in a block", config: "Host other\n Include @DIR@/one\nHost host\n Port 2222\n",
		files: map[string]string{"one": "Host host\n User alice\n"}},
	{name: "condition in an include", config: "Host host\n Include @DIR@/one\n",
		files: map[string]string{"one": "Match exec false\n User alice\n"}, words: "one:1"},

	// Ways.
	{name: "jumps", config: "ProxyJump ops@gw:2222,[fd00::1]:22,ssh://bob@inner:2200 # and on\n"},
	{name: "no jump", config: "Host host\n ProxyJump none\nHost *\n ProxyJump gw\n"},
	{name: "command", config: "ProxyCommand sh -c \"aws ssm start-session --target '%h' --parameters 'portNumber=%p'\" # %r\n"},
	{name: "jump to an option", config: "ProxyJump -oProxyCommand=x\n", refused: "hyphen", words: "config:1"},

	// Keys.
	{name: "identities", config: "IdentityFile ~/.ssh/a\nHost host\n IdentityFile @DIR@/b\n IdentityFile @DIR@/b\n"},
	{name: "identity with tokens", config: "IdentityFile %d/.ssh/%h-%r-%p-%n-%u-%i-%l-%L-%k\n", hosts: []string{"a", "b"}},
	{name: "agent of a variable in braces", config: "IdentityAgent ${DCOS_TEST_AGENT}/s\n"},

	// Host keys.
	{name: "two quoted", config: "UserKnownHostsFile \"@DIR@/a b\" \"@DIR@/c\"\n"},
	{name: "two readings, one is there", config: "Host other\n UserKnownHostsFile \"@DIR@/a /b\"\nHost host\n UserKnownHostsFile @DIR@/a /b\n",
		files: map[string]string{"a": ""}},
	{name: "variable", config: "UserKnownHostsFile ${DCOS_TEST_DIR}/known \"@DIR@/a b\"\n"},
	{name: "tokens", config: "UserKnownHostsFile @DIR@/known-%h @DIR@/%k\n", hosts: []string{"a", "b"}},
	{name: "strict, of another", config: "Host other\n StrictHostKeyChecking yes\nHost *\n StrictHostKeyChecking off\n"},
	{name: "ask, of another", config: "Host other\n StrictHostKeyChecking ask\n"},
	{name: "alias by name", config: "Host a\n HostKeyAlias a\nHost b\n HostKeyAlias a\n", hosts: []string{"a", "b"}},
	{name: "known by a command", config: "KnownHostsCommand /bin/cat \"@DIR@/known %H\"\n"},
	{name: "lists", config: "Ciphers aes256-ctr,aes128-ctr\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\nHostKeyAlgorithms " +
		"ssh-ed25519\n" +
		"PubkeyAcceptedKeyTypes ssh-ed25519\nCASignatureAlgorithms ssh-ed25519\n"},
	{name: "dropped", config: "ForwardAgent yes\nControlMaster auto\nControlPath ~/%C\nCompression yes\nLogLevel DEBUG\nSendEnv " +
		"LANG\nPKCS11Provider /x\n"},
}

// moreCells are tried every night besides.
var moreCells = []cell{
	// The right host.
	{name: "before the first host", config: "HostName 10.0.0.9\nHost host\n HostName 10.0.0.1\n"},
	{name: "negated first", config: "Host !host *\n HostName 10.0.0.1\nHost *\n HostName 10.0.0.2\n"},
	{name: "only negated", config: "Host !other\n HostName 10.0.0.1\n"},
	{name: "question mark", config: "Host ho?t\n HostName 10.0.0.1\n"},
	{name: "pattern with a comma", config: "Host host,other\n HostName 10.0.0.1\n", hosts: []string{"host", "other"}},
	{name: "case of Match host", config: "Match host HOST\n HostName 10.0.0.1\n", hosts: []string{"host", "HOST", "Host"}},
	{name: "case of keywords", config: "HOST host\n HOSTNAME 10.0.0.1\n pOrT 2222\n"},
	{name: "equals signs", config: "Host=host\n HostName=10.0.0.1\n Port = 2222\n User= alice\n"},
	{name: "two equals signs", config: "Host host\n User == alice\n", refused: "line 2", words: "config:2"},
	{name: "tabs", config: "Host\thost\n\tHostName\t\t10.0.0.1\t\n"},
	{name: "quoted patterns in one", config: "Host \"host other\"\n HostName 10.0.0.1\n"},
	{name: "single quotes", config: "Host 'host'\n HostName '10.0.0.1'\n"},
	{name: "carriage returns", config: "Host host\r\n HostName 10.0.0.1\r\n User alice\r\n"},
	{name: "no last newline", config: "Host host\n HostName 10.0.0.1"},
	{name: "host name with token", config: "Host host\n HostName %h.example.com\n", hosts: []string{"host", "other"}},
	{name: "host name with percent", config: "HostName a%%b\n"},
	{name: "host name with unknown token", config: "HostName %n.example.com\n", refused: "%n", words: "%n"},
	{name: "address", config: "Host 10.0.0.*\n User alice\n", hosts: []string{"10.0.0.1", "10.0.0.2", "10.0.1.1"}},
	{name: "one address for all", config: "Host 10.0.0.*\n HostName 10.0.0.1\n", hosts: []string{"10.0.0.1", "10.0.0.2"}},
	{name: "capital address", config: "User alice\n", hosts: []string{"FD00::1", "Host.Example.COM"}},
	{name: "port", config: "Port 2222\n"},
	{name: "user", config: "User alice\n"},
	{name: "local user for another", config: "Host other\n User @ME@\n"},
	{name: "local user by chance", config: "Match exec false\n User @ME@\n", words: "config:1"},
	{name: "user with a domain", config: "User \"DOMAIN\\\\alice\"\n"},
	{name: "unknown option ignored", config: "IgnoreUnknown Col*\nHost host\n Colour blue\n User alice\n"},
	{name: "no value", config: "Host host\n User\n", refused: "line 2", words: "config:2"},
	{name: "quote is open", config: "Host host\n User \"alice\n", refused: "line 2", words: "config:2"},

	// Match: a condition that does not hold.
	{name: "exec first, of another host", config: "Match exec \"true\" host other\n HostName 10.9.9.9\nHost *\n User a\n"},
	{name: "not exec", config: "Match !exec \"true\"\n HostName 10.9.9.9\n", words: "config:1"},
	{name: "exec about the name", config: "Match exec \"test %n = host\"\n HostName 10.9.9.9\n", hosts: []string{"host", "other"},
		words: "config:1"},
	{name: "exec about the user", config: "Match exec \"test %r = alice\"\n HostName 10.9.9.9\n", user: "alice", words: "config:1"},
	{name: "exec with output", config: "Match exec \"echo hostname 10.8.8.8\"\n User alice\n", words: "config:1"},
	{name: "user", config: "Match user nobody\n HostName 10.9.9.9\n"},
	{name: "given match user", config: "Match user alice\n HostName 10.9.9.9\n", user: "alice"},
	{name: "user from behind", config: "Match user alice\n HostName 10.9.9.9\nMatch all\n User alice\n"},
	{name: "not user", config: "Match !user alice\n HostName 10.9.9.9\n", user: "alice"},
	{name: "default user", config: "Match user nobody\n HostName 10.9.9.9\n"},
	{name: "local", config: "Match localuser nobody\n HostName 10.9.9.9\nMatch localuser @ME@\n Port 2222\n"},
	{name: "patterns", config: "Match host other,h*,!host\n HostName 10.9.9.9\nMatch host other,h*\n HostName 10.0.0.1\n"},
	{name: "original", config: "Host host\n HostName a.example.com\nMatch originalhost host\n User alice\nMatch host host\n User bob\n"},
	{name: "resulting with token", config: "HostName %h.example.com\nMatch host *.example.com\n User alice\n"},
	{name: "all", config: "Match all\n User alice\n"},
	{name: "not all", config: "Match !all\n User alice\n"},
	{name: "all with another", config: "Match host host all\n User alice\n"},
	{name: "all with others", config: "Match host host user x all\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "final all", config: "Match final all\n User alice\nMatch host host\n User bob\n"},
	{name: "not final", config: "Match !final all\n User alice\n"},
	{name: "canonical", config: "Match canonical all\n User alice\n"},
	{name: "canonical names off", config: "CanonicalizeHostname no\nMatch canonical all\n User alice\n"},
	{name: "no condition", config: "Match\n User alice\n", refused: "line 1", words: "config"},
	{name: "unknown condition", config: "Match weather fine\n User alice\n", refused: "line 1", words: "config:1"},
	{name: "unknown condition, of another", config: "Match host other weather fine\n User alice\n", refused: "line 1"},

	// Include.
	{name: "include", config: "Include @DIR@/one\nHost host\n User bob\n", files: map[string]string{"one": "Host host\n User alice\n"}},
	{name: "include of many", config: "Include @DIR@/one*\n", files: map[string]string{"one1": "Host host\n User alice\n",
		"one2": "User bob\n Port 2222\n"}},
	{name: "include of nothing", config: "Include @DIR@/none*\nUser alice\n"},
	{name: "include of two", config: "Include @DIR@/b @DIR@/a\n", files: map[string]string{"a": "User alice\n", "b": "User bob\n"}},
	{name: "include does not end a block", config: "Host host\n Include @DIR@/one\n User bob\n",
		files: map[string]string{"one": "Host other\n User alice\n"}},
	{name: "include in an include", config: "Include @DIR@/one\n", files: map[string]string{"one": "Include @DIR@/two\n",
		"two": "User alice\n"}},
	{name: "include of itself", config: "Include @DIR@/config\n", refused: "include", words: "include"},
	{name: "condition in another's include", config: "Host other\n Include @DIR@/one\n",
		files: map[string]string{"one": "Match exec false\n User alice\n"}},

	// Ways.
	{name: "jump", config: "ProxyJump gw\n"},
	{name: "jump with token", config: "ProxyJump gw-%h\n", hosts: []string{"a", "b"}},
	{name: "jump comes first", config: "ProxyJump gw\nProxyCommand nc %h %p\n"},
	{name: "command comes first", config: "ProxyCommand nc %h %p\nProxyJump gw\n"},
	{name: "no command, then a jump", config: "ProxyCommand none\nProxyJump gw\n"},
	{name: "jump with a command", config: "ProxyJump gw$(id)\n", refused: "no host's name", words: "config:1"},
	{name: "passed on", config: "ProxyCommand nc -F %h %p\nProxyUseFdpass yes\n", refused: "passes on", words: "config:2"},
	{name: "address of ours", config: "BindAddress 127.0.0.1\nAddressFamily inet\n"},
	{name: "any family", config: "AddressFamily any\n"},
	{name: "times", config: "ConnectTimeout 1m30\nServerAliveInterval 10\nServerAliveCountMax 5\n"},
	{name: "no time", config: "ConnectTimeout none\nServerAliveInterval 0\n"},

	// Keys.
	{name: "identity with a blank", config: "IdentityFile \"@DIR@/a b\"\n"},
	{name: "identity with a default's name", config: "IdentityFile ~/.ssh/id_ed25519\n"},
	{name: "identity with a hash", config: "IdentityFile ~/.ssh/%C\n", refused: "%C", words: "%C"},
	{name: "no identity", config: "IdentityFile none\n"},
	{name: "identities only", config: "IdentitiesOnly yes\nCertificateFile @DIR@/c\nCertificateFile @DIR@/d\n"},
	{name: "agent", config: "IdentityAgent @DIR@/agent-%h\n"},
	{name: "no agent", config: "IdentityAgent none\n"},
	{name: "usual agent", config: "IdentityAgent SSH_AUTH_SOCK\n"},
	{name: "agent of a variable", config: "IdentityAgent $DCOS_TEST_AGENT\n"},

	// Host keys.
	{name: "known hosts", config: "UserKnownHostsFile @DIR@/known\n"},
	{name: "two files", config: "UserKnownHostsFile @DIR@/one @DIR@/two\n"},
	{name: "quoted blank", config: "UserKnownHostsFile \"@DIR@/a b\"\n", files: map[string]string{"a b": ""}},
	{name: "quoted blank, nothing there", config: "UserKnownHostsFile \"@DIR@/a b\"\n"},
	{name: "escaped blank", config: "UserKnownHostsFile @DIR@/a\\ b @DIR@/c\n"},
	{name: "blank and slash", config: "UserKnownHostsFile \"@DIR@/a /b\"\n"},
	{name: "variable that is not set", config: "UserKnownHostsFile ${DCOS_TEST_NOT_SET}/known\n", refused: "DCOS_TEST_NOT_SET",
		words: "DCOS_TEST_NOT_SET"},
	{name: "tilde", config: "UserKnownHostsFile ~/known\n"},
	{name: "none", config: "UserKnownHostsFile none\n"},
	{name: "null", config: "UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n"},
	{name: "global", config: "GlobalKnownHostsFile @DIR@/one \"@DIR@/a b\"\n"},
	{name: "global is as it stands", config: "GlobalKnownHostsFile ~/known\n"},
	{name: "strict", config: "StrictHostKeyChecking yes\n"},
	{name: "accept-new", config: "StrictHostKeyChecking accept-new\n"},
	{name: "ask", config: "StrictHostKeyChecking ask\n"},
	{name: "alias", config: "HostKeyAlias the-host\n"},
	{name: "revoked", config: "RevokedHostKeys @DIR@/krl\n"},
	{name: "revoked with a blank", config: "RevokedHostKeys \"@DIR@/k r l\"\n"},
	{name: "hashed", config: "HashKnownHosts yes\n"},
	{name: "unknown algorithm", config: "Ciphers aes257-ctr\n", refused: "line 1"},
}
