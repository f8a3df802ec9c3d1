// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Read looks at the host. There are three outcomes: the node is there; it is
// provably not (the host was reached, and DC/OS or the machine is gone), and
// leaves the state; or nothing is known, and the state is kept with a warning.
func (r *nodeResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const operation = "looking at the host"
	var model nodeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &model)...)
	resp.Diagnostics.Append(model.identify(ctx, resp.Identity)...)
	if resp.Diagnostics.HasError() {
		return
	}
	imported := model.ID.IsNull()
	if r.shared != nil && r.shared.fleet.Dial == nil && !imported {
		resp.Diagnostics.Append(notLookedAt(model.Address.ValueString(), r.shared.unknown))
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, lookedKey, nil)...)
		return
	}
	h, diags := r.shared.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Read(ctx, defaultReadTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	h.Bundle, diags = expected(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	h.Claim, diags = readClaim(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	h.Target.JumpKeys, diags = readJumpKeys(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	r.shared.claims.Store(r.shared.way(h.Target), h.Claim)
	if resp.Diagnostics.HasError() {
		return
	}
	sight, err := r.shared.fleet.Look(ctx, h)
	resp.Diagnostics.Append(keepRefused(ctx, resp.Private, err)...)
	resp.Diagnostics.Append(keepLooked(ctx, resp.Private, sight.State)...)
	switch {
	case err != nil && imported:
		resp.Diagnostics.Append(r.shared.hostError(&h, operation, err))
		return
	case err != nil:
		resp.Diagnostics.Append(r.shared.hostWarning(&h, operation, err))
		return
	case imported && (sight.State.Installed == node.None || sight.State.Role == ""):
		resp.Diagnostics.Append(nothingToImport(h.Address(), sight.State))
		return
	case imported:
		model.adopt(sight.State)
	case sight.Presence == fleet.Replaced:
		resp.Diagnostics.Append(machineReplaced(h.Address(), h.MachineID, sight.State.MachineID))
		resp.State.RemoveResource(ctx)
		return
	case sight.Presence == fleet.Gone:
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(keepJumpKeys(ctx, resp.Private, sight.HostKey, sight.JumpKeys)...)
	resp.Diagnostics.Append(refreshClaim(ctx, resp.Private, &h, sight, imported)...)
	if sight.Presence == fleet.Taken {
		return
	}
	model.observe(sight.State, sight.HostKey)
	if h.Bundle == nil && model.kept() {
		sight.Drift = sight.State.Damage(model.role())
	}
	model.Drift = driftList(sight.Drift)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(keepUnits(ctx, resp.Private, sight.State, model.role())...)
	if imported || h.Bundle == nil {
		resp.Diagnostics.Append(keepObserved(ctx, resp.Private, sight.State)...)
	}
}

// adopt fills in what an import does not say. The bundle has no recipe: no
// host knows where its release came from.
func (m *nodeModel) adopt(state *node.State) {
	m.Role = types.StringValue(string(state.Role))
	m.Bundle = bareBundle(state.Cluster, state.Version)
}
