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

// route checks a target and fills in the client's defaults.
func (c *Client) route(t Target) (*route, error) {
	if strings.TrimSpace(t.Address) == "" {
		return nil, &ConfigError{Field: "address", Err: errors.New("it is empty")}
	}
	if t.User == "" {
		t.User = c.cfg.User
	}
	if t.Port == 0 {
		t.Port = c.cfg.Port
	}
	if t.ConnectTimeout <= 0 {
		t.ConnectTimeout = c.cfg.ConnectTimeout
	}
	if t.User == "" {
		return nil, &ConfigError{Field: "ssh.user", Err: errors.New("it is not set"), hint: "Set ssh.user or DCOS_SSH_USER."}
	}
	if err := checkPort("ssh.port", t.Port); err != nil {
		return nil, err
	}
	pin, err := parsePin("ssh.host_key", t.HostKey)
	if err != nil {
		return nil, err
	}
	hops := c.hops
	if t.JumpHosts != nil {
		if hops, err = c.parseHops(t.JumpHosts); err != nil {
			return nil, err
		}
	} else {
		t.JumpHosts = c.cfg.JumpHosts
	}
	r := &route{target: t, end: &endpoint{
		label: hostLabel(t.Address, t.Port), host: trimBrackets(t.Address), port: t.Port, user: t.User, pin: pin,
		auth: newAuthAttempts(c.login),
	}}
	via := ""
	for _, h := range hops {
		via += h.key + "\n"
		r.hops = append(r.hops, &hop{endpoint: h.endpoint, key: via})
	}
	return r, nil
}

// parseHops checks jump hosts. Their keys are completed by route.
func (c *Client) parseHops(hops []Hop) ([]*hop, error) {
	out := make([]*hop, 0, len(hops))
	for i, h := range hops {
		field := fmt.Sprintf("ssh.jump_hosts[%d]", i)
		if strings.TrimSpace(h.Address) == "" {
			return nil, &ConfigError{Field: field + ".address", Err: errors.New("it is empty")}
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
			return nil, &ConfigError{Field: field + ".user", Err: errors.New("it is not set")}
		}
		pin, err := parsePin(field+".host_key", h.HostKey)
		if err != nil {
			return nil, err
		}
		l := c.login
		if h.Credentials != nil {
			if l, err = c.loginOf(*h.Credentials, field); err != nil {
				return nil, err
			}
		}
		address := joinHostPort(h.Address, h.Port)
		out = append(out, &hop{
			endpoint: endpoint{
				label: "jump host " + hostLabel(h.Address, h.Port), host: trimBrackets(h.Address), port: h.Port,
				user: h.User, pin: pin, auth: newAuthAttempts(l),
			},
			key: fmt.Sprintf("%s@%s %p %s", h.User, address, l, h.HostKey),
		})
	}
	return out, nil
}

func parsePin(field, text string) ([]ssh.PublicKey, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	keys, err := parseAuthorizedKeys(text)
	if err != nil {
		return nil, &ConfigError{Field: field, Err: err, hint: "Give the host's public key, like \"ssh-ed25519 AAAA…\" (the content of /etc/ssh/ssh_host_ed25519_key.pub)."}
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
		return nil, nil, via, at, err
	}
	nc, err := j.dial(ctx, r.end.host, r.end.port)
	if err != nil {
		c.jumps.release(j)
		return nil, nil, last.label, StepTCP, err
	}
	return nc, func() { c.jumps.release(j) }, last.label, StepTCP, nil
}
