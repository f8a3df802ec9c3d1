// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// hostsValidator checks packed hosts as the framework checks nested
// attributes: with the validators of their schema, at their own paths.
type hostsValidator struct{}

var _ validator.String = hostsValidator{}

// Description says what is accepted.
func (hostsValidator) Description(context.Context) string {
	return "each host needs a name and an address"
}

// MarkdownDescription says what is accepted.
func (v hostsValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks all hosts.
func (hostsValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() {
		return // the framework refuses it
	}
	hosts, diags := readHosts(ctx, req.ConfigValue, req.Path)
	resp.Diagnostics.Append(diags...)
	if diags.HasError() {
		return
	}
	var found foldedDiagnostics
	named := stringvalidator.LengthAtLeast(1)
	attributes := nodeSSHAttributes()
	for _, h := range hosts {
		path := req.Path.AtMapKey(h.name)
		var r validator.StringResponse
		named.ValidateString(ctx, validator.StringRequest{Path: path, Config: req.Config, ConfigValue: types.StringValue(h.name)}, &r)
		found.addAll(r.Diagnostics)
		if h.address.IsNull() {
			found.add(invalidHost(path, "it has no address"))
		}
		if why := notAHost(h.address.ValueString()); why != "" {
			found.add(invalidHost(path, "its address has to be a host name or an IP address by itself: "+why)) // the same words on each
		}
		if !h.machine.IsNull() && !h.machine.IsUnknown() {
			var r validator.StringResponse
			at := path.AtName("machine")
			named.ValidateString(ctx, validator.StringRequest{Path: at, Config: req.Config, ConfigValue: h.machine}, &r)
			found.addAll(r.Diagnostics)
		}
		if !h.ssh.IsNull() && !h.ssh.IsUnknown() {
			var of diag.Diagnostics
			n := nestedValidation{req: req, diags: &of}
			n.object(ctx, path.AtName("ssh"), attributes, h.ssh)
			found.addAll(of)
		}
	}
	resp.Diagnostics.Append(found.diagnostics()...)
}

// invalidHost is an error in what was given for a host.
func invalidHost(path tfpath.Path, what string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(path, "Invalid Host", fmt.Sprintf("%s: %s.", path, what))
}

// nestedValidation runs the validators of nested attributes.
type nestedValidation struct {
	req   validator.StringRequest
	diags *diag.Diagnostics
}

func (n nestedValidation) object(ctx context.Context, path tfpath.Path, attributes map[string]schema.Attribute, object types.Object) {
	for name, value := range object.Attributes() {
		n.attribute(ctx, path.AtName(name), attributes[name], value)
	}
}

// attribute checks one value. The kinds of attributes that it knows are those
// of nodeSSHAttributes.
func (n nestedValidation) attribute(ctx context.Context, path tfpath.Path, attribute schema.Attribute, value attr.Value) {
	if value.IsNull() && attribute.IsRequired() {
		n.diags.Append(invalidHost(path, "it has to be given"))
		return
	}
	if value.IsNull() || value.IsUnknown() {
		return
	}
	switch a := attribute.(type) {
	case schema.StringAttribute:
		text, _ := value.(types.String) // it is the attribute's
		for _, v := range a.Validators {
			var r validator.StringResponse
			v.ValidateString(ctx, validator.StringRequest{Path: path, PathExpression: path.Expression(), Config: n.req.Config, ConfigValue: text},
				&r)
			n.diags.Append(r.Diagnostics...)
		}
	case schema.Int64Attribute:
		number, _ := value.(types.Int64) // as above
		for _, v := range a.Validators {
			var r validator.Int64Response
			v.ValidateInt64(ctx, validator.Int64Request{Path: path, PathExpression: path.Expression(), Config: n.req.Config, ConfigValue: number},
				&r)
			n.diags.Append(r.Diagnostics...)
		}
	case schema.ListNestedAttribute:
		list, _ := value.(types.List) // as above
		for i, element := range list.Elements() {
			object, _ := element.(types.Object) // as above
			n.object(ctx, path.AtListIndex(i), a.NestedObject.Attributes, object)
		}
	default:
		n.diags.Append(internalFault("checking "+path.String(), fmt.Errorf("nothing is known of a %T", attribute)))
	}
}
