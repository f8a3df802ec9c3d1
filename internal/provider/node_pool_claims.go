// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// poolClaims are the claims of a pool's hosts, as private state has them: one
// for all of them, and those of hosts that have another one yet, such as hosts
// that came from another pool and on which nothing was changed since.
//
// A host that has no claim counts as one that has the pool's: which hosts an
// earlier version of the provider installed is not noted, there may be fifty
// thousand.
type poolClaims struct {
	Pool  string            `json:"pool"`
	Other map[string]string `json:"other,omitempty"` // by where the host is reached
}

// readPoolClaims gives hosts the claims that private state has for them.
func readPoolClaims(ctx context.Context, private privateReader, hosts []*poolHost) (claim string, diags diag.Diagnostics) {
	var c poolClaims
	diags = readPrivate(ctx, private, claimKey, &c)
	for _, h := range hosts {
		if h.Claim = c.Pool; len(c.Other) > 0 {
			if other := c.Other[h.identity()]; other != "" {
				h.Claim = other
			}
		}
	}
	return c.Pool, diags
}

// keepPoolClaims notes the claims of hosts.
func keepPoolClaims(ctx context.Context, private privateWriter, claim string, hosts []*poolHost) diag.Diagnostics {
	c := poolClaims{Pool: claim, Other: map[string]string{}}
	for _, h := range hosts {
		if h.Claim != "" && h.Claim != claim && !h.notInstalled() {
			c.Other[h.identity()] = h.Claim
		}
	}
	return keepPrivate(ctx, private, claimKey, c)
}

// newPoolClaim is a pool's claim from its first change on.
func newPoolClaim(claim string) string {
	if claim == "" {
		claim = node.NewClaimID()
	}
	return claim
}

// formerClaim is the claim of the pool that this one replaces, whose hosts it
// goes on with; "" if there is none.
func formerClaim(hosts []*poolHost) string {
	for _, h := range hosts {
		if h.Claim != "" {
			return h.Claim
		}
	}
	return ""
}
