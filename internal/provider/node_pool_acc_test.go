// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A poolSite is a site whose agents are in pools; its masters are nodes.
type poolSite struct {
	*testSite
	hosts []*lab.Host // that may be in a pool
}

// newPoolSite makes a master and hosts for pools.
func newPoolSite(t *testing.T, hosts int, opts ...lab.Option) *poolSite {
	t.Helper()
	s := &poolSite{testSite: newSite(t, requireAcceptance(t), 1, hosts, 0, opts...)}
	s.hosts = s.agents
	s.agents = nil
	s.reconfigure("")
	return s
}

// reconfigure writes the configuration of the cluster.
func (s *poolSite) reconfigure(parameters string) {
	s.t.Helper()
	s.configure(siteOptions{parameters: parameters, ssh: fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"20s\"",
		lab.UserNoPassword, s.lab.KeyFile())})
}

// pools writes pools of agents: each has hosts by their numbers.
func (s *poolSite) pools(more string, pools map[string][]int) {
	s.t.Helper()
	var b strings.Builder
	for name, numbers := range pools {
		fmt.Fprintf(&b, "resource \"dcos_node_pool\" %q {\n  role = \"agent\"\n  bundle = dcos_cluster_config.test.bundle\n"+
			"  depends_on = [dcos_node.master]\n  %s\n  hosts = {\n", name, more)
		for _, n := range numbers {
			fmt.Fprintf(&b, "    h%d = { address = %q }\n", n, s.hosts[n].Address)
		}
		b.WriteString("  }\n}\n")
	}
	s.tf.Write("pools.tf", b.String())
}

// serving waits until so many agents are registered.
func (s *poolSite) serving(numbers ...int) {
	s.t.Helper()
	s.agents = nil
	for _, n := range numbers {
		s.agents = append(s.agents, s.hosts[n])
	}
	s.whole()
	s.agents = nil
}

// begun gives the hosts on which a stage was begun after so many events.
func (s *poolSite) begun(stage string, after int) (hosts []string) {
	for _, e := range s.events()[after:] {
		if e.Stage == stage && e.Event == runlog.Started && !slices.Contains(hosts, e.Host) {
			hosts = append(hosts, e.Host)
		}
	}
	return hosts
}

// destroyed destroys the site, and holds that nothing is left anywhere.
func (s *poolSite) destroyed() {
	s.t.Helper()
	s.tf.Destroy()
	s.clean(slices.Concat(s.masters, s.hosts)...)
}

// TestAccPool is the life of pools on real hosts: hosts come, go, fail, drift
// and move, Terraform is interrupted, and nothing is left at the end.
func TestAccPool(t *testing.T) {
	t.Parallel()
	s := newPoolSite(t, 4)
	s.step("create", func(*testing.T) {
		s.pools("", map[string][]int{"a": {0, 1}})
		s.tf.Apply()
		s.serving(0, 1)
		s.tf.NoChanges()
	})
	s.step("one comes, one goes, one fails", func(t *testing.T) {
		if err := s.hosts[3].Cut(t.Context(), lab.Refuse); err != nil {
			t.Fatal(err)
		}
		s.pools("", map[string][]int{"a": {1, 2, 3}})
		out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
		if err == nil {
			t.Fatalf("apply succeeded:\n%s", out)
		}
		mentions(t, out, "3 of 4 Hosts To Do", "1 of 3 Hosts Failed", s.hosts[3].Address)
		s.serving(1, 2)
		s.clean(s.hosts[0], s.hosts[3])
		if err := s.hosts[3].Rejoin(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen := len(s.events())
		mentions(t, s.tf.Apply(), "1 of 3 Hosts To Do")
		if got := s.begun("install", seen); !slices.Equal(got, []string{s.hosts[3].Address}) {
			t.Errorf("installed on %v", got)
		}
		s.serving(1, 2, 3)
		s.tf.NoChanges()
	})
	s.step("two go to another pool", func(t *testing.T) {
		seen := len(s.events())
		s.pools("", map[string][]int{"a": {1}, "b": {2, 3}})
		s.tf.Apply()
		for _, stage := range []string{"install", "upgrade", "drain", "uninstall"} {
			if got := s.begun(stage, seen); len(got) > 0 {
				t.Errorf("%s was begun on %v", stage, got)
			}
		}
		s.serving(1, 2, 3)
		s.tf.NoChanges()
	})
	s.step("drift", func(t *testing.T) {
		if _, err := s.hosts[2].Shell(t.Context(), "echo changed >>/etc/mesosphere/setup-flags/repository-url"); err != nil {
			t.Fatal(err)
		}
		seen := len(s.events())
		mentions(t, s.tf.Apply(), "1 of 2 Hosts To Do", "drifted: ", "/etc/mesosphere/setup-flags/repository-url")
		if got := s.begun("upgrade", seen); !slices.Equal(got, []string{s.hosts[2].Address}) {
			t.Errorf("repaired: %v", got)
		}
		s.tf.NoChanges()
	})
	s.step("interrupted once", func(t *testing.T) {
		s.reconfigure(`gc_delay = "3days"`)
		s.pools("max_unavailable = 1", map[string][]int{"a": {1, 2, 3}})
		seen := len(s.events())
		cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color")
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		agent := func() []string { return without(s.begun("upgrade", seen), []string{s.masters[0].Address}) }
		awaitFor(t, 5*time.Minute, "no agent is being changed", func() error {
			if len(agent()) == 0 {
				return errors.New("none was begun")
			}
			return nil
		})
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("apply succeeded:\n%s", out.String())
		}
		if got := agent(); len(got) != 1 {
			t.Errorf("changed: %v", got)
		}
		mentions(t, s.tf.Apply(), "Hosts To Do")
		s.serving(1, 2, 3)
		s.tf.NoChanges()
		s.nothingStale()
	})
	s.step("destroy", func(*testing.T) { s.destroyed() })
}
