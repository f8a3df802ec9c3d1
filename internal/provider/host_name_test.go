// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// An address has no user, port, scheme or blank in it; what ssh may call a host is one.
func TestHostNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.11": "", "m1.example.com": "", "m1": "", "fd00::11": "", "fe80::1%eth0": "", "[fd00::11]": "", "i-0123456789abcdef0": "",
		"prod_m1": "", "2001:db8::22": "",
		"": "at least 1", "centos@10.0.0.11": "the user has", "10.0.0.11:22": "the port has", "[fd00::11]:22": "the port has",
		"http://10.0.0.11": "a URL", "10.0.0.11/24": "a URL or a path", "10.0.0.11\n": "a line end", "m1 m2": "a blank",
	} {
		var diags diag.Diagnostics
		for _, v := range hostNames() {
			var resp validator.StringResponse
			v.ValidateString(t.Context(), validator.StringRequest{Path: tfpath.Root("address"), ConfigValue: types.StringValue(text)}, &resp)
			diags.Append(resp.Diagnostics...)
		}
		if want == "" && len(diags) > 0 || want != "" && (len(diags) != 1 || !strings.Contains(diags[0].Detail(), want)) {
			t.Errorf("%q: %v; %q is wanted", text, diags, want)
		}
	}
}
