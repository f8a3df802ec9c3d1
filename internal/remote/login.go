// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"net"
	"strconv"
	"strings"
)

// A Login is [user@]address[:port], as ssh is told on a command line.
type Login struct {
	User, Address string
	Port          int // 0: none is named
}

// ParseLogin takes one apart, and reports whether it is one. An IPv6 address with a port
// is in brackets.
func ParseLogin(text string) (Login, bool) {
	l := Login{Address: text}
	if at := strings.LastIndex(text, "@"); at >= 0 {
		l.User, l.Address = text[:at], text[at+1:]
		if l.User == "" {
			return l, false
		}
	}
	if inner, ok := strings.CutPrefix(l.Address, "["); ok && strings.HasSuffix(inner, "]") {
		l.Address = strings.TrimSuffix(inner, "]")
		return l, net.ParseIP(l.Address) != nil
	}
	if strings.Contains(l.Address, ":") && net.ParseIP(l.Address) == nil {
		host, port, err := net.SplitHostPort(l.Address)
		if err != nil {
			return l, false
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return l, false
		}
		l.Address, l.Port = host, int(n)
	}
	return l, l.Address != "" && !strings.ContainsAny(l.Address, " \t\r\n/[]")
}
