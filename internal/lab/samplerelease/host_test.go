// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package samplerelease

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/publish"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

const ipDetect = `#!/bin/sh
ip -4 -o addr show dev host0 | sed -n 's,.* inet \([0-9.]*\)/.*,\1,p' | head -n 1
`

// serve renders a site of a version and gives its serve directory.
func serve(t *testing.T, version Version, given map[string]string, upgradeFrom ...string) (dir string, b *bundle.Bundle) {
	t.Helper()
	rel, err := release.Open(t.Context(), get(t, version), release.Options{CacheDirectory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer rel.Close()
	site := config.Site{Given: map[string]config.Value{}, Files: map[string]config.File{"genconf/ip-detect": {Content: []byte(ipDetect)}}}
	for name, text := range given {
		site.Given[name] = config.Value{Text: text}
	}
	if b, err = bundle.Build(t.Context(), rel, site); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	content, err := publish.ContentOf(t.Context(), b, upgradeFrom...)
	if err == nil {
		err = publish.Directory(dir).Serve(t.Context(), content, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, b
}

func shell(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), script)
	if err != nil {
		journal, _ := h.Shell(context.WithoutCancel(t.Context()), "journalctl -u 'dcos*' --no-pager | tail -n 60")
		t.Fatalf("%s: %v\n%s\n%s", h.Name, err, out, journal)
	}
	return out
}

// ask reads JSON from a URL in the lab's network.
func ask(t *testing.T, url string, v any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	const limit = time.Minute
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
}

const tmp = "/opt/dcos_install_tmp"

type masterState struct {
	Hostname, Version string
	Slaves            []struct{ Hostname string }
	Flags             map[string]string
}

// One master is installed, upgraded with the power going in the middle, and
// uninstalled.
func TestOneMaster(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	const address, next = "198.18.102.1", "/opt/next"
	given := map[string]string{
		"bootstrap_url": "file://" + tmp, "cluster_name": "lab", "master_discovery": "static", "master_list": `["` + address + `"]`,
		"exhibitor_storage_backend": "static", "oauth_enabled": "false",
	}
	old, _ := serve(t, V21, given)
	given["bootstrap_url"] = "file://" + next
	fresh, b := serve(t, V22, given, string(V21))
	h := l.Host(t, "sample-one", lab.WithAddress(address), lab.WithMount(old, tmp), lab.WithMount(fresh, next))
	version := func() string {
		var v struct{ Version string }
		if err := ask(t, "http://"+address+"/dcos-metadata/dcos-version.json", &v); err != nil {
			return ""
		}
		return v.Version
	}
	mesos := func() string {
		var s masterState
		if err := ask(t, "http://"+address+":5050/state", &s); err != nil {
			return ""
		}
		return s.Version
	}

	shell(t, h, "bash "+tmp+"/dcos_install.sh master 2>&1")
	until(t, "the master serves", func() bool { return version() == "2.1.100" && mesos() == "1.10.1" })

	// A unit that takes long to stop holds the swap where it has stopped the
	// services and moved nothing.
	shell(t, h, `mkdir -p /run/systemd/system/dcos-cockroach.service.d
printf '[Service]\nExecStop=/bin/sleep 60\n' >/run/systemd/system/dcos-cockroach.service.d/slow.conf
systemctl daemon-reload
systemd-run --quiet --unit=upgrade bash `+next+"/"+b.UpgradePath(string(V21)))
	until(t, "the swap has begun", func() bool {
		out, err := h.Exec(t.Context(), "cat", "/opt/mesosphere/install_progress")
		return err == nil && strings.Contains(out, "archive")
	})
	if err := h.PowerCut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "setup has finished the swap", func() bool {
		out, err := h.Shell(t.Context(), "test ! -e /opt/mesosphere/install_progress && systemctl is-active dcos-setup || true; "+
			"cat /opt/mesosphere/etc/dcos-version.json")
		return err == nil && strings.HasPrefix(out, "inactive") && strings.Contains(out, "2.2.100")
	})
	// As in DC/OS, setup does not start what the swap stopped.
	shell(t, h, "systemctl daemon-reload; systemctl start dcos.target")
	until(t, "the upgraded master serves", func() bool { return version() == "2.2.100" && mesos() == "1.11.1" })
	if out := shell(t, h, "ls /etc/systemd/system"); strings.Contains(out, "dcos-signal") || strings.Contains(out, ".unit.new") {
		t.Errorf("units are left over:\n%s", out)
	}

	shell(t, h, ". /opt/mesosphere/environment.export; pkgpanda uninstall; systemctl daemon-reload")
	out := shell(t, h, "ls -d /opt/mesosphere /etc/systemd/system/dcos.target* 2>/dev/null || true; pgrep -fa '^/opt/mesosphere' || true")
	if out != "" {
		t.Errorf("uninstall left:\n%s", out)
	}
}
