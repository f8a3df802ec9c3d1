// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// maxGreeting is how many bytes a server may say before it says who it is.
const maxGreeting = 8 << 10

// A Way is how a host is reached, as far as the network is concerned.
type Way struct {
	Port int
	Via  string // the proxy or proxy command and the jump hosts in between, in order; "" if nothing is
}

// Way returns how a target is reached. The error is that of a target that Dial
// refuses.
func (c *Client) Way(ctx context.Context, t Target) (Way, error) {
	r, err := c.route(ctx, t)
	if err != nil {
		return Way{}, err
	}
	via := cmp.Or(r.command, c.proxyLabel)
	if n := len(r.hops); n > 0 {
		via = strings.TrimSpace(via + " " + r.hops[n-1].way)
	}
	return Way{Port: r.end.port, Via: via}, nil
}

// Greet connects to a host just so far that an SSH server there has said who it
// is (RFC 4253, section 4.2), once and without a login, and hangs up. Jump hosts
// are passed as Dial passes them. Its errors are those of Dial.
func (c *Client) Greet(ctx context.Context, t Target) error {
	r, err := c.route(ctx, t)
	if err != nil {
		return err
	}
	if err := c.connections.acquire(ctx); err != nil {
		return fmt.Errorf("waiting to connect to %s: %w", r.end.label, err)
	}
	defer c.connections.release()
	failed := func(at Step, via string, err error) error {
		if fatal := permanent(err); fatal != nil {
			return fatal
		}
		return &ConnectError{Host: r.end.label, Via: via, Attempts: 1, Stage: at, Err: err}
	}
	nc, release, via, at, err := c.reach(ctx, r)
	if err != nil {
		return failed(at, via, err)
	}
	defer release()
	defer func() { _ = nc.Close() }() // nothing was said
	within := ctx                     // what the caller allows
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.handshake, fmt.Errorf("no word within %s", c.limits.handshake))
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })() // which ends the reading
	err = greeting(nc)
	switch {
	case err == nil:
		return nil
	case within.Err() != nil:
		return failed(StepHandshake, "", context.Cause(within))
	case ctx.Err() != nil && !errors.As(err, new(*NotSSHError)):
		err = context.Cause(ctx)
	default:
		err = throughProxy(nc, err)
	}
	return failed(StepHandshake, "", err)
}

// greeting reads what comes until an SSH server has said who it is.
func greeting(nc net.Conn) error {
	w := &wire{Conn: nc}
	words := make([]byte, 256)
	for !w.greeted {
		_, err := w.Read(words)
		if err == nil && w.read.Load() > maxGreeting {
			err = fmt.Errorf("more than %d KiB came", maxGreeting>>10)
		}
		if err == nil || w.greeted {
			continue
		}
		if said := w.foreign(); said != "" {
			return &NotSSHError{Said: said}
		}
		return fmt.Errorf("no SSH server says who it is: %w", err)
	}
	return nil
}
