// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var _ resource.ResourceWithValidateConfig = (*nodePoolResource)(nil)

// adoptedBundle is the id of what is on hosts that were adopted, until it is the pool's.
const adoptedBundle = "adopted"

// maxAnchors is how many of the pool's own nodes are asked of which cluster they are.
const maxAnchors = 3

// ValidateConfig refuses names in adopt that no host has.
func (r *nodePoolResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var hosts types.String
	var adopt types.Set
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, tfpath.Root("hosts"), &hosts)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, tfpath.Root("adopt"), &adopt)...)
	if resp.Diagnostics.HasError() || adopt.IsNull() || adopt.IsUnknown() {
		return
	}
	if value, err := hostsValue(hosts); err != nil || value.IsUnknown() || hosts.IsNull() {
		return // hostsValidator says what is wrong with it
	}
	list, diags := readHosts(ctx, hosts, tfpath.Root("hosts"))
	if diags.HasError() {
		return // as above
	}
	resp.Diagnostics.Append(nameAdopted(adopt, list)...)
}

// nameAdopted marks the hosts that adopt names, and refuses names that none has.
func nameAdopted(adopt types.Set, hosts []*poolHost) (diags diag.Diagnostics) {
	byName := map[string]*poolHost{}
	for _, h := range hosts {
		byName[h.name] = h
	}
	for _, element := range adopt.Elements() {
		name, ok := element.(types.String)
		if !ok || name.IsUnknown() || name.IsNull() {
			continue
		}
		h := byName[name.ValueString()]
		if h == nil {
			diags.AddAttributeError(tfpath.Root("adopt").AtSetValue(name), "No Such Host In The Pool",
				fmt.Sprintf("adopt names %q, and hosts has no host of that name. adopt is a set of names of hosts of the pool.", name.ValueString()))
			continue
		}
		h.named = true
	}
	return diags
}

// planAdopted looks at the hosts that are to be adopted, and says of each in what it would
// be changed. b is the pool's bundle, before are the hosts of the state.
func (r *nodePoolResource) planAdopted(ctx context.Context, plan *nodePoolModel, b bundleModel, hosts []*poolHost, private privateReader,
) (diags diag.Diagnostics) {
	if diags.Append(nameAdopted(plan.Adopt, hosts)...); diags.HasError() {
		return diags
	}
	wanted := toAdopt(hosts)
	if why := r.notKnown(plan.Adopt, b, wanted); why != "" {
		return append(diags, notPlanned(tfpath.Root("adopt"), why))
	}
	if len(wanted) == 0 {
		return diags
	}
	run, d := r.shared.beginPool(ctx, plan, private, true)
	diags.Append(d...)
	limit, d := plan.Timeouts.Read(ctx, defaultReadTimeout)
	if diags.Append(d...); diags.HasError() {
		return diags
	}
	run.surveyAdopted(hosts, limit)
	var found foldedDiagnostics
	for _, h := range wanted {
		if h.refused != nil {
			host, _ := run.host(h) // it was looked at
			f := r.shared.failure(&host, "looking at the host that is to be adopted", h.refused)
			found.add(diag.NewAttributeErrorDiagnostic(tfpath.Root("adopt").AtSetValue(types.StringValue(h.name)), f.summary,
				r.shared.redactor.Redact(f.detail())))
		}
	}
	return append(diags, found.diagnostics()...)
}

// notKnown says which value that is not known keeps hosts from being adopted.
func (r *nodePoolResource) notKnown(adopt types.Set, b bundleModel, wanted []*poolHost) (why string) {
	if adopt.IsUnknown() || slices.ContainsFunc(adopt.Elements(), attr.Value.IsUnknown) {
		return "what adopt names is not known yet"
	}
	if len(wanted) == 0 {
		return ""
	}
	switch {
	case b.ID.IsUnknown() || b.Recipe.IsUnknown() || b.Recipe.ValueString() == "" || r.shared.secrets.unknown:
		why = "the pool's bundle is not known yet"
	case r.shared.fleet.Dial == nil:
		why = "what the provider needs to connect is not known yet"
	}
	for _, h := range wanted {
		if h.address.IsUnknown() {
			why = cmp.Or(why, "the address of a host that adopt names is not known yet")
		}
	}
	return why
}

