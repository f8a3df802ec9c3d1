// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// publishedName is the output that says what is published. A plan in which it
// differs from the state publishes.
const publishedName = "published"

// publishAttribute says where the bundle is put for nodes to fetch.
func publishAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Where the files are put that nodes fetch from an `http://` or `https://` `bootstrap_url`: what DC/OS's own installer calls the serve directory. " +
			"It is written on apply, before any node that uses `bundle`, put right when something is missing from it, and taken away on destroy.",
		Attributes: map[string]schema.Attribute{
			"directory": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Absolute path of a directory on the machine where Terraform runs, such as the root of its web server. It is made if it is missing. " +
					"Each file is replaced in one step, and files of others in it are left alone. Each `dcos_cluster_config` needs a directory of its own.",
				Validators: []validator.String{absolutePath{}},
			},
			"upgrade_from": schema.ListAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Versions of DC/OS for which `upgrade/ID/dcos_node_upgrade.sh` is put there too, the script that upgrades a node by hand. `dcos_node` does not need it.",
				Validators:          []validator.List{listvalidator.UniqueValues()},
			},
		},
	}
}

// publishModel is the publish object.
type publishModel struct {
	Directory   types.String `tfsdk:"directory"`
	UpgradeFrom types.List   `tfsdk:"upgrade_from"`
}

// A publishing is the part of a dcos_cluster_config that has to do with
// publishing.
type publishing struct {
	Publish   *publishModel // nil for none
	Published types.String
	bundle    bundleModel
}

// An attributeReader is a state or a plan.
type attributeReader interface {
	GetAttribute(ctx context.Context, at tfpath.Path, into any) diag.Diagnostics
}

// readPublishing reads it.
func readPublishing(ctx context.Context, from attributeReader) (*publishing, diag.Diagnostics) {
	p := &publishing{}
	diags := from.GetAttribute(ctx, tfpath.Root("publish"), &p.Publish)
	diags.Append(from.GetAttribute(ctx, tfpath.Root(publishedName), &p.Published)...)
	diags.Append(from.GetAttribute(ctx, tfpath.Root("bundle"), &p.bundle)...)
	return p, diags
}

// planPublished plans that all of the planned bundle is published, if it is to
// be published at all.
func planPublished(ctx context.Context, plan *tfsdk.Plan) diag.Diagnostics {
	var publish types.Object
	var id types.String
	diags := plan.GetAttribute(ctx, tfpath.Root("publish"), &publish)
	diags.Append(plan.GetAttribute(ctx, tfpath.Root("id"), &id)...)
	var published attr.Value = id
	switch {
	case publish.IsNull():
		published = types.StringNull()
	case publish.IsUnknown():
		published = types.StringUnknown()
	}
	diags.Append(plan.SetAttribute(ctx, tfpath.Root(publishedName), published)...)
	return diags
}

// publish publishes the bundle, and takes away what was published elsewhere.
func (r *clusterConfigResource) publish(ctx context.Context, now, before *publishing) diag.Diagnostics {
	var diags diag.Diagnostics
	if now.Publish != nil {
		diags.Append(r.serve(ctx, now, before)...)
	}
	if diags.HasError() || before == nil || before.Publish == nil {
		return diags
	}
	if now.Publish == nil || filepath.Clean(now.directory()) != filepath.Clean(before.directory()) {
		diags.Append(before.withdraw()...)
	}
	return diags
}

// serve writes the serve directory.
func (r *clusterConfigResource) serve(ctx context.Context, now, before *publishing) diag.Diagnostics {
	var upgradeFrom []string
	diags := now.Publish.UpgradeFrom.ElementsAs(ctx, &upgradeFrom, false)
	serving, err := bundle.Served(now.directory())
	if err != nil {
		diags.Append(publishError(now.directory(), err))
		return diags
	}
	cluster := now.bundle.ClusterName.ValueString()
	ours := serving.Cluster == "" || serving.Cluster == cluster ||
		before != nil && serving.Cluster == before.bundle.ClusterName.ValueString()
	if !ours {
		diags.Append(publishConflict(now.directory(), serving.Cluster))
		return diags
	}
	b, err := r.shared.bundleOf(ctx, now.bundle)
	if err == nil {
		err = b.Serve(ctx, now.directory(), upgradeFrom...)
	}
	if err != nil {
		diags.Append(publishError(now.directory(), err))
	}
	return diags
}

// look says in Published what the target has.
func (p *publishing) look() diag.Diagnostics {
	var diags diag.Diagnostics
	if p.Publish == nil {
		return diags
	}
	serving, err := bundle.Served(p.directory())
	switch {
	case err != nil:
		diags.AddAttributeWarning(publishPath, "Published Files Not Checked",
			fmt.Sprintf("What is in %s could not be read, so it is taken for what was published: %s", p.directory(), sentence(err.Error())))
	case serving.Bundle != p.Published.ValueString() || serving.Cluster != p.bundle.ClusterName.ValueString():
		p.Published = types.StringNull()
	}
	return diags
}

// withdraw takes away what was published, unless it has made room for another's.
func (p *publishing) withdraw() diag.Diagnostics {
	var diags diag.Diagnostics
	if p.Publish == nil {
		return diags
	}
	serving, err := bundle.Served(p.directory())
	if err == nil {
		switch {
		case serving.Cluster == "":
			return diags
		case serving.Cluster != p.bundle.ClusterName.ValueString(),
			serving.Bundle != "" && serving.Bundle != p.bundle.ID.ValueString():
			diags.AddAttributeWarning(publishPath, "Published Files Left",
				fmt.Sprintf("%s serves another configuration by now (of cluster %q), so nothing was removed from it.", p.directory(), serving.Cluster))
			return diags
		}
		err = bundle.Unserve(p.directory())
	}
	if err != nil {
		diags.Append(publishError(p.directory(), err))
	}
	return diags
}

func (p *publishing) directory() string { return p.Publish.Directory.ValueString() }

// publishPath is where problems with a directory are shown.
var publishPath = tfpath.Root("publish").AtName("directory")

// publishError words a directory that cannot be written or cleared.
func publishError(dir string, err error) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(publishPath, "Publishing Failed",
		fmt.Sprintf("%s could not be brought up to date: %s\n\nSee to the cause and apply again: what is done is not done twice.", dir, sentence(err.Error())))
}

// publishConflict words a directory that is in use.
func publishConflict(dir, cluster string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(publishPath, "Directory In Use",
		fmt.Sprintf("%s serves the configuration of cluster %q. Give each dcos_cluster_config a directory of its own; if that one is gone, clear the directory.", dir, cluster))
}

// absolutePath accepts absolute paths.
type absolutePath struct{}

// Description says what is accepted.
func (absolutePath) Description(context.Context) string { return "an absolute path" }

// MarkdownDescription says what is accepted.
func (v absolutePath) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v absolutePath) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || filepath.IsAbs(req.ConfigValue.ValueString()) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid Path",
		fmt.Sprintf("It must be %s, so that it means the same wherever Terraform runs; got: %q. abspath(...) makes one.", v.Description(ctx), req.ConfigValue.ValueString()))
}
