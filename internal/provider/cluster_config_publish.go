// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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
			"It is written on apply, before any node that uses `bundle`, put right when something is missing from it, and taken away on destroy. " +
			"Give `directory`, `directory` and `ssh`, or `s3`. Each `dcos_cluster_config` needs a place of its own. A change moves the files.",
		Attributes: map[string]schema.Attribute{
			"directory": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Absolute path of a directory, such as the root of a web server: on the machine where Terraform runs, or on the host of `ssh`. It is made if it is missing. " +
					"Each file is replaced in one step, and files of others in it are left alone.",
				Validators: []validator.String{absolutePath{}},
			},
			"ssh": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "The host that `directory` is on. It is logged in to as the nodes are, with the provider's `ssh`; nothing but this directory and, " +
					"while files are sent, a work directory in `/var/tmp` is touched on it.",
				Attributes: publishSSHAttributes(),
			},
			"s3": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "A bucket of S3 or of a server that is compatible with it. Credentials come from where the AWS command line has them: " +
					"environment, shared configuration, role of the instance; they need `s3:ListBucket` on the bucket and `s3:GetObject`, `s3:PutObject` and `s3:DeleteObject` below the prefix. " +
					"Nodes fetch without any, so the bucket has to let them.",
				Attributes: publishS3Attributes(),
			},
			"keep": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "How many of the bundles that were published here before keep the files that they alone need, for nodes that are still on them: " +
					"`0` removes all but the present one's. Default: all are kept.",
				Validators: []validator.Int64{int64validator.AtLeast(0)},
			},
			"upgrade_from": schema.ListAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Versions of DC/OS for which `upgrade/ID/dcos_node_upgrade.sh` is put there too, the script that upgrades a node by hand. `dcos_node` does not need it.",
				Validators:          []validator.List{listvalidator.UniqueValues()},
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
		Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
	}
	attributes["sudo"] = schema.BoolAttribute{
		Optional: true,
		MarkdownDescription: "Whether the directory is written to as root, by the provider's `sudo`. Default: `true`; " +
			"with `false` the SSH user has to be able to write there.",
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
			Optional:            true,
			MarkdownDescription: "AWS region of the bucket. Default: as configured for the AWS command line (`AWS_REGION`); with `endpoint`, `us-east-1`.",
		},
		"endpoint": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "URL of a server that is compatible with S3, for example `https://minio.example.com:9000`. Default: AWS's.",
			Validators:          []validator.String{urlValidator{}},
		},
		"path_style": schema.BoolAttribute{
			Optional:            true,
			MarkdownDescription: "Whether the bucket's name is in the path of URLs and not in the host name, as many compatible servers need it. Default: `false`.",
		},
		"profile": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Profile of the shared AWS configuration to take credentials from. Default: as configured for the AWS command line (`AWS_PROFILE`).",
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
	if now.Publish == nil || now.Publish.where() != before.Publish.where() {
		diags.Append(before.withdraw(ctx, r.shared)...)
	}
	return diags
}

// serve brings the place up to date.
func (r *clusterConfigResource) serve(ctx context.Context, now, before *publishing) diag.Diagnostics {
	where := now.Publish.where()
	var options bundle.ServeOptions
	diags := now.Publish.UpgradeFrom.ElementsAs(ctx, &options.UpgradeFrom, false)
	if !now.Publish.Keep.IsNull() {
		keep := int(now.Publish.Keep.ValueInt64())
		options.Keep = &keep
	}
	diags.Append(now.at(ctx, r.shared, 0, func(place bundle.Place) diag.Diagnostics {
		var diags diag.Diagnostics
		serving, err := place.Served(ctx)
		if err != nil {
			diags.Append(publishError(r.shared, where, err))
			return diags
		}
		cluster := now.bundle.ClusterName.ValueString()
		ours := serving.Cluster == "" || serving.Cluster == cluster ||
			before != nil && serving.Cluster == before.bundle.ClusterName.ValueString()
		if !ours {
			diags.Append(publishConflict(where, serving.Cluster))
			return diags
		}
		b, err := r.shared.bundleOf(ctx, now.bundle)
		if err == nil {
			err = place.Serve(ctx, b, options)
		}
		if err != nil {
			diags.Append(publishError(r.shared, where, err))
		}
		return diags
	})...)
	return diags
}

// look says in Published what the place has. What cannot be looked at is taken
// for what was published.
func (p *publishing) look(ctx context.Context, s *shared) diag.Diagnostics {
	if p.Publish == nil {
		return nil
	}
	notLooked := func(why string) diag.Diagnostics {
		return diag.Diagnostics{diag.NewAttributeWarningDiagnostic(publishPath, "Published Files Not Checked",
			fmt.Sprintf("What is in %s could not be read, so it is taken for what was published: %s", p.Publish.where(), sentence(why)))}
	}
	diags := p.at(ctx, s, refreshConnectTimeout, func(place bundle.Place) diag.Diagnostics {
		serving, err := place.Served(ctx)
		switch {
		case err != nil:
			return notLooked(s.redactor.Redact(err.Error()))
		case serving.Bundle != p.Published.ValueString() || serving.Cluster != p.bundle.ClusterName.ValueString():
			p.Published = types.StringNull()
		}
		return nil
	})
	if diags.HasError() { // the place could not be reached
		return notLooked(diags.Errors()[0].Summary() + ": " + diags.Errors()[0].Detail())
	}
	return diags
}

