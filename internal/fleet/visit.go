// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A visit is one operation on one host: its connections, and what bounds it.
type visit struct {
	*Fleet
	host   *Host
	limit  time.Duration
	log    *runlog.Scope
	target remote.Target
	conn   Conn // nil until it is the host's turn
	again  Conn // made since the first one broke
	own    bool // at a closed gate, the node was seen to be the host's

	lock outageLock         // of its ensemble
	warn func(node.Finding) // may be nil

	// within is what bounds the work on the host, nil until it has begun.
	within context.Context //nolint:containedctx // it is asked how it ended
}

// knownLogins is how often a login is tried at a node that has taken it before:
// it waits for no image to set keys, and who is refused too often is banned.
const knownLogins = 2

// visit begins one. limit is as in [Terms].
func (f *Fleet) visit(h *Host, limit time.Duration) *visit {
	v := &visit{Fleet: f, host: h, limit: limit, target: h.Target}
	v.log = f.Log.Scope(h.Cluster, h.Address(), string(h.Role))
	v.target.Log = v.log
	if h.MachineID != "" {
		v.target.Logins = knownLogins
	}
	return v
}

// dial connects. From then on the key that was accepted is pinned.
func (v *visit) dial(ctx context.Context) error {
	conn, err := v.Dial(ctx, v.target)
	if err != nil {
		return err
	}
	v.conn = conn
	v.lock.lead(conn)
	if v.PinHostKeys {
		v.target.HostKey, v.target.JumpKeys = conn.HostKey(), conn.JumpKeys()
	}
	return nil
}

// close ends the connection. What goes wrong then has no bearing on the work,
// which is over: the host cleans up after itself.
func (v *visit) close() {
	if v.conn != nil {
		_ = v.conn.Close()
	}
}

// redial makes a new connection to the same host, for stages that outlive one.
// The broken one gives its place among the connections back before that.
func (v *visit) redial(ctx context.Context) (node.Conn, error) {
	v.close()
	if v.again != nil {
		_ = v.again.Close() // it broke
	}
	conn, err := v.Dial(ctx, v.target)
	if err != nil {
		v.again = nil
		return nil, err
	}
	v.again = conn
	v.lock.lead(conn)
	return conn, nil
}

// hostKey is the one that the host has shown, "" if nothing was connected to.
func (v *visit) hostKey() string {
	if v.conn == nil {
		return ""
	}
	return v.conn.HostKey()
}

// jumpKeys are those that the jump hosts on the way have shown.
func (v *visit) jumpKeys() map[string]string {
	if v.conn == nil {
		return nil
	}
	return v.conn.JumpKeys()
}

// options are those of internal/node for the host.
func (v *visit) options(ctx context.Context, warn func(node.Finding)) node.Options {
	h := v.host
	v.warn = warn
	holding := h.holding()
	opts := node.Options{
		Holding: &holding,
		Role:    h.Role, Bundle: h.Bundle, Address: h.Address(), MachineID: h.MachineID, OtherThan: h.OtherThan,
		Peers: v.peers(ctx), Warn: warn, Run: v.Log.Run(), SkipChecks: h.SkipChecks, DrainTimeout: h.DrainTimeout,
		WaitForCloudInit: h.WaitForCloudInit, Log: v.log, Redial: v.redial,
	}
	if v.limit > 0 {
		opts.Stop = ctx.Done()
	}
	return opts
}

// peers makes what preflight asks of the node's peers.
func (v *visit) peers(ctx context.Context) func(node.State) node.Peers {
	return func(state node.State) node.Peers {
		peers, err := v.Machines.Meet(v.host.Cluster, v.host.machine(state.MachineID, state.BootID))
		v.noted(ctx, err)
		return peers
	}
}

// inTurn connects to the host and does something there when it is its turn.
func (v *visit) inTurn(ctx context.Context, t Turn, do func(ctx context.Context) error) error {
	t.Cluster, t.Host, t.Role, t.Log = v.host.Cluster, v.host.Address(), v.host.Role, v.log
	t.Connect = func(ctx context.Context) error {
		ctx, cancel := v.bound(ctx)
		defer cancel()
		return v.dial(ctx)
	}
	return v.Turns.Do(ctx, t, func(ctx context.Context) error {
		if v.limit > 0 { // what is under way goes on to the end of its stage
			ctx = context.WithoutCancel(ctx)
		}
		ctx, cancel := v.bound(ctx)
		defer cancel()
		err := do(ctx)
		if err != nil {
			v.ended(ctx)
		}
		return err
	})
}

