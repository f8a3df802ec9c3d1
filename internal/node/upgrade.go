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

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Upgrade brings a node to the bundle in place, and repairs it: it does what
// [State.Drift] names and nothing else. When the node does not come up on its
// new packages it is put back on the former ones ([*RollbackError]).
func Upgrade(ctx context.Context, conn Conn, opts Options) (state *State, err error) {
	s, err := newSession(conn, opts)
	if err != nil {
		return nil, err
	}
	defer func() { s.close(err) }()
	h, err := s.arrive(ctx)
	if err != nil {
		return nil, err
	}
	if h, err = s.settle(ctx, h); err != nil {
		return nil, err
	}
	if len(h.Roles) > 0 && h.Role != opts.Role {
		return nil, &RoleError{Host: s.host, Have: h.Role, Get: opts.Role}
	}
	g := h.gap(opts.Bundle, opts.Role)
	switch {
	case g.broken != "":
		// Nothing less than a new installation puts it right; whether that
		// may be done here is for install to say.
		return s.install(ctx, h)
	case g.empty():
		if h.Owner == nil && !s.claims(h.State) {
			return &h.State, nil
		}
		if err := s.change(stagePostflight, h.State); err != nil {
			return nil, err
		}
		if h.Owner != nil { // an earlier run ended before it had seen the node up
			if err := s.postflight(ctx, true); err != nil {
				return nil, err
			}
		}
		return s.finish(ctx)
	}
	if err := s.supported(h.State); err != nil {
		return nil, err
	}
	if !g.packages && !g.swap {
		if err := s.change(stageUpgrade, h.State); err != nil {
			return nil, err
		}
		if err := s.repair(ctx, g, true); err != nil {
			return nil, err
		}
		if len(g.revive) > 0 || h.Owner != nil {
			if err := s.postflight(ctx, true); err != nil {
				return nil, err
			}
		}
		return s.finish(ctx)
	}
	if err := s.preflight(h, true); err != nil {
		return nil, err
	}
	return s.replacePackages(ctx, h, g)
}

// supported says why DC/OS does not support the way from what is on the host
// to the bundle. Plans have been held to the same; this is what the host says.
func (s *session) supported(state State) error {
	if err := UpgradePath(state.Version, s.opts.Bundle.Version); err != nil {
		return &StageError{Host: s.host, Stage: stageUpgrade, Doing: "looking at the versions", Err: err, Hint: "nothing was changed"}
	}
	if err := ChangeTopology(s.opts.Role, state.Topology, TopologyOf(s.opts.Bundle.Arguments)); err != nil {
		return &StageError{Host: s.host, Stage: stageUpgrade, Doing: "looking at what the cluster is built on", Err: err,
			Hint: "nothing was changed. " + err.Hint()}
	}
	return nil
}

// settle waits for what a former run has left at work on the host.
func (s *session) settle(ctx context.Context, h *hostFacts) (*hostFacts, error) {
	what := "setup"
	switch {
	case h.Activating:
		what = activateUnit
	case h.SetupRunning && h.Installed != None:
	default:
		return h, nil
	}
	// How it ends shows in the state afterwards.
	if err := s.follow(ctx, stageUpgrade, what, ""); err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)) {
		return nil, err
	}
	return s.look(ctx)
}

const activateUnit = "terraform-dcos-activate.service"

