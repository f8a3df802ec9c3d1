// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

const ipDetectScript = `#!/bin/sh
ip -4 -o addr show dev host0 | awk '{ split($4, a, "/"); print a[1]; exit }'
`

// sampleRelease builds a sample release, once, and gives its path and the cache
// for what is known of it.
func sampleRelease(t *testing.T, version samplerelease.Version) (path, cache string) {
	t.Helper()
	dir, err := samplerelease.Directory()
	if err != nil {
		t.Fatal(err)
	}
	if path, err = samplerelease.Build(t.Context(), dir, version); err != nil {
		t.Fatal(err)
	}
	return path, filepath.Join(dir, "release")
}

// openRelease opens a sample release, built once and kept in the user's cache.
func openRelease(t *testing.T, version samplerelease.Version) *release.Release {
	t.Helper()
	path, cache := sampleRelease(t, version)
	rel, err := release.Open(t.Context(), path, release.Options{CacheDirectory: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rel.Close(); err != nil {
			t.Error(err)
		}
	})
	return rel
}

// staticSite is a site with fixed masters.
func staticSite(t *testing.T, name string, masters ...*lab.Host) map[string]string {
	t.Helper()
	var addresses []string
	for _, m := range masters {
		addresses = append(addresses, m.Address)
	}
	list, err := json.Marshal(addresses)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"cluster_name": name, "master_discovery": "static", "master_list": string(list),
		"exhibitor_storage_backend": "static", "resolvers": `["198.18.0.1"]`, "bootstrap_url": "file:///opt/dcos_install_tmp",
	}
}

// build renders a site; further parameters come as pairs.
func build(t *testing.T, rel *release.Release, given map[string]string, more ...string) *bundle.Bundle {
	t.Helper()
	site := config.Site{
		Given: map[string]config.Value{},
		Files: map[string]config.File{"genconf/ip-detect": {Content: []byte(ipDetectScript)}},
	}
	for k, v := range given {
		site.Given[k] = config.Value{Text: v}
	}
	for pair := range slices.Chunk(more, 2) {
		site.Given[pair[0]] = config.Value{Text: pair[1]}
	}
	b, err := bundle.Build(t.Context(), rel, site)
	if err != nil {
		t.Fatalf("%v: %v", slices.Sorted(maps.Keys(site.Given)), err)
	}
	return b
}

// installedBy says which of the bundle's files on the host are not what
// DC/OS's own installer would have written.
func installedBy(t *testing.T, h *lab.Host, b *bundle.Bundle, role string) {
	t.Helper()
	want := map[string]string{"/etc/mesosphere/roles/" + role: ""}
	for _, f := range b.SetupFiles {
		want[f.Path] = string(f.Content) + "\n"
	}
	for _, u := range b.Units {
		if u.Content != "" {
			want["/etc/systemd/system/"+u.Name] = u.Content + "\n"
		}
	}
	for path, content := range want {
		got, err := h.ReadFile(path)
		if path == "/etc/rexray/config.yml" && role != "master" {
			content = strings.TrimSuffix(content, "\n") // REX-Ray's own copy
		}
		if err != nil || string(got) != content {
			t.Errorf("%s: %s: %q, %v; want %q", h.Name, path, got, err, content)
		}
	}
	for unit, state := range map[string]string{"dcos-setup.service": "enabled", "dcos.target": "enabled"} {
		if got := shell(t, h, "systemctl is-enabled "+unit); got != state {
			t.Errorf("%s: %s is %s", h.Name, unit, got)
		}
	}
	if out := shell(t, h, "ls -A /opt/dcos_install_tmp 2>/dev/null || true"); out != "" {
		t.Errorf("%s: left in the staging directory: %s", h.Name, out)
	}
}

// mesosFlag reads a flag of the Mesos process on a host.
func mesosFlag(t *testing.T, h *lab.Host, port int, name string) string {
	t.Helper()
	out := shell(t, h, fmt.Sprintf("curl -fsS http://%s:%d/flags", h.Address, port))
	var v struct{ Flags map[string]string }
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return v.Flags[name]
}

// mainPIDs gives the main process of each of DC/OS's services that run all the
// time.
func mainPIDs(t *testing.T, h *lab.Host) map[string]string {
	t.Helper()
	pids := map[string]string{}
	for block := range strings.SplitSeq(shell(t, h, "systemctl show -p Id,MainPID,Restart 'dcos-*.service'"), "\n\n") {
		var id, pid string
		always := false
		for line := range strings.Lines(block) {
			switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
			case "Id":
				id = value
			case "MainPID":
				pid = value
			case "Restart":
				always = value != "no"
			}
		}
		if always && pid != "0" {
			pids[id] = pid
		}
	}
	return pids
}

// restarted gives the services that have another main process than before.
func restarted(before, after map[string]string) []string {
	var names []string
	for name, pid := range before {
		if after[name] != pid {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// agents gives the addresses of the agents that are registered with a master.
func agents(t *testing.T, master *lab.Host) []string {
	t.Helper()
	out := shell(t, master, fmt.Sprintf("curl -fsSL http://%s:5050/slaves", master.Address))
	var v struct {
		Slaves []struct {
			Hostname string `json:"hostname"`
			Active   bool   `json:"active"`
		} `json:"slaves"`
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var found []string
	for _, s := range v.Slaves {
		if s.Active {
			found = append(found, s.Hostname)
		}
	}
	slices.Sort(found)
	return found
}

func isThere(h *lab.Host, path string) bool {
	_, err := h.ReadFile(path)
	return err == nil
}
