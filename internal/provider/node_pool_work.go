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
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A poolRun is one operation on a pool.
type poolRun struct {
	shared   *shared
	model    *nodePoolModel
	cluster  string
	bundleID string
	bundle   *bundle.Bundle // nil where it is not needed

	// asked ends when Terraform is interrupted: nothing new is begun then.
	// What is under way goes on in work, which does not end.
	asked, work context.Context

	mu       sync.Mutex
	failures poolFailures
	warnings diag.Diagnostics
}

// beginPool makes ready for work on a pool.
func (s *shared) beginPool(ctx context.Context, model *nodePoolModel, withBundle bool) (*poolRun, diag.Diagnostics) {
	// What keeps a node from being worked on keeps a pool.
	_, diags := s.begin(ctx, model.asNode())
	if diags.HasError() {
		return nil, diags
	}
	var b bundleModel
	diags.Append(model.Bundle.As(ctx, &b, basetypes.ObjectAsOptions{})...)
	r := &poolRun{
		shared: s, model: model, cluster: b.ClusterName.ValueString(), bundleID: b.ID.ValueString(),
		asked: ctx, work: context.WithoutCancel(ctx),
		failures: poolFailures{redactor: s.redactor},
	}
	if withBundle {
		made, err := s.bundleOf(ctx, b)
		if err != nil {
			diags.Append((&nodeWork{shared: s, model: model.asNode()}).bundleError(err))
		}
		r.bundle = made
	}
	return r, diags
}

// kind is what happens to a host that there is something to do on.
func (r *poolRun) kind(h *poolHost) fleet.Kind {
	switch {
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
		leaves = append(leaves, r.shared.fleet.Arrive(r.cluster, node.Role(r.model.Role.ValueString()), k))
	}
	return func() {
		for _, leave := range leaves {
			leave()
		}
	}
}

