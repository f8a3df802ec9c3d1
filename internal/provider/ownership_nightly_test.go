// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAccOwnershipMoves does on real hosts what else has cost nodes: they move
// between a node and a pool, are replaced with the new resource first, are written
// down twice by a slip, and become another cluster's while an old state of theirs is
// still about. Each is left as it is, or Terraform refuses and says what to do.
func TestAccOwnershipMoves(t *testing.T) {
	t.Parallel()
	s := newPoolSite(t, 2)
	all := slices.Concat(s.masters, s.hosts)
	identities := func(t *testing.T) (list []string) {
		t.Helper()
		for _, h := range all {
			out, err := h.Shell(t.Context(), "readlink -f /opt/mesosphere/active/dcos-config; stat -c %i /opt/mesosphere/active; "+
				"cat /proc/sys/kernel/random/boot_id")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			list = append(list, out)
		}
		return list
	}
	var ids []string
	uninstalls := 0
	unharmed := func(t *testing.T) {
		t.Helper()
		if now := identities(t); !slices.Equal(now, ids) {
			t.Errorf("nodes are others than they were:\n%q\n%q", ids, now)
		}
		if n := len(s.spans("uninstall", 0)); n != uninstalls {
			t.Errorf("%d hosts were uninstalled", n-uninstalls)
		}
	}
	const first = "lifecycle {\n    create_before_destroy = true\n  }"
	node := func(name string, number int) string {
		return fmt.Sprintf("resource \"dcos_node\" %q {\n  address = %q\n  role = \"agent\"\n  bundle = dcos_cluster_config.test.bundle\n"+
			"  depends_on = [dcos_node.master]\n  %s\n}\n", name, s.hosts[number].Address, first)
	}
	// nodes writes nodes and a pool of agents beside them.
	nodes := func(resources, more string, pool ...int) {
		s.tf.Write("nodes.tf", resources)
		s.pools(more, map[string][]int{"many": pool})
	}
	refused := func(t *testing.T, out string, err error, words ...string) {
		t.Helper()
		for _, want := range words {
			if err == nil || !strings.Contains(flat(out), want) {
				t.Errorf("it is not refused with %q (%v):\n%s", want, err, out)
			}
		}
		unharmed(t)
	}
	s.step("install", func(t *testing.T) {
		nodes(node("one", 0), "", 1)
		s.tf.Apply()
		s.serving(0, 1)
		ids = identities(t)
	})
	for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
		apply := []string{"apply", "-auto-approve", "-no-color", parallelism}
		s.step("node to pool, "+parallelism, func(t *testing.T) {
			nodes("", "", 0, 1)
			if out, err := s.tf.Try(apply...); err != nil {
				refused(t, out, err, "removed {", "destroy = false")
				nodes("removed {\n  from = dcos_node.one\n  lifecycle {\n    destroy = false\n  }\n}\n", "", 0, 1)
				s.tf.Apply(parallelism)
			}
			unharmed(t)
			s.tf.NoChanges()
		})
		s.step("pool to node, "+parallelism, func(t *testing.T) {
			nodes(node("one", 0), "", 1)
			out, err := s.tf.Try(apply...)
			refused(t, out, err, "Host Is Given Up In The Same Plan", `on_destroy = "abandon"`)
			nodes(node("one", 0), `on_destroy = "abandon"`, 1)
			s.tf.Apply(parallelism)
			nodes(node("one", 0), "", 1)
			s.tf.Apply(parallelism)
			unharmed(t)
			s.tf.NoChanges()
		})
		s.step("the new one first, "+parallelism, func(t *testing.T) {
			s.tf.Apply(parallelism, "-replace=dcos_node.one")
			unharmed(t)
			s.tf.NoChanges()
		})
		s.step("one host twice, "+parallelism, func(t *testing.T) {
			nodes(node("one", 0)+node("two", 0), "", 1)
			out, err := s.tf.Try(apply...)
			refused(t, out, err, "Two Resources For One Host")
			nodes(node("one", 0), "", 1)
			s.tf.NoChanges()
		})
	}
	s.serving(0, 1)
	state := filepath.Join(s.tf.Path, "terraform.tfstate")
	old, name := "", s.name
	s.step("another cluster's by now", func(t *testing.T) {
		old = readFile(t, state)
		s.destroyed()
		s.name = "other"
		s.reconfigure("")
		s.tf.Apply()
		s.serving(0, 1)
		ids, uninstalls = identities(t), len(s.spans("uninstall", 0))
		theirs := readFile(t, state)

		s.name = name
		for _, refresh := range []string{"-refresh=true", "-refresh=false"} {
			s.tf.Write("terraform.tfstate", old)
			s.reconfigure("")
			out, err := s.tf.Try("plan", "-no-color")
			if err != nil || !strings.Contains(flat(out), `"other"`) {
				t.Errorf("the plan does not say whose the nodes are (%v):\n%s", err, out)
			}
			s.reconfigure(`ui_banner_header_title = jsonencode("changed")`)
			out, err = s.tf.Try("apply", "-no-color", "-auto-approve", refresh)
			refused(t, out, err, `"other"`)
			s.reconfigure("")
			s.tf.Write("terraform.tfstate", old)
			if out := s.tf.Destroy(refresh); !strings.Contains(flat(out), `"other"`) || !strings.Contains(out, "Node Left As It Is") {
				t.Errorf("destroy %s does not say whose the nodes are:\n%s", refresh, out)
			}
			unharmed(t)
		}
		s.name = "other"
		s.reconfigure("")
		s.tf.Write("terraform.tfstate", theirs)
		s.tf.NoChanges()
	})
	s.step("destroy", func(*testing.T) { s.destroyed() })
}
