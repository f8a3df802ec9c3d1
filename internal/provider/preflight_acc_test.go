// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestAccPreflight checks a host that is well, one that is a clone of it and
// lacks a command, and one that nobody reaches; nothing is left on them.
func TestAccPreflight(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 1, 0)
	well, bad := s.masters[0], s.agents[0]
	id, err := well.ReadFile("/etc/machine-id")
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.WriteFile("/etc/machine-id", id, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Shell(t.Context(), "mv /usr/bin/unzip /usr/bin/unzip.away"); err != nil {
		t.Fatal(err)
	}
	if s.before[bad.Name], err = bad.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	config := func(hosts, more string) string {
		return fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user        = %q
    private_key = file(%q)
  }
}
resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "preflight"
  master_discovery          = "static"
  master_list               = [%q]
  exhibitor_storage_backend = "static"
  ip_detect_script          = provider::dcos::ip_detect("route")
}
data "dcos_preflight" "test" {
  bundle = dcos_cluster_config.test.bundle
  hosts = {
    m1 = { address = %q, role = "master", ssh = { host_key = %q, user = %q } }
    %s
  }
  %s
}
`, lab.UserNoPassword, s.lab.KeyFile(), sampleRelease(t, samplerelease.V22), well.Address, well.Address, well.HostKey,
			lab.UserRequireTTY, hosts, more)
	}
	const data = "data.dcos_preflight.test"
	value := func(path tfjsonpath.Path, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(data, path, check)
	}
	finding := func(host, name, found string) statecheck.StateCheck {
		return value(tfjsonpath.New("findings").AtMapKey(host), knownvalue.ListPartial(map[int]knownvalue.Check{
			0: knownvalue.ObjectPartial(map[string]knownvalue.Check{
				"name": knownvalue.StringExact(name), "severity": knownvalue.StringExact("error"),
				"found": knownvalue.StringRegexp(regexp.MustCompile(found)), "needed": knownvalue.NotNull(), "hint": knownvalue.NotNull(),
			}),
		}))
	}
	others := fmt.Sprintf(`
    a1 = { address = %q, role = "agent" }
    a2 = { address = "198.18.77.77", role = "agent" }`, bad.Address)
	clone := fmt.Sprintf("a1 = { address = %q, role = \"agent\" }", bad.Address)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(),
		Steps: []resource.TestStep{
			{
				Config: config("", ""),
				ConfigStateChecks: []statecheck.StateCheck{
					value(tfjsonpath.New("passed"), knownvalue.Bool(true)),
					value(tfjsonpath.New("problems"), knownvalue.ListExact(nil)),
				},
			},
			{
				Config: config(others, `connect_timeout = "2s"`),
				ConfigStateChecks: []statecheck.StateCheck{
					value(tfjsonpath.New("passed"), knownvalue.Bool(false)),
					finding("a1", "commands", "no unzip"),
					finding("a2", "connect", `198\.18\.77\.77`),
				},
			},
			{
				Config:      config(others, `skip = ["commands", "no-such-check"]`),
				ExpectError: regexp.MustCompile(`(?s)Unknown Preflight Check.*no-such-check.*ip-detect`),
			},
			{
				// Whichever was looked at last is the clone of the other.
				Config: config(clone, `skip = ["commands"]`),
				ConfigStateChecks: []statecheck.StateCheck{
					value(tfjsonpath.New("passed"), knownvalue.Bool(false)),
					value(tfjsonpath.New("problems"),
						knownvalue.ListExact([]knownvalue.Check{knownvalue.StringRegexp(regexp.MustCompile("machine-id.*machine id of its own"))})),
				},
			},
			{
				Config: config(clone, `skip = ["commands", "machine-id"]`),
				ConfigStateChecks: []statecheck.StateCheck{
					value(tfjsonpath.New("passed"), knownvalue.Bool(true)),
				},
			},
		},
	})
	s.tf.Write("main.tf", terraform.RequiredProviders+config(others, `connect_timeout = "2s"`))
	if out := s.tf.Run("apply", "-auto-approve", "-no-color"); !strings.Contains(out, "Hosts Not Checked") ||
		!strings.Contains(out, "a2 could not be checked") {
		t.Errorf("a host that nobody reaches is passed over:\n%s", out)
	}
	// As its page says: with -target the hosts are checked, and what depends on that is not installed.
	s.tf.Write("main.tf", terraform.RequiredProviders+strings.Replace(config(clone, "@"), "@", `
  lifecycle {
    postcondition {
      condition     = self.passed
      error_message = join("\n", self.problems)
    }
  }
`, 1)+fmt.Sprintf(`
resource "dcos_node" "m1" {
  address    = %q
  role       = "master"
  bundle     = dcos_cluster_config.test.bundle
  depends_on = [data.dcos_preflight.test]
}
`, well.Address))
	for _, args := range [][]string{{"-target=data.dcos_preflight.test"}, nil} {
		out, err := s.tf.Try(append([]string{"apply", "-auto-approve", "-no-color"}, args...)...)
		if err == nil || !strings.Contains(out, "no unzip") {
			t.Errorf("apply %v: %v\n%s", args, err, out)
		}
	}
	if out := s.tf.Run("state", "list"); strings.Contains(out, "dcos_node") {
		t.Errorf("a node was installed: %s", out)
	}
	s.clean(well, bad)
}
