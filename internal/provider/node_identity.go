// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// A node's identity is what tells it from other nodes (Terraform 1.12, OpenTofu
// 1.12): the way to its SSH server as it was when the node came into the state. The
// user and the machine's id change in place, and so does ssh.port; an identity that
// changes is an error of Terraform's, so it stays what it was.
type nodeIdentityModel struct {
	Address types.String `tfsdk:"address"`
	Port    types.Int64  `tfsdk:"port"` // null: the provider block's
}

// IdentitySchema describes the identity.
func (r *nodeResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"address": identityschema.StringAttribute{
			RequiredForImport: true, Description: "Host name or IP address of the host.",
		},
		"port": identityschema.Int64Attribute{
			OptionalForImport: true, Description: "TCP port of its SSH server. Default: the provider's.",
		},
	}}
}

// identify gives a node that has no identity yet its own: a new one, or one of a state
// from before there were identities. Whatever comes of the operation, what it saves
// has an identity then.
func (m *nodeModel) identify(ctx context.Context, identity *tfsdk.ResourceIdentity) diag.Diagnostics {
	if identity == nil || !identity.Raw.IsFullyNull() {
		return nil
	}
	ssh, diags := readNodeSSH(ctx, m.SSH)
	if diags.HasError() {
		return diags
	}
	return append(diags, identity.Set(ctx, nodeIdentityModel{m.Address, ssh.Port})...)
}

// importedFrom says which host an import names, by its id or by an identity.
func importedFrom(ctx context.Context, req resource.ImportStateRequest) (importID, diag.Diagnostics) {
	if req.ID == "" && req.Identity != nil {
		var identity nodeIdentityModel
		diags := req.Identity.Get(ctx, &identity)
		id, ok := parseImportID(identity.Address.ValueString())
		port := identity.Port.ValueInt64()
		if !ok || id.user != "" || id.port != 0 || !identity.Port.IsNull() && (port < 1 || port > 65535) {
			diags.AddError("Invalid Identity", fmt.Sprintf("A node's identity is the address of its host, which names neither user nor port, "+
				"and the port of its SSH server if it is not the provider's; got: %s.", identity))
		}
		id.port = port
		return id, diags
	}
	id, ok := parseImportID(req.ID)
	if !ok {
		return id, diag.Diagnostics{diag.NewErrorDiagnostic("Invalid Import Id",
			fmt.Sprintf("A node is imported by its address, [user@]address[:port], with an IPv6 address that has a port in brackets; got: %q.",
				req.ID))}
	}
	return id, nil
}

// String shows an identity as it would be written.
func (m nodeIdentityModel) String() string {
	if m.Port.IsNull() {
		return fmt.Sprintf("{ address = %q }", m.Address.ValueString())
	}
	return fmt.Sprintf("{ address = %q, port = %d }", m.Address.ValueString(), m.Port.ValueInt64())
}
