// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseYAML(t *testing.T) {
	t.Parallel()
	for _, s := range yamlSamples {
		three := s.three
		if three == "" {
			three = s.five
		}
		for dialect, want := range map[Dialect]string{PyYAML5: s.five, PyYAML3: three} {
			v, err := ParseYAML(s.text, dialect)
			if got := showYAML(v, err); got != want {
				t.Errorf("%q with %d reads as %s, want %s (%v)", s.text, dialect, got, want, err)
			}
		}
	}
}

// showYAML writes a value as JSON, with what JSON has no form for as a map.
func showYAML(v any, err error) string {
	if err != nil {
		return "!"
	}
	text, err := EncodeJSON(withoutOpaque(v))
	if err != nil {
		return "! " + err.Error()
	}
	return text
}

func withoutOpaque(v any) any {
	switch v := v.(type) {
	case []any:
		items := []any{}
		for _, item := range v {
			items = append(items, withoutOpaque(item))
		}
		return items
	case *Map:
		m := new(Map)
		for _, e := range v.Entries() {
			m.Set(e.Key, withoutOpaque(e.Value))
		}
		return m
	case Opaque:
		kinds := map[string]string{"date": "date", "time stamp": "datetime", "binary value": "bytes", "set": "set"}
		return NewMap("!", kinds[v.Kind])
	}
	return v
}

func TestParseYAMLErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: b\nc: [d\n":      "line 3: the end of the text where ',' or ']' belongs",
		"a: b\n\x07":         "line 2: the character U+0007 is not allowed",
		"a: \xff":            "line 1: the byte 0xff is not UTF-8",
		"a: b\n---\nc: d":    "line 2: a second document starts here; only one is allowed",
		"a: *b":              "line 1: the alias *b has no anchor before it",
		"a: &x [*x]":         "line 1: a list or map holds itself",
		"a: b\n\n- c":        "line 3: '-' in a map whose keys are not in one column",
		"x: 1\n? [a]\n: b\n": "line 2: a list or map cannot be a key",
	} {
		_, err := ParseYAML(text, PyYAML5)
		var yamlErr *YAMLError
		if !errors.As(err, &yamlErr) || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// A small text may stand for a huge value: it must end soon.
func TestParseYAMLBombs(t *testing.T) {
	t.Parallel()
	aliases := "a0: &a0 [x, x]\n"
	for i := 1; i < 64; i++ {
		aliases += "a" + string(rune('0'+i%10)) + strings.Repeat("x", i/10) + ": &b" + strings.Repeat("y", i) + " [1]\n"
	}
	for _, text := range []string{
		strings.Repeat("[", 100000), strings.Repeat("{a: ", 100000), strings.Repeat("- ", 100000), strings.Repeat("? ", 100000), aliases,
	} {
		if v, err := ParseYAML(text, PyYAML5); err == nil {
			if _, err := EncodeJSON(v); err != nil {
				t.Log(err)
			}
		}
	}
	laughs := "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := 1; i < 10; i++ {
		d, before := string(rune('0'+i)), string(rune('0'+i-1))
		laughs += "l" + d + ": &l" + d + " [" + strings.TrimSuffix(strings.Repeat("*l"+before+", ", 9), ", ") + "]\n"
	}
	v, err := ParseYAML(laughs, PyYAML5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := EncodeJSON(v); err == nil {
		t.Error("a value of billions of texts was written")
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	read := func(text string) *Map {
		v, err := ParseYAML(text, PyYAML5)
		if err != nil {
			t.Fatal(err)
		}
		m, ok := v.(*Map)
		if !ok {
			t.Fatalf("%q is no map", text)
		}
		return m
	}
	for _, c := range []struct{ base, addition, want string }{
		{"{a: [1], b: {c: [2]}}", "{a: [3], b: {c: [4], d: 5}, e: 6}", `{"a": [1, 3], "b": {"c": [2, 4], "d": 5}, "e": 6}`},
		{"{}", "{a: b}", `{"a": "b"}`},
		{"{a: b}", "{a: b}", "inside a: text cannot be merged with text"},
		{"{a: {b: [1]}}", "{a: {b: {}}}", "inside a: inside b: a list cannot be merged with a map"},
	} {
		base := read(c.base)
		before := showYAML(base, nil)
		m, err := Merge(base, read(c.addition))
		got := fmt.Sprint(err)
		if err == nil {
			got = showYAML(m, nil)
		}
		if got != c.want {
			t.Errorf("%s and %s: got %s, want %s", c.base, c.addition, got, c.want)
		}
		if after := showYAML(base, nil); after != before {
			t.Errorf("merging changed %s to %s", before, after)
		}
	}
}

// FuzzParseYAML checks that any text ends in a value or an error, and that a
// value that JSON has a form for reads back from it: JSON is YAML.
func FuzzParseYAML(f *testing.F) {
	for _, s := range yamlSamples {
		f.Add(s.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, dialect := range []Dialect{PyYAML5, PyYAML3} {
			v, err := ParseYAML(text, dialect)
			if err != nil {
				var yamlErr *YAMLError
				if !errors.As(err, &yamlErr) || err.Error() == "" {
					t.Errorf("%q: %v", text, err)
				}
				continue
			}
			if _, err := EncodeJSON(v); err != nil {
				continue
			}
			block, err := ParseYAML(EncodeYAMLBlock(v), dialect)
			if _, ok := v.(*Map); ok && err != nil {
				t.Errorf("%q does not read back: %v %v", text, block, err)
			}
		}
	})
}

// FuzzMerge checks that merging ends, and that what is merged keeps the keys.
func FuzzMerge(f *testing.F) {
	f.Add("a: [1]", "a: [2]")
	f.Add("a: {b: {c: d}}", "a: {b: {e: f}}")
	f.Add("1: a", "true: b")
	f.Fuzz(func(t *testing.T, one, two string) {
		a, err := ParseYAML(one, PyYAML5)
		b, err2 := ParseYAML(two, PyYAML5)
		base, ok := a.(*Map)
		addition, ok2 := b.(*Map)
		if err != nil || err2 != nil || !ok || !ok2 {
			return
		}
		m, err := Merge(base, addition)
		if err == nil && m.Len() < max(base.Len(), addition.Len()) {
			t.Errorf("merging %q and %q lost keys", one, two)
		}
	})
}
