// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

var (
	_ resource.Resource                = (*nodeResource)(nil)
	_ resource.ResourceWithConfigure   = (*nodeResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*nodeResource)(nil)
	_ resource.ResourceWithImportState = (*nodeResource)(nil)
)

// nodeResource is dcos_node: DC/OS on one host.
type nodeResource struct{ shared *shared }

func newNodeResource() resource.Resource { return &nodeResource{} }

// Metadata names the resource.
func (r *nodeResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_node"
}

// Schema is in node_schema.go.
func (r *nodeResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = nodeSchema(ctx)
}

// Configure takes what the provider block made.
func (r *nodeResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.shared = sharedFrom(req.ProviderData)
}

// ModifyPlan says what apply will do to the host.
func (r *nodeResource) ModifyPlan(context.Context, resource.ModifyPlanRequest, *resource.ModifyPlanResponse) {
}

// Create installs DC/OS.
func (r *nodeResource) Create(context.Context, resource.CreateRequest, *resource.CreateResponse) {}

// Read looks at the host.
func (r *nodeResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update upgrades, reconfigures or repairs in place.
func (r *nodeResource) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}

// Delete uninstalls.
func (r *nodeResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// ImportState takes the address and leaves the rest to Read.
func (r *nodeResource) ImportState(context.Context, resource.ImportStateRequest, *resource.ImportStateResponse) {
}
