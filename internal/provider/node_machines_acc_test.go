// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	installByHand(t, served, map[*lab.Host]string{h: "master"})

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
	for _, left := range s.handLeftovers(h) {
		t.Errorf("left: %s", left)
	}
}

// installByHand installs nodes as somebody does who has a published bundle: it is copied
// to each host, and dcos_install.sh is run there with the role.
func installByHand(t *testing.T, served string, roles map[*lab.Host]string) {
	t.Helper()
	for h, role := range roles {
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
		if _, err := h.Shell(t.Context(), "bash /opt/dcos_install_tmp/dcos_install.sh "+role+" >&2"); err != nil {
			t.Fatal(err)
		}
	}
	for h, role := range roles {
		unit := map[string]string{"master": "dcos-mesos-master", "slave": "dcos-mesos-slave", "slave_public": "dcos-mesos-slave-public"}[role]
		await(t, "DC/OS is not installed", func() error {
			_, err := h.Shell(t.Context(), "[ ! -e /opt/mesosphere/bootstrap ] && systemctl is-active dcos.target "+unit+".service")
			return err
		})
	}
}

// handLeftovers returns what is on a host that was not there before its node was installed
// by hand, and is not known to stay where nobody recorded what the host was like.
func (s *testSite) handLeftovers(h *lab.Host) (left []string) {
	s.t.Helper()
	after, err := h.Snapshot(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range lab.Diff(s.before[h.Name], after) {
		known := strings.HasPrefix(c.Name, "file /etc/resolv.conf") || strings.HasSuffix(c.Name, ".rp_filter") ||
			strings.HasPrefix(c.Name, "file "+exhibitorDir)
		if !known {
			left = append(left, c.String())
		}
	}
	return left
}
