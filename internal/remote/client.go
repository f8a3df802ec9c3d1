// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/proxy"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/sshconfig"
)

// Defaults of Config and Limits.
const (
	defaultUser              = "root"
	defaultConnectTimeout    = 5 * time.Minute
	defaultKeepaliveInterval = 15 * time.Second
	defaultPerJumpHost       = 64
	defaultTransfers         = 16
)

// reservedFiles are left to the rest of the process when connections are
// counted against its limit of open files.
const reservedFiles = 64

// Client dials hosts. It is safe for use by many goroutines.
type Client struct {
	cfg             Config
	login           *login
	file            *configFile // nil if there is none
	givenPort       int         // Config.Port before its default
	givenKeepalive  bool
	keys            *hostKeys
	dialer          proxy.ContextDialer
	proxyLabel      string
	transportConfig ssh.Config
	limits          limits
	linger          int // seconds, see lingering

	connections semaphore
	transfers   semaphore
	pace        pace
	jumps       *jumpPool
	locks       lockBook

	mu     sync.Mutex
	logins map[Credentials]*login // of jump hosts
}

// NewClient checks everything in cfg that can be checked without a network.
// What cannot be used is a *ConfigError.
func NewClient(cfg Config) (*Client, error) { return newClient(cfg, sshconfig.Client()) }

// newClient is NewClient with the path of ssh, "" for none.
func newClient(cfg Config, openSSH string) (*Client, error) {
	givenPort, givenKeepalive := cfg.Port, cfg.KeepaliveInterval != 0
	if cfg.Port == 0 {
		cfg.Port = 22
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = defaultConnectTimeout
	}
	if cfg.KeepaliveInterval == 0 {
		cfg.KeepaliveInterval = defaultKeepaliveInterval
	}
	if err := checkPort("ssh.port", cfg.Port); err != nil {
		return nil, err
	}
	switch cfg.Sudo.Command {
	case "":
		cfg.Sudo.Command = "sudo"
	case "sudo", "doas", "none":
	default:
		return nil, &ConfigError{Field: "sudo.command", Err: fmt.Errorf("%q is not supported", cfg.Sudo.Command),
			hint: `Use "sudo", "doas" or "none".`}
	}
	if err := checkUser(cfg.Sudo.User); err != nil {
		return nil, &ConfigError{Field: "sudo.user", Err: err}
	}
	cfg.Credentials.redact(cfg.Redactor)
	cfg.Redactor.Add(cfg.Sudo.Password.Reveal())
	cfg.Redactor.Add(proxyPassword(cfg.ProxyURL))
	c := &Client{
		cfg:             cfg,
		givenPort:       givenPort,
		givenKeepalive:  givenKeepalive,
		transportConfig: transportConfig(),
		limits:          usualLimits(),
		linger:          lingering,
		logins:          map[Credentials]*login{},
	}
	var err error
	if c.login, err = newLogin(cfg.Credentials, "ssh"); err != nil {
		return nil, err
	}
	if c.keys, err = newHostKeys(cfg); err != nil {
		return nil, err
	}
	if cfg.ProxyURL != "" && cfg.ProxyCommand != "" && !isNone(cfg.ProxyCommand) {
		return nil, &ConfigError{Field: "ssh.proxy_command", Err: errors.New("it stands beside ssh.proxy_url"), hint: "Give one of the two."}
	}
	// What the file says of them is for when they are needed.
	if _, err = c.hops(context.Background(), cfg.JumpHosts); err != nil {
		return nil, err
	}
	if c.file, err = openConfigFile(cfg.ConfigFile, openSSH, c.environment()); err != nil {
		return nil, err
	}
	if c.dialer, c.proxyLabel, err = newDialer(cfg.ProxyURL); err != nil {
		return nil, err
	}
	limits, err := cfg.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	c.connections, c.transfers = newSemaphore(limits.Connections), newSemaphore(limits.Transfers)
	c.pace.rate = limits.Bandwidth
	c.jumps = newJumpPool(limits.ConnectionsPerJumpHost)
	return c, nil
}

// pulse is the keepalive interval for an endpoint, and after how many of silence it
// counts as dead: OpenSSH gives a host up when one more than ServerAliveCountMax have
// passed.
func (c *Client) pulse(e *endpoint) (interval time.Duration, silent int) {
	if !c.givenKeepalive && e.file != nil && e.file.ServerAliveInterval > 0 {
		return e.file.ServerAliveInterval, cmp.Or(e.file.ServerAliveCountMax, silentIntervals-1) + 1
	}
	return c.cfg.KeepaliveInterval, silentIntervals
}

// beat is the pulse of the host, or its default where there is to be none: what
// runs on a host needs to know when we are gone in any case.
func (c *Conn) beat() (interval time.Duration, silent int) {
	interval, silent = c.client.pulse(c.route.end)
	if interval <= 0 {
		interval = defaultKeepaliveInterval
	}
	return interval, silent
}

// heartbeat is how often what runs on a host hears from us.
func (c *Conn) heartbeat() time.Duration {
	interval, _ := c.beat()
	return interval * 4 / 3
}

// lease is how many seconds of silence what runs on a host allows us: half as
// long again as we allow the host, so that we have noticed first.
func (c *Conn) lease() int {
	interval, silent := c.beat()
	return max(2, int((interval * time.Duration(silent) * 3 / 2).Seconds()))
}

// Close closes the shared connections to jump hosts. Connections that are
// still open through them break.
func (c *Client) Close() error {
	c.jumps.close()
	if c.file != nil {
		c.file.file.Close()
	}
	return nil
}

// loginOf parses the credentials of a jump host once, however many targets
// name it: equal credentials must be one login, or hops could not be shared.
func (c *Client) loginOf(creds Credentials, field string) (*login, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.logins[creds]; l != nil {
		return l, nil
	}
	creds.redact(c.cfg.Redactor)
	l, err := newLogin(creds, field)
	if err == nil {
		c.logins[creds] = l
	}
	return l, err
}

func (l Limits) withDefaults() (Limits, error) {
	for field, n := range map[string]int64{
		"limits.connections": int64(l.Connections), "limits.connections_per_jump_host": int64(l.ConnectionsPerJumpHost),
		"limits.transfers": int64(l.Transfers), "limits.bandwidth": l.Bandwidth,
	} {
		if n < 0 {
			return l, &ConfigError{Field: field, Err: errors.New("it is negative"), hint: "Give a number above 0, or leave it out."}
		}
	}
	most := max(openFiles()-reservedFiles, 16)
	if l.Connections == 0 || l.Connections > most {
		l.Connections = most
	}
	if l.ConnectionsPerJumpHost == 0 {
		l.ConnectionsPerJumpHost = defaultPerJumpHost
	}
	if l.Transfers == 0 {
		l.Transfers = defaultTransfers
	}
	return l, nil
}

// checkUser refuses names that would be options or more than one word in the
// command line that starts a script.
func checkUser(name string) error {
	for i, r := range name {
		ok := r == '_' || r == '-' && i > 0 || r == '.' && i > 0 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !ok {
			return fmt.Errorf("%q is not a user name", name)
		}
	}
	return nil
}