// replacePackages fetches and verifies everything, then activates it.
func (s *session) replacePackages(ctx context.Context, h *hostFacts, g gap) (*State, error) {
	former := slices.Clone(h.ActivePackages)
	if err := s.transfer(ctx, h); err != nil {
		return nil, err
	}
	if err := s.change(stageUpgrade, h.State); err != nil {
		return nil, err
	}
	if g.swap {
		if _, err := s.disturb(ctx, stageUpgrade, "", call{scripts: []string{"recover"}, doing: "ending an activation that was interrupted",
			timeout: 5 * time.Minute}); err != nil {
			return nil, err
		}
		former = nil // nobody knows what it was
	}
	var configs []string
	if !g.swap && len(h.Dangling) == 0 {
		configs = onlyConfig(h.ActivePackages, s.opts.Bundle)
	}
	files, err := s.fetch(ctx, configs)
	if err != nil {
		return nil, err
	}
	a := activation{ids: s.opts.Bundle.PackageIDs}
	if len(configs) > 0 {
		units, all := readersOf(files, s.opts.Role)
		a.live, a.restart = !all, units
	}
	// A service that reads a setup file which differs restarts once, when all
	// that it reads is there.
	read, rest, readers := g.split(s.opts.Role)
	g.packages = false
	if a.live {
		a.restart = slices.DeleteFunc(a.restart, func(u string) bool { return slices.Contains(readers, u) })
		a.later = readers
		err = s.activate(ctx, a)
		if err == nil {
			err = s.repair(ctx, g, true)
		}
	} else {
		err = s.repair(ctx, read, false)
		if err == nil {
			err = s.activate(ctx, a)
		}
		if err == nil {
			err = s.repair(ctx, rest, true)
		}
	}
	if err == nil {
		err = s.postflight(ctx, true)
	}
	if err == nil {
		return s.finish(ctx)
	}
	// To be interrupted says nothing against the new packages: the next run
	// goes on with them.
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || len(former) == 0 || slices.Equal(former, s.opts.Bundle.PackageIDs) ||
		!onHost(err) {
		return nil, err
	}
	s.leave(err)
	back := s.rollback(ctx, former)
	s.leave(back)
	return nil, &RollbackError{Upgrade: err, Rollback: back}
}

// onHost says whether it was the host that said no, rather than the way to it,
// or the gate.
func onHost(err error) bool {
	if errors.As(err, new(*heldError)) {
		return false
	}
	var e *StageError
	var sudo *remote.SudoError
	var shell *remote.ShellError
	return errors.As(err, &e) && !errors.As(err, &sudo) && !errors.As(err, &shell) && !remote.IsUnreachable(err)
}

// fetch gets the bundle's packages. It gives the files in which those to
// compare differ from the active ones.
func (s *session) fetch(ctx context.Context, compare []string) ([]string, error) {
	var in strings.Builder
	fmt.Fprintf(&in, "url %s\n", s.url)
	for _, id := range s.opts.Bundle.PackageIDs {
		fmt.Fprintf(&in, "id %s\n", id)
	}
	for _, id := range compare {
		fmt.Fprintf(&in, "compare %s\n", id)
	}
	f, err := s.do(ctx, stageUpgrade, call{
		scripts: []string{"fetch"}, doing: "fetching packages",
		input: &in, timeout: orDefault(s.opts.SetupTimeout, DefaultSetupTimeout),
	})
	if err != nil {
		return nil, err
	}
	return f.all("differs"), nil
}

// An activation makes packages the active ones: with DC/OS stopped meanwhile,
// or, live, with only the named units restarted at the end.
type activation struct {
	ids     []string
	live    bool
	restart []string
	later   []string // units that are restarted after it
}

func (s *session) activate(ctx context.Context, a activation) error {
	var in strings.Builder
	fmt.Fprintf(&in, "marker %s %s\n", encode(s.marker("upgrade")), s.claimed())
	for _, id := range a.ids {
		fmt.Fprintf(&in, "id %s\n", id)
	}
	if a.live {
		in.WriteString("live\n")
		s.stage.Progress("only the configuration differs; "+a.words(), 0)
	}
	for _, u := range a.restart {
		fmt.Fprintf(&in, "restart %s\n", u)
	}
	cursor := ""
	_, err := s.disturb(ctx, stageUpgrade, activateUnit, call{
		scripts: []string{"activate"}, doing: "activating packages", input: &in, timeout: 5 * time.Minute,
		on: func(key, value string) {
			if key == "cursor" {
				cursor = value
			}
		},
	})
	if err != nil {
		return err
	}
	return s.follow(ctx, stageUpgrade, activateUnit, cursor)
}

func (a activation) words() string {
	units := slices.Concat(a.restart, a.later)
	if len(units) == 0 {
		return "no service has to restart"
	}
	slices.Sort(units)
	return "restarting what reads it: " + strings.Join(units, ", ")
}

// split takes the files that DC/OS's services read, which readers names, from
// the rest of the gap.
func (g gap) split(role Role) (read, rest gap, readers []string) {
	read, rest = gap{fileWhy: g.fileWhy}, g
	rest.files = nil
	for _, f := range g.files {
		units, all := readersOf([]string{f.Path}, role)
		if all || len(units) == 0 {
			rest.files = append(rest.files, f)
			continue
		}
		read.files = append(read.files, f)
		readers = append(readers, units...)
	}
	slices.Sort(readers)
	return read, rest, slices.Compact(readers)
}

