// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// hostValidator asks for the name or the address of a host by itself: what people write
// beside it for ssh and for browsers would be looked up as a part of the name, at apply,
// for as long as a host may take to boot.
type hostValidator struct{}

// hostNames are what every address of a host has to be.
func hostNames() []validator.String {
	return []validator.String{stringvalidator.LengthAtLeast(1), hostValidator{}}
}

// Description says what is accepted.
func (hostValidator) Description(context.Context) string { return "a host name or an IP address" }

// MarkdownDescription says what is accepted.
func (v hostValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (hostValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if why := notAHost(req.ConfigValue.ValueString()); why != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Host",
			fmt.Sprintf("%q has to be a host name or an IP address by itself: %s.", req.ConfigValue.ValueString(), why))
	}
}

var withPort = regexp.MustCompile(`^([^:]*|\[.*\]):[0-9]+$`)

// notAHost says what of a text is no host name and no address; "" if nothing is. An alias
// in ssh.config_file may look like anything else.
func notAHost(text string) string {
	switch {
	case strings.ContainsAny(text, "/?#"):
		return "it has no place for a URL or a path"
	case strings.Contains(text, "@"):
		return "the user has an attribute of its own"
	case withPort.MatchString(text):
		return "the port has an attribute of its own"
	case strings.ContainsAny(text, " \t\r\n"):
		return "there is a blank or a line end in it (chomp(…) takes one away at the end)"
	}
	return ""
}
