// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"os"
	"strings"
	"testing"
)

func TestMirrorOf(t *testing.T) {
	t.Parallel()
	const debian = `Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://security.example.org/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64
     origin security.example.org
 500 https://mirror.example.org/debian bookworm/main amd64 Packages
     release v=12.12,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin mirror.example.org
Pinned packages:
`
	for name, test := range map[string]struct{ policy, want string }{
		"debian":   {debian, "https://mirror.example.org/debian"},
		"no lists": {"Package files:\n 100 /var/lib/dpkg/status\n     release a=now\nPinned packages:\n", ""},
		"ubuntu":   {strings.ReplaceAll(debian, "l=Debian", "l=Ubuntu"), ""},
		"contrib":  {strings.ReplaceAll(debian, "c=main", "c=contrib"), ""},
	} {
		if got := mirrorOf(test.policy); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestSocketAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // as a little-endian machine writes them
		"0100007F:0016":                         "127.0.0.1:22",
		"00000000:13BA":                         "0.0.0.0:5050",
		"00000000000000000000000000000000:0050": "[::]:80",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"odd":                                   "odd",
	} {
		if got := socketAddress(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestFirewall(t *testing.T) {
	t.Parallel()
	found := entries{}
	lookAtFirewall(`table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy accept;
		counter accept
	}
	chain INPUT {
		type filter hook input priority filter; policy drop;
	}
	chain OUTPUT {
		type filter hook output priority filter; policy accept;
	}
	chain LEFT {
	}
}
table inet lab_cut {
	chain entering {
		type filter hook input priority -300; policy accept;
		reject
	}
}
`, found)
	for _, want := range []string{
		"firewall table ip filter chain FORWARD: counter accept",
		"firewall table ip filter chain INPUT: type filter hook input priority filter; policy drop;",
		"firewall table ip filter chain INPUT", "firewall table ip filter chain LEFT",
	} {
		if found[want] == "" {
			t.Errorf("not seen: %s", want)
		}
		delete(found, want)
	}
	for name := range found {
		t.Errorf("seen: %s", name)
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	self, err := processOf(os.Getpid())
	if err != nil {
		t.Skip(err) // no Linux
	}
	if !self.alive() {
		t.Error("this process is not alive")
	}
	if (process{self.PID, "1" + self.Start}).alive() {
		t.Error("a process of another time is taken for this one")
	}
}
