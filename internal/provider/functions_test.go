// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"math/big"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestParseConfigYAML holds that a config.yaml comes out in the types that one
// would write, and that those render what the written ones render.
func TestParseConfigYAML(t *testing.T) {
	t.Parallel()
	terraform.Require(t)
	const parsed = `
locals {
  site = provider::dcos::parse_config_yaml(<<-EOT
    cluster_name: test
    master_discovery: static
    master_list: [10.0.0.1, 10.0.0.2, 10.0.0.3]
    exhibitor_storage_backend: static
    oauth_enabled: no
    log_offers: 'yes'
    dcos_overlay_mtu: 1400
    gc_delay: 3days
    dns_forward_zones: {z.example: [10.1.1.1], a.example: []}
    our_own: {b: 1, a: [x]}
    EOT
  )
}
output "site" {
  value = local.site
}
`
	release := sampleRelease(t, sample.V22)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
		Steps: []resource.TestStep{
			{
				Config: parsed,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownOutputValue("site", knownvalue.ObjectExact(map[string]knownvalue.Check{
						"cluster_name":     knownvalue.StringExact("test"),
						"master_discovery": knownvalue.StringExact("static"),
						"master_list": knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("10.0.0.1"),
							knownvalue.StringExact("10.0.0.2"), knownvalue.StringExact("10.0.0.3")}),
						"exhibitor_storage_backend": knownvalue.StringExact("static"),
						"oauth_enabled":             knownvalue.Bool(false),
						"log_offers":                knownvalue.StringExact("yes"), // for the rule to refuse
						"dcos_overlay_mtu":          knownvalue.NumberExact(big.NewFloat(1400)),
						"gc_delay":                  knownvalue.StringExact("3days"),
						"dns_forward_zones":         knownvalue.StringExact(`{"z.example": ["10.1.1.1"], "a.example": []}`),
						"extra_parameters": knownvalue.MapExact(map[string]knownvalue.Check{
							"our_own": knownvalue.StringExact(`{"b": 1, "a": ["x"]}`)}),
					})),
				},
			},
			{
				Config:      `output "x" { value = provider::dcos::parse_config_yaml("a: b: c") }`,
				ExpectError: regexp.MustCompile(`(?s)config.yaml.*line\s+1`),
			},
			{
				Config:      `output "x" { value = provider::dcos::ip_detect("nowhere") }`,
				ExpectError: regexp.MustCompile(`(?s)there\s+is\s+no\s+script\s+for\s+"nowhere".*aws`),
			},
			{Config: staticSite(release, "dns_forward_zones = { \"z.example\" = [\"10.1.1.1\"] }\noauth_enabled = false")},
			{
				Config: `
locals {
  site = provider::dcos::parse_config_yaml(<<-EOT
    cluster_name: test
    master_list: [10.0.0.1, 10.0.0.2, 10.0.0.3]
    oauth_enabled: off
    dns_forward_zones: {z.example: [10.1.1.1]}
    EOT
  )
}
resource "dcos_cluster_config" "test" {
  release                   = { source = "` + release + `" }
  cluster_name              = local.site.cluster_name
  master_discovery          = "static"
  master_list               = local.site.master_list
  exhibitor_storage_backend = "static"
  ip_detect_script          = "#!/bin/sh\necho 10.0.0.1\n"
  oauth_enabled             = local.site.oauth_enabled
  dns_forward_zones         = local.site.dns_forward_zones
}
`,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
}
