// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// ModifyPlan says on which hosts apply has something to do. Of all others
// nothing changes.
func (r *nodePoolResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.shared == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planRemoval(ctx, req, resp)
		return
	}
	var plan nodePoolModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(checkSkip(ctx, plan.Preflight)...)
	b, diags := readBundle(ctx, plan.Bundle)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Pending = packMap(nil)
	value, err := hostsValue(plan.Hosts)
	if err != nil {
		resp.Diagnostics.Append(internalFault("reading the hosts of the pool", err))
		return
	}
	if value.IsUnknown() {
		plan.Nodes, plan.Summary = types.StringUnknown(), types.StringUnknown()
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	planned, diags := plan.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(twice(planned, r.shared.config.Port)...)
	resp.Diagnostics.Append(poolFits(planned)...)
	var prior nodePoolModel
	var before []*poolHost
	create := req.State.Raw.IsNull()
	if create {
		successor, err := successorOf(&plan, planned, b.ClusterName.ValueString())
		if err != nil {
			resp.Diagnostics.Append(internalFault("noting which hosts the pool will have", err))
			return
		}
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, successorKey, successor)...)
	} else {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
		if resp.Diagnostics.HasError() {
			return
		}
		before, diags = prior.hosts(ctx)
		resp.Diagnostics.Append(diags...)
		r.shared.recordPool(ctx, &prior, before)
		resp.Diagnostics.Append(poolSupported(ctx, &prior, &plan, before, req.Private)...)
	}
	hosts, leaving := matchHosts(planned, before)
	b, diags = r.keepImported(ctx, &prior, &plan, b, hosts, leaving, req.Private)
	resp.Diagnostics.Append(diags...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(r.planPlaces(ctx, &prior, &plan, before, leaving, hosts, req.Private, resp.Private)...)
	}
	if create {
		r.shared.pools.recall(&plan, b.ClusterName.ValueString(), hosts)
	}
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(r.planAdopted(ctx, &plan, b, hosts, req.Private)...)
	}
	toDo := plan.planNodes(hosts, b.ID, create)
	resp.Diagnostics.Append(r.planPoolBundle(ctx, b, !create && plan.Bundle.Equal(prior.Bundle), toDo)...)
	if n := len(toDo) + len(leaving); n > 0 && !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(poolToDo(toDo, leaving, len(hosts), create))
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// planPlaces registers which hosts the pool has and will have. prior is empty
// when the pool is made.
func (r *nodePoolResource) planPlaces(
	ctx context.Context, prior, plan *nodePoolModel, before, leaving, hosts []*poolHost, private privateReader, out privateWriter,
) diag.Diagnostics {
	note, diags := readPlanNote(ctx, private)
	if before == nil {
		diags.Append(r.shared.planEnsemble(ctx, &note, r.shared.plan.replaced(note.ID))...)
	} else {
		note = planNote{ID: note.ID} // what an earlier plan knew does not count
		gone, d := r.shared.planPool(ctx, note.ID, prior, leaving, private)
		diags.Append(d...)
		if plan.OnDestroy.ValueString() == onDestroyAbandon {
			gone = nil
		} else {
			// Apply plans an update anew, and does not know what this plan knew.
			for i := range gone {
				gone[i].given = true
			}
			var found foldedDiagnostics
			for i, to := range r.shared.plan.remove(gone...) {
				if to != nil && (to.holder != holderPool || to.elsewhere != here) {
					found.add(hostConflict(gone[i], planConflict{*to, conflictLeaves}, tfpath.Root("hosts")))
				}
			}
			diags.Append(found.diagnostics()...)
		}
		replaced, d := r.replacedMasters(ctx, prior, hosts, private)
		diags.Append(d...)
		lost, d := r.shared.planPool(ctx, note.ID, prior, replaced, private)
		diags.Append(d...)
		diags.Append(r.shared.planRemovals(ctx, &note, append(gone, lost...)...)...)
		note.Leave = nil
	}
	had := map[string]bool{}
	for _, h := range before {
		had[h.identity()] = !h.notInstalled()
	}
	there, d := r.shared.planPool(ctx, note.ID, plan, hosts, private)
	diags.Append(d...)
	var known []plannedHost
	var names []string
	for i, p := range there {
		p.had = had[hosts[i].identity()]
		p.stays = prior.OnDestroy.ValueString() == onDestroyAbandon || prior.unfinished()
		if !hosts[i].address.IsUnknown() {
			known, names = append(known, p), append(names, hosts[i].name)
		}
	}
	diags.Append(r.shared.planPlaces(ctx, known, func(i int) tfpath.Path { return tfpath.Root("hosts").AtMapKey(names[i]) })...)
	diags.Append(keepPrivate(ctx, out, planKey, note)...)
	return diags
}

