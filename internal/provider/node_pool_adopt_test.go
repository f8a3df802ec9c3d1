// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// byHand makes nodes that no resource has, of the cluster with the id "one", and gives the
// number of events then.
func (s *simSite) byHand(n int) (since int) {
	s.t.Helper()
	s.configure("", pool("a", s.hosts(0, n), ""))
	s.tf.Apply()
	s.tf.Run("state", "rm", "dcos_node_pool.a")
	for i := range n {
		s.fleet.Unclaim(simhosts.Address(i))
		s.fleet.Belong(simhosts.Address(i), "one", "127.0.9.1")
	}
	_, since = s.worked("install", 0)
	return since
}

// untouched makes sure that nothing of these stages was done since an event.
func (s *simSite) untouched(since int, stages ...string) {
	s.t.Helper()
	for _, stage := range stages {
		if got, _ := s.worked(stage, since); len(got) > 0 {
			s.t.Errorf("%s on %v", stage, got)
		}
	}
}

// Another configuration than that of the nodes.
const otherSite = `gc_delay = "3days"`

// adoptAll names hosts in adopt.
func adoptAll(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("h%d", i))
	}
	return "max_unavailable = 3\n  adopt = " + list(names)
}

// The pool's own nodes say which cluster it is.
func TestNodePoolAdoptsIntoItsCluster(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	since := s.byHand(2)
	s.configure("", pool("a", s.hosts(0, 1), ""))
	s.tf.Apply()
	s.fleet.Belong(simhosts.Address(1), "two", "127.0.9.1")
	s.configure(otherSite, pool("a", s.hosts(0, 2), `adopt = ["h1"]`))
	out, err := s.tf.Try("plan", "-no-color")
	if err == nil {
		t.Errorf("it is planned:\n%s", out)
	}
	mentions(t, out, "Host Not Adopted", "those that h0 finds, of one")
	s.fleet.Belong(simhosts.Address(1), "one", "127.0.9.1")
	mentions(t, s.tf.Apply(), "adopted: differs from the bundle", "has another bundle")
	s.tf.NoChanges()
	s.untouched(since, "install", "uninstall")
	s.tf.Destroy()
}

// What another resource has is not adopted, and it is said whose it is.
func TestNodePoolAdoptsNobodysNodes(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	since := s.byHand(2)
	both := pool("other", s.hosts(0, 1), "")
	s.configure("", both)
	s.tf.Apply()
	s.tf.Run("state", "rm", "dcos_node_pool.other")
	s.configure(otherSite, pool("a", s.hosts(0, 2), adoptAll(2)))
	out, err := s.tf.Try("plan", "-no-color")
	if err == nil {
		t.Errorf("it is planned:\n%s", out)
	}
	mentions(t, out, "Host Not Adopted", "another resource has this node: dcos_node_pool of the cluster", simhosts.Address(0))
	// Nor is what the plan cannot look at.
	s.configure(otherSite, pool("a", `{ h = { address = "127.0.0.256" } }`, `adopt = ["h"]`))
	if out, err = s.tf.Try("plan", "-no-color"); err == nil {
		t.Errorf("it is planned:\n%s", out)
	}
	mentions(t, out, "Host Not Reachable", "looking at the host that is to be adopted", "adopt")
	s.untouched(since, "install", "upgrade", "uninstall")
}

// What is worse at apply than the plan said is an error, and nothing is changed.
func TestNodePoolAdoptsNothingWorse(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	since := s.byHand(1)
	s.configure(otherSite, pool("a", s.hosts(0, 1), adoptAll(1)))
	// The cluster is asked for by the plan, by the one that apply makes anew, when apply begins, and right before the change.
	s.fleet.Stray(simhosts.Address(0), 3, "two")
	out, err := s.tf.Try("apply", "-no-color", "-auto-approve")
	if err == nil {
		t.Errorf("it was changed:\n%s", out)
	}
	mentions(t, out, "1 of 1 Host Failed", "Host Not Adopted", "of the cluster with the id two")
	s.untouched(since, "install", "upgrade", "uninstall")
	s.fleet.Belong(simhosts.Address(0), "one", "127.0.9.1")
	s.tf.Run("state", "rm", "dcos_node_pool.a")
	s.tf.Plan()
	s.fleet.Damage(simhosts.Address(0))
	out, err = s.tf.Try("apply", "-no-color", "plan.bin")
	if err == nil {
		t.Errorf("it was changed:\n%s", out)
	}
	mentions(t, out, "Host Not Adopted", "unfinished or broken")
	s.untouched(since, "install", "upgrade", "uninstall")
}

// An adoption that fails in the middle goes on as a change: nothing is uninstalled.
func TestNodePoolAdoptionGoesOn(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{Failures: 1})
	n := 0
	for s.fleet.Fails(simhosts.Address(n)) != simhosts.FailInstall {
		n++
	}
	address := simhosts.Address(n)
	s.fleet.Mend()
	hosts := fmt.Sprintf("{ h = { address = %q } }", address)
	s.configure("", pool("a", hosts, ""))
	s.tf.Apply()
	s.tf.Run("state", "rm", "dcos_node_pool.a")
	s.fleet.Unclaim(address)
	s.fleet.Belong(address, "one", "127.0.9.1")
	_, since := s.worked("install", 0)
	s.fleet.Break()
	s.configure(otherSite, pool("a", hosts, `adopt = ["h"]`))
	out, err := s.tf.Try("apply", "-no-color", "-auto-approve")
	if err == nil {
		t.Errorf("it did not fail:\n%s", out)
	}
	if got, _ := s.worked("upgrade", since); len(got) == 0 {
		t.Errorf("nothing was begun:\n%s", out)
	}
	s.fleet.Mend()
	s.tf.Apply()
	s.tf.NoChanges()
	s.untouched(since, "install", "uninstall")
	s.tf.Destroy()
}