// claim says which hosts the pool has or wants, and takes over what is known
// of those that another one lets go. release gives those back of which nothing
// has come.
func (s *shared) claim(model *nodePoolModel, cluster string, hosts []*poolHost) (release func()) {
	for _, h := range hosts {
		if !h.address.IsUnknown() {
			h.takeOver(s.fleet.Claim(model.member(cluster, h)))
		}
	}
	return func() {
		for _, h := range hosts {
			if !h.address.IsUnknown() && h.notInstalled() {
				h.takeOver(s.fleet.Unclaim(model.member(cluster, h)))
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
	r.shared.log.Write(runlog.Event{Cluster: r.cluster, Role: r.model.Role.ValueString(), Stage: "pool", Event: runlog.Started,
		Hosts: len(hosts)})
	out := batch.Run(r.work, len(hosts), func(_ context.Context, i int) error {
		h := hosts[i]
		kind := r.kind(h)
		w, err := r.bringOne(h, kind, limit(kind), max(unavailable, 1))
		if r.comesFromAnother(h, err) {
			kind = r.kind(h)
			w, err = r.bringOne(h, kind, limit(kind), max(unavailable, 1))
		}
		if err != nil {
			if h.notInstalled() && h.former != nil {
				h.poolRecord = *h.former // nothing was changed: what was known still is
			}
			h.Status = poolFailed
			h.Error = r.failures.add(h.name, w.failure(r.end(w, err), "installing or changing DC/OS", err))
		}
		return err
	})
	r.failures.ended(out, len(hosts), most)
}

// comesFromAnother says of a host that cannot be installed whether that is since
// another pool has just let go of it, whose node it is, and takes over what is
// known of it.
func (r *poolRun) comesFromAnother(h *poolHost, err error) bool {
	var foreign *node.ForeignError
	if !errors.As(err, &foreign) || foreign.Cluster != "" && foreign.Cluster != r.cluster || !h.notInstalled() {
		return false
	}
	h.takeOver(r.shared.fleet.Offered(r.asked, r.model.member(r.cluster, h)))
	return !h.notInstalled()
}

// bringOne installs, upgrades or repairs one host.
func (r *poolRun) bringOne(h *poolHost, kind fleet.Kind, limit time.Duration, unavailable int) (*nodeWork, error) {
	w, opts, err := r.ready(h)
	if err != nil {
		return w, err
	}
	defer w.close()
	disturbed := false
	opts.OnOutage = func() { disturbed = true }
	opts.OnChange = func(before node.State) {
		h.MachineID, h.HostKey = before.MachineID, w.conn.HostKey()
	}
	opts.Ensemble.Exists = kind != fleet.FirstInstall
	work := w.change(opts, kind)
	work.MaxUnavailable = unavailable
	work.Out = func(err error) bool {
		var rollback *node.RollbackError
		back := errors.As(err, &rollback) && rollback.Rollback == nil
		return disturbed && !back
	}
	var state *node.State
	err = r.inTurn(w, work, limit, func(ctx context.Context) error {
		do := node.Install
		if kind != fleet.FirstInstall {
			do = node.Upgrade
		}
		state, err = do(ctx, w.conn, opts)
		return err
	})
	if err != nil {
		return w, err
	}
	h.observe(state, w.conn.HostKey(), r.bundleID)
	r.shared.seen(r.work, r.cluster, w.machine(state.MachineID, state.BootID))
	return w, nil
}

// ready makes ready for work on a host.
func (r *poolRun) ready(h *poolHost) (*nodeWork, node.Options, error) {
	w := &nodeWork{shared: r.shared, model: r.model.node(h), cluster: r.cluster}
	w.log = r.shared.log.Scope(r.cluster, w.model.Address.ValueString(), w.model.Role.ValueString())
	var diags diag.Diagnostics
	w.target, diags = w.model.target(r.asked, r.shared, w.log)
	opts, d := w.options(r.asked, r.bundle)
	diags.Append(d...)
	if diags.HasError() {
		return w, opts, errors.New(diags.Errors()[0].Detail())
	}
	opts.Warn = func(f node.Finding) { r.warn(w.finding(f)) }
	opts.Stop = r.asked.Done()
	return w, opts, nil
}

// inTurn connects to a host and works on it when it is its turn. Its time
// begins then. What is under way when Terraform is interrupted goes on to the
// end of its stage.
func (r *poolRun) inTurn(w *nodeWork, work fleet.Work, limit time.Duration, do func(ctx context.Context) error) error {
	work.Connect = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		w.within = ctx
		return w.dial(ctx)
	}
	return r.shared.fleet.Do(r.asked, work, func(context.Context) error {
		ctx, cancel := context.WithTimeout(r.work, limit)
		defer cancel()
		w.within = ctx
		return do(ctx)
	})
}

// end gives the context that tells how work that has failed ended: by the
// host's time limit, by an interrupt, or by itself.
func (r *poolRun) end(w *nodeWork, err error) context.Context {
	switch {
	case w.within != nil && errors.Is(w.within.Err(), context.DeadlineExceeded):
		return w.within
	case errors.Is(err, context.Canceled):
		return r.asked
	}
	return r.work
}

// maxWarnings bounds what a pool warns of; the run log has all.
const maxWarnings = 20

// warn notes what the user should hear of.
func (r *poolRun) warn(d diag.Diagnostic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.warnings) < maxWarnings {
		r.warnings.Append(d)
	}
}

func (r *poolRun) abandons() bool { return r.model.OnDestroy.ValueString() == onDestroyAbandon }

// offer lets hosts go, for other pools to take over.
func (r *poolRun) offer(hosts []*poolHost) []fleet.Member {
	offered := make(map[fleet.Member]string, len(hosts))
	for _, h := range hosts {
		if h.notInstalled() {
			continue
		}
		if known, err := h.handOver(); err == nil { // a record of texts can be written
			offered[r.model.member(r.cluster, h)] = known
		}
	}
	r.shared.fleet.Offer(offered)
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
		r.shared.goneHosts(r.work, r.cluster, there)
		return nil
	}
	if len(there) == 0 {
		return nil
	}
	removal := func(*poolHost) fleet.Kind { return fleet.Removal }
	defer r.arrive(there, removal)()
	claimed := r.shared.fleet.Claimed(r.asked, r.offer(there))
	var hostsLeft []*poolHost
	for _, h := range there {
		if !claimed[r.model.member(r.cluster, h)] {
			hostsLeft = append(hostsLeft, h)
		}
	}
	batch := fleet.Batch{Parallel: int(r.model.MaxParallel.ValueInt64()), MaxFailures: -1, Stop: r.asked.Done()}
	var mu sync.Mutex
	gone := map[int]bool{}
	out := batch.Run(r.work, len(hostsLeft), func(_ context.Context, i int) error {
		w, err := r.removeOne(hostsLeft[i], limit)
		if err != nil {
			h := hostsLeft[i]
			h.Status = poolFailed
			f := w.removalFailure(r.end(w, err), err)
			h.Error = r.failures.add(h.name, f)
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		gone[i] = true
		return nil
	})
	r.failures.ended(out, len(hostsLeft), -1)
	for i, h := range hostsLeft {
		if !gone[i] {
			left = append(left, h)
		}
	}
	return left
}

// removeOne uninstalls one host.
func (r *poolRun) removeOne(h *poolHost, limit time.Duration) (*nodeWork, error) {
	w, opts, err := r.ready(h)
	if err != nil {
		return w, err
	}
	defer w.close()
	opts.SkipChecks = nil
	err = r.inTurn(w, w.work(opts.Role, fleet.Removal), limit, func(ctx context.Context) error {
		return node.Uninstall(ctx, w.conn, opts)
	})
	var replaced *node.ReplacedError
	if errors.As(err, &replaced) {
		r.warn(abandonedMachine(w.target.Address, replaced))
		err = nil
	}
	if err == nil {
		r.shared.gone(r.work, r.cluster, w.target.Address)
	}
	return w, err
}

// short is the first line of a text, for a table.
func short(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	const most = 200
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return line
}
