// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ resource.Resource               = (*clusterConfigResource)(nil)
	_ resource.ResourceWithConfigure  = (*clusterConfigResource)(nil)
	_ resource.ResourceWithModifyPlan = (*clusterConfigResource)(nil)
)

// clusterConfigResource is dcos_cluster_config: it renders, publishes what it
// rendered if that is asked for, and never touches a host.
type clusterConfigResource struct{ shared *shared }

func newClusterConfigResource() resource.Resource { return &clusterConfigResource{} }

// Metadata names the resource.
func (r *clusterConfigResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster_config"
}

// Schema is made from the table of parameters.
func (r *clusterConfigResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = clusterConfigSchema()
}

// Configure takes what the provider block made.
func (r *clusterConfigResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.shared = sharedFrom(req.ProviderData)
}

// Create renders and publishes.
func (r *clusterConfigResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.Diagnostics.Append(r.apply(ctx, req.Plan, req.Config, &resp.State, resp.Private)...)
	if resp.Diagnostics.HasError() {
		return
	}
	publishing, diags := readPublishing(ctx, resp.State)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(r.publish(ctx, publishing, nil)...)
	if resp.Diagnostics.HasError() {
		// There is nothing to keep but what was published of it.
		resp.Diagnostics.Append(publishing.withdraw(ctx, r.shared).Errors()...)
		resp.State.RemoveResource(ctx)
	}
}

// Read looks for what was published. All else is kept, since the inputs are all
// there is; files of former versions are made what is shown today, so that the
// plan of a change names those that it touches and no others.
func (r *clusterConfigResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var files map[string]string
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, tfpath.Root("files"), &files)...)
	if shown := shownFiles(files); !maps.Equal(shown, files) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, tfpath.Root("files"), shown)...)
	}
	publishing, diags := readPublishing(ctx, req.State)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() || publishing.Published.IsNull() {
		return
	}
	resp.Diagnostics.Append(publishing.look(ctx, r.shared)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, tfpath.Root(publishedName), publishing.Published)...)
}

// Update renders and publishes again.
func (r *clusterConfigResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	before, diags := readPublishing(ctx, req.State)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(r.apply(ctx, req.Plan, req.Config, &resp.State, resp.Private)...)
	if resp.Diagnostics.HasError() {
		return
	}
	publishing, diags := readPublishing(ctx, resp.State)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(r.publish(ctx, publishing, before)...)
	if resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, tfpath.Root(publishedName), types.StringNull())...)
	}
}

// apply takes the outputs that the plan has, or computes them now that all is
// known.
func (r *clusterConfigResource) apply(
	ctx context.Context, plan tfsdk.Plan, given tfsdk.Config, state *tfsdk.State, private privateWriter,
) diag.Diagnostics {
	var diags diag.Diagnostics
	if r.shared == nil {
		diags.Append(notConfigured())
		return diags
	}
	fingerprint, err := r.shared.secrets.newFingerprint()
	if err != nil {
		diags.Append(internalFault("noting which secrets the provider has", err))
		return diags
	}
	diags.Append(private.SetKey(ctx, secretsKey, fingerprint)...)
	diags.Append(private.SetKey(ctx, importedKey, nil)...)
	if !plan.Raw.IsFullyKnown() {
		site, d := readSite(plan.Raw, given.Raw, r.shared.secrets)
		diags.Append(d...)
		out, d := r.resolve(ctx, site)
		diags.Append(d...)
		if diags.HasError() {
			return diags
		}
		diags.Append(out.write(ctx, &plan)...)
		diags.Append(planPublished(ctx, &plan)...)
	}
	state.Raw = plan.Raw
	return diags
}

// Delete takes away what was published.
func (r *clusterConfigResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	publishing, diags := readPublishing(ctx, req.State)
	resp.Diagnostics.Append(diags...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(publishing.withdraw(ctx, r.shared)...)
	}
}
