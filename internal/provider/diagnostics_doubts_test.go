// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// TestDoubtfulParameters holds that what is doubtful is one diagnostic, at the
// attribute that all have in common.
func TestDoubtfulParameters(t *testing.T) {
	t.Parallel()
	extra := tfpath.Root("extra_parameters")
	places := map[string]tfpath.Path{
		"a": extra.AtMapKey("a"), "b": extra.AtMapKey("b"), "c": extra.AtMapKey("c"), "gc_delay": tfpath.Root("gc_delay"),
	}
	at := func(name string) tfpath.Path { return places[name] }
	for _, c := range []struct {
		names string
		want  tfpath.Path
	}{
		{"a", places["a"]}, {"a b c", extra}, {"a gc_delay", tfpath.Empty()},
	} {
		var problems []config.Problem
		for _, name := range strings.Fields(c.names) {
			problems = append(problems, config.Problem{Parameter: name, Message: name + " is not a parameter"})
		}
		found := parameterWarnings(at, problems)
		if len(found) != 1 {
			t.Errorf("%s: %d diagnostics", c.names, len(found))
			continue
		}
		place := tfpath.Empty()
		if with, ok := found[0].(diag.DiagnosticWithPath); ok {
			place = with.Path()
		}
		if !place.Equal(c.want) {
			t.Errorf("%s: at %s, want %s", c.names, place, c.want)
		}
		for _, name := range strings.Fields(c.names) {
			if !strings.Contains(found[0].Detail(), name+" is not a parameter.") {
				t.Errorf("%s: %q does not list %s", c.names, found[0].Detail(), name)
			}
		}
	}
	if found := parameterWarnings(at, nil); len(found) != 0 {
		t.Errorf("nothing doubtful: %v", found)
	}
}
