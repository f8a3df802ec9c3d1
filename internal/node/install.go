// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Install makes the host a node: preflight, transfer, install, postflight.
// A host that already is the node wanted is adopted; an unfinished
// installation of ours is continued or redone, and one that was up once is
// changed in place; anything else that is there is a [*ForeignError]. The
// state is what the host looks like at the end.
func Install(ctx context.Context, conn Conn, opts Options) (state *State, err error) {
	s, err := newSession(conn, opts)
	if err != nil {
		return nil, err
	}
	defer func() { s.close(err) }()
	h, err := s.arrive(ctx)
	if err != nil {
		return nil, err
	}
	return s.install(ctx, h)
}

// arrive locks the host and looks at it.
func (s *session) arrive(ctx context.Context) (*hostFacts, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	if s.opts.WaitForCloudInit {
		if err := s.cloudInit(ctx); err != nil {
			return nil, err
		}
	}
	h, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.sameMachine(h.State); err != nil {
		return nil, err
	}
	if err := s.mine(h.State); err != nil {
		return nil, err
	}
	return h, s.joins(ctx, &h.State)
}

// install goes from any state of the host that is ours, or free, to the node.
func (s *session) install(ctx context.Context, h *hostFacts) (*State, error) {
	step, err := s.situation(h.State)
	if err != nil {
		return nil, err
	}
	for redone := false; ; redone = true {
		switch step {
		case adopt:
			return s.adopt(ctx, h)
		case redo:
			if h.Up { // it has something to lose
				s.first = true
				return s.inPlace(ctx, h)
			}
			if h, err = s.startAgain(ctx, h); err != nil {
				return nil, err
			}
			fallthrough
		case fresh:
			err = s.fresh(ctx, h)
		case followOn:
			err = s.follow(ctx, stageInstall, "setup", "")
		}
		if err == nil {
			break
		}
		// A host that went down in the middle may have half a bootstrap
		// tarball unpacked, which dcos-download takes for a whole one.
		if redone {
			return nil, err
		}
		again, now := s.interrupted(ctx, h.State, err)
		if !again {
			return nil, err
		}
		h, step = now, redo
	}
	if err := s.postflight(ctx, false); err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

// A step is where to go on with an installation.
type step int

const (
	fresh    step = iota // nothing is there
	adopt                // the node is there
	followOn             // it is being set up right now
	redo                 // take away what is there, and start again
)

// situation decides how to go on, or says that the host is not ours.
func (s *session) situation(state State) (step, error) {
	b := s.opts.Bundle
	ours := s.opts.MachineID != "" // and it is this machine: sameMachine
	why := "there is no marker of an unfinished installation"
	if o := state.Owner; o != nil {
		if o.Cluster == b.ClusterName {
			ours = true
		} else {
			why = fmt.Sprintf("the marker of an unfinished installation names the cluster %q, not %q", o.Cluster, b.ClusterName)
		}
	}
	same := state.Role == s.opts.Role && slices.Equal(state.ActivePackages, b.PackageIDs) && (!ours || len(state.Altered) == 0)
	foreign := func() (step, error) {
		if len(state.Strangers) > 0 && state.Owner == nil {
			return 0, &StrangersError{Host: s.host, Names: state.Strangers}
		}
		e := &ForeignError{Host: s.host, Cluster: state.Cluster, Version: state.Version, Role: state.Role, MachineID: state.MachineID,
			Installed: state.Installed, Why: why}
		if e.Cluster == "" && state.Owner != nil {
			e.Cluster = state.Owner.Cluster
		}
		return 0, e
	}
	switch {
	case state.Installed == None:
		if state.Owner != nil && !ours {
			return foreign()
		}
		return fresh, nil
	case state.Installed == Complete && same:
		return adopt, nil
	case !ours:
		return foreign()
	case state.Owner != nil && state.Owner.BundleID == b.ID && state.Owner.Role == s.opts.Role && state.SetupRunning:
		return followOn, nil
	}
	return redo, nil
}

// fresh installs on a host without DC/OS, up to the end of dcos-setup.
func (s *session) fresh(ctx context.Context, h *hostFacts) error {
	if err := s.preflight(h, false); err != nil {
		return err
	}
	if err := s.transfer(ctx, h); err != nil {
		return err
	}
	if err := s.change(stageInstall, h.State); err != nil {
		return err
	}
	return s.setUp(ctx, s.setupInput(s.opts.Bundle.HostFiles()))
}

// setUp writes DC/OS's setup files and units, and has it set itself up.
func (s *session) setUp(ctx context.Context, input *strings.Builder) error {
	s.outage()
	cursor := ""
	_, err := s.do(ctx, stageInstall, call{
		scripts: []string{"apply"},
		doing:   "writing DC/OS's setup files and units",
		input:   input,
		timeout: 10 * time.Minute,
		on: func(key, value string) {
			if key == "cursor" {
				cursor = value
			}
		},
	})
	if err != nil {
		return err
	}
	return s.follow(ctx, stageInstall, "setup", cursor)
}

// preflight judges what was found, and writes warnings to the run log.
func (s *session) preflight(h *hostFacts, upgrade bool) error {
	st, err := s.enter(stagePreflight)
	if err != nil {
		return err
	}
	findings := h.judge(&s.opts, upgrade)
	for _, f := range findings {
		st.Progress(string(f.Severity)+": "+f.String(), 0)
		if f.Severity == SeverityWarning && slices.Contains([]string{"clock", "exhibitor-backend", "machine-id"}, f.Name) {
			s.warn(f) // of the others a cluster that is just being made has plenty
		}
	}
	if bad := errorsOf(findings); len(bad) > 0 {
		return &PreflightError{Host: s.host, Findings: bad}
	}
	return nil
}

// setupInput is what apply.sh gets to do what dcos_install.sh does, in its
// order: the role, the setup files, the units, then systemctl. What there is now
// in the place of the files of before is kept as the host's own.
func (s *session) setupInput(before []bundle.File) *strings.Builder {
	var in strings.Builder
	b := s.opts.Bundle
	in.WriteString(s.watches())
	fmt.Fprintf(&in, "marker %s %s\n", encode(s.marker("install")), s.claimed())
	for _, dir := range workDirectories(b, s.opts.Role) {
		fmt.Fprintf(&in, "work %s\n", dir)
	}
	in.WriteString("accounts\n")
	for _, f := range before {
		fmt.Fprintf(&in, "before %s\n", f.Path)
	}
	fmt.Fprintf(&in, "role %s\n", s.opts.Role.OnDisk())
	for _, f := range b.HostFiles() {
		fmt.Fprintf(&in, "file %04o %s %s\n", f.Mode.Perm(), f.Path, encode(f.Content))
	}
	in.WriteString("reload\n")
	for _, u := range b.Units {
		if u.Enable {
			fmt.Fprintf(&in, "enable %s\n", u.Name)
		}
		switch {
		case u.Command == "":
		case u.Name == "dcos-setup.service" || u.NoBlock:
			// It is followed, so it need not be waited for.
			fmt.Fprintf(&in, "start-later %s\n", u.Name)
		case u.Command == "restart" && u.Content == "":
			fmt.Fprintf(&in, "restart-if-there %s\n", u.Name)
		default:
			fmt.Fprintf(&in, "%s %s\n", u.Command, u.Name)
		}
	}
	return &in
}

// follow passes the journal of units on until they have done their work. what
// is "setup" or the name of a transient unit.
func (s *session) follow(ctx context.Context, stage, what, cursor string) error {
	st, err := s.enter(stage)
	if err != nil {
		return err
	}
	limit := orDefault(s.opts.SetupTimeout, DefaultSetupTimeout)
	deadline := time.Now().Add(limit)
	begun := cursor
	doing := "running dcos-setup"
	if what != "setup" {
		doing = "running " + what
	}
	running := ""
	f, err := s.steady(ctx, stage, func() call {
		left := max(time.Until(deadline), time.Second)
		return call{
			scripts: []string{"follow"},
			doing:   doing,
			args:    []string{what, cursor, fmt.Sprint(int(left.Seconds())), begun},
			timeout: left + time.Minute,
			on: func(key, value string) {
				switch key {
				case "cursor":
					cursor = value
				case "progress":
					running = value
					st.Progress(value, 0)
				case "lines":
					for line := range strings.Lines(value) {
						if line = strings.TrimSpace(line); line != "" {
							st.Progress(line, 0)
						}
					}
				}
			},
		}
	})
	if err != nil {
		if running != "" {
			doing = running
		}
		return s.explain(stage, doing, f, err)
	}
	return nil
}

// interrupted says whether the work failed because the host was booted, and
// looks at the host again. One that could not be reached has been waited for
// already.
func (s *session) interrupted(ctx context.Context, before State, err error) (bool, *hostFacts) {
	var e *StageError
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || !errors.As(err, &e) || remote.IsUnreachable(err) {
		return false, nil
	}
	s.leave(err)
	h, lookErr := s.look(ctx)
	s.leave(lookErr)
	if lookErr != nil {
		return false, nil // what failed first is what matters
	}
	if h.BootID == before.BootID || h.MachineID != before.MachineID {
		return false, nil
	}
	return true, h
}

// startAgain takes away what an unfinished or broken installation of ours
// left, but not what was transferred.
func (s *session) startAgain(ctx context.Context, h *hostFacts) (*hostFacts, error) {
	if err := s.change(stageUninstall, h.State); err != nil {
		return nil, err
	}
	if err := s.remove(ctx, h.State, "redo"); err != nil {
		return nil, err
	}
	return s.look(ctx)
}

// adopt takes a node over that has the bundle's packages: what differs besides
// is put right, and what an unfinished run left is finished.
func (s *session) adopt(ctx context.Context, h *hostFacts) (*State, error) {
	g := h.gap(s.opts.Bundle, s.opts.Role)
	unfinished := h.Owner != nil
	if g.empty() && !unfinished && !s.claims(h.State) {
		state := h.State
		return &state, nil
	}
	if !unfinished {
		s.tellOfAdoption(h.State)
	}
	first := stagePostflight
	if !g.empty() {
		first = stageUpgrade
	}
	if err := s.change(first, h.State); err != nil {
		return nil, err
	}
	if !g.empty() {
		if err := s.repair(ctx, g, true); err != nil {
			return nil, err
		}
	}
	if unfinished || !g.empty() {
		if err := s.postflight(ctx, false); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx)
}

// finish takes away what is not needed any more and says what the node looks
// like.
func (s *session) finish(ctx context.Context) (*State, error) {
	paths := Paths(s.opts.Bundle)
	doing := "removing what was transferred"
	c := call{scripts: []string{"finish", "inspect"}, doing: doing, args: paths, timeout: 10 * time.Minute}
	if s.claim != nil {
		c.input = &strings.Builder{}
		fmt.Fprintf(c.input, "claim %s\n", s.claimed())
	}
	f, err := s.do(ctx, stagePostflight, c)
	if err != nil {
		return nil, err
	}
	state, err := parseState(f)
	if err != nil {
		return nil, stageError(s.host, stagePostflight, doing, f, err)
	}
	state.Looked = paths
	return state, nil
}

// cloudInit waits for cloud-init to end.
func (s *session) cloudInit(ctx context.Context) error {
	st, err := s.enter(stageCloudInit)
	if err != nil {
		return err
	}
	limit := DefaultCloudInitTimeout
	f, err := s.do(ctx, stageCloudInit, call{
		scripts: []string{"cloudinit"}, doing: "waiting for cloud-init",
		args: []string{fmt.Sprint(int(limit.Seconds()))}, timeout: limit + time.Minute,
	})
	if err != nil {
		return err
	}
	switch f.get("outcome") {
	case "timeout":
		return &StageError{Host: s.host, Stage: stageCloudInit, Doing: fmt.Sprintf("waiting %s for cloud-init to end", limit),
			Stderr: f.get("detail"), Err: errors.New("it is still at work"),
			Hint: "look at /var/log/cloud-init-output.log on the host"}
	case "error":
		st.Progress("cloud-init ended with errors: "+clip(f.get("detail"), 500), 0)
	}
	return nil
}
