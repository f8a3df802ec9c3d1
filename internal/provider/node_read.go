// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Read looks at the host. There are three outcomes: the node is there; it is
// provably not (the host was reached, and DC/OS or the machine is gone), and
// leaves the state; or nothing is known, and the state is kept with a warning.
func (r *nodeResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const operation = "looking at the host"
	var model nodeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	imported := model.ID.IsNull()
	if r.shared != nil && r.shared.client == nil && !imported {
		resp.Diagnostics.Append(notLookedAt(model.Address.ValueString(), r.shared.unknown))
		return
	}
	w, diags := r.shared.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Read(ctx, defaultReadTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	want, diags := expected(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	state, err := w.look(ctx, want)
	defer w.close()
	resp.Diagnostics.Append(keepRefused(ctx, resp.Private, err)...)
	switch {
	case err != nil && imported:
		resp.Diagnostics.Append(w.hostError(ctx, operation, err))
	case err != nil:
		resp.Diagnostics.Append(w.hostWarning(ctx, operation, err))
	case imported && (state.Installed == node.None || state.Role == ""):
		resp.Diagnostics.Append(nothingToImport(model.Address.ValueString(), state))
	case imported:
		model.adopt(state)
		model.observe(state, w.conn.HostKey())
		model.Drift = noDrift()
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
		resp.Diagnostics.Append(keepObserved(ctx, resp.Private, state)...)
	case state.MachineID != model.ID.ValueString():
		resp.Diagnostics.Append(machineReplaced(model.Address.ValueString(), model.ID.ValueString(), state.MachineID))
		r.shared.gone(ctx, w.cluster, w.target.Address)
		resp.State.RemoveResource(ctx)
	case state.Gone():
		r.shared.gone(ctx, w.cluster, w.target.Address)
		resp.State.RemoveResource(ctx)
	default:
		r.shared.seen(ctx, w.cluster, w.machine(state.MachineID, state.BootID))
		resp.Diagnostics.Append(w.refresh(ctx, state, want, resp)...)
	}
}

// look connects and inspects. Of a bundle to compare with, all files are
// looked at.
func (w *nodeWork) look(ctx context.Context, want *bundle.Bundle) (*node.State, error) {
	w.target.ConnectTimeout = refreshConnectTimeout
	if t := w.shared.config.ConnectTimeout; t > 0 && t < refreshConnectTimeout {
		w.target.ConnectTimeout = t
	}
	if err := w.dial(ctx); err != nil {
		return nil, err
	}
	if want == nil {
		return node.Inspect(ctx, w.conn)
	}
	return node.Inspect(ctx, w.conn, node.Paths(want)...)
}

// refresh takes over what was seen on the host, and says in words what is not
// as it was installed.
func (w *nodeWork) refresh(ctx context.Context, state *node.State, want *bundle.Bundle, resp *resource.ReadResponse) diag.Diagnostics {
	var diags diag.Diagnostics
	model := w.model
	model.observe(state, w.conn.HostKey())
	model.Drift = noDrift()
	if want != nil {
		model.Drift = driftList(state.Drift(want, model.role()))
	} else {
		diags.Append(keepObserved(ctx, resp.Private, state)...)
	}
	diags.Append(resp.State.Set(ctx, model)...)
	return diags
}

// adopt fills in what an import does not say. The bundle has no recipe: no
// host knows where its release came from.
func (m *nodeModel) adopt(state *node.State) {
	m.Role = types.StringValue(string(state.Role))
	m.Bundle = types.ObjectValueMust(bundleTypes, map[string]attr.Value{
		"id": types.StringValue(""), "recipe": types.StringValue(""),
		"cluster_name": types.StringValue(state.Cluster), "dcos_version": types.StringValue(state.Version),
	})
}
