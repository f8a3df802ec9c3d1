// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"fmt"
	"sync"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A Coordinator orders the work of one process. Make it with [New]; it is
// safe for concurrent use.
type Coordinator struct {
	mu       sync.Mutex
	clusters map[string]*cluster
}

type cluster struct {
	masters chan struct{} // holds one token while no master changes
}

// New gives a coordinator that knows of no cluster yet.
func New() *Coordinator { return &Coordinator{clusters: map[string]*cluster{}} }

// A Kind is what happens to a node.
type Kind int

// What happens to a node.
const (
	FirstInstall Kind = iota // the node is not part of its cluster yet
	Change                   // an upgrade or a repair
	Removal                  // the node leaves, as a rule with its whole cluster
)

// Work is one node's work.
type Work struct {
	Cluster string
	Host    string
	Role    node.Role
	Kind    Kind
	// Before and After are gates around a master's change. They run while no
	// other master of the cluster changes; an error of Before means that
	// nothing is touched. Either may be nil.
	Before, After func(ctx context.Context) error
	Log           *runlog.Scope
}

// A GateError says that a gate around a master's change did not open.
type GateError struct {
	Host  string
	After bool // the node has been changed already
	Err   error
}

func (e *GateError) Error() string {
	if e.After {
		return fmt.Sprintf("%s: the master was changed, but the ensemble is not well after it, so no further master should be touched: %v", e.Host, e.Err)
	}
	return fmt.Sprintf("%s: the master was not touched, because the ensemble would be at risk: %v", e.Host, e.Err)
}

func (e *GateError) Unwrap() error { return e.Err }

// Do does the work when it is its turn.
func (c *Coordinator) Do(ctx context.Context, w Work, do func(ctx context.Context) error) error {
	if w.Role != node.Master || w.Kind != Change {
		return do(ctx)
	}
	cl := c.cluster(w.Cluster)
	select {
	case <-cl.masters:
	default:
		st := w.Log.Stage("turn")
		st.Progress("waiting for another master of the cluster to be done", 0)
		select {
		case <-cl.masters:
			st.Finish()
		case <-ctx.Done():
			st.Fail(ctx.Err(), nil, "")
			return fmt.Errorf("%s: waiting for another master of the cluster to be done: %w", w.Host, context.Cause(ctx))
		}
	}
	defer func() { cl.masters <- struct{}{} }()
	if w.Before != nil {
		if err := w.Before(ctx); err != nil {
			return &GateError{Host: w.Host, Err: err}
		}
	}
	if err := do(ctx); err != nil {
		return err
	}
	if w.After != nil {
		if err := w.After(ctx); err != nil {
			return &GateError{Host: w.Host, After: true, Err: err}
		}
	}
	return nil
}

func (c *Coordinator) cluster(name string) *cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl, ok := c.clusters[name]
	if !ok {
		cl = &cluster{masters: make(chan struct{}, 1)}
		cl.masters <- struct{}{}
		c.clusters[name] = cl
	}
	return cl
}
