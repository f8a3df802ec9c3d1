// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// planKey is the planned private data: what only the plan as a whole knew, for
// the removal that is a part of it. Apply takes it out again.
const planKey = "plan"

// A planNote is what is under planKey.
type planNote struct {
	ID string `json:"id"` // in the register of the plan
	// Leave are the ways to hosts that another resource of the plan has then.
	Leave []string `json:"leave,omitempty"`
	// EnsembleGoes says that nothing of the cluster is left, or that the loss of
	// its ensemble is allowed: masters need not be removed one at a time.
	EnsembleGoes bool `json:"ensemble_goes,omitempty"`
	// Creation says that the plan is one of a creation, which knows nothing of a
	// resource that it may replace: Terraform plans the replacement of one that is
	// tainted so, and gives this to its removal. Claim is the one that a refresh
	// in the same process saw in the state of the host's resource; "" if it saw none.
	Creation bool   `json:"creation,omitempty"`
	Claim    string `json:"claim,omitempty"`
}

// readPlanNote gives what was noted of the resource in this plan, with an id in
// any case.
func readPlanNote(ctx context.Context, private privateReader) (n planNote, diags diag.Diagnostics) {
	diags = readPrivate(ctx, private, planKey, &n)
	if n.ID == "" {
		n.ID, n.Creation = newPlanID(), true
	}
	return n, diags
}

// planPlaces registers hosts that a resource has when the plan is applied, and
// refuses what must not be beside them. at gives a host's attribute.
func (s *shared) planPlaces(ctx context.Context, hosts []plannedHost, at func(i int) tfpath.Path) diag.Diagnostics {
	targets := make([]remote.Target, len(hosts))
	for i := range hosts {
		targets[i], hosts[i].target = hosts[i].target, remote.Target{} // nobody else wants it
	}
	diags := s.planReach(ctx, targets, at)
	var found foldedDiagnostics
	conflicts := s.plan.add(hosts...)
	for i, p := range hosts {
		switch c := conflicts[i]; {
		case c == nil:
		case c.kind == conflictGiven:
			found.add(hostConflict(c.with, planConflict{p, conflictLeaves}, at(i)))
		default:
			found.add(hostConflict(p, *c, at(i)))
		}
		if why := s.plan.losing(p.cluster, p.id); why != "" && !s.allowEnsembleLoss {
			found.add(ensembleLost(p.address, why))
		}
	}
	diags.Append(found.diagnostics()...)
	s.tellUnheard(ctx)
	return diags
}

// tellUnheard says, in Terraform's log, that processes of other provider blocks
// plan without this one: the claims on the hosts decide then.
func (s *shared) tellUnheard(ctx context.Context) {
	if err := s.plan.trouble(); err != nil {
		tflog.Warn(ctx, "what other provider blocks plan for the same hosts is not known", map[string]any{"reason": err.Error()})
	}
}

// planRemovals registers the removal of a resource's nodes, and works out how
// the masters among them may go.
func (s *shared) planRemovals(ctx context.Context, note *planNote, hosts ...plannedHost) diag.Diagnostics {
	note.Leave, note.EnsembleGoes = nil, false
	var masters []plannedHost
	takers := s.plan.remove(hosts...)
	for i, h := range hosts {
		if takers[i] != nil {
			note.Leave = append(note.Leave, h.way)
		} else if h.role == node.Master {
			masters = append(masters, h)
		}
	}
	s.tellUnheard(ctx)
	return s.planEnsemble(ctx, note, masters)
}

// planEnsemble works out whether the ensemble can spare the masters that the
// plan removes so far, of which these are the last. Where it cannot, nothing of
// the cluster may stay: whichever of its resources is planned last sees that.
func (s *shared) planEnsemble(ctx context.Context, note *planNote, masters []plannedHost) diag.Diagnostics {
	if len(masters) == 0 {
		return nil
	}
	h := masters[0]
	size := h.masters
	only := ""
	if size == 1 {
		only = h.id
	}
	count, stays := s.plan.masters(h.cluster, only)
	spare := max(0, (size-1)/2)
	why := fmt.Sprintf("%s of %d would be removed, and the ensemble can spare %d", plural(count, "master"), size, spare)
	if size == 0 {
		why = fmt.Sprintf("%s would be removed, and nothing says how many the ensemble has", plural(count, "master"))
	}
	whole := size == 0 || count >= size
	if count <= spare && s.fleet.Dial != nil {
		// A master that cannot be asked is for apply to judge.
		if risk, err := s.fleet.Risk(ctx, *h.host); err == nil && risk != "" {
			spare, why, whole = 0, fmt.Sprintf("%s would be removed: %s", h.address, risk), false
		}
	}
	if count <= spare {
		return nil
	}
	// Fewer than the ensemble has are not all of it, nor are so few of one in which others
	// are down: where -target or the state has no more, nothing in the plan stays either.
	// Then the gates judge, which are open at once if more come that see the whole of it go.
	note.EnsembleGoes = whole || s.allowEnsembleLoss
	if s.allowEnsembleLoss {
		return nil
	}
	s.plan.lose(h.cluster, lostEnsemble{why, only})
	if stays {
		return diag.Diagnostics{ensembleLost(h.address, why)}
	}
	return nil
}

