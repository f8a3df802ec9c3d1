// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Uninstall drains an agent, removes DC/OS and everything it and this package
// made on the host, puts back what they had changed, and verifies that nothing
// is left. It works on any remains of DC/OS and can be repeated. A master is
// not drained. Nothing is done to a machine that is not ours: Options.MachineID
// has to be this machine's, or the host has to bear our marker.
func Uninstall(ctx context.Context, conn Conn, opts Options) (err error) {
	s := &session{conn: conn, opts: opts, host: opts.Address, staging: stagingOf(opts.Bundle)}
	if s.host == "" {
		s.host = conn.Target().Address
	}
	defer func() { s.close(err) }()
	if err := s.lock(ctx); err != nil {
		return err
	}
	f, err := s.do(ctx, stageInspect, call{scripts: []string{"inspect"}, doing: "looking at the host", timeout: 5 * time.Minute})
	if err != nil {
		return err
	}
	state, err := parseState(f)
	if err == nil {
		err = s.sameMachine(*state)
	}
	if err != nil {
		return err
	}
	if opts.MachineID == "" && state.Owner == nil {
		return &ForeignError{Host: s.host, Cluster: state.Cluster, Version: state.Version, Role: state.Role,
			MachineID: state.MachineID, Installed: state.Installed, Why: "the node's machine id is not known"}
	}
	s.change(*state)
	// Nothing is uploaded: a work directory that a killed run left on the host
	// becomes this connection's, and goes with it.
	if _, err := s.conn.Upload(ctx, nil, nil); err != nil {
		return s.explain(stageUninstall, "taking over what a killed run left", &frame{}, err)
	}
	if state.Role == Agent || state.Role == PublicAgent {
		if err := s.drain(ctx, *state); err != nil {
			return err
		}
	}
	return s.remove(ctx, *state, "all")
}

// drain empties an agent and takes it out of its cluster. An agent that
// cannot be drained in time is stopped all the same; that is in the run log.
func (s *session) drain(ctx context.Context, state State) error {
	st := s.enter(stageDrain)
	unit := "dcos-mesos-slave.service"
	if state.Role == PublicAgent {
		unit = "dcos-mesos-slave-public.service"
	}
	limit := orDefault(s.opts.DrainTimeout, DefaultDrainTimeout)
	deadline := time.Now().Add(limit)
	f, err := s.steady(ctx, stageDrain, func() call {
		left := max(time.Until(deadline), time.Second)
		return call{
			scripts: []string{"drain"}, doing: "draining the agent",
			args:    []string{unit, lineOf(state.Version), fmt.Sprint(int(left.Seconds()))},
			timeout: left + 5*time.Minute,
			on: func(key, value string) {
				switch key {
				case "progress":
					st.Progress(value, 0)
				case "warning":
					st.Progress("warning: "+value, 0)
				}
			},
		}
	})
	if err != nil {
		return s.explain(stageDrain, "draining the agent", f, err)
	}
	st.Progress(f.get("outcome"), 0)
	return nil
}

// remove takes DC/OS off the host and verifies it. how is "all", or "redo"
// where the installation starts again from what was transferred.
func (s *session) remove(ctx context.Context, state State, how string) error {
	var in strings.Builder
	if b := s.opts.Bundle; b != nil {
		for _, f := range b.SetupFiles {
			if harmlessPath.MatchString(f.Path) {
				fmt.Fprintf(&in, "file %s\n", f.Path)
			}
		}
		if state.Role != Master {
			fmt.Fprintf(&in, "work %s\n", agentWorkDirectory(b))
		}
	}
	f, err := s.do(ctx, stageUninstall, call{scripts: []string{"uninstall"}, doing: "removing DC/OS", input: &in, timeout: 15 * time.Minute})
	if err != nil {
		return err
	}
	notRemoved := f.all("left")

	f, err = s.do(ctx, stageVerify, call{scripts: []string{"verify"}, doing: "looking for what is left", args: []string{how}, timeout: 5 * time.Minute})
	if err != nil {
		return err
	}
	for _, l := range notRemoved {
		s.enter(stageVerify).Progress("warning: not put back: "+l, 0)
	}
	if left := f.all("left"); len(left) > 0 {
		return &StageError{Host: s.host, Stage: stageVerify, Doing: "looking for what is left", Err: &LeftoverError{Left: left},
			Hint: "run destroy again; what it cannot remove has to be removed by hand"}
	}
	return nil
}

func lineOf(version string) string {
	if n := numbers(version); len(n) >= 2 {
		return line(n)
	}
	return ""
}
