// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
)

var (
	_ resource.Resource               = (*nodePoolResource)(nil)
	_ resource.ResourceWithConfigure  = (*nodePoolResource)(nil)
	_ resource.ResourceWithModifyPlan = (*nodePoolResource)(nil)
)

// nodePoolResource is dcos_node_pool: DC/OS on many hosts of one role. What is
// done to one host is nodeResource's; its plan is in node_pool_plan.go, its
// refresh in node_pool_read.go.
type nodePoolResource struct {
	shared    *shared
	published bool
}

func newNodePoolResource() resource.Resource { return &nodePoolResource{} }

// newPublishedNodePoolResource gives the pool with the schema that users see;
// see server.
func newPublishedNodePoolResource() resource.Resource { return &nodePoolResource{published: true} }

// Metadata names the resource.
func (r *nodePoolResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_node_pool"
}

// Schema is in node_pool_schema.go.
func (r *nodePoolResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = nodePoolSchema(ctx)
	if !r.published {
		resp.Schema = packedPoolSchema(resp.Schema)
	}
}

// Configure takes what the provider block made.
func (r *nodePoolResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.shared = sharedFrom(req.ProviderData)
}

// Create installs DC/OS on the hosts. When some fail Terraform takes the pool
// for tainted and plans to replace it; see Delete for why nothing is lost.
func (r *nodePoolResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var model nodePoolModel
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, planKey, nil)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	b, diags := readBundle(ctx, model.Bundle)
	resp.Diagnostics.Append(diags...)
	hosts, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	if r.shared == nil {
		resp.Diagnostics.Append(notConfigured())
	}
	if resp.Diagnostics.HasError() {
		return
	}
	// Before the bundle is made, which may take its time: who has the hosts now
	// does not wait for long.
	r.shared.pools.recall(&model, b.ClusterName.ValueString(), hosts)
	model.ID = types.StringValue(newPoolID(hosts))
	release := r.shared.want(&model, b.ClusterName.ValueString(), hosts)
	run, limits, diags := r.begin(ctx, &model, nil)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(nameAdopted(model.Adopt, hosts)...)
	if resp.Diagnostics.HasError() {
		release()
		return
	}
	run.bring(hosts, limits)
	release()
	resp.Diagnostics.Append(keepPoolClaims(ctx, resp.Private, run.claim, hosts)...)
	resp.Diagnostics.Append(model.setBrought(hosts, len(hosts), run.bundleID)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(r.shared.keepExpected(ctx, resp.Private, run.like.Bundle)...)
	resp.Diagnostics.Append(run.keepJumpKeys(ctx, resp.Private)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, successorKey, nil)...)
	resp.Diagnostics.Append(run.warnings.diagnostics()...)
	resp.Diagnostics.Append(run.failures.diagnostics("installing DC/OS", len(hosts))...)
}

// begin makes ready for bringing hosts to the bundle.
func (r *nodePoolResource) begin(
	ctx context.Context, model *nodePoolModel, private privateReader,
) (*poolRun, func(fleet.Kind) time.Duration, diag.Diagnostics) {
	run, diags := r.shared.beginPool(ctx, model, private, true)
	install, d := model.Timeouts.Create(ctx, defaultCreateTimeout)
	diags.Append(d...)
	change, d := model.Timeouts.Update(ctx, defaultUpdateTimeout)
	diags.Append(d...)
	return run, func(k fleet.Kind) time.Duration {
		if k == fleet.FirstInstall {
			return install
		}
		return change
	}, diags
}

// Update installs hosts that came, upgrades, reconfigures or repairs those on
// which there is something to do, and then removes those that went.
func (r *nodePoolResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var model, prior nodePoolModel
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, planKey, nil)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	planned, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	before, diags := prior.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(readPoolClaims(ctx, req.Private, prior.ID.ValueString(), before)...)
	b, diags := readBundle(ctx, model.Bundle)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	hosts, leaving := matchHosts(planned, before)
	resp.Diagnostics.Append(nameAdopted(model.Adopt, hosts)...)
	if _, diags := r.recognize(ctx, req.Private, b, model.Role.ValueString(), hosts); diags.HasError() {
		resp.Diagnostics.Append(diags...)
		return
	}
	toDo := len(leaving)
	for _, h := range hosts {
		if h.toDo(b.ID.ValueString()) != "" {
			toDo++
		}
	}
	if toDo == 0 {
		model.set(hosts, b.ID.ValueString())
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
		return
	}
	if r.shared == nil {
		resp.Diagnostics.Append(notConfigured())
		return
	}
	release := r.shared.want(&model, b.ClusterName.ValueString(), hosts)
	run, limits, diags := r.begin(ctx, &model, req.Private)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		release()
		return
	}
	note, diags := readPlanNote(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if run.abandons() {
		r.shared.forgetHosts(ctx, run.like.Cluster, leaving) // one of them may come back at another address
	} else {
		run.offer(leaving) // whoever wants one need not wait until all the others are done
	}
	if was, d := readBundle(ctx, prior.Bundle); !d.HasError() {
		run.like.Former = was.ClusterName.ValueString()
	}
	run.bring(hosts, limits)
	release()
	hosts = append(hosts, renamed(run.remove(run.notLeft(note, notOf(hosts, leaving)), limit), hosts)...)
	resp.Diagnostics.Append(model.setBrought(hosts, len(planned), run.bundleID)...)
	resp.Diagnostics.Append(keepPoolClaims(ctx, resp.Private, run.claim, hosts)...)
	if !slices.ContainsFunc(hosts, (*poolHost).imported) {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, surveyKey, nil)...)
	}
	resp.Diagnostics.Append(run.keepJumpKeys(ctx, resp.Private)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(r.shared.keepExpected(ctx, resp.Private, run.like.Bundle)...)
	resp.Diagnostics.Append(run.warnings.diagnostics()...)
	resp.Diagnostics.Append(run.failures.diagnostics("bringing the pool to its bundle and its hosts", toDo)...)
}

// Delete uninstalls.
//
// Terraform replaces a pool whose creation failed on some hosts, which would
// take DC/OS off all those that are done. The plan of such a replacement is
// that of a creation, and says in its private state which hosts the new pool
// has: they are left as they are, and the creation that follows takes them
// over.
func (r *nodePoolResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var model nodePoolModel
	resp.Diagnostics.Append(req.State.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.OnDestroy.ValueString() == onDestroyAbandon {
		r.shared.forgetPool(ctx, &model)
		return
	}
	hosts, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(readPoolClaims(ctx, req.Private, model.ID.ValueString(), hosts)...)
	successor, diags := readSuccessor(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	run, diags := r.shared.beginPool(ctx, &model, req.Private, false)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.unfinished() {
		hosts = successor.without(hosts, &model, run)
	}
	note, diags := readPlanNote(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	hosts = run.notLeft(note, hosts)
	all := len(hosts)
	left := run.remove(hosts, limit)
	resp.Diagnostics.Append(run.warnings.diagnostics()...)
	if len(left) > 0 {
		resp.Diagnostics.Append(model.setHosts(left, run.bundleID)...)
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	}
	resp.Diagnostics.Append(run.failures.diagnostics("uninstalling DC/OS", all)...)
}
