// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Gates around a master's change: how long the ensemble may take to be well,
// and how often it is asked.
const (
	gateTimeout  = 5 * time.Minute
	gateInterval = 2 * time.Second
)

// change is the work of an upgrade or a repair. A master waits its turn, and
// is not touched while the ensemble could not do without it.
func (w *nodeWork) change(opts node.Options) fleet.Work {
	work := fleet.Work{Cluster: w.cluster, Host: w.target.Address, Role: opts.Role, Kind: fleet.Change, Log: w.log}
	if opts.Role == node.Master {
		work.Before = func(ctx context.Context) error {
			if _, err := node.MasterHealth(ctx, w.conn); err != nil {
				return nil //nolint:nilerr // A master that cannot even say how it is does not serve: taking it out costs no quorum.
			}
			return w.gate(ctx, w.canDoWithout)
		}
		work.After = func(ctx context.Context) error { return w.gate(ctx, isWell) }
	}
	return work
}

// canDoWithout says what keeps a master from being taken out of service: the
// others would not be a majority. One that does not serve as it is can be
// taken out at any time.
func (w *nodeWork) canDoWithout(h node.Health) string {
	self := slices.Contains(h.Down, w.model.DetectedIP.ValueString()) || slices.Contains(h.Down, w.target.Address)
	if h.Size <= 1 || self || (h.Serving-1)*2 > h.Size {
		return ""
	}
	return fmt.Sprintf("%d of %d masters serve (not serving: %s); without this one there would be no quorum", h.Serving, h.Size, strings.Join(h.Down, ", "))
}

// isWell says what is wrong with an ensemble.
func isWell(h node.Health) string {
	switch {
	case !h.Quorum():
		return fmt.Sprintf("%d of %d masters serve, which is no quorum", h.Serving, h.Size)
	case h.Leader == "":
		return "no Mesos leader is known"
	case !h.Recovered:
		return "the registrar of the Mesos master has not recovered"
	}
	return ""
}

// gate asks the master about its ensemble until nothing is wrong with it.
func (w *nodeWork) gate(ctx context.Context, wrong func(node.Health) string) error {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	ticker := time.NewTicker(gateInterval)
	defer ticker.Stop()
	for {
		health, err := node.MasterHealth(ctx, w.conn)
		if err == nil {
			reason := wrong(health)
			if reason == "" {
				return nil
			}
			err = errors.New(reason)
		} else if remote.IsUnreachable(err) && ctx.Err() == nil {
			w.close()
			if dialErr := w.dial(ctx); dialErr != nil {
				return dialErr
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}
