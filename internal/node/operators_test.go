// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// TestTwoOperators: while one works on a host, another is told who it is, and
// changes nothing.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "operators")
	b := build(t, openRelease(t, samplerelease.V22), staticSite(t, "operators", h))
	options := func(run string) node.Options {
		return node.Options{Role: node.Master, Bundle: b, Run: run, Log: testLog(t).Scope("operators", h.Name, run)}
	}
	second := newClient(t, l)
	// While the first installs, the second tries everything.
	meanwhile := func() {
		conn := dial(t, second, h)
		defer conn.Close()
		opts := options("the-second")
		opts.OnChange = func(node.State) { t.Error("the second changes the host") }
		for what, do := range map[string]func() error{
			"install":   func() error { _, err := node.Install(t.Context(), conn, opts); return err },
			"upgrade":   func() error { _, err := node.Upgrade(t.Context(), conn, opts); return err },
			"uninstall": func() error { return node.Uninstall(t.Context(), conn, opts) },
		} {
			err := do()
			var locked *remote.LockedError
			if !errors.As(err, &locked) || !strings.Contains(err.Error(), "the-first") {
				t.Errorf("%s: %v", what, err)
			}
		}
		// To look does no harm.
		if state, err := node.Inspect(t.Context(), conn); err != nil || state.Owner == nil || state.Owner.Run != "the-first" {
			t.Errorf("%+v, %v", state, err)
		}
	}
	conn := &struckConn{Conn: dial(t, newClient(t, l), h), script: "follow", hit: meanwhile}
	state, err := node.Install(t.Context(), conn, options("the-first"))
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	opts := options("the-second")
	opts.MachineID = state.MachineID
	if _, err := node.Upgrade(t.Context(), dial(t, second, h), opts); err != nil {
		t.Errorf("after the first has gone: %+v", err)
	}
}