// replacedMasters gives the masters that go with their machines, as they were: by the
// plan other machines come to their addresses, unless refresh has seen there what there was.
func (r *nodePoolResource) replacedMasters(ctx context.Context, prior *nodePoolModel, hosts []*poolHost, private privateReader,
) (replaced []*poolHost, diags diag.Diagnostics) {
	if node.Role(prior.Role.ValueString()) != node.Master {
		return nil, nil
	}
	var seen []string
	diags = readPrivate(ctx, private, lookedKey, &seen)
	for _, h := range hosts {
		if h.another && (h.machine.IsUnknown() || !slices.Contains(seen, h.identity())) {
			was := *h
			was.asItWas()
			replaced = append(replaced, &was)
		}
	}
	return replaced, diags
}

// planPool makes what the register knows of a pool's hosts.
func (s *shared) planPool(ctx context.Context, id string, model *nodePoolModel, hosts []*poolHost, private privateReader,
) ([]plannedHost, diag.Diagnostics) {
	like, diags := model.like(ctx, s)
	if diags.HasError() || len(hosts) == 0 {
		return nil, diags
	}
	masters := 0
	if like.Role == node.Master {
		b, d := readBundle(ctx, model.Bundle)
		diags.Append(d...)
		if t, known := topology(b); known {
			masters = t.Masters
		} else if seen, d := observed(ctx, private); seen != nil && !d.HasError() {
			masters = seen.Topology.Masters
		}
	}
	keys, d := readJumpKeys(ctx, private)
	diags.Append(d...)
	like.Target.JumpKeys = keys
	planned := make([]plannedHost, len(hosts))
	var found foldedDiagnostics
	for i, h := range hosts {
		host, d := h.host(ctx, s, like)
		found.addAll(d)
		planned[i] = s.planned(id, host)
		planned[i].masters = masters
	}
	diags.Append(found.diagnostics()...)
	return planned, diags
}

