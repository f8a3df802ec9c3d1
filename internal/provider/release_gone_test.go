// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// TestNodesReleaseGone holds that nodes and pools that have drifted can be destroyed
// when the release that they are of is gone, before which Terraform plans their
// repair; the repair itself is refused.
func TestNodesReleaseGone(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	release, link := sampleRelease(t, samplerelease.V22), filepath.Join(t.TempDir(), "dcos_generate_config.sh")
	if err := os.Symlink(release, link); err != nil {
		t.Fatal(err)
	}
	s.configure("", agents("agent", map[string]int{"a": 0}, "")+pool("agents", s.hosts(1, 2), ""))
	s.tf.Write("main.tf", strings.ReplaceAll(readFile(t, filepath.Join(s.tf.Path, "main.tf")), release, link))
	s.tf.Apply()
	for n := range 2 {
		s.fleet.Alter(simhosts.Address(n))
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if out := s.tf.Run("plan", "-no-color"); strings.Count(out, "Release Is Gone") < 1 || !strings.Contains(out, "Destroying needs none") {
		t.Errorf("the plan does not say that the release is gone:\n%s", out)
	}
	if out, err := s.tf.Try("apply", "-auto-approve", "-no-color"); err == nil || !strings.Contains(out, "Bundle Cannot Be Made") {
		t.Errorf("a repair without the release: %v\n%s", err, out)
	}
	s.tf.Destroy()
	for n := range 2 {
		if s.fleet.Node(simhosts.Address(n)).Installed {
			t.Errorf("%s is a node still", simhosts.Address(n))
		}
	}
}
