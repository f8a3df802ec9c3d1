// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/getter"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestAccClusterStatus reads a cluster in the plan that makes it, through the
// load balancer and through a master that only a jump host reaches.
func TestAccClusterStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 1)
	s.tf.Write("status.tf", fmt.Sprintf(`
data "dcos_cluster" "balancer" {
  url        = "http://%s"
  wait_for   = { masters = 1, agents = 1 }
  timeout    = "2m"
  depends_on = [dcos_node.public]
}

data "dcos_cluster" "jump" {
  ssh = {
    address    = values(dcos_node.master)[0].address
    host_key   = values(dcos_node.master)[0].host_key
    jump_hosts = [{ address = %q, user = %q }]
  }
  wait_for   = { masters = 1, agents = 1 }
  timeout    = "2m"
  depends_on = [dcos_node.public]
}

output "clusters" {
  value = { balancer = data.dcos_cluster.balancer, jump = data.dcos_cluster.jump }
}
`, s.balancer.Address, s.balancer.Address, lab.UserNoSudo))
	s.tf.Apply()
	type cluster struct {
		Version string `json:"dcos_version"`
		Leader  string `json:"leader"`
		Quorum  bool   `json:"quorum"`
		Masters []struct {
			Address string `json:"address"`
			Serving bool   `json:"serving"`
			Leader  bool   `json:"zookeeper_leader"`
		} `json:"masters"`
		Agents []struct {
			Address string `json:"address"`
			Role    string `json:"role"`
			Active  bool   `json:"active"`
		} `json:"agents"`
	}
	var clusters map[string]cluster
	if err := json.Unmarshal([]byte(s.tf.Run("output", "-json", "clusters")), &clusters); err != nil {
		t.Fatal(err)
	}
	master, agent := s.masters[0].Address, s.public[0].Address
	for name, c := range clusters {
		if c.Version != "2.2.100" || c.Leader != master || !c.Quorum ||
			len(c.Masters) != 1 || c.Masters[0].Address != master || !c.Masters[0].Serving || !c.Masters[0].Leader ||
			len(c.Agents) != 1 || c.Agents[0].Address != agent || c.Agents[0].Role != "public_agent" || !c.Agents[0].Active {
			t.Errorf("%s: %+v", name, c)
		}
	}
	s.tf.NoChanges()
	s.tunnelled()
	s.listed()

	// What is not there, and who does not answer.
	s.tf.Write("status.tf", fmt.Sprintf(`
data "dcos_cluster" "lacking" {
  url      = "http://%s"
  wait_for = { agents = 7 }
  timeout  = "3s"
}

data "dcos_cluster" "nobody" {
  ssh     = { address = values(dcos_node.master)[0].address }
  url     = "http://127.0.0.1:9"
  timeout = "5s"
}
`, s.balancer.Address))
	said := diagnosticsOf(s.tf, "plan")
	for want, severity := range map[string]string{
		"Cluster Not Ready": "error", "1 of 7 agents": "error", "Cluster Not Read": "warning", "through " + master: "warning",
	} {
		if !said.mentions(severity, want) {
			t.Errorf("no %s says %q: %+v", severity, want, said)
		}
	}
	s.tf.Write("status.tf", "")
	s.tf.Destroy()
}

// tunnelled has another provider read the cluster by way of a tunnel through its master,
// which only a jump host reaches; and by one that ends where nobody listens.
func (s *testSite) tunnelled() {
	s.t.Helper()
	if !s.tf.Version().Ephemeral() {
		s.t.Log("this client has no ephemeral resources (Terraform has from 1.10 on, OpenTofu from 1.11): no tunnel is tried")
		return
	}
	before := s.tf.Env
	s.tf.Env = append(slices.Clone(before), getter.Serve(s.t))
	defer func() { s.tf.Env = before }()
	through := func(more, path string) (status int, body string) {
		s.t.Helper()
		s.tf.Write("tunnel.tf", fmt.Sprintf(`
ephemeral "dcos_tunnel" "main" {
  ssh = {
    address    = %q
    jump_hosts = [{ address = %q, user = %q }]
  }
  %s
}

provider "getter" {
  url = ephemeral.dcos_tunnel.main.url
}

data "getter_page" "main" {
  path = %q
}

output "page" {
  value = data.getter_page.main
}
`, s.masters[0].Address, s.balancer.Address, lab.UserNoSudo, more, path))
		s.tf.Apply()
		var page struct {
			Status int    `json:"status"`
			Body   string `json:"body"`
		}
		s.tf.Output("page", &page)
		return page.Status, page.Body
	}
	if status, body := through("", "/dcos-metadata/dcos-version.json"); status != 200 || !strings.Contains(body, `"2.2.100"`) {
		s.t.Errorf("through the tunnel: %d %s", status, body)
	}
	if status, body := through(`host = "127.0.0.2"`+"\n  port = 9", "/"); status != 502 || !strings.Contains(body, "dcos_tunnel: ") ||
		!strings.Contains(body, "127.0.0.2:9: Connection refused") {
		s.t.Errorf("through the one that leads nowhere: %d %s", status, body)
	}
	s.tf.Write("tunnel.tf", "")
	s.tf.Apply() // the other provider is in the state no more
}

