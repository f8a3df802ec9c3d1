// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
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

// bring makes nodes with the bundle of the hosts that are none.
func (r *poolRun) bring(all []*poolHost, limit func(fleet.Kind) time.Duration) {
	var hosts []*poolHost
	for _, h := range all {
		if h.toDo(r.bundleID) != "" {
			hosts = append(hosts, h)
			if id := r.shared.fleet.Claim(r.model.member(r.cluster, h)); h.MachineID == "" {
				h.MachineID = id
			}
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
	r.shared.log.Write(runlog.Event{Cluster: r.cluster, Role: r.model.Role.ValueString(), Stage: "pool", Event: runlog.Started, Hosts: len(hosts)})
	out := batch.Run(r.work, len(hosts), func(_ context.Context, i int) error {
		h := hosts[i]
		kind := r.kind(h)
		w, err := r.bringOne(h, kind, limit(kind), max(unavailable, 1))
		if err != nil {
			h.Status = poolFailed
			h.Error = r.failures.add(h.name, w.failure(r.asked, "installing or changing DC/OS", err))
		}
		return err
	})
	r.failures.ended(out, len(hosts), most)
}

// bringOne installs, upgrades or repairs one host.
func (r *poolRun) bringOne(h *poolHost, kind fleet.Kind, limit time.Duration, unavailable int) (*nodeWork, error) {
	w, opts, end, err := r.ready(h, limit)
	if err != nil {
		return w, err
	}
	defer end()
	opts.OnChange = func(before node.State) { h.MachineID, h.HostKey = before.MachineID, w.conn.HostKey() }
	opts.Ensemble.Exists = kind != fleet.FirstInstall
	work := w.change(opts, kind)
	work.MaxUnavailable = unavailable
	var state *node.State
	err = r.shared.fleet.Do(r.asked, work, func(context.Context) error {
		ctx, cancel := context.WithTimeout(r.work, limit)
		defer cancel()
		do := node.Install
		if kind != fleet.FirstInstall {
			do = node.Upgrade
		}
		state, err = do(ctx, r.gently(w.conn), opts)
		return err
	})
	if err != nil {
		return w, err
	}
	h.observe(state, w.conn.HostKey(), r.bundleID)
	r.shared.seen(r.work, r.cluster, w.machine(state.MachineID, state.BootID))
	return w, nil
}

// ready connects to a host.
func (r *poolRun) ready(h *poolHost, limit time.Duration) (*nodeWork, node.Options, func(), error) {
	w := &nodeWork{shared: r.shared, model: r.model.node(h), cluster: r.cluster}
	w.log = r.shared.log.Scope(r.cluster, w.model.Address.ValueString(), w.model.Role.ValueString())
	var diags diag.Diagnostics
	w.target, diags = w.model.target(r.asked, r.shared, w.log)
	opts, d := w.options(r.asked, r.bundle)
	diags.Append(d...)
	if diags.HasError() {
		return w, opts, nil, errors.New(diags.Errors()[0].Detail())
	}
	opts.Warn = func(f node.Finding) { r.warn(w.finding(f)) }
	opts.Redial = func(ctx context.Context) (node.Conn, error) {
		conn, err := w.redial(ctx)
		if err != nil {
			return nil, err
		}
		return r.gently(conn), nil
	}
	ctx, cancel := context.WithTimeout(r.asked, limit)
	defer cancel()
	if err := w.dial(ctx); err != nil {
		return w, opts, nil, err
	}
	return w, opts, w.close, nil
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

// remove uninstalls hosts that nobody takes over, and gives those of which
// something is left to do.
func (r *poolRun) remove(hosts []*poolHost, limit time.Duration) (left []*poolHost) {
	var there []*poolHost
	for _, h := range hosts {
		if h.MachineID != "" { // otherwise nothing was ever changed on it
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
	offered := map[fleet.Member]string{}
	members := make([]fleet.Member, 0, len(there))
	for _, h := range there {
		m := r.model.member(r.cluster, h)
		offered[m] = h.MachineID
		members = append(members, m)
	}
	claimed := r.shared.fleet.Offer(r.asked, offered)
	r.shared.fleet.Leave(members...)
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
			f := w.failure(r.asked, "uninstalling DC/OS", err)
			if w.conn == nil {
				f.hint = sentence(f.hint) + " " + abandonHint
			}
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
	w, opts, end, err := r.ready(h, limit)
	if err != nil {
		return w, err
	}
	defer end()
	opts.SkipChecks = nil
	work := fleet.Work{Cluster: r.cluster, Host: w.target.Address, Role: opts.Role, Kind: fleet.Removal, Log: w.log}
	err = r.shared.fleet.Do(r.asked, work, func(context.Context) error {
		ctx, cancel := context.WithTimeout(r.work, limit)
		defer cancel()
		return node.Uninstall(ctx, r.gently(w.conn), opts)
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

// gently is a connection on which no stage is begun any more when Terraform
// has been interrupted; the one that is under way ends as it would have.
func (r *poolRun) gently(conn node.Conn) node.Conn {
	return gentleConn{Conn: conn, asked: r.asked}
}

type gentleConn struct {
	node.Conn
	asked context.Context
}

// Run runs a script, unless it is time to stop.
func (c gentleConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	if c.asked.Err() != nil {
		return &remote.Result{ExitCode: -1}, fmt.Errorf("script %s was not begun: %w", s.Name, context.Canceled)
	}
	return c.Conn.Run(ctx, s)
}

// Upload puts files on the host, unless it is time to stop.
func (c gentleConn) Upload(ctx context.Context, files []remote.File, progress func(sent int64)) (string, error) {
	if c.asked.Err() != nil {
		return "", fmt.Errorf("the upload was not begun: %w", context.Canceled)
	}
	return c.Conn.Upload(ctx, files, progress)
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
