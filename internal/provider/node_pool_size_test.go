// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// A pool whose state might not arrive is refused before anything is done. Real
// fleets come there by their number; here few hosts have names of a mebibyte.
func TestNodePoolTooLarge(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	named := func(n int) string {
		return fmt.Sprintf(`{ for i in range(%d) : "${i}-${local.mebibyte}" => { address = "127.1.0.${i + 1}" } }`, n)
	}
	long := fmt.Sprintf("locals {\n  mebibyte = join(\"\", [for i in range(1024) : %q])\n}\n", strings.Repeat("x", 1024))
	s.configure("", long+pool("a", named(32), ""))
	out, err := s.tf.Try("plan", "-no-color")
	if err == nil {
		t.Fatalf("it is planned:\n%.2000s", out)
	}
	mentions(t, out, "Pool Too Large", "A pool of these 32 hosts needs messages of about 224 MiB", "256 MiB at most",
		"Make several pools of it", "hosts =")
	s.configure("", long+pool("a", named(8), ""))
	if out, err := s.tf.Try("plan", "-no-color"); err != nil {
		t.Errorf("a smaller one: %v\n%.2000s", err, out)
	}
}

// What is estimated covers what is sent: a pool of usual hosts, all done, and one
// whose hosts have all failed.
func TestNodePoolSizeEstimate(t *testing.T) {
	t.Parallel()
	const n = 1000
	key := "ecdsa-sha2-nistp256 " + strings.Repeat("A", 140)
	for name, record := range map[string]poolRecord{
		"done": {Status: poolDone, MachineID: strings.Repeat("a", 32), HostKey: key, BundleID: strings.Repeat("b", 64),
			DCOSVersion: "2.2.1", DetectedIP: "10.100.100.100"},
		"failed": {Status: poolFailed, MachineID: strings.Repeat("a", 32), HostKey: key, Error: strings.Repeat("e", 200)},
	} {
		planned, sent := make([]*poolHost, n), make([]*poolHost, n)
		given := make([]packed.Element, n)
		for i := range n {
			raw, err := packed.FromJSON(fmt.Appendf(nil, `{"address":"10.100.%d.%d"}`, i/250, i%250))
			if err != nil {
				t.Fatal(err)
			}
			planned[i] = &poolHost{name: fmt.Sprintf("host-%d", i), raw: raw, ssh: types.ObjectNull(nodeSSHType.AttrTypes)}
			sent[i] = &poolHost{name: planned[i].name, raw: raw, ssh: planned[i].ssh, poolRecord: record}
			given[i] = packed.Element{Name: planned[i].name, Value: raw}
		}
		var m nodePoolModel
		m.set(sent, strings.Repeat("b", 64))
		config := len(packMap(given).ValueString())
		state := config + len(m.Nodes.ValueString()) + len(m.Pending.ValueString())
		estimate, actual := poolSize(planned), config+2*state
		if estimate < actual || estimate > 5*actual/2 {
			t.Errorf("%s: %d bytes are estimated, and are %d", name, estimate, actual)
		}
	}
}
