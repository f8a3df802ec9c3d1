// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A pool's claim is its id: Terraform does not hand private state on to the
// removal of a pool that is replaced because its creation failed, and the id is
// in its state. A host that has no claim counts as one that has the pool's: which
// hosts an earlier version of the provider installed is not noted, there may be
// fifty thousand.

// poolClaims are the claims of those hosts of a pool that have another one yet,
// such as hosts that came from another pool and on which nothing was changed
// since, by where the host is reached.
type poolClaims map[string]string

// readPoolClaims gives hosts their claims.
func readPoolClaims(ctx context.Context, private privateReader, pool string, hosts []*poolHost) diag.Diagnostics {
	var c poolClaims
	diags := readPrivate(ctx, private, claimKey, &c)
	for _, h := range hosts {
		h.Claim = pool
		if other := c[h.identity()]; len(c) > 0 && other != "" {
			h.Claim = other
		}
	}
	return diags
}

// keepPoolClaims notes the claims of hosts.
func keepPoolClaims(ctx context.Context, private privateWriter, pool string, hosts []*poolHost) diag.Diagnostics {
	c := poolClaims{}
	for _, h := range hosts {
		if h.Claim != "" && h.Claim != pool && !h.notInstalled() {
			c[h.identity()] = h.Claim
		}
	}
	if len(c) == 0 {
		return private.SetKey(ctx, claimKey, nil)
	}
	return keepPrivate(ctx, private, claimKey, c)
}

// newPoolID is the id of a pool that is made: that of the pool which it replaces,
// if it goes on with its hosts.
func newPoolID(hosts []*poolHost) string {
	for _, h := range hosts {
		if h.Claim != "" {
			return h.Claim
		}
		if h.former != nil && h.former.Claim != "" {
			return h.former.Claim
		}
	}
	return node.NewClaimID()
}
