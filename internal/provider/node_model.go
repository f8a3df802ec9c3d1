// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// nodeModel is a dcos_node.
type nodeModel struct {
	Address          types.String   `tfsdk:"address"`
	Role             types.String   `tfsdk:"role"`
	Machine          types.String   `tfsdk:"machine"`
	Bundle           types.Object   `tfsdk:"bundle"`
	SSH              types.Object   `tfsdk:"ssh"`
	Preflight        types.Object   `tfsdk:"preflight"`
	OnDestroy        types.String   `tfsdk:"on_destroy"`
	DrainTimeout     types.String   `tfsdk:"drain_timeout"`
	WaitForCloudInit types.Bool     `tfsdk:"wait_for_cloud_init"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`

	ID              types.String `tfsdk:"id"`
	HostKey         types.String `tfsdk:"host_key"`
	DCOSVersion     types.String `tfsdk:"dcos_version"`
	ConfigPackageID types.String `tfsdk:"config_package_id"`
	DetectedIP      types.String `tfsdk:"detected_ip"`
	Drift           types.List   `tfsdk:"drift"`
}

// nodeSSHModel is a node's ssh object.
type nodeSSHModel struct {
	Port         types.Int64  `tfsdk:"port"`
	User         types.String `tfsdk:"user"`
	HostKey      types.String `tfsdk:"host_key"`
	JumpHosts    types.List   `tfsdk:"jump_hosts"`
	ProxyCommand types.String `tfsdk:"proxy_command"`
}

// nodeJumpHostType is the type of one jump host of a node.
var nodeJumpHostType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"address": types.StringType, "port": types.Int64Type, "user": types.StringType, "host_key": types.StringType,
}}

// nodeJumpHostModel is one jump host of a node.
type nodeJumpHostModel struct {
	Address types.String `tfsdk:"address"`
	Port    types.Int64  `tfsdk:"port"`
	User    types.String `tfsdk:"user"`
	HostKey types.String `tfsdk:"host_key"`
}

// bundleModel is the bundle object.
type bundleModel struct {
	ID          types.String `tfsdk:"id"`
	ClusterName types.String `tfsdk:"cluster_name"`
	DCOSVersion types.String `tfsdk:"dcos_version"`
	Recipe      types.String `tfsdk:"recipe"`
}

// bundle gives the bundle object.
func (m *nodeModel) bundle(ctx context.Context) (bundleModel, diag.Diagnostics) {
	return readBundle(ctx, m.Bundle)
}

// readBundle reads a bundle object; its parts are null or unknown where the
// whole is.
func readBundle(ctx context.Context, object types.Object) (bundleModel, diag.Diagnostics) {
	var b bundleModel
	switch {
	case object.IsUnknown():
		return bundleModel{types.StringUnknown(), types.StringUnknown(), types.StringUnknown(), types.StringUnknown()}, nil
	case object.IsNull():
		return bundleModel{types.StringNull(), types.StringNull(), types.StringNull(), types.StringNull()}, nil
	}
	diags := object.As(ctx, &b, basetypes.ObjectAsOptions{})
	return b, diags
}

// role gives the node's role in the words of internal/node, which are ours.
func (m *nodeModel) role() node.Role { return node.Role(m.Role.ValueString()) }

// drift gives what refresh found.
func (m *nodeModel) drift(ctx context.Context) []string {
	var words []string
	if m.Drift.IsNull() || m.Drift.IsUnknown() {
		return nil
	}
	if diags := m.Drift.ElementsAs(ctx, &words, false); diags.HasError() {
		return nil
	}
	return words
}

// readSkip reads the names of the preflight checks that are left out from a
// preflight object.
func readSkip(ctx context.Context, object types.Object) ([]string, diag.Diagnostics) {
	if object.IsNull() || object.IsUnknown() {
		return nil, nil
	}
	var preflight struct {
		Skip types.Set `tfsdk:"skip"`
	}
	diags := object.As(ctx, &preflight, basetypes.ObjectAsOptions{})
	var names []types.String
	if !preflight.Skip.IsNull() && !preflight.Skip.IsUnknown() {
		diags.Append(preflight.Skip.ElementsAs(ctx, &names, false)...)
	}
	var known []string
	for _, name := range names {
		if !name.IsUnknown() && !name.IsNull() {
			known = append(known, name.ValueString())
		}
	}
	return known, diags
}

// readNodeSSH reads a node's ssh object; nothing is in it where it is null or
// unknown.
func readNodeSSH(ctx context.Context, object types.Object) (nodeSSHModel, diag.Diagnostics) {
	ssh := nodeSSHModel{JumpHosts: types.ListNull(nodeJumpHostType)}
	if object.IsNull() || object.IsUnknown() {
		return ssh, nil
	}
	diags := object.As(ctx, &ssh, basetypes.ObjectAsOptions{})
	return ssh, diags
}

// observe takes over what was seen on the host.
func (m *nodeModel) observe(state *node.State, hostKey string) {
	m.ID = types.StringValue(state.MachineID)
	m.HostKey = types.StringValue(hostKey)
	m.DCOSVersion = types.StringValue(state.Version)
	m.ConfigPackageID = types.StringValue(state.ConfigPackageID)
	m.DetectedIP = types.StringValue(state.DetectedIP)
}

// noDrift is an empty list of findings.
func noDrift() types.List { return types.ListValueMust(types.StringType, []attr.Value{}) }

// driftList makes a value of words.
func driftList(words []string) types.List {
	values := make([]attr.Value, len(words))
	for i, w := range words {
		values[i] = types.StringValue(w)
	}
	return types.ListValueMust(types.StringType, values)
}

// An importID is [user@]address[:port].
type importID struct {
	user, address string
	port          int64
}

// parseImportID takes an import's id apart.
func parseImportID(text string) (importID, bool) {
	login, ok := remote.ParseLogin(text)
	return importID{login.User, login.Address, int64(login.Port)}, ok
}

// drainTimeout says how long an agent's tasks may take to end; less than
// nothing if they are not waited for.
func drainTimeout(value types.String) time.Duration {
	if d := durationOr(value, defaultDrainTimeout); d > 0 {
		return d
	}
	return -1
}
