// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
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
	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

var _ resource.ResourceWithImportState = (*nodePoolResource)(nil)

// importedBundle is the id of what is on hosts that were imported, until a plan has
// found that it is what the configured bundle would make of them, or has made it so.
const importedBundle = "imported"

// ImportState takes the addresses; Read fills in the rest from the hosts.
func (r *nodePoolResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	hosts, err := poolImport(req.ID)
	if err != nil {
		resp.Diagnostics.AddError("Invalid Import Id",
			fmt.Sprintf("A pool is imported by the addresses of its hosts with commas in between, each [NAME=][user@]address[:port], with an IPv6 "+
				"address that has a port in brackets. Without a name, a host is called by its address and port as they stand there. %s.",
				capital(err.Error())))
		return
	}
	packedHosts, err := packHosts(hosts)
	if err != nil {
		resp.Diagnostics.Append(internalFault("writing the hosts of the pool", err))
		return
	}
	// What a configuration that says nothing of them has, so that the first plan is empty.
	for name, value := range map[string]any{
		"hosts": packedHosts, "max_parallel": int64(defaultMaxParallel), "max_unavailable": defaultMaxUnavailable,
		"max_failures": defaultMaxFailures, "canaries": int64(0), "refresh": refreshAll,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, tfpath.Root(name), value)...)
	}
}

// poolImport reads an import's id: hosts by name.
func poolImport(text string) ([]*poolHost, error) {
	var hosts []*poolHost
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		name, address, named := strings.Cut(part, "=")
		if !named {
			name, address = part[strings.LastIndex(part, "@")+1:], part
		}
		id, ok := parseImportID(address)
		if !ok || name == "" {
			return nil, fmt.Errorf("got: %q", part)
		}
		if slices.ContainsFunc(hosts, func(h *poolHost) bool { return h.name == name }) {
			return nil, fmt.Errorf("two hosts are called %q", name)
		}
		raw, err := id.element()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		hosts = append(hosts, &poolHost{name: name, raw: raw})
	}
	slices.SortFunc(hosts, func(a, b *poolHost) int { return strings.Compare(a.name, b.name) })
	return hosts, nil
}

// element is the host as an element of a pool's hosts, with what differs from the
// provider's.
func (id importID) element() (packed.Value, error) {
	ssh := map[string]any{}
	if id.user != "" {
		ssh["user"] = id.user
	}
	if id.port != 0 {
		ssh["port"] = id.port
	}
	host := map[string]any{"address": id.address}
	if len(ssh) > 0 {
		host["ssh"] = ssh
	}
	text, err := json.Marshal(host)
	if err != nil {
		return nil, err
	}
	return packed.FromJSON(text)
}

// readImported looks at the hosts of an import: all of them have to be nodes of one
// role and cluster.
func (r *nodePoolResource) readImported(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse, model *nodePoolModel) {
	hosts, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	run, diags := r.shared.beginPool(ctx, model, req.Private, false)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Read(ctx, defaultReadTimeout)
	if resp.Diagnostics.Append(diags...); resp.Diagnostics.HasError() {
		return
	}
	first, diags := run.survey(hosts, limit)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(run.warnings.diagnostics()...)
	if resp.Diagnostics.HasError() {
		return
	}
	model.ID = types.StringValue(commonClaim(hosts))
	model.Role = types.StringValue(string(first.Role))
	model.Bundle = types.ObjectValueMust(bundleTypes, map[string]attr.Value{
		"id": types.StringValue(importedBundle), "recipe": types.StringValue(""),
		"cluster_name": types.StringValue(first.Cluster), "dcos_version": types.StringValue(first.Version),
	})
	model.set(hosts, importedBundle)
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
	resp.Diagnostics.Append(keepPoolClaims(ctx, resp.Private, model.ID.ValueString(), hosts)...)
	resp.Diagnostics.Append(run.keepJumpKeys(ctx, resp.Private)...)
	resp.Diagnostics.Append(keepObserved(ctx, resp.Private, first)...)
	resp.Diagnostics.Append(keepSurvey(ctx, req.Private, resp.Private, hosts)...)
}

// survey looks at hosts that are to be imported, and gives what it saw on the first.
func (r *poolRun) survey(all []*poolHost, limit time.Duration) (first *node.State, diags diag.Diagnostics) {
	const operation = "importing the host"
	var found foldedDiagnostics
	hosts := make([]fleet.Host, len(all))
	for i, h := range all {
		var d diag.Diagnostics
		hosts[i], d = h.host(r.asked, r.shared, r.like)
		found.addAll(d)
	}
	batch := fleet.Batch{Parallel: int(r.model.MaxParallel.ValueInt64()), MaxFailures: -1, Stop: r.asked.Done()}
	r.shared.fleet.LookAll(r.asked, hosts, limit, batch, func(i int, s fleet.Sight, err error) {
		h := all[i]
		switch {
		case err != nil:
			found.add(r.shared.hostError(&hosts[i], operation, err))
			return
		case s.State.Installed == node.None || s.State.Role == "":
			found.add(nothingToImport(hosts[i].Address(), s.State))
			return
		}
		r.passed(s.JumpKeys)
		h.observe(s.State, s.HostKey, importedBundle)
		h.state = s.State
		if on := s.State.Claim; on != nil {
			h.Claim = on.ID
			r.warn(importedClaim(hosts[i].Address(), *on))
		}
	})
	if first = all[0].state; first != nil {
		for _, h := range all {
			if h.state != nil && (h.state.Role != first.Role || h.state.Cluster != first.Cluster) {
				found.add(notOnePool(h.address.ValueString(), h.state, all[0].name, first))
			}
		}
	}
	diags = found.diagnostics()
	if !diags.HasError() && slices.ContainsFunc(all, func(h *poolHost) bool { return h.state == nil }) {
		diags.AddError("Interrupted", "Not all of the hosts that are to be imported were looked at. Run the same again.")
	}
	return first, diags
}

