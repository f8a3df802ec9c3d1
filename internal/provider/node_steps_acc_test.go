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
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
)

const testNode = "dcos_node.test"

// TestAccNode is one node's life: created, adopted by import, changed without
// the host, upgraded to the next line, removed.
func TestAccNode(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	host := s.masters[0]
	// One resource without for_each, which the testing framework cannot import.
	config := func(version sample.Version, node string) string {
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
  master_discovery          = "static"
  master_list               = [%q]
  exhibitor_storage_backend = "static"
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
}
resource "dcos_node" "test" {
  address = %q
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
  %s
}
`, lab.UserRequireTTY, s.lab.KeyFile(), sampleRelease(t, version), host.Address, host.Address, node)
	}
	value := func(name string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(testNode, tfjsonpath.New(name), check)
	}
	action := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testNode, a)}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config:           config(sample.V21, ""),
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
				Config:           config(sample.V21, "drain_timeout = \"1m\"\n preflight = { skip = [\"docker\"] }"),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{
				PreConfig: func() {
					if err := host.Rejoin(t.Context()); err != nil {
						t.Error(err)
					}
				},
				Config:      config(sample.V21, `preflight = { skip = ["no-such-check"] }`),
				ExpectError: regexp.MustCompile(`(?s)Unknown Preflight Check.*no-such-check`),
			},
			{
				Config:           config(sample.V22, ""),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					value("dcos_version", knownvalue.StringExact("2.2.100")),
				},
			},
			{
				Config:      config(sample.V21, ""),
				ExpectError: regexp.MustCompile(`(?s)Upgrade Not Supported.*downgrade`),
			},
		},
		CheckDestroy: func(*terraform.State) error {
			s.clean(host)
			return nil
		},
	})
}
