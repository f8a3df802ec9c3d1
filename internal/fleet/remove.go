// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Remove drains and uninstalls the node, when it is its turn; a master goes only
// if its ensemble can do without it, or goes as well ([Terms.EnsembleGoes]). A machine that is
// not the node's any more is left as it is, which is no error. The error is a
// [*Failure].
func (f *Fleet) Remove(ctx context.Context, h Host, t Terms) (Result, error) {
	var r Result
	h.SkipChecks = nil
	v := f.visit(&h, t.Limit)
	defer v.close()
	opts := v.options(ctx, t.Warn)
	opts.OnChange = func(before node.State) { r.Before = &before }
	turn := Turn{Kind: Removal, EnsembleGoes: t.EnsembleGoes}
	if !t.EnsembleGoes {
		v.gates(&turn, &opts)
	}
	err := v.inTurn(ctx, turn, func(ctx context.Context) error { return node.Uninstall(ctx, v.conn, opts) })
	r.HostKey = v.hostKey()
	if err != nil && !errors.As(err, &r.Replaced) {
		return r, v.failed(ctx, err)
	}
	f.Forget(ctx, h.Cluster, h.Address())
	return r, nil
}
