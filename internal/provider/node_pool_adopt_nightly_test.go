// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// TestAccPoolAdopts has pools adopt a cluster that somebody installed by hand, into another
// configuration: in place, with its tasks and its id kept, and destroyed as any other.
func TestAccPoolAdopts(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 1, 0)
	master, agent := s.masters[0], s.agents[0]
	served := filepath.Join(t.TempDir(), "serve")
	publish := fmt.Sprintf("publish = { directory = %q }", served)
	s.configure(siteOptions{parameters: publish})
	s.tf.Apply("-target=dcos_cluster_config.test")
	installByHand(t, served, map[*lab.Host]string{master: "master", agent: "slave"})
	s.whole()
	app := `{"id":"/work","cmd":"trap \"exit 0\" TERM; while :; do sleep 0.2; done","instances":2}`
	on(t, master, "curl -fsS -H 'Content-Type: application/json' -d '"+app+"' http://127.0.0.1:8080/v2/apps")
	s.eventually("tasks", func() error {
		if n := s.running(); n[agent.Address] != 2 {
			return fmt.Errorf("they are %v", n)
		}
		return nil
	})
	tasks := func() string { return on(t, agent, "pgrep -f '[w]hile :; do sleep 0.2' | sort | tr '\\n' ' '") }
	id := func() string { return on(t, master, "cat /var/lib/dcos/cluster-id") }
	tasksBefore, idBefore := tasks(), id()

	// The nodes are in pools, and not in resources of their own.
	s.masters, s.agents = nil, nil
	s.configure(siteOptions{parameters: publish + "\n  ui_banner_header_title = jsonencode(\"changed\")", masters: 1})
	s.masters, s.agents = []*lab.Host{master}, []*lab.Host{agent}
	pools := func(adopt string) {
		var b strings.Builder
		for name, h := range map[string]*lab.Host{"master": master, "agent": agent} {
			more := ""
			if name == "agent" {
				more = "depends_on = [dcos_node_pool.master]"
			}
			fmt.Fprintf(&b, "resource \"dcos_node_pool\" %q {\n  role = %q\n  bundle = dcos_cluster_config.test.bundle\n"+
				"  hosts = { h = { address = %q } }\n  %s\n  %s\n}\n", name, name, h.Address, adopt, more)
		}
		s.tf.Write("pools.tf", b.String())
	}
	pools("")
	out, err := s.tf.Try("apply", "-no-color", "-auto-approve")
	if err == nil {
		t.Errorf("they were taken without being named:\n%s", out)
	}
	mentions(t, out, "DC/OS Is Already On The Host", "adopt")
	pools(`adopt = ["h"]`)
	after := len(s.events())
	mentions(t, s.tf.Apply(), "adopted: differs from the bundle: ")
	s.whole()
	s.tf.NoChanges()
	if now := tasks(); now != tasksBefore || strings.TrimSpace(now) == "" {
		t.Errorf("the tasks were %q, and are %q", tasksBefore, now)
	}
	if now := id(); now != idBefore || strings.TrimSpace(now) == "" {
		t.Errorf("the cluster's id was %q, and is %q", idBefore, now)
	}
	for _, e := range s.events()[after:] {
		if e.Stage == "install" || e.Stage == "uninstall" {
			t.Errorf("%s on %s", e.Stage, e.Host)
		}
	}
	if text := on(t, master, "cat /opt/mesosphere/etc/ui-config.json"); !strings.Contains(text, "changed") {
		t.Errorf("the banner is not there:\n%s", text)
	}
	s.tf.Destroy()
	for _, h := range []*lab.Host{master, agent} {
		for _, left := range s.handLeftovers(h) {
			t.Errorf("left: %s", left)
		}
	}
}

// Nodes that somebody installed are changed to the pool's bundle in place, if they are named
// and proven to be of its cluster.
func TestNodePoolAdopts(t *testing.T) {
	t.Parallel()
	const n = 3
	s := newSimSite(t, simhosts.Options{})
	since := s.byHand(n)
	refused := func(more string, want ...string) {
		t.Helper()
		s.configure(otherSite, pool("a", s.hosts(0, n), more))
		out, err := s.tf.Try("plan", "-no-color")
		if err == nil {
			t.Errorf("it is planned:\n%s", out)
		}
		mentions(t, out, want...)
	}
	at := simhosts.Address
	refused(`adopt = ["h0", "h9"]`, "No Such Host In The Pool", `"h9"`)
	s.fleet.Belong(at(1), "two", "127.0.9.1")
	refused(adoptAll(n), "Host Not Adopted", "of the cluster with the id", "two", "adopt")
	s.fleet.Belong(at(1), "", "127.0.9.1")
	refused(adoptAll(n), "Host Not Adopted", "none of its masters says", "mend the masters")
	s.fleet.Belong(at(1), "one", "127.0.9.2")
	refused(adoptAll(n), "Host Not Adopted", "its masters are 127.0.9.2", "127.0.9.1")
	s.fleet.Belong(at(1), "one")
	refused(adoptAll(n), "Host Not Adopted", "in a form that can be compared")
	s.fleet.Belong(at(1), "one", "127.0.9.1")
	refused(`adopt = [dcos_cluster_config.test.id == "x" ? "h0" : terraform_data.late.output]
}
resource "terraform_data" "late" {
  input = "h1"`, "Adoption Cannot Be Planned")

	s.configure(otherSite, pool("a", s.hosts(0, n), `adopt = ["h0", "h1"]`))
	plan, err := s.tf.Try("plan", "-no-color")
	if err != nil {
		t.Fatal(plan)
	}
	mentions(t, plan, "2 hosts: adopted: differs from the bundle: package dcos-config", "1 host: not installed")
	out, err := s.tf.Try("apply", "-no-color", "-auto-approve")
	if err == nil {
		t.Errorf("a host that is not named was taken:\n%s", out)
	}
	mentions(t, out, "DC/OS Is Already On The Host", "name it in the pool's adopt")
	s.untouched(since, "install", "uninstall")
	if got, _ := s.worked("upgrade", since); strings.Contains(strings.Join(got, " "), at(2)) {
		t.Errorf("%s was changed", at(2))
	}
	if s.fleet.Node(at(2)).Claim != "" || s.fleet.Node(at(1)).Claim == "" {
		t.Errorf("the claims are %q and %q", s.fleet.Node(at(1)).Claim, s.fleet.Node(at(2)).Claim)
	}

	s.configure(otherSite, pool("a", s.hosts(0, n), adoptAll(n)))
	mentions(t, s.tf.Apply(), "1 of 3 Hosts To Do", "adopted: differs from the bundle")
	s.tf.NoChanges()
	s.untouched(since, "install", "uninstall")
	// The names stay, and so does what the hosts are.
	s.configure("", pool("a", s.hosts(0, n), adoptAll(n)))
	mentions(t, s.tf.Apply(), "3 of 3 Hosts To Do", "has another bundle")
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Count().Installed; got != 0 {
		t.Errorf("%d installed", got)
	}
	// They have no effect on hosts without DC/OS either.
	s.tf.Apply()
	s.tf.NoChanges()
	s.tf.Destroy()
}
