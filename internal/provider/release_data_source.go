// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

var (
	_ datasource.DataSource              = (*releaseDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*releaseDataSource)(nil)
)

// releaseDataSource is dcos_release: what is in a release.
type releaseDataSource struct{ configured }

func newReleaseDataSource() datasource.DataSource { return &releaseDataSource{} }

// releaseModel is a dcos_release.
type releaseModel struct {
	Source types.String `tfsdk:"source"`
	SHA256 types.String `tfsdk:"sha256"`

	ID          types.String `tfsdk:"id"`
	Version     types.String `tfsdk:"version"`
	Line        types.String `tfsdk:"line"`
	Commit      types.String `tfsdk:"commit"`
	BootstrapID types.String `tfsdk:"bootstrap_id"`
	PackageIDs  []string     `tfsdk:"package_ids"`
}

// Metadata names the data source.
func (d *releaseDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_release"
}

// Schema describes the data source.
func (d *releaseDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	computed := func(about string) schema.Attribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: about}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What is in a DC/OS release. The release is opened where it lies; neither Docker nor a temporary copy is needed.",
		Attributes: map[string]schema.Attribute{
			"source": schema.StringAttribute{
				Required: true,
				MarkdownDescription: sourceForms + "or an `http://` or `https://` URL of a file. " +
					"[Start here](../guides/getting-started#the-release) has all forms.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"sha256": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "SHA-256 of the file in hex. A file with another sum is refused. Default: the file is taken as it is.",
				Validators:          []validator.String{sha256Validator{}},
			},
			"id":           computed("Identifies what can be rendered from the release: version, commit, ids and templates."),
			"version":      computed("Version of DC/OS, such as `2.2.1`."),
			"line":         computed("Minor version of DC/OS, such as `2.2`."),
			"commit":       computed("Commit that the release was built from."),
			"bootstrap_id": computed("Id of the bootstrap tarball."),
			"package_ids": schema.ListAttribute{
				Computed:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Ids of the release's packages, sorted. A cluster has those of its configuration besides.",
			},
		},
	}
}

// Read opens the release.
func (d *releaseDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model releaseModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.shared == nil {
		resp.Diagnostics.Append(notConfigured())
		return
	}
	resp.Diagnostics.Append(releaseWarning(tfpath.Empty(), model.Source, model.SHA256)...)
	rel, err := d.shared.bundles.Release(ctx, model.Source.ValueString(), model.SHA256.ValueString())
	if err != nil {
		resp.Diagnostics.Append(releaseError(tfpath.Empty(), err))
		return
	}
	model.ID = types.StringValue(rel.Digest())
	model.Version = types.StringValue(rel.Version())
	model.Line = types.StringValue(config.LineOf(rel.Version()))
	model.Commit = types.StringValue(rel.Commit())
	model.BootstrapID = types.StringValue(rel.BootstrapID())
	model.PackageIDs = rel.Packages()
	slices.Sort(model.PackageIDs)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}
