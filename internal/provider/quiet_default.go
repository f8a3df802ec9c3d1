// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// A quietDefault is a default that no plan shows: where nothing is configured the
// value is null, which code reads as the default. States of versions that wrote
// the default down keep it, so that their plans are empty.
type quietDefault struct {
	text string
	is   bool
}

var (
	_ planmodifier.String = quietDefault{}
	_ planmodifier.Bool   = quietDefault{}
)

// Description says what it does.
func (quietDefault) Description(context.Context) string { return "what is not given is null" }

// MarkdownDescription says what it does.
func (q quietDefault) MarkdownDescription(ctx context.Context) string { return q.Description(ctx) }

// PlanModifyString plans a text.
func (q quietDefault) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	switch {
	case !req.ConfigValue.IsNull():
	case !req.State.Raw.IsNull() && req.StateValue.Equal(types.StringValue(q.text)):
		resp.PlanValue = req.StateValue
	default:
		resp.PlanValue = types.StringNull()
	}
}

// PlanModifyBool plans a yes or no.
func (q quietDefault) PlanModifyBool(_ context.Context, req planmodifier.BoolRequest, resp *planmodifier.BoolResponse) {
	switch {
	case !req.ConfigValue.IsNull():
	case !req.State.Raw.IsNull() && req.StateValue.Equal(types.BoolValue(q.is)):
		resp.PlanValue = req.StateValue
	default:
		resp.PlanValue = types.BoolNull()
	}
}

// yes reports whether an option is on whose default is true.
func yes(option types.Bool) bool { return option.IsNull() || option.ValueBool() }