// withdraw takes away what was published, unless it has made room for another's.
func (p *publishing) withdraw(ctx context.Context, s *shared) diag.Diagnostics {
	if p.Publish == nil {
		return nil
	}
	where := p.Publish.where()
	return p.at(ctx, s, 0, func(place bundle.Place) diag.Diagnostics {
		var diags diag.Diagnostics
		serving, err := place.Served(ctx)
		if err == nil {
			switch {
			case serving.Cluster == "":
				return diags
			case serving.Cluster != p.bundle.ClusterName.ValueString(),
				serving.Bundle != "" && serving.Bundle != p.bundle.ID.ValueString():
				diags.AddAttributeWarning(publishPath, "Published Files Left",
					fmt.Sprintf("%s serves another configuration by now (of cluster %q), so nothing was removed from it.", where, serving.Cluster))
				return diags
			}
			err = place.Unserve(ctx)
		}
		if err != nil {
			diags.Append(publishError(s, where, err))
		}
		return diags
	})
}

// at makes the way to the place for as long as do takes. A host that does not
// answer within the limit is given up; 0 is the provider's own limit.
func (p *publishing) at(ctx context.Context, s *shared, limit time.Duration, do func(bundle.Place) diag.Diagnostics) diag.Diagnostics {
	var diags diag.Diagnostics
	m := p.Publish
	switch {
	case m.S3 != nil:
		store, err := bundle.NewS3(ctx, bundle.S3{Bucket: m.S3.Bucket.ValueString(), Prefix: m.S3.Prefix.ValueString(), Region: m.S3.Region.ValueString(),
			Endpoint: m.S3.Endpoint.ValueString(), PathStyle: m.S3.PathStyle.ValueBool(), Profile: m.S3.Profile.ValueString()})
		if err != nil {
			diags.Append(publishError(s, m.where(), err))
			return diags
		}
		return do(bundle.NewPlace(store))
	case m.SSH != nil:
		if s == nil {
			diags.Append(notConfigured())
			return diags
		}
		w, diags := s.begin(ctx, &nodeModel{Address: m.SSH.Address})
		if diags.HasError() {
			return diags
		}
		target, d := m.SSH.target(ctx, m.SSH.Address.ValueString())
		if diags.Append(d...); diags.HasError() {
			return diags
		}
		target.Log, target.ConnectTimeout = w.log, limit
		w.target = target
		if err := w.dial(ctx); err != nil {
			diags.Append(w.hostError(ctx, "publishing the bundle", err))
			return diags
		}
		defer w.close()
		return do(bundle.NewPlace(&hostStore{conn: w.conn, dir: m.Directory.ValueString(), root: m.SSH.Sudo.IsNull() || m.SSH.Sudo.ValueBool()}))
	}
	return do(bundle.Directory(m.Directory.ValueString()))
}

// where names the place.
func (m *publishModel) where() string {
	switch {
	case m.S3 != nil:
		return fmt.Sprintf("s3://%s/%s%s", m.S3.Bucket.ValueString(), strings.Trim(m.S3.Prefix.ValueString(), "/"), orNothing(" at ", m.S3.Endpoint.ValueString()))
	case m.SSH != nil:
		return m.SSH.Address.ValueString() + ":" + path.Clean(m.Directory.ValueString())
	}
	return filepath.Clean(m.Directory.ValueString())
}

// orNothing puts a word before a text, if there is one.
func orNothing(word, text string) string {
	if text == "" {
		return ""
	}
	return word + text
}

// publishPath is where problems with a place are shown.
var publishPath = tfpath.Root("publish")

// publishError words a place that cannot be written or cleared.
func publishError(s *shared, where string, err error) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(publishPath, "Publishing Failed",
		s.redactor.Redact(fmt.Sprintf("%s could not be brought up to date: %s\n\nSee to the cause and apply again: what is done is not done twice.", where, sentence(err.Error()))))
}

// publishConflict words a place that is in use.
func publishConflict(where, cluster string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(publishPath, "Directory In Use",
		fmt.Sprintf("%s serves the configuration of cluster %q. Give each dcos_cluster_config a place of its own; if that one is gone, clear the place.", where, cluster))
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
		fmt.Sprintf("It must be %s, so that it means the same wherever Terraform runs; got: %q. abspath(...) makes one.", v.Description(ctx), req.ConfigValue.ValueString()))
}
