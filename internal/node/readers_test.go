// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

func TestReaders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files []string
		role  Role
		want  []string
		all   bool
	}{
		{nil, Master, nil, false},
		{[]string{"dcos-config/etc/expanded.config.json", "dcos-metadata/etc/user.config.yaml"}, Master, nil, false},
		{[]string{"dcos-config/etc/mesos-slave-common"}, Master, nil, false},
		{[]string{"dcos-config/etc/mesos-slave-common"}, PublicAgent, []string{"dcos-mesos-slave-public.service"}, false},
		{[]string{"dcos-config/etc/mesos-slave", "dcos-config/etc/mesos-slave-modules/dummy.json"}, Agent,
			[]string{"dcos-mesos-slave.service"}, false},
		{[]string{"dcos-config/etc_master/marathon"}, Master, []string{"dcos-marathon.service"}, false},
		{[]string{"dcos-config/etc_master/marathon"}, Agent, nil, false},
		{[]string{"dcos-config/etc_slave/dcos-net.config.d/slave.config"}, Master, nil, false},
		{[]string{"dcos-config/etc_slave/dcos-net.config.d/slave.config"}, Agent, nil, true},
		{[]string{"dcos-config/etc/adminrouter-tls-agent.conf"}, Agent, []string{"dcos-adminrouter-agent.service"}, false},
		{[]string{"/etc/rexray/config.yml"}, Agent, []string{"dcos-rexray.service"}, false},
		// Anybody may read these.
		{[]string{"dcos-config/etc/proxy.env"}, Agent, nil, true},
		{[]string{"dcos-config/bin/detect_ip"}, Agent, nil, true},
		{[]string{"dcos-config/pkginfo.json"}, Agent, nil, true},
		{[]string{"dcos-config/etc/mesos-master", "dcos-config/etc/mesos-masters"}, Master, nil, true},
		{[]string{"/etc/mesosphere/setup-flags/repository-url"}, Agent, nil, true},
	} {
		units, all := readersOf(c.files, c.role)
		if !slices.Equal(units, c.want) || all != c.all {
			t.Errorf("%q on a %s: %q, all: %v", c.files, c.role, units, all)
		}
	}
}

func TestRestarts(t *testing.T) {
	t.Parallel()
	made := func(id, mesos string, packages ...string) *bundle.Bundle {
		return &bundle.Bundle{PackageIDs: append([]string{"dcos-config--" + id}, packages...), ConfigPackages: []bundle.Package{
			{Name: "dcos-config", ID: "dcos-config--" + id, Files: []bundle.File{{Path: "/etc/mesos-master", Content: []byte(mesos)}}}}}
	}
	was := made("1", "a", "mesos--1")
	for name, c := range map[string]struct {
		to   *bundle.Bundle
		want []string
		all  bool
	}{
		"nothing":           {was, nil, false},
		"a file":            {made("2", "b", "mesos--1"), []string{"dcos-mesos-master.service"}, false},
		"only the id":       {made("2", "a", "mesos--1"), nil, false},
		"another package":   {made("2", "b", "mesos--2"), nil, true},
		"a package more":    {made("2", "b", "mesos--1", "new--1"), nil, true},
		"a package less":    {made("2", "b"), nil, true},
		"package, same ids": {made("1", "a", "mesos--2"), nil, true},
	} {
		if units, all := Restarts(was, c.to, Master); !slices.Equal(units, c.want) || all != c.all {
			t.Errorf("%s: %q, all: %v", name, units, all)
		}
	}
}

// TestBrought leaves the units that a release has: one line has dcos-oauth, another
// bouncer, and the sample neither.
func TestBrought(t *testing.T) {
	t.Parallel()
	units := []string{
		"dcos-adminrouter-agent.service", "dcos-adminrouter.service", "dcos-bouncer.service", "dcos-mesos-master.service",
		"dcos-mesos-slave-public.service", "dcos-oauth.service",
	}
	for packages, want := range map[string]string{
		"adminrouter--1 dcos-oauth--1 mesos--1": "dcos-adminrouter-agent.service dcos-adminrouter.service dcos-mesos-master.service " +
			"dcos-mesos-slave-public.service dcos-oauth.service",
		"adminrouter--2 bouncer--2": "dcos-adminrouter-agent.service dcos-adminrouter.service dcos-bouncer.service",
		"marathon--1":               "",
	} {
		if got := strings.Join(Brought(units, &bundle.Bundle{PackageIDs: strings.Fields(packages)}), " "); got != want {
			t.Errorf("%s: %s, want %s", packages, got, want)
		}
	}
	for _, r := range readings() {
		for _, unit := range r.units {
			if !strings.HasPrefix(unit, "dcos-") || packageOf(unit) == "" {
				t.Errorf("%s comes from the package %q", unit, packageOf(unit))
			}
		}
	}
}

// TestSeen holds that of a node's units those are kept that a plan's warnings may name.
func TestSeen(t *testing.T) {
	t.Parallel()
	s := &State{Units: []UnitState{{Name: "dcos-oauth.service"}, {Name: "dcos-adminrouter.service"}, {Name: "dcos-mesos-slave.service"},
		{Name: "dcos-telegraf.service"}, {Name: "dcos-adminrouter.service"}}}
	if got := s.Seen(Master); !slices.Equal(got, []string{"dcos-adminrouter.service", "dcos-oauth.service"}) {
		t.Errorf("on a master: %q", got)
	}
	if got := s.Seen(Agent); !slices.Equal(got, []string{"dcos-mesos-slave.service"}) {
		t.Errorf("on an agent: %q", got)
	}
}
