// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// Limits hold over all resources together, and are fair: two pools and some
// nodes take turns in the order in which they come, so that nodes do not wait
// for a pool's end, nor one pool for the other's.
func TestLimitsAreShared(t *testing.T) {
	t.Parallel()
	const limit, hosts, nodes = 3, 60, 3
	s := newSimSite(t, simhosts.Options{Delay: 5 * time.Millisecond})
	var node strings.Builder
	node.WriteString("{\n")
	for i := 2 * hosts; i < 2*hosts+nodes; i++ {
		fmt.Fprintf(&node, "    n%d = %q\n", i, simhosts.Address(i))
	}
	s.configure("", pool("a", s.hosts(0, hosts), "")+pool("b", s.hosts(hosts, 2*hosts), "")+fmt.Sprintf(`
resource "dcos_node" "n" {
  for_each = %s  }
  address = each.value
  role    = "agent"
  bundle  = dcos_cluster_config.test.bundle
}
`, node.String()))
	main := filepath.Join(s.tf.Path, "main.tf")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	limited := strings.Replace(string(text), `run_log = "run.jsonl"`,
		fmt.Sprintf("run_log = \"run.jsonl\"\n  limits = { connections = %d }", limit), 1)
	s.tf.Write("main.tf", limited)
	s.tf.Apply("-parallelism=10")

	// A host may take a moment to see that a connection has ended.
	if most := s.fleet.Count().Most; most > 2*limit {
		t.Errorf("%d connections at once, with a limit of %d", most, limit)
	}
	done := map[string]int{} // when the last host of each was done, counted in hosts
	all := 0
	f, err := os.Open(filepath.Join(s.tf.Path, "run.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	of := map[string]string{}
	for i := range 2*hosts + nodes {
		of[simhosts.Address(i)] = []string{"a", "b", "nodes"}[i/hosts]
	}
	half := map[string]int{}
	for e, err := range runlog.Read(f) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Stage != "postflight" || e.Event != runlog.Finished {
			continue
		}
		all++
		who := of[e.Host]
		done[who] = all
		half[who]++
	}
	if half["a"] != hosts || half["b"] != hosts || half["nodes"] != nodes {
		t.Fatalf("done: %v", half)
	}
	t.Logf("of %d hosts in the order they were done, the last ones of each resource were: %v", all, done)
	if done["nodes"] > all/2 {
		t.Errorf("the nodes waited until %d of %d hosts were done", done["nodes"], all)
	}
	if first := min(done["a"], done["b"]); first < all*3/4 {
		t.Errorf("one pool was through when %d of %d hosts were done", first, all)
	}
}
