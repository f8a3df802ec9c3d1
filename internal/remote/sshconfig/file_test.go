// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sshconfig

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A client configuration may be anything: it is refused, by the number of a line of
// it, or used, and names nothing that cannot be dialled.
func FuzzFile(f *testing.F) {
	f.Add([]byte("Host a *.b !c\n HostName %h.example\n Port 2222\n User u\n ProxyJump j1,u@[::1]:22\nMatch all\n IdentityFile ~/x\n"), "a")
	f.Add([]byte("Match final host *,!b\nProxyJump none\nUserKnownHostsFile \"a b\" c\nConnectTimeout 1h30\n"), "host")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		if bytes.Contains(bytes.ToLower(text), []byte("include")) || CheckHost(name) != nil {
			return // it would read what is on this machine
		}
		lines := new(reader).parse(text, "fuzz", 0)
		q := Question{Host: name, DefaultUser: "root"}
		wordsOf(lines, nil).matched(name)
		v, _, err := evaluate(lines, q)
		if err != nil {
			var at *LineError
			if !errors.As(err, &at) || at.Number < 1 || at.Number > bytes.Count(text, []byte("\n"))+1 {
				t.Errorf("%v is of no line", err)
			}
			return
		}
		s, err := q.settle(v, nil, func(_ string, err error) error { return err })
		if err != nil {
			return
		}
		if CheckHost(s.HostName) != nil || CheckUser(s.User) != nil || s.User == "" || s.Port < 1 || s.Port > 65535 {
			t.Errorf("have %q@%q:%d", s.User, s.HostName, s.Port)
		}
		for _, j := range s.Jumps {
			if CheckHost(j.Host) != nil || CheckUser(j.User) != nil || j.Port < 0 || j.Port > 65535 {
				t.Errorf("the jump host is %+v", j)
			}
		}
	})
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abc", true}, {"a*c", "ac", true}, {"a*c", "acb", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*.b.*", "a.b.c", true}, {"*b", "ab.b", true}, {"**", "x", true}, {"*a*b*c", "xaxbxc", true},
		{"?", "*", true}, {"[h]:*", "[h]:22", true},
		{strings.Repeat("*a", 200) + "b", strings.Repeat("a", 5000), false},
	} {
		if have := Wildcard(c.pattern, c.s); have != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.s, have)
		}
	}
}
