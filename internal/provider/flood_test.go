// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package provider

import (
	"strings"
	"syscall"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A host that sends without end fails alone, and takes no memory to speak of.
func TestFlood(t *testing.T) {
	t.Parallel()
	const n = 5
	s := newSimSite(t, simhosts.Options{Flood: simhosts.Address(2)})
	s.configure("", pool("a", s.hosts(0, n), `max_failures = "100%"`))
	cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err == nil {
		t.Fatalf("apply succeeded:\n%s", out.String())
	}
	mentions(t, out.String(), "1 of 5 Hosts Failed", "Host Sends Without End", simhosts.Address(2),
		"more than 8 MiB came of the result of script", "Look at what the host sends without end")
	if got := s.fleet.Count().Installed; got != n-1 {
		t.Errorf("%d of %d others were installed", got, n-1)
	}
	// The most that Terraform or a child of its had, in KiB (getrusage(2)).
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatalf("%T", cmd.ProcessState.SysUsage())
	}
	if usage.Maxrss > 600<<10 {
		t.Errorf("%d MiB of memory", usage.Maxrss>>10)
	}
	s.fleet.Mend()
	s.tf.Apply()
	s.tf.NoChanges()
}

// Of what a host may say in a finding there is an end too: the findings of all hosts
// are one answer.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	var m preflightModel
	diags := m.take(map[string][]node.Finding{"a": {{Name: "ports", Severity: node.SeverityError, Found: long, Needed: "y", Hint: long}}})
	if diags.HasError() || m.Passed.ValueBool() {
		t.Fatalf("%v, %v", m.Passed, diags)
	}
	if n := len(m.Findings.String()) + len(m.Problems.String()); n > 5*maxFinding || n < 2*maxFinding {
		t.Errorf("%d bytes are in the state", n)
	}
}
