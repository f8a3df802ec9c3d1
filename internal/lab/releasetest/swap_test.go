// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// activationUnit is what the provider has the package manager run in.
const activationUnit = "terraform-dcos-activate.service"

// An end is how an activation ends before its time.
type end struct {
	name string
	// alone: only the package manager ends, and the provider sees it; else the provider has ended with it.
	alone bool
	power bool // the host loses its power too, and boots
	full  bool // it does not end, the disk becomes full under it
}

// ends are all there are. With kill, the run that is under way sees that the package manager has ended, and deals with
// it; with crash, the provider is killed with it, so that what is left is left to the next run; with power, the host
// loses its power too, and has booted when the next run comes; with full, the disk is full from there on until the run
// has ended.
func ends() []end {
	return []end{{name: "kill", alone: true}, {name: "crash"}, {name: "power", power: true}, {name: "full", alone: true, full: true}}
}

// A point is a place in an activation: right before the n-th effect of a kind.
type point struct {
	kind string
	n    int
}

func (p point) String() string { return fmt.Sprintf("%s (%d)", p.kind, p.n) }

// midst is a point in the middle of the swap: what was active is away, and nothing is in its place.
var midst = point{"rename of " + installRoot + "active.new", 1}

const (
	installRoot = "/opt/mesosphere/"
	unitRoot    = "/etc/systemd/system/"
)

// kindOf gives the kind of an effect; "" if it is of no interest: what is not in the way of the package manager's work.
func kindOf(e lab.Effect) string {
	if e.Call == "exec" {
		words := strings.Fields(e.Path)
		for i, w := range words {
			words[i] = path.Base(w)
		}
		switch {
		case len(words) == 0:
			return ""
		case words[0] == "systemctl" && len(words) > 1:
			return "systemctl " + words[1]
		}
		return "start of " + words[0]
	}
	name := e.Path
	if rest, ok := strings.CutPrefix(name, unitRoot); ok {
		first, deeper, _ := strings.Cut(rest, "/")
		switch {
		case deeper != "":
			return e.Call + " of what is in " + unitRoot + first
		case strings.HasPrefix(first, "dcos.target"):
		case strings.HasSuffix(first, ".unit.new"):
			return e.Call + " of a staged unit"
		default:
			return e.Call + " of a unit"
		}
		return e.Call + " of " + name
	}
	if rest, ok := strings.CutPrefix(name, installRoot); ok {
		first, deeper, _ := strings.Cut(rest, "/")
		switch {
		case first == "packages":
			return ""
		case deeper != "":
			return e.Call + " of what is in " + installRoot + first
		}
		return e.Call + " of " + name
	}
	return ""
}

// many says of a kind that its effects are of the same sort and very many: files of directories that nobody uses yet or
// any more.
func many(kind string) bool {
	return strings.HasSuffix(kind, ".new") && strings.Contains(kind, " of what is in ") ||
		strings.HasSuffix(kind, ".old") && strings.Contains(kind, " of what is in ") || strings.HasPrefix(kind, "start of ")
}

// pointsOf gives the points of an activation that had these effects, in their order.
func pointsOf(kinds []string, all bool) []point {
	total := map[string]int{}
	for _, k := range kinds {
		total[k]++
	}
	seen := map[string]int{}
	var points []point
	for _, k := range kinds {
		seen[k]++
		n := seen[k]
		if (all && !many(k)) || n == 1 || n == total[k] || n == (total[k]+1)/2 {
			points = append(points, point{k, n})
		}
	}
	return points
}

// swaps ends activations at their points, on a master and an agent of their own; of the short way, on what there is.
func (j *judge) swaps(s *site) {
	if !j.full {
		s.strikeAll(s.nodes[0])
		return
	}
	if !j.begins("the points of an activation") {
		return
	}
	var group sync.WaitGroup
	for _, n := range s.nodes {
		host, masters := j.raise(j.t, "release-points-"+n.role, n.role, j.disk()...), s.masters
		if n.role == "master" {
			masters = []string{host.Address}
		}
		lane := j.newSite(j.t, j.rel.Source(), masters, host)
		lane.configure()
		err := lane.apply().wants("apply fails", 0)
		if err == nil {
			err = errors.Join(host.settles(j.t), host.plant(j.t))
		}
		if !j.book.check("installation", n.role, "for the points", err) {
			continue
		}
		group.Go(func() {
			lane.strikeAll(host)
			j.destroy(lane)
		})
	}
	group.Wait()
}

