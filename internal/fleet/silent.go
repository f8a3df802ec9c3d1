// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

const (
	// secondChance is how long a machine that gave no answer is waited for once
	// more when another one has answered: the SYN of one attempt is sent four times.
	secondChance = 15 * time.Second
	// askInterval is how long one machine is waited for before the next one is
	// asked too, and maxAsked how many are asked.
	askInterval = 500 * time.Millisecond
	maxAsked    = 64
)

// silent reports whether an error says that the host's machine gave no answer.
func (v *visit) silent(err error) bool {
	var connect *remote.ConnectError
	return v.conn == nil && errors.As(err, &connect) && connect.Silent
}

// alone makes an [*AloneError] of the error of a machine that gave no answer, and
// nil if another machine of its cluster answers at this moment. Only one that is
// reached through the same proxy and jump hosts says that it is the machine, and
// not the way to it, that is dead.
func (v *visit) alone(ctx context.Context, err error) error {
	var others []Machine
	if v.Greet != nil {
		var notesErr error
		others, notesErr = v.Machines.beside(v.host.Cluster, v.reached(ctx, v.host, v.host.MachineID, ""))
		v.noted(ctx, notesErr)
	}
	others = others[:min(len(others), maxAsked)]
	if v.answers(ctx, others) {
		return nil
	}
	asked := make([]string, len(others))
	for i := range others {
		asked[i] = others[i].Address
	}
	return &AloneError{Host: v.host.Address(), Asked: asked, Err: err}
}

// answers reports whether one of some machines answers, which are asked one after
// the other, within the time that one is given.
func (v *visit) answers(ctx context.Context, machines []Machine) bool {
	ctx, cancel := context.WithTimeout(ctx, v.Patience())
	defer cancel()
	answers := make(chan error, len(machines))
	next, waiting := 0, 0
	ask := func() {
		if next == len(machines) || ctx.Err() != nil {
			return
		}
		t := v.target
		t.Address, t.Port, t.HostKey = machines[next].Address, machines[next].Port, ""
		next++
		waiting++
		go func() { answers <- v.Greet(ctx, t) }()
	}
	ticker := time.NewTicker(askInterval)
	defer ticker.Stop()
	for ask(); waiting > 0; {
		select {
		case err := <-answers:
			if err == nil {
				return true
			}
			waiting--
			ask()
		case <-ticker.C:
			ask()
		}
	}
	return false
}
