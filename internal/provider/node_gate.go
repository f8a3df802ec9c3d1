// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// change is the work of an upgrade or, with the bundle that the node has, of a
// repair. A master waits its turn, and is not touched while the ensemble could
// not do without it.
func (w *nodeWork) change(opts node.Options, kind fleet.Kind) fleet.Work {
	work := w.work(opts.Role, kind)
	work.Masters = ensembleSize(opts.Bundle)
	if opts.Role == node.Master {
		work.Before = func(ctx context.Context) error { return w.gate(ctx, true, w.canDoWithout) }
		work.After = func(ctx context.Context) error { return w.gate(ctx, false, w.isWell) }
	}
	return work
}

// ensembleSize is the number of masters of a bundle; 0 if nothing says it.
func ensembleSize(b *bundle.Bundle) int {
	if b == nil {
		return 0
	}
	n, err := strconv.Atoi(b.Arguments["num_masters"])
	if err != nil {
		return 0
	}
	return n
}

// self says whether the ensemble's list names this master.
func (w *nodeWork) self(hosts []string) bool {
	return slices.Contains(hosts, w.model.DetectedIP.ValueString()) || slices.Contains(hosts, w.target.Address)
}

// canDoWithout says what keeps a master from being taken out of service: the
// others would not be a majority. One that does not serve as it is can be
// taken out at any time. Exhibitor is what knows who serves; where it is silent
// although the master takes part, nobody knows what depends on it.
func (w *nodeWork) canDoWithout(h node.Health) string {
	if h.Size == 0 && (h.Leader != "" || h.Recovered) {
		return "exhibitor does not say which masters serve, and this one does"
	}
	if h.Size <= 1 || w.self(h.Down) || (h.Serving-1)*2 > h.Size {
		return ""
	}
	return fmt.Sprintf("%d of %d masters serve (not serving: %s); without this one there would be no quorum", h.Serving, h.Size,
		strings.Join(h.Down, ", "))
}

// isWell says what is wrong with an ensemble after this master was changed.
func (w *nodeWork) isWell(h node.Health) string {
	switch {
	case w.self(h.Down):
		return "this master does not serve"
	case !h.Quorum():
		return fmt.Sprintf("%d of %d masters serve, which is no quorum", h.Serving, h.Size)
	case h.Leader == "":
		return "no Mesos leader is known"
	case !h.Recovered:
		return "the registrar of the Mesos master has not recovered"
	}
	return ""
}

// gate asks the master about its ensemble, once: nil if nothing is wrong. A
// connection that has broken is made anew for the next time.
func (w *nodeWork) gate(ctx context.Context, before bool, wrong func(node.Health) string) error {
	health, err := node.MasterHealth(ctx, w.conn)
	switch {
	case err == nil:
		if reason := wrong(health); reason != "" {
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
