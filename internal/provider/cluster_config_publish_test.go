// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/publish"
)

// TestClusterConfigPublish is the life of a published directory.
func TestClusterConfigPublish(t *testing.T) {
	t.Parallel()
	release := sampleRelease(t, samplerelease.V22)
	d := terraform.New(t)
	srv := filepath.Join(t.TempDir(), "srv")
	www := filepath.Join(srv, "www")
	conf := func(dir, more string) {
		publish := ""
		if dir != "" {
			publish = fmt.Sprintf("publish = { directory = %q, upgrade_from = [\"2.1.100\"] }\n", dir)
		}
		d.Write("main.tf", terraform.RequiredProviders+staticSite(release, publish+more))
	}
	served := func(dir string) publish.Serving {
		t.Helper()
		serving, err := publish.Directory(dir).Served(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return serving
	}
	// changed plans, says what happens to published, and applies.
	changed := func(why string) {
		t.Helper()
		change, ok := d.Plan()[testConfig]
		if !ok {
			t.Fatalf("%s: nothing is planned", why)
		}
		d.Apply("plan.bin")
		after := change.Change.After
		if serving := served(www); serving.Bundle != after["id"] || serving.Cluster != "test" || after["published"] != after["id"] {
			t.Errorf("%s: %+v is served; published %v, id %v", why, serving, after["published"], after["id"])
		}
		d.NoChanges()
	}

	conf(www, "")
	changed("first")
	bootstrap := readFile(t, filepath.Join(www, "bootstrap.latest"))
	if scripts, err := filepath.Glob(filepath.Join(www, "upgrade/*/dcos_node_upgrade.sh")); err != nil || len(scripts) != 1 {
		t.Errorf("upgrade scripts: %v (%v)", scripts, err)
	}
	conf(www, "oauth_enabled = false")
	changed("another configuration")

	// What is missing is seen and put back, and what others put there stays.
	theirs := filepath.Join(www, "theirs")
	mustWrite(t, theirs, "theirs")
	mustRemove(t, filepath.Join(www, "dcos_install.sh"))
	changed("a file was removed")
	mustWrite(t, filepath.Join(www, "bootstrap.latest"), "altered")
	changed("a file was altered")
	mustRemove(t, srv)
	changed("the directory was removed")

	// A change that fails leaves nothing that is taken for whole.
	mustRemove(t, filepath.Join(www, "dcos_install.sh"))
	mustWrite(t, filepath.Join(www, "dcos_install.sh", "in the way"), "")
	if out, err := d.Try("apply", "-auto-approve", "-no-color"); err == nil || !strings.Contains(out, "Publishing Failed") {
		t.Errorf("a directory was replaced: %s", out)
	}
	mustRemove(t, filepath.Join(www, "dcos_install.sh"))
	changed("after a failure")

	// To another place, to none, and away.
	old := www
	www = filepath.Join(srv, "other")
	mustWrite(t, filepath.Join(old, "theirs"), "theirs")
	conf(www, "oauth_enabled = false")
	changed("another directory")
	if entries, err := os.ReadDir(old); err != nil || len(entries) != 1 || entries[0].Name() != "theirs" {
		t.Errorf("the old directory has %v (%v)", entries, err)
	}
	conf("", "oauth_enabled = false")
	d.Apply()
	d.NoChanges()
	if _, err := os.Stat(www); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	conf(www, "oauth_enabled = false")
	changed("again")

	// Another cluster's directory is not touched.
	other := terraform.New(t)
	other.Write("main.tf", terraform.RequiredProviders+strings.Replace(staticSite(release, fmt.Sprintf("publish = { directory = %q }", www)),
		`cluster_name              = "test"`, `cluster_name              = "other"`, 1))
	if out, err := other.Try("apply", "-auto-approve", "-no-color"); err == nil || !strings.Contains(out, "Directory In Use") {
		t.Errorf("two clusters share a directory: %s", out)
	}
	d.NoChanges()

	d.Destroy()
	if _, err := os.Stat(www); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}

	// What is there by hand is named, and used where it is what is needed.
	latest := filepath.Join(www, "bootstrap.latest")
	mustWrite(t, latest, "by hand")
	if said := diagnosticsOf(d, "apply", "-auto-approve"); !said.mentions("error", "bootstrap.latest") ||
		!said.mentions("error", "move them elsewhere") {
		t.Errorf("a file that is there by hand: %+v", said)
	}
	mustWrite(t, latest, bootstrap)
	changed("what is there by hand is what is needed")
	if said := diagnosticsOf(d, "destroy", "-auto-approve"); !said.mentions("warning", "Published Files Left") ||
		!said.mentions("warning", "bootstrap.latest") {
		t.Errorf("what is left is not named: %+v", said)
	}
	if text := readFile(t, latest); text != bootstrap {
		t.Errorf("bootstrap.latest has %q", text)
	}
	conf("relative/path", "")
	if !diagnosticsOf(d, "plan").mentions("error", "absolute path") {
		t.Error("a relative path is taken")
	}
}

func mustWrite(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRemove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}
