// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"math"
	"sync"
	"time"
)

// pace holds all transfers of a client together to so many bytes a second.
type pace struct {
	rate int64 // 0: no limit

	mu   sync.Mutex
	next time.Time // when what was let through so far has passed
}

// most is how much is to be read at once: a tenth of a second's worth, so that
// the flow is even.
func (p *pace) most() int64 {
	if p.rate <= 0 {
		return math.MaxInt64
	}
	return max(p.rate/10, 1<<10)
}

// wait waits until n more bytes may go.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	pause := p.next.Sub(now)
	p.mu.Unlock()
	return pass(ctx, pause)
}
