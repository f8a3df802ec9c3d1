// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// jumpKeysKey is the private state of dcos_node and dcos_node_pool with the keys
// that the jump hosts on the way have shown: what was accepted the first time has
// to be shown again, unless host_key or known_hosts name another. The key of a
// node itself is in its attributes; that of a jump host is no attribute of what is
// behind it. Data sources have no private state, so what they accept is pinned
// nowhere.
const jumpKeysKey = "jump_keys"

// readJumpKeys gives what is noted of jump hosts.
func readJumpKeys(ctx context.Context, private privateReader) (keys map[string]string, diags diag.Diagnostics) {
	diags = readPrivate(ctx, private, jumpKeysKey, &keys)
	return keys, diags
}

// keepJumpKeys notes what jump hosts have shown on the way to something that was
// reached: hostKey is its key, "" if it was not.
func keepJumpKeys(ctx context.Context, private privateWriter, hostKey string, keys map[string]string) diag.Diagnostics {
	switch {
	case hostKey == "":
		return nil
	case len(keys) == 0:
		return private.SetKey(ctx, jumpKeysKey, nil)
	}
	return keepPrivate(ctx, private, jumpKeysKey, keys)
}

// passed takes over what jump hosts have shown on the way to one of a pool's hosts.
func (r *poolRun) passed(keys map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.jumpKeys == nil && len(keys) > 0 {
		r.jumpKeys = map[string]string{}
	}
	maps.Copy(r.jumpKeys, keys)
}

// keepJumpKeys notes what was taken over; of jump hosts that no host was reached
// through what is noted stays.
func (r *poolRun) keepJumpKeys(ctx context.Context, private privateWriter) diag.Diagnostics {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.jumpKeys) == 0 {
		return nil
	}
	keys := maps.Clone(r.like.Target.JumpKeys)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, r.jumpKeys)
	return keepPrivate(ctx, private, jumpKeysKey, keys)
}
