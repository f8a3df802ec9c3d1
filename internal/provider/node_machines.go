// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Which machines the nodes of a cluster run on is noted here, for preflight to
// find cloned images. That it could not be noted, or not be read, keeps nobody
// from working: it is said in Terraform's log.

// newMachines knows what earlier processes have noted.
func (s *shared) newMachines() *fleet.Machines {
	return fleet.NewMachines(filepath.Join(s.cache, "machines"), time.Now)
}

// machine is that of the node.
func (w *nodeWork) machine(id, bootID string) fleet.Machine {
	return fleet.Machine{
		Address: w.model.Address.ValueString(), ID: id, BootID: bootID, Site: w.shared.site(w.model.Bundle),
		Master: w.model.role() == node.Master,
	}
}

// claim makes what preflight asks of the node's peers.
func (w *nodeWork) claim(ctx context.Context, machines *fleet.Machines) func(node.State) node.Peers {
	return func(state node.State) node.Peers {
		peers, err := machines.Claim(w.cluster, w.machine(state.MachineID, state.BootID))
		w.shared.notNoted(ctx, err)
		return peers
	}
}

// seen notes that somebody has looked at nodes.
func (s *shared) seen(ctx context.Context, cluster string, machines ...fleet.Machine) {
	s.notNoted(ctx, s.machines.Seen(cluster, machines...))
}

// recorded notes nodes of a state.
func (s *shared) recorded(ctx context.Context, cluster string, machines ...fleet.Machine) {
	s.notNoted(ctx, s.machines.Recorded(cluster, machines...))
}

// recordedPool notes the hosts of a pool's state, in one go: there may be very
// many.
func (s *shared) recordedPool(ctx context.Context, prior *nodePoolModel, hosts []*poolHost) {
	model := prior.asNode()
	b, diags := model.bundle(ctx)
	if diags.HasError() {
		return // the plan says so
	}
	like := (&nodeWork{shared: s, model: model}).machine("", "")
	machines := make([]fleet.Machine, 0, len(hosts))
	for _, h := range hosts {
		if h.BundleID != "" && h.Status != poolGone {
			like.Address, like.ID = h.address.ValueString(), h.MachineID
			machines = append(machines, like)
		}
	}
	s.recorded(ctx, b.ClusterName.ValueString(), machines...)
}

// goneHosts notes hosts that a pool lets go of without a look at them.
func (s *shared) goneHosts(ctx context.Context, cluster string, hosts []*poolHost) {
	addresses := make([]string, len(hosts))
	for i, h := range hosts {
		addresses[i] = h.address.ValueString()
	}
	s.gone(ctx, cluster, addresses...)
}

// gonePool notes that all of a pool's hosts are let go of.
func (s *shared) gonePool(ctx context.Context, model *nodePoolModel) {
	b, diags := model.asNode().bundle(ctx)
	hosts, d := model.hosts(ctx)
	diags.Append(d...)
	if s != nil && !diags.HasError() { // nothing but what is noted depends on it
		s.goneHosts(ctx, b.ClusterName.ValueString(), hosts)
	}
}

// gone notes that nodes are none any more.
func (s *shared) gone(ctx context.Context, cluster string, addresses ...string) {
	s.notNoted(ctx, s.machines.Gone(cluster, addresses...))
}

func (s *shared) notNoted(ctx context.Context, err error) {
	if err != nil {
		tflog.Warn(ctx, "what is known of the machines of nodes is not shared with later runs", map[string]any{"reason": err.Error()})
	}
}

// site tells clusters of the same name apart (see [bundle.Recipe.SiteID]); "" if
// the bundle does not say it.
func (s *shared) site(value types.Object) string {
	text := func(name string) string {
		attribute, _ := value.Attributes()[name].(types.String) // one that is not there is ""
		return attribute.ValueString()
	}
	id := text("id")
	if known, ok := s.sites.Load(id); ok {
		site, _ := known.(string) // nothing else is kept there
		return site
	}
	recipe, err := bundle.DecodeRecipe(text("recipe"))
	if id == "" || err != nil {
		return "" // such as that of an imported node
	}
	site := recipe.SiteID()
	s.sites.Store(id, site)
	return site
}
