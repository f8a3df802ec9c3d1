// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"fmt"
	"slices"
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
	if err == nil && opts.Holding != nil {
		err = opts.Holding.foreign(s.host, *state, true)
	}
	if err != nil {
		return err
	}
	if opts.MachineID == "" && state.Owner == nil {
		return &ForeignError{Host: s.host, Cluster: state.Cluster, Version: state.Version, Role: state.Role,
			MachineID: state.MachineID, Installed: state.Installed, Why: "the node's machine id is not known"}
	}
	agent := state.Role == Agent || state.Role == PublicAgent
	first := stageUninstall
	if agent {
		first = stageDrain
	}
	if err := s.change(first, *state); err != nil {
		return err
	}
	// Nothing is uploaded: a work directory that a killed run left on the host
	// becomes this connection's, and goes with it.
	if _, err := s.conn.Upload(ctx, nil, nil); err != nil {
		return s.explain(stageUninstall, "taking over what a killed run left", &frame{}, err)
	}
	if agent {
		if err := s.drain(ctx, *state); err != nil {
			return err
		}
	}
	others := s.otherMasters(ctx, *state)
	if err := s.remove(ctx, *state, "all"); err != nil {
		return err
	}
	s.tellOfEnsemble(ctx, *state, others)
	return nil
}

// outlives says whether what exhibitor keeps of an ensemble is elsewhere than
// on the masters.
func (t Topology) outlives() bool {
	return t.Backend != "" && t.Backend != "static" && t.Backend != agentsOnly
}

// otherMasters gives the addresses of the other masters, as this one's
// exhibitor sees them.
func (s *session) otherMasters(ctx context.Context, state State) []string {
	if state.Role != Master || !state.Topology.outlives() {
		return nil
	}
	f, err := askEnsemble(ctx, s.conn)
	if err != nil {
		return nil // a broken master knows nothing of others; what matters comes after it
	}
	var others []string
	for _, m := range parseHealth(f).Masters {
		if m.Address != f.get("ip") {
			others = append(others, m.Address)
		}
	}
	return others
}

// tellOfEnsemble says, when the last master has gone, that the ensemble's
// state has not: it is not on any host, and whoever is given the same place
// takes it up.
func (s *session) tellOfEnsemble(ctx context.Context, state State, others []string) {
	if state.Role != Master || !state.Topology.outlives() {
		return
	}
	st := s.stage // in which remove has ended
	if len(others) > 0 {
		f, err := run(ctx, s.conn, call{scripts: []string{"peers"}, doing: "looking for other masters", args: others, timeout: 2 * time.Minute})
		if err != nil { // the node is gone; to be warned once too often does no harm
			st.Progress(fmt.Sprintf("warning: looking for other masters: %v", err), 0)
		} else if len(f.all("serving")) > 0 {
			return
		}
	}
	st.Progress("warning: exhibitor's state stays in "+state.Topology.Backend, 0)
	s.warn(Finding{
		Name: "exhibitor-backend", Severity: SeverityWarning,
		Found: fmt.Sprintf("exhibitor's state of the ensemble in the backend %s (%s), which is not on any host and stays",
			state.Topology.Backend, state.Topology.Place),
		Needed: "none, if no master of the cluster is left: a new cluster that is given the same place takes it up",
		Hint:   "remove it there, or give a new cluster another place",
	})
}

// drain empties an agent and takes it out of its cluster. An agent that
// cannot be drained in time is stopped all the same, with a warning.
func (s *session) drain(ctx context.Context, state State) error {
	st, err := s.enter(stageDrain)
	if err != nil {
		return err
	}
	s.outage()
	unit := "dcos-mesos-slave.service"
	if state.Role == PublicAgent {
		unit = "dcos-mesos-slave-public.service"
	}
	limit := s.opts.DrainTimeout
	if limit == 0 {
		limit = DefaultDrainTimeout
	}
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
					s.warn(Finding{Name: NotDrained, Severity: SeverityWarning, Found: value, Needed: "an agent that gives its tasks away before it stops",
						Hint: "look whether the tasks that it had run elsewhere now"})
				}
			},
		}
	})
	if err != nil {
		return s.explain(stageDrain, "draining the agent", f, err)
	}
	if n := f.get("left"); n != "" && limit > 0 {
		left := fmt.Sprintf("tasks that were still there after the drain_timeout of %s, and were stopped with the agent: %s", limit, n)
		st.Progress("warning: "+left, 0)
		s.warn(Finding{Name: NotDrained, Severity: SeverityWarning, Found: left, Needed: "tasks that end or move in time",
			Hint: "give agents with such tasks a longer drain_timeout; whether a task is started elsewhere is for its framework to say"})
	}
	st.Progress(f.get("outcome"), 0)
	return nil
}

