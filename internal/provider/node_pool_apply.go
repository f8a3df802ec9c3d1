// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A poolRun is one operation on a pool.
type poolRun struct {
	shared   *shared
	model    *nodePoolModel
	like     fleet.Host // what the hosts have in common, the bundle where it is needed
	bundleID string
	claim    string // the pool's, which its hosts get
	// ensembleGoes is as in [fleet.Terms], for a pool of masters.
	ensembleGoes bool

	// asked ends when Terraform is interrupted: nothing new is begun then.
	// What is under way goes on to the end of its stage.
	asked context.Context //nolint:containedctx // a run is one operation

	mu       sync.Mutex
	failures poolFailures
	// clusterID is that of the hosts that are adopted, as the host of the name
	// clusterIDOf was the first to show it.
	clusterID, clusterIDOf string
	jumpKeys               map[string]string // what jump hosts have shown
	warnings               foldedDiagnostics
}

// beginPool makes ready for an operation on a pool. private is its private state,
// nil if it has none yet.
func (s *shared) beginPool(ctx context.Context, model *nodePoolModel, private privateReader, withBundle bool) (*poolRun, diag.Diagnostics) {
	if diags := s.ready(); diags.HasError() {
		return nil, diags
	}
	like, diags := model.like(ctx, s)
	if private != nil {
		keys, d := readJumpKeys(ctx, private)
		diags.Append(d...)
		like.Target.JumpKeys = keys
	}
	b, d := readBundle(ctx, model.Bundle)
	if diags.Append(d...); diags.HasError() {
		return nil, diags
	}
	r := &poolRun{
		shared: s, model: model, like: like, bundleID: b.ID.ValueString(), claim: model.ID.ValueString(), asked: ctx,
		failures: poolFailures{redactor: s.redactor},
	}
	if withBundle {
		var err error
		if r.like.Bundle, err = s.bundleOf(ctx, b); err != nil {
			diags.Append(s.bundleError("", err))
		}
	}
	return r, diags
}

// kind is what happens to a host that there is something to do on.
func (r *poolRun) kind(h *poolHost) fleet.Kind {
	switch {
	case h.BundleID == "" && h.adopts != "":
		return fleet.Change
	case h.BundleID == "":
		return fleet.FirstInstall
	case h.BundleID != r.bundleID:
		return fleet.Change
	}
	return fleet.Repair
}

// arrive announces what is about to happen to hosts.
func (r *poolRun) arrive(hosts []*poolHost, kind func(*poolHost) fleet.Kind) (leave func()) {
	kinds := map[fleet.Kind]bool{}
	for _, h := range hosts {
		kinds[kind(h)] = true
	}
	var leaves []func()
	for k := range kinds {
		leaves = append(leaves, r.shared.fleet.Turns.Arrive(r.like.Cluster, r.like.Role, k))
	}
	return func() {
		for _, leave := range leaves {
			leave()
		}
	}
}

// want says which hosts the pool has or wants, and takes over what is known
// of those that another one lets go. release gives those back of which nothing
// has come.
func (s *shared) want(model *nodePoolModel, cluster string, hosts []*poolHost) (release func()) {
	for _, h := range hosts {
		if !h.address.IsUnknown() {
			h.takeOver(s.fleet.Turns.Want(model.member(cluster, h)))
		}
	}
	return func() {
		for _, h := range hosts {
			if !h.address.IsUnknown() && h.notInstalled() {
				h.takeOver(s.fleet.Turns.Waive(model.member(cluster, h)))
			}
		}
	}
}

