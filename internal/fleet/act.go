// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A Work is what is done with a node over its connection.
type Work func(ctx context.Context, conn node.Conn, opts node.Options) error

// Ask does something with a node that keeps it in service and may be broken off at any
// time: it has no turn, and ends with its context, or when Limit is over. A host that does
// not answer is soon given up. The error is a [*Failure].
func (f *Fleet) Ask(ctx context.Context, h Host, t Terms, work Work) error {
	_, err := f.account(ctx, &h, func(ctx context.Context, a *account) error {
		if t.Limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, t.Limit)
			defer cancel()
		}
		v := f.visit(&h, 0)
		defer v.end()
		v.target.ConnectTimeout = f.Patience()
		opts := v.options(ctx, a.warn(t.Warn))
		opts.Tell = t.Tell
		if t.Tell != nil {
			t.Tell("connect", "")
		}
		err := v.dial(ctx)
		if err == nil {
			err = work(ctx, v.conn, opts)
		}
		if err != nil {
			return v.failed(ctx, err)
		}
		return nil
	})
	return err
}

// Disturb does something with a node that takes it out of service for a time, when it is
// its turn: as a change does, with the gates of masters around it and in the script that
// causes the outage. Kind says whether agents wait for masters, which is Change, or
// there are none to wait for, Repair. The error is a [*Failure].
func (f *Fleet) Disturb(ctx context.Context, h Host, t Terms, work Work) error {
	_, err := f.account(ctx, &h, func(ctx context.Context, a *account) error {
		v := f.visit(&h, t.Limit)
		defer v.end()
		disturbed := false
		opts := v.options(ctx, a.warn(t.Warn))
		opts.Ensemble.Exists = true
		opts.Tell = t.Tell
		opts.OnOutage = func() { disturbed = true }
		turn := Turn{Kind: t.Kind, Masters: t.Masters, MaxUnavailable: t.MaxUnavailable}
		turn.Out = func(error) bool { return disturbed }
		v.gates(&turn, &opts)
		if t.Tell != nil {
			t.Tell("turn", "")
		}
		err := v.inTurn(ctx, turn, func(ctx context.Context) error { return work(ctx, v.conn, opts) })
		if err != nil {
			return v.failed(ctx, err)
		}
		return nil
	})
	return err
}
