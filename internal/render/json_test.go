// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import "testing"

func TestJSON(t *testing.T) {
	t.Parallel()
	// The texts are what Python's json.dumps(json.loads(text)) gives; "!" if
	// it does not read.
	for text, want := range map[string]string{
		`null`: `null`,
		` [ 1 , -0, 1.0, 1e5, 1E400, -1e-7, 0.1 ] `: `[1, 0, 1.0, 100000.0, Infinity, -1e-07, 0.1]`,
		`[NaN, Infinity, -Infinity]`:                `[NaN, Infinity, -Infinity]`,
		`123456789012345678901234567890`:            `123456789012345678901234567890`,
		`{"b": 1, "a": 2, "b": 3}`:                  `{"b": 3, "a": 2}`,
		`"\u00e9\ud83d\ude00é😀"`:                    `"\u00e9\ud83d\ude00\u00e9\ud83d\ude00"`,
		`"\ud83d x \ude00"`:                         `"\ud83d x \ude00"`,
		`"\ud83d\u0041"`:                            `"\ud83dA"`,
		"\"\\b\\f\\n\\r\\t\\/\\\"\\\\\x7f\"":        `"\b\f\n\r\t/\"\\\u007f"`,
		`"a` + "\n" + `b"`:                          "!",
		`"\x41"`:                                    "!",
		`"\u12g4"`:                                  "!",
		`"\u+123"`:                                  "!",
		`"open`:                                     "!",
		`[1,]`:                                      "!",
		`{"a": 1,}`:                                 "!",
		`{a: 1}`:                                    "!",
		`{"a" 1}`:                                   "!",
		`01`:                                        "!",
		`1.`:                                        "!",
		`.5`:                                        "!",
		`+1`:                                        "!",
		`- 1`:                                       "!",
		`1 2`:                                       "!",
		``:                                          "!",
		`nul`:                                       "!",
		"\ufeff1":                                   "!",
		"[]\v":                                      "!",
		`{}`:                                        `{}`,
		`[[], {}]`:                                  `[[], {}]`,
	} {
		v, err := DecodeJSON(text)
		got := "!"
		if err == nil {
			if got, err = EncodeJSON(v); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		if got != want {
			t.Errorf("%s reads as %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestJSONLayouts(t *testing.T) {
	t.Parallel()
	v, err := DecodeJSON(`{"b": [1, {"x": []}], "a": {}, "c": "é"}`)
	if err != nil {
		t.Fatal(err)
	}
	indented, err := EncodeIndentedJSON(v)
	if want := "{\n  \"b\": [\n    1,\n    {\n      \"x\": []\n    }\n  ],\n  \"a\": {},\n  \"c\": \"\\u00e9\"\n}"; indented != want ||
		err != nil {
		t.Errorf("indented: %s %v", indented, err)
	}
	pretty, err := EncodePrettyJSON(v)
	if want := "{\n  \"a\":{},\n  \"b\":[\n    1,\n    {\n      \"x\":[]\n    }\n  ],\n  \"c\":\"\\u00e9\"\n}"; pretty != want || err != nil {
		t.Errorf("pretty: %s %v", pretty, err)
	}
	m := map[string]string{"b": "x\ny", "a": "é\""}
	if got, want := PrettyArguments(m), "{\n  \"a\":\"\\u00e9\\\"\",\n  \"b\":\"x\\ny\"\n}"; got != want {
		t.Errorf("arguments: %s", got)
	}
	if got := PrettyArguments(nil); got != "{}" {
		t.Errorf("no arguments: %s", got)
	}
}

// That whole sites get DC/OS's own ids is tested with the recorded cases.
func TestHash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{HashText(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{HashText("é"), "bf15be717ac1b080b4f1c456692825891ff5073d"},
		{HashList(nil), "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{HashList([]string{"b", "a"}), HashText(HashText("a") + "," + HashText("b"))},
		{HashMap(map[string]string{"b": "1", "a": "2"}), HashText("a=" + HashText("2") + ",b=" + HashText("1"))},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

// FuzzJSON checks that what reads is written so that it reads the same.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a": [1, 2.5, null, true, "\ud83d"]}`, `[]`, `"é"`, `1e400`, `{"a":{"b":{}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := DecodeJSON(text)
		if err != nil {
			return
		}
		once, err := EncodeJSON(v)
		if err != nil {
			return // too deep to be written
		}
		again, err := DecodeJSON(once)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, once, err)
		}
		if twice, err := EncodeJSON(again); err != nil || twice != once {
			t.Errorf("%q was written as %q, then as %q (%v)", text, once, twice, err)
		}
	})
}
