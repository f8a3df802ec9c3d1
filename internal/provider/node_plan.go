// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// ModifyPlan says what apply will do to the host: which version and which
// configuration package will be there, and that drift will be gone.
func (r *nodeResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.shared == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planRemoval(ctx, req, resp)
		return
	}
	var plan nodeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(checkSkip(ctx, plan.Preflight)...)
	if resp.Diagnostics.HasError() {
		return
	}
	written, diags := configuredBundle(ctx, req.Config)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		if noBundle(written) {
			resp.Diagnostics.Append(plan.planKept(ctx, nil, false)...)
			return
		}
		resp.Diagnostics.Append(r.planBundle(ctx, nil, &plan)...)
		resp.Diagnostics.Append(r.planPlace(ctx, nil, &plan, machineSame, req.Private, resp.Private)...)
		plan.Drift = noDrift()
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	var state nodeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if h, d := state.host(ctx, r.shared); !d.HasError() {
		r.shared.fleet.Record(ctx, h.Cluster, h)
	}
	machine, diags := machineChanged(ctx, req.Private, &state, &plan)
	resp.Diagnostics.Append(diags...)
	if noBundle(written) {
		plan.keepBundle(ctx, &state)
	}
	resp.Diagnostics.Append(r.planPlace(ctx, &state, &plan, machine, req.Private, resp.Private)...)
	if machine == machineReplaces { // the other half of the replacement is planned by itself
		resp.RequiresReplace = append(resp.RequiresReplace, tfpath.Root("machine"))
		return
	}
	rebuilt, diags := confirmed(ctx, req.Private, &plan)
	resp.Diagnostics.Append(diags...)
	if machine == machineOther {
		rebuilt = true
		resp.Diagnostics.Append(otherMachine(&state, &plan))
	}
	if rebuilt {
		plan.ID, plan.HostKey, state.DetectedIP = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	} else {
		resp.Diagnostics.Append(r.keepImported(ctx, &state, &plan, req.Private)...)
	}
	switch {
	case noBundle(written):
		resp.Diagnostics.Append(plan.planKept(ctx, &state, rebuilt)...)
	case concernsHost(ctx, &state, &plan):
		owner, d := taken(ctx, req.Private)
		if resp.Diagnostics.Append(d...); owner.Whose != "" {
			resp.Diagnostics.Append(takenPlan(plan.Address.ValueString(), owner))
		}
		resp.Diagnostics.Append(r.planChange(ctx, &state, &plan, req.Private)...)
		if !rebuilt {
			resp.Diagnostics.Append(plan.supported(ctx, &state, req.Private)...)
		}
	default:
		plan.DCOSVersion, plan.ConfigPackageID = state.DCOSVersion, state.ConfigPackageID
		plan.DetectedIP, plan.Drift = state.DetectedIP, state.Drift
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// planPlace registers which host the resource has and will have. state is nil
// when the node is made, as the second half of a replacement too.
func (r *nodeResource) planPlace(
	ctx context.Context, state, plan *nodeModel, machine machineChange, private privateReader, out privateWriter,
) diag.Diagnostics {
	note, diags := readPlanNote(ctx, private)
	if state != nil {
		note = planNote{ID: note.ID} // what an earlier plan knew does not count
	}
	known := !plan.Address.IsUnknown() && !plan.SSH.IsUnknown() && !plan.Role.IsUnknown()
	same := state != nil && state.samePlace(plan) && machine != machineReplaces // else it is replaced
	switch {
	case state == nil:
		diags.Append(r.shared.planEnsemble(ctx, &note, r.shared.plan.replaced(note.ID))...)
	case !same:
		diags.Append(r.planLeaving(ctx, &note, state, private)...)
	case machine == machineOther && state.role() == node.Master:
		diags.Append(r.planGoing(ctx, &note, state, private)...) // with its machine
	}
	if h, d := plan.host(ctx, r.shared); known && !d.HasError() {
		p := r.shared.planned(note.ID, h)
		if claim, ok := r.shared.claims.Load(p.way); ok && note.Creation {
			note.Claim, _ = claim.(string) // nothing else is kept there
		}
		if same {
			if was, d := state.host(ctx, r.shared); !d.HasError() {
				p.cluster, p.machine = was.Cluster, machineOf(was.MachineID, was.DetectedIP)
				if p.host != nil {
					var keys diag.Diagnostics
					was.Target.JumpKeys, keys = readJumpKeys(ctx, private)
					diags.Append(keys...)
					p.host = &was
				}
			}
			p.had, p.stays, p.masters = true, state.OnDestroy.ValueString() == onDestroyAbandon, mastersOf(ctx, state, private)
		}
		diags.Append(r.shared.planPlaces(ctx, []plannedHost{p}, func(int) tfpath.Path { return tfpath.Root("address") })...)
	}
	diags.Append(keepPrivate(ctx, out, planKey, note)...)
	return diags
}

// planRemoval plans a destroy.
func (r *nodeResource) planRemoval(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state nodeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	note, diags := readPlanNote(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	note.Creation = false
	resp.Diagnostics.Append(r.planLeaving(ctx, &note, &state, req.Private)...)
	resp.Diagnostics.Append(keepPrivate(ctx, resp.Private, planKey, note)...)
}

// planLeaving registers that the node of the state goes.
func (r *nodeResource) planLeaving(ctx context.Context, note *planNote, state *nodeModel, private privateReader) diag.Diagnostics {
	owner, diags := taken(ctx, private)
	if state.OnDestroy.ValueString() == onDestroyAbandon || owner.Whose != "" {
		return diags // nothing is removed
	}
	return append(diags, r.planGoing(ctx, note, state, private)...)
}

// planGoing registers it, whether or not it is for apply to remove it.
func (r *nodeResource) planGoing(ctx context.Context, note *planNote, state *nodeModel, private privateReader) diag.Diagnostics {
	h, diags := state.host(ctx, r.shared)
	if diags.HasError() {
		return diags
	}
	keys, d := readJumpKeys(ctx, private)
	if diags.Append(d...); diags.HasError() {
		return diags
	}
	h.Target.JumpKeys = keys
	p := r.shared.planned(note.ID, h)
	p.masters = mastersOf(ctx, state, private)
	diags.Append(r.shared.planRemovals(ctx, note, p)...)
	return diags
}

// mastersOf gives the size of a master's ensemble, 0 if nothing says it.
func mastersOf(ctx context.Context, state *nodeModel, private privateReader) int {
	if state.role() != node.Master {
		return 0
	}
	b, diags := state.bundle(ctx)
	if t, known := topology(b); known && !diags.HasError() {
		return t.Masters
	}
	seen, diags := observed(ctx, private)
	if seen == nil || diags.HasError() {
		return 0
	}
	return seen.Topology.Masters
}

// concernsHost says whether a plan has anything to do on the host. All other
// attributes are only about how it is reached and treated, and a node without a
// bundle is kept as it is. A machine that was rebuilt has no id yet.
func concernsHost(ctx context.Context, state, plan *nodeModel) bool {
	if plan.kept() {
		return false
	}
	return plan.ID.IsUnknown() || !plan.Bundle.Equal(state.Bundle) || len(state.drift(ctx)) > 0
}

// checkSkip refuses names in preflight.skip that no check has.
func checkSkip(ctx context.Context, preflight types.Object) diag.Diagnostics {
	names, diags := readSkip(ctx, preflight)
	known := node.CheckNames()
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(known, name) })
	if len(names) > 0 {
		diags.Append(unknownChecks(names))
	}
	return diags
}