// repair writes the setup files and units that differ, and commands only the
// units that this concerns. Those that read a file are restarted, unless they
// are about to be in any case.
func (s *session) repair(ctx context.Context, g gap, restart bool) error {
	if len(g.files) == 0 && !g.role && len(g.enable) == 0 && len(g.revive) == 0 {
		return nil
	}
	c := call{
		scripts: []string{"apply"}, doing: "writing DC/OS's setup files and units", input: s.repairInput(g, restart), timeout: 10 * time.Minute,
	}
	var err error
	if restart {
		_, err = s.disturb(ctx, stageUpgrade, "", c)
	} else {
		_, err = s.overwrite(ctx, stageUpgrade, c)
	}
	return err
}

func (s *session) repairInput(g gap, restart bool) *strings.Builder {
	var in strings.Builder
	fmt.Fprintf(&in, "marker %s %s\n", encode(s.marker("upgrade")), s.claimed())
	if g.role {
		fmt.Fprintf(&in, "role %s\n", s.opts.Role.OnDisk())
	}
	for _, f := range g.files {
		fmt.Fprintf(&in, "keep %s\nfile %04o %s %s\n", f.Path, f.Mode.Perm(), f.Path, encode(f.Content))
	}
	if len(g.units) > 0 {
		in.WriteString("reload\n")
	}
	for _, u := range g.enable {
		fmt.Fprintf(&in, "enable %s\n", u)
	}
	if slices.Contains(g.units, unitDirectory+"dcos-link-env.service") {
		in.WriteString("start dcos-link-env.service\n")
	}
	if slices.ContainsFunc(g.units, func(p string) bool { return strings.Contains(p, "dcos-setup") }) &&
		!slices.Contains(g.enable, "dcos-setup.service") {
		in.WriteString("enable dcos-setup.service\n")
	}
	for _, f := range g.files {
		if strings.HasPrefix(f.Path, "/etc/systemd/journald.conf.d/") {
			in.WriteString("restart-if-there systemd-journald.service\n")
		}
	}
	if _, _, readers := g.split(s.opts.Role); restart {
		for _, u := range readers {
			fmt.Fprintf(&in, "restart-if-there %s\n", u)
		}
	}
	for _, u := range g.revive {
		fmt.Fprintf(&in, "revive %s\n", u)
	}
	return &in
}

// rollback puts a node back on its former packages and setup files, and waits
// for it to be well. It is not left off half-way: the way back is known here
// and nowhere else.
func (s *session) rollback(ctx context.Context, former []string) error {
	s.bound = true
	defer func() { s.bound = false }()
	st, err := s.enter(stageUpgrade)
	if err != nil {
		return err
	}
	st.Progress("putting the node back on its former packages", 0)
	if _, err := s.do(ctx, stageUpgrade, call{scripts: []string{"rollback"}, doing: "putting the former setup files back",
		timeout: 5 * time.Minute}); err != nil {
		return err
	}
	if err := s.activate(ctx, activation{ids: former}); err != nil {
		return err
	}
	if err := s.postflight(ctx, true); err != nil {
		return err
	}
	_, err = s.finish(ctx)
	return err
}

// UpgradePath says why DC/OS does not support going from one version to
// another in place; nil if it does. DC/OS goes from any version to a later
// one of the same line or of the next.
func UpgradePath(from, to string) error {
	f, t := numbers(from), numbers(to)
	if len(f) < 2 || len(t) < 2 || from == to {
		return nil // nothing is known that would speak against it
	}
	lineOrder := lines()
	lf, lt := slices.Index(lineOrder, line(f)), slices.Index(lineOrder, line(t))
	switch {
	case slices.Compare(t, f) < 0:
		return fmt.Errorf("the node has DC/OS %s; DC/OS cannot be downgraded to %s", from, to)
	case lf >= 0 && lt > lf+1:
		return fmt.Errorf("DC/OS cannot be upgraded from %s to %s in one go: %s has to come between", from, to, lineOrder[lf+1])
	}
	return nil
}

func line(v []int) string { return fmt.Sprintf("%d.%d", v[0], v[1]) }

// lines lists DC/OS's lines, oldest first.
func lines() []string {
	return []string{"1.7", "1.8", "1.9", "1.10", "1.11", "1.12", "1.13", "2.0", "2.1", "2.2"}
}
