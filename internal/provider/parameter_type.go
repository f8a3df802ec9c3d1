// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

var (
	_ planmodifier.Dynamic = sameMeaning{}
	_ validator.String     = sha256Validator{}
)

// sameMeaning keeps the value in state where the configured one means the
// same: a list that became a set or a tuple, a JSON value with its keys in
// another order.
type sameMeaning struct{ parameter config.Parameter }

// Description says what is done.
func (sameMeaning) Description(context.Context) string {
	return "values are compared by meaning"
}

// MarkdownDescription says what is done.
func (m sameMeaning) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

// PlanModifyDynamic keeps the value in state if it means the same.
func (m sameMeaning) PlanModifyDynamic(ctx context.Context, req planmodifier.DynamicRequest, resp *planmodifier.DynamicResponse) {
	text := func(value types.Dynamic) (string, bool) {
		raw, err := value.ToTerraformValue(ctx)
		if err != nil || raw.IsNull() || !raw.IsFullyKnown() {
			return "", false
		}
		text, err := parameterText(m.parameter, raw)
		return text, err == nil
	}
	before, ok := text(req.StateValue)
	now, ok2 := text(req.PlanValue)
	if ok && ok2 && (before == now || m.parameter.Kind == config.JSON && sameJSON(before, now)) {
		resp.PlanValue = req.StateValue
	}
}

// releaseNamed refuses an empty source, as it is in configuration that Terraform wrote
// for an imported cluster: no node knows where its release came from.
type releaseNamed struct{}

// Description says what is accepted.
func (releaseNamed) Description(context.Context) string { return "the place of a release" }

// MarkdownDescription says what is accepted.
func (v releaseNamed) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (releaseNamed) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !req.ConfigValue.IsUnknown() && !req.ConfigValue.IsNull() && req.ConfigValue.ValueString() == "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Release Not Named",
			"It is empty. Write where the release is that the cluster is to have: the path or the URL of its dcos_generate_config.sh. "+
				"The nodes of a running cluster do not know it.")
	}
}

// sha256Validator accepts a SHA-256 in hex.
type sha256Validator struct{}

// Description says what is accepted.
func (sha256Validator) Description(context.Context) string { return "64 hexadecimal digits" }

// MarkdownDescription says what is accepted.
func (v sha256Validator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v sha256Validator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if sum, err := hex.DecodeString(req.ConfigValue.ValueString()); err != nil || len(sum) != 32 {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Checksum",
			fmt.Sprintf("A SHA-256 is %s; got: %q.", v.Description(ctx), req.ConfigValue.ValueString()))
	}
}
