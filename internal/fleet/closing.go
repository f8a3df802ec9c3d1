// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// closingLimit is how long an operation gets to come to its own end when the
// process is about to end: what is known then has to be encoded and to arrive.
const closingLimit = time.Second

// errClosing is why an operation was broken off.
var errClosing = errors.New("the provider was told to end at once")

// An account is what is known of an operation while it goes on.
type account struct {
	mu     sync.Mutex
	result Result
	closed bool // nobody hears of it any more
}

// note changes it, if anybody still hears of it.
func (a *account) note(change func(*Result)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		change(&a.result)
	}
}

// close gives what has been noted, and is the end of it.
func (a *account) close() Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return a.result
}

// account keeps the account of an operation on a host until it is done. When the
// process is about to end nothing more is begun, and whoever asked for the
// operation gets what is known a second later at most, however long the host
// takes. What is under way there then loses its connection, and ends or goes on
// as it does when the provider is killed.
func (f *Fleet) account(ctx context.Context, h *Host, do func(context.Context, *account) error) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &account{}
	done := make(chan error, 1)
	go func() { done <- do(ctx, a) }()
	select {
	case err := <-done:
		return a.close(), err
	case <-f.Closing:
	}
	cancel()
	timer := time.NewTimer(closingLimit)
	defer timer.Stop()
	select {
	case err := <-done:
		return a.close(), err
	case <-timer.C:
	}
	r := a.close()
	return r, &Failure{Reached: r.HostKey != "", Ended: ByInterrupt, Err: fmt.Errorf("%s: %w", h.Address(), errClosing)}
}

// warn gives the function that is told of what stands in nothing's way, as long
// as anybody listens.
func (a *account) warn(to func(node.Finding)) func(node.Finding) {
	if to == nil {
		return nil
	}
	return func(f node.Finding) {
		a.note(func(*Result) { to(f) })
	}
}

// changes gives the function that is told of the first lasting change.
func (v *visit) changes(a *account) func(node.State) {
	return func(before node.State) {
		a.note(func(r *Result) { r.Before = &before })
		v.noteKeys(a)
	}
}

// noteKeys notes the keys of the host and of those on the way to it.
func (v *visit) noteKeys(a *account) {
	host, jumps := v.hostKey(), v.jumpKeys()
	a.note(func(r *Result) { r.HostKey, r.JumpKeys = host, jumps })
}
