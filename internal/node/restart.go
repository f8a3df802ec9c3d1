// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Restarting is what of a node is restarted.
type Restarting struct {
	// Machine says that the machine is booted anew; else DC/OS's services are restarted.
	Machine bool
	// Units are names of DC/OS's services, for those alone; empty: all of them.
	Units []string
	// Before leaves alone what was started at that time or later, by the host's own clock:
	// so an action that was broken off goes on where it ended. Zero: all is older.
	Before time.Time
}

// unitName is what a service of DC/OS is called.
var unitName = regexp.MustCompile(`^dcos-[A-Za-z0-9_.@-]+\.service$`)

// IsService reports whether a name may be that of a service of DC/OS.
func IsService(name string) bool { return unitName.MatchString(name) }

// Restart restarts DC/OS's services, or the machine, and waits until the node does its work
// again; not for an agent whose machine is down for maintenance. Where the connection breaks over
// it, what was restarted already is not restarted once more. It returns how much was restarted: how
// many services, or 1 for the machine; 0 says that all of it is younger than what.Before.
func Restart(ctx context.Context, conn Conn, opts Options, what Restarting) (restarted int, err error) {
	s, state, err := act(ctx, conn, opts, true)
	defer func() { s.close(err) }()
	if err != nil {
		return 0, err
	}
	before := what.Before
	if before.IsZero() || before.After(state.Clock) {
		before = state.Clock
	}
	f, err := s.do(ctx, stageRestart, what.call("look", before))
	if err != nil {
		return 0, err
	}
	if restarted = len(f.all("old")); restarted == 0 {
		return 0, nil
	}
	resting, err := s.resting(ctx, *state)
	if err != nil {
		return 0, err
	}
	begun := ""
	if what.Machine {
		begun = rebootUnit
	}
	if _, err = s.disturb(ctx, stageRestart, begun, what.call("do", before)); err != nil {
		return 0, err
	}
	if what.Machine {
		s.bound = true
		defer func() { s.bound = false }()
		if _, err = s.do(ctx, stageRestart, what.call("wait", before)); err != nil {
			return 0, err
		}
	}
	if resting {
		s.tell(stageRestart, "not waited for: its machine is down for maintenance, so that the agent does not register before it is resumed")
		return restarted, nil
	}
	return restarted, s.postflight(ctx, true)
}

// resting reports whether it is an agent whose machine is down for maintenance, which keeps it out
// of its cluster (see maintenance.go). A drained one of a later line registers all the same.
func (s *session) resting(ctx context.Context, state State) (bool, error) {
	if state.Role == Master || drains(state) {
		return false, nil
	}
	m, err := s.maintained(ctx, stageRestart)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(m.down, m.machine().is), nil
}

// rebootUnit is what boots the machine anew (restart.sh).
const rebootUnit = "terraform-dcos-reboot.service"

// call makes the script's call. It reads all from its input, since a gate that stands before it
// has its arguments.
func (r Restarting) call(mode string, before time.Time) call {
	kind := "services"
	if r.Machine {
		kind = "machine"
	}
	var in strings.Builder
	fmt.Fprintf(&in, "%s %s %d\n", mode, kind, before.Unix())
	for _, u := range r.Units {
		in.WriteString(u + "\n")
	}
	return call{scripts: []string{"restart"}, doing: "restarting " + r.words(), input: &in, timeout: 15 * time.Minute}
}

func (r Restarting) words() string {
	switch {
	case r.Machine:
		return "the machine"
	case len(r.Units) > 0:
		return fmt.Sprintf("%d services", len(r.Units))
	}
	return "DC/OS's services"
}
