// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// A node without a bundle is kept as it is: nothing is changed on its host until it is
// destroyed. Its state has a bundle all the same, one without recipe, which names the
// cluster: no order among the nodes of a cluster is lost that way. An imported node has
// such a bundle, too (see nodeModel.adopt).

// writeBundle says how a bundle is given.
const writeBundle = "bundle = dcos_cluster_config.NAME.bundle"

// noBundle reports whether a configured bundle is none: null, or an object of nothing
// but nulls. Terraform's generated configuration has the latter, {}, for every object
// that is sensitive.
func noBundle(object types.Object) bool {
	if object.IsUnknown() {
		return false
	}
	for _, part := range object.Attributes() {
		if !part.IsNull() {
			return false
		}
	}
	return true
}

// kept reports whether the node of a state or plan has no bundle to be installed from.
func (m *nodeModel) kept() bool {
	if m.Bundle.IsUnknown() {
		return false
	}
	recipe, _ := m.Bundle.Attributes()["recipe"].(types.String) // one that is not there is null
	return !recipe.IsUnknown() && recipe.ValueString() == ""
}

// bareBundle is the bundle of a node that is kept as it is.
func bareBundle(cluster, version string) types.Object {
	return types.ObjectValueMust(bundleTypes, map[string]attr.Value{
		"id": types.StringValue(""), "recipe": types.StringValue(""),
		"cluster_name": types.StringValue(cluster), "dcos_version": types.StringValue(version),
	})
}

// planKept plans a node whose configuration has no bundle. state is nil where there is no
// node yet, and rebuilt says that its machine is another.
func (m *nodeModel) planKept(ctx context.Context, state *nodeModel, rebuilt bool) diag.Diagnostics {
	if state == nil || rebuilt {
		return diag.Diagnostics{bundleMissing(m.Address)}
	}
	m.keepBundle(ctx, state)
	m.DCOSVersion, m.ConfigPackageID, m.DetectedIP, m.Drift = state.DCOSVersion, state.ConfigPackageID, state.DetectedIP, state.Drift
	if !m.Bundle.Equal(state.Bundle) {
		m.Drift = noDrift() // a refresh says what is amiss without a bundle
		return diag.Diagnostics{nodeLetBe(m.Address.ValueString())}
	}
	if drift := state.drift(ctx); len(drift) > 0 {
		return diag.Diagnostics{keptDrift(m.Address.ValueString(), drift)}
	}
	return nil
}

// keepBundle plans the bundle of a node whose configuration has none.
func (m *nodeModel) keepBundle(ctx context.Context, state *nodeModel) {
	if m.Bundle = state.Bundle; state.kept() && !state.Bundle.IsNull() {
		return
	}
	b, _ := state.bundle(ctx) // it is of a state, in which it is whole
	m.Bundle = bareBundle(b.ClusterName.ValueString(), state.DCOSVersion.ValueString())
}

// bundleMissing words a node that cannot be made for want of a bundle.
func bundleMissing(address types.String) diag.Diagnostic {
	host := address.ValueString()
	if address.IsUnknown() {
		host = "not known yet"
	}
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("bundle"), "Bundle Missing",
		fmt.Sprintf("Host:      %s\n\nThe plan installs DC/OS on this host, and the node has no bundle to install it from. Without a bundle "+
			"a node that is there is kept as it is, and none is made.\n\nWhat to do: Write\n\n%s\n\nwith the name of the cluster's "+
			"configuration. If the "+
			"host is a node already, import it.", host, writeBundle))
}

// nodeLetBe words a bundle that is taken out of the configuration.
func nodeLetBe(address string) diag.Diagnostic {
	return diag.NewAttributeWarningDiagnostic(tfpath.Root("bundle"), "Node Will Be Kept As It Is",
		fmt.Sprintf("Host:      %s\n\nThe node has no bundle any more. Nothing is changed on the host, now or later: it is not upgraded, "+
			"reconfigured or repaired, and only uninstalled when the resource is destroyed.\n\nWhat to do: Nothing, if that is meant. Else write "+
			"%s again.", address, writeBundle))
}

// keptDrift words what is amiss on a node that nobody repairs.
func keptDrift(address string, drift []string) diag.Diagnostic {
	return diag.NewAttributeWarningDiagnostic(tfpath.Root("bundle"), "Node Is Not Repaired",
		fmt.Sprintf("Host:      %s\n\nSomething is amiss on the node, and it has no bundle to be repaired from:\n  - %s\n\nWhat to do: Write "+
			"%s, and the next apply repairs it, or see to it on the host.", address, strings.Join(drift, "\n  - "), writeBundle))
}

// bundleValidator refuses a bundle of which parts are missing.
type bundleValidator struct {
	needed bool // there is no doing without
}

var _ validator.Object = bundleValidator{}

// Description says what is accepted.
func (bundleValidator) Description(context.Context) string {
	return "the bundle of a dcos_cluster_config"
}

// MarkdownDescription says what is accepted.
func (v bundleValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateObject checks one bundle.
func (v bundleValidator) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	object := req.ConfigValue
	if object.IsNull() || object.IsUnknown() || noBundle(object) && !v.needed {
		return
	}
	var missing []string
	for _, name := range sortedKeys(object.Attributes()) {
		if object.Attributes()[name].IsNull() {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return
	}
	without := ", or leave it out, and the node is kept as it is"
	if v.needed {
		without = ""
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Bundle Not Whole",
		fmt.Sprintf("Parts of the bundle are null: %s. They are not for writing down one by one: only a dcos_cluster_config makes them, and "+
			"Terraform writes none that is sensitive into configuration that it generates.\n\nWhat to do: Write %s%s.",
			strings.Join(missing, ", "), writeBundle, without))
}

// configuredBundle gives the bundle as it is written.
func configuredBundle(ctx context.Context, config interface {
	GetAttribute(ctx context.Context, at tfpath.Path, target any) diag.Diagnostics
}) (object types.Object, diags diag.Diagnostics) {
	object = basetypes.NewObjectNull(bundleTypes)
	diags = config.GetAttribute(ctx, tfpath.Root("bundle"), &object)
	return object, diags
}
