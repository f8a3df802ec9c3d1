// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"strings"
	"testing"
)

// A result without end is given up, whatever it consists of; what only matters as
// it comes is not counted.
func TestFrameFlood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		again string
		flood bool
	}{
		"lines":       {"line=" + strings.Repeat("x", 100) + "\n", true},
		"short lines": {"a=\n", true},
		"one line":    {"x", true},
		"beginnings":  {"begin=x\n", true},
		"scripts":     {"begin=y\nend=y\n", true},
		"progress":    {"progress=" + strings.Repeat("x", 100) + "\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := 0
			f := &frame{flood: func() { given++ }}
			many := []byte(strings.Repeat(c.again, (64<<10)/len(c.again)))
			if name != "one line" {
				many = append([]byte("begin=x\n"), many...)
			}
			for range 4 * maxFrame / len(many) {
				if _, err := f.Write(many); err != nil {
					t.Fatal(err)
				}
			}
			if (given > 0) != c.flood {
				t.Errorf("given up: %v", given > 0)
			}
			if n := len(f.lines) + len(f.ended); n*lineCost > 2*maxFrame || len(f.pending) > 2*maxFrame {
				t.Errorf("%d lines and %d bytes are kept", n, len(f.pending))
			}
			if err := f.check("x"); c.flood && (err == nil || !strings.Contains(err.Error(), "longer than 8 MiB")) {
				t.Errorf("have %v", err)
			}
		})
	}
}
