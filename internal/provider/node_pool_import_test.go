// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// What an import of a pool may name, and what it makes of it.
func TestPoolImport(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.1":           "10.0.0.1:10.0.0.1",
		"10.0.0.2, 10.0.0.1": "10.0.0.1:10.0.0.1 10.0.0.2:10.0.0.2",
		"b=core@10.0.0.1:2222,a=host.example.com": "a:host.example.com b:10.0.0.1:2222",
		"core@10.0.0.1:2222":                      "10.0.0.1:2222:10.0.0.1:2222",
		"fd00::1,six=[fd00::2]:22":                "fd00::1:fd00::1 six:[fd00::2]:22",
		"":                                        "",
		"10.0.0.1,":                               "",
		"10.0.0.1,10.0.0.1":                       "",
		"a=10.0.0.1,a=10.0.0.2":                   "",
		"=10.0.0.1":                               "",
		"a=":                                      "",
		"@10.0.0.1":                               "",
		"10.0.0.1 10.0.0.2":                       "",
		"10.0.0.1:0":                              "",
	} {
		hosts, err := poolImport(text)
		var got []string
		for _, h := range hosts {
			read, diags := readHost(t.Context(), h.name, h.raw, tfpath.Root("hosts"))
			if diags.HasError() {
				t.Errorf("%q: %v", text, diags)
			}
			got = append(got, h.name+":"+read.identity())
		}
		if s := strings.Join(got, " "); s != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, not %q; %v", text, s, want, err)
		}
	}
}

// A pool whose state was lost is imported, with a configuration that Terraform writes; the
// plan is empty, upgrades go on from there, and destroy finds all of it.
func TestNodePoolImport(t *testing.T) {
	t.Parallel()
	const n = 3
	s := newSimSite(t, simhosts.Options{})
	s.configure("", pool("a", s.hosts(0, n), ""))
	s.tf.Apply()
	id := s.state()["id"]
	s.tf.Run("state", "rm", "dcos_node_pool.a")
	_, since := s.worked("connect", 0)

	imports := func(id string) string {
		return fmt.Sprintf("import {\n  to = dcos_node_pool.a\n  id = %q\n}\n", id)
	}
	named := func(from, to int) string {
		var parts []string
		for i := from; i < to; i++ {
			parts = append(parts, fmt.Sprintf("h%d=%s", i, simhosts.Address(i)))
		}
		return strings.Join(parts, ",")
	}
	for bad, want := range map[string]string{
		"h1=":                          "Invalid Import Id",
		named(0, n+1):                  "Nothing To Import",
		named(0, n) + ",x=127.0.0.256": "Host Not Reachable",
	} {
		s.configure("", pool("a", s.hosts(0, n+1), "")+imports(bad))
		out, err := s.tf.Try("plan", "-no-color")
		if err == nil {
			t.Errorf("%q was imported:\n%s", bad, out)
		}
		mentions(t, out, want)
	}

	s.configure("", imports(named(0, n)))
	// Clients write the file, and then find its bundle wanting, of which the recipe is secret.
	out, _ := s.tf.Try("plan", "-no-color", "-generate-config-out=generated.tf")
	mentions(t, out, "Imported Node Had An Owner", "bundle")
	generated := readFile(t, filepath.Join(s.tf.Path, "generated.tf"))
	bundle := regexp.MustCompile(`  bundle += (\{[^}]*\}|null)[^\n]*`)
	if !bundle.MatchString(generated) {
		t.Fatalf("there is no bundle in\n%s", generated)
	}
	s.tf.Write("generated.tf", bundle.ReplaceAllString(generated, "  bundle = dcos_cluster_config.test.bundle"))
	mentions(t, s.tf.Apply(), "1 imported, 0 added, 0 changed, 0 destroyed", "Imported Node Had An Owner")
	if got := s.state()["id"]; got != id {
		t.Errorf("its hosts have the claim %v, and the pool the id %v", id, got)
	}
	s.tf.NoChanges()
	for _, stage := range []string{"install", "upgrade", "uninstall"} {
		if got, _ := s.worked(stage, since); len(got) > 0 {
			t.Errorf("%s on %v", stage, got)
		}
	}

	// One differs; another bundle for all.
	s.fleet.Alter(simhosts.Address(1))
	mentions(t, s.tf.Apply(), "1 of 3 Hosts To Do", "differs from the bundle")
	s.tf.NoChanges()
	s.configure(`gc_delay = "3days"`, imports(named(0, n)))
	mentions(t, s.tf.Apply(), "3 of 3 Hosts To Do", "has another bundle")
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Count().Installed; got != 0 {
		t.Errorf("%d installed", got)
	}
}

// The front of the provider hands a pool on as users see it, whatever is asked: imports, what
// a configuration is made of, and states of other types that become pools.
func TestPoolFront(t *testing.T) {
	t.Parallel()
	server := NewServer("test", nil)()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	kind := schemas.ResourceSchemas[poolTypeName].ValueType()
	attributes := func(d *tfprotov6.DynamicValue) map[string]tftypes.Value {
		t.Helper()
		value, err := d.Unmarshal(kind)
		if err != nil {
			t.Fatalf("it is no pool: %v", err)
		}
		values := map[string]tftypes.Value{}
		if err := value.As(&values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	imported, err := server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: poolTypeName,
		ID: "a=core@10.0.0.1:2222,b=10.0.0.2"})
	if err != nil || len(imported.ImportedResources) != 1 {
		t.Fatalf("%v, %v", imported, err)
	}
	state := imported.ImportedResources[0].State
	hosts := attributes(state)["hosts"]
	var each map[string]tftypes.Value
	if err := hosts.As(&each); err != nil || len(each) != 2 {
		t.Errorf("the hosts are %v, %v", hosts, err)
	}
	generated, err := server.GenerateResourceConfig(t.Context(),
		&tfprotov6.GenerateResourceConfigRequest{TypeName: poolTypeName, State: state})
	if err != nil {
		t.Fatal(err)
	}
	if got := attributes(generated.Config); !got["hosts"].Equal(hosts) || !got["nodes"].IsNull() {
		t.Errorf("the configuration is %v", got)
	}
	bad, err := server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: poolTypeName, ID: "a="})
	if err != nil || !strings.Contains(words(bad.Diagnostics), "Invalid Import Id") {
		t.Errorf("%v, %v", bad, err)
	}
	moved, err := server.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{SourceTypeName: "terraform_data",
		TargetTypeName: poolTypeName, SourceState: &tfprotov6.RawState{JSON: []byte("{}")}})
	if err != nil || len(moved.Diagnostics) == 0 {
		t.Errorf("a pool was made of %v, %v", moved, err)
	}
}
