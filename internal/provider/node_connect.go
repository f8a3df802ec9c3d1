// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// refreshConnectTimeout bounds how long a refresh waits for one host: nobody
// expects hosts to boot then.
const refreshConnectTimeout = 30 * time.Second

// A nodeWork is one operation on one node, with everything it needs.
type nodeWork struct {
	shared  *shared
	model   *nodeModel
	cluster string
	log     *runlog.Scope
	target  remote.Target
	conn    *remote.Conn // nil until it is the node's turn
	again   *remote.Conn // made since the first one broke

	// within is what bounds a pool's work on the host, nil until it has begun.
	within context.Context //nolint:containedctx // it is asked how it ended
}

// work is what the fleet orders: it connects when it is the node's turn.
func (w *nodeWork) work(role node.Role, kind fleet.Kind) fleet.Work {
	return fleet.Work{Cluster: w.cluster, Host: w.target.Address, Role: role, Kind: kind, Connect: w.dial, Log: w.log}
}

// begin makes ready for work on the host of a model. What cannot be reached
// for want of configuration is in the diagnostics.
func (s *shared) begin(ctx context.Context, model *nodeModel) (*nodeWork, diag.Diagnostics) {
	var diags diag.Diagnostics
	if s == nil {
		diags.Append(notConfigured())
		return nil, diags
	}
	if s.client == nil {
		diags.Append(unknownConfiguration(s.unknown))
		return nil, diags
	}
	b, d := model.bundle(ctx)
	diags.Append(d...)
	w := &nodeWork{shared: s, model: model, cluster: b.ClusterName.ValueString()}
	w.log = s.log.Scope(w.cluster, model.Address.ValueString(), model.Role.ValueString())
	w.target, d = model.target(ctx, s, w.log)
	diags.Append(d...)
	return w, diags
}

// dial connects. From then on the key that was accepted is pinned.
func (w *nodeWork) dial(ctx context.Context) error {
	conn, err := w.shared.client.Dial(ctx, w.target)
	if err != nil {
		return err
	}
	w.conn = conn
	if w.shared.config.HostKeyPolicy != remote.Ignore {
		w.target.HostKey = conn.HostKey()
	}
	return nil
}

// close ends the connection. What goes wrong then has no bearing on the work,
// which is over: the host cleans up after itself.
func (w *nodeWork) close() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// redial makes a new connection to the same host, for stages that outlive one.
// The broken one gives its place among the connections back before that.
func (w *nodeWork) redial(ctx context.Context) (node.Conn, error) {
	w.close()
	if w.again != nil {
		_ = w.again.Close() // it broke
	}
	conn, err := w.shared.client.Dial(ctx, w.target)
	w.again = conn
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// bundle makes the bundle of the model's recipe.
func (w *nodeWork) bundle(ctx context.Context) (*bundle.Bundle, error) {
	b, diags := w.model.bundle(ctx)
	if diags.HasError() {
		return nil, errNoRecipe
	}
	return w.shared.bundleOf(ctx, b)
}

// options are those of the operation.
func (w *nodeWork) options(ctx context.Context, b *bundle.Bundle) (node.Options, diag.Diagnostics) {
	skip, diags := w.model.skip(ctx)
	return node.Options{
		Role:             w.model.role(),
		Bundle:           b,
		Address:          w.model.Address.ValueString(),
		MachineID:        w.model.ID.ValueString(),
		Claim:            w.claim(ctx, w.shared.machines),
		Run:              w.shared.log.Run(),
		SkipChecks:       skip,
		DrainTimeout:     w.model.drainTimeout(),
		WaitForCloudInit: w.model.WaitForCloudInit.ValueBool(),
		Log:              w.log,
		Redial:           w.redial,
	}, diags
}
