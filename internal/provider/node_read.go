// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// observedKey is the private state of an imported node: what refresh saw. Its
// first plan compares it with the bundle that is configured.
const observedKey = "observed"

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

	state, err := w.look(ctx)
	defer w.close()
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
		resp.State.RemoveResource(ctx)
	case state.Installed == node.None && state.Owner == nil:
		resp.State.RemoveResource(ctx)
	default:
		r.shared.machines.seen(w.cluster, w.target.Address, state.MachineID)
		resp.Diagnostics.Append(r.refresh(ctx, w, state, req.Private, resp)...)
	}
}

// look connects and inspects.
func (w *nodeWork) look(ctx context.Context) (*node.State, error) {
	w.target.ConnectTimeout = refreshConnectTimeout
	if t := w.shared.config.ConnectTimeout; t > 0 && t < refreshConnectTimeout {
		w.target.ConnectTimeout = t
	}
	if err := w.dial(ctx); err != nil {
		return nil, err
	}
	return node.Inspect(ctx, w.conn)
}

// refresh takes over what was seen on the host, and says in words what is not
// as it was installed.
func (r *nodeResource) refresh(ctx context.Context, w *nodeWork, state *node.State, private privateReader, resp *resource.ReadResponse) diag.Diagnostics {
	var diags diag.Diagnostics
	model := w.model
	words, diags := r.drift(ctx, w, state, private)
	if state.Role != "" && state.Role != model.role() {
		words = append(words, "the role on the host is "+string(state.Role)+", not "+string(model.role()))
	}
	model.observe(state, w.conn.HostKey())
	model.Drift = driftList(words)
	diags.Append(resp.State.Set(ctx, model)...)
	if b, d := model.bundle(ctx); !d.HasError() && b.Recipe.ValueString() == "" {
		diags.Append(keepObserved(ctx, resp.Private, state)...)
	}
	return diags
}

// drift compares the host with the bundle that was installed. Where the
// release is out of reach, it compares with what was noted then.
func (r *nodeResource) drift(ctx context.Context, w *nodeWork, state *node.State, private privateReader) ([]string, diag.Diagnostics) {
	b, err := w.bundle(ctx)
	if err == nil {
		return state.Drift(b, w.model.role()), nil
	}
	if !errors.Is(err, errNoRecipe) {
		tflog.Warn(ctx, "looking for drift without the bundle", map[string]any{"host": w.target.Address, "reason": r.shared.redactor.Redact(err.Error())})
	}
	text, diags := private.GetKey(ctx, expectedKey)
	if diags.HasError() || len(text) == 0 {
		return nil, diags
	}
	var want expected
	if err := json.Unmarshal(text, &want); err != nil {
		diags.Append(internalFault("reading what was installed", err))
		return nil, diags
	}
	return want.drift(state), diags
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

// keepObserved notes what refresh saw.
func keepObserved(ctx context.Context, private privateWriter, state *node.State) diag.Diagnostics {
	text, err := json.Marshal(state)
	if err != nil {
		return diag.Diagnostics{internalFault("noting what was seen on the host", err)}
	}
	return private.SetKey(ctx, observedKey, text)
}

// observed gives what refresh saw on an imported node; nil if it saw nothing.
func observed(ctx context.Context, private privateReader) (*node.State, diag.Diagnostics) {
	text, diags := private.GetKey(ctx, observedKey)
	if diags.HasError() || len(text) == 0 {
		return nil, diags
	}
	var state node.State
	if err := json.Unmarshal(text, &state); err != nil {
		diags.Append(internalFault("reading what was seen on the host", err))
		return nil, diags
	}
	return &state, diags
}