// keepImported keeps the bundle of an imported node, which has no recipe, as
// long as the host is what the configured bundle would make of it.
func (r *nodeResource) keepImported(ctx context.Context, state, plan *nodeModel, private privateReader) diag.Diagnostics {
	before, diags := state.bundle(ctx)
	if diags.HasError() || before.Recipe.IsNull() || before.Recipe.ValueString() != "" {
		return diags
	}
	after, d := plan.bundle(ctx)
	diags.Append(d...)
	seen, d := observed(ctx, private)
	diags.Append(d...)
	if diags.HasError() || seen == nil || after.Recipe.IsUnknown() {
		return diags
	}
	b, err := r.shared.bundleOf(ctx, after)
	if err == nil && len(seen.Drift(b, plan.role())) == 0 {
		plan.Bundle = state.Bundle
	}
	return diags // a bundle that cannot be made is for planBundle to report
}

// planChange plans work on an existing node.
func (r *nodeResource) planChange(ctx context.Context, state, plan *nodeModel, private privateReader) diag.Diagnostics {
	plan.Drift = noDrift()
	plan.DetectedIP = state.DetectedIP
	diags := r.planBundle(ctx, state, plan)
	if plan.Bundle.Equal(state.Bundle) {
		return diags // a repair
	}
	if plan.role() == node.Master && !plan.ConfigPackageID.IsUnknown() && !plan.ConfigPackageID.Equal(state.ConfigPackageID) {
		w := r.restarts(ctx, state, plan)
		units, seen, d := there(ctx, private, w.units)
		diags.Append(d...)
		if w.units, w.unseen = units, !seen; w.all || len(w.units) > 0 {
			diags.Append(r.warnOfRestarts(ctx, plan, w)...)
		}
	}
	return diags
}

// A restart is what a plan restarts on masters.
type restart struct {
	masters int      // how many the cluster has; 0 if nothing says it
	files   []string // whose change it is for; none where everything restarts
	units   []string
	unseen  bool // no refresh has looked at the units: they are the release's
	all     bool // of DC/OS's units
}

// warnOfRestarts warns of what a plan restarts on masters: once for all masters on
// which it is the same.
func (r *nodeResource) warnOfRestarts(ctx context.Context, plan *nodeModel, w restart) diag.Diagnostics {
	b, diags := plan.bundle(ctx)
	h, d := plan.host(ctx, r.shared)
	diags.Append(d...)
	if diags.HasError() {
		return diags
	}
	if t, known := topology(b); known {
		w.masters = t.Masters
	}
	warning := masterRestarts(w)
	if r.shared.plan.first(b.ClusterName.ValueString()+" "+warning.Detail(), r.shared.way(h.Target)) {
		diags.Append(warning)
	}
	return diags
}

