// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	tflist "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// Address is where the registries list the provider.
const Address = "registry.terraform.io/dcos-install/dcos"

// typeName is the prefix of every resource, data source and function.
const typeName = "dcos"

var (
	_ provider.Provider                       = (*dcosProvider)(nil)
	_ provider.ProviderWithFunctions          = (*dcosProvider)(nil)
	_ provider.ProviderWithListResources      = (*dcosProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*dcosProvider)(nil)
	_ provider.ProviderWithActions            = (*dcosProvider)(nil)
)

// dcosProvider is the provider block.
type dcosProvider struct {
	version   string
	getenv    func(string) string
	published bool // with the schemas that users see; see server
	closing   <-chan struct{}
}

// Metadata names the provider.
func (p *dcosProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = typeName
	resp.Version = p.version
}

// Schema is the provider block's.
func (p *dcosProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Installs, upgrades and removes DC/OS clusters over SSH.",
		Attributes:          providerAttributes(),
	}
}

// Resources lists the resources.
func (p *dcosProvider) Resources(context.Context) []func() resource.Resource {
	pool := newNodePoolResource
	if p.published {
		pool = newPublishedNodePoolResource
	}
	return []func() resource.Resource{newClusterConfigResource, newNodeResource, pool}
}

// DataSources lists the data sources.
func (p *dcosProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{newReleaseDataSource, newPreflightDataSource, newClusterDataSource}
}

// Functions lists the functions.
func (p *dcosProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{newIPDetectFunction, newFaultDomainDetectFunction, newParseConfigYAMLFunction,
		newCloudInitFunction}
}

// Actions lists the actions.
func (p *dcosProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{newCheckAction, newRestartAction, newDrainAction, newResumeAction,
		newDiagnosticsAction, newBackupAction}
}

// ListResources lists what lists resources of running clusters.
func (p *dcosProvider) ListResources(context.Context) []func() tflist.ListResource {
	return []func() tflist.ListResource{newNodeList}
}

// EphemeralResources lists what is there for as long as a run lasts.
func (p *dcosProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{newTunnel}
}
