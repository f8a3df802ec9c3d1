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
	return s.inPlace(ctx, h)
}

// inPlace does what lies between a node as it is and as the bundle says. What
// the node keeps stays.
func (s *session) inPlace(ctx context.Context, h *hostFacts) (*State, error) {
	h, err := s.settle(ctx, h)
	if err != nil {
		return nil, err
	}
	if len(h.Roles) > 0 && h.Role != s.opts.Role {
		return nil, &RoleError{Host: s.host, Have: h.Role, Get: s.opts.Role}
	}
	g := h.gap(s.opts.Bundle, s.opts.Role)
	if g.broken != "" && s.opts.Foreseen != nil && !s.opts.Foreseen(g.broken) {
		return nil, &WorseError{Host: s.host, Found: g.broken}
	}
	if g.empty() && h.Owner == nil && !s.claims(h.State) {
		return &h.State, nil
	}
	if g.broken != "" && !g.restore {
		// Nothing less than a new installation puts it right; whether that
		// may be done here is for install to say.
		return s.install(ctx, h)
	}
	if !g.empty() {
		if err := s.supported(h.State); err != nil {
			return nil, err
		}
	}
	switch {
	case g.restore:
		err = s.restore(ctx, h)
	case g.activates():
		err = s.replacePackages(ctx, h, g)
	default:
		err = s.mend(ctx, h, g)
	}
	if err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

// mend puts files and units right, with the packages as they are.
func (s *session) mend(ctx context.Context, h *hostFacts, g gap) error {
	stage := stageUpgrade
	if g.empty() {
		stage = stagePostflight
	}
	if err := s.change(stage, h.State); err != nil {
		return err
	}
	if err := s.repair(ctx, g, true); err != nil {
		return err
	}
	if len(g.revive) > 0 || h.Owner != nil { // an earlier run ended before it had seen the node up
		return s.postflight(ctx, !s.first)
	}
	return nil
}

// restore installs DC/OS's programs again on a node that has lost them, or that
// was never set up with them, though it was up. Its state stays: it is what the
// programs find at any start.
func (s *session) restore(ctx context.Context, h *hostFacts) error {
	if err := s.preflight(h, true); err != nil {
		return err
	}
	if err := s.transfer(ctx, h); err != nil {
		return err
	}
	if err := s.change(stageInstall, h.State); err != nil {
		return err
	}
	if _, err := s.disturb(ctx, stageInstall, "", call{scripts: []string{"reset"}, doing: "taking away what is left of DC/OS's programs",
		timeout: 15 * time.Minute}); err != nil {
		return err
	}
	if err := s.setUp(ctx, s.setupInput(nil)); err != nil {
		return err
	}
	return s.postflight(ctx, !s.first)
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
func (s *session) replacePackages(ctx context.Context, h *hostFacts, g gap) error {
	if err := s.preflight(h, true); err != nil {
		return err
	}
	former := slices.Clone(h.ActivePackages)
	if err := s.transfer(ctx, h); err != nil {
		return err
	}
	if err := s.change(stageUpgrade, h.State); err != nil {
		return err
	}
	if err := s.repair(ctx, gap{role: g.role}, false); err != nil { // it says which units an activation brings
		return err
	}
	g.role = false
	whole := g.whole(h.State)
	if !whole {
		if err := s.recover(ctx, h.State); err != nil {
			return err
		}
	}
	var configs []string
	if whole {
		configs = onlyConfig(h.ActivePackages, s.opts.Bundle)
	}
	files, err := s.fetch(ctx, configs, h.State)
	if err != nil {
		return err
	}
	a := activation{ids: s.opts.Bundle.PackageIDs}
	if len(configs) > 0 {
		units, all := readersOf(files, s.opts.Role)
		a.live, a.restart = !all, units
	}
	// A service that reads a setup file which differs restarts once, when all
	// that it reads is there.
	read, rest, readers := g.split(s.opts.Role)
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
		err = s.postflight(ctx, !s.first)
	}
	// To be interrupted says nothing against the new packages: the next run
	// goes on with them.
	if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) || len(former) == 0 ||
		slices.Equal(former, s.opts.Bundle.PackageIDs) || !onHost(err) {
		return err
	}
	s.leave(err)
	touched, back := s.rollback(ctx, former)
	s.leave(back)
	return &RollbackError{Upgrade: err, Rollback: back, Untouched: !touched}
}

// whole says whether nothing keeps the package manager from going on from the
// active packages as they are.
func (g gap) whole(s State) bool {
	return !g.swap && len(g.lost) == 0 && len(s.Dangling) == 0 && len(g.altered) == 0
}

