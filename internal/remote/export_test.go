// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import "time"

// SetStepLimits shortens the limits of the steps of connecting.
func (c *Client) SetStepLimits(tcp, handshake, auth time.Duration) {
	c.limits = stepLimits{tcp: tcp, handshake: handshake, auth: auth}
}

// SetLinger shortens the time for which the work directory of a broken
// connection waits for a successor.
func (c *Client) SetLinger(d time.Duration) { c.linger = int(d.Seconds()) }
