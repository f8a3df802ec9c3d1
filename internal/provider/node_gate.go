// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// change is the work of an upgrade or, with the bundle that the node has, of a
// repair. A master waits its turn, and is not touched while the ensemble could
// not do without it.
func (w *nodeWork) change(opts node.Options, kind fleet.Kind) fleet.Work {
	work := w.work(opts.Role, kind)
	work.Masters = node.EnsembleSize(opts.Bundle)
	if opts.Role == node.Master {
		work.Before = func(ctx context.Context) error { return w.gate(ctx, true, node.Health.RiskWithout) }
		work.After = func(ctx context.Context) error { return w.gate(ctx, false, node.Health.Unwell) }
	}
	return work
}

// names are those under which the ensemble may know this master.
func (w *nodeWork) names() []string {
	return []string{w.model.DetectedIP.ValueString(), w.target.Address}
}

// gate asks the master about its ensemble, once: nil if nothing is wrong. A
// connection that has broken is made anew for the next time.
func (w *nodeWork) gate(ctx context.Context, before bool, wrong func(h node.Health, names ...string) string) error {
	health, err := node.MasterHealth(ctx, w.conn)
	switch {
	case err == nil:
		if reason := wrong(health, w.names()...); reason != "" {
			return errors.New(reason)
		}
		return nil
	case remote.IsUnreachable(err) && ctx.Err() == nil:
		w.close()
		if dialErr := w.dial(ctx); dialErr != nil {
			return dialErr
		}
		return err
	case before && cannotBegin(err):
		return nil // nothing of the work will begin either, and its own error says why
	}
	return err
}

// cannotBegin says that no script can be run on the host at all.
func cannotBegin(err error) bool {
	var sudo *remote.SudoError
	var shell *remote.ShellError
	return errors.As(err, &sudo) || errors.As(err, &shell)
}
