// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

const testNode = "dcos_node.test"

// TestAccNode is one node's life: created, adopted by import, changed without
// the host, upgraded to the next line, removed.
func TestAccNode(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	host := s.masters[0]
	// One resource without for_each, which the testing framework cannot import.
	static := fmt.Sprintf("master_discovery = \"static\"\nmaster_list = [%q]\nexhibitor_storage_backend = \"static\"", host.Address)
	on := func(version samplerelease.Version, site, node string) string {
		return fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user            = %q
    private_key     = file(%q)
    connect_timeout = "3s"
  }
}
resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "node"
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
  %s
}
resource "dcos_node" "test" {
  address = %q
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
  %s
}
`, lab.UserRequireTTY, s.lab.KeyFile(), sampleRelease(t, version), site, host.Address, node)
	}
	config := func(version samplerelease.Version, node string) string { return on(version, static, node) }
	value := func(name string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(testNode, tfjsonpath.New(name), check)
	}
	action := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testNode, a)}}
	}
	// refused is a change of what the cluster is built on, which no plan takes.
	refused := func(site, want string) resource.TestStep {
		return resource.TestStep{Config: on(samplerelease.V22, site, ""), PlanOnly: true,
			ExpectError: regexp.MustCompile(`(?s)Upgrade\s+Not\s+Supported.*with dcos_node.test.*` + want)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config:           config(samplerelease.V21, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					value("id", knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f]{32}$`))),
					value("host_key", knownvalue.StringExact(host.HostKey)),
					value("dcos_version", knownvalue.StringExact("2.1.100")),
					value("config_package_id", knownvalue.StringRegexp(regexp.MustCompile(`^dcos-config--setup_[0-9a-f]{40}$`))),
					value("detected_ip", knownvalue.StringExact(host.Address)),
					value("drift", knownvalue.ListExact(nil)),
				},
			},
			{
				ResourceName:      testNode,
				ImportState:       true,
				ImportStateId:     host.Address,
				ImportStateVerify: true,
				// No host knows where its release came from.
				ImportStateVerifyIgnore: []string{"bundle"},
			},
			{
				// What does not concern the host does not touch it.
				PreConfig: func() {
					if err := host.Cut(t.Context(), lab.Refuse); err != nil {
						t.Error(err)
					}
				},
				Config:           config(samplerelease.V21, "drain_timeout = \"1m\"\n preflight = { skip = [\"docker\"] }"),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{
				PreConfig: func() {
					if err := host.Rejoin(t.Context()); err != nil {
						t.Error(err)
					}
				},
				Config:      config(samplerelease.V21, `preflight = { skip = ["no-such-check"] }`),
				ExpectError: regexp.MustCompile(`(?s)Unknown Preflight Check.*no-such-check`),
			},
			{
				Config:           config(samplerelease.V22, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					value("dcos_version", knownvalue.StringExact("2.2.100")),
				},
			},
			{
				Config:      config(samplerelease.V21, ""),
				ExpectError: regexp.MustCompile(`(?s)Upgrade Not Supported.*with dcos_node.test.*bundle.*downgrade`),
			},
			refused(fmt.Sprintf(`
  master_discovery          = "static"
  master_list               = [%q, "198.18.9.1", "198.18.9.2"]
  exhibitor_storage_backend = "static"`, host.Address), `1\s+master.*3\s+masters.*master_list`),
			refused(fmt.Sprintf(`
  master_discovery          = "static"
  master_list               = [%q]
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = %q`, host.Address, exhibitorDir), `backend\s+static.*shared_filesystem.*exhibitor_storage_backend`),
			refused(fmt.Sprintf(`
  master_discovery          = "master_http_loadbalancer"
  exhibitor_address         = %q
  num_masters               = 1
  exhibitor_storage_backend = "shared_filesystem"
  exhibitor_fs_config_dir   = %q`, s.balancer.Address, exhibitorDir), `static.*master_http_loadbalancer.*master_discovery.*new\s+cluster`),
		},
		CheckDestroy: func(*terraform.State) error {
			s.clean(host)
			return nil
		},
	})
}
