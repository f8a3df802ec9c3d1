// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// What is done to a host is internal/fleet's. Here models become its hosts.

// newFleet gives what hosts are worked on with. It cannot dial yet.
func (s *shared) newFleet() *fleet.Fleet {
	return &fleet.Fleet{
		Outages: outage.Open, Serves: outage.Serves, Turns: fleet.New(), Machines: s.newMachines(),
		NotNoted: func(ctx context.Context, err error) {
			tflog.Warn(ctx, "what is known of the machines of nodes is not shared with later runs", map[string]any{"reason": err.Error()})
		},
	}
}

// machinesPart is the directory in the cache directory that is for machines.
const machinesPart = "machines"

// newMachines knows what earlier processes have noted of the machines that the
// nodes of a cluster run on, for preflight to find cloned images.
func (s *shared) newMachines() *fleet.Machines {
	if s.cache == "" {
		return fleet.NewMachines("", time.Now)
	}
	return fleet.NewMachines(filepath.Join(s.cache, machinesPart), time.Now)
}

// ready says what keeps hosts from being reached.
func (s *shared) ready() diag.Diagnostics {
	switch {
	case s == nil:
		return diag.Diagnostics{notConfigured()}
	case s.fleet.Dial == nil:
		return diag.Diagnostics{unknownConfiguration(s.unknown)}
	}
	return nil
}

// givesUp reports whether a node whose machine gives no answer is given up when
// it is destroyed.
func (s *shared) givesUp(onDestroy types.String) bool {
	return s.ifReachable || onDestroy.ValueString() == onDestroyIfReachable
}

// host is the node as the fleet knows it, without its bundle.
func (m *nodeModel) host(ctx context.Context, s *shared) (fleet.Host, diag.Diagnostics) {
	b, diags := m.bundle(ctx)
	skip, d := readSkip(ctx, m.Preflight)
	diags.Append(d...)
	h := fleet.Host{
		Role: m.role(), Cluster: b.ClusterName.ValueString(), Site: s.site(m.Bundle), Holder: holderNode,
		MachineID: m.ID.ValueString(), DetectedIP: m.DetectedIP.ValueString(),
		SkipChecks: skip, DrainTimeout: drainTimeout(m.DrainTimeout), WaitForCloudInit: yes(m.WaitForCloudInit),
	}
	h.Target, d = s.target(ctx, m.Address.ValueString(), m.SSH, m.HostKey.ValueString())
	diags.Append(d...)
	return h, diags
}

// target says how a node is reached. The key that was accepted before is pinned
// unless the user names another.
func (s *shared) target(ctx context.Context, address string, object types.Object, accepted string) (remote.Target, diag.Diagnostics) {
	ssh, diags := readNodeSSH(ctx, object)
	t, d := ssh.target(ctx, address)
	diags.Append(d...)
	if t.HostKey == "" && s.config.HostKeyPolicy != remote.Ignore {
		t.HostKey = accepted
	}
	return t, diags
}

// target says how a host is reached of which nothing else is known.
func (m nodeSSHModel) target(ctx context.Context, address string) (remote.Target, diag.Diagnostics) {
	t := remote.Target{Address: address, Port: int(m.Port.ValueInt64()), User: m.User.ValueString(), HostKey: m.HostKey.ValueString(),
		ProxyCommand: m.ProxyCommand.ValueString()}
	if m.JumpHosts.IsNull() || m.JumpHosts.IsUnknown() {
		return t, nil
	}
	var hops []nodeJumpHostModel
	diags := m.JumpHosts.ElementsAs(ctx, &hops, false)
	t.JumpHosts = make([]remote.Hop, len(hops)) // not nil: none means none
	for i, h := range hops {
		t.JumpHosts[i] = remote.Hop{Address: h.Address.ValueString(), Port: int(h.Port.ValueInt64()), User: h.User.ValueString(),
			HostKey: h.HostKey.ValueString()}
	}
	return t, diags
}

// like is what the hosts of a pool have in common.
func (m *nodePoolModel) like(ctx context.Context, s *shared) (fleet.Host, diag.Diagnostics) {
	b, diags := readBundle(ctx, m.Bundle)
	skip, d := readSkip(ctx, m.Preflight)
	diags.Append(d...)
	return fleet.Host{
		Role: node.Role(m.Role.ValueString()), Cluster: b.ClusterName.ValueString(), Site: s.site(m.Bundle), Holder: holderPool,
		SkipChecks: skip, DrainTimeout: drainTimeout(m.DrainTimeout), WaitForCloudInit: yes(m.WaitForCloudInit),
	}, diags
}

// host is one of a pool's as the fleet knows it, like the others.
func (h *poolHost) host(ctx context.Context, s *shared, like fleet.Host) (fleet.Host, diag.Diagnostics) {
	like.MachineID, like.DetectedIP, like.Claim = h.MachineID, h.DetectedIP, h.Claim
	target, diags := s.target(ctx, h.address.ValueString(), h.ssh, h.HostKey)
	target.JumpKeys = like.Target.JumpKeys
	like.Target = target
	return like, diags
}

// recordPool notes the hosts of a pool's state, in one go: there may be very
// many.
func (s *shared) recordPool(ctx context.Context, prior *nodePoolModel, hosts []*poolHost) {
	like, diags := prior.like(ctx, s)
	if diags.HasError() {
		return // the plan says so
	}
	there := make([]fleet.Host, 0, len(hosts))
	for _, h := range hosts {
		if h.BundleID != "" && h.Status != poolGone {
			like.Target.Address, like.MachineID = h.address.ValueString(), h.MachineID
			there = append(there, like)
		}
	}
	s.fleet.Record(ctx, like.Cluster, there...)
}

// forgetHosts notes hosts that a pool lets go of without a look at them.
func (s *shared) forgetHosts(ctx context.Context, cluster string, hosts []*poolHost) {
	addresses := make([]string, len(hosts))
	for i, h := range hosts {
		addresses[i] = h.address.ValueString()
	}
	s.fleet.Forget(ctx, cluster, addresses...)
}

// forgetPool notes that all of a pool's hosts are let go of.
func (s *shared) forgetPool(ctx context.Context, model *nodePoolModel) {
	b, diags := readBundle(ctx, model.Bundle)
	hosts, d := model.hosts(ctx)
	diags.Append(d...)
	if s != nil && !diags.HasError() { // nothing but what is noted depends on it
		s.forgetHosts(ctx, b.ClusterName.ValueString(), hosts)
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
