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

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/publish"
)

// publishedName is the output that says what is published. A plan in which it
// differs from the state publishes.
const publishedName = "published"

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
	var place types.Object
	var id types.String
	diags := plan.GetAttribute(ctx, tfpath.Root("publish"), &place)
	diags.Append(plan.GetAttribute(ctx, tfpath.Root("id"), &id)...)
	var published attr.Value = id
	switch {
	case place.IsNull():
		published = types.StringNull()
	case place.IsUnknown():
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
	var upgradeFrom []string
	diags := now.Publish.UpgradeFrom.ElementsAs(ctx, &upgradeFrom, false)
	var keep *int
	if !now.Publish.Keep.IsNull() {
		n := int(now.Publish.Keep.ValueInt64())
		keep = &n
	}
	diags.Append(now.at(ctx, r.shared, 0, func(place publish.Place) diag.Diagnostics {
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
		var content publish.Content
		b, err := r.shared.bundleOf(ctx, now.bundle)
		if err == nil {
			content, err = publish.ContentOf(ctx, b, upgradeFrom...)
		}
		if err == nil {
			err = place.Serve(ctx, content, keep)
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
	diags := p.at(ctx, s, fleet.LookTimeout, func(place publish.Place) diag.Diagnostics {
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
	return p.at(ctx, s, 0, func(place publish.Place) diag.Diagnostics {
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
			var left []string
			if left, err = place.Unserve(ctx); len(left) > 0 {
				diags.AddAttributeWarning(publishPath, "Published Files Left", fmt.Sprintf("What was in %s before it was published there "+
					"was left: %s. Remove it if nobody needs it.", where, publish.Names(left)))
			}
		}
		if err != nil {
			diags.Append(publishError(s, where, err))
		}
		return diags
	})
}

// at makes the way to the place for as long as do takes. A host that does not
// answer within the limit is given up; 0 is the provider's own limit.
func (p *publishing) at(ctx context.Context, s *shared, limit time.Duration, do func(publish.Place) diag.Diagnostics) diag.Diagnostics {
	var diags diag.Diagnostics
	m := p.Publish
	switch {
	case m.S3 != nil:
		store, err := publish.NewS3(ctx, publish.S3{Bucket: m.S3.Bucket.ValueString(), Prefix: m.S3.Prefix.ValueString(),
			Region: m.S3.Region.ValueString(), Endpoint: m.S3.Endpoint.ValueString(), PathStyle: m.S3.PathStyle.ValueBool(),
			Profile: m.S3.Profile.ValueString()})
		if err != nil {
			diags.Append(publishError(s, m.where(), err))
			return diags
		}
		return do(publish.NewPlace(store))
	case m.SSH != nil:
		if diags := s.ready(); diags.HasError() {
			return diags
		}
		target, diags := m.SSH.target(ctx, m.SSH.Address.ValueString())
		if diags.HasError() {
			return diags
		}
		target.ConnectTimeout = limit
		diags.Append(s.tellReach(ctx, target)...)
		host := fleet.Host{Target: target}
		conn, err := s.fleet.Connect(ctx, host)
		if err != nil {
			diags.Append(s.hostError(&host, "publishing the bundle", err))
			return diags
		}
		defer func() { _ = conn.Close() }() // what was to be done is done, or has failed for a better reason
		diags.Append(do(publish.NewPlace(publish.NewHost(conn, m.Directory.ValueString(), m.SSH.Sudo.IsNull() || m.SSH.Sudo.ValueBool())))...)
		return diags
	}
	return do(publish.Directory(m.Directory.ValueString()))
}

// where names the place.
func (m *publishModel) where() string {
	switch {
	case m.S3 != nil:
		return fmt.Sprintf("s3://%s/%s%s", m.S3.Bucket.ValueString(), strings.Trim(m.S3.Prefix.ValueString(), "/"),
			orNothing(" at ", m.S3.Endpoint.ValueString()))
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
		s.redactor.Redact(fmt.Sprintf("%s could not be brought up to date: %s\n\nSee to the cause and apply again: "+
			"what is done is not done twice.", where, sentence(err.Error()))))
}

// publishConflict words a place that is in use.
func publishConflict(where, cluster string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(publishPath, "Directory In Use",
		fmt.Sprintf("%s serves the configuration of cluster %q. Give each dcos_cluster_config a place of its own; "+
			"if that one is gone, clear the place.", where, cluster))
}
