// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A time limit that is over before it begins is refused where it is given.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	d := terraform.New(t)
	kinds := map[string]string{"dcos_node": `address = "192.0.2.1"`, "dcos_node_pool": `hosts = { a = { address = "192.0.2.1" } }`}
	for kind, place := range kinds {
		for _, operation := range []string{"create", "read", "update", "delete"} {
			for limit, good := range map[string]bool{"-5m": false, "0s": false, "soon": false, "90s": true} {
				d.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
resource %q "x" {
  %s
  role   = "agent"
  bundle = { id = "x", cluster_name = "x", dcos_version = "2.2.1", recipe = "x" }
  timeouts = {
    %s = %q
  }
}
`, kind, place, operation, limit))
				out, err := d.Try("validate", "-no-color")
				switch {
				case good && err != nil:
					t.Errorf("%s of %s, %s: %s", operation, kind, limit, out)
				case !good && err == nil:
					t.Errorf("%s of %s, %s: it is taken", operation, kind, limit)
				case !good:
					mentions(t, out, "Invalid Duration", fmt.Sprintf(`timeouts.%s must be a duration`, operation), fmt.Sprintf("got: %q", limit))
				}
			}
		}
	}
}
