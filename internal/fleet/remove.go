// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Remove drains and uninstalls the node, when it is its turn; a master goes only
// if its ensemble can do without it, or goes as well ([Terms.EnsembleGoes]). What
// is not the holder's any more is left as it is, which is no error: see
// Result.Left. The error is a [*Failure].
func (f *Fleet) Remove(ctx context.Context, h Host, t Terms) (Result, error) {
	return f.account(ctx, &h, func(ctx context.Context, a *account) error { return f.remove(ctx, &h, t, a) })
}

func (f *Fleet) remove(ctx context.Context, h *Host, t Terms, a *account) error {
	h.SkipChecks = nil
	v := f.visit(h, t.Limit)
	defer v.end()
	if t.IfReachable {
		v.target.ConnectTimeout = f.Patience()
	}
	opts := v.options(ctx, a.warn(t.Warn))
	opts.OnChange = v.changes(a)
	turn := Turn{Kind: Removal, EnsembleGoes: t.EnsembleGoes}
	if !t.EnsembleGoes {
		v.gates(&turn, &opts)
	}
	uninstall := func() error {
		return v.inTurn(ctx, turn, func(ctx context.Context) error {
			err := node.Uninstall(ctx, v.conn, opts)
			if err == nil {
				v.removed(ctx)
			}
			return err
		})
	}
	err := uninstall()
	if t.IfReachable && v.silent(err) {
		if err = v.alone(ctx, err); err == nil {
			// What is between here and the host is well now, and may not have been before.
			v.target.ConnectTimeout = min(v.target.ConnectTimeout, secondChance)
			if err = uninstall(); v.silent(err) {
				err = &SilentError{Host: h.Address(), Err: err}
			}
		}
	}
	v.noteKeys(a)
	switch {
	case leaves(err):
		a.note(func(r *Result) { r.Left = err })
	case err != nil:
		return v.failed(ctx, err)
	default:
		f.Machines.letGo(h.MachineID)
	}
	f.Forget(ctx, h.Cluster, h.Address())
	return nil
}

// leaves reports whether an error says that what is on the host is somebody
// else's.
func leaves(err error) bool {
	var replaced *node.ReplacedError
	var claimed *node.ClaimedError
	var foreign *node.ForeignError
	var silent *SilentError
	return errors.As(err, &silent) || errors.As(err, &replaced) || errors.As(err, &claimed) || errors.As(err, &foreign) && foreign.Ours != ""
}
