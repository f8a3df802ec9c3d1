// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// unwell says which of DC/OS's checks fail. The check runner ends with 0 when
// it could not run a check at all, and says so under "error".
func unwell(output, code string) string {
	var r struct {
		Error  string          `json:"error"`
		Status int             `json:"status"`
		Checks json.RawMessage `json:"checks"`
	}
	if strings.TrimSpace(output) == "" {
		return ""
	}
	if err := json.Unmarshal([]byte(output), &r); err != nil {
		if strings.HasSuffix(code, " 0") {
			return ""
		}
		return clip(strings.TrimSpace(output), 400)
	}
	if r.Error != "" {
		return r.Error
	}
	var checks map[string]struct {
		Status int    `json:"status"`
		Output string `json:"output"`
	}
	if err := json.Unmarshal(r.Checks, &checks); err != nil || r.Status == 0 {
		return ""
	}
	var bad []string
	for name, c := range checks {
		if c.Status != 0 {
			bad = append(bad, fmt.Sprintf("%s (%s)", name, clip(strings.TrimSpace(c.Output), 200)))
		}
	}
	slices.Sort(bad)
	return strings.Join(bad, ", ")
}

// atLeast compares versions like 17.05.0-ce number by number.
func atLeast(have, least string) bool {
	h, l := numbers(have), numbers(least)
	return slices.Compare(append(h, make([]int, len(l))...)[:max(len(h), len(l))], l) >= 0
}

func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end >= 0 {
			part = part[:end]
		}
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		out = append(out, n)
		if end >= 0 {
			break
		}
	}
	return out
}
