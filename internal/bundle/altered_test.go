// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
)

// TestAlteredRecordings holds that the comparison with the recordings in the
// tree looks at every fact: one byte of any name, text, number or truth value
// altered makes it fail, or the recording cannot be read. On the newest line
// each is altered in turn, on the others one of seven.
func TestAlteredRecordings(t *testing.T) {
	t.Parallel()
	recorded := conformance.Own(t)
	for i, tag := range recorded.Tags {
		every := 7
		if i == 0 {
			every = 1
		}
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			line := newConformanceLine(t, recorded, tag)
			recording := recorded.Recording(t, tag)
			for name := range recording.Cases {
				if !recorded.Case(t, name).Of(tag) {
					t.Errorf("%s is recorded and left out", name)
				}
			}
			total := 0
			for _, name := range []string{
				"plain", "check-programs", "extra-of-all-kinds", "words-for-switches", "texts-that-are-wrong",
				"missing-everything", "value-null", "yaml-broken", "exhibitor-tls-required",
			} {
				compare := line.answer(t, recorded.Case(t, name)).differences
				if len(recorded.Outcome(t, tag, name).ServeDir) > 0 {
					made, served := compare, serveRecorded(t, tag, name)
					compare = func(o conformance.Outcome) []string { return append(made(o), served.otherwise(o)...) }
				}
				total += alterEach(t, recording, name, every, compare)
			}
			if total < 500/every {
				t.Errorf("only %d facts were altered", total)
			}
		})
	}
}

// alterEach alters one fact after another in the recording of a site, or one
// of so many, and returns how many it altered.
func alterEach(t *testing.T, recording *conformance.Recording, name string, every int, compare func(conformance.Outcome) []string) int {
	t.Helper()
	text := recording.Cases[name]
	altered := 0
	for i, at := range factsIn(text) {
		if i%every != 0 {
			continue
		}
		altered++
		wrong := bytes.Clone(text)
		wrong[at] ^= 1
		other, err := recording.With(name, wrong)
		if err != nil {
			continue
		}
		o, err := other.Outcome(name)
		if err == nil && len(compare(o)) == 0 {
			from := max(0, at-60)
			t.Errorf("%s: nobody minds %q altered at %d in …%s…", name, text[at], at, text[from:min(len(text), at+20)])
		}
	}
	return altered
}

// factsIn finds a byte in the middle of each name and value of a JSON text.
func factsIn(text []byte) []int {
	var facts []int
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		end := int(d.InputOffset())
		switch token := token.(type) {
		case json.Delim:
			continue
		case string:
			if token == "" {
				continue // there is no byte in it
			}
			quoted := bytes.LastIndexByte(text[:end-1], '"') // or an escaped quote, which will do
			facts = append(facts, (quoted+end)/2)
		default:
			facts = append(facts, end-len(fmt.Sprint(token)))
		}
	}
	return facts
}
