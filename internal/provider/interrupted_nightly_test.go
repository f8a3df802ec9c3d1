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

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// TestAccInterruptedTwice does what TestInterruptedTwice does to an agent's installation on a real host.
func TestAccInterruptedTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 1, 0)
	s.tf.Apply("-target=dcos_node.master")
	cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	agent := s.agents[0]
	awaitFor(t, 2*time.Minute, "the installation does not begin", func() error {
		begun := func(e runlog.Event) bool {
			return e.Host == agent.Address && e.Stage == "install" && e.Event == runlog.Progress
		}
		if !slices.ContainsFunc(s.events(), begun) {
			return fmt.Errorf("%d events", len(s.events()))
		}
		return nil
	})
	interruptTwice(t, cmd)
	if !strings.Contains(out.String(), "Two interrupts received") {
		t.Fatalf("Terraform ended otherwise:\n%s", out)
	}
	if o := inStateFile(t, s.tf)["dcos_node.agent"]; o.Status != "tainted" || o.Attributes["id"] == nil || o.Private == "" {
		t.Errorf("the agent is not in state as one whose installation began: %+v", o)
	}
	s.tf.Apply()
	s.tf.NoChanges()
	s.tf.Destroy()
	s.clean(s.nodes()...)
}