// ensembleGoes reports whether a master may be removed whatever becomes of its
// ensemble.
func (s *shared) ensembleGoes(note planNote, cluster string) bool {
	return note.EnsembleGoes || s.allowEnsembleLoss || s.plan.ends(cluster)
}

// hostConflict words two resources of one plan that cannot both have a host.
func hostConflict(h plannedHost, c planConflict, at tfpath.Path) diag.Diagnostic {
	one := fmt.Sprintf("a %s with the role %s in the cluster %q", h.holder, h.role, h.cluster)
	other := fmt.Sprintf("a %s with the role %s in the cluster %q, at the address %s",
		c.with.holder, c.with.role, c.with.cluster, c.with.address)
	intro := fmt.Sprintf("Host:      %s\n\n", h.address)
	switch c.kind {
	case conflictTwice:
		return diag.NewAttributeErrorDiagnostic(at, "Two Resources For One Host", intro+
			"Two resources have this host: "+one+", and "+other+". Each of them would uninstall the other's node when it goes.\n\n"+
			"What to do: Correct the address of one of them, or take one out. If both are in the state already, take one out of it with "+
			"terraform state rm, or with a removed block that has lifecycle { destroy = false }.")
	case conflictChanges:
		return diag.NewAttributeErrorDiagnostic(at, "Host Is Given Up In The Same Plan", intro+
			"The plan removes the node of this host, "+other+", and makes it "+one+". Terraform has no order for the two.\n\n"+
			"What to do: Take the old resource out of the configuration and apply that first, then add the new one.")
	case conflictLeaves:
		return diag.NewAttributeErrorDiagnostic(at, "Host Is Given Up In The Same Plan", intro+
			"The plan takes this host out of a pool, "+one+", and makes it "+other+". Terraform has no order for the two, so the pool could "+
			"uninstall what the other one has just taken over.\n\n"+
			"What to do: Set on_destroy = \"abandon\" on the pool for this apply. It then lets go of the host without a touch, and the other "+
			"resource takes the node over as it is.")
	case conflictRenamed, conflictGiven:
	}
	form := "moved {\n  from = dcos_node.OLD   # as it is in terraform state list\n  to   = dcos_node.NEW\n}"
	if h.holder != c.with.holder || h.holder == holderPool {
		form = "removed {\n  from = " + c.with.holder + ".OLD   # as it is in terraform state list\n\n" +
			"  lifecycle {\n    destroy = false\n  }\n}"
	}
	return diag.NewAttributeErrorDiagnostic(at, "Node Would Be Uninstalled By Its Old Resource", intro+
		"The plan destroys the resource that has this node, "+other+", and makes another resource for the same host, "+one+
		". Terraform has no order for the two, so the old one could uninstall what the new one has just taken over.\n\n"+
		"What to do: If this is the same node under another name, say so in the configuration, and nothing is done to the host:\n\n"+form+
		"\n\nIf the node is to be installed anew, give its resource up first (apply without it), and then add the new one.")
}

// ensembleLost words a plan that removes more masters than can be spared.
func ensembleLost(address, why string) diag.Diagnostic {
	return diag.NewErrorDiagnostic("More Masters Removed Than Can Be Spared",
		fmt.Sprintf("Host:      %s\n\n%s, while other nodes of the cluster stay or are made anew. The cluster would lose its quorum, "+
			"and with it the data of its ZooKeeper.\n\nWhat to do: Replace masters one at a time: terraform apply -replace=ADDRESS, and wait "+
			"until the ensemble is well again before the next one. To give the whole cluster up, destroy all of it. If the loss "+
			"is meant, set allow_ensemble_loss in "+
			"the provider block (DCOS_ALLOW_ENSEMBLE_LOSS=true) for that one apply.", address, capital(why)))
}
