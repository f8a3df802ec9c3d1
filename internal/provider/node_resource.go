// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

var (
	_ resource.Resource                = (*nodeResource)(nil)
	_ resource.ResourceWithConfigure   = (*nodeResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*nodeResource)(nil)
	_ resource.ResourceWithImportState = (*nodeResource)(nil)
	_ resource.ResourceWithIdentity    = (*nodeResource)(nil)
)

// nodeResource is dcos_node: DC/OS on one host. Its plan is in node_plan.go,
// its refresh in node_read.go.
type nodeResource struct{ shared *shared }

func newNodeResource() resource.Resource { return &nodeResource{} }

// Metadata names the resource.
func (r *nodeResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_node"
}

// Schema is in node_schema.go.
func (r *nodeResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = nodeSchema(ctx)
}

// Configure takes what the provider block made.
func (r *nodeResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.shared = sharedFrom(req.ProviderData)
}

// Create installs DC/OS. From the first change on the host on, the node is in
// state: a failure then leaves it tainted, and destroy cleans up.
func (r *nodeResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var model nodeModel
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, planKey, nil)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	resp.Diagnostics.Append(model.identify(ctx, resp.Identity)...)
	h, diags := r.shared.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Create(ctx, defaultCreateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	result, diags := r.bring(ctx, &model, &h, fleet.Terms{Kind: fleet.FirstInstall})
	resp.Diagnostics.Append(diags...)
	planned := model
	switch {
	case result.State != nil:
		model.observe(result.State, result.HostKey)
		model.settle(&planned)
	case result.Before != nil:
		model.observe(result.Before, result.HostKey)
	default:
		return // nothing was changed
	}
	model.Drift = noDrift()
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(r.shared.keepExpected(ctx, resp.Private, h.Bundle)...)
	resp.Diagnostics.Append(keepClaim(ctx, resp.Private, result)...)
	resp.Diagnostics.Append(keepJumpKeys(ctx, resp.Private, result.HostKey, result.JumpKeys)...)
}

// begin makes the host of a model. What cannot be reached for want of
// configuration is in the diagnostics.
func (s *shared) begin(ctx context.Context, model *nodeModel) (fleet.Host, diag.Diagnostics) {
	if diags := s.ready(); diags.HasError() {
		return fleet.Host{}, diags
	}
	return model.host(ctx, s)
}

// bring makes the bundle, and the host the node that it says.
func (r *nodeResource) bring(ctx context.Context, model *nodeModel, h *fleet.Host, terms fleet.Terms) (fleet.Result, diag.Diagnostics) {
	var diags diag.Diagnostics
	operation := "changing DC/OS in place"
	if terms.Kind == fleet.FirstInstall {
		operation = "installing DC/OS"
	}
	defer r.shared.fleet.Turns.Arrive(h.Cluster, h.Role, terms.Kind)()
	var err error
	if h.Bundle, err = model.makeBundle(ctx, r.shared); err != nil {
		diags.Append(r.shared.bundleError(h.Address(), err))
		return fleet.Result{}, diags
	}
	if terms.Kind == fleet.FirstInstall {
		terms.Keeper = r.shared.keeper(*h)
	}
	terms.Warn = func(f node.Finding) { diags.Append(r.shared.finding(h.Address(), f)) }
	result, err := r.shared.fleet.Bring(ctx, *h, terms)
	if err != nil {
		diags.Append(r.shared.hostError(h, operation, err))
	}
	return result, diags
}

// makeBundle makes the bundle of the model's recipe.
func (m *nodeModel) makeBundle(ctx context.Context, s *shared) (*bundle.Bundle, error) {
	b, diags := m.bundle(ctx)
	if diags.HasError() {
		return nil, errNoRecipe
	}
	return s.bundleOf(ctx, b)
}

