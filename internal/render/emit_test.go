// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestEncodeYAML(t *testing.T) {
	t.Parallel()
	for _, s := range textSamples {
		if got := EncodeYAMLText(s.text); got != s.plain {
			t.Errorf("%q as a document:\n got %q\nwant %q", s.text, got, s.plain)
		}
		if got := EncodeYAMLLiterals(map[string]string{"k": s.text}); got != s.literal {
			t.Errorf("%q as a literal:\n got %q\nwant %q", s.text, got, s.literal)
		}
	}
}

func TestEncodeYAMLBlock(t *testing.T) {
	t.Parallel()
	big1, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	v := NewMap(
		"z", []any{"a", NewMap("b", nil, "a", true), []any{[]any{}, NewMap()}, []any{"x"}},
		"numbers", []any{big.NewInt(-1), big1, 1.5, 1e16, 1e-7, math.Inf(1), math.Inf(-1), math.NaN()},
		"empty", "",
		"a key that is too long for one line"+strings.Repeat("-", 100), "v",
	)
	//nolint:lll // as PyYAML writes it
	const want = `? a key that is too long for one line----------------------------------------------------------------------------------------------------
: v
empty: ''
numbers:
- -1
- 123456789012345678901234567890
- 1.5
- 1.0e+16
- 1.0e-07
- .inf
- -.inf
- .nan
z:
- a
- a: true
  b: null
- - []
  - {}
- - x
`
	if got := EncodeYAMLBlock(v); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestIndent(t *testing.T) {
	t.Parallel()
	if got, want := Indent("a\n\n  \n b\n", "  "), "  a\n\n  \n   b\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzEncodeYAMLText checks that what is written reads back the same.
func FuzzEncodeYAMLText(f *testing.F) {
	for _, s := range textSamples {
		f.Add(s.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		written := EncodeYAMLText(text)
		if v, err := ParseYAML(written, PyYAML5); err != nil || v != text {
			t.Errorf("%q was written as %q and reads as %q (%v)", text, written, v, err)
		}
		literals := EncodeYAMLLiterals(map[string]string{"k": text, text: "v"})
		v, err := ParseYAML(literals, PyYAML5)
		m, ok := v.(*Map)
		if err != nil || !ok {
			t.Fatalf("%q was written as %q: %v", text, literals, err)
		}
		if got, _ := m.Get("k"); text != "k" && got != text {
			t.Errorf("%q was written as %q and reads as %q", text, literals, got)
		}
		if got, _ := m.Get(text); got != "v" {
			t.Errorf("%q as a key was written as %q", text, literals)
		}
	})
}
