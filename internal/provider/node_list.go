// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tflist "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var (
	_ tflist.ListResource                   = (*nodeList)(nil)
	_ tflist.ListResourceWithConfigure      = (*nodeList)(nil)
	_ tflist.ListResourceWithValidateConfig = (*nodeList)(nil)
)

// nodeList lists the nodes of a running cluster (terraform query), by what the
// cluster itself says. No node is logged in to, but the one on the way.
type nodeList struct{ shared *shared }

func newNodeList() tflist.ListResource { return &nodeList{} }

// nodeListModel is a list "dcos_node".
type nodeListModel struct {
	clusterWay
	Role    types.String `tfsdk:"role"`
	Timeout types.String `tfsdk:"timeout"`
}

// Metadata names the resource that is listed.
func (l *nodeList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_node"
}

// Configure takes what the provider block made.
func (l *nodeList) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	l.shared = sharedFrom(req.ProviderData)
}

// ListResourceConfigSchema describes the list.
func (l *nodeList) ListResourceConfigSchema(
	_ context.Context, _ tflist.ListResourceSchemaRequest, resp *tflist.ListResourceSchemaResponse,
) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The nodes of a running cluster, however it was installed, as its masters know them: the ensemble as exhibitor " +
			"lists it, and the agents that are registered with Mesos. `terraform query` shows them, masters first, each by address, and " +
			"`-generate-config-out` writes the configuration that imports them. Nothing is changed, and no node is logged in to but the one " +
			"that `ssh` names.",
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URL of Admin Router: of a master, or of the load balancer before the masters. " +
					"What Admin Router does not give out without a login is read from exhibitor (port 8181) and " +
					"Mesos (port 5050) behind the same address. Default: with `ssh`, the Admin Router of that host.",
				Validators: []validator.String{urlValidator{}},
			},
			"ssh": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "A host through whose SSH connection all requests go, as a rule a master. It is logged in to as the nodes are, " +
					"with the provider's `ssh`, jump hosts included; nothing is run on it. Its `port`, `user`, `jump_hosts` and `proxy_command` " +
					"are taken to hold for every node, and are in the configuration that is generated.",
				Attributes: listSSHAttributes(),
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificates of the authorities, in PEM form, that an `https://` URL's certificate may come from. " +
					"Default: those that the system trusts.",
			},
			"insecure": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether to take any certificate of an `https://` URL, such as the one that Admin Router makes for itself. " +
					"Default: `false`.",
			},
			"role": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Which nodes to list: `master`, `agent` or `public_agent`. Default: all.",
				Validators:          []validator.String{stringvalidator.OneOf("master", "agent", "public_agent")},
			},
			"timeout": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "How long to try, connecting included. A duration such as `5m`. Default: `1m`.",
				Validators:          []validator.String{durationValidator{}},
			},
		},
	}
}

// listSSHAttributes are those of the host on the way.
func listSSHAttributes() map[string]schema.Attribute {
	attributes := sshFields(", for example with a `dcos_node`'s `host_key`. Default: the provider's `host_key_policy` decides.").ofList()
	attributes["jump_hosts"] = schema.ListNestedAttribute{
		Optional:            true,
		MarkdownDescription: jumpHostsAbout,
		NestedObject:        schema.NestedAttributeObject{Attributes: jumpHostFields().ofList()},
	}
	attributes["address"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Host name or IP address of the host.",
		Validators:          hostNames(),
	}
	return attributes
}

// ValidateListResourceConfig asks for a way to the cluster.
func (l *nodeList) ValidateListResourceConfig(ctx context.Context, req tflist.ValidateConfigRequest, resp *tflist.ValidateConfigResponse) {
	resp.Diagnostics.Append(wayGiven(ctx, req.Config)...)
}

// List reads the cluster once and hands on its nodes.
func (l *nodeList) List(ctx context.Context, req tflist.ListRequest, stream *tflist.ListResultsStream) {
	var model nodeListModel
	if diags := req.Config.Get(ctx, &model); diags.HasError() {
		stream.Results = tflist.ListResultsStreamDiagnostics(diags)
		return
	}
	if l.shared == nil {
		stream.Results = tflist.ListResultsStreamDiagnostics(diag.Diagnostics{notConfigured()})
		return
	}
	nodes, cluster, diags := l.find(ctx, &model)
	stream.Results = nodeResults(ctx, req, &model, nodes, cluster, diags)
}

