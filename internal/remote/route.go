// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// route is the way to a host: the jump hosts in order, then the host.
type route struct {
	target Target // with the client's defaults filled in
	hops   []*hop
	end    *endpoint
}

// hop is one jump host on a route.
type hop struct {
	endpoint
	// key is equal for two hops that may share a connection: the same way to
	// the same host as the same user with the same credentials and pin.
	key string
}

// route checks a target and fills in what it leaves open: from the Config,
// then from the client configuration file.
func (c *Client) route(t Target) (*route, error) {
	if strings.TrimSpace(t.Address) == "" {
		return nil, &ConfigError{Field: "address", Err: errors.New("it is empty")}
	}
	if t.User == "" {
		t.User = c.cfg.User
	}
	if t.Port == 0 {
		t.Port = c.givenPort
	}
	if t.ConnectTimeout <= 0 {
		t.ConnectTimeout = c.cfg.ConnectTimeout
	}
	if t.JumpHosts == nil {
		t.JumpHosts = c.cfg.JumpHosts
	}
	end := &endpoint{label: t.Address, host: trimBrackets(t.Address)}
	l := c.login
	if c.file != nil {
		s, err := c.file.settings(c, end.host, t.Port, t.User, 0)
		if err != nil {
			return nil, err
		}
		end.host, t.Port, t.User, end.knownFrom = s.address, s.port, s.user, s.knownFrom
		if s.login != nil && len(l.signers) == 0 {
			l = s.login
		}
		if t.JumpHosts == nil {
			t.JumpHosts = s.jumps
		}
	}
	if strings.TrimSpace(end.host) == "" {
		return nil, &ConfigError{Field: "address", Err: fmt.Errorf("%q names no host", t.Address)}
	}
	if t.Port == 0 {
		t.Port = 22
	}
	if t.User == "" {
		t.User = defaultUser
	}
	if err := checkPort("ssh.port", t.Port); err != nil {
		return nil, err
	}
	var err error
	if end.pin, err = parsePin("ssh.host_key", t.HostKey); err != nil {
		return nil, err
	}
	end.label, end.port, end.user, end.auth = hostLabel(t.Address, t.Port), t.Port, t.User, newAuthAttempts(l)
	hops, err := c.parseHops(t.JumpHosts)
	if err != nil {
		return nil, err
	}
	if err := noteKeys(hops, t.JumpKeys); err != nil {
		return nil, err
	}
	return &route{target: t, hops: hops, end: end}, nil
}

// parseHops checks jump hosts, in order.
func (c *Client) parseHops(hops []Hop) ([]*hop, error) {
	out := make([]*hop, 0, len(hops))
	via := ""
	for i, h := range hops {
		field := fmt.Sprintf("ssh.jump_hosts[%d]", i)
		if strings.TrimSpace(h.Address) == "" {
			return nil, &ConfigError{Field: field + ".address", Err: errors.New("it is empty")}
		}
		e := endpoint{host: trimBrackets(h.Address)}
		l, s := c.login, h.settings
		if s == nil && c.file != nil {
			user := h.User
			if user == "" {
				user = c.cfg.User
			}
			// Its own jump hosts are those before it in the list.
			found, err := c.file.settings(c, e.host, h.Port, user, -1)
			if err != nil {
				return nil, err
			}
			s = &found
		}
		if s != nil {
			e.host, h.Port, h.User, e.knownFrom = s.address, s.port, s.user, s.knownFrom
			if s.login != nil && len(l.signers) == 0 {
				l = s.login
			}
		}
		if strings.TrimSpace(e.host) == "" {
			return nil, &ConfigError{Field: field + ".address", Err: fmt.Errorf("%q names no host", h.Address)}
		}
		if h.Port == 0 {
			h.Port = 22
		}
		if err := checkPort(field+".port", h.Port); err != nil {
			return nil, err
		}
		if h.User == "" {
			h.User = c.cfg.User
		}
		if h.User == "" {
			h.User = defaultUser
		}
		var err error
		if e.pin, err = parsePin(field+".host_key", h.HostKey); err != nil {
			return nil, err
		}
		if h.Credentials != nil {
			if l, err = c.loginOf(*h.Credentials, field); err != nil {
				return nil, err
			}
		}
		e.label, e.port, e.user, e.auth = "jump host "+hostLabel(h.Address, h.Port), h.Port, h.User, newAuthAttempts(l)
		via += fmt.Sprintf("%s@%s %p %s\n", e.user, e.address(), l, h.HostKey)
		out = append(out, &hop{endpoint: e, key: via})
	}
	return out, nil
}

// noteKeys gives jump hosts the keys that are noted of them. On the way to
// another one, a name may be another host's.
func noteKeys(hops []*hop, noted map[string]string) error {
	way := ""
	for _, h := range hops {
		way = strings.TrimSpace(way + " " + knownName(h.host, h.port))
		h.way = way
		if noted[way] == "" {
			continue
		}
		keys, err := parseAuthorizedKeys(noted[way])
		if err != nil {
			return fmt.Errorf("what is noted of the key of %s: %w", h.label, err)
		}
		h.noted = keys[0]
	}
	return nil
}

func parsePin(field, text string) ([]ssh.PublicKey, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	keys, err := parseAuthorizedKeys(text)
	if err != nil {
		return nil, &ConfigError{Field: field, Err: err, hint: "Give the host's public key, like \"ssh-ed25519 AAAA…\" (the content of " +
			"/etc/ssh/ssh_host_ed25519_key.pub)."}
	}
	return keys, nil
}

func checkPort(field string, port int) error {
	if port < 1 || port > 65535 {
		return &ConfigError{Field: field, Err: fmt.Errorf("%d is not a port", port), hint: "Ports go from 1 to 65535."}
	}
	return nil
}

// hostLabel names a host in messages: with its port if that is unusual.
func hostLabel(address string, port int) string {
	if port == 22 {
		return address
	}
	if strings.Contains(address, ":") && !strings.HasPrefix(address, "[") {
		address = "[" + address + "]"
	}
	return address + ":" + strconv.Itoa(port)
}

// reach opens a byte stream to the end of the route: through TCP, or through
// the last jump host. The release function must be called when the stream is
// no longer used.
func (c *Client) reach(ctx context.Context, r *route) (_ net.Conn, release func(), via string, at Step, err error) {
	if len(r.hops) == 0 {
		nc, err := c.dialTCP(ctx, r.end.host, r.end.port)
		return nc, func() {}, c.proxyLabel, StepTCP, err
	}
	last := r.hops[len(r.hops)-1]
	j, at, via, err := c.jumps.use(ctx, c, r.hops)
	if err != nil {
		return nil, nil, via, at, onTheWayError{err}
	}
	nc, err := j.dial(ctx, r.hops, r.end.host, r.end.port)
	if err != nil {
		c.jumps.release(j)
		return nil, nil, last.label, StepTCP, err
	}
	return nc, func() { c.jumps.release(j) }, last.label, StepTCP, nil
}
