// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A session is one operation on one host.
type session struct {
	conn    Conn
	opened  []Conn // made by Redial, closed here
	opts    Options
	host    string
	locked  bool
	changed bool   // OnChange has been called
	out     bool   // OnOutage has been called
	claim   *Claim // that is written with the first change; nil: none is
	first   bool   // it is an installation: of an ensemble not every master need be there yet
	bound   bool   // what comes belongs to the stage under way, whatever its name: Stop is not looked at

	stage     *runlog.Stage // the stage it is in
	stageName string

	url     string // bootstrap_url
	push    bool   // it is a directory on the node
	staging string // that directory
}

var harmlessPath = regexp.MustCompile(`^(/[A-Za-z0-9._+@-]+)+$`)

func newSession(conn Conn, opts Options) (*session, error) {
	s := &session{conn: conn, opts: opts, host: conn.Target().Address}
	if s.opts.Address == "" {
		s.opts.Address = s.host
	}
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	if err := s.opts.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.opts.Address, err)
	}
	s.host = s.opts.Address
	s.url = strings.TrimRight(strings.TrimSpace(opts.Bundle.Arguments["bootstrap_url"]), "/")
	s.staging = stagingOf(opts.Bundle)
	s.push = strings.HasPrefix(s.url, "file://")
	if !harmlessPath.MatchString(s.staging) {
		return nil, fmt.Errorf("%s: bootstrap_url %q does not name a directory that can be used", s.host, s.url)
	}
	return s, nil
}

// holder is the name under which the lock is taken; another operator sees it.
func (s *session) holder() string {
	if s.opts.Run == "" {
		return "a run of Terraform"
	}
	return "Terraform run " + s.opts.Run
}

// stagingOf gives the directory that a file: bootstrap_url names; for others,
// that of the marker.
func stagingOf(b *bundle.Bundle) string {
	if b != nil {
		if path, ok := strings.CutPrefix(strings.TrimSpace(b.Arguments["bootstrap_url"]), "file://"); ok {
			return strings.TrimRight(path, "/")
		}
	}
	return StagingDirectory
}

// close ends the session with the operation's outcome.
func (s *session) close(err error) {
	s.leave(err)
	for _, c := range s.opened {
		// The work is done or has failed for a better reason; what a broken
		// connection leaves on the host, the host removes.
		_ = c.Close()
	}
}

// lock keeps other operators away.
func (s *session) lock(ctx context.Context) error {
	if !s.locked { // later it is a connection's, in whatever stage that is made
		if _, err := s.enter(stageInspect); err != nil {
			return err
		}
	}
	if err := s.conn.Lock(ctx, s.holder()); err != nil {
		return &StageError{Host: s.host, Stage: stageInspect, Doing: "keeping other operators off the host", Err: err, Hint: hint(err)}
	}
	s.locked = true
	return nil
}

// maxRedials bounds how often one stage is taken up again.
const maxRedials = 10

// steady makes a round trip that may be repeated, and repeats it over a new
// connection when the connection breaks. next is asked for the call each time.
func (s *session) steady(ctx context.Context, stage string, next func() call) (*frame, error) {
	st, err := s.enter(stage)
	if err != nil {
		return &frame{}, err
	}
	for n := 0; ; n++ {
		f, err := run(ctx, s.conn, next())
		var lost *remote.LostError
		if err == nil || s.opts.Redial == nil || n >= maxRedials || ctx.Err() != nil || !errors.As(err, &lost) {
			return f, err
		}
		st.Progress(fmt.Sprintf("the connection broke (%v); connecting again", lost.Err), 0)
		if rerr := s.redial(ctx); rerr != nil {
			return f, fmt.Errorf("%w; connecting again: %w", err, rerr)
		}
		st.Progress("connected again", 0)
	}
}

func (s *session) redial(ctx context.Context) error {
	conn, err := s.opts.Redial(ctx)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, conn)
	s.conn = conn
	if s.locked {
		return s.lock(ctx)
	}
	return nil
}

// do makes a round trip of a stage: steady, and with errors that say
// everything.
func (s *session) do(ctx context.Context, stage string, c call) (*frame, error) {
	st, err := s.enter(stage)
	if err != nil {
		return &frame{}, err
	}
	inner := c.on
	c.on = func(key, value string) {
		switch key {
		case "progress":
			st.Progress(value, 0)
			s.tell(stage, value)
		case "warning":
			st.Progress("warning: "+value, 0)
			s.tell(stage, "warning: "+value)
		}
		if inner != nil {
			inner(key, value)
		}
	}
	f, err := s.steady(ctx, stage, func() call { return c })
	if err != nil {
		return f, s.explain(stage, c.doing, f, err)
	}
	return f, nil
}

// explain makes a stage's error of a round trip's.
func (s *session) explain(stage, doing string, f *frame, err error) error {
	if errors.Is(err, context.Canceled) {
		return s.canceled(stage, doing)
	}
	return stageError(s.host, stage, doing, f, err)
}

func (s *session) canceled(stage, doing string) *StageError {
	return &StageError{Host: s.host, Stage: stage, Doing: doing, Err: context.Canceled,
		Hint: "it was interrupted; the next apply goes on from here"}
}