// strikeAll looks at what an activation does on a node, and ends it at each of its points.
func (s *site) strikeAll(n *node) {
	var kinds []string
	for range 2 { // what it removes first is what the one before it has left
		s.change()
		kinds = nil
		followed := s.follow(n, func(e lab.Effect) lab.Sentence {
			if k := kindOf(e); k != "" {
				kinds = append(kinds, k)
			}
			return lab.Let
		})
		came := s.apply()
		if err := errors.Join(came.wants("apply fails while it is watched", 0), followed()); err != nil {
			if errors.Is(err, errors.ErrUnsupported) {
				s.book.unchecked("the points of an activation: no process can be followed here")
				return
			}
			s.book.check("points", n.role, "watching", err)
			return
		}
		if !s.full {
			break
		}
	}
	points := pointsOf(kinds, s.points == "all")
	s.t.Logf("an activation on the %s has %d effects, and %d points", n.role, len(kinds), len(points))
	if !s.full {
		points = []point{midst}
	}
	// The swap itself comes first, for who cannot wait: what is before it changes nothing that is in use.
	swap := slices.IndexFunc(points, func(p point) bool { return strings.Contains(p.kind, "install_progress") })
	points = slices.Concat(points[max(swap, 0):], points[:max(swap, 0)])
	blows := s.share(points)
	for i, b := range blows {
		if !s.begins("on the %s, %d of %d ends of an activation", n.role, len(blows)-i, len(blows)) {
			break
		}
		s.t.Logf("%s, %d of %d: %s at %s", n.role, i+1, len(blows), b.name, b.point)
		s.strike(n, b.point, b.end)
	}
}

// A blow is an end at a point.
type blow struct {
	point
	end
}

// share gives what falls to this run of all ends at all points, which are dealt out to so many runs.
func (j *judge) share(points []point) []blow {
	var mine []blow
	dealt := 0
	for _, p := range points {
		for _, e := range j.ends {
			if dealt%j.parts == j.part-1 {
				mine = append(mine, blow{p, e})
			}
			dealt++
		}
	}
	return mine
}

// follow shadows the next activation on a node. What it returns waits for the end of that.
func (s *site) follow(n *node, judge func(lab.Effect) lab.Sentence) (followed func() error) {
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Shadow(ctx, activationUnit, judge) }()
	return func() error {
		stop() // if there was none
		return <-done
	}
}

// strike ends an activation at a point, and then looks what plan and apply make of it.
func (s *site) strike(n *node, p point, e end) {
	what := "activation ended by " + e.name
	s.change()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Minute)
	defer cancel()
	var out strings.Builder
	cmd := s.tf.Command(ctx, "apply", "-auto-approve", "-no-color")
	cmd.Stdout, cmd.Stderr = &out, &out
	seen, struck := 0, false
	var strikeErr error
	followed := s.follow(n, func(effect lab.Effect) lab.Sentence {
		if kindOf(effect) == p.kind && !struck {
			seen++
		}
		if seen != p.n || struck {
			return lab.Let
		}
		struck = true
		if !e.alone {
			strikeErr = terraform.KillProvider(cmd.Process)
		}
		switch {
		case e.power:
			strikeErr = errors.Join(strikeErr, n.PowerCut(ctx))
		case e.full:
			strikeErr = errors.Join(strikeErr, n.FillDisk(ctx, 0))
		default:
			return lab.Kill
		}
		return lab.Let
	})
	if err := cmd.Start(); err != nil {
		s.t.Errorf("%s at %s: %v", what, p, errors.Join(err, followed()))
		return
	}
	err := cmd.Wait() // that it fails is what is to be expected
	came := said{overrides.ReplaceAllString(out.String(), ""), cmd.ProcessState.ExitCode()}
	if err := followed(); err != nil && !errors.Is(err, context.Canceled) {
		s.t.Errorf("%s at %s: %v", what, p, err)
	}
	switch {
	case e.power && struck:
		strikeErr = errors.Join(strikeErr, n.Start(s.t.Context()))
	case e.full && struck:
		strikeErr = errors.Join(strikeErr, n.FreeDisk(s.t.Context()))
	}
	if strikeErr != nil {
		s.t.Errorf("%s at %s: %v", what, p, strikeErr)
	}
	if !struck {
		s.book.says(what, "(the activation did not come to the point)")
		if err != nil {
			s.book.check(what, n.role, p.String(), came.wants("apply fails", 0))
		} else if !s.full { // of many points one may depend on what was left by the one before
			s.book.check(what, n.role, p.String(), errors.New("the activation did not come to the point"))
		}
		return
	}
	if e.alone {
		s.book.says(what, "the apply itself: "+came.reason())
	}
	if !s.converge(what, p.String(), works) {
		s.again(s)
	}
}

// rebuild puts a new machine in the place of a node's.
func (n *node) rebuild(j *judge) {
	name, address := n.Name, n.Address
	if err := n.Destroy(j.t.Context()); err != nil {
		j.t.Fatal(err)
	}
	opts := slices.Concat([]lab.Option{lab.WithAddress(address)}, j.disk(), j.standIns)
	var err error
	if n.Host, err = j.lab.Create(j.t.Context(), name, opts...); err != nil {
		j.t.Fatal(err)
	}
	j.ready(j.t, n)
}
