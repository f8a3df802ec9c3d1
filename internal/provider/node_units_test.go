// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// TestUnitsThatAreThere holds that a plan names units that the last refresh saw, and
// those of the release, saying so, where none has seen any.
func TestUnitsThatAreThere(t *testing.T) {
	t.Parallel()
	const router, bouncer = "dcos-adminrouter.service", "dcos-bouncer.service"
	readers := []string{router, bouncer}
	const unseen = "No refresh has seen the units"
	for _, c := range []struct {
		on   []string // units of the host at the last refresh
		want []string
		says bool // that they are the release's
	}{
		{nil, readers, true},
		{[]string{"dcos-telegraf.service"}, readers, true},
		{[]string{router, "dcos-marathon.service"}, []string{router}, false},
		{[]string{"dcos-marathon.service"}, nil, false},
	} {
		private := modelPrivate{}
		state := &node.State{}
		for _, u := range c.on {
			state.Units = append(state.Units, node.UnitState{Name: u})
		}
		if diags := keepUnits(t.Context(), private, state, node.Master); diags.HasError() {
			t.Fatal(diags)
		}
		units, seen, diags := there(t.Context(), private, readers)
		if diags.HasError() || !slices.Equal(units, c.want) || seen == c.says {
			t.Errorf("of %q: %q, seen: %v, %v", c.on, units, seen, diags)
		}
		warning := masterRestarts(restart{files: []string{"ui-config.json"}, units: units, unseen: !seen, masters: 3}).Detail()
		if strings.Contains(warning, unseen) != c.says {
			t.Errorf("of %q: %s", c.on, warning)
		}
	}
	private := modelPrivate{}
	agent := &node.State{Units: []node.UnitState{{Name: "dcos-mesos-slave.service"}}}
	if diags := keepUnits(t.Context(), private, agent, node.Agent); diags.HasError() || len(private) > 0 {
		t.Errorf("noted of an agent: %s", private)
	}
}
