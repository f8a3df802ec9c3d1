// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// When everything fails, the error counts the causes, names each host, and
// shows twenty in full; so does the state.
func TestNodePoolManyFailures(t *testing.T) {
	t.Parallel()
	const n = 60
	s := newSimSite(t, simhosts.Options{Failures: 1})
	s.configure("", pool("a", s.hosts(0, n), `max_failures = "100%"`))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil {
		t.Fatalf("apply succeeded:\n%s", out)
	}
	mentions(t, out, "60 of 60 Hosts Failed", "20 of 60 failed hosts shown in full; the run log has all.")
	if shown := strings.Count(flat(out), "---- "); shown != 20+1 { // and what stands after them
		t.Errorf("%d failures are shown in full:\n%s", shown-1, out)
	}
	_, grouped, _ := strings.Cut(flat(out), "60 of 60 Hosts Failed")
	grouped, _, _ = strings.Cut(grouped, "----")
	causes := regexp.MustCompile(`(\d+) hosts?: `).FindAllStringSubmatch(grouped, -1)
	mentions(t, grouped, "Inspected: looking at the disks failed", "Failed: running dcos-setup.service failed",
		"Up: waiting for the agent to register failed")
	counted := 0
	for _, c := range causes {
		k, err := strconv.Atoi(c[1])
		if err != nil {
			t.Fatal(err)
		}
		counted += k
	}
	if counted != n || len(causes) < 4 || len(causes) > 8 {
		t.Errorf("%d hosts of %d causes: %s", counted, len(causes), grouped)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bh\d+\b`).FindAllString(grouped, -1) {
		named[name] = true
	}
	if len(named) != n {
		t.Errorf("%d hosts are named: %s", len(named), grouped)
	}
	nodes, ok := s.state()["nodes"].(map[string]any)
	if !ok || len(nodes) != n {
		t.Fatalf("%d nodes in state", len(nodes))
	}
	for name, node := range nodes {
		if o, ok := node.(map[string]any); !ok || o["status"] != "failed" || o["error"] == nil {
			t.Errorf("%s: %v", name, node)
		}
	}
}

// A refresh looks at all hosts, at some, or at none.
func TestNodePoolRefresh(t *testing.T) {
	t.Parallel()
	const n = 30
	s := newSimSite(t, simhosts.Options{})
	seen := map[string]int{}
	for _, how := range []string{"all", "sample", "none"} {
		s.configure("", pool("a", s.hosts(0, n), fmt.Sprintf("refresh = %q", how)))
		s.tf.Apply()
		_, since := s.worked("connect", 0)
		s.tf.NoChanges()
		looked, _ := s.worked("connect", since)
		seen[how] = len(looked)
	}
	if seen["all"] != n || seen["sample"] != 20 || seen["none"] != 0 {
		t.Errorf("looked at: %v of %d", seen, n)
	}
}
