// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"net"
)

// DialThrough opens a TCP stream from the host to another address, as the host
// sees it, inside this connection. Host names are looked up on the host. The
// stream ends with the connection.
func (c *Conn) DialThrough(ctx context.Context, host string, port int) (net.Conn, error) {
	return c.primary().forward(ctx, trimBrackets(host), port)
}
