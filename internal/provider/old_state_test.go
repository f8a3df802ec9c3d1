// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// writeStates (go test ./internal/provider -run TestOldState -write-states) is
// for a version that is about to be tagged, never for one that has been.
var writeStates = flag.Bool("write-states", false, "write the states of testdata/states anew with the present provider")

// TestOldState reads states that earlier versions have written: each has an
// empty plan with the configuration it was made from. The release that the
// state names is not there, and is not needed; nor are the hosts, which are
// simulated ones that are gone.
func TestOldState(t *testing.T) {
	t.Parallel()
	configurations, err := filepath.Glob(filepath.Join("testdata", "states", "*.tf"))
	if err != nil || len(configurations) == 0 {
		t.Fatalf("there are no states: %v", err)
	}
	kinds := map[string]bool{}
	for _, configuration := range configurations {
		t.Run(filepath.Base(configuration), func(t *testing.T) {
			state := configuration + "state"
			if *writeStates {
				writeState(t, configuration, state)
				if strings.HasPrefix(filepath.Base(configuration), "nodes-") {
					writeSchemas(t, schemasOf(configuration))
				}
			}
			for _, kind := range []string{"dcos_cluster_config", "dcos_node", "dcos_node_pool"} {
				kinds[kind] = kinds[kind] || strings.Contains(readFile(t, state), `"type": "`+kind+`"`)
			}
			var args []string
			if strings.Contains(readFile(t, configuration), "address") {
				args = append(args, "-refresh=false")
			}
			d := terraform.New(t)
			d.Write("terraform.tfstate", readFile(t, state))
			d.Write("main.tf", terraform.RequiredProviders+readFile(t, configuration))
			if args == nil {
				d.NoChanges()
			} else {
				noValueChanges(t, d.Plan(args...))
			}
			d.Destroy(args...)
		})
	}
	if len(kinds) != 3 || !kinds["dcos_cluster_config"] || !kinds["dcos_node"] || !kinds["dcos_node_pool"] {
		t.Errorf("resources in states: %v", kinds)
	}
}

// noValueChanges holds that a plan changes no value. Terraform takes over what is
// sensitive by today's schema when it refreshes; where it does not it plans an
// update for that alone.
func noValueChanges(t *testing.T, changes map[string]terraform.Change) {
	t.Helper()
	for address, c := range changes {
		if c := c.Change; !slices.Equal(c.Actions, []string{"update"}) || !reflect.DeepEqual(c.Before, c.After) || unknownIn(c.Unknown) {
			t.Errorf("%s: %v %v → %v, unknown %v", address, c.Actions, c.Before, c.After, c.Unknown)
		}
	}
}

// unknownIn reports whether anything of a value is unknown.
func unknownIn(value any) bool {
	switch v := value.(type) {
	case bool:
		return v
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), unknownIn)
	case []any:
		return slices.ContainsFunc(v, unknownIn)
	}
	return false
}

// TestSchemaVersions holds that a schema of a new version can read states of
// all versions before, and that a state of each version is kept to try it on.
func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	states, err := filepath.Glob(filepath.Join("testdata", "states", "*.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, state := range states {
		var content struct {
			Resources []struct {
				Type      string
				Instances []struct {
					Version int64 `json:"schema_version"`
				}
			}
		}
		if err := json.Unmarshal([]byte(readFile(t, state)), &content); err != nil {
			t.Fatal(err)
		}
		for _, r := range content.Resources {
			for _, i := range r.Instances {
				kept[fmt.Sprintf("%s, version %d", r.Type, i.Version)] = true
			}
		}
	}
	for _, newResource := range (&dcosProvider{}).Resources(t.Context()) {
		r := newResource()
		var name resource.MetadataResponse
		var schema resource.SchemaResponse
		r.Metadata(t.Context(), resource.MetadataRequest{ProviderTypeName: typeName}, &name)
		r.Schema(t.Context(), resource.SchemaRequest{}, &schema)
		upgraders := map[int64]resource.StateUpgrader{}
		if u, ok := r.(resource.ResourceWithUpgradeState); ok {
			upgraders = u.UpgradeState(t.Context())
		}
		for version := range schema.Schema.Version + 1 {
			if of := fmt.Sprintf("%s, version %d", name.TypeName, version); !kept[of] {
				t.Errorf("no state is kept of %s", of)
			}
			if _, found := upgraders[version]; !found && version < schema.Schema.Version {
				t.Errorf("%s cannot read states of version %d", name.TypeName, version)
			}
		}
	}
}

// writeState writes a state, with simulated hosts for nodes.
func writeState(t *testing.T, configuration, state string) {
	t.Helper()
	s := newSimSite(t, simhosts.Options{})
	s.tf.Env = append(s.tf.Env, "DCOS_SSH_PORT="+strconv.Itoa(s.fleet.Port()), "DCOS_SSH_PRIVATE_KEY="+readFile(t, s.key))
	s.tf.Write("main.tf", terraform.RequiredProviders+readFile(t, configuration))
	if err := os.Symlink(sampleRelease(t, samplerelease.V22), filepath.Join(s.tf.Path, "dcos_generate_config.sh")); err != nil {
		t.Fatal(err)
	}
	s.tf.Apply()
	text := readFile(t, filepath.Join(s.tf.Path, "terraform.tfstate"))
	if err := os.WriteFile(state, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
