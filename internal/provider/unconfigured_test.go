// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// twoNodes are nodes on hosts that nobody may dial.
const twoNodes = `
resource "dcos_node" "test" {
  for_each = toset(["10.0.0.1", "10.0.0.2"])
  address  = each.value
  role     = "master"
  bundle   = dcos_cluster_config.test.bundle
}
`

// TestUnconfiguredUse uses the provider in the ways in which it has no
// configuration, or not the usual one.
func TestUnconfiguredUse(t *testing.T) {
	t.Parallel()
	release := sampleRelease(t, samplerelease.V22)
	site := staticSite(release, "")

	t.Run("no provider block", func(t *testing.T) {
		t.Parallel()
		d := terraform.New(t)
		d.Write("main.tf", terraform.RequiredProviders+site+twoNodes)
		if changes := d.Plan(); len(changes) != 3 {
			t.Errorf("planned: %v", changes)
		}
	})
	t.Run("credentials unknown at plan", func(t *testing.T) {
		t.Parallel()
		d := terraform.New(t)
		d.Write("main.tf", terraform.RequiredProviders+site+twoNodes+`
resource "terraform_data" "key" { input = "not a key" }
provider "dcos" {
  ssh     = { private_key = terraform_data.key.output, user = terraform_data.key.output }
  secrets = { exhibitor_admin_password = terraform_data.key.output }
}
`)
		changes := d.Plan()
		if len(changes) != 4 || changes[testConfig].Change.Unknown["files"] != true {
			t.Errorf("planned: %v", changes)
		}
	})
	t.Run("two clusters by aliases", func(t *testing.T) {
		t.Parallel()
		d := terraform.New(t)
		first := strings.Replace(site, "{\n", "{\n  provider = dcos.one\n", 1)
		second := strings.NewReplacer(`"test" {`, "\"other\" {\n  provider = dcos.two\n", `= "test"`, `= "other"`).Replace(site)
		d.Write("main.tf", terraform.RequiredProviders+first+second+`
provider "dcos" {
  alias   = "one"
  secrets = { exhibitor_admin_password = "first-secret" }
}
provider "dcos" {
  alias   = "two"
  secrets = { exhibitor_admin_password = "second-secret" }
}
`)
		d.Apply()
		d.NoChanges()
		// The secret of one has no part in the other.
		d.Write("main.tf", strings.Replace(readFile(t, filepath.Join(d.Path, "main.tf")), "second-secret", "third-secret", 1))
		if changes := d.Plan(); len(changes) != 1 || changes["dcos_cluster_config.other"].Address == "" {
			t.Errorf("planned: %v", changes)
		}
		d.Destroy()
	})
	t.Run("without refresh, targeted, and a saved plan with an empty cache", func(t *testing.T) {
		t.Parallel()
		d := terraform.New(t)
		d.Write("main.tf", terraform.RequiredProviders+site+twoNodes)
		if changes := d.Plan("-target=" + testConfig); len(changes) != 1 {
			t.Errorf("planned: %v", changes)
		}
		d.Env = append(d.Env, "DCOS_CACHE_DIRECTORY="+filepath.Join(t.TempDir(), "empty"))
		d.Apply("plan.bin")
		d.NoChanges("-target=" + testConfig)
		if changes := d.Plan("-refresh=false", "-target="+testConfig); len(changes) != 0 {
			t.Errorf("planned: %v", changes)
		}
		d.Destroy("-refresh=false")
	})
	t.Run("moved and removed", func(t *testing.T) {
		t.Parallel()
		d := terraform.New(t)
		d.Write("main.tf", terraform.RequiredProviders+site)
		d.Apply()
		renamed := strings.Replace(site, `"test" {`, `"renamed" {`, 1)
		d.Write("main.tf", terraform.RequiredProviders+renamed+"moved {\n  from = dcos_cluster_config.test\n"+
			"  to   = dcos_cluster_config.renamed\n}\n")
		if out := d.Apply(); !strings.Contains(out, "0 added, 0 changed, 0 destroyed") {
			t.Errorf("a move has done something: %s", out)
		}
		d.Write("main.tf", terraform.RequiredProviders+"removed {\n  from = dcos_cluster_config.renamed\n  lifecycle {\n    destroy = false\n"+
			"  }\n}\n")
		d.Apply()
		if out := d.Run("state", "list"); strings.TrimSpace(out) != "" {
			t.Errorf("left in state: %s", out)
		}
	})
	t.Run("nodes and pools moved and removed", func(t *testing.T) {
		t.Parallel()
		// On hosts that nobody may dial: those of a kept state.
		const kept = "testdata/states/nodes-0.1.0.tf"
		d := terraform.New(t)
		d.Write("terraform.tfstate", readFile(t, kept+"state"))
		renamed := strings.NewReplacer(`"dcos_node" "agent"`, `"dcos_node" "a"`, `"dcos_node_pool" "public"`,
			`"dcos_node_pool" "p"`).Replace(readFile(t, kept))
		d.Write("main.tf", terraform.RequiredProviders+renamed+
			"moved {\n  from = dcos_node.agent\n  to   = dcos_node.a\n}\nmoved {\n  from = dcos_node_pool.public\n  to   = dcos_node_pool.p\n}\n")
		if changes := d.Plan("-refresh=false"); len(changes) == 0 {
			t.Error("the move is not planned")
		} else {
			noValueChanges(t, changes)
		}
		if out := d.Apply("-refresh=false"); !strings.Contains(out, "0 added, 3 changed, 0 destroyed") {
			t.Errorf("a move has done something: %s", out)
		}
		config, _, _ := strings.Cut(renamed, "resource \"dcos_node\"")
		d.Write("main.tf", terraform.RequiredProviders+config+
			"removed {\n  from = dcos_node.a\n  lifecycle {\n    destroy = false\n  }\n}\nremoved {\n  from = dcos_node_pool.p\n  lifecycle {\n"+
			"    destroy = false\n  }\n}\n")
		d.Apply("-refresh=false")
		if out := d.Run("state", "list"); strings.TrimSpace(out) != "dcos_cluster_config.main" {
			t.Errorf("left in state: %s", out)
		}
	})
	t.Run("terraform test with a mock", func(t *testing.T) {
		t.Parallel()
		d := terraform.New(t)
		d.Write("main.tf", terraform.RequiredProviders+strings.Replace(site, release, "no-such-release", 1)+twoNodes+`
resource "dcos_node_pool" "test" {
  role   = "agent"
  bundle = dcos_cluster_config.test.bundle
  hosts  = { a = { address = "10.0.0.3" }, b = { address = "10.0.0.4", ssh = { port = 2222 } } }
}
`)
		d.Write("main.tftest.hcl", `
mock_provider "dcos" {}

run "all" {
  command = apply

  assert {
    condition     = length(dcos_node.test) == 2 && length(dcos_node_pool.test.hosts) == 2 && dcos_cluster_config.test.cluster_name == "test"
    error_message = "the nodes are not there"
  }
}
`)
		if out := d.Run("test", "-no-color"); !strings.Contains(out, "1 passed, 0 failed") {
			t.Errorf("%s", out)
		}
	})
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
