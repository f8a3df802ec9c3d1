// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// ModifyPlan checks every rule whose inputs are known, and computes the
// outputs when all of them are. Inputs that have not changed keep the outputs
// in state, and the release is not opened.
func (r *clusterConfigResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.shared == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		var name types.String
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, tfpath.Root("cluster_name"), &name)...)
		r.shared.plan.end(name.ValueString())
		return
	}
	resp.Diagnostics.Append(plainRelease(ctx, &req.Plan)...)
	resp.Diagnostics.Append(r.missingSecrets(ctx, req.Private, req.Config)...)
	fingerprint, kept := r.keptSecrets(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if kept && !req.State.Raw.IsNull() && sameInputs(req.State.Raw, req.Plan.Raw, req.Config.Raw) {
		resp.Plan.Raw = req.State.Raw
		resp.Diagnostics.Append(planPublished(ctx, &resp.Plan)...)
		return
	}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, secretsKey, fingerprint)...)

	site, diags := readSite(req.Plan.Raw, req.Config.Raw, r.shared.secrets)
	resp.Diagnostics.Append(diags...)
	out, diags := r.resolve(ctx, site)
	if out.gone != nil && sameRelease(req.State.Raw, req.Plan.Raw) {
		// Terraform plans before it destroys, and does not say which it is.
		diags = diag.Diagnostics{diag.NewAttributeWarningDiagnostic(tfpath.Root("release"), "Release Is Gone",
			out.gone.Detail()+"\n\nWhat changes in this configuration is not checked, and cannot be applied without the release. "+
				"Destroying needs none.")}
	}
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(out.write(ctx, &resp.Plan)...)
	if req.State.Raw.IsNull() {
		resp.Diagnostics.Append(planLists(ctx, &resp.Plan)...)
	}
	resp.Diagnostics.Append(planPublished(ctx, &resp.Plan)...)
}

// planLists leaves the outputs with a line for each file and package to the apply:
// where there is nothing to compare them with they say nothing, and a first plan
// would be little else.
func planLists(ctx context.Context, plan *tfsdk.Plan) diag.Diagnostics {
	diags := plan.SetAttribute(ctx, tfpath.Root("files"), types.MapUnknown(types.StringType))
	diags.Append(plan.SetAttribute(ctx, tfpath.Root("package_ids"), types.ListUnknown(types.StringType))...)
	return diags
}

// plainRelease warns of a planned release that nobody vouches for.
func plainRelease(ctx context.Context, plan *tfsdk.Plan) diag.Diagnostics {
	at := tfpath.Root("release")
	var source, sum types.String
	diags := plan.GetAttribute(ctx, at.AtName("source"), &source)
	diags.Append(plan.GetAttribute(ctx, at.AtName("sha256"), &sum)...)
	diags.Append(releaseWarning(at, source, sum)...)
	return diags
}

// sameRelease says whether a state was made from the release that is planned.
func sameRelease(state, plan tftypes.Value) bool {
	var before, after map[string]tftypes.Value
	return !state.IsNull() && state.As(&before) == nil && plan.As(&after) == nil && after["release"].Equal(before["release"])
}

// sameInputs compares everything but the outputs, of which those that may be
// given are as they are configured.
func sameInputs(state, plan, configured tftypes.Value) bool {
	var before, after, given map[string]tftypes.Value
	if state.As(&before) != nil || plan.As(&after) != nil || configured.As(&given) != nil || len(before) != len(after) {
		return false
	}
	for name, value := range after {
		if isOutput(name) {
			if name == publishedName {
				continue // what is there, not what is rendered
			}
			old, now := before[name], given[name]
			if old.IsNull() && name != "bootstrap_id" || !now.IsNull() && !now.Equal(old) {
				return false
			}
			if _, parameter := config.Lookup(name); parameter && now.IsNull() == givenBefore(before, name) {
				return false
			}
			continue
		}
		if !value.Equal(before[name]) {
			return false
		}
	}
	return true
}

// givenBefore says whether a state was made with a parameter that is an output
// too; its attribute has a value either way.
func givenBefore(state map[string]tftypes.Value, name string) bool {
	var parts map[string]tftypes.Value
	var text string
	if state["bundle"].As(&parts) != nil || parts["recipe"].As(&text) != nil {
		return false
	}
	recipe, err := bundle.DecodeRecipe(text)
	if err != nil {
		return false
	}
	_, given := recipe.Given[name]
	return given
}

// outputs are the computed attributes as far as they are known.
type outputs struct {
	bundle *bundle.Bundle // nil while something is unknown
	site   *givenSite

	version     string // known with the release
	bootstrapID string

	gone diag.Diagnostic // the error, where there is no release at its place
}