// bound begins the host's own time.
func (v *visit) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	cancel := func() {}
	if v.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, v.limit)
	}
	v.within = ctx
	return ctx, cancel
}

// failed makes the error of the operation that ctx was given to.
func (v *visit) failed(ctx context.Context, err error) error {
	f := &Failure{Reached: v.conn != nil, Err: err}
	switch {
	case v.within != nil && errors.Is(v.within.Err(), context.DeadlineExceeded):
		f.Ended = ByTimeLimit
	case v.limit > 0 && !errors.Is(err, context.Canceled):
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.Ended = ByTimeLimit
	case errors.Is(ctx.Err(), context.Canceled):
		f.Ended = ByInterrupt
	}
	return f
}

// gates puts those of a master's change or removal around its turn, and one
// into the script that takes it out of service.
func (v *visit) gates(t *Turn, opts *node.Options) {
	if v.host.Role != node.Master {
		return
	}
	t.Before = func(ctx context.Context) error { return v.gate(ctx, true, node.Health.RiskWithout) }
	t.After = func(ctx context.Context) error {
		err := v.gate(ctx, false, node.Health.Unwell)
		if err == nil {
			v.serves(ctx)
		}
		return err
	}
	t.Pass = &Pass{}
	opts.GateTimeout = gateTimeout
	opts.Gate = func(h node.Health, stops bool) (again bool, err error) {
		var risk error
		if reason := h.RiskWithout(v.names(h)...); reason != "" {
			risk = errors.New(reason)
		}
		// Before files are written, too: between them and what they are for is no time to wait.
		t.Pass.Take = func() error { return v.take(v.within, h) }
		again, err = t.Pass.Ask(risk, stops)
		if m, _ := h.Find(v.names(h)...); err != nil && m.Serving() {
			v.serves(v.within) // it waits in service: another one may be mended meanwhile
		}
		return again, err
	}
}

// names are those under which the ensemble that health was asked about may know
// the host.
func (v *visit) names(h node.Health) []string {
	names := v.host.names()
	if h.Self != "" {
		names = append(names, h.Self)
	}
	return names
}

// gateTimeout bounds how long a script waits at a closed gate: Patience, and as
// long as another master may take meanwhile.
const gateTimeout = Patience + node.DefaultSetupTimeout + node.DefaultUpgradePostflightTimeout

// gate asks the master about its ensemble, once: nil if nothing is wrong. A
// connection that has broken is made anew for the next time. What is not the
// host's own any more has no gate of its ensemble before it: the operation itself
// leaves it alone, and says whose it is.
func (v *visit) gate(ctx context.Context, before bool, wrong func(h node.Health, names ...string) string) error {
	health, err := node.MasterHealth(ctx, v.conn)
	switch {
	case err == nil:
		reason := wrong(health, v.names(health)...)
		if reason == "" {
			return nil
		}
		if before && !v.own {
			foreign, err := v.foreign(ctx)
			if err != nil || foreign {
				return err
			}
			v.own = true
		}
		return errors.New(reason)
	case remote.IsUnreachable(err) && ctx.Err() == nil:
		v.close()
		if dialErr := v.dial(ctx); dialErr != nil {
			return dialErr
		}
		return err
	case before && cannotBegin(err):
		return nil // nothing of the change will begin either, and its own error says why
	}
	return err
}

// foreign reports whether the node is not the host's.
func (v *visit) foreign(ctx context.Context) (bool, error) {
	state, err := node.Inspect(ctx, v.conn)
	if err != nil {
		return false, err
	}
	return v.host.MachineID != "" && v.host.MachineID != state.MachineID || v.host.OtherThan == state.MachineID ||
		v.host.holding().Foreign(v.host.Address(), *state) != nil, nil
}

// cannotBegin reports whether no script can be run on the host at all.
func cannotBegin(err error) bool {
	var sudo *remote.SudoError
	var shell *remote.ShellError
	return errors.As(err, &sudo) || errors.As(err, &shell)
}
