// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"errors"
	"reflect"
	"testing"
)

// TestHolding is the table of whose a node is: what the holder knows, by what is
// on the host, by what is to be done.
func TestHolding(t *testing.T) {
	t.Parallel()
	mine := Claim{ID: "mine", Cluster: "one", Site: "s1"}
	unknown := Claim{Cluster: "one", Site: "s1"}
	on := func(id, cluster, site string) State {
		s := State{Installed: Complete, Cluster: cluster}
		if id != "" {
			s.Claim = &Claim{ID: id, Cluster: cluster, Site: site}
		}
		return s
	}
	const well, claimed, foreign = "", "claimed", "foreign"
	for name, c := range map[string]struct {
		holder          Holding
		host            State
		changes, leaves string // of an update, of a removal
	}{
		"equal":                        {Holding{Claim: mine}, on("mine", "one", "s1"), well, well},
		"none, none":                   {Holding{Claim: unknown}, on("", "one", ""), well, well},
		"none, some":                   {Holding{Claim: unknown}, on("other", "one", "s1"), well, claimed},
		"some, none":                   {Holding{Claim: mine}, on("", "one", ""), well, well},
		"some, another":                {Holding{Claim: mine}, on("other", "one", "s1"), claimed, claimed},
		"another cluster":              {Holding{Claim: mine}, on("", "two", ""), foreign, foreign},
		"another cluster's claim":      {Holding{Claim: mine}, on("other", "two", "s2"), foreign, foreign},
		"another of the same name":     {Holding{Claim: mine}, on("other", "one", "s2"), foreign, foreign},
		"none, another cluster's":      {Holding{Claim: unknown}, on("other", "two", "s2"), foreign, foreign},
		"the cluster has been renamed": {Holding{Claim: Claim{ID: "mine", Cluster: "new", Site: "s1"}}, on("mine", "one", "s1"), well, well},
		"renamed, without a claim":     {Holding{Claim: Claim{ID: "mine", Cluster: "new"}, Former: "one"}, on("", "one", ""), well, well},
		"an unfinished one of another": {Holding{Claim: mine}, State{Owner: &Owner{Cluster: "two"}}, foreign, foreign},
		"nothing is there":             {Holding{Claim: mine}, State{Installed: None, Claim: &Claim{ID: "other"}}, well, well},
		"lost, unfinished": {Holding{Claim: unknown, Lost: true},
			State{Owner: &Owner{Cluster: "one"}, Claim: &Claim{ID: "other", Cluster: "one", Site: "s1"}}, well, well},
		"lost, finished":                 {Holding{Claim: unknown, Lost: true}, on("other", "one", "s1"), well, claimed},
		"taken over":                     {Holding{Claim: mine, TakeOver: true}, on("other", "one", "s1"), well, well},
		"from another one":               {Holding{Claim: mine, From: "other"}, on("other", "one", "s1"), well, well},
		"from another one, and claimed":  {Holding{Claim: mine, From: "other"}, on("mine", "one", "s1"), well, well},
		"from another one, and lost":     {Holding{Claim: mine, From: "other"}, on("third", "one", "s1"), claimed, claimed},
		"nobody knows of what it is":     {Holding{Claim: Claim{}}, on("", "one", ""), well, well},
		"imported, before it is claimed": {Holding{Claim: Claim{ID: "other"}}, on("other", "one", "s1"), well, well},
	} {
		for removes, want := range map[bool]string{false: c.changes, true: c.leaves} {
			err := c.holder.foreign("10.0.0.1", c.host, removes)
			got := well
			var other *ClaimedError
			var cluster *ForeignError
			switch {
			case errors.As(err, &other):
				got = claimed
			case errors.As(err, &cluster) && cluster.Ours == c.holder.Claim.Cluster:
				got = foreign
			case err != nil:
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s, removes %t: %q, want %q", name, removes, got, want)
			}
		}
	}
}

// TestClaimText reads what it writes.
func TestClaimText(t *testing.T) {
	t.Parallel()
	want := &Claim{ID: NewClaimID(), Holder: "dcos_node", Cluster: "a cluster\nof two lines", Site: "0123", Run: "20261130T000000Z-1"}
	got, err := parseClaim(string(want.text()))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("have %+v, %v", got, err)
	}
	for _, text := range []string{"", "\n"} {
		if got, err := parseClaim(text); got != nil || err != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if got, err := parseClaim("begin=claim\nid=x\n"); err == nil {
		t.Errorf("half a claim is one: %+v", got)
	}
	if one, other := NewClaimID(), NewClaimID(); one == other {
		t.Error("two claims are one")
	}
}