// NotDrained is the name of the finding on an agent that stopped with tasks.
const NotDrained = "not-drained"

// NotPutBack is the name of the finding on something that DC/OS had changed on
// the host and that could not be put back.
const NotPutBack = "not-put-back"

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
		for _, dir := range workDirectories(b, state.Role) {
			fmt.Fprintf(&in, "work %s\n", dir)
		}
	}
	f, err := s.disturb(ctx, stageUninstall, "",
		call{scripts: []string{"uninstall"}, doing: "removing DC/OS", input: &in, timeout: 15 * time.Minute})
	if err != nil {
		return err
	}
	notRemoved, stayed := f.all("left"), f.all("stays")
	// What could not be put back is said nowhere else than here, and only once
	// nothing else is left is the record of it taken away.
	s.bound = true
	defer func() { s.bound = false }()
	f, err = s.do(ctx, stageVerify, call{scripts: []string{"verify"}, doing: "looking for what is left", args: []string{how},
		timeout: 5 * time.Minute})
	if err != nil {
		return err
	}
	for _, l := range notRemoved {
		s.stage.Progress("warning: not put back: "+l, 0)
		s.warn(Finding{Name: NotPutBack, Severity: SeverityWarning, Found: l, Needed: "the host as it was before DC/OS",
			Hint: "put it right by hand. What a host was like is recorded when this provider installs DC/OS on it, and not known of a node that " +
				"was imported"})
	}
	if found := stays(append(stayed, f.all("stays")...)); found != "" && how == "all" {
		s.stage.Progress("warning: "+found, 0)
		s.warn(Finding{Name: Stayed, Severity: SeverityWarning, Found: found, Needed: "what DC/OS made, and nothing else, gone",
			Hint: "move it away, or remove it by hand, if nobody needs it. What was there before is recorded when this provider installs DC/OS on " +
				"a host, and not known of a node that was imported or that an older version installed"})
	}
	if left := f.all("left"); len(left) > 0 {
		return &StageError{Host: s.host, Stage: stageVerify, Doing: "looking for what is left", Err: &LeftoverError{Left: left},
			Hint: "run destroy again; what it cannot remove has to be removed by hand"}
	}
	return nil
}

// Stayed is the name of the finding on what is in DC/OS's directories and was
// left there, since it is not DC/OS's or nobody knows.
const Stayed = "stayed"

// mostStays is how many paths are named of one kind.
const mostStays = 20

// stays words what uninstall.sh and verify.sh said that they left, by why;
// "" if there is nothing.
func stays(lines []string) string {
	var groups []string
	for _, kind := range []struct{ why, words string }{
		{"before", "was there before DC/OS"},
		{"shared", "in a directory that was there before DC/OS, and not, or not all of it, Mesos's"},
		{"since", "put into what was made for Mesos, by no name that Mesos uses"},
		{"uncounted", "among more than could be recorded before DC/OS came"},
		{"unknown", "by no name that DC/OS uses, and nothing says whether it was there before"},
		{"staged", "not transferred by this provider"},
	} {
		var paths []string
		for _, line := range lines {
			if why, path, _ := strings.Cut(line, " "); why == kind.why && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
		if len(paths) == 0 {
			continue
		}
		more := ""
		if len(paths) > mostStays {
			paths, more = paths[:mostStays], ", and more"
		}
		groups = append(groups, fmt.Sprintf("%s%s (%s)", strings.Join(paths, ", "), more, kind.words))
	}
	if len(groups) == 0 {
		return ""
	}
	return "left on the host: " + strings.Join(groups, "; ")
}

func lineOf(version string) string {
	if n := numbers(version); len(n) >= 2 {
		return line(n)
	}
	return ""
}