// bring makes nodes with the bundle of the hosts that are none.
func (r *poolRun) bring(all []*poolHost, limit func(fleet.Kind) time.Duration) {
	var hosts []*poolHost
	for _, h := range all {
		if h.toDo(r.bundleID) != "" {
			hosts = append(hosts, h)
		}
	}
	r.surveyAdopted(all, defaultReadTimeout)
	defer r.arrive(hosts, r.kind)()
	most, err := fleet.Share(r.model.MaxFailures.ValueString(), len(hosts))
	if err != nil {
		most = 0 // the schema has refused it
	}
	unavailable, err := fleet.Share(r.model.MaxUnavailable.ValueString(), len(all))
	if err != nil {
		unavailable = 1 // as above
	}
	batch := fleet.Batch{
		Parallel: int(r.model.MaxParallel.ValueInt64()), Canaries: int(r.model.Canaries.ValueInt64()),
		MaxFailures: most, Stop: r.asked.Done(),
	}
	r.shared.fleet.Log.Write(runlog.Event{Cluster: r.like.Cluster, Role: r.model.Role.ValueString(), Stage: "pool", Event: runlog.Started,
		Hosts: len(hosts)})
	out := batch.Run(r.asked, len(hosts), func(_ context.Context, i int) error {
		h := hosts[i]
		kind := r.kind(h)
		host, key, err := r.bringOne(h, kind, limit(kind), max(unavailable, 1))
		same := r.isAsItWas(h, key, err)
		if same && h.toDo(r.bundleID) == "" {
			return nil
		}
		if same || r.comesFromAnother(h, err) {
			kind = r.kind(h)
			host, _, err = r.bringOne(h, kind, limit(kind), max(unavailable, 1))
		}
		if err != nil {
			h.goBack()
			h.Status = poolFailed
			h.Error = r.failures.add(h.name, r.shared.failure(&host, "installing or changing DC/OS", err))
		}
		return err
	})
	for _, h := range hosts {
		h.goBack() // on which nothing was begun
	}
	r.failures.ended(out, len(hosts), most)
}

// isAsItWas reports whether a host on which another machine was to be has the one
// that it had, with the key that it had, and takes over what was known of it: its
// machine only has another name.
func (r *poolRun) isAsItWas(h *poolHost, key string, err error) bool {
	var same *node.SameMachineError
	if !errors.As(err, &same) || h.former == nil || r.shared.config.HostKeyPolicy != remote.Ignore && !sameKey(key, h.former.HostKey) {
		return false
	}
	h.asItWas()
	return true
}

// comesFromAnother says of a host that cannot be installed whether that is since
// another pool has just let go of it, whose node it is, and takes over what is
// known of it.
func (r *poolRun) comesFromAnother(h *poolHost, err error) bool {
	var foreign *node.ForeignError
	if !errors.As(err, &foreign) || foreign.Cluster != "" && foreign.Cluster != r.like.Cluster || !h.notInstalled() {
		return false
	}
	h.takeOver(r.shared.fleet.Turns.Offered(r.asked, r.model.member(r.like.Cluster, h)))
	return !h.notInstalled()
}

// bringOne installs, upgrades or repairs one host. key is the one that it has shown.
func (r *poolRun) bringOne(h *poolHost, kind fleet.Kind, limit time.Duration, unavailable int) (host fleet.Host, key string, err error) {
	if host, err = r.host(h); err != nil {
		return host, "", err
	}
	if h.refused != nil {
		return host, "", h.refused
	}
	if h.another {
		host.OtherThan = h.former.MachineID
	}
	// A host that another pool has handed over bears that one's claim yet.
	host.Claim, host.ClaimFrom = r.claim, h.Claim
	terms := fleet.Terms{Kind: kind, MaxUnavailable: unavailable, Limit: limit, Foreseen: h.foreseen(), Warn: r.warnsOf(host)}
	if kind == fleet.FirstInstall || h.notInstalled() {
		terms.Keeper = r.shared.keeper(host)
	}
	r.adoption(h, &terms)
	result, err := r.shared.fleet.Bring(r.asked, host, terms)
	r.passed(result.JumpKeys)
	switch {
	case err == nil:
		h.observe(result.State, result.HostKey, r.bundleID)
		h.Claim, h.former, h.another = r.claim, nil, false
	case result.Before != nil:
		h.MachineID, h.HostKey, h.Claim = result.Before.MachineID, result.HostKey, r.claim
		h.former, h.another = nil, false
		if h.adopts != "" && h.BundleID == "" {
			h.BundleID = adoptedBundle // the next apply goes on with a change: nothing is installed anew
		}
	}
	return host, result.HostKey, err
}

// foreseen says what the plan knew of the host, as [fleet.Terms] has it. Of one
// that an apply has failed on, anything.
func (h *poolHost) foreseen() func(found string) bool {
	status, said, differs := h.Status, h.Error, h.differs
	return func(found string) bool {
		return status == poolFailed || strings.Contains(said, found) || strings.Contains(differs, found)
	}
}

// host is one of the pool's as the fleet knows it.
func (r *poolRun) host(h *poolHost) (fleet.Host, error) {
	host, diags := h.host(r.asked, r.shared, r.like)
	if diags.HasError() {
		return host, errors.New(diags.Errors()[0].Detail())
	}
	return host, nil
}

