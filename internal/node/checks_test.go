// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestChecksOfLines holds which line and role finds fault with what, on a host
// on which all is well otherwise.
func TestChecksOfLines(t *testing.T) {
	t.Parallel()
	all := []string{"1.10", "1.11", "1.12", "1.13", "2.0", "2.1", "2.2"}
	from := func(line string) []string { return all[slices.Index(all, line):] }
	for name, c := range map[string]struct {
		role  Role
		facts []string
		lines []string // on which it is found
		want  string   // a warning with a "?"
	}{
		"well, master":          {Master, nil, nil, ""},
		"well, agent":           {Agent, nil, nil, ""},
		"no unzip":              {Agent, []string{"command=unzip "}, all, "commands"},
		"no ifconfig":           {Agent, []string{"command=ifconfig "}, []string{"1.12"}, "commands"},
		"no docker":             {Agent, []string{"command=docker "}, all, "docker"},
		"docker does not run":   {Agent, []string{"docker_code=1"}, from("1.11"), "docker"},
		"an old docker":         {Agent, []string{"docker_version=1.5.0 1.5.0"}, all, "docker-version"},
		"Docker 23, Calico":     {Agent, []string{"docker_version=23.0.1 23.0.1"}, from("2.1"), "docker-version"},
		"Docker 23, master":     {Master, []string{"docker_version=23.0.1 23.0.1"}, nil, ""},
		"cgroups 2":             {PublicAgent, []string{"cgroups=cgroup2fs"}, all, "cgroups?"},
		"cgroups 2, master":     {Master, []string{"cgroups=cgroup2fs"}, nil, ""},
		"docker on a loop":      {Agent, []string{"docker_info=Storage Driver: devicemapper\n Data file: /dev/loop0"}, all, "docker-storage"},
		"no nogroup":            {Master, []string{"group=nogroup no"}, []string{"1.10"}, "groups"},
		"no raid":               {Agent, []string{"module=dm_raid no"}, from("1.13"), "kernel-modules?"},
		"SELinux":               {Agent, []string{"selinux=Enforcing", "selinux_policy=mls"}, all, "selinux"},
		"SELinux, targeted":     {Agent, []string{"selinux=Enforcing", "selinux_policy=targeted"}, []string{"1.10", "1.11"}, "selinux"},
		"old systemd":           {Agent, []string{"systemd_version=199"}, all, "systemd"},
		"an old XFS":            {Agent, []string{"xfs_ftype=/var/lib/mesos/slave 0"}, all, "xfs-ftype"},
		"an old XFS, master":    {Master, []string{"xfs_ftype=/var/lib/mesos/slave 0"}, nil, ""},
		"a master's port":       {Master, []string{"ports=0016 13BA"}, all, "ports"},
		"not an agent's port":   {Agent, []string{"ports=0016 13BA"}, nil, ""},
		"an agent's port":       {Agent, []string{"ports=13BB"}, all, "ports"},
		"etcd's port":           {Master, []string{"ports=094B"}, from("2.1"), "ports"},
		"no time service":       {Agent, []string{"ntp=no"}, all, "time-sync?"},
		"nothing published":     {Agent, []string{"url=http://boot.example/bootstrap/x.tar.xz 404"}, all, "bootstrap-url"},
		"published":             {Agent, []string{"url=http://boot.example/bootstrap/x.tar.xz 200"}, nil, ""},
		"balancer without name": {Agent, []string{"resolve=lb.example no"}, all, "load-balancer"},
		"balancer is silent":    {Agent, []string{"tcp=lb.example 8181 no"}, all, "load-balancer?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, line := range all {
				want := []string{}
				if slices.Contains(c.lines, line) {
					want = append(want, c.want)
				}
				if got := judged(t, line, c.role, c.facts); !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", line, got, want)
				}
			}
		})
	}
}

// judged gives the names of what is found on a host with facts, of which the
// last of a kind counts.
func judged(t *testing.T, line string, role Role, facts []string) []string {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	lines := []string{
		"pid1=systemd", "systemd_version=252", "ip_detect_code=0", "ip_detect=10.0.0.1", "resolve=h1 yes", "resolve=lb.example yes",
		"tcp=lb.example 8181 yes", "ports=0016", "selinux=Disabled", "ntp=yes", "docker_code=0", "docker_version=20.10.1 20.10.1",
		"docker_info=Storage Driver: overlay2", "group=nogroup yes", "module=raid1 yes", "module=dm_raid yes",
		"xfs=/var/lib/mesos/slave /dev/vda xfs 1000000 /", "xfs_ftype=/var/lib/mesos/slave 1",
	}
	for _, c := range []string{"docker", "curl", "bash", "ping", "tar", "xz", "unzip", "ipset", "systemd-notify", "ifconfig", "systemctl"} {
		lines = append(lines, "command="+c+" /usr/bin/"+c)
	}
	f := &frame{}
	for _, l := range append(lines, facts...) {
		key, value, _ := strings.Cut(l, "=")
		f.lines = append(f.lines, frameLine{key, value})
	}
	h := &hostFacts{
		State: State{MachineID: "m1", Hostname: "h1", Addresses: []string{"10.0.0.1"}, Installed: None, Clock: now},
		f:     f, before: now, after: now.Add(time.Second),
	}
	b := testBundle()
	b.Line = line
	b.Arguments = map[string]string{"master_discovery": "master_http_loadbalancer", "exhibitor_address": "lb.example",
		"exhibitor_port": "8181",
		"check_time":     "true", "bootstrap_url": "http://boot.example"}
	if line >= "2.1" {
		b.Arguments["calico_enabled"] = "true"
	}
	got := []string{}
	for _, found := range h.judge(&Options{Role: role, Bundle: b, Address: "10.0.0.1"}, false) {
		if found.Severity == SeverityWarning {
			found.Name += "?"
		}
		got = append(got, found.Name)
	}
	return got
}

// TestHealth judges a node before it is changed: one that is not well is not
// upgraded, but may be mended.
func TestHealth(t *testing.T) {
	t.Parallel()
	const bad = `{"status":2,"checks":{"b":{"status":2,"output":"no\n"}}}`
	for name, c := range map[string]struct {
		checks, version string
		want            Severity
	}{
		"well":                      {`{"status":0,"checks":{}}`, "9.9.9", ""},
		"not well, another version": {bad, "9.9.9", SeverityError},
		"not well, same version":    {bad, testBundle().Version, SeverityWarning},
	} {
		f := &frame{}
		f.lines = append(f.lines, frameLine{"resolve", "h1 yes"}, frameLine{"health_node-poststart", c.checks})
		h := &hostFacts{State: State{Hostname: "h1", Installed: Complete, Version: c.version, Clock: time.Unix(1, 0)}, f: f,
			before: time.Unix(1, 0), after: time.Unix(2, 0)}
		var got Severity
		for _, found := range h.judge(&Options{Role: Agent, Bundle: testBundle(), Address: "10.0.0.1"}, true) {
			if found.Name == "health" {
				got = found.Severity
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
