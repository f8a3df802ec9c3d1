// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestAccTakeOver takes over a cluster that somebody installed by hand from a genconf
// directory: from there, and from what its master says. It is then upgraded, kept as it
// is, repaired and destroyed as any other.
func TestAccTakeOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 1, 1)
	dir := t.TempDir()
	genconf, release := filepath.Join(dir, "genconf"), sampleRelease(t, samplerelease.V21)
	if err := os.Mkdir(genconf, 0o750); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(genconf, "config.yaml"), fmt.Sprintf(`
agent_list: [%s]
public_agent_list: [%s]
bootstrap_url: file:///opt/dcos_install_tmp
cluster_name: %s
exhibitor_admin_password: a secret
exhibitor_storage_backend: static
ip_detect_public_filename: genconf/ip-detect-public
master_discovery: static
master_list: [%s]
oauth_enabled: false
resolvers: [192.0.2.53]
ssh_user: %s
`, s.agents[0].Address, s.public[0].Address, s.name, s.masters[0].Address, lab.UserNoPassword))
	const script = "#!/bin/sh\nip -4 -o addr show scope global | sed -n '1s|.* inet \\([0-9.]*\\)/.*|\\1|p'\n"
	mustWrite(t, filepath.Join(genconf, "ip-detect"), script)
	mustWrite(t, filepath.Join(genconf, "ip-detect-public"), script)
	for from, to := range map[string]string{
		release: filepath.Join(dir, "dcos_generate_config.sh"), s.lab.KeyFile(): filepath.Join(genconf, "ssh_key"),
	} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	another := func() *terraform.Dir {
		d := terraform.New(t)
		d.Env = append(d.Env, "TF_VAR_exhibitor_admin_password=a secret")
		return d
	}
	s.step("installed by hand", func(t *testing.T) {
		d, served := another(), filepath.Join(dir, "serve")
		takeOver(t, d, genconf)
		mustRemove(t, filepath.Join(d.Path, "imports.tf"))
		d.Write("publish_override.tf", fmt.Sprintf("resource \"dcos_cluster_config\" \"cluster\" {\n  publish = { directory = %q }\n}\n", served))
		d.Apply("-target=dcos_cluster_config.cluster")
		installByHand(t, served, map[*lab.Host]string{s.masters[0]: "master", s.agents[0]: "slave", s.public[0]: "slave_public"})
		s.whole()
	})
	imported := func(t *testing.T, d *terraform.Dir, args ...string) {
		t.Helper()
		began := time.Now()
		takeOver(t, d, args...)
		mentions(t, d.Run("plan", "-no-color"), "Plan: 4 to import, 0 to add, 0 to change, 0 to destroy")
		d.Apply()
		d.NoChanges()
		t.Logf("taken over in %s, from the command to an empty plan", time.Since(began).Round(100*time.Millisecond))
	}
	s.step("from genconf", func(t *testing.T) { imported(t, another(), genconf) }) // its state is thrown away
	s.step("from the master", func(t *testing.T) {
		s.tf = another()
		imported(t, s.tf, "--key", s.lab.KeyFile(), "--release", release, lab.UserNoPassword+"@"+s.masters[0].Address)
		mustRemove(t, filepath.Join(s.tf.Path, "imports.tf"))
	})
	upgraded := fmt.Sprintf("-var=release=%s", sampleRelease(t, samplerelease.V22))
	s.step("upgraded", func(t *testing.T) {
		mentions(t, s.tf.Apply(upgraded), "0 added, 4 changed, 0 destroyed")
		s.whole()
		s.tf.NoChanges(upgraded)
	})
	s.step("kept as it is", func(t *testing.T) {
		const unit = "dcos-mesos-slave.service"
		s.tf.Write("kept_override.tf", "resource \"dcos_node\" \"agent\" {\n  bundle = null\n}\n")
		mentions(t, s.tf.Apply(upgraded), "Node Will Be Kept As It Is", "0 added, 1 changed, 0 destroyed")
		s.tf.NoChanges(upgraded)
		if _, err := s.agents[0].Exec(t.Context(), "systemctl", "stop", unit); err != nil {
			t.Fatal(err)
		}
		mentions(t, s.tf.Apply(upgraded), "Node Is Not Repaired", unit+" is stopped", "0 added, 0 changed, 0 destroyed")
		if _, err := s.agents[0].Exec(t.Context(), "systemctl", "is-active", unit); err == nil {
			t.Error("the unit was started")
		}
		mustRemove(t, filepath.Join(s.tf.Path, "kept_override.tf"))
		mentions(t, s.tf.Apply(upgraded), "0 added, 1 changed, 0 destroyed")
		s.whole()
		s.tf.NoChanges(upgraded)
	})
	s.step("destroyed", func(t *testing.T) {
		s.tf.Destroy(upgraded)
		for _, h := range s.nodes() {
			if left := s.handLeftovers(h); len(left) > 0 {
				t.Errorf("left on %s:\n%s", h.Name, strings.Join(left, "\n"))
			}
		}
	})
}
