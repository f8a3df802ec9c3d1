// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	b, diags := model.asNode().bundle(ctx)
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
	release := r.shared.claim(&model, b.ClusterName.ValueString(), hosts)
	run, limits, diags := r.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		release()
		return
	}
	run.bring(hosts, limits)
	release()
	model.ID = types.StringValue(rand.Text())
	model.set(hosts, run.bundleID)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(r.shared.keepExpected(ctx, resp.Private, run.bundle)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, successorKey, nil)...)
	resp.Diagnostics.Append(run.warnings...)
	resp.Diagnostics.Append(run.failures.diagnostics("installing DC/OS", len(hosts))...)
}

// begin makes ready for bringing hosts to the bundle.
func (r *nodePoolResource) begin(ctx context.Context, model *nodePoolModel) (*poolRun, func(fleet.Kind) time.Duration, diag.Diagnostics) {
	run, diags := r.shared.beginPool(ctx, model, true)
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
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	planned, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	before, diags := prior.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	b, diags := model.asNode().bundle(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	hosts, leaving := matchHosts(planned, before)
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
	release := r.shared.claim(&model, b.ClusterName.ValueString(), hosts)
	run, limits, diags := r.begin(ctx, &model)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		release()
		return
	}
	if run.abandons() {
		r.shared.goneHosts(ctx, run.cluster, leaving) // one of them may come back at another address
	} else {
		run.offer(leaving) // whoever wants one need not wait until all the others are done
	}
	run.bring(hosts, limits)
	release()
	hosts = append(hosts, renamed(run.remove(notOf(hosts, leaving), limit), hosts)...)
	if len(hosts) > len(planned) {
		resp.Diagnostics.Append(model.setHosts(hosts, run.bundleID)...)
	} else {
		model.set(hosts, run.bundleID)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	resp.Diagnostics.Append(r.shared.keepExpected(ctx, resp.Private, run.bundle)...)
	resp.Diagnostics.Append(run.warnings...)
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
		r.shared.gonePool(ctx, &model)
		return
	}
	hosts, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	successor, diags := readSuccessor(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	run, diags := r.shared.beginPool(ctx, &model, false)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.unfinished() {
		hosts = successor.without(hosts, &model, run)
	}
	all := len(hosts)
	left := run.remove(hosts, limit)
	resp.Diagnostics.Append(run.warnings...)
	if len(left) > 0 {
		resp.Diagnostics.Append(model.setHosts(left, run.bundleID)...)
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
	}
	resp.Diagnostics.Append(run.failures.diagnostics("uninstalling DC/OS", all)...)
}

// renamed gives hosts that are left names that no other has: theirs may stand
// for another address now.
func renamed(left, others []*poolHost) []*poolHost {
	taken := map[string]bool{}
	for _, h := range others {
		taken[h.name] = true
	}
	for _, h := range left {
		name := strings.TrimSuffix(h.name, beforeSuffix)
		for n := 1; taken[h.name]; n++ {
			h.name = name + beforeSuffix
			if n > 1 {
				h.name += fmt.Sprintf(" %d", n)
			}
		}
		taken[h.name] = true
	}
	return left
}

const beforeSuffix = " (before)"

// notOf gives the leaving hosts whose machines are not those of hosts that the
// pool has: the same machine may be reached in another way now.
func notOf(hosts, leaving []*poolHost) []*poolHost {
	machines := map[string]bool{}
	for _, h := range hosts {
		machines[h.MachineID] = !h.notInstalled()
	}
	return slices.DeleteFunc(leaving, func(h *poolHost) bool { return machines[h.MachineID] })
}

// matchHosts gives the hosts of a plan with what is known of them from the
// state, whatever their names were there, and those of the state that the plan
// has no more. A host is where it is reached; where one host alone has an
// address, on both sides, its port may be another.
func matchHosts(planned, prior []*poolHost) (hosts, leaving []*poolHost) {
	known := make(map[string]*poolHost, len(prior))
	for _, h := range prior {
		known[h.identity()] = h
	}
	gone := maps.Clone(known)
	for _, h := range planned {
		h.poolRecord, h.former = poolRecord{}, nil
		if h.address.IsUnknown() {
			continue
		}
		if was := known[h.identity()]; was != nil {
			h.continues(was)
			delete(gone, h.identity())
		}
	}
	before, now := alone(prior), alone(planned)
	for address, h := range now {
		was := before[address]
		if was == nil || h == nil || known[h.identity()] != nil || gone[was.identity()] != was {
			continue
		}
		h.continues(was)
		delete(gone, was.identity())
	}
	for _, h := range prior {
		if gone[h.identity()] == h {
			leaving = append(leaving, h)
		}
	}
	return planned, leaving
}

// alone gives the hosts whose addresses no other one has, by these; nil stands
// for several.
func alone(hosts []*poolHost) map[string]*poolHost {
	list := make(map[string]*poolHost, len(hosts))
	for _, h := range hosts {
		if h.address.IsUnknown() {
			continue
		}
		address := h.address.ValueString()
		if _, several := list[address]; several {
			h = nil
		}
		list[address] = h
	}
	return list
}

// continues takes over what is known of the host from the state.
func (h *poolHost) continues(was *poolHost) {
	h.poolRecord = was.poolRecord
	if pinned := h.pinned(); pinned != "" && h.HostKey != "" && !sameKey(pinned, h.HostKey) {
		// The user says that the machine was rebuilt.
		former := h.poolRecord
		h.poolRecord, h.former = poolRecord{}, &former
	}
}
