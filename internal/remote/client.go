// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
)

// Client dials hosts. It is safe for use by many goroutines.
type Client struct {
	cfg Config
}

// NewClient checks everything in cfg that can be checked without a network.
// What cannot be used is a *ConfigError.
func NewClient(cfg Config) (*Client, error) { return &Client{cfg: cfg}, nil }

// Close closes the shared jump host connections. Connections that are still
// open through them break.
func (c *Client) Close() error { return nil }

// Dial connects to a host, trying again until its ConnectTimeout: hosts that
// are booting refuse, reset and close connections, and take logins late. A
// wrong host key ends it at once.
func (c *Client) Dial(ctx context.Context, t Target) (*Conn, error) {
	return nil, errors.New("remote: not built yet")
}

// Conn is a connection to a host. It is safe for use by many goroutines.
type Conn struct {
	target Target
}

// Target is what was dialled, with the client's defaults filled in.
func (c *Conn) Target() Target { return c.target }

// HostKey is the key that the host showed and that was accepted, in
// authorized_keys form.
func (c *Conn) HostKey() string { return "" }

// Run runs a script in one round trip. A script that ends with another code
// than 0 gives its Result and an *ExitError. When ctx is done, the script's
// process group on the host is ended.
func (c *Conn) Run(ctx context.Context, s Script) (*Result, error) {
	return nil, errors.New("remote: not built yet")
}

// Upload puts files into the work directory, verified, and gives the
// directory's path.
func (c *Conn) Upload(ctx context.Context, files []File, progress func(sent int64)) (dir string, err error) {
	return "", errors.New("remote: not built yet")
}

// Lock keeps other operators from this host until Close. If another has the
// lock, the error is a *LockedError.
func (c *Conn) Lock(ctx context.Context, owner string) error {
	return errors.New("remote: not built yet")
}

// Close removes the work directory, releases the lock and closes the
// connection.
func (c *Conn) Close() error { return nil }
