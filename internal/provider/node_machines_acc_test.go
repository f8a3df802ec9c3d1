// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestAccInstalledByHand imports a node that somebody installed with the
// dcos_install.sh that the provider renders, and manages it from then on.
func TestAccInstalledByHand(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	h := s.masters[0]
	served := filepath.Join(t.TempDir(), "serve")
	publish := fmt.Sprintf("publish = { directory = %q }", served)
	s.configure(siteOptions{parameters: publish})
	s.tf.Apply("-target=dcos_cluster_config.test")
	err := filepath.WalkDir(served, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join("/opt/dcos_install_tmp", strings.TrimPrefix(path, served))
		if _, err := h.Exec(t.Context(), "mkdir", "-p", filepath.Dir(to)); err != nil {
			return err
		}
		return h.WriteFile(to, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Shell(t.Context(), "bash /opt/dcos_install_tmp/dcos_install.sh master >&2"); err != nil {
		t.Fatal(err)
	}
	await(t, "DC/OS is not installed", func() error {
		_, err := h.Shell(t.Context(), "[ ! -e /opt/mesosphere/bootstrap ] && systemctl is-active dcos.target dcos-mesos-master.service")
		return err
	})

	s.tf.Run("import", "-no-color", `dcos_node.master["n1"]`, h.Address)
	s.tf.NoChanges()
	// What the cluster is built on is known from the host.
	s.configure(siteOptions{parameters: publish, masters: 3})
	out, err := s.tf.Try("plan", "-no-color")
	if err == nil || !strings.Contains(out, "Upgrade Not Supported") || !strings.Contains(out, "num_masters") {
		t.Errorf("another number of masters is not refused: %v\n%s", err, out)
	}
	s.configure(siteOptions{parameters: publish + "\n  gc_delay = \"3days\""})
	if change := s.tf.Plan()[`dcos_node.master["n1"]`].Change; !slices.Equal(change.Actions, []string{"update"}) {
		t.Errorf("the plan is to %v", change.Actions)
	}
	s.tf.Apply("plan.bin")
	s.whole()
	s.tf.NoChanges()
	// Nobody recorded what the host was like before: that is said.
	// Nor is what exhibitor keeps on any host.
	destroyed := s.tf.Destroy()
	for _, want := range []string{"Not Put Back On The Host", "/etc/resolv.conf", "State Of An Ensemble In Exhibitor's Backend",
		exhibitorDir} {
		if !strings.Contains(destroyed, want) {
			t.Errorf("destroy does not say %q:\n%s", want, destroyed)
		}
	}
	after, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range lab.Diff(s.before[h.Name], after) {
		known := strings.HasPrefix(c.Name, "file /etc/resolv.conf") || strings.HasSuffix(c.Name, ".rp_filter") ||
			strings.HasPrefix(c.Name, "file "+exhibitorDir)
		if !known {
			t.Errorf("left: %s", c)
		}
	}
}

// TestAccReplaceTriggeredBy replaces a node's machine by the pattern that the
// documentation shows: in one apply the node is removed from the old machine,
// which goes, and put on the new one, which has the same address.
func TestAccReplaceTriggeredBy(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	s := newSite(t, l, 1, 0, 0)
	old := s.masters[0]
	// The machine is this test's: it does what the provisioners ask for.
	machine := func(generation int) string {
		return fmt.Sprintf(`
resource "terraform_data" "machine" {
  triggers_replace = %d
  provisioner "local-exec" {
    when    = destroy
    command = "touch destroy && until [ -e destroyed ]; do sleep 0.1; done"
  }
}
`, generation)
	}
	s.tf.Write("machine.tf", machine(1))
	node := "lifecycle {\n replace_triggered_by = [terraform_data.machine.id]\n }\n"
	s.configure(siteOptions{node: node})
	s.tf.Apply()
	s.whole()
	s.tf.NoChanges()

	replaced := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	go func() {
		replaced <- func() error {
			for {
				if _, err := os.Stat(filepath.Join(s.tf.Path, "destroy")); err == nil {
					break
				}
				select {
				case <-ctx.Done():
					return errors.New("the machine was never to be destroyed")
				case <-time.After(100 * time.Millisecond):
				}
			}
			after, err := old.Snapshot(ctx)
			if err != nil {
				return err
			}
			for _, c := range lab.Diff(s.before[old.Name], after) {
				if !strings.HasPrefix(c.Name, "file "+exhibitorDir) {
					t.Errorf("left on the old machine: %s", c)
				}
			}
			if err := old.Destroy(ctx); err != nil {
				return err
			}
			h, err := l.Create(ctx, old.Name, lab.WithAddress(old.Address), lab.WithMount(l.Shared(t), exhibitorDir))
			if err != nil {
				return err
			}
			s.masters[0] = h
			if s.before[h.Name], err = h.Snapshot(ctx); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(s.tf.Path, "destroyed"), nil, 0o600)
		}()
	}()
	s.tf.Write("machine.tf", machine(2))
	plan := s.tf.Plan()
	if change := plan[`dcos_node.master["n1"]`].Change; !slices.Equal(change.Actions, []string{"delete", "create"}) {
		t.Errorf("the plan is to %v", change.Actions)
	}
	s.tf.Apply("plan.bin")
	if err := <-replaced; err != nil {
		t.Fatal(err)
	}
	s.whole()
	s.tf.NoChanges()
	s.tf.Destroy("-target=dcos_node.master")
	s.clean(s.masters...)
}
