// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// Hosts that are not alike, and hosts that are not the pool's: what the messages say to
// do, works.
func TestNodePoolImportsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	public := strings.Replace(pool("b", s.hosts(2, 3), ""), `"agent"`, `"public_agent"`, 1)
	s.configure("", pool("a", s.hosts(0, 2), "")+public)
	s.tf.Apply()
	_, since := s.worked("install", 0)
	s.tf.Run("state", "rm", "dcos_node_pool.a")
	s.configure("", pool("a", s.hosts(0, 3), "")+public)
	both := simhosts.Address(0) + "," + simhosts.Address(2)
	out, err := s.tf.Try("import", "-no-color", "dcos_node_pool.a", both)
	if err == nil {
		t.Errorf("%s was imported:\n%s", both, out)
	}
	mentions(t, out, "Hosts Not Of One Pool", "Import each kind into a pool of its own")

	// Another configuration than the pool's is foreign to it.
	const other = `gc_delay = "3days"`
	s.configure(other, pool("c", s.hosts(0, 1), "")+public)
	out, err = s.tf.Try("apply", "-no-color", "-auto-approve", "-target=dcos_node_pool.c")
	if err == nil {
		t.Errorf("it was taken:\n%s", out)
	}
	mentions(t, out, "DC/OS Is Already On The Host", "terraform import ADDRESS_OF_THE_POOL "+simhosts.Address(0)+",OTHERS")
	s.tf.Run("state", "rm", "dcos_node_pool.c")
	s.tf.Run("import", "-no-color", "dcos_node_pool.c", "h0="+simhosts.Address(0))
	mentions(t, s.tf.Apply("-target=dcos_node_pool.c"), "1 of 1 Host To Do", "differs from the bundle")

	// The host of a pool that was imported goes over to one that is in the state.
	s.configure(other, pool("c", s.hosts(0, 1), "")+pool("new", s.hosts(1, 2), "")+public)
	s.tf.Run("import", "-no-color", "dcos_node_pool.new", "h1="+simhosts.Address(1))
	s.tf.Apply()
	s.configure(other, pool("c", s.hosts(0, 2), "")+public)
	s.tf.Apply()
	for _, stage := range []string{"install", "uninstall"} {
		if got, _ := s.worked(stage, since); len(got) > 0 {
			t.Errorf("%s on %v", stage, got)
		}
	}
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Count().Installed; got != 0 {
		t.Errorf("%d installed", got)
	}
}
