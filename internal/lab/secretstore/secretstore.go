// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package secretstore is a provider with nothing but an ephemeral resource, as
// vaults have them: its value is in no state and no plan, and is read anew
// each time Terraform needs it.
//
//	ephemeral "secretstore_value" "sudo" {
//	  name = "sudo"
//	}
package secretstore

import (
	"context"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A Store has secrets.
type Store struct {
	Values map[string]string // by name

	mu     sync.Mutex
	opened map[string]int
}

// New makes a store.
func New(values map[string]string) *Store { return &Store{Values: values, opened: map[string]int{}} }

// Serve serves the provider until the test ends, and gives the environment for
// Terraform. Its name is the one that Terraform takes for granted where no
// required_providers says another.
func (s *Store) Serve(t *testing.T) (environment string) {
	t.Helper()
	return terraform.Serve(t, "hashicorp/secretstore", s)
}

// Opened says how often a secret was read.
func (s *Store) Opened(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened[name]
}

var _ provider.ProviderWithEphemeralResources = (*Store)(nil)

// Metadata names the provider.
func (s *Store) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "secretstore"
}

// Schema has nothing to configure.
func (s *Store) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

// Configure configures nothing.
func (s *Store) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

// Resources are none.
func (s *Store) Resources(context.Context) []func() resource.Resource { return nil }

// DataSources are none.
func (s *Store) DataSources(context.Context) []func() datasource.DataSource { return nil }

// EphemeralResources are secretstore_value.
func (s *Store) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return &value{s} }}
}

// value is secretstore_value.
type value struct{ store *Store }

func (v *value) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "secretstore_value"
}

func (v *value) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":  schema.StringAttribute{Required: true},
		"value": schema.StringAttribute{Computed: true},
	}}
}

func (v *value) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var name types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, tfpath.Root("name"), &name)...)
	secret, found := v.store.Values[name.ValueString()]
	if !found {
		resp.Diagnostics.AddAttributeError(tfpath.Root("name"), "No Such Secret", name.ValueString())
	}
	if resp.Diagnostics.HasError() {
		return
	}
	v.store.mu.Lock()
	v.store.opened[name.ValueString()]++
	v.store.mu.Unlock()
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, tfpath.Root("name"), name)...)
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, tfpath.Root("value"), secret)...)
}
