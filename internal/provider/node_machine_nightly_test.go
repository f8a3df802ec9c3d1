// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestAccMachines has other machines, and other words for the same ones, behind a node
// and behind a pool's host. A machine with new keys is refused as long as nobody names
// them, and what was accepted before still counts when it has the old ones back.
func TestAccMachines(t *testing.T) {
	t.Parallel()
	s := newPoolSite(t, 2)
	const node, pooled = 0, 1
	word := map[int]string{node: "one", pooled: "one"}
	write := func() {
		t.Helper()
		s.tf.Write("agents.tf", fmt.Sprintf(`
resource "dcos_node" "worker" {
  address    = %q
  role       = "agent"
  machine    = %q
  bundle     = dcos_cluster_config.test.bundle
  depends_on = [dcos_node.master]
}

resource "dcos_node_pool" "workers" {
  role       = "agent"
  bundle     = dcos_cluster_config.test.bundle
  depends_on = [dcos_node.master]
  hosts      = { h1 = { address = %q, machine = %q } }
}
`, s.hosts[node].Address, word[node], s.hosts[pooled].Address, word[pooled]))
	}
	shell := func(h *lab.Host, script string) {
		t.Helper()
		if out, err := h.Shell(t.Context(), script); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	s.step("create", func(*testing.T) {
		write()
		s.tf.Apply()
		s.serving(node, pooled)
		s.tf.NoChanges()
	})
	untouched := func(seen int) {
		t.Helper()
		for _, stage := range []string{"install", "upgrade", "uninstall"} {
			if got := s.begun(stage, seen); len(got) > 0 {
				t.Errorf("%s was begun on %v", stage, got)
			}
		}
		s.tf.NoChanges()
	}
	s.step("lost from the state, and imported", func(*testing.T) {
		seen := len(s.events())
		s.tf.Run("state", "rm", "dcos_node.worker", "dcos_node_pool.workers")
		s.tf.Run("import", "-no-color", "dcos_node.worker", s.hosts[node].Address)
		s.tf.Run("import", "-no-color", "dcos_node_pool.workers", "h1="+s.hosts[pooled].Address)
		s.tf.Apply() // machine has its first value
		untouched(seen)
	})
	s.step("other words for the same machines", func(*testing.T) {
		word[node], word[pooled] = "uno", "uno"
		write()
		seen := len(s.events())
		s.tf.Apply()
		untouched(seen)
	})
	s.step("new keys on the same machines", func(t *testing.T) {
		word[node], word[pooled] = "two", "two"
		write()
		for _, h := range s.hosts {
			shell(h, "mkdir /root/keys && mv /etc/ssh/ssh_host_* /root/keys && ssh-keygen -A >&2 && systemctl reload-or-restart ssh >&2")
		}
		for _, target := range []string{"dcos_node.worker", "dcos_node_pool.workers"} {
			out, err := s.tf.Try("apply", "-auto-approve", "-no-color", "-target="+target)
			if err == nil {
				t.Errorf("%s was taken:\n%s", target, out)
			}
			mentions(t, out, "Host Key Refused", "Machine Is The Same")
		}
		for _, h := range s.hosts {
			shell(h, "rm /etc/ssh/ssh_host_* && mv /root/keys/* /etc/ssh && rmdir /root/keys && systemctl reload-or-restart ssh >&2")
		}
		// What was accepted before is what is wanted still: these values are taken over.
		s.tf.Apply()
		s.serving(node, pooled)
		s.tf.NoChanges()
	})
	s.step("other machines", func(t *testing.T) {
		word[node], word[pooled] = "three", "three"
		write()
		for i, old := range s.hosts {
			if err := old.Destroy(t.Context()); err != nil {
				t.Fatal(err)
			}
			h, err := s.lab.Create(t.Context(), old.Name, lab.WithAddress(old.Address))
			if err != nil {
				t.Fatal(err)
			}
			s.hosts[i] = h
			if s.before[h.Name], err = h.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		mentions(t, s.tf.Apply(), "Host Key Refused", "Machine Replaced", "another value of machine: installed anew if")
		s.serving(node, pooled)
		s.tf.NoChanges()
	})
	s.step("destroy", func(*testing.T) { s.destroyed() })
}
