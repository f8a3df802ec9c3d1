// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	page := "head\n### Optional\n\n- `cluster_name` (String) Name.\n- `ip_detect_script` (String) Script.\n- `publish` (Attributes) Place.\n" +
		"- `ui_tracking` (String) Without effect: no line uses it.\n\n### Read-Only\n\n- `id` (String) Id.\n"
	got, err := group(page)
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, want := range []string{"head\n", "#### Besides parameters\n\n- `publish`", "#### Site\n\n- `cluster_name`",
		"#### Scripts on the node\n\n- `ip_detect_script`", "#### Without effect\n\n- `ui_tracking`", "### Read-Only\n\n- `id`"} {
		i := strings.Index(got, want)
		if i <= at {
			t.Errorf("%q is not in its place:\n%s", want, got)
		}
		at = i
	}
	for _, bad := range []string{"no list", "### Optional\n\nno attribute\n\n### Read-Only\n"} {
		if _, err := group(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
