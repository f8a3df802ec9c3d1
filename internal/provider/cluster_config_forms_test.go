// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// named is a staticSite under another name.
func named(name, release, more string) string {
	return strings.Replace(staticSite(release, more), `"test" {`, fmt.Sprintf("%q {", name), 1)
}

// TestClusterConfigForms holds that a value means the same in all forms in
// which it can be given, its text in config.yaml among them.
func TestClusterConfigForms(t *testing.T) {
	t.Parallel()
	release := sampleRelease(t, samplerelease.V22)
	groups := map[string][]string{
		"list": {`resolvers = ["8.8.8.8", "1.1.1.1"]`, `resolvers = jsondecode("[\"8.8.8.8\", \"1.1.1.1\"]")`,
			`resolvers = "[\"8.8.8.8\", \"1.1.1.1\"]"`, `extra_parameters = { resolvers = "[\"8.8.8.8\", \"1.1.1.1\"]" }`,
			`resolvers = provider::dcos::parse_config_yaml("resolvers: [8.8.8.8, 1.1.1.1]").resolvers`},
		"map": {`dns_forward_zones = { a = ["10.1.1.1"], b = ["10.1.1.2:53"] }`,
			`dns_forward_zones = jsonencode({ b = ["10.1.1.2:53"], a = ["10.1.1.1"] })`,
			`dns_forward_zones = tomap({ a = tolist(["10.1.1.1"]), b = toset(["10.1.1.2:53"]) })`,
			`dns_forward_zones = "{\"a\": [\"10.1.1.1\"], \"b\": [\"10.1.1.2:53\"]}"`,
			`extra_parameters = { dns_forward_zones = "{\"a\": [\"10.1.1.1\"], \"b\": [\"10.1.1.2:53\"]}" }`,
			`dns_forward_zones = provider::dcos::parse_config_yaml("dns_forward_zones: {a: [10.1.1.1], b: ['10.1.1.2:53']}").dns_forward_zones`},
		"text": {`dns_forward_zones = "{\"b\":[\"10.1.1.1\"] ,\"a\":[]}"`,
			`extra_parameters = { dns_forward_zones = "{\"b\":[\"10.1.1.1\"] ,\"a\":[]}" }`,
			`dns_forward_zones = provider::dcos::parse_config_yaml("dns_forward_zones: '{\"b\":[\"10.1.1.1\"] ,\"a\":[]}'").dns_forward_zones`},
		"mixed": {`rexray_config = { a = [1, 2.5, true, null, "007"], e = {} }`,
			`rexray_config = jsonencode({ a = [1, 2.5, true, null, "007"], e = {} })`,
			`extra_parameters = { rexray_config = "{\"a\": [1, 2.5, true, null, \"007\"], \"e\": {}}" }`},
		"number": {`mesos_max_completed_frameworks = 123456789012345678901`, `mesos_max_completed_frameworks = "123456789012345678901"`,
			`extra_parameters = { mesos_max_completed_frameworks = 123456789012345678901 }`,
			`mesos_max_completed_frameworks = provider::dcos::parse_config_yaml("` +
				`mesos_max_completed_frameworks: 123_456_789_012_345_678_901").mesos_max_completed_frameworks`},
		"bool": {`oauth_enabled = false`, `oauth_enabled = "false"`, `extra_parameters = { oauth_enabled = false }`,
			`oauth_enabled = provider::dcos::parse_config_yaml("oauth_enabled: off").oauth_enabled`},
		"nothing": {``, `oauth_enabled = null`, `rexray_config = var.nothing`, `extra_parameters = { oauth_enabled = null }`,
			`extra_parameters = {}`,
			`ip_detect_public_script = null`, `custom_check_bins = {}`, `bootstrap_id = null`, `publish = null`},
		"sensitive": {`rexray_config = { a = "hidden" }`, `rexray_config = { a = var.hidden }`, `rexray_config = sensitive({ a = "hidden" })`},
		"unknown": {`s3_prefix = "text"`, `s3_prefix = terraform_data.text.output`,
			`extra_parameters = { s3_prefix = terraform_data.text.output }`},
	}
	d := terraform.New(t)
	var text strings.Builder
	text.WriteString(terraform.RequiredProviders + `
variable "nothing" { default = null }
variable "hidden" {
  default   = "hidden"
  sensitive = true
}
resource "terraform_data" "text" { input = "text" }
`)
	for _, group := range sortedKeys(groups) {
		for i, form := range groups[group] {
			text.WriteString(named(fmt.Sprintf("%s_%d", group, i), release, form))
		}
	}
	d.Write("main.tf", text.String())
	d.Apply()
	d.NoChanges()
	state := stateConfigs(d)
	for group, forms := range groups {
		for i, form := range forms {
			want, got := state[group+"_0"], state[fmt.Sprintf("%s_%d", group, i)]
			if got.ConfigID == "" || got.ConfigID != want.ConfigID || !maps.Equal(got.Files, want.Files) {
				t.Errorf("%s is not rendered as %s is", form, forms[0])
			}
		}
	}
}

// TestClusterConfigBootstrapID holds that the output that may be given too is
// told from one that was rendered.
func TestClusterConfigBootstrapID(t *testing.T) {
	t.Parallel()
	release := sampleRelease(t, samplerelease.V22)
	d := terraform.New(t)
	write := func(secret, more string) {
		d.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf("provider \"dcos\" {\n  secrets = { exhibitor_admin_password = %q }\n}\n",
			secret)+staticSite(release, more))
	}
	apply := func() clusterConfigState {
		d.Apply()
		d.NoChanges()
		return stateConfigs(d)["test"]
	}
	write("first-secret", "")
	first := apply()
	write("second-secret", "")
	second := apply()
	write("first-secret", "")
	if again := apply(); !maps.Equal(again.Files, first.Files) || maps.Equal(second.Files, first.Files) {
		t.Error("the files do not follow from the secret alone")
	}
	write("first-secret", fmt.Sprintf("bootstrap_id = %q", first.BootstrapID))
	if given := apply(); given.BootstrapID != first.BootstrapID || given.ID == first.ID {
		t.Errorf("a given bootstrap_id makes no difference")
	}
	write("first-secret", "")
	if again := apply(); again.ID != first.ID {
		t.Error("a bootstrap_id that is not given any more counts as given")
	}
	write("first-secret", "bootstrap_id = terraform_data.id.output\n}\nresource \"terraform_data\" \"id\" {\n  input = \"wrong\"")
	if out, err := d.Try("apply", "-auto-approve", "-no-color"); err == nil || !strings.Contains(out, "must be the release's own") {
		t.Errorf("a wrong bootstrap_id that was not known at plan: %s", out)
	}
}
