// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// route is the way to a host: the jump hosts in order, then the host.
type route struct {
	target Target // with the client's defaults filled in
	hops   []*hop
	end    *endpoint
	// command is what reaches the first host, with its tokens; "" if there is none.
	command string
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
func (c *Client) route(ctx context.Context, t Target) (*route, error) {
	end := &endpoint{host: trimBrackets(t.Address)}
	if err := sshconfig.CheckHost(end.host); err != nil {
		return nil, &ConfigError{Field: "address", Err: err}
	}
	t.User, t.Port = cmp.Or(t.User, c.cfg.User), cmp.Or(t.Port, c.givenPort)
	if t.Logins <= 0 {
		t.Logins = maxLogins
	}
	if t.ConnectTimeout <= 0 {
		t.ConnectTimeout = c.cfg.ConnectTimeout
	}
	// A Match exec that hangs has as long as the host has.
	ctx, cancel := context.WithTimeoutCause(ctx, t.ConnectTimeout, fmt.Errorf("no answer within %s", t.ConnectTimeout))
	defer cancel()
	if err := c.settle(ctx, end, t.Port, t.User, defaultUser); err != nil {
		return nil, err
	}
	t.Port, t.User = end.port, end.user
	if err := checkPort("ssh.port", t.Port); err != nil {
		return nil, err
	}
	var err error
	if end.pin, err = parsePin("ssh.host_key", t.HostKey); err != nil {
		return nil, err
	}
	end.label = hostLabel(t.Address, t.Port)
	w, err := c.way(ctx, t, end)
	if err != nil {
		return nil, err
	}
	t.JumpHosts = w.jumps
	hops, err := c.hops(ctx, w.jumps)
	if err != nil {
		return nil, err
	}
	first := end
	if len(hops) > 0 {
		first = &hops[0].endpoint
	}
	if err := first.by(w.command); err != nil {
		return nil, err
	}
	if err := noteKeys(hops, t.JumpKeys); err != nil {
		return nil, err
	}
	return &route{target: t, hops: hops, end: end, command: w.command}, nil
}

// NotHonoured gives the options of the client configuration file that would change
// something on the way to a target, and do not, by their names. What is wrong with
// the file or the target is a *ConfigError. Nobody is connected to.
func (c *Client) NotHonoured(ctx context.Context, t Target) (options []string, err error) {
	r, err := c.route(ctx, t)
	if err != nil {
		return nil, err
	}
	ends := []*endpoint{r.end}
	for _, h := range r.hops {
		ends = append(ends, &h.endpoint)
	}
	for _, e := range ends {
		if e.file != nil {
			options = append(options, e.file.Dropped...)
		}
	}
	slices.Sort(options)
	return slices.Compact(options), nil
}

// settle fills in what is known of an endpoint: what is given, then what the
// client configuration file says, then what is usual.
func (c *Client) settle(ctx context.Context, e *endpoint, port int, user, usual string) error {
	e.name, e.port, e.user, e.auth = e.host, cmp.Or(port, 22), cmp.Or(user, usual), newAuthAttempts(c.login)
	if c.file == nil {
		return nil
	}
	s, err := c.file.of(ctx, c, sshconfig.Question{Host: e.host, Port: port, User: user, DefaultUser: usual})
	if err != nil {
		return err
	}
	e.file, e.host, e.port, e.user = s, s.HostName, s.Port, s.User
	if s.login != nil && len(c.login.signers) == 0 {
		e.auth = newAuthAttempts(s.login)
	}
	e.auth.algorithms = s.PubkeyAcceptedAlgorithms
	return nil
}

// A way is what is between here and a host: jump hosts, and what reaches the first
// host on the way.
type way struct {
	jumps   []Hop
	command string // "": nothing but the network or a proxy
}

// way gives the way to a host. The Target's comes before the Config's, and that
// before the file's. One of them that names jump hosts or a command leaves nothing
// to the next one but how the first host on the way is reached.
func (c *Client) way(ctx context.Context, t Target, end *endpoint) (w way, err error) {
	own, given := t.ProxyCommand, cmp.Or(t.ProxyCommand, c.cfg.ProxyCommand)
	switch {
	case t.JumpHosts != nil:
		w.jumps = t.JumpHosts
	case own != "" && !isNone(own):
	case c.cfg.JumpHosts != nil:
		w.jumps = c.cfg.JumpHosts
	case given == "" && end.file != nil:
		if len(end.file.Jumps) > 0 {
			w.jumps = jumpsOf(end.file)
		} else if c.cfg.ProxyURL == "" {
			w.command = end.file.ProxyCommand
			return w, nil
		}
	}
	if given != "" {
		if !isNone(given) {
			w.command = given
		}
		return w, nil
	}
	return c.wayOfJumps(ctx, w, 0)
}

// wayOfJumps adds how the first jump host is reached, if the file says that.
func (c *Client) wayOfJumps(ctx context.Context, w way, depth int) (way, error) {
	if len(w.jumps) == 0 || c.file == nil {
		return w, nil
	}
	first := &endpoint{host: trimBrackets(w.jumps[0].Address)}
	port, user, usual := c.hopLogin(w.jumps[0])
	if err := c.settle(ctx, first, port, user, usual); err != nil {
		return w, err
	}
	switch {
	case len(first.file.Jumps) == 0:
		if c.cfg.ProxyURL == "" {
			w.command = first.file.ProxyCommand
		}
		return w, nil
	case depth >= maxJumpDepth:
		return w, &ConfigError{Field: "ssh.config_file", Err: fmt.Errorf("ProxyJump of host %s: the jump hosts go in circles",
			w.jumps[0].Address)}
	}
	return c.wayOfJumps(ctx, way{jumps: slices.Concat(jumpsOf(first.file), w.jumps)}, depth+1)
}

// jumpsOf are the hosts of a ProxyJump.
func jumpsOf(s *hostSettings) []Hop {
	hops := make([]Hop, len(s.Jumps))
	for i, j := range s.Jumps {
		hops[i] = Hop{Address: j.Host, Port: j.Port, User: j.User, byFile: true}
	}
	return hops
}

// hopLogin is how a jump host is logged in to, as far as it is given, and the user
// where nobody is named. Of one that the file names the file says who it is.
func (c *Client) hopLogin(h Hop) (port int, user, usual string) {
	if h.byFile {
		return h.Port, h.User, cmp.Or(c.cfg.User, defaultUser)
	}
	return h.Port, cmp.Or(h.User, c.cfg.User), defaultUser
}

func isNone(command string) bool { return strings.EqualFold(command, "none") }

// by has the endpoint reached by a command.
func (e *endpoint) by(command string) error {
	if command == "" {
		return nil
	}
	field := "ssh.proxy_command"
	tokens := sshconfig.Tokens{'h': e.host, 'n': e.name, 'p': strconv.Itoa(e.port), 'r': e.user, 'k': e.name}
	if e.file != nil {
		tokens = e.file.Tokens
		if command == e.file.ProxyCommand {
			field = "ssh.config_file"
		}
	}
	for _, err := range []error{sshconfig.CheckHost(e.host), sshconfig.CheckUser(e.user)} {
		if err != nil {
			return &ConfigError{Field: field, Err: fmt.Errorf("for %s: %w", e.label, err)}
		}
	}
	var err error
	if e.command, err = tokens.ExpandProxyCommand(command); err != nil {
		return &ConfigError{Field: field, Err: err, hint: "Write %% where a percent sign is meant. Known are %h, %p, %r, %n and %k."}
	}
	return nil
}

// hops checks jump hosts, in order, and looks them up.
func (c *Client) hops(ctx context.Context, hops []Hop) ([]*hop, error) {
	out := make([]*hop, 0, len(hops))
	via := ""
	for i, h := range hops {
		field := fmt.Sprintf("ssh.jump_hosts[%d]", i)
		e := endpoint{host: trimBrackets(h.Address)}
		if err := sshconfig.CheckHost(e.host); err != nil {
			return nil, &ConfigError{Field: field + ".address", Err: err}
		}
		port, user, usual := c.hopLogin(h)
		if err := c.settle(ctx, &e, port, user, usual); err != nil {
			return nil, err
		}
		if err := checkPort(field+".port", e.port); err != nil {
			return nil, err
		}
		var err error
		if e.pin, err = parsePin(field+".host_key", h.HostKey); err != nil {
			return nil, err
		}
		if h.Credentials != nil {
			l, err := c.loginOf(*h.Credentials, field)
			if err != nil {
				return nil, err
			}
			e.auth.login = l
		}
		e.label = "jump host " + hostLabel(h.Address, e.port)
		// What the file says of a host's key may differ by the name that it is asked by.
		via += fmt.Sprintf("%s@%s %p %p %s\n", e.user, e.address(), e.auth.login, e.file, h.HostKey)
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

// reach opens a byte stream to the end of the route: through TCP, a command, or
// the last jump host. The release function must be called when the stream is
// no longer used.
func (c *Client) reach(ctx context.Context, r *route) (_ net.Conn, release func(), via string, at Step, err error) {
	if len(r.hops) == 0 && r.end.command != "" {
		nc, err := c.runProxy(r.end)
		return nc, func() {}, proxyCommand, StepTCP, err
	}
	if len(r.hops) == 0 {
		nc, err := c.dialTCP(ctx, r.end)
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