// recover makes of a swap of packages that was ended, and of files and packages
// that are lost, what the package manager can go on from. Packages that it has
// lost itself it cannot fetch.
func (s *session) recover(ctx context.Context, state State) error {
	artifacts, err := s.opts.Bundle.Artifacts(ctx)
	if err != nil {
		return fmt.Errorf("%s: working out what the node needs: %w", s.host, err)
	}
	var in strings.Builder
	fmt.Fprintf(&in, "url %s\n", s.url)
	var foreign []string // lost, and not of this bundle
	for _, id := range state.ActivePackages {
		if !slices.Contains(state.Dangling, packageName(id)) && !slices.Contains(state.Altered, id) {
			continue
		}
		i := slices.IndexFunc(artifacts, func(a bundle.Artifact) bool { return packageID(a.Path) == id })
		if i < 0 {
			foreign = append(foreign, id)
			continue
		}
		fmt.Fprintf(&in, "package %s %s\n", id, artifacts[i].SHA256)
	}
	_, err = s.disturb(ctx, stageUpgrade, "", call{
		scripts: []string{"recover"}, doing: "ending an activation that was interrupted, and putting back what is lost", input: &in,
		timeout: 15 * time.Minute,
	})
	var e *StageError
	if len(foreign) > 0 && errors.As(err, &e) && onHost(err) {
		e.Hint = "the node has lost the package " + strings.Join(foreign, ", ") + ", which is not of this bundle. Give it the bundle that it " +
			"had before, which puts that back, and then this one. Nothing that it keeps is lost"
	}
	return err
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
func (s *session) fetch(ctx context.Context, compare []string, state State) ([]string, error) {
	var in strings.Builder
	fmt.Fprintf(&in, "url %s\n", s.url)
	for _, id := range state.Altered {
		if !slices.Contains(state.ActivePackages, id) {
			fmt.Fprintf(&in, "stale %s\n", id)
		}
	}
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
	if len(g.files) == 0 && !g.role && len(g.enable) == 0 && len(g.revive) == 0 && len(g.setup) == 0 {
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
	if len(g.units) > 0 || len(g.revive) > 0 { // an activation that was ended may have left files that systemd has not read
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
	for _, u := range g.setup {
		fmt.Fprintf(&in, "forget %s\n", u)
	}
	sockets, others := []string{}, []string{}
	for _, u := range g.revive {
		if strings.HasSuffix(u, ".socket") {
			sockets = append(sockets, u)
		} else {
			others = append(others, u)
		}
	}
	// Who has stopped services has stopped what is not looked at, too: timers, what ends by itself. All together are started
	// in their order; one by one, a service would come before its socket, which systemd then refuses.
	if len(g.stopped) > 0 {
		others = append([]string{"dcos.target"}, slices.DeleteFunc(others, func(u string) bool { return u == "dcos.target" })...)
	}
	for _, u := range append(sockets, others...) {
		fmt.Fprintf(&in, "revive %s\n", u)
	}
	return &in
}

// rollback puts a node back on its former packages and setup files, and waits
// for it to be well. It is not left off half-way: the way back is known here
// and nowhere else. Packages and services that the upgrade has not touched are
// left alone.
func (s *session) rollback(ctx context.Context, former []string) (touched bool, err error) {
	s.bound = true
	defer func() { s.bound = false }()
	st, err := s.enter(stageUpgrade)
	if err != nil {
		return true, err
	}
	st.Progress("putting the former setup files back", 0)
	c := call{scripts: []string{"rollback", "inspect"}, doing: "putting the former setup files back", args: Paths(s.opts.Bundle),
		timeout: 5 * time.Minute}
	f, err := s.do(ctx, stageUpgrade, c)
	if err != nil {
		return true, err
	}
	now, err := parseState(f)
	if err != nil {
		return true, stageError(s.host, stageUpgrade, c.doing, f, err)
	}
	whole := !now.SwapUnfinished && len(now.LostFiles) == 0
	if touched = !whole || !slices.Equal(now.ActivePackages, former); touched {
		st.Progress("putting the node back on its former packages", 0)
		if !whole {
			if err := s.recover(ctx, *now); err != nil {
				return true, err
			}
		}
		if err := s.activate(ctx, activation{ids: former}); err != nil {
			return true, err
		}
		if err := s.postflight(ctx, !s.first); err != nil {
			return true, err
		}
	}
	_, err = s.finish(ctx)
	return touched, err
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