// notPlanned says why a plan cannot say what adopting would change.
func notPlanned(at tfpath.Path, why string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(at, "Adoption Cannot Be Planned",
		fmt.Sprintf("The plan says of each host that adopt names in what it would be changed, and cannot: %s.\n\nWhat to do: Leave the host out "+
			"of hosts and adopt until that is known (apply the rest first), or out of adopt if there is no DC/OS on it.", why))
}

// toAdopt gives the hosts that adopt names and on which the pool has changed nothing yet.
func toAdopt(hosts []*poolHost) (list []*poolHost) {
	for _, h := range hosts {
		if h.named && h.notInstalled() {
			list = append(list, h)
		}
	}
	return list
}

// surveyAdopted looks at the hosts that are to be adopted: h.adopts says in what one would
// be changed, h.refused why it cannot be. On others that adopt names there is nothing to
// adopt: no DC/OS, what an earlier run has begun, or what the pool's bundle makes.
func (r *poolRun) surveyAdopted(all []*poolHost, limit time.Duration) {
	wanted := toAdopt(all)
	if len(wanted) == 0 {
		return
	}
	looked := wanted
	for _, h := range all {
		if len(looked) < len(wanted)+maxAnchors && !h.notInstalled() && h.Status == poolDone {
			looked = append(looked[:len(looked):len(looked)], h)
		}
	}
	ids := make([]string, len(looked))
	batch := fleet.Batch{Parallel: int(r.model.MaxParallel.ValueInt64()), MaxFailures: -1, Stop: r.asked.Done()}
	batch.Run(r.asked, len(looked), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		id, err := r.surveyOne(ctx, looked[i])
		ids[i] = id
		if err != nil && i < len(wanted) {
			looked[i].refused = err
		}
		return nil
	})
	// What the pool's own nodes say comes first.
	for i := len(looked) - 1; i >= 0; i-- {
		if ids[i] == "" {
			continue
		}
		if err := r.oneCluster(looked[i], ids[i]); err != nil && i < len(wanted) {
			looked[i].refused, looked[i].adopts = err, ""
		}
	}
	for _, h := range wanted {
		if h.refused == nil && !h.surveyed {
			h.refused = fmt.Errorf("%s: it was not looked at: %w", h.address.ValueString(), context.Canceled)
		}
	}
}

// surveyOne looks at one host, and gives the id of the cluster that it is proven to be of.
func (r *poolRun) surveyOne(ctx context.Context, h *poolHost) (id string, err error) {
	host, err := r.host(h)
	if err != nil {
		return "", err
	}
	m, keys, err := r.shared.fleet.Membership(ctx, host)
	if err != nil {
		return "", err
	}
	h.surveyed = true
	r.passed(keys)
	s, b := m.State, r.like.Bundle
	drift := s.Drift(b, r.like.Role)
	if h.notInstalled() {
		begun := s.Owner != nil && s.Owner.Cluster == r.like.Cluster
		if s.Installed == node.None || begun || s.Installed == node.Complete && len(drift) == 0 {
			return "", nil
		}
	}
	claim := r.claim
	if !h.notInstalled() && s.Claim != nil {
		claim = s.Claim.ID // it was the pool's when it was looked at last, and is asked for its cluster alone
	}
	id, err = m.Prove(h.address.ValueString(), b, r.like.Role, claim)
	if err == nil && h.notInstalled() {
		h.adopts, h.Status, h.Error = strings.Join(drift, "; "), "", "" // how it failed before is over
	}
	return id, err
}

// oneCluster makes sure that all hosts that are adopted are of the cluster of the first.
func (r *poolRun) oneCluster(h *poolHost, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clusterID == "" {
		r.clusterID, r.clusterIDOf = id, h.name
	}
	if r.clusterID != id {
		return &node.NotMemberError{Host: h.address.ValueString(), Why: fmt.Sprintf("the masters that it finds are of the cluster with the id "+
			"%s, and those that %s finds, of %s", id, r.clusterIDOf, r.clusterID),
			Do: "find out of which cluster each is: the addresses of masters may be those of another cluster in another network"}
	}
	return nil
}

// adoption changes the terms of what is done to a host to those of its adoption: whatever is
// worse than what was looked at is refused, and it is proven once more of which cluster it is.
func (r *poolRun) adoption(h *poolHost, terms *fleet.Terms) {
	if h.adopts == "" || !h.notInstalled() {
		return
	}
	terms.Foreseen = func(string) bool { return false }
	terms.Joins = func(id string) error { return r.oneCluster(h, id) }
}