// resolve checks the site and renders it if all is known.
func (r *clusterConfigResource) resolve(ctx context.Context, site *givenSite) (*outputs, diag.Diagnostics) {
	var diags diag.Diagnostics
	out := &outputs{site: site}
	if site.releaseUnknown {
		return out, diags
	}
	for name, v := range site.site.Given {
		if p, ok := config.Lookup(name); ok && p.Secret {
			r.shared.redactor.Add(v.Text)
		}
	}
	generator, err := r.shared.bundles.Generator(ctx, site.release.Source, site.release.SHA256)
	if err != nil {
		problem := releaseError(tfpath.Root("release"), err)
		if releaseGone(err) {
			out.gone = problem
		}
		diags.Append(problem)
		return out, diags
	}
	out.version = generator.Release().Version()
	out.bootstrapID = generator.Release().BootstrapID()

	resolution, err := generator.Resolve(site.site)
	if err != nil {
		diags.Append(releaseError(tfpath.Root("release"), err))
		return out, diags
	}
	diags.Append(r.problems(site, resolution)...)
	if diags.HasError() || !site.known() {
		return out, diags
	}
	b, err := generator.Build(ctx, site.site)
	var unknown *bundle.UnknownError
	var refused *config.ValidationError
	switch {
	case errors.As(err, &refused):
		// What only shows once the files are there.
		diags.Append(r.refusals(site, refused.Line, refused.Errors, refused.Unset)...)
	case errors.As(err, &unknown):
		// A rule waits for a value that no attribute shows as unknown.
	case err != nil:
		diags.Append(renderError(err))
	default:
		out.bundle = b
	}
	return out, diags
}

// problems words what resolving found, each at its attribute.
func (r *clusterConfigResource) problems(site *givenSite, resolution *config.Resolution) diag.Diagnostics {
	diags := r.refusals(site, resolution.Line, resolution.Errors, resolution.Unset)
	if site.unknownNames {
		return diags
	}
	doubts := slices.Clone(resolution.Warnings)
	for i := range doubts {
		doubts[i].Message = r.shared.redactor.Redact(doubts[i].Message)
	}
	diags.Append(parameterWarnings(site.pathOf, doubts)...)
	return diags
}

// refusals words what is refused and what is missing.
func (r *clusterConfigResource) refusals(site *givenSite, line string, problems []config.Problem, unset []string) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, p := range problems {
		p.Message = r.shared.redactor.Redact(p.Message)
		diags.Append(parameterError(site.pathOf(p.Parameter), p, site.secret[p.Parameter]))
	}
	if site.unknownNames {
		return diags // what is missing may be there yet
	}
	for _, name := range unset {
		diags.Append(parameterMissing(site.pathOf(name), name, line))
	}
	return diags
}

// write puts the outputs into a plan; those that are not known yet become
// unknown.
func (o *outputs) write(ctx context.Context, plan *tfsdk.Plan) diag.Diagnostics {
	values, diags := o.values()
	for _, name := range outputNames {
		if _, given := o.site.site.Given[name]; given || name == publishedName {
			continue
		}
		diags.Append(plan.SetAttribute(ctx, tfpath.Root(name), values[name])...)
	}
	return diags
}

// values gives the outputs by name.
func (o *outputs) values() (map[string]any, diag.Diagnostics) {
	var diags diag.Diagnostics
	text := func(s string) types.String {
		if s == "" {
			return types.StringUnknown()
		}
		return types.StringValue(s)
	}
	parts := map[string]attr.Value{
		"id": types.StringUnknown(), "recipe": types.StringUnknown(),
		"cluster_name": types.StringUnknown(), "dcos_version": text(o.version),
	}
	if name, given := o.site.site.Given["cluster_name"]; given && !name.Unknown {
		parts["cluster_name"] = types.StringValue(name.Text)
	}
	values := map[string]any{
		"id": types.StringUnknown(), "dcos_version": text(o.version), "bootstrap_id": text(o.bootstrapID),
		"config_id": types.StringUnknown(), "package_list_id": types.StringUnknown(), "package_ids": types.ListUnknown(types.StringType),
		"files": types.MapUnknown(types.StringType), "config_yaml": types.StringUnknown(),
	}
	if o.bundle == nil {
		values["bundle"] = types.ObjectValueMust(bundleTypes, parts)
		return values, diags
	}
	recipe, err := o.site.recipe().Encode()
	if err != nil {
		diags.Append(internalFault("writing the recipe of the bundle", err))
		return values, diags
	}
	b := o.bundle
	values["id"] = b.ID
	values["config_id"] = b.ConfigID
	values["package_list_id"] = b.PackageListID
	values["bootstrap_id"] = b.BootstrapID
	values["package_ids"] = b.PackageIDs
	values["files"] = shownFiles(b.Files())
	values["config_yaml"] = b.ConfigYAML(o.site.secret)
	parts["id"] = types.StringValue(b.ID)
	parts["cluster_name"] = types.StringValue(b.ClusterName)
	parts["recipe"] = types.StringValue(recipe)
	values["bundle"] = types.ObjectValueMust(bundleTypes, parts)
	return values, diags
}