// Update upgrades, reconfigures or repairs in place, if the plan has anything
// that concerns the host.
func (r *nodeResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var model, prior nodeModel
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, planKey, nil)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(prior.identify(ctx, resp.Identity)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.kept() && !prior.kept() { // what it was installed from does not count any more
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, expectedKey, nil)...)
	}
	if !concernsHost(ctx, &prior, &model) {
		if prior.machineNamed(&model) {
			if resp.Diagnostics.Append(r.sameMachine(ctx, &model, req.Private)...); resp.Diagnostics.HasError() {
				return
			}
		}
		model.settle(&prior)
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
		return
	}
	h, diags := r.shared.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Update(ctx, defaultUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	kind := fleet.Change
	if model.Bundle.Equal(prior.Bundle) {
		kind = fleet.Repair
	}
	h.Claim, diags = readClaim(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	h.Target.JumpKeys, diags = readJumpKeys(ctx, req.Private)
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	if was, d := prior.bundle(ctx); !d.HasError() {
		h.Former = was.ClusterName.ValueString()
	}
	h.OtherThan, diags = notOn(ctx, req.Private, &prior, &model)
	resp.Diagnostics.Append(diags...)
	terms := fleet.Terms{Kind: kind}
	looked, diags := expected(ctx, req.Private)
	// A machine that was rebuilt was not looked at, and without an expectation no plan knows what is amiss.
	if resp.Diagnostics.Append(diags...); looked != nil && !model.ID.IsUnknown() {
		drift := prior.drift(ctx)
		terms.Foreseen = func(found string) bool { return slices.Contains(drift, found) }
	}
	result, diags := r.bring(ctx, &model, &h, terms)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(keepClaim(ctx, resp.Private, result)...)
	resp.Diagnostics.Append(keepJumpKeys(ctx, resp.Private, result.HostKey, result.JumpKeys)...)
	if result.State == nil {
		if model.ID.IsUnknown() && result.Before != nil {
			resp.Diagnostics.Append(resp.State.Set(ctx, prior.begunOn(&model, &h, result))...)
		}
		return // else the state stays: the next plan has the same to do
	}
	planned := model
	model.observe(result.State, result.HostKey)
	model.Drift = noDrift()
	model.settle(&planned)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(r.shared.keepExpected(ctx, resp.Private, h.Bundle)...)
}

// Delete uninstalls.
func (r *nodeResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var model nodeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.OnDestroy.ValueString() == onDestroyAbandon {
		if b, d := model.bundle(ctx); r.shared != nil && !d.HasError() {
			r.shared.fleet.Forget(ctx, b.ClusterName.ValueString(), model.Address.ValueString())
		}
		return
	}
	note, diags := readPlanNote(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if len(note.Leave) > 0 {
		resp.Diagnostics.Append(handedOver(model.Address.ValueString()))
		return
	}
	h, diags := r.shared.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer r.shared.fleet.Turns.Arrive(h.Cluster, h.Role, fleet.Removal)()

	var err error
	if h.Bundle, err = model.makeBundle(ctx, r.shared); err != nil { // it helps, and is not needed
		tflog.Debug(ctx, "uninstalling without the bundle",
			map[string]any{"host": h.Address(), "reason": r.shared.redactor.Redact(err.Error())})
	}
	h.Claim, diags = readClaim(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	h.Target.JumpKeys, diags = readJumpKeys(ctx, req.Private)
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	if h.Claim == "" && note.Creation {
		h.Claim, h.ClaimLost = note.Claim, note.Claim == ""
	}
	terms := fleet.Terms{IfReachable: r.shared.givesUp(model.OnDestroy), EnsembleGoes: r.shared.ensembleGoes(note, h.Cluster)}
	terms.Warn = func(f node.Finding) { resp.Diagnostics.Append(r.shared.finding(h.Address(), f)) }
	result, err := r.shared.fleet.Remove(ctx, h, terms)
	switch {
	case err != nil:
		f := r.shared.removalFailure(&h, err)
		resp.Diagnostics.AddError(f.summary, r.shared.redactor.Redact(f.detail()))
	case result.Left != nil:
		resp.Diagnostics.Append(leftNode(h.Address(), result.Left))
	default:
		r.shared.plan.done(r.shared.way(h.Target))
	}
}

// ImportState takes the address; Read fills in the rest from the host.
func (r *nodeResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id, diags := importedFrom(ctx, req)
	if resp.Diagnostics.Append(diags...); diags.HasError() {
		return
	}
	set := func(at tfpath.Path, value any) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, at, value)...)
	}
	set(tfpath.Root("address"), id.address)
	if id.user == "" && id.port == 0 {
		return
	}
	ssh := nodeSSHModel{JumpHosts: types.ListNull(nodeJumpHostType)}
	if id.user != "" {
		ssh.User = types.StringValue(id.user)
	}
	if id.port != 0 {
		ssh.Port = types.Int64Value(id.port)
	}
	set(tfpath.Root("ssh"), ssh)
}

// settle takes over what a plan promised: a value that has moved on since is
// for the next refresh to show.
func (m *nodeModel) settle(planned *nodeModel) {
	for _, pair := range []struct{ now, planned *types.String }{
		{&m.ID, &planned.ID}, {&m.HostKey, &planned.HostKey}, {&m.DCOSVersion, &planned.DCOSVersion},
		{&m.ConfigPackageID, &planned.ConfigPackageID}, {&m.DetectedIP, &planned.DetectedIP},
	} {
		if !pair.planned.IsUnknown() && !pair.planned.IsNull() {
			*pair.now = *pair.planned
		}
	}
	if m.Drift.IsUnknown() {
		m.Drift = planned.Drift
	}
}

// bundleOf makes a bundle from its object, and makes sure that it is the one
// that the object is of: nodes of one cluster must not get different ones.
func (s *shared) bundleOf(ctx context.Context, b bundleModel) (*bundle.Bundle, error) {
	if b.Recipe.ValueString() == "" {
		return nil, errNoRecipe
	}
	made, err := s.bundles.Bundle(ctx, b.Recipe.ValueString(), s.secrets.values)
	var bad *release.Error
	switch {
	case errors.As(err, &bad):
		return nil, bad
	case err != nil:
		return nil, err
	}
	for name := range made.Secret {
		s.redactor.Add(made.Arguments[name])
	}
	if id := b.ID.ValueString(); made.ID != id {
		return nil, fmt.Errorf("it was planned as %.12s, and is %.12s now: since dcos_cluster_config was planned, another release has come to "+
			"the same place, "+
			"or the provider's secrets or the provider itself have changed; put back what was there, or render it anew with -replace", id, made.ID)
	}
	return made, nil
}