// planRemoval plans a destroy.
func (r *nodePoolResource) planRemoval(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state nodePoolModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	note, diags := readPlanNote(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() || state.OnDestroy.ValueString() == onDestroyAbandon {
		return
	}
	hosts, diags := state.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	note.Creation = false
	hosts = slices.DeleteFunc(hosts, (*poolHost).notInstalled)
	gone, diags := r.shared.planPool(ctx, note.ID, &state, hosts, req.Private)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(r.shared.planRemovals(ctx, &note, gone...)...)
	resp.Diagnostics.Append(keepPrivate(ctx, resp.Private, planKey, note)...)
}

// planNodes plans the outputs, and gives the hosts that there is something to
// do on with what it is. A creation promises nothing of its hosts: what this
// process has seen of them another one does not know, which applies the plan.
func (m *nodePoolModel) planNodes(hosts []*poolHost, bundleID types.String, create bool) map[string][]string {
	toDo := map[string][]string{}
	nodes := make([]packed.Element, 0, len(hosts))
	for _, h := range hosts {
		words := notKnownYet
		if !bundleID.IsUnknown() {
			words = h.toDo(bundleID.ValueString())
		}
		value := packed.Unknown()
		switch {
		case words != "":
			toDo[words] = append(toDo[words], h.name)
		case !create:
			value = h.encode()
		}
		nodes = append(nodes, packed.Element{Name: h.name, Value: value})
	}
	m.Summary = types.StringValue(poolSummary(len(nodes), len(nodes)))
	m.Nodes = packMap(nodes)
	return toDo
}

// planPoolBundle makes sure that the bundle can be made, if it is needed. same says
// that the pool's nodes have it.
func (r *nodePoolResource) planPoolBundle(
	ctx context.Context, b bundleModel, same bool, toDo map[string][]string,
) diag.Diagnostics {
	var diags diag.Diagnostics
	if len(toDo) == 0 || b.Recipe.IsUnknown() || r.shared.secrets.unknown {
		return diags
	}
	switch _, err := r.shared.bundleOf(ctx, b); {
	case err != nil && same && releaseGone(err):
		diags.Append(r.shared.bundleGone("", err)) // it may be a destroy, before which Terraform plans
	case err != nil:
		diags.Append(r.shared.bundleError("", err))
	}
	return diags
}

// poolSupported refuses what DC/OS cannot change on a running cluster, as a
// dcos_node does, for each version that the pool's hosts have.
func poolSupported(ctx context.Context, prior, plan *nodePoolModel, hosts []*poolHost, private privateReader) diag.Diagnostics {
	if plan.Bundle.Equal(prior.Bundle) {
		return nil
	}
	before, diags := readBundle(ctx, prior.Bundle)
	after, d := readBundle(ctx, plan.Bundle)
	if diags.Append(d...); diags.HasError() {
		return diags
	}
	versions := map[string]*poolHost{}
	for _, h := range hosts {
		if h.DCOSVersion != "" && h.BundleID != after.ID.ValueString() {
			versions[h.DCOSVersion] = h
		}
	}
	for version, h := range versions {
		before.DCOSVersion = types.StringValue(version)
		d := supported(ctx, h.address.ValueString(), node.Role(plan.Role.ValueString()), before, after, private)
		diags.Append(d...)
		if d.HasError() {
			break
		}
	}
	return diags
}

// twice refuses hosts that are in the pool twice. port is that of hosts that
// name none, 0 for SSH's own.
func twice(hosts []*poolHost, port int) diag.Diagnostics {
	if port == 0 {
		port = 22
	}
	var found foldedDiagnostics
	names := map[string]string{}
	for _, h := range hosts {
		if h.address.IsUnknown() {
			continue
		}
		reached := h.identity()
		if reached == h.address.ValueString() {
			reached = net.JoinHostPort(reached, strconv.Itoa(port))
		}
		if other, ok := names[reached]; ok {
			found.add(diag.NewAttributeErrorDiagnostic(tfpath.Root("hosts").AtMapKey(h.name), "Host Twice In The Pool",
				fmt.Sprintf("%s and %s have the same address, %s.", other, h.name, h.identity())))
		}
		names[reached] = h.name
	}
	return found.diagnostics()
}

// poolToDo words what an apply has to do, grouped by why.
func poolToDo(toDo map[string][]string, leaving []*poolHost, all int, create bool) diag.Diagnostic {
	count := len(leaving)
	grouped := map[string][]string{}
	for words, names := range toDo {
		count += len(names)
		words = causeOf(words, "", "")
		grouped[words] = append(grouped[words], names...)
	}
	if len(leaving) > 0 {
		names := make([]string, len(leaving))
		for i, h := range leaving {
			names[i] = h.name
		}
		grouped["to be removed"] = names
	}
	words := make([]string, 0, len(grouped))
	for w := range grouped {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int { return len(grouped[b]) - len(grouped[a]) })
	var b strings.Builder
	for i, w := range words {
		if i == maxCauses {
			b.WriteString("and others\n")
			break
		}
		slices.Sort(grouped[w])
		fmt.Fprintf(&b, "%s: %s\n  %s\n", plural(len(grouped[w]), "host"), w, namedHosts(grouped[w]))
	}
	if create && count < all {
		b.WriteString("\nTerraform calls this a replacement, since the pool's first apply failed on some hosts. The others stay as they are.\n")
	}
	return diag.NewWarningDiagnostic(fmt.Sprintf("%s of %s To Do", thousands(count), titled(plural(all+len(leaving), "host"))),
		strings.TrimSpace(b.String()))
}
