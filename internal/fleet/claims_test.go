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
		claim fleet.Member
		after time.Duration
		want  bool
		id    string
	}{
		"claimed before": {a, -time.Second, true, ""},
		"claimed after":  {a, fleet.Grace / 2, true, "machine-a"},
		"too late":       {a, 2 * fleet.Grace, false, "machine-a"},
		"another role":   {public, 0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := fleet.New()
				id := make(chan string, 1)
				claim := func() { id <- f.Claim(c.claim) }
				if c.after < 0 {
					claim()
				} else {
					time.AfterFunc(c.after, claim)
				}
				start := time.Now()
				got := f.Offer(t.Context(), map[fleet.Member]string{a: "machine-a", b: "machine-b"})
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