// commonClaim gives the id of a pool whose hosts may have had an owner: the claim
// that all of them bear, or a new one.
func commonClaim(hosts []*poolHost) string {
	claim := hosts[0].Claim
	if slices.ContainsFunc(hosts, func(h *poolHost) bool { return h.Claim != claim }) {
		claim = ""
	}
	return cmp.Or(claim, node.NewClaimID())
}

// notOnePool words hosts that cannot be of one pool.
func notOnePool(address string, state *node.State, other string, first *node.State) diag.Diagnostic {
	return diag.NewErrorDiagnostic("Hosts Not Of One Pool",
		fmt.Sprintf("Host:      %s\n\nThe host is a node with the role %s in the cluster %q, and %s, which was named with it, one with the "+
			"role %s in the cluster %q. A pool's hosts are of one role and cluster.\n\nWhat to do: Import each kind into a pool of its own.",
			address, state.Role, state.Cluster, other, first.Role, first.Cluster))
}

// surveyKey is the private state with what was seen on a pool's imported hosts.
const surveyKey = "survey"

// A poolSurvey is what was seen on imported hosts, until they have the bundle of the
// configuration: plans compare it with that. Most hosts of a pool are alike.
type poolSurvey struct {
	States []json.RawMessage `json:"states"`
	Of     map[string]int    `json:"of"` // which of them a host's is, by its identity
}

// keepSurvey notes what was seen of hosts; of those that were not looked at stays what
// was noted before.
func keepSurvey(ctx context.Context, before privateReader, private privateWriter, hosts []*poolHost) diag.Diagnostics {
	var was poolSurvey
	diags := readPrivate(ctx, before, surveyKey, &was)
	now := poolSurvey{Of: map[string]int{}}
	number := map[string]int{}
	for _, h := range hosts {
		var text []byte
		if h.state != nil {
			alike := *h.state
			alike.MachineID, alike.BootID, alike.Hostname, alike.DetectedIP, alike.Addresses = "", "", "", "", nil
			alike.Claim, alike.Clock = nil, time.Time{}
			text, _ = json.Marshal(alike) // it has nothing that cannot be written
		} else if i, ok := was.Of[h.identity()]; ok && i < len(was.States) {
			text = was.States[i]
		}
		if len(text) == 0 {
			continue
		}
		i, known := number[string(text)]
		if !known {
			i = len(now.States)
			number[string(text)] = i
			now.States = append(now.States, text)
		}
		now.Of[h.identity()] = i
	}
	diags.Append(keepPrivate(ctx, private, surveyKey, now)...)
	return diags
}

// recognize compares imported hosts with the bundle that they are to have: those that
// are what it would make of them have it. It says of the others in what they differ, and
// reports whether all of the hosts are as they are to be.
func (r *nodePoolResource) recognize(ctx context.Context, private privateReader, b bundleModel, role string, hosts []*poolHost,
) (all bool, _ diag.Diagnostics) {
	if b.Recipe.IsUnknown() || b.Recipe.ValueString() == "" || !slices.ContainsFunc(hosts, (*poolHost).imported) {
		return false, nil
	}
	var s poolSurvey
	diags := readPrivate(ctx, private, surveyKey, &s)
	made, err := r.shared.bundleOf(ctx, b)
	if err != nil || diags.HasError() {
		return false, diags // a bundle that cannot be made is for planPoolBundle to report
	}
	differ := make([]string, len(s.States))
	for i, text := range s.States {
		var state node.State
		if err := json.Unmarshal(text, &state); err != nil {
			return false, append(diags, internalFault("reading what was seen of the pool", err))
		}
		differ[i] = strings.Join(state.Drift(made, node.Role(role)), "; ")
	}
	all = true
	for _, h := range hosts {
		i, seen := s.Of[h.identity()]
		switch {
		case !h.imported():
		case seen && i < len(differ) && differ[i] == "":
			h.BundleID = b.ID.ValueString()
		case seen && i < len(differ):
			h.differs = differ[i]
		}
		all = all && h.toDo(b.ID.ValueString()) == ""
	}
	return all, diags
}

// keepImported keeps the bundle of an imported pool, which has no recipe, as long as all
// of its hosts are what the configured one, b, would make of them. It gives the bundle that
// the plan has.
func (r *nodePoolResource) keepImported(ctx context.Context, prior, plan *nodePoolModel, b bundleModel, hosts, leaving []*poolHost,
	private privateReader,
) (bundleModel, diag.Diagnostics) {
	all, diags := r.recognize(ctx, private, b, plan.Role.ValueString(), hosts)
	was, d := readBundle(ctx, prior.Bundle)
	diags.Append(d...)
	if !all || len(leaving) > 0 || was.ID.ValueString() != importedBundle {
		return b, diags
	}
	for _, h := range hosts {
		h.BundleID = importedBundle
	}
	plan.Bundle = prior.Bundle
	return was, diags
}

// imported reports whether nothing but an import has had to do with the host yet.
func (h *poolHost) imported() bool { return h.BundleID == importedBundle }
