// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// Serve serves the provider from this process until the test ends, and gives
// the environment in which Terraform takes it for hashicorp/aws.
func (c *Cloud) Serve(t *testing.T) (environment string) {
	t.Helper()
	return terraform.Serve(t, "hashicorp/aws", &awsProvider{c})
}

// ServeSchemas serves the provider without a cloud: what terraform validate
// looks at, and no more.
func ServeSchemas(t *testing.T) (environment string) {
	t.Helper()
	return terraform.Serve(t, "hashicorp/aws", &awsProvider{})
}

// awsProvider is the provider. It has no cloud where only schemas are served.
type awsProvider struct{ cloud *Cloud }

var _ provider.Provider = (*awsProvider)(nil)

func (p *awsProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "aws"
}

func (p *awsProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerschema.Schema{
		Attributes: map[string]providerschema.Attribute{"region": providerschema.StringAttribute{Optional: true}},
		Blocks: map[string]providerschema.Block{
			"default_tags": providerschema.ListNestedBlock{NestedObject: providerschema.NestedBlockObject{
				Attributes: map[string]providerschema.Attribute{"tags": providerschema.MapAttribute{ElementType: types.StringType, Optional: true}},
			}},
		},
	}
}

// Configure holds that it is about the region that there is.
func (p *awsProvider) Configure(_ context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	content := map[string]tftypes.Value{}
	if err := req.Config.Raw.As(&content); err != nil {
		resp.Diagnostics.AddError("Configuration", err.Error())
		return
	}
	if region := values(content).text("region"); region != p.cloud.region {
		resp.Diagnostics.AddError("Region", fmt.Sprintf("the stand-in has the region %q, not %q", p.cloud.region, region))
	}
}

func (p *awsProvider) Resources(context.Context) []func() resource.Resource {
	var all []func() resource.Resource
	for _, k := range kinds {
		all = append(all, func() resource.Resource { return &anyResource{p.cloud, k} })
	}
	return all
}

func (p *awsProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		func() datasource.DataSource { return &zones{p.cloud} },
		func() datasource.DataSource { return &instances{} },
	}
}

// anyResource is a resource of a kind.
type anyResource struct {
	cloud *Cloud
	kind  *kind
}

var _ resource.Resource = (*anyResource)(nil)

func (r *anyResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = r.kind.name
}

func (r *anyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: r.kind.attributes, Blocks: r.kind.blocks}
}

func read(raw tftypes.Value, diagnostics *diag.Diagnostics) values {
	content := map[string]tftypes.Value{}
	if err := raw.As(&content); err != nil {
		diagnostics.AddError("Value", err.Error())
	}
	return content
}

func (r *anyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	v := read(req.Plan.Raw, &resp.Diagnostics)
	err := r.cloud.refer(r.kind, v)
	var given map[string]any
	if err == nil {
		given, err = r.kind.create(ctx, r.cloud, v)
	}
	if err != nil {
		resp.Diagnostics.AddError("Creating "+r.kind.name, err.Error())
		return
	}
	r.complete(v, given)
	r.cloud.put(r.kind.name, v.text("id"), v)
	resp.State.Raw = tftypes.NewValue(req.Plan.Raw.Type(), map[string]tftypes.Value(v))
	r.settle(ctx, v, &resp.Diagnostics)
}

// complete gives computed attributes their values: those given, else null.
func (r *anyResource) complete(v values, given map[string]any) {
	for name, value := range v {
		if value.IsKnown() {
			continue
		}
		switch g := given[name].(type) {
		case string:
			v[name] = tftypes.NewValue(value.Type(), g)
		case int:
			v[name] = tftypes.NewValue(value.Type(), big.NewFloat(float64(g)))
		default:
			v[name] = tftypes.NewValue(value.Type(), nil)
		}
	}
}

// settle does what hangs on a resource that was made or changed.
func (r *anyResource) settle(ctx context.Context, v values, diagnostics *diag.Diagnostics) {
	if r.kind.name == "aws_elb_attachment" {
		if err := r.cloud.balance(ctx, v.text("elb")); err != nil {
			diagnostics.AddError("Attaching", err.Error())
		}
	}
}

func (r *anyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	if _, found := r.cloud.get(r.kind.name, read(req.State.Raw, &resp.Diagnostics).text("id")); !found {
		resp.State.RemoveResource(ctx)
	}
}

func (r *anyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	v, before := read(req.Plan.Raw, &resp.Diagnostics), read(req.State.Raw, &resp.Diagnostics)
	for name, value := range v {
		if !value.IsKnown() {
			v[name] = before[name]
		}
	}
	r.cloud.put(r.kind.name, v.text("id"), v)
	if r.kind.update != nil {
		if err := r.kind.update(ctx, r.cloud, v); err != nil {
			resp.Diagnostics.AddError("Changing "+r.kind.name, err.Error())
			return
		}
	}
	resp.State.Raw = tftypes.NewValue(req.Plan.Raw.Type(), map[string]tftypes.Value(v))
}

func (r *anyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	v := read(req.State.Raw, &resp.Diagnostics)
	id := v.text("id")
	err := r.cloud.unused(r.kind.name, id)
	if err == nil && r.cloud.Deleting != nil {
		err = r.cloud.Deleting(ctx, r.kind.name, id)
	}
	if err == nil && r.kind.remove != nil {
		err = r.kind.remove(ctx, r.cloud, v)
	}
	if err != nil {
		resp.Diagnostics.AddError("Deleting "+r.kind.name, err.Error())
		return
	}
	r.cloud.drop(r.kind.name, id)
	r.settle(ctx, v, &resp.Diagnostics)
}

// zones is the data source aws_availability_zones.
type zones struct{ cloud *Cloud }

var _ datasource.DataSource = (*zones)(nil)

func (z *zones) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "aws_availability_zones"
}

func (z *zones) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = dataschema.Schema{Attributes: map[string]dataschema.Attribute{
		"id": dataschema.StringAttribute{Computed: true}, "state": dataschema.StringAttribute{Optional: true},
		"names": dataschema.ListAttribute{ElementType: types.StringType, Computed: true},
	}, Blocks: map[string]dataschema.Block{"filter": filterBlock()}}
}

// filterBlock is the filter of EC2's data sources.
func filterBlock() dataschema.Block {
	return dataschema.SetNestedBlock{NestedObject: dataschema.NestedBlockObject{Attributes: map[string]dataschema.Attribute{
		"name":   dataschema.StringAttribute{Required: true},
		"values": dataschema.SetAttribute{ElementType: types.StringType, Required: true},
	}}}
}

func (z *zones) Read(_ context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	v := read(req.Config.Raw, &resp.Diagnostics)
	found := append([]string{z.cloud.localZone()}, z.cloud.zones()...)
	for _, filter := range v.blocks("filter") {
		if filter.text("name") != "opt-in-status" {
			resp.Diagnostics.AddError("Filter", "the stand-in knows no filter "+filter.text("name"))
		}
		wanted := filter.all("values")
		found = slices.DeleteFunc(found, func(zone string) bool {
			status := "opt-in-not-required"
			if zone == z.cloud.localZone() {
				status = "opted-in"
			}
			return !slices.Contains(wanted, status)
		})
	}
	var names []tftypes.Value
	for _, name := range found {
		names = append(names, tftypes.NewValue(tftypes.String, name))
	}
	state := maps.Clone(v)
	state["id"] = tftypes.NewValue(tftypes.String, z.cloud.region)
	state["names"] = tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, names)
	resp.State.Raw = tftypes.NewValue(req.Config.Raw.Type(), map[string]tftypes.Value(state))
}
