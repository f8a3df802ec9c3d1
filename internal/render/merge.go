// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import "fmt"

// Merge joins two YAML documents: maps key by key, lists by appending. A key
// with different types of values, or with two plain values, is an error.
func Merge(base, addition *Map) (*Map, error) {
	merged := base.Clone()
	for _, e := range addition.Entries() {
		i := merged.find(keyOf(e.Key))
		if i < 0 {
			merged.Set(e.Key, e.Value)
			continue
		}
		v, err := mergeValues(merged.entries[i].Value, e.Value)
		if err != nil {
			return nil, fmt.Errorf("inside %v: %w", e.Key, err)
		}
		merged.entries[i].Value = v
	}
	return merged, nil
}

func mergeValues(base, addition any) (any, error) {
	switch base := base.(type) {
	case *Map:
		if addition, ok := addition.(*Map); ok {
			return Merge(base, addition)
		}
	case []any:
		if addition, ok := addition.([]any); ok {
			return append(append(make([]any, 0, len(base)+len(addition)), base...), addition...), nil
		}
	}
	return nil, fmt.Errorf("%s cannot be merged with %s", describe(base), describe(addition))
}

// describe names a value's type.
func describe(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case []any:
		return "a list"
	case *Map:
		return "a map"
	case bool:
		return "true or false"
	}
	return "a number"
}
