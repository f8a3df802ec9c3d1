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

// What is estimated covers what is sent: a pool of usual hosts, all done, one
// whose hosts have all failed, also those that were there before, and one of whose
// hosts much is given.
func TestNodePoolSizeEstimate(t *testing.T) {
	t.Parallel()
	const n = 1000
	key := "ecdsa-sha2-nistp256 " + strings.Repeat("A", 140)
	done := poolRecord{Status: poolDone, MachineID: strings.Repeat("a", 32), HostKey: key, BundleID: strings.Repeat("b", 64),
		DCOSVersion: "2.2.1", DetectedIP: "10.100.100.100"}
	failed := poolRecord{Status: poolFailed, MachineID: strings.Repeat("a", 32), HostKey: key, Error: strings.Repeat("e", 200)}
	both := done
	both.Status, both.Error = failed.Status, failed.Error
	for name, c := range map[string]struct {
		record poolRecord
		more   string // what else is given of each host
	}{
		"done":                 {done, ""},
		"failed":               {failed, ""},
		"failed in an upgrade": {both, ""},
		"much is given":        {done, `,"ssh":{"host_key":"` + strings.Repeat("A", 5000) + `"}`},
	} {
		planned, sent := make([]*poolHost, n), make([]*poolHost, n)
		given := make([]packed.Element, n)
		for i := range n {
			raw, err := packed.FromJSON(fmt.Appendf(nil, `{"address":"10.100.%d.%d"%s}`, i/250, i%250, c.more))
			if err != nil {
				t.Fatal(err)
			}
			planned[i] = &poolHost{name: fmt.Sprintf("host-%d", i), raw: raw, ssh: types.ObjectNull(nodeSSHType.AttrTypes)}
			sent[i] = &poolHost{name: planned[i].name, raw: raw, ssh: planned[i].ssh, poolRecord: c.record}
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
