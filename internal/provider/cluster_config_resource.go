// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

var (
	_ resource.Resource               = (*clusterConfigResource)(nil)
	_ resource.ResourceWithConfigure  = (*clusterConfigResource)(nil)
	_ resource.ResourceWithModifyPlan = (*clusterConfigResource)(nil)
)

// clusterConfigResource is dcos_cluster_config: it renders, and never touches
// a host.
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

// ModifyPlan checks the site and computes the outputs where it can.
func (r *clusterConfigResource) ModifyPlan(_ context.Context, _ resource.ModifyPlanRequest, _ *resource.ModifyPlanResponse) {
}

// Create renders.
func (r *clusterConfigResource) Create(_ context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = req.Plan.Raw
}

// Read keeps what is in state: the inputs are all there is.
func (r *clusterConfigResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update renders again.
func (r *clusterConfigResource) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
}

// Delete has nothing to do.
func (r *clusterConfigResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
}
