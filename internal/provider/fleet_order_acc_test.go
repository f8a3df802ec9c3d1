// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"testing"
)

// TestAccFleetOrder installs, changes and destroys three masters and three
// agents at very different -parallelism.
func TestAccFleetOrder(t *testing.T) {
	requireFleet(t)
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 3, 2, 1)
	for _, n := range []int{1, 3, 100} {
		at := fmt.Sprintf("-parallelism=%d", n)
		s.step(at, func(t *testing.T) {
			s.configure(siteOptions{})
			s.tf.Apply(at)
			s.whole()
			seen := len(s.events())
			s.configure(siteOptions{parameters: `gc_delay = "3days"`})
			s.tf.Apply(at)
			s.inOrder(seen)
			s.whole()
			s.tf.NoChanges()
			seen = len(s.events())
			s.tf.Destroy(at)
			removedInOrder(t, s.spans("uninstall", seen))
			s.clean(s.nodes()...)
		})
	}
}
