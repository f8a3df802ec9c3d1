// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// values are a resource's attributes and blocks.
type values map[string]tftypes.Value

// text gives a string, "" if it is null or unknown.
func (v values) text(name string) string { return textOf(v[name]) }

func textOf(value tftypes.Value) string {
	var s *string
	if !value.IsKnown() || value.IsNull() || value.As(&s) != nil || s == nil {
		return ""
	}
	return *s
}

// all gives the strings of a list or set, or the one of a string.
func (v values) all(name string) []string {
	var list []tftypes.Value
	value := v[name]
	if !value.IsKnown() || value.IsNull() {
		return nil
	}
	if value.As(&list) != nil {
		return []string{textOf(value)}
	}
	var texts []string
	for _, item := range list {
		texts = append(texts, textOf(item))
	}
	slices.Sort(texts)
	return texts
}

// entries gives a map of strings.
func (v values) entries(name string) map[string]string {
	var m map[string]tftypes.Value
	value := v[name]
	if !value.IsKnown() || value.IsNull() || value.As(&m) != nil {
		return nil
	}
	texts := map[string]string{}
	for key, item := range m {
		texts[key] = textOf(item)
	}
	return texts
}

// yes gives a bool, false if it is null or unknown.
func (v values) yes(name string) bool {
	var b *bool
	value := v[name]
	return value.IsKnown() && !value.IsNull() && value.As(&b) == nil && b != nil && *b
}

// number gives an integer, 0 if it is null or unknown.
func (v values) number(name string) int {
	var f *big.Float
	value := v[name]
	if !value.IsKnown() || value.IsNull() || value.As(&f) != nil || f == nil {
		return 0
	}
	n, _ := f.Int64()
	return int(n)
}

// blocks gives the contents of nested blocks.
func (v values) blocks(name string) []values {
	var list []tftypes.Value
	value := v[name]
	if !value.IsKnown() || value.IsNull() || value.As(&list) != nil {
		return nil
	}
	var all []values
	for _, item := range list {
		content := map[string]tftypes.Value{}
		if item.IsKnown() && !item.IsNull() && item.As(&content) == nil {
			all = append(all, content)
		}
	}
	return all
}
