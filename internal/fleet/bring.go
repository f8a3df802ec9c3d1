// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Terms are on what an operation on a host is done.
type Terms struct {
	// Kind is what Bring does to the host: FirstInstall, Change or Repair.
	Kind Kind
	// MaxUnavailable is as in [Turn].
	MaxUnavailable int
	// EnsembleGoes says of a master's removal that the whole ensemble goes, or
	// that its loss is allowed. Nobody is asked then, and nobody waited for but
	// agents and changes; nor by other removals of masters of the cluster in
	// this process. Without it, one that the ensemble cannot do without stays.
	EnsembleGoes bool
	// Limit is the time that the host has, from when it is its turn. With it,
	// the end of the operation's context is a request to stop: what waits does
	// not begin, and the stage that is under way goes to its end. Without it
	// that context bounds everything, waiting too, and ends it where it is.
	Limit time.Duration
	// IfReachable says that a node that is to be removed is given up where its
	// machine gives no answer: see [*SilentError].
	IfReachable bool
	// Foreseen is as in [node.Options]; a first installation foresees all.
	Foreseen func(found string) bool
	// Joins is as in [node.Options].
	Joins func(clusterID string) error
	// Keeper returns the address at which another resource keeps its node on a machine,
	// for one that is to become the host's; "" if none does. It may be nil.
	Keeper func(machineID, detectedIP string) (address string)
	// Warn is given what the user should hear of although it stands in
	// nothing's way. It may be nil.
	Warn func(node.Finding)
	// Tell is told which stage is begun, with no words, and then how it goes on, in
	// words. It may be nil.
	Tell func(stage, words string)
	// Masters is how many masters are worked on, where no bundle says how many there are.
	Masters int
}

// A Result is what has become of a host.
type Result struct {
	// State is what the node looks like at the end; nil if the operation failed.
	State *node.State
	// Before is what the host looked like right before the first lasting change;
	// nil if nothing was changed. It is there when the operation failed, too.
	Before *node.State
	// HostKey is the key that the host has shown; "" if it was not reached.
	HostKey string
	// JumpKeys are those that the jump hosts on the way have shown, for the Target
	// of the next time.
	JumpKeys map[string]string
	// Claim is the id of the claim that the operation writes with its first
	// change; "" if it did not come so far.
	Claim string
	// Left says why a node that was to be removed was left as it is, and that
	// nothing was done to it: another machine answers at its address
	// ([*node.ReplacedError]), nobody does ([*SilentError]), another holder has it ([*node.ClaimedError]), or it
	// is another cluster's ([*node.ForeignError]). Nil if it was removed.
	Left error
}

// Bring makes the host the node that its bundle says, when it is its turn: it
// is installed, adopted, upgraded or repaired. The error is a [*Failure].
func (f *Fleet) Bring(ctx context.Context, h Host, t Terms) (Result, error) {
	return f.account(ctx, &h, func(ctx context.Context, a *account) error { return f.bring(ctx, &h, t, a) })
}

func (f *Fleet) bring(ctx context.Context, h *Host, t Terms, a *account) error {
	v := f.visit(h, t.Limit)
	defer v.end()
	disturbed := false
	opts := v.options(ctx, a.warn(t.Warn))
	if opts.Ensemble.Exists = t.Kind != FirstInstall; opts.Ensemble.Exists {
		opts.Foreseen = t.Foreseen
	}
	opts.Joins = t.Joins
	opts.OnOutage = func() { disturbed = true }
	opts.OnChange = v.changes(a)
	opts.Holding.TakeOver = t.Kind == FirstInstall
	opts.Holding.Admit = func(s node.State, c node.Claim) error {
		a.note(func(r *Result) { r.Claim = c.ID })
		if t.Keeper != nil {
			if other := t.Keeper(s.MachineID, s.DetectedIP); other != "" {
				return &SharedError{Host: h.Address(), MachineID: s.MachineID, Other: other}
			}
		}
		return f.Machines.hold(s.MachineID, holder{c.ID, h.Address()})
	}
	turn := Turn{Kind: t.Kind, Masters: node.EnsembleSize(h.Bundle), MaxUnavailable: t.MaxUnavailable}
	turn.Out = func(err error) bool {
		var rollback *node.RollbackError
		back := errors.As(err, &rollback) && rollback.Rollback == nil
		return disturbed && !back
	}
	v.gates(&turn, &opts)
	do := node.Install
	if t.Kind != FirstInstall {
		do = node.Upgrade
	}
	var state *node.State
	err := v.inTurn(ctx, turn, func(ctx context.Context) (err error) {
		state, err = do(ctx, v.conn, opts)
		return err
	})
	v.noteKeys(a)
	if err != nil {
		return v.failed(ctx, err)
	}
	a.note(func(r *Result) { r.State = state })
	f.noted(ctx, f.Machines.Seen(h.Cluster, f.reached(ctx, h, state.MachineID, state.BootID)))
	return nil
}
