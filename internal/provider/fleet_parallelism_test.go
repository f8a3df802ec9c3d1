// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// TestFleetParallelism creates, changes and destroys masters, agents and a pool
// with real Terraform at each -parallelism: every operation ends, in the order
// that keeps a cluster alive. Where nothing tells Terraform of an order, it
// ends too.
func TestFleetParallelism(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	for _, c := range []struct {
		parallelism int
		ordered     bool // by depends_on
	}{{1, true}, {2, true}, {3, true}, {10, true}, {100, true}, {1, false}, {2, false}} {
		t.Run(fmt.Sprintf("%d, ordered %v", c.parallelism, c.ordered), func(t *testing.T) {
			t.Parallel()
			s := newSimSite(t, simhosts.Options{Delay: 20 * time.Millisecond})
			const masters, agents, pooled = 3, 2, 5
			const all = masters + agents + pooled
			depends := ""
			if c.ordered {
				depends = "depends_on = [dcos_node.master]"
			}
			nodes := func(name, role string, from, to int, more string) string {
				return fmt.Sprintf("\nresource \"dcos_node\" %q {\n  for_each = %s\n  address = each.value.address\n  role = %q\n"+
					"  bundle = dcos_cluster_config.test.bundle\n  %s\n}\n",
					name, s.hosts(from, to), role, more)
			}
			resources := nodes("master", "master", 0, masters, "") + nodes("agent", "agent", masters, masters+agents, depends) +
				pool("a", s.hosts(masters+agents, all), "max_unavailable = 2\n"+depends)
			run := func(what, command, stage string) []span {
				t.Helper()
				seen := len(s.events())
				ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Minute, fmt.Errorf("%s hangs", what))
				defer cancel()
				out, err := s.tf.Command(ctx, command, "-auto-approve", "-no-color", fmt.Sprintf("-parallelism=%d", c.parallelism)).CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v (%v)\n%s", what, err, context.Cause(ctx), out)
				}
				list := spansOf(s.events()[seen:], stage)
				if len(list) != all {
					t.Errorf("%s: %d of %d hosts: %v", what, len(list), all, list)
				}
				return list
			}
			s.masters = masters
			s.configure("", resources)
			run("create", "apply", "install")
			s.configure(`gc_delay = "3days"`, resources)
			changed := run("update", "apply", "upgrade")
			removed := run("destroy", "destroy", "uninstall")
			if c.ordered {
				changedInOrder(t, changed)
				removedInOrder(t, removed)
			}
			if n := s.fleet.Count().Installed; n != 0 {
				t.Errorf("%d are still installed", n)
			}
		})
	}
}

// events gives what is in the run log so far.
func (s *simSite) events() (events []runlog.Event) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.tf.Path, "run.jsonl"))
	if err != nil {
		return nil // nothing was done yet
	}
	for e, err := range runlog.Read(strings.NewReader(string(text))) {
		if err != nil {
			s.t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}
