// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ensembleOf is an ensemble of so many masters, 10.0.0.1 and on, of which those
// named by their last number do not serve.
func ensembleOf(size int, down ...int) Health {
	h := Health{Leader: "10.0.0.1", Recovered: true}
	for i := range size {
		m := EnsembleMaster{Address: fmt.Sprintf("10.0.0.%d", i+1), Status: "serving"}
		for _, d := range down {
			if d == i+1 {
				m.Status = "down"
			}
		}
		h.Masters = append(h.Masters, m)
	}
	return h
}

// TestQuorum is the rule of quorum as a table, for the master 10.0.0.1, which
// the user may reach at another address.
func TestQuorum(t *testing.T) {
	t.Parallel()
	without := func(h Health, leader string, recovered bool) Health {
		h.Leader, h.Recovered = leader, recovered
		return h
	}
	for name, c := range map[string]struct {
		health       Health
		quorum       bool
		spare        int
		risk, unwell string // a part of the reason; "" if there is none
	}{
		"one, serves":                     {ensembleOf(1), true, 0, "", ""},
		"one, does not":                   {ensembleOf(1, 1), false, 0, "", "this master does not serve"},
		"two serve":                       {ensembleOf(2), true, 0, "2 of 2 masters serve (not serving: ); without this one", ""},
		"three serve":                     {ensembleOf(3), true, 1, "", ""},
		"three, another is down":          {ensembleOf(3, 2), true, 0, "2 of 3 masters serve (not serving: 10.0.0.2); without this one", ""},
		"three, this one is down":         {ensembleOf(3, 1), true, 0, "", "this master does not serve"},
		"three, both others are down":     {ensembleOf(3, 2, 3), false, 0, "not serving: 10.0.0.2, 10.0.0.3", "1 of 3 masters serve"},
		"three, this and another":         {ensembleOf(3, 1, 2), false, 0, "", "this master does not serve"},
		"four serve":                      {ensembleOf(4), true, 1, "", ""},
		"four, another is down":           {ensembleOf(4, 4), true, 0, "3 of 4 masters serve", ""},
		"five serve":                      {ensembleOf(5), true, 2, "", ""},
		"five, another is down":           {ensembleOf(5, 2), true, 1, "", ""},
		"five, two others are down":       {ensembleOf(5, 2, 3), true, 0, "3 of 5 masters serve", ""},
		"five, three others are down":     {ensembleOf(5, 2, 3, 4), false, 0, "2 of 5 masters serve", "2 of 5 masters serve, which is no quorum"},
		"no leader":                       {without(ensembleOf(3), "", true), true, 1, "", "no Mesos leader is known"},
		"the registrar has not recovered": {without(ensembleOf(3), "10.0.0.2", false), true, 1, "", "the registrar of the Mesos"},
		"exhibitor is silent, it leads":   {Health{Leader: "10.0.0.1"}, false, 0, "exhibitor does not say", "0 of 0 masters serve"},
		"exhibitor is silent, it works":   {Health{Recovered: true}, false, 0, "exhibitor does not say", "0 of 0 masters serve"},
		"nothing is there":                {Health{}, false, 0, "", "0 of 0 masters serve, which is no quorum"},
	} {
		for _, names := range [][]string{{"10.0.0.1"}, {"10.0.0.1", "m1.example"}, {"m1.example", "10.0.0.1"}} {
			if got := c.health.Quorum(); got != c.quorum {
				t.Errorf("%s: quorum is %v", name, got)
			}
			if got := c.health.Spare(); got != c.spare {
				t.Errorf("%s: %d can be spared, want %d", name, got, c.spare)
			}
			for what, reason := range map[string][2]string{
				"risk": {c.health.RiskWithout(names...), c.risk}, "unwell": {c.health.Unwell(names...), c.unwell},
			} {
				if got, want := reason[0], reason[1]; (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%s: %s as %v: %q, want %q", name, what, names, got, want)
				}
			}
		}
	}
}

// TestSpareKeepsQuorum holds, for all ensembles of up to nine masters and all
// that can be down, that taking out as many as can be spared leaves a quorum,
// and one more does not.
func TestSpareKeepsQuorum(t *testing.T) {
	t.Parallel()
	cases := 0
	for size := 1; size <= 9; size++ {
		for down := 0; down <= size; down++ {
			var numbers []int
			for i := range down {
				numbers = append(numbers, size-i)
			}
			out := func(more int) Health {
				all := slices.Clone(numbers)
				for i := range more {
					all = append(all, i+1)
				}
				return ensembleOf(size, all...)
			}
			h := out(0)
			spare := h.Spare()
			if spare > 0 && !out(spare).Quorum() {
				t.Errorf("%d of %d are down: without %d more there is no quorum", down, size, spare)
			}
			if spare < h.Serving() && out(spare+1).Quorum() {
				t.Errorf("%d of %d are down: more than %d can be spared", down, size, spare)
			}
			cases++
		}
	}
	if cases < 50 {
		t.Errorf("only %d cases", cases)
	}
}

// TestParseHealth reads what health.sh prints.
func TestParseHealth(t *testing.T) {
	t.Parallel()
	const answer = `[ {"code":3, "description":"serving", "hostname":"10.0.0.1", "isLeader":true},
		{"hostname":"10.0.0.2","description":"down","isLeader":false,"note":"},{"}, {"description":"serving"} ]`
	for name, c := range map[string]struct {
		ensemble string
		want     []EnsembleMaster
	}{
		"an ensemble": {answer, []EnsembleMaster{
			{Address: "10.0.0.1", Status: "serving", ZooKeeperLeader: true}, {Address: "10.0.0.2", Status: "down"},
		}},
		"nothing answers":  {"", nil},
		"a page answers":   {"<html>starting</html>", nil},
		"it is cut short":  {answer[:60], nil},
		"none is listed":   {"[]", []EnsembleMaster{}},
		"it is no list":    {`{"hostname":"10.0.0.1","description":"serving"}`, nil},
		"nothing fits it":  {`[1, 2]`, nil},
		"an empty element": {`[{}]`, []EnsembleMaster{}},
	} {
		f := &frame{}
		text := "begin=health\nip=10.0.0.1\nensemble:" + base64.StdEncoding.EncodeToString([]byte(c.ensemble)) +
			"\nleader=10.0.0.1\nrecovered=yes\nagents=12\nend=health\n"
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := f.check("health"); err != nil {
			t.Fatal(err)
		}
		want := Health{Self: "10.0.0.1", Masters: c.want, Leader: "10.0.0.1", Recovered: true, Agents: 12}
		if diff := cmp.Diff(want, parseHealth(f)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
