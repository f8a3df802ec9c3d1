// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// identityOf is the identity of the one dcos_node in the state file: nil where the
// client knows no identities, or there is none.
func identityOf(t *testing.T, s *simSite) map[string]any {
	t.Helper()
	var found map[string]any
	editState(t, s, func(instance map[string]any) {
		if i, ok := instance["identity"].(map[string]any); ok {
			found = i
		}
	})
	return found
}

// editState has each instance of a dcos_node in the state file changed.
func editState(t *testing.T, s *simSite, edit func(instance map[string]any)) {
	t.Helper()
	path := filepath.Join(s.tf.Path, "terraform.tfstate")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	resources, _ := state["resources"].([]any)
	for _, r := range resources {
		if r, ok := r.(map[string]any); ok && r["type"] == "dcos_node" {
			for _, i := range r["instances"].([]any) { //nolint:forcetypeassert // it is a state file
				edit(i.(map[string]any)) //nolint:forcetypeassert // as well
			}
		}
	}
	if text, err = json.Marshal(state); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A node has an identity on every way into the state: created, failed and tainted, of a
// state from before there were identities, imported by its id or by the identity. It
// stays what it was when the port of its SSH server changes in place. Clients that know
// no identities go the same ways without one.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{Failures: 1})
	knows := s.tf.Version().Identity()
	number := 0
	for s.fleet.Fails(simhosts.Address(number)) != simhosts.FailPostflight { // after it was changed
		number++
	}
	address := simhosts.Address(number)
	wants := func(when string, port any) {
		t.Helper()
		got := identityOf(t, s)
		if !knows {
			if got != nil {
				t.Errorf("%s: this client knows identities: %v", when, got)
			}
			return
		}
		if got["address"] != address || got["port"] != port {
			t.Errorf("%s: its identity is %v", when, got)
		}
	}
	node := func(more string) string {
		return fmt.Sprintf("resource \"dcos_node\" \"a\" {\n  address = %q\n  role = \"agent\"\n"+
			"  bundle = dcos_cluster_config.test.bundle\n%s}\n", address, more)
	}
	s.configure("", node(""))
	if out, err := s.tf.Try("apply", "-auto-approve", "-no-color"); err == nil {
		t.Fatalf("it was created:\n%s", out)
	}
	wants("failed", nil)
	s.fleet.Mend()
	s.tf.Apply()
	wants("created in the place of a failed one", nil)

	editState(t, s, func(instance map[string]any) {
		delete(instance, "identity")
		delete(instance, "identity_schema_version")
	})
	s.configure("", node("  drain_timeout = \"1m\"\n"))
	s.tf.Apply("-refresh=false")
	wants("changed in a former version's state", nil)
	editState(t, s, func(instance map[string]any) {
		delete(instance, "identity")
		delete(instance, "identity_schema_version")
	})
	s.tf.Apply("-refresh-only")
	wants("refreshed in a former version's state", nil)
	port := fmt.Sprintf("  ssh = { port = %d }\n", s.fleet.Port())
	s.configure("", node(port))
	s.tf.Apply()
	s.tf.NoChanges()
	wants("of another port", nil)

	s.tf.Run("state", "rm", "dcos_node.a")
	id := fmt.Sprintf("%s:%d", address, s.fleet.Port())
	s.configure("", node(port)+fmt.Sprintf("import {\n  to = dcos_node.a\n  id = %q\n}\n", id))
	s.tf.Apply()
	wants("imported by its id", float64(s.fleet.Port()))
	if !knows {
		s.tf.Destroy()
		return
	}
	by := func(identity string) string {
		return node(port) + fmt.Sprintf("import {\n  to = dcos_node.a\n  identity = %s\n}\n", identity)
	}
	s.tf.Run("state", "rm", "dcos_node.a")
	s.configure("", by(fmt.Sprintf("{ address = \"root@%s\" }", address)))
	if out, err := s.tf.Try("plan", "-no-color"); err == nil || !strings.Contains(out, "Invalid Identity") {
		t.Errorf("an identity with a user: %v\n%s", err, out)
	}
	s.configure("", by(fmt.Sprintf("{ address = %q, port = %d }", address, s.fleet.Port())))
	s.tf.Apply()
	wants("imported by its identity", float64(s.fleet.Port()))
	s.tf.NoChanges()
	s.tf.Destroy()
}

// What an identity may name.
func TestImportedFrom(t *testing.T) {
	t.Parallel()
	var schema resource.IdentitySchemaResponse
	(&nodeResource{}).IdentitySchema(t.Context(), resource.IdentitySchemaRequest{}, &schema)
	identity := func(address types.String, port types.Int64) *tfsdk.ResourceIdentity {
		i := &tfsdk.ResourceIdentity{Schema: schema.IdentitySchema,
			Raw: tftypes.NewValue(schema.IdentitySchema.Type().TerraformType(t.Context()), nil)}
		if diags := i.Set(t.Context(), nodeIdentityModel{address, port}); diags.HasError() {
			t.Fatal(diags)
		}
		return i
	}
	for _, good := range []importID{{address: "10.0.0.1"}, {address: "fd00::1", port: 2222}, {address: "host.example.com", port: 65535}} {
		port := types.Int64Value(good.port)
		if good.port == 0 {
			port = types.Int64Null()
		}
		got, diags := importedFrom(t.Context(), resource.ImportStateRequest{Identity: identity(types.StringValue(good.address), port)})
		if diags.HasError() || got != good {
			t.Errorf("%v: %v, %v", good, got, diags)
		}
	}
	for _, bad := range []*tfsdk.ResourceIdentity{
		identity(types.StringValue(""), types.Int64Null()), identity(types.StringValue("user@10.0.0.1"), types.Int64Null()),
		identity(types.StringValue("10.0.0.1:22"), types.Int64Null()), identity(types.StringValue("10.0.0.1"), types.Int64Value(0)),
		identity(types.StringValue("10.0.0.1"), types.Int64Value(65536)), identity(types.StringValue("a b"), types.Int64Value(22)),
	} {
		if got, diags := importedFrom(t.Context(), resource.ImportStateRequest{Identity: bad}); !diags.HasError() {
			t.Errorf("%v is taken for %v", bad.Raw, got)
		}
	}
}
