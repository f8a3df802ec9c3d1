// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"fmt"
	"time"
)

// What is done with a node that runs, and leaves it what it is: its checks are
// run, it is restarted, drained, resumed, asked for what is known of it. None of it
// needs a bundle, and none writes a claim.

// act begins such an operation: the host is looked at, and has to be the node that it
// is taken for. What changes something keeps others off the host for as long.
func act(ctx context.Context, conn Conn, opts Options, changes bool) (*session, *State, error) {
	s, state, err := meet(ctx, conn, opts, changes)
	if err == nil {
		err = s.isNode(*state)
	}
	return s, state, err
}

// meet is act for what takes a node as it is: it has to be of this machine and cluster.
func meet(ctx context.Context, conn Conn, opts Options, changes bool) (*session, *State, error) {
	s := &session{conn: conn, opts: opts, host: opts.Address, staging: StagingDirectory}
	if s.host == "" {
		s.host = conn.Target().Address
	}
	if changes {
		if err := s.lock(ctx); err != nil {
			return s, nil, err
		}
	}
	f, err := s.do(ctx, stageInspect, call{scripts: []string{"inspect"}, doing: "looking at the host", timeout: 5 * time.Minute})
	if err != nil {
		return s, nil, err
	}
	state, err := parseState(f)
	if err == nil {
		err = s.sameMachine(*state)
	}
	if h := s.opts.Holding; h != nil && err == nil {
		err = h.foreign(s.host, *state, false)
	}
	if err == nil && state.Installed == None {
		err = &NotNodeError{s.host, "DC/OS is not installed on this host"}
	}
	return s, state, err
}

// isNode says why the host is not the whole node that it is taken for, nil if it is.
func (s *session) isNode(state State) error {
	switch {
	case state.Owner != nil:
		return &NotNodeError{s.host, "an installation of DC/OS on this host was begun and has not come to its end"}
	case state.Installed != Complete:
		return &NotNodeError{s.host, "DC/OS on this host is not whole"}
	case state.Role != s.opts.Role:
		return &NotNodeError{s.host, fmt.Sprintf("this host is %s and not %s", roleOrNone(state), s.opts.Role)}
	}
	return nil
}

func roleOrNone(state State) string {
	if state.Role == "" {
		return fmt.Sprintf("no node, since its roles are %q", state.Roles)
	}
	return string(state.Role)
}
