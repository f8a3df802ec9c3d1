// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"encoding/json"
	"strconv"
	"strings"
)

// python is a value of JSON as Python writes it, which puts into files whatever
// it is given. A text in a list or an object is quoted.
func python(v any, quoted bool) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case json.Number:
		if n, err := strconv.ParseFloat(v.String(), 64); err == nil && strings.ContainsAny(v.String(), ".eE") {
			text := strconv.FormatFloat(n, 'g', -1, 64)
			if !strings.ContainsAny(text, ".e") {
				text += ".0"
			}
			return text
		}
		return v.String()
	case string:
		if !quoted {
			return v
		}
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(v) + "'"
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = python(item, true)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, key := range sortedKeys(v) {
			items = append(items, python(key, true)+": "+python(v[key], true))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return ""
}
