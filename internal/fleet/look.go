// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// LookTimeout bounds how long Look waits for one host to answer: nobody expects
// hosts to boot then.
const LookTimeout = 30 * time.Second

// A Presence is what has become of a node since it was last seen.
type Presence int

// What has become of a node.
const (
	Present  Presence = iota // its machine is there, and something of DC/OS on it
	Gone                     // its machine is there, and nothing of DC/OS
	Replaced                 // another machine is there
	Taken                    // its machine is there, and what is on it is another holder's, or another cluster's
)

// A Sight is what was seen on a host.
type Sight struct {
	State    *node.State
	HostKey  string
	JumpKeys map[string]string // as in [Result]
	Presence Presence
	// Taken says whose the node is; nil unless Presence says so. See Result.Left.
	Taken error
	// Drift says in words what is not as the host's bundle has it; empty if
	// there is nothing, or no bundle to compare with.
	Drift []string
}

// Look connects and looks at the host, and changes nothing. A host that does
// not answer is soon given up. The error is a [*Failure].
func (f *Fleet) Look(ctx context.Context, h Host) (Sight, error) {
	s, err := f.look(ctx, &h)
	if err == nil {
		f.saw(ctx, h.Cluster, []Host{h}, []Sight{s})
	}
	return s, err
}

// LookAll looks at many hosts of one cluster, each within a time limit, and
// tells of each, from several goroutines at once, with its number.
func (f *Fleet) LookAll(ctx context.Context, hosts []Host, limit time.Duration, b Batch, tell func(i int, s Sight, err error)) Outcome {
	var mu sync.Mutex
	var seen []Host
	var sights []Sight
	out := b.Run(ctx, len(hosts), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		s, err := f.look(ctx, &hosts[i])
		tell(i, s, err)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			seen, sights = append(seen, hosts[i]), append(sights, s)
		}
		return err
	})
	if len(seen) > 0 {
		f.saw(ctx, seen[0].Cluster, seen, sights)
	}
	return out
}

func (f *Fleet) look(ctx context.Context, h *Host) (Sight, error) {
	v := f.visit(h, 0)
	v.target.ConnectTimeout = f.Patience()
	if err := v.dial(ctx); err != nil {
		return Sight{}, v.failed(ctx, err)
	}
	defer v.close()
	var paths []string
	if h.Bundle != nil {
		paths = node.Paths(h.Bundle)
	}
	state, err := node.Inspect(ctx, v.conn, paths...)
	if err != nil {
		return Sight{}, v.failed(ctx, err)
	}
	s := Sight{State: state, HostKey: v.hostKey(), JumpKeys: v.jumpKeys()}
	switch {
	case h.MachineID != "" && h.MachineID != state.MachineID:
		s.Presence = Replaced
	case state.Gone():
		s.Presence = Gone
	default:
		if s.Taken = h.holding().Foreign(h.Address(), *state); s.Taken != nil {
			s.Presence = Taken
		} else if h.Bundle != nil {
			s.Drift = state.Drift(h.Bundle, h.Role)
		}
	}
	return s, nil
}

// saw notes what was seen of nodes. A host that is not known to be one is not.
func (f *Fleet) saw(ctx context.Context, cluster string, hosts []Host, sights []Sight) {
	var there []Machine
	var gone []string
	for i, h := range hosts {
		switch {
		case h.MachineID == "":
		case sights[i].Presence == Present || sights[i].Presence == Taken:
			there = append(there, f.reached(ctx, &h, sights[i].State.MachineID, sights[i].State.BootID))
		default:
			gone = append(gone, h.Address())
		}
	}
	if len(gone) > 0 {
		f.Forget(ctx, cluster, gone...)
	}
	if len(there) > 0 {
		f.noted(ctx, f.Machines.Seen(cluster, there...))
	}
}

// Check judges whether the host is fit for its role and bundle, and changes
// nothing. The error, of a host that cannot be judged, is a [*Failure].
func (f *Fleet) Check(ctx context.Context, h Host) ([]node.Finding, error) {
	v := f.visit(&h, 0)
	err := v.dial(ctx)
	var findings []node.Finding
	if err == nil {
		opts := v.options(ctx, nil)
		opts.Redial = nil // the next reading asks again
		findings, err = node.Preflight(ctx, v.conn, opts)
		err = errors.Join(err, v.conn.Close())
	}
	if err != nil {
		return nil, v.failed(ctx, err)
	}
	return findings, nil
}

// Membership looks at the host and at which cluster it is of, and changes nothing. keys
// are those that jump hosts have shown. The error is a [*Failure].
func (f *Fleet) Membership(ctx context.Context, h Host) (m *node.Membership, keys map[string]string, err error) {
	v := f.visit(&h, 0)
	v.target.ConnectTimeout = v.Patience()
	if err := v.dial(ctx); err != nil {
		return nil, nil, v.failed(ctx, err)
	}
	defer v.close()
	var paths []string
	if h.Bundle != nil {
		paths = node.Paths(h.Bundle)
	}
	m, err = node.ReadMembership(ctx, v.conn, paths...)
	if err != nil {
		return nil, v.jumpKeys(), v.failed(ctx, err)
	}
	return m, v.jumpKeys(), nil
}

// Risk asks a master what keeps it from being taken out of service, in words; ""
// if nothing does, as it is at this moment. The error is a [*Failure].
func (f *Fleet) Risk(ctx context.Context, h Host) (string, error) {
	v := f.visit(&h, 0)
	v.target.ConnectTimeout = v.Patience()
	if err := v.dial(ctx); err != nil {
		return "", v.failed(ctx, err)
	}
	defer v.close()
	health, err := node.MasterHealth(ctx, v.conn)
	if err != nil {
		return "", v.failed(ctx, err)
	}
	return health.RiskWithout(h.names()...), nil
}

// Patience is how long a host may take to answer where nobody expects it to boot.
func (f *Fleet) Patience() time.Duration {
	if f.ConnectTimeout > 0 {
		return min(LookTimeout, f.ConnectTimeout)
	}
	return LookTimeout
}

// Connect connects to a host that is there for something else than to be a
// node. The error is a [*Failure].
func (f *Fleet) Connect(ctx context.Context, h Host) (Conn, error) {
	v := f.visit(&h, 0)
	if err := v.dial(ctx); err != nil {
		return nil, v.failed(ctx, err)
	}
	return v.conn, nil
}