// A foundNode is a node that a running cluster knows.
type foundNode struct {
	role    node.Role
	address string
	how     string // it is, in a word
	version string // of DC/OS; "" if the cluster does not say it
}

// find asks the cluster for its nodes, and for a name to show.
func (l *nodeList) find(ctx context.Context, model *nodeListModel) (nodes []foundNode, cluster string, diags diag.Diagnostics) {
	limit := durationOr(model.Timeout, defaultClusterTimeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	reader, closer, diags := model.reader(ctx, l.shared, false)
	if diags.HasError() {
		return nil, "", diags
	}
	defer closer()
	status, err := reader.Read(ctx)
	if !status.Knows(fleet.PartMasters | fleet.PartAgents) { // what else is not known is only shown
		diags.Append(clusterError(l.shared, &model.clusterWay, limit, false, err))
		return nil, "", diags
	}
	cluster = "the cluster"
	if name, err := reader.Name(ctx, status); err == nil && name != "" {
		cluster = name
	}
	if status.Version != "" {
		cluster += ", DC/OS " + status.Version
	}
	for _, m := range status.Masters {
		nodes = append(nodes, foundNode{node.Master, m.Address, m.Status, status.Version})
	}
	for _, a := range once(status.Agents) {
		n := foundNode{node.Agent, a.Address, "active", status.Version}
		if a.Public {
			n.role = node.PublicAgent
		}
		if !a.Active {
			n.how = "not active"
		}
		nodes = append(nodes, n)
	}
	if role := node.Role(model.Role.ValueString()); role != "" {
		nodes = slices.DeleteFunc(nodes, func(n foundNode) bool { return n.role != role })
	}
	return nodes, cluster, diags
}

// once gives one agent of each address. Of one that has registered anew the former
// registration is still known for a while, and may be of the other role: it is the one
// that is not active.
func once(agents []fleet.AgentStatus) []fleet.AgentStatus {
	agents = slices.Clone(agents)
	slices.SortStableFunc(agents, func(a, b fleet.AgentStatus) int {
		if a.Address == b.Address && a.Active != b.Active {
			return map[bool]int{true: -1, false: 1}[a.Active]
		}
		return strings.Compare(a.Address, b.Address)
	})
	return slices.CompactFunc(agents, func(a, b fleet.AgentStatus) bool { return a.Address == b.Address })
}

// nodeResults hands on nodes, as many as are asked for.
func nodeResults(
	ctx context.Context, req tflist.ListRequest, model *nodeListModel, nodes []foundNode, cluster string, diags diag.Diagnostics,
) iter.Seq[tflist.ListResult] {
	return func(push func(tflist.ListResult) bool) {
		if len(diags) > 0 && !push(tflist.ListResult{Diagnostics: diags}) {
			return
		}
		sent := int64(0)
		for _, n := range nodes {
			if req.Limit > 0 && sent == req.Limit {
				return
			}
			sent++
			if !push(model.result(ctx, req, n, cluster)) {
				return
			}
		}
	}
}

// result is one node as the client is told of it.
func (m *nodeListModel) result(ctx context.Context, req tflist.ListRequest, n foundNode, cluster string) tflist.ListResult {
	result := req.NewListResult(ctx)
	result.DisplayName = fmt.Sprintf("%s %s (%s) of %s", n.role, n.address, n.how, cluster)
	identity := nodeIdentityModel{Address: types.StringValue(n.address), Port: types.Int64Null()}
	if m.SSH != nil {
		identity.Port = m.SSH.Port
	}
	result.Diagnostics.Append(result.Identity.Set(ctx, identity)...)
	if !req.IncludeResource {
		return result
	}
	set := func(name string, value any) {
		result.Diagnostics.Append(result.Resource.SetAttribute(ctx, tfpath.Root(name), value)...)
	}
	set("address", n.address)
	set("role", string(n.role))
	if n.version != "" {
		set("dcos_version", n.version)
	}
	if ssh, differs := m.nodeSSH(); differs {
		set("ssh", ssh)
	}
	return result
}

// nodeSSH is how each node is reached, if that is not as the provider block says:
// as the host on the way, but with a key of its own.
func (m *nodeListModel) nodeSSH() (ssh nodeSSHModel, differs bool) {
	if m.SSH == nil {
		return ssh, false
	}
	ssh = m.SSH.nodeSSHModel
	ssh.HostKey = types.StringNull()
	return ssh, !ssh.Port.IsNull() || !ssh.User.IsNull() || !ssh.ProxyCommand.IsNull() || !ssh.JumpHosts.IsNull()
}