// warnsOf gives what takes warnings of a host.
func (r *poolRun) warnsOf(host fleet.Host) func(node.Finding) {
	return func(f node.Finding) { r.warn(r.shared.finding(host.Address(), f)) }
}

// warn notes what the user should hear of.
func (r *poolRun) warn(d diag.Diagnostic) { r.warnings.add(d) }

func (r *poolRun) abandons() bool { return r.model.OnDestroy.ValueString() == onDestroyAbandon }

// offer lets hosts go, for other pools to take over.
func (r *poolRun) offer(hosts []*poolHost) []fleet.Member {
	offered := make(map[fleet.Member]string, len(hosts))
	for _, h := range hosts {
		if h.notInstalled() {
			continue
		}
		if known, err := h.handOver(); err == nil { // a record of texts can be written
			offered[r.model.member(r.like.Cluster, h)] = known
		}
	}
	r.shared.fleet.Turns.Offer(offered)
	return slices.Collect(maps.Keys(offered))
}

// remove uninstalls hosts that nobody takes over, and gives those of which
// something is left to do.
func (r *poolRun) remove(hosts []*poolHost, limit time.Duration) (left []*poolHost) {
	var there []*poolHost
	for _, h := range hosts {
		if !h.notInstalled() {
			there = append(there, h)
		}
	}
	if r.abandons() {
		r.shared.forgetHosts(r.asked, r.like.Cluster, there)
		return nil
	}
	if len(there) == 0 {
		return nil
	}
	removal := func(*poolHost) fleet.Kind { return fleet.Removal }
	defer r.arrive(there, removal)()
	wanted := r.shared.fleet.Turns.Wanted(r.asked, r.offer(there))
	var hostsLeft []*poolHost
	for _, h := range there {
		if !wanted[r.model.member(r.like.Cluster, h)] {
			hostsLeft = append(hostsLeft, h)
		}
	}
	batch := fleet.Batch{Parallel: int(r.model.MaxParallel.ValueInt64()), MaxFailures: -1, Stop: r.asked.Done()}
	var mu sync.Mutex
	gone := map[int]bool{}
	out := batch.Run(r.asked, len(hostsLeft), func(_ context.Context, i int) error {
		h := hostsLeft[i]
		host, err := r.removeOne(h, limit)
		if err != nil {
			h.Status = poolFailed
			h.Error = r.failures.add(h.name, r.shared.removalFailure(&host, err))
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		gone[i] = true
		return nil
	})
	r.failures.ended(out, len(hostsLeft), -1)
	var ways []string
	for i, h := range hostsLeft {
		if host, err := r.host(h); gone[i] && err == nil {
			ways = append(ways, r.shared.way(host.Target))
		}
		if !gone[i] {
			left = append(left, h)
		}
	}
	r.shared.plan.done(ways...)
	return left
}

// notLeft takes over what was planned of a removal, and gives the hosts whose
// nodes are to go: without those that another resource of the same plan has.
func (r *poolRun) notLeft(note planNote, hosts []*poolHost) []*poolHost {
	r.ensembleGoes = r.shared.ensembleGoes(note, r.like.Cluster)
	if len(note.Leave) == 0 {
		return hosts
	}
	return slices.DeleteFunc(hosts, func(h *poolHost) bool {
		host, err := r.host(h)
		left := err == nil && slices.Contains(note.Leave, r.shared.way(host.Target))
		if left {
			r.warn(handedOver(host.Address()))
		}
		return left
	})
}

// removeOne uninstalls one host.
func (r *poolRun) removeOne(h *poolHost, limit time.Duration) (fleet.Host, error) {
	host, err := r.host(h)
	if err != nil {
		return host, err
	}
	result, err := r.shared.fleet.Remove(r.asked, host, fleet.Terms{
		Limit: limit, IfReachable: r.shared.givesUp(r.model.OnDestroy), EnsembleGoes: r.ensembleGoes, Warn: r.warnsOf(host),
	})
	r.passed(result.JumpKeys)
	if result.Left != nil {
		r.warn(leftNode(host.Address(), result.Left))
	}
	return host, err
}

// short is the first line of a text, for a table.
func short(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return clipped(line, 200)
}

// clipped is the beginning of a text that is longer than so many bytes.
func clipped(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
