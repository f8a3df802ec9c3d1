// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// accounts gives what the packages of a release ask of a host's users.
func (j *judge) accounts(rel *release.Release) (users, groups []string) {
	j.t.Helper()
	for _, id := range rel.Packages() {
		a, err := rel.Account(j.t.Context(), id)
		if err != nil {
			j.t.Fatal(err)
		}
		if a.User != "" && a.Group == "" {
			users = append(users, a.User)
		}
		if a.Group != "" {
			groups = append(groups, a.Group)
		}
	}
	slices.Sort(users)
	slices.Sort(groups)
	return slices.Compact(users), slices.Compact(groups)
}

// wary looks what is said of a host on which the release's package manager would stop half-way: one lacks the groups that packages
// ask for, if the lab's hosts do, and has a group that useradd is about to make. Both have to be told before anything is done.
func (j *judge) wary(s *site, rel *release.Release) {
	const what = "users and groups, before anything is done"
	n := s.nodes[0]
	users, groups := j.accounts(rel)
	if len(users) == 0 {
		j.book.unchecked("%s: no package of the release asks for a user", what)
		return
	}
	left := users[len(users)/2]
	script := "groupadd --system " + left + "; "
	wants := []string{"a group " + left + " without its user"}
	for _, g := range groups {
		if slices.Contains(n.added, g) {
			script += "groupdel " + g + "; "
			wants = append(wants, "no group "+g)
		}
	}
	if len(wants) == 1 {
		j.book.unchecked("a group that packages ask for and a host lacks: hosts of the lab have all of them (%s)", strings.Join(groups, " "))
	}
	if _, err := n.shell(j.t, script); err != nil {
		j.t.Fatal(err)
	}
	before, err := n.Snapshot(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	came := s.apply()
	if err = came.wants("a host on which the package manager would stop is taken", 1); err == nil {
		for _, w := range wants {
			if !strings.Contains(flat(came.out), w) {
				err = errors.Join(err, fmt.Errorf("it is not told that there is %s\n%s", w, lastLines(came.out, 60)))
			}
		}
	}
	j.book.check(what, n.role, "told", err)
	j.book.check(what, n.role, "nothing is changed", n.unchanged(j, before))
	if _, err := n.shell(j.t, "groupdel "+left); err != nil {
		j.t.Fatal(err)
	}
	j.ready(j.t, n)
}

// flat is Terraform's output without its frames and line breaks, in which it breaks what is long.
func flat(out string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(out)), " ")
}

// ready makes a host of the lab have the groups that packages ask for, as one with Docker from a package has docker's, and notes how it
// is then.
func (j *judge) ready(t testing.TB, n *node) {
	t.Helper()
	_, groups := j.accounts(j.rel)
	if j.former != nil {
		_, more := j.accounts(j.former)
		groups = append(groups, more...)
	}
	for _, g := range groups {
		out, err := n.Shell(t.Context(), "getent group "+g+" >/dev/null || { groupadd --system "+g+" && echo added; }")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out, "added") && !slices.Contains(n.added, g) {
			n.added = append(n.added, g)
		}
	}
	var err error
	if n.before, err = n.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// unchanged is an error unless a host is what it was.
func (n *node) unchanged(j *judge, before *lab.Snapshot) error {
	var left []string
	for range 45 { // what the keeper of a broken connection holds takes half a minute to go
		after, err := n.Snapshot(j.t.Context())
		if err != nil {
			return err
		}
		left = nil
		for _, c := range lab.Diff(before, after) {
			left = append(left, c.String())
		}
		if len(left) == 0 || pause(j.t, time.Second) != nil {
			break
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("something is left on the host\n%s", strings.Join(left, "\n"))
	}
	return nil
}
