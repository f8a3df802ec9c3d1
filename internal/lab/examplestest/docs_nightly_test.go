// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package examplestest

import (
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestStartHere does the same with the first configuration of the guide.
func TestStartHere(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	master, agent := l.Host(t, "start-m1"), l.Host(t, "start-a1")
	s := &site{t: t, lab: l, prefix: "start", masters: []*lab.Host{master}, agents: []*lab.Host{agent}, before: map[string]*lab.Snapshot{}}
	s.remember()
	tf := fromDocs(t, l, "guides/getting-started.md", 1, "10.0.0.11", master.Address, "10.0.0.21", agent.Address)
	tf.Apply()
	whole(t, master.Address, 1, 1)
	tf.NoChanges()
	tf.Destroy()
	s.clean()
}
