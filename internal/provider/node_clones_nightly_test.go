// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestAccClonedImages adds an agent that is a clone of one which the apply
// does not touch, and lets addresses and machines change as they may.
func TestAccClonedImages(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 2, 0)
	first, clone := s.agents[0], s.agents[1]
	environment := s.tf.Env
	emptyCache := func() {
		s.tf.Env = slices.Concat(environment, []string{"DCOS_CACHE_DIRECTORY=" + t.TempDir()})
	}
	emptyCache()
	read := func(h *lab.Host) []byte {
		t.Helper()
		id, err := h.ReadFile("/etc/machine-id")
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	own := read(clone)
	if err := clone.WriteFile("/etc/machine-id", read(first), 0o444); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.before[clone.Name], err = clone.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	const second = `-target=dcos_node.agent["n2"]`
	refused := func(t *testing.T, fresh string, args ...string) {
		t.Helper()
		out, err := s.tf.Try(append([]string{"apply", "-no-color", "-auto-approve"}, args...)...)
		words := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ")
		want := regexp.MustCompile("Preflight Checks Failed.*machine-id: .*" + regexp.QuoteMeta("the node "+first.Address+" has too (") + fresh)
		if err == nil || !want.MatchString(words) {
			t.Errorf("the clone is not refused as it should be (%v), %v:\n%s", want, err, out)
		}
		s.clean(clone)
	}

	s.step("install the first", func(*testing.T) { s.tf.Apply("-target=dcos_node.master", `-target=dcos_node.agent["n1"]`) })
	s.step("an apply that has nothing to do with the first", func(t *testing.T) {
		refused(t, `looked at (just now|\d+ minutes? ago)`, "-refresh=false", second)
	})
	s.step("a plan that looks at the first", func(t *testing.T) {
		emptyCache()
		refused(t, `looked at just now`)
	})
	s.step("a plan that knows the first from the state", func(t *testing.T) {
		emptyCache()
		refused(t, `as Terraform's state has it`, "-refresh=false")
	})
	s.step("a machine id of its own", func(t *testing.T) {
		if err := clone.WriteFile("/etc/machine-id", own, 0o444); err != nil {
			t.Fatal(err)
		}
		if s.before[clone.Name], err = clone.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.tf.Apply(second)
		s.whole()
		s.tf.NoChanges()
	})
	s.step("the first is installed anew", func(*testing.T) {
		s.tf.Apply("-refresh=false", `-replace=dcos_node.agent["n1"]`)
		s.whole()
	})
	s.step("the first gets another address", func(t *testing.T) {
		config := filepath.Join(s.tf.Path, "ssh_config")
		if err := os.WriteFile(config, fmt.Appendf(nil, "Host the-first\n  HostName %s\n", first.Address), 0o600); err != nil {
			t.Fatal(err)
		}
		s.configure(siteOptions{ssh: fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconfig_file = %q", lab.UserNoPassword,
			s.lab.KeyFile(), config)})
		path := filepath.Join(s.tf.Path, "main.tf")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s.tf.Write("main.tf", strings.ReplaceAll(string(text), fmt.Sprintf("%q", first.Address), `"the-first"`))
		s.tf.Apply(`-target=dcos_node.agent["n1"]`)
		s.whole()
		s.tf.NoChanges()
	})
	s.step("destroy", func(*testing.T) {
		s.tf.Destroy()
		s.clean(s.nodes()...)
	})
}
