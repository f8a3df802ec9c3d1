// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Read looks at the hosts, or at a sample of them. Whatever it finds, the pool
// stays in state: a host that is gone is one that there is something to do on,
// and one that cannot be reached keeps what was known of it.
func (r *nodePoolResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var model nodePoolModel
	resp.Diagnostics.Append(req.State.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if model.ID.IsNull() {
		r.readImported(ctx, req, resp, &model)
		return
	}
	b, diags := readBundle(ctx, model.Bundle)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() || r.shared == nil {
		return
	}
	hosts, diags := model.hosts(ctx)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, lookedKey, nil)...)
	resp.Diagnostics.Append(readPoolClaims(ctx, req.Private, model.ID.ValueString(), hosts)...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer r.shared.pools.remember(&model, b.ClusterName.ValueString(), hosts)
	chosen := sampleHosts(hosts, model.Refresh.ValueString())
	if len(chosen) == 0 {
		return
	}
	if r.shared.fleet.Dial == nil {
		resp.Diagnostics.Append(notLookedAt(plural(len(chosen), "host")+" of the pool", r.shared.unknown))
		return
	}
	run, diags := r.shared.beginPool(ctx, &model, req.Private, false)
	resp.Diagnostics.Append(diags...)
	limit, diags := model.Timeouts.Read(ctx, defaultReadTimeout)
	resp.Diagnostics.Append(diags...)
	want, diags := expected(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if run.lookAt(chosen, want, limit) {
		model.set(hosts, b.ID.ValueString())
		resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
		resp.Diagnostics.Append(keepPoolClaims(ctx, resp.Private, model.ID.ValueString(), hosts)...)
	}
	if run.bundleID == importedBundle {
		resp.Diagnostics.Append(keepSurvey(ctx, req.Private, resp.Private, hosts)...)
	}
	if run.like.Role == node.Master {
		resp.Diagnostics.Append(keepSeen(ctx, resp.Private, hosts)...)
	}
	resp.Diagnostics.Append(run.keepJumpKeys(ctx, resp.Private)...)
	resp.Diagnostics.Append(run.warnings.diagnostics()...)
	resp.Diagnostics.Append(run.failures.unreached(len(chosen))...)
}

// keepSeen notes which masters' machines a refresh saw; of agents no plan asks.
func keepSeen(ctx context.Context, private privateWriter, hosts []*poolHost) diag.Diagnostics {
	var seen []string
	for _, h := range hosts {
		if h.seen {
			seen = append(seen, h.identity())
		}
	}
	return keepPrivate(ctx, private, lookedKey, seen)
}

// sampleHosts picks the hosts to look at, of those that DC/OS was installed on.
func sampleHosts(hosts []*poolHost, how string) []*poolHost {
	if how == refreshNone {
		return nil
	}
	var there []*poolHost
	for _, h := range hosts {
		if h.BundleID != "" {
			there = append(there, h)
		}
	}
	if how != refreshSample {
		return there
	}
	n := min(len(there), max(20, len(there)/100))
	picked := make([]*poolHost, 0, n)
	for _, i := range rand.Perm(len(there))[:n] { //nolint:gosec // a sample keeps no secret
		picked = append(picked, there[i])
	}
	return picked
}

// lookAt looks at hosts, and reports whether it saw anything new.
func (r *poolRun) lookAt(chosen []*poolHost, want *bundle.Bundle, limit time.Duration) (news bool) {
	var hosts []fleet.Host
	var looked []*poolHost
	for _, h := range chosen {
		host, diags := h.host(r.asked, r.shared, r.like)
		if diags.HasError() {
			continue // the schema has refused it
		}
		if h.BundleID == r.bundleID { // else it is not the one that is expected there
			host.Bundle = want
		}
		looked, hosts = append(looked, h), append(hosts, host)
	}
	var mu sync.Mutex
	batch := fleet.Batch{Parallel: int(r.model.MaxParallel.ValueInt64()), MaxFailures: -1, Stop: r.asked.Done()}
	r.shared.fleet.LookAll(r.asked, hosts, limit, batch, func(i int, s fleet.Sight, err error) {
		h := looked[i]
		if err != nil {
			r.failures.add(h.name, r.shared.failure(&hosts[i], "looking at the host", err))
			return
		}
		r.passed(s.JumpKeys)
		h.seen = s.Presence != fleet.Replaced
		if s.Presence == fleet.Taken {
			r.warn(takenNode(hosts[i].Address(), s.Taken))
			return
		}
		before := h.poolRecord
		h.look(s)
		if h.imported() && s.Presence == fleet.Present {
			h.state = s.State
		}
		mu.Lock()
		defer mu.Unlock()
		news = news || h.poolRecord != before
	})
	return news
}

// look takes over what refresh saw on the host.
func (h *poolHost) look(s fleet.Sight) {
	switch s.Presence {
	case fleet.Replaced:
		h.poolRecord = poolRecord{Status: poolGone,
			Error: fmt.Sprintf("another machine answers at %s: its machine id is %s, that of the node was %s",
				h.address.ValueString(), s.State.MachineID, h.MachineID)}
		return
	case fleet.Gone:
		// It is the same machine, so destroy looks there once more.
		h.poolRecord = poolRecord{Status: poolGone, MachineID: h.MachineID, HostKey: s.HostKey, Error: "it is not installed any more"}
		return
	case fleet.Taken:
		return // it is another's: what is known of it stays
	case fleet.Present:
	}
	if on := s.State.Claim; on != nil {
		h.Claim = on.ID
	}
	h.HostKey, h.DCOSVersion = s.HostKey, s.State.Version
	h.DetectedIP = s.State.DetectedIP
	drift := strings.Join(s.Drift, "; ")
	switch {
	case h.Status == poolFailed: // there is something to do in any case
	case drift != "":
		h.Status, h.Error = poolDrifted, clipped(drift, maxRecordError)
	default:
		h.Status, h.Error = poolDone, ""
	}
}

// unreached words which hosts could not be looked at.
func (p *poolFailures) unreached(of int) diag.Diagnostics {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == 0 {
		return nil
	}
	return diag.Diagnostics{diag.NewWarningDiagnostic(
		fmt.Sprintf("%s of %s Not Looked At", thousands(p.count), titled(plural(of, "host"))),
		"Their state is kept as it was, so this plan may not see what has changed on them.\n\n"+strings.TrimSpace(p.text()))}
}

// A poolMemory is what refresh found in this process of hosts of pools. The
// plan of a pool whose creation failed on some hosts is not given its state.
type poolMemory struct {
	mu    sync.Mutex
	hosts map[fleet.Member]poolRecord
}

func newPoolMemory() *poolMemory { return &poolMemory{hosts: map[fleet.Member]poolRecord{}} }

// remember notes the hosts of a pool that is not done.
func (m *poolMemory) remember(model *nodePoolModel, cluster string, hosts []*poolHost) {
	if !model.unfinished() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range hosts {
		m.hosts[model.member(cluster, h)] = h.poolRecord
	}
}

// recall gives hosts of which nothing is known what was noted of them.
func (m *poolMemory) recall(model *nodePoolModel, cluster string, hosts []*poolHost) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range hosts {
		if !h.address.IsUnknown() {
			h.resume(m.hosts[model.member(cluster, h)])
		}
	}
}
