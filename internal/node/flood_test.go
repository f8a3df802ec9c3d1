// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"encoding/base64"
	"fmt"
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

// What a host says of itself gets into the state of many only as long as it may be.
func TestFactsAreBounded(t *testing.T) {
	t.Parallel()
	look := func(facts map[string]string) (*State, error) {
		var text strings.Builder
		text.WriteString("begin=inspect\n")
		for name, fact := range map[string]string{"machine_id": "m", "boot_id": "b", "clock": "1700000000", "detected_ip": "10.0.0.1",
			"version": `{"version":"2.2.1"}`, "active": "dcos-config--setup_1"} {
			if given := facts[name]; given != "" {
				fact = given
			}
			fmt.Fprintf(&text, "%s:%s\n", name, base64.StdEncoding.EncodeToString([]byte(fact)))
		}
		if claim := facts["claim"]; claim != "" {
			fmt.Fprintf(&text, "claim:%s\n", base64.StdEncoding.EncodeToString([]byte("begin=claim\nid="+claim+"\nend=claim\n")))
		}
		text.WriteString("end=inspect\n")
		f := &frame{}
		if _, err := f.Write([]byte(text.String())); err != nil {
			t.Fatal(err)
		}
		if err := f.check("inspect"); err != nil {
			t.Fatal(err)
		}
		return parseState(f)
	}
	long := strings.Repeat("1", maxFact+1)
	s, err := look(map[string]string{"claim": "c"})
	if err != nil || s.MachineID != "m" || s.DetectedIP != "10.0.0.1" || s.Version != "2.2.1" || s.ConfigPackageID != "dcos-config--setup_1" ||
		s.Claim.ID != "c" {
		t.Fatalf("%+v, %v", s, err)
	}
	s, err = look(map[string]string{"detected_ip": long, "version": `{"version":"` + long + `"}`, "active": "dcos-config--" + long})
	if err != nil || s.MachineID != "m" || s.DetectedIP+s.Version+s.ConfigPackageID != "" {
		t.Errorf("%+v, %v", s, err)
	}
	for fact, says := range map[string]string{"machine_id": "the host's machine id", "claim": "reading whose the node is"} {
		if s, err := look(map[string]string{fact: long}); err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > maxFact {
			t.Errorf("%s: %+v, %v", fact, s, err)
		}
	}
}
