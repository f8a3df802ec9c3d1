// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

func TestMembersMove(t *testing.T) {
	t.Parallel()
	a := fleet.Member{Cluster: "one", Role: node.Agent, Host: "a"}
	b := fleet.Member{Cluster: "one", Role: node.Agent, Host: "b"}
	public := fleet.Member{Cluster: "one", Role: node.PublicAgent, Host: "b"}
	for name, c := range map[string]struct {
		who   fleet.Member
		after time.Duration
		want  bool
		id    string
	}{
		"wanted before": {a, -time.Second, true, ""},
		"wanted after":  {a, fleet.Grace / 2, true, "machine-a"},
		"too late":      {a, 2 * fleet.Grace, false, ""},
		"another role":  {public, 0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := fleet.New()
				id := make(chan string, 1)
				want := func() { id <- f.Want(c.who) }
				if c.after < 0 {
					want()
				} else {
					time.AfterFunc(c.after, want)
				}
				start := time.Now()
				f.Offer(map[fleet.Member]string{a: "machine-a", b: "machine-b"})
				got := f.Wanted(t.Context(), []fleet.Member{a, b})
				if got[a] != c.want || got[b] {
					t.Errorf("%v", got)
				}
				if took := time.Since(start); took != fleet.Grace {
					t.Errorf("it took %s", took)
				}
				if got := <-id; got != c.id {
					t.Errorf("the machine id is %q", got)
				}
			})
		})
	}
}

// Whoever wants a member before it is offered learns of it afterwards, and may
// give it back only as long as nobody has let it go.
func TestWantsAreKeptAndWaived(t *testing.T) {
	t.Parallel()
	a := fleet.Member{Cluster: "one", Role: node.Agent, Host: "a"}
	synctest.Test(t, func(t *testing.T) {
		f := fleet.New()
		f.Want(a)
		if known := f.Waive(a); known != "" {
			t.Errorf("%q is known", known)
		}
		offer := map[fleet.Member]string{a: "machine-a"}
		f.Offer(offer)
		if wanted := f.Wanted(t.Context(), []fleet.Member{a}); wanted[a] {
			t.Error("what was waived counts")
		}
		f.Want(a)
		if known := f.Offered(t.Context(), a); known != "" {
			t.Errorf("%q is known of what cannot be had any more", known)
		}
		time.AfterFunc(fleet.Grace/2, func() { f.Offer(offer) })
		if known := f.Offered(t.Context(), a); known != "machine-a" {
			t.Errorf("%q is known", known)
		}
		if wanted := f.Wanted(t.Context(), []fleet.Member{a}); !wanted[a] {
			t.Error("it does not count")
		}
		if known := f.Waive(a); known != "machine-a" {
			t.Errorf("%q is known of what was let go", known)
		}
	})
}
