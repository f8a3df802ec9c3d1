// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// A documented type, or block of one, is what a page of the documentation says of it.
type documented struct{ arguments, required, exported []string }

// readDocumented reads testdata/documented.txt.
func readDocumented(t *testing.T) map[string]documented {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "documented.txt"))
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]documented{}
	for line := range strings.Lines(string(text)) {
		name, rest, found := strings.Cut(line, ": ")
		if strings.HasPrefix(line, "#") || !found {
			continue
		}
		arguments, exported, _ := strings.Cut(rest, "|")
		d := documented{exported: strings.Fields(exported)}
		for _, argument := range strings.Fields(arguments) {
			argument, required := strings.CutSuffix(argument, "!")
			d.arguments = append(d.arguments, argument)
			if required {
				d.required = append(d.required, argument)
			}
		}
		types[name] = d
	}
	return types
}

// TestDocumented holds that the stand-in has no argument, block or attribute
// that hashicorp/aws's documentation does not have, and that it requires just
// what is required there. So a configuration that the stand-in takes is one by
// name that hashicorp/aws takes.
func TestDocumented(t *testing.T) {
	t.Parallel()
	types := readDocumented(t)
	if len(kinds) < 18 {
		t.Errorf("there are only %d kinds", len(kinds))
	}
	for _, k := range kinds {
		attributes(t, types, k.name, k.attributes)
		for name, block := range k.blocks {
			if !slices.Contains(types[k.name].arguments, name) {
				t.Errorf("%s has no block %s", k.name, name)
			}
			nested, ok := block.GetNestedObject().(schema.NestedBlockObject)
			if !ok {
				t.Fatalf("%s.%s is %T", k.name, name, block.GetNestedObject())
			}
			attributes(t, types, k.name+"."+name, nested.Attributes)
		}
	}
}

// attributes checks those of a type or block.
func attributes(t *testing.T, types map[string]documented, of string, have map[string]schema.Attribute) {
	t.Helper()
	d, found := types[of]
	if !found {
		t.Errorf("%s is not documented", of)
		return
	}
	for name, a := range have {
		given := a.IsOptional() || a.IsRequired()
		if given && !slices.Contains(d.arguments, name) {
			t.Errorf("%s has no argument %s", of, name)
		}
		if !given && name != "id" && !slices.Contains(d.exported, name) && !slices.Contains(d.arguments, name) {
			t.Errorf("%s exports no %s", of, name)
		}
		if given && a.IsRequired() != slices.Contains(d.required, name) {
			t.Errorf("%s.%s: required %v, documented as required %v", of, name, a.IsRequired(), !a.IsRequired())
		}
	}
	for _, name := range d.required {
		if _, found := have[name]; !found && name != "listener" && name != "default_action" { // a block, without which the balancer is refused
			t.Errorf("%s needs %s", of, name)
		}
	}
}
