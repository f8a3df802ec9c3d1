// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A time limit that is over before it begins is refused where it is given.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	operations := []string{"create", "read", "update", "delete"}
	kinds := map[string]string{"dcos_node": `address = "192.0.2.1"`, "dcos_node_pool": `hosts = { a = { address = "192.0.2.1" } }`}
	validate := func(limits ...string) (string, error) {
		var text strings.Builder
		text.WriteString(terraform.RequiredProviders)
		for kind, place := range kinds {
			for _, operation := range operations {
				for i, limit := range limits {
					fmt.Fprintf(&text, "resource %q \"%s%d\" {\n  %s\n  role = \"agent\"\n  bundle = { id = \"x\", cluster_name = \"x\", "+
						"dcos_version = \"2.2.1\", recipe = \"x\" }\n  timeouts = { %s = %q }\n}\n", kind, operation, i, place, operation, limit)
				}
			}
		}
		d.Write("main.tf", text.String())
		return d.Try("validate", "-no-color")
	}
	if out, err := validate("90s", "1h30m"); err != nil {
		t.Errorf("good ones: %v\n%s", err, out)
	}
	bad := []string{"-5m", "0s", "soon"}
	out, err := validate(bad...)
	if n, want := strings.Count(out, "Invalid Duration"), len(kinds)*len(operations)*len(bad); err == nil || n != want {
		t.Errorf("%d of %d are refused: %v\n%s", n, want, err, out)
	}
	for kind := range kinds {
		for _, operation := range operations {
			mentions(t, out, fmt.Sprintf("with %s.%s0,", kind, operation), fmt.Sprintf("timeouts.%s must be a duration", operation))
		}
	}
	for _, limit := range bad {
		mentions(t, out, fmt.Sprintf("got: %q", limit))
	}
}

// So is every other duration, but for a drain_timeout of nothing.
func TestDurations(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	const bundle = "bundle = { id = \"x\", cluster_name = \"x\", dcos_version = \"2.2.1\", recipe = \"x\" }"
	validate := func(limit, drain string) (string, error) {
		d.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
data "dcos_cluster" "c" {
  url     = "http://192.0.2.1"
  timeout = %[1]q
}
data "dcos_preflight" "p" {
  %[3]s
  hosts           = { a = { address = "192.0.2.1", role = "agent" } }
  connect_timeout = %[1]q
}
resource "dcos_node" "n" {
  address       = "192.0.2.1"
  role          = "agent"
  %[3]s
  drain_timeout = %[2]q
}
resource "dcos_node_pool" "n" {
  hosts         = { a = { address = "192.0.2.1" } }
  role          = "agent"
  %[3]s
  drain_timeout = %[2]q
}
`, limit, drain, bundle))
		return d.Try("validate", "-no-color")
	}
	if out, err := validate("90s", "0s"); err != nil {
		t.Errorf("good ones: %v\n%s", err, out)
	}
	for _, limit := range []string{"-5m", "0s", "soon"} {
		drain, want := limit, 4
		if limit == "0s" {
			drain, want = "1m", 2
		}
		out, err := validate(limit, drain)
		if n := strings.Count(out, "Invalid Duration"); err == nil || n != want {
			t.Errorf("%s: %d of %d are refused: %v\n%s", limit, n, want, err, out)
		}
		d.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf("provider \"dcos\" {\n  ssh = { connect_timeout = %[1]q, "+
			"keepalive_interval = %[1]q }\n}\ndata \"dcos_release\" \"r\" {\n  source = \"x\"\n}\n", limit)) // nobody's block is not looked at
		out, err = d.Try("validate", "-no-color")
		if n := strings.Count(out, "Invalid Duration"); err == nil || n != 2 {
			t.Errorf("%s: %d of 2 of the provider block are refused: %v\n%s", limit, n, err, out)
		}
	}
}
