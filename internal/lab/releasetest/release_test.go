// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// A judge judges by a release.
type judge struct {
	t    *testing.T
	lab  *lab.Lab
	book *book
	full bool // all of it; else a short way through it, with one master and one point

	rel, former *release.Release
	points      string
	part, parts int       // of the ends at all points, those that this run takes
	until       time.Time // when nothing more is begun but the end; zero: never
	ends        []end
	standIns    []lab.Option // what hosts have besides
	parameters  string       // more of dcos_cluster_config
}

// TestRelease is what the package is for.
func TestRelease(t *testing.T) {
	t.Parallel()
	l := requireHosts(t)
	j := &judge{t: t, lab: l, book: newBook(t), full: os.Getenv("DCOS_TEST_RELEASE") != ""}
	path, former := os.Getenv("DCOS_TEST_RELEASE"), os.Getenv("DCOS_TEST_FORMER")
	if !j.full {
		path = sample(t, samplerelease.V22)
	}
	j.rel = open(t, path)
	if former != "" {
		j.former = open(t, former)
	}
	j.settings()
	t.Logf("judging by DC/OS %s: %d packages, commit %s", j.rel.Version(), len(j.rel.Packages()), j.rel.Commit())
	if former == "" {
		j.book.unchecked("an upgrade: there is no FORMER release")
	}
	j.book.unchecked("more than one master at a time, loads, and what needs more than a container: kernel modules, Docker, the clock")
	t.Cleanup(func() { t.Logf("DC/OS %s\n\n%s", j.rel.Version(), j.book) })
	s := j.install()
	if s == nil {
		t.Fatal("there is no cluster to judge by")
	}
	if os.Getenv("DCOS_TEST_LIFE") == "none" {
		j.book.unchecked("what is between installation and destroy but the points of an activation")
	} else {
		j.life(s)
	}
	if j.points != "none" {
		j.swaps(s)
	} else {
		j.book.unchecked("the points of an activation")
	}
	j.destroy(s)
	if len(j.book.faults) > 0 {
		t.Errorf("%d kinds of faults", len(j.book.faults))
	}
}

// settings reads what was asked for.
func (j *judge) settings() {
	j.points, j.ends = "all", ends()
	switch points := os.Getenv("DCOS_TEST_POINTS"); points {
	case "all", "kinds", "none":
		j.points = points
	case "":
	default:
		j.t.Fatalf("DCOS_TEST_POINTS=%s: it is all, kinds or none", points)
	}
	j.parted()
	if list := os.Getenv("DCOS_TEST_ENDS"); list != "" {
		j.ends = nil
		for name := range strings.SplitSeq(list, ",") {
			i := slices.IndexFunc(ends(), func(e end) bool { return e.name == name })
			if i < 0 {
				j.t.Fatalf("DCOS_TEST_ENDS: there is no end %q", name)
			}
			j.ends = append(j.ends, ends()[i])
		}
		for _, e := range ends() {
			if !slices.ContainsFunc(j.ends, func(f end) bool { return f.name == e.name }) {
				j.book.unchecked("activations that are ended by: %s", e.name)
			}
		}
	}
}

// parted reads which of the ends this run takes, and for how long.
func (j *judge) parted() {
	j.part, j.parts = 1, 1
	if part := os.Getenv("DCOS_TEST_PART"); part != "" {
		if n, err := fmt.Sscanf(part, "%d/%d", &j.part, &j.parts); n != 2 || err != nil || j.part < 1 || j.part > j.parts {
			j.t.Fatalf("DCOS_TEST_PART=%s: it is PART/PARTS, as 1/4", part)
		}
		j.book.unchecked("of each %d ends of an activation all but the %d.", j.parts, j.part)
	}
	if limit := os.Getenv("DCOS_TEST_LIMIT"); limit != "" {
		d, err := time.ParseDuration(limit)
		if err != nil {
			j.t.Fatalf("DCOS_TEST_LIMIT: %v", err)
		}
		j.until = time.Now().Add(d)
	}
}

// begins reports whether there is time for something, and notes it if there is not.
func (j *judge) begins(format string, args ...any) bool {
	if j.until.IsZero() || time.Now().Before(j.until) {
		return true
	}
	j.book.unchecked("for want of time: "+format, args...)
	return false
}

