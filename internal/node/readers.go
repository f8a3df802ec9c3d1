// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// pkgpanda's activate stops every service of DC/OS and starts them all again.
// Where only files of the configuration differ whose readers are known, that
// is more than it takes: the packages are swapped while services run
// (--no-systemd), and only those that read such a file are restarted. Any
// other file, package, unit or environment variable, and everything goes down
// and up again, as DC/OS's own upgrade has it.

// A reading says which units read files, when they start or later.
type reading struct {
	files string // pattern of path.Match
	units []string
}

// readings are the files of DC/OS whose readers are the same on every line
// from 1.10 to 2.2: the units, and whatever they run, that name the file in
// packages/ of dcos/dcos. A file that is not here may have any reader.
func readings() []reading {
	masters := []string{"dcos-mesos-master.service"}
	agents := []string{"dcos-mesos-slave.service", "dcos-mesos-slave-public.service"}
	router := []string{"dcos-adminrouter.service", "dcos-adminrouter-agent.service"}
	return []reading{
		// These say what was given. What looks into them (dcos_etcdctl.py,
		// cockroachdb-change-config.py, a download of diagnostics) does so when
		// it runs, and for what no running cluster changes.
		{"etc/user.config.yaml", nil},
		{"etc/user.config.full.yaml", nil},
		{"etc/expanded.config.json", nil},
		{"etc/expanded.config.full.json", nil},

		{"etc/mesos-master", masters},
		{"etc/mesos-master-provider", masters},
		{"etc/mesos-master-modules/*.json", masters},

		{"etc/mesos-slave", agents},
		{"etc/mesos-slave-common", agents},
		{"etc/mesos-slave-public", agents},
		{"etc/mesos-slave-modules/*.json", agents},
		{"etc/mesos-slave-dns.json", agents},
		{"etc/mesos-slave-image-gc-config.json", agents},
		{"etc/mesos-executor-environment.json", agents},
		{"etc/docker_credentials", agents},

		{"etc/marathon", []string{"dcos-marathon.service"}},
		{"etc/metronome", []string{"dcos-metronome.service"}},
		{"etc/adminrouter.env", router},
		{"etc/adminrouter-*.conf", router},
		{"etc/rexray.conf", []string{"dcos-rexray.service"}},
		// It is served by dcos-oauth up to 1.12, by bouncer since, through
		// Admin Router.
		{"etc/ui-config.json", []string{"dcos-adminrouter.service", "dcos-bouncer.service", "dcos-oauth.service"}},

		// Timers run what reads these.
		{"etc/logrotate_master.config", nil},
		{"etc/logrotate_agent.config", nil},
		{"etc/docker_gc_enabled", nil},

		// Setup files.
		{"/etc/rexray/config.yml", []string{"dcos-rexray.service"}},
		{"/etc/mesosphere/docker_credentials", agents},
	}
}

// runsOn says whether nodes of the role have one of the units above.
func runsOn(unit string, role Role) bool {
	switch unit {
	case "dcos-mesos-slave.service":
		return role == Agent
	case "dcos-mesos-slave-public.service":
		return role == PublicAgent
	case "dcos-adminrouter-agent.service", "dcos-rexray.service":
		return role != Master
	}
	return role == Master
}

// readersOf gives the units that have to be restarted when files of a node
// differ, named as "PACKAGE/PATH" or, outside of packages, by their absolute
// path. all says that nothing less than everything will do.
func readersOf(files []string, role Role) (units []string, all bool) {
	known := readings()
	for _, file := range files {
		name := file
		if !path.IsAbs(file) {
			_, name, _ = strings.Cut(file, "/")
			if dir, rest, _ := strings.Cut(name, "/"); strings.HasPrefix(dir, "etc_") {
				if dir != "etc_"+role.OnDisk() {
					continue // another role's
				}
				name = "etc/" + rest
			}
		}
		i := slices.IndexFunc(known, func(r reading) bool {
			ok, err := path.Match(r.files, name)
			return ok && err == nil
		})
		if i < 0 {
			return nil, true
		}
		for _, u := range known[i].units {
			if runsOn(u, role) {
				units = append(units, u)
			}
		}
	}
	slices.Sort(units)
	return slices.Compact(units), false
}

// Restarts says which units going from one bundle to another restarts on a
// node of the role; all says that it is all of DC/OS's.
func Restarts(from, to *bundle.Bundle, role Role) (units []string, all bool) {
	if len(onlyConfig(from.PackageIDs, to)) == 0 && !slices.Equal(from.PackageIDs, to.PackageIDs) {
		return nil, true
	}
	return readersOf(Changes(from, to), role)
}

// Changes gives the files of the configuration that are not the same in two
// bundles, named as readersOf has them.
func Changes(from, to *bundle.Bundle) []string {
	files := func(b *bundle.Bundle) map[string]string {
		all := map[string]string{}
		for _, p := range b.ConfigPackages {
			for _, f := range p.Files {
				all[p.Name+f.Path] = f.Mode.String() + string(f.Content)
			}
		}
		return all
	}
	return different(files(from), files(to))
}

// Brought leaves those units that a bundle's packages bring. The readers of a
// file are named for all lines together, and a line has one of two: what is not in
// its packages is on none of its nodes.
func Brought(units []string, b *bundle.Bundle) []string {
	names := map[string]bool{}
	for _, id := range b.PackageIDs {
		names[packageName(id)] = true
	}
	return slices.DeleteFunc(slices.Clone(units), func(unit string) bool { return !names[packageOf(unit)] })
}

// Seen gives those units that the warnings of a plan may name and that systemd has
// on a node of the role, sorted.
func (s *State) Seen(role Role) []string {
	var named []string
	for _, r := range readings() {
		named = append(named, r.units...)
	}
	var seen []string
	for _, u := range s.Units {
		if slices.Contains(named, u.Name) && runsOn(u.Name, role) {
			seen = append(seen, u.Name)
		}
	}
	slices.Sort(seen)
	return slices.Compact(seen)
}

// packageOf gives the package that one of the units above comes from.
func packageOf(unit string) string {
	name := strings.TrimSuffix(unit, ".service")
	switch {
	case name == "dcos-oauth":
		return name
	case strings.HasPrefix(name, "dcos-mesos-"):
		return "mesos"
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, "dcos-"), "-agent")
}

// different gives the keys whose values are not the same in both.
func different(a, b map[string]string) []string {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(both)), func(key string) bool {
		was, before := a[key]
		is, after := b[key]
		return before == after && was == is
	})
}

// onlyConfig gives the packages of the bundle that are not active, if they are
// all of its configuration and each replaces one of the same name; else nil.
func onlyConfig(active []string, b *bundle.Bundle) []string {
	var configs, ids []string
	for _, p := range b.ConfigPackages {
		configs = append(configs, p.Name)
	}
	was := map[string]string{}
	for _, id := range active {
		was[packageName(id)] = id
	}
	if len(active) != len(b.PackageIDs) {
		return nil
	}
	for _, id := range b.PackageIDs {
		before, there := was[packageName(id)]
		switch {
		case before == id:
		case there && slices.Contains(configs, packageName(id)):
			ids = append(ids, id)
		default:
			return nil
		}
	}
	return ids
}
