// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

// TestAccFleetUpgrade upgrades three masters and six agents under clients that
// read and write through the load balancer all the time; and once more with a
// master that breaks half-way.
func TestAccFleetUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 3, 6, 0)
	ten := "-parallelism=10"
	s.step("install", func(*testing.T) {
		s.configure(siteOptions{version: samplerelease.V21})
		s.tf.Apply(ten)
		s.whole()
	})
	watched := lab.WatchMasters(t, 1, s.masters...)
	s.step("upgrade", func(*testing.T) {
		s.configure(siteOptions{})
		seen := len(s.events())
		s.underUse(func() { s.tf.Apply(ten) })
		s.inOrder(seen)
		s.whole()
		s.tf.NoChanges()
	})
	s.step("a master breaks half-way", func(t *testing.T) {
		s.configure(siteOptions{parameters: `gc_delay = "3days"`,
			ssh: fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"20s\"", lab.UserNoPassword, s.lab.KeyFile())})
		seen := len(s.events())
		var out strings.Builder
		cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color", ten)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The second one to be changed is struck as it is.
		var broken *lab.Host
		awaitFor(t, 10*time.Minute, "no second master is being changed", func() error {
			list := s.spans("upgrade", seen)
			if len(list) < 2 {
				return fmt.Errorf("%d were begun", len(list))
			}
			broken = s.masters[slices.IndexFunc(s.masters, func(h *lab.Host) bool { return h.Address == list[1].host })]
			return nil
		})
		if err := broken.PowerCut(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("apply succeeded:\n%s", out.String())
		}
		t.Log(out.String())
		if got := s.spans("upgrade", seen); len(got) != 2 {
			t.Errorf("%d nodes were touched: %v", len(got), got)
		}
		mentions(t, out.String(), broken.Address)
		if err := broken.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := broken.WaitSSH(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.tf.Apply(ten)
		s.whole()
		s.tf.NoChanges()
	})
	watched()
	s.step("destroy", func(*testing.T) {
		s.tf.Destroy(ten)
		s.clean(s.nodes()...)
	})
}

// TestAccFleetOrder installs, changes and destroys three masters and three
// agents at very different -parallelism.
func TestAccFleetOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 3, 2, 1)
	for _, n := range []int{1, 3, 100} {
		at := fmt.Sprintf("-parallelism=%d", n)
		s.step(at, func(t *testing.T) {
			s.configure(siteOptions{})
			s.tf.Apply(at)
			s.whole()
			seen := len(s.events())
			watched := lab.WatchMasters(t, 1, s.masters...)
			s.configure(siteOptions{parameters: `gc_delay = "3days"`})
			s.tf.Apply(at)
			s.inOrder(seen)
			s.whole()
			watched()
			s.tf.NoChanges()
			seen = len(s.events())
			s.tf.Destroy(at)
			removedInOrder(t, s.spans("uninstall", seen))
			s.clean(s.nodes()...)
		})
	}
}