func requireHosts(t *testing.T) *lab.Lab {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("real Terraform against real hosts; set TF_ACC=1")
	}
	terraform.Require(t)
	return lab.Require(t)
}

// open opens a release for the length of the test.
func open(t *testing.T, path string) *release.Release {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := release.Open(t.Context(), path, release.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rel.Close(); err != nil {
			t.Error(err)
		}
	})
	return rel
}

// install makes the cluster, of the former release if there is one. If its nodes do not come up by what they bring
// themselves, it is removed, and made anew on hosts with stand-ins. It gives nil if there is none in the end.
func (j *judge) install() *site {
	const what = "installation"
	services, seen := os.Getenv("DCOS_TEST_SERVICES"), false
	for _, own := range []bool{true, false} {
		if own && services == "stand-ins" || !own && services == "own" {
			continue
		}
		rel := j.rel
		if j.former != nil {
			rel = j.former
		}
		suffix := ""
		if !own {
			j.standIns, j.parameters, suffix = standIns(j.t), easyCheck, "s"
			j.book.unchecked("services: they are stood in for, so what they do themselves, before and after a change, is not judged")
		}
		master := j.raise(j.t, "release-m"+suffix, "master", j.disk()...)
		nodes := []*node{master}
		if j.full {
			nodes = append(nodes, j.raise(j.t, "release-a"+suffix, "agent", j.disk()...))
		}
		s := j.newSite(j.t, rel.Source(), []string{master.Address}, nodes...)
		s.configure()
		if !seen {
			j.wary(s, rel)
			seen = true
		}
		came := s.apply()
		if came.code != 0 && own && services == "" && strings.Contains(came.out, "Stage: postflight") {
			j.t.Logf("the nodes do not come up by their own services here, so stand-ins take their place:\n%s", indent(lastLines(came.out, 40)))
			j.book.unchecked("whether the release's own services run: %s", came.reason())
			gone := s.run("destroy", "-auto-approve")
			j.book.check("removal of an installation that failed", s.where(), "first", gone.wants("destroy fails", 0))
			j.clean(s, "removal of an installation that failed")
			continue
		}
		if !j.book.check(what, s.where(), "first", came.wants("apply fails", 0)) {
			return nil
		}
		for _, n := range s.nodes {
			err := n.settles(j.t)
			if err == nil {
				err = n.plant(j.t)
			}
			j.book.check(what, n.role, "units come to rest", err)
			if n.role == "master" && !n.app {
				j.book.unchecked("whether Marathon keeps its applications: it takes none here")
			}
			j.book.check(what, n.role, "packages and users", n.has(j.t, rel.Packages()))
			if len(n.up) == 0 {
				j.book.check(what, n.role, "units", fmt.Errorf("no unit is active"))
			}
		}
		j.book.check("an empty plan after it", s.where(), "first", s.plan().wants("the plan is not empty", 0))
		return s
	}
	return nil
}

// disk is what lets a host's disk become full.
func (j *judge) disk() []lab.Option {
	if !slices.ContainsFunc(j.ends, func(e end) bool { return e.full }) {
		return nil
	}
	size := int64(1 << 30)
	for _, rel := range []*release.Release{j.rel, j.former} {
		if rel == nil {
			continue
		}
		for _, id := range rel.Packages() {
			name, _, _ := strings.Cut(id, "--")
			if a, err := rel.Artifact("packages/" + name + "/" + id + ".tar.xz"); err == nil {
				size += 6 * a.Size // packed in the staging directory, and unpacked, of two releases at a time
			}
		}
	}
	return []lab.Option{lab.WithDisk(size)}
}

// destroy removes the cluster, and looks for traces.
func (j *judge) destroy(s *site) {
	const what = "destroy without a trace"
	j.book.check(what, s.where(), "destroy", s.run("destroy", "-auto-approve").wants("destroy fails", 0))
	j.clean(s, what)
}

// clean is whether hosts are what they were.
func (j *judge) clean(s *site, what string) {
	for _, n := range s.nodes {
		j.book.check(what, n.role, n.Name, n.unchanged(j, n.before))
	}
}
