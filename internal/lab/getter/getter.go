// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package getter is a provider as those are that work on a running cluster: its block says
// where the cluster is, and what it reads it reads from there.
//
//	provider "getter" {
//	  url = ephemeral.dcos_tunnel.main.url
//	}
//
//	data "getter_page" "version" {
//	  path = "/dcos-metadata/dcos-version.json"
//	}
package getter

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// Serve serves the provider until the test ends, and gives the environment for Terraform.
// Its name is the one that Terraform takes for granted where no required_providers says
// another.
func Serve(t *testing.T) (environment string) {
	t.Helper()
	return terraform.Serve(t, "hashicorp/getter", getter{})
}

type getter struct{}

var _ provider.Provider = getter{}

// Metadata names the provider.
func (getter) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "getter"
}

// Schema has the URL.
func (getter) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerschema.Schema{Attributes: map[string]providerschema.Attribute{
		"url": providerschema.StringAttribute{Required: true},
	}}
}

// Configure keeps the URL.
func (getter) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config struct {
		URL types.String `tfsdk:"url"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.DataSourceData = config.URL.ValueString()
}

// Resources are none.
func (getter) Resources(context.Context) []func() resource.Resource { return nil }

// DataSources are getter_page.
func (getter) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &page{} }}
}

// page is getter_page.
type page struct{ url string }

func (p *page) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "getter_page"
}

func (p *page) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	p.url, _ = req.ProviderData.(string) // "" until the provider is configured
}

func (p *page) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"path":   schema.StringAttribute{Required: true},
		"status": schema.Int64Attribute{Computed: true},
		"body":   schema.StringAttribute{Computed: true},
	}}
}

func (p *page) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model struct {
		Path   types.String `tfsdk:"path"`
		Status types.Int64  `tfsdk:"status"`
		Body   types.String `tfsdk:"body"`
	}
	if resp.Diagnostics.Append(req.Config.Get(ctx, &model)...); resp.Diagnostics.HasError() {
		return
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.url, "/")+model.Path.ValueString(), nil)
	if err != nil {
		resp.Diagnostics.AddError("No Request", err.Error())
		return
	}
	answer, err := http.DefaultClient.Do(call)
	if err != nil {
		resp.Diagnostics.AddError("No Answer", err.Error())
		return
	}
	defer answer.Body.Close() // only read
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		resp.Diagnostics.AddError("Half An Answer", err.Error())
		return
	}
	model.Status, model.Body = types.Int64Value(int64(answer.StatusCode)), types.StringValue(string(text))
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}
