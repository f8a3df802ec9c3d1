// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ validator.String = durationValidator{}

// durationValidator accepts text that is a duration of more than nothing, or
// of nothing where that means something.
type durationValidator struct{ zero bool }

// Description says what is accepted.
func (v durationValidator) Description(context.Context) string {
	return `a duration such as "30s", "5m" or "1h30m"`
}

// MarkdownDescription says what is accepted.
func (v durationValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

// ValidateString checks one value.
func (v durationValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	d, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || d < 0 || (d == 0 && !v.zero) {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Duration",
			// Terraform shows no line of an attribute within another.
			fmt.Sprintf("%s must be %s; got: %q.", req.Path, v.Description(ctx), req.ConfigValue.ValueString()))
	}
}

// durationOr is the duration that a validated value holds, or the default
// where there is none.
func durationOr(value types.String, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(value.ValueString()); err == nil {
		return d
	}
	return otherwise
}