// enter goes on to a stage: the one before has finished. Here, and nowhere
// else, Stop is looked at; doc.go says why a host may be left between two
// stages. Nothing of a stage that is refused is done on the host, but the run
// log has it as failed, so that one sees how far the host has come.
func (s *session) enter(stage string) (*runlog.Stage, error) {
	if s.stageName == stage {
		return s.stage, nil
	}
	doing := "going on from " + s.stageName + " to " + stage
	if s.stageName == "" {
		doing = "beginning with " + stage
	}
	s.stage.Finish()
	s.stage, s.stageName = s.opts.Log.Stage(stage), stage
	if !s.bound && closed(s.opts.Stop) {
		err := s.canceled(stage, doing)
		s.leave(err)
		return nil, err
	}
	s.tell(stage, "")
	return s.stage, nil
}

// tell tells whoever asked for it how the work goes on.
func (s *session) tell(stage, words string) {
	if s.opts.Tell != nil {
		s.opts.Tell(stage, words)
	}
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// leave ends the stage that the session is in.
func (s *session) leave(err error) {
	if err == nil {
		s.stage.Finish()
	} else {
		var e *StageError
		var exit *int
		output := ""
		if errors.As(err, &e) {
			if e.ExitCode != 0 {
				exit = &e.ExitCode
			}
			output = strings.TrimSpace(e.Stderr + "\n" + e.Journal)
		}
		s.stage.Fail(err, exit, output)
	}
	s.stage, s.stageName = nil, ""
}

// change goes on to a stage that changes the host, and tells the caller so,
// once.
func (s *session) change(stage string, before State) error {
	if _, err := s.enter(stage); err != nil {
		return err
	}
	if !s.changed && s.opts.OnChange != nil {
		s.opts.OnChange(before)
	}
	s.changed = true
	return nil
}

// outage tells the caller, once, that what comes can take the node out of
// service.
func (s *session) outage() {
	if !s.out && s.opts.OnOutage != nil {
		s.opts.OnOutage()
	}
	s.out = true
}

// warn tells the user of what stands in nothing's way.
func (s *session) warn(f Finding) {
	if s.opts.Warn != nil {
		s.opts.Warn(f)
	}
}

// look inspects the host and gathers what the preflight checks need, in one
// round trip.
func (s *session) look(ctx context.Context) (*hostFacts, error) {
	artifacts, err := s.opts.Bundle.Artifacts(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: working out what the node needs: %w", s.host, err)
	}
	accounts, err := s.opts.Bundle.Accounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: working out which users the packages ask for: %w", s.host, err)
	}
	paths := Paths(s.opts.Bundle)
	h := &hostFacts{accounts: accounts}
	f, err := s.do(ctx, stageInspect, call{
		scripts: []string{"inspect", "preflight"},
		doing:   "looking at the host",
		args:    paths,
		input:   s.wishes(artifacts, accounts),
		timeout: 15 * time.Minute, // checksums of what lies there already take their time
		on: func(key, _ string) {
			if key == "clock" {
				h.after = s.opts.Now()
			}
		},
	})
	h.f = f
	if err != nil {
		return nil, err
	}
	state, err := parseState(f)
	if err != nil {
		return nil, stageError(s.host, stageInspect, "looking at the host", f, err)
	}
	state.Looked = paths
	state.Altered = f.all("altered")
	h.State = *state
	h.before = h.after.Add(-f.latency)
	if s.opts.Peers != nil {
		h.peers = s.opts.Peers(h.State)
	}
	var bootstrapped []string
	if h.setsUp() {
		if bootstrapped, err = s.opts.Bundle.Bootstrapped(ctx); err != nil {
			return nil, fmt.Errorf("%s: working out what the node needs: %w", s.host, err)
		}
	}
	h.lacking(s, artifacts, bootstrapped)
	return h, nil
}

// setsUp says whether dcos-setup has its work before it, be it once more.
func (s State) setsUp() bool { return len(s.ActivePackages) == 0 || s.SetupPending }

// lacking works out what the node has to get: everything that it has neither
// in the staging directory nor, for packages, in DC/OS's repository. The
// bootstrap tarball and the package list are read only by a setup, which has the
// packages that are in the tarball.
func (h *hostFacts) lacking(s *session, artifacts []bundle.Artifact, bootstrapped []string) {
	have := map[string]bool{}
	for _, p := range h.f.all("have") {
		have[strings.TrimPrefix(p, s.staging+"/")] = true
	}
	if !h.setsUp() {
		bootstrapped = h.f.all("package")
	}
	for _, id := range bootstrapped {
		have[id] = true
	}
	for _, a := range artifacts {
		id := packageID(a.Path)
		if !h.setsUp() && id == "" {
			continue
		}
		if id != "" && have[id] && !slices.Contains(h.Altered, id) {
			continue
		}
		h.unpack = append(h.unpack, a)
		if s.push && !have[a.Path] {
			h.missing = append(h.missing, a)
		}
	}
}

// sameMachine says whether it is the machine that the node is known to be, or one
// that it must not be.
func (s *session) sameMachine(state State) error {
	if s.opts.OtherThan != "" && s.opts.OtherThan == state.MachineID {
		return &SameMachineError{Host: s.host, MachineID: state.MachineID}
	}
	if s.opts.MachineID != "" && s.opts.MachineID != state.MachineID {
		return &ReplacedError{Host: s.host, Want: s.opts.MachineID, Got: state.MachineID}
	}
	return nil
}
