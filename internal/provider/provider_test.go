// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// factories runs the provider in the process of the test.
func factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		typeName: func() (tfprotov6.ProviderServer, error) { return NewServer("test", nil)(), nil },
	}
}

// TestSchemas asks for all schemas as Terraform does, and holds that each
// attribute of each is described.
func TestSchemas(t *testing.T) {
	t.Parallel()
	server, err := factories()[typeName]()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Diagnostics {
		t.Errorf("%s: %s (%s)", d.Summary, d.Detail, d.Attribute)
	}
	described(t, "provider", resp.Provider)
	for name, s := range resp.ResourceSchemas {
		described(t, name, s)
	}
	for name, s := range resp.DataSourceSchemas {
		described(t, "data."+name, s)
	}
	for name, s := range resp.ActionSchemas {
		described(t, "action."+name, s.Schema)
	}
	if len(resp.ActionSchemas) != 6 {
		t.Errorf("there are %d actions", len(resp.ActionSchemas))
	}
	for name, f := range resp.Functions {
		if f.Description == "" || f.Summary == "" {
			t.Errorf("function %s has no description", name)
		}
		for _, p := range f.Parameters {
			if p.Description == "" {
				t.Errorf("parameter %s of function %s has no description", p.Name, name)
			}
		}
	}
}

func described(t *testing.T, name string, s *tfprotov6.Schema) {
	t.Helper()
	if s.Block.Description == "" {
		t.Errorf("%s has no description", name)
	}
	if len(s.Block.BlockTypes) > 0 {
		t.Errorf("%s has blocks; nested attributes are the house's way", name)
	}
	attributesDescribed(t, name, s.Block.Attributes)
}

func attributesDescribed(t *testing.T, name string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, a := range attributes {
		path := name + "." + a.Name
		if a.Description == "" {
			t.Errorf("%s has no description", path)
		}
		if a.NestedType != nil {
			attributesDescribed(t, path, a.NestedType.Attributes)
		}
	}
}
