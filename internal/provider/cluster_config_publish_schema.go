// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// publishAttribute says where the bundle is put for nodes to fetch.
func publishAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Where the files are put that nodes fetch from an `http://` or `https://` `bootstrap_url`: " +
			"what DC/OS's own installer calls the serve directory. " +
			"It is written on apply, before any node that uses `bundle`, put right when something is missing from it, and taken away on destroy. " +
			"Give `directory`, `directory` and `ssh`, or `s3`. Each `dcos_cluster_config` needs a place of its own. A change moves the files.",
		Attributes: map[string]schema.Attribute{
			"directory": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Absolute path of a directory, such as the root of a web server: on the machine where Terraform runs, " +
					"or on the host of `ssh`. It is made if it is missing. " +
					"Each file is replaced in one step. Files of others in it are left alone; one that has the name of a file to publish and another " +
					"content is an error. No default: it or `s3` is needed.",
				Validators: []validator.String{absolutePath{}},
			},
			"ssh": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "The host that `directory` is on. It is logged in to as the nodes are, with the provider's `ssh`; " +
					"nothing but this directory and, while files are sent, a work directory in `/var/tmp` is touched on it.",
				Attributes: publishSSHAttributes(),
			},
			"s3": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "A bucket of S3 or of a server that is compatible with it. Credentials come from where the AWS command line " +
					"has them: environment, shared configuration, role of the instance; they need `s3:ListBucket` on the bucket and `s3:GetObject`, " +
					"`s3:PutObject`, `s3:DeleteObject` and `s3:AbortMultipartUpload` below the prefix. " +
					"Nodes fetch without any, so the bucket has to let them.",
				Attributes: publishS3Attributes(),
			},
			"keep": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "How many of the bundles that were published here before keep the files that they alone need, " +
					"for nodes that are still on them: `0` removes all but the present one's. Default: all are kept.",
				Validators: []validator.Int64{int64validator.AtLeast(0)},
			},
			"upgrade_from": schema.ListAttribute{
				Optional:    true,
				ElementType: types.StringType,
				MarkdownDescription: "Versions of DC/OS for which `upgrade/ID/dcos_node_upgrade.sh` is put there too, the script that upgrades a " +
					"node by hand. `dcos_node` does not need it. For example `[\"2.1.0\"]`. Default: none.",
				Validators: []validator.List{listvalidator.UniqueValues()},
			},
		},
		Validators: []validator.Object{publishPlace{}},
	}
}

// publishSSHAttributes are those of the host of a published directory.
func publishSSHAttributes() map[string]schema.Attribute {
	attributes := nodeSSHAttributes()
	attributes["address"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Host name or IP address of the host.",
		Validators:          hostNames(),
	}
	attributes["sudo"] = schema.BoolAttribute{
		Optional: true,
		MarkdownDescription: "Whether the directory is written to as root, by the provider's `sudo`. Where the directory, or one above it, " +
			"belongs to another user, that user's rights are used and the files are that user's; where more than its owner may write to one " +
			"of them, nothing is written. Default: `true`; with `false` the SSH user has to be able to write there.",
	}
	return attributes
}

// publishS3Attributes are those of a bucket.
func publishS3Attributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"bucket": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Name of the bucket, which has to exist.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"prefix": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "What comes before every name in the bucket, for example `dcos/main`; `bootstrap_url` ends with it. Default: none.",
		},
		"region": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "AWS region of the bucket. Default: as configured for the AWS command line (`AWS_REGION`); " +
				"with `endpoint`, `us-east-1`.",
		},
		"endpoint": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "URL of a server that is compatible with S3, for example `https://minio.example.com:9000`. Default: AWS's.",
			Validators:          []validator.String{urlValidator{}},
		},
		"path_style": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether the bucket's name is in the path of URLs and not in the host name, as many compatible servers need it. " +
				"Default: `false`.",
		},
		"profile": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Profile of the shared AWS configuration to take credentials from. Default: " +
				"as configured for the AWS command line (`AWS_PROFILE`).",
		},
	}
}

// publishModel is the publish object.
type publishModel struct {
	Directory   types.String     `tfsdk:"directory"`
	SSH         *publishSSHModel `tfsdk:"ssh"`
	S3          *publishS3Model  `tfsdk:"s3"`
	Keep        types.Int64      `tfsdk:"keep"`
	UpgradeFrom types.List       `tfsdk:"upgrade_from"`
}

// publishSSHModel is the host of a published directory.
type publishSSHModel struct {
	clusterSSHModel
	Sudo types.Bool `tfsdk:"sudo"`
}

// publishS3Model is a bucket.
type publishS3Model struct {
	Bucket    types.String `tfsdk:"bucket"`
	Prefix    types.String `tfsdk:"prefix"`
	Region    types.String `tfsdk:"region"`
	Endpoint  types.String `tfsdk:"endpoint"`
	PathStyle types.Bool   `tfsdk:"path_style"`
	Profile   types.String `tfsdk:"profile"`
}

// publishPlace accepts a publish object that names exactly one place.
type publishPlace struct{}

// Description says what is accepted.
func (publishPlace) Description(context.Context) string { return "directory, directory and ssh, or s3" }

// MarkdownDescription says what is accepted.
func (v publishPlace) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateObject checks one value.
func (v publishPlace) ValidateObject(ctx context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	given := func(name string) bool { return !req.ConfigValue.Attributes()[name].IsNull() }
	if given("s3") == given("directory") || given("ssh") && !given("directory") {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Place To Publish",
			fmt.Sprintf("One place has to be given: %s.", v.Description(ctx)))
	}
}

// absolutePath accepts absolute paths.
type absolutePath struct{}

// Description says what is accepted.
func (absolutePath) Description(context.Context) string { return "an absolute path" }

// MarkdownDescription says what is accepted.
func (v absolutePath) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v absolutePath) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() ||
		filepath.IsAbs(req.ConfigValue.ValueString()) || path.IsAbs(req.ConfigValue.ValueString()) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid Path",
		fmt.Sprintf("It must be %s, so that it means the same wherever Terraform runs; got: %q. abspath(...) makes one.", v.Description(ctx),
			req.ConfigValue.ValueString()))
}