// listed has the client list the nodes of the cluster through its master, which only a jump
// host reaches.
func (s *testSite) listed() {
	s.t.Helper()
	if !s.tf.Version().Query() {
		s.t.Log("this client has no lists (Terraform has from 1.14 on, OpenTofu has none): nothing is listed")
		return
	}
	s.tf.Write("nodes.tfquery.hcl", fmt.Sprintf(`
list "dcos_node" "all" {
  provider         = dcos
  include_resource = true
  config {
    ssh = { address = %q, jump_hosts = [{ address = %q, user = %q }] }
  }
}
`, s.masters[0].Address, s.balancer.Address, lab.UserNoSudo))
	found := query(s.t, s.tf)
	if len(found) != 2 || found[0].Resource["address"] != s.masters[0].Address || found[0].Resource["role"] != "master" ||
		found[1].Resource["address"] != s.public[0].Address || found[1].Resource["role"] != "public_agent" ||
		!strings.Contains(found[0].Name, "(serving) of ") || !strings.Contains(found[1].Name, "DC/OS 2.2.100") {
		s.t.Errorf("found %+v", found)
	}
	way, _ := found[1].Resource["ssh"].(map[string]any) // nil if there is none
	if hops, ok := way["jump_hosts"].([]any); !ok || len(hops) != 1 {
		s.t.Errorf("the way to the agent is %v", found[1].Resource["ssh"])
	}
	if err := os.Remove(filepath.Join(s.tf.Path, "nodes.tfquery.hcl")); err != nil {
		s.t.Fatal(err)
	}
}

// TestClusterDown holds that a cluster which does not answer stops no plan, since
// that may be the one which mends it, unless something is waited for.
func TestClusterDown(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	config := func(more string) {
		d.Write("main.tf", terraform.RequiredProviders+`
provider "dcos" {
  ssh = { user = "nobody", password = "x", host_key_policy = "ignore" }
}
data "dcos_cluster" "url" {
  url     = "http://127.0.0.1:9"
  timeout = "3s"
  `+more+`
}
data "dcos_cluster" "ssh" {
  ssh     = { address = "127.0.0.1", port = 9 }
  timeout = "3s"
  `+more+`
}
output "known" {
  value = [for c in [data.dcos_cluster.url, data.dcos_cluster.ssh] : c if c.leader != null || c.agents != null || c.quorum != null]
}
`)
	}
	config("")
	said := diagnosticsOf(d, "plan")
	for _, want := range []string{"Cluster Not Read", "is null in this plan", "127.0.0.1:9"} {
		if !said.mentions("warning", want) {
			t.Errorf("no warning says %q: %+v", want, said)
		}
	}
	if said.mentions("error", "") {
		t.Errorf("the plan fails: %+v", said)
	}
	d.Apply()
	if out := d.Run("output", "-json", "known"); strings.TrimSpace(out) != "[]" {
		t.Errorf("known is %s", out)
	}
	config("wait_for = { masters = 1 }")
	for _, want := range []string{"Cluster Not Read", "Host Not Reachable"} {
		if said := diagnosticsOf(d, "plan"); !said.mentions("error", want) {
			t.Errorf("no error says %q: %+v", want, said)
		}
	}
}

// TestClusterStatusMistakes holds what is refused without asking anybody.
func TestClusterStatusMistakes(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	for config, want := range map[string]string{
		``:                                    "No Way To The Cluster",
		`url = "cluster.example.com"`:         "Invalid URL",
		`url = "ftp://cluster.example.com"`:   "Invalid URL",
		`url = "http://me:pw@example.com"`:    "Invalid URL",
		`ssh = { address = "" }`:              "Invalid Attribute Value Length",
		"url = \"http://x\"\ntimeout = \"1\"": "Invalid Duration",
	} {
		d.Write("main.tf", terraform.RequiredProviders+"data \"dcos_cluster\" \"test\" {\n"+config+"\n}\n")
		if said := diagnosticsOf(d, "plan"); !said.mentions("error", want) {
			t.Errorf("%s: nothing says %q: %+v", config, want, said)
		}
	}
	d.Write("main.tf", terraform.RequiredProviders+"data \"dcos_cluster\" \"test\" {\n  url = \"https://127.0.0.1:9\"\n"+
		"  ca_certificate = \"none\"\n}\n")
	if said := diagnosticsOf(d, "plan"); !said.mentions("error", "Invalid Certificate") {
		t.Errorf("no certificate is taken for one: %+v", said)
	}
}