// restarts says which of a node's services a plan restarts. Where what is on
// the node cannot be rendered any more, that may be all of them.
func (r *nodeResource) restarts(ctx context.Context, state, plan *nodeModel) restart {
	before, diags := state.bundle(ctx)
	after, d := plan.bundle(ctx)
	diags.Append(d...)
	if diags.HasError() || before.Recipe.ValueString() == "" || !before.DCOSVersion.Equal(after.DCOSVersion) || len(state.drift(ctx)) > 0 {
		return restart{all: true}
	}
	from, err := r.shared.bundleOf(ctx, before)
	if err != nil || configID(from) != state.ConfigPackageID.ValueString() {
		return restart{all: true} // its release has gone, or its secrets were others
	}
	to, err := r.shared.bundleOf(ctx, after)
	if err != nil {
		return restart{all: true} // planBundle reports it
	}
	units, all := node.Restarts(from, to, plan.role())
	if all {
		return restart{all: true}
	}
	files := slices.DeleteFunc(node.Changes(from, to), func(name string) bool { return slices.Contains(bookkeeping, name) })
	return restart{files: files, units: node.Brought(units, to)}
}

// supported refuses what DC/OS cannot change on a running cluster.
func (m *nodeModel) supported(ctx context.Context, state *nodeModel, private privateReader) diag.Diagnostics {
	if m.Bundle.Equal(state.Bundle) {
		return nil
	}
	before, diags := state.bundle(ctx)
	after, d := m.bundle(ctx)
	if diags.Append(d...); diags.HasError() {
		return diags
	}
	before.DCOSVersion, after.DCOSVersion = state.DCOSVersion, m.DCOSVersion
	diags.Append(supported(ctx, m.Address.ValueString(), m.role(), before, after, private)...)
	return diags
}

// supported refuses what DC/OS cannot change on a running cluster: certain
// paths between versions, and what the cluster is built on. The bundles are
// those of the state and of the plan, with the versions that the host has and
// is to have. Update holds what the host says against the same rules.
func supported(ctx context.Context, address string, role node.Role, before, after bundleModel, private privateReader) diag.Diagnostics {
	var diags diag.Diagnostics
	if from, to := before.DCOSVersion.ValueString(), after.DCOSVersion.ValueString(); from != "" && to != "" {
		if err := node.UpgradePath(from, to); err != nil {
			diags.Append(upgradeRefused(address, err, "Give the node a bundle of a version that DC/OS can be upgraded to from there."))
		}
	}
	to, known := topology(after)
	if !known {
		return diags
	}
	from, known := topology(before)
	if !known { // an imported node: only its host can say
		seen, d := observed(ctx, private)
		diags.Append(d...)
		if seen == nil {
			return diags
		}
		from = seen.Topology
	}
	if err := node.ChangeTopology(role, from, to); err != nil {
		diags.Append(upgradeRefused(address, err, err.Hint()))
	}
	return diags
}

// topology reads from a bundle's recipe what the cluster is built on. Neither
// the release nor the secrets are needed for it.
func topology(b bundleModel) (t node.Topology, known bool) {
	recipe, err := bundle.DecodeRecipe(b.Recipe.ValueString())
	if b.Recipe.ValueString() == "" || err != nil {
		return t, false // planBundle reports it
	}
	return node.TopologyOf(recipe.Given), true
}

// planBundle plans what the bundle says will be on the host. state is nil where
// there is no node yet.
func (r *nodeResource) planBundle(ctx context.Context, state, plan *nodeModel) diag.Diagnostics {
	plan.DCOSVersion, plan.ConfigPackageID = types.StringUnknown(), types.StringUnknown()
	b, diags := plan.bundle(ctx)
	if diags.HasError() {
		return diags
	}
	plan.DCOSVersion = b.DCOSVersion
	if b.Recipe.IsUnknown() || r.shared.secrets.unknown {
		return diags
	}
	made, err := r.shared.bundleOf(ctx, b)
	switch {
	case err != nil && state != nil && plan.Bundle.Equal(state.Bundle) && releaseGone(err):
		// Terraform plans before it destroys, and does not say which it is.
		plan.ConfigPackageID = state.ConfigPackageID
		diags.Append(r.shared.bundleGone(plan.Address.ValueString(), err))
		return diags
	case err != nil:
		diags.Append(r.shared.bundleError(plan.Address.ValueString(), err))
		return diags
	}
	plan.ConfigPackageID = types.StringValue(configID(made))
	return diags
}

// configID gives the id of the bundle's package with the configuration.
func configID(b *bundle.Bundle) string {
	for _, p := range b.ConfigPackages {
		if p.Name == configPackage {
			return p.ID
		}
	}
	return ""
}

// configPackage is the package that holds a cluster's configuration.
const configPackage = "dcos-config"
