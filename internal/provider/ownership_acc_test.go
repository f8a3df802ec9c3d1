// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// TestAccOwnership does to a cluster on real hosts what would have cost it: its
// resources are renamed, all masters are replaced at once, one is replaced while
// another is down, a second state comes and goes, and a host gets an earlier claim
// back, as from an image. The cluster stays the one it was throughout.
func TestAccOwnership(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 3, 1, 0)
	shell := func(host int, script string) string {
		t.Helper()
		out, err := s.nodes()[host].Shell(t.Context(), script)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(out)
	}
	var ids []string
	identities := func() []string {
		var list []string
		for i := range s.nodes() {
			list = append(list, shell(i, "readlink -f /opt/mesosphere/active/dcos-config; cat /var/lib/dcos/cluster-id 2>/dev/null; "+
				"stat -c %i /opt/mesosphere/active; cat /proc/sys/kernel/random/boot_id"))
		}
		return list
	}
	unharmed := func(t *testing.T) {
		t.Helper()
		if now := identities(); !slices.Equal(now, ids) {
			t.Errorf("nodes are others than they were:\n%q\n%q", ids, now)
		}
		if n := len(s.spans("uninstall", 0)); n > 0 {
			t.Errorf("%d hosts were uninstalled", n)
		}
	}
	s.step("install", func(t *testing.T) {
		s.tf.Apply()
		s.whole()
		ids = identities()
		if mode := shell(0, "stat -c '%a %U' "+node.RecordDirectory+"/claim"); mode != "600 root" {
			t.Errorf("the claim is %s", mode)
		}
		s.tf.NoChanges()
		shell(3, "cp -a "+node.RecordDirectory+" /root/image")
	})
	watched := lab.WatchMasters(t, 1, s.masters...)
	for _, c := range []struct{ keys, parallelism string }{{"a", "-parallelism=1"}, {"b", "-parallelism=10"}} {
		s.step("rename, "+c.parallelism, func(t *testing.T) {
			s.configure(siteOptions{keys: c.keys})
			out, err := s.tf.Try("apply", "-auto-approve", "-no-color", c.parallelism)
			if err != nil && !strings.Contains(flat(out), "Node Would Be Uninstalled By Its Old Resource") {
				t.Errorf("%v\n%s", err, out)
			}
			unharmed(t)
		})
	}
	keys := "n"
	if list := s.tf.Run("state", "list"); strings.Contains(list, `["b1"]`) {
		keys = "b"
	} else if strings.Contains(list, `["a1"]`) {
		keys = "a"
	}
	s.step("replace all masters", func(t *testing.T) {
		s.configure(siteOptions{keys: keys})
		var args []string
		for _, n := range []string{"1", "2", "3"} {
			args = append(args, `-replace=dcos_node.master["`+keys+n+`"]`)
		}
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			out, err := s.tf.Try(append([]string{"apply", "-auto-approve", "-no-color", parallelism}, args...)...)
			if err == nil || !strings.Contains(flat(out), "More Masters Removed Than Can Be Spared") {
				t.Errorf("%v\n%s", err, out)
			}
		}
		unharmed(t)
	})
	s.step("replace one while another is down", func(t *testing.T) {
		replace := `-replace=dcos_node.master["` + keys + `1"]`
		s.tf.Run("plan", "-no-color", "-out=before.bin", replace)
		shell(2, "systemctl stop dcos-exhibitor")
		refused := func(words string, args ...string) {
			t.Helper()
			out, err := s.tf.Try(append([]string{"apply", "-auto-approve", "-no-color"}, args...)...)
			if err == nil || !strings.Contains(flat(out), words) {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
			unharmed(t)
		}
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			refused("without this one there would be no quorum", parallelism, replace)
		}
		if lab.Nightly { // a closed gate is waited at for a minute
			refused("Ensemble Of Masters At Risk", "-parallelism=10", "before.bin") // planned when all of them served
		}
		shell(2, "systemctl start dcos-exhibitor")
		s.whole()
	})
	s.step("replace one while another is switched off", func(t *testing.T) {
		if !lab.Nightly { // whether it is the machine or its exhibitor, the same gates are asked
			return
		}
		if err := s.masters[2].PowerCut(t.Context()); err != nil {
			t.Fatal(err)
		}
		short := append(slices.Clone(s.tf.Env), "DCOS_SSH_CONNECT_TIMEOUT=5s")
		s.tf.Env, short = short, s.tf.Env
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			out, err := s.tf.Try("apply", "-auto-approve", "-no-color", parallelism, `-replace=dcos_node.master["`+keys+`1"]`)
			if err == nil || !strings.Contains(flat(out), "without this one there would be no quorum") {
				t.Errorf("%s: %v\n%s", parallelism, err, out)
			}
		}
		s.tf.Env = short
		if err := errors.Join(s.masters[2].Start(t.Context()), s.masters[2].WaitSSH(t.Context())); err != nil {
			t.Fatal(err)
		}
		s.whole()
		ids[2] = identities()[2] // it was booted
		unharmed(t)
	})
	s.step("a second state", func(t *testing.T) {
		first := s.tf.Path
		state := readFile(t, first+"/terraform.tfstate")
		s.tf.Write("terraform.tfstate", `{"version":4,"terraform_version":"1.11.0","serial":1,"lineage":"second"}`)
		if out := s.tf.Apply(); !strings.Contains(out, "Node Taken Over") {
			t.Errorf("nothing says whose the nodes were:\n%s", out)
		}
		unharmed(t)
		second := readFile(t, first+"/terraform.tfstate")
		s.tf.Write("terraform.tfstate", state)
		if out := s.tf.Destroy(); !strings.Contains(out, "Node Left As It Is") {
			t.Errorf("the first state's destroy says nothing:\n%s", out)
		}
		unharmed(t)
		s.tf.Write("terraform.tfstate", second)
		s.tf.NoChanges()
		s.whole()
	})
	s.step("an earlier claim from an image", func(t *testing.T) {
		claim := node.RecordDirectory + "/claim"
		was := shell(3, "cat "+claim+"; rm -rf "+node.RecordDirectory+"; mv /root/image "+node.RecordDirectory)
		earlier := shell(3, "cat "+claim)
		if earlier == was {
			t.Fatal("it is no other claim")
		}
		said := func(out string, err error, want bool, words string) {
			t.Helper()
			if (err == nil) != want || !strings.Contains(flat(out), words) {
				t.Errorf("not %q: %v\n%s", words, err, out)
			}
			unharmed(t)
		}
		target := "-target=dcos_node.agent"
		out, err := s.tf.Try("plan", "-no-color", "-detailed-exitcode", target)
		said(out, err, true, "Node Belongs To Another Resource")
		s.configure(siteOptions{keys: keys, parameters: `ui_banner_header_title = jsonencode("changed")`})
		out, err = s.tf.Try("apply", "-auto-approve", "-no-color", target)
		said(out, err, false, "It cannot be changed through this resource")
		s.configure(siteOptions{keys: keys})
		out, err = s.tf.Try("destroy", "-auto-approve", "-no-color", target)
		said(out, err, true, "Node Left As It Is")
		if now := shell(3, "cat "+claim); now != earlier {
			t.Errorf("the claim was %q, and is %q", earlier, now)
		}
		out, err = s.tf.Try("apply", "-auto-approve", "-no-color")
		said(out, err, true, "Node Taken Over")
		if now := shell(3, "cat "+claim); now == earlier || now == was {
			t.Errorf("the claim is %q yet", now)
		}
	})
	s.step("a dead machine", func(t *testing.T) {
		agent := s.agents[0]
		s.configure(siteOptions{keys: keys, provider: "uninstall_if_reachable = true"})
		if err := agent.Cut(t.Context(), lab.Refuse); err != nil {
			t.Fatal(err)
		}
		target := "-target=dcos_node.agent"
		short := append(slices.Clone(s.tf.Env), "DCOS_SSH_CONNECT_TIMEOUT=5s")
		s.tf.Env, short = short, s.tf.Env
		defer func() { s.tf.Env = short }()
		if out, err := s.tf.Try("destroy", "-auto-approve", "-no-color", target); err == nil {
			t.Errorf("a machine that refuses is given up:\n%s", out)
		}
		if err := agent.Cut(t.Context(), lab.BlackHole); err != nil {
			t.Fatal(err)
		}
		if out := s.tf.Destroy(target); !strings.Contains(out, "Node Given Up") {
			t.Errorf("nothing says that DC/OS may still be there:\n%s", out)
		}
		if err := agent.Rejoin(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.tf.Apply()
		unharmed(t)
	})
	watched()
	s.step("destroy", func(*testing.T) {
		s.tf.Destroy()
		s.clean(s.nodes()...)
	})
}
