// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// A Batch is how work on many hosts is run.
type Batch struct {
	Parallel int // hosts at once, at least 1
	// Canaries are so many of the first hosts, which come before all others:
	// when one of them fails nothing else is started.
	Canaries int
	// MaxFailures is how many hosts may fail before no more are started;
	// negative: any number.
	MaxFailures int
	// Stop, when it is closed, keeps further hosts from being started. May be
	// nil.
	Stop <-chan struct{}
}

// A Halt is why a batch was not run to its end.
type Halt string

// Why a batch was not run to its end.
const (
	HaltNot      Halt = ""
	HaltCanary   Halt = "canary"
	HaltFailures Halt = "failures"
	HaltStopped  Halt = "stopped"
)

// Outcome is what became of a batch.
type Outcome struct {
	Started int
	Failed  map[int]error // by the number of the host
	Halt    Halt
}

// Run does n hosts' work, in order. do gets the number of its host.
func (b Batch) Run(ctx context.Context, n int, do func(ctx context.Context, i int) error) Outcome {
	out := Outcome{Failed: map[int]error{}}
	canaries := min(b.Canaries, n)
	b.run(ctx, &out, 0, canaries, do)
	if canaries > 0 && len(out.Failed) > 0 && out.Halt == HaltNot && canaries < n {
		out.Halt = HaltCanary
	}
	if out.Halt == HaltNot {
		b.run(ctx, &out, canaries, n, do)
	}
	return out
}

// run does the hosts from one number up to another.
func (b Batch) run(ctx context.Context, out *Outcome, from, to int, do func(ctx context.Context, i int) error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := from
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= to || out.Halt != HaltNot {
			return 0, false
		}
		switch {
		case ctx.Err() != nil || closed(b.Stop):
			out.Halt = HaltStopped
			return 0, false
		case b.MaxFailures >= 0 && len(out.Failed) > b.MaxFailures:
			out.Halt = HaltFailures
			return 0, false
		}
		i := next
		next++
		out.Started++
		return i, true
	}
	for range min(max(b.Parallel, 1), to-from) {
		wg.Go(func() {
			for {
				i, ok := take()
				if !ok {
					return
				}
				if err := do(ctx, i); err != nil {
					mu.Lock()
					out.Failed[i] = err
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// Share reads a count ("3") or a percentage ("25%") of a total. A percentage
// is rounded down.
func Share(text string, total int) (int, error) {
	digits, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || percent && n > 100 {
		return 0, fmt.Errorf("%q is neither a count such as 3 nor a percentage such as 25%%", text)
	}
	if percent {
		return total * n / 100, nil
	}
	return n, nil
}
