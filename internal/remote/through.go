// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"net"
)

// DialThrough opens a TCP stream from the host to another address, as the host
// sees it, inside this connection. Host names are looked up on the host. The
// stream ends with the connection. The error is a [*LostError] if the connection has
// ended; another one is about that stream alone.
func (c *Conn) DialThrough(ctx context.Context, host string, port int) (net.Conn, error) {
	t := c.primary()
	stream, err := t.forward(ctx, trimBrackets(host), port)
	if err != nil && !t.alive() {
		return nil, c.lost(t, "the way to "+joinHostPort(host, port), err)
	}
	return stream, err
}
