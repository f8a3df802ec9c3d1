// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// Bounds of what Terraform prints of the demo's plans, with their warnings. A changed
// node is eight lines at least: its frame and its id are Terraform's own, and the demo
// has five. So a change is judged by its lines that change something, and all of them
// have a bound of their own.
const (
	maxFirstPlan   = 120
	maxChangeLines = 40
	maxChangePlan  = 85
)

// TestPlanLength plans examples/demo as it is, but for how its hosts are reached: from
// nothing, and with another word in its banner.
func TestPlanLength(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	s.tf.Env = append(s.tf.Env, "DCOS_SSH_PORT="+strconv.Itoa(s.fleet.Port()))
	files, err := filepath.Glob("../../examples/demo/*.tf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no demo: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.tf.Write(filepath.Base(file), string(text))
	}
	// What is simulated has no known_hosts.
	s.tf.Write("main_override.tf", `provider "dcos" {
  ssh = {
    user        = var.ssh_user
    private_key = file(var.ssh_private_key_file)
  }
}
`)
	s.tf.Write("terraform.tfvars", fmt.Sprintf(`
release              = %q
load_balancer        = "127.0.9.9"
masters              = { m1 = %q, m2 = %q, m3 = %q }
agents               = { a1 = %q }
public_agents        = { p1 = %q }
ssh_user             = "root"
ssh_private_key_file = %q
known_hosts_file     = %q
`, sampleRelease(t, samplerelease.V22), simhosts.Address(0), simhosts.Address(1), simhosts.Address(2), simhosts.Address(3),
		simhosts.Address(4), s.key, s.key))
	first := s.tf.Run("plan", "-no-color")
	if n := lines(first); n > maxFirstPlan {
		t.Errorf("the first plan has %d lines, %d at most:\n%s", n, maxFirstPlan, first)
	}
	s.tf.Apply()
	s.tf.NoChanges()
	plan := s.tf.Run("plan", "-no-color", "-var", "banner=another")
	changes := 0
	for line := range strings.Lines(plan) {
		if line = strings.TrimSpace(line); line != "" && strings.ContainsAny(line[:1], "~+-") {
			changes++
		}
	}
	if n := lines(plan); n > maxChangePlan || changes > maxChangeLines {
		t.Errorf("the plan of one word has %d lines, %d at most, of which %d change something, %d at most:\n%s",
			n, maxChangePlan, changes, maxChangeLines, plan)
	}
	t.Logf("first plan %d lines; of one word %d lines, %d of them changes", lines(first), lines(plan), changes)
	if n := strings.Count(plan, "Master Will Restart"); n != 1 || !strings.Contains(plan, "dcos-config/etc/ui-config.json") ||
		!strings.Contains(plan, "3 masters") || strings.Contains(flat(plan), "No refresh has seen") || strings.Contains(plan, "dcos-oauth") {
		t.Errorf("%d warnings of masters that restart, one that names the file and the masters is needed:\n%s", n, plan)
	}
	said := slices.DeleteFunc(diagnosticsOf(s.tf, "plan", "-var", "banner=another"), func(d diagnostic) bool {
		return strings.Contains(d.Summary, "development overrides")
	})
	if len(said) != 1 {
		t.Errorf("%d diagnostics, one is needed: %+v", len(said), said)
	}
	// What the plan has said, the apply of the same run does not say again.
	if out := s.tf.Apply("-var", "banner=another"); strings.Count(out, "Master Will Restart") != 1 {
		t.Errorf("masters that restart are not told once:\n%s", out)
	}
}

// lines counts the lines of an output, without Terraform's own warning of a provider
// that was built here.
func lines(output string) int {
	if _, plan, ok := strings.Cut(output, "used the selected providers"); ok {
		output = plan
	}
	return strings.Count(strings.TrimSpace(output), "\n") + 1
}
