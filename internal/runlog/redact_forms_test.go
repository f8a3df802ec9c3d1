// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog/redacttest"
)

// A secret is found in each form in which programs write it down.
func TestRedactForms(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		"hunter2", "correct horse battery staple", `quo"te<d> & va'lue`, "a/b?c=d&e+f%g", "pässwörd-€-🔑", "tab\tand\\slash", "abcd",
		`all-of_them.~!*'();/?:@&=+$,#[] "<>%\^{}|` + "`",
	} {
		r := runlog.NewRedactor()
		r.Add(secret)
		redacttest.Check(t, r, secret)
	}
}

// A long one is found in lines of base64, of the widths that programs have.
func TestRedactWrapped(t *testing.T) {
	t.Parallel()
	var secret strings.Builder
	for i := range 40 {
		fmt.Fprintf(&secret, "line %d of a key that is long\n", i*i)
	}
	r := runlog.NewRedactor()
	r.Add(secret.String())
	for _, width := range []int{64, 76} {
		text := base64.StdEncoding.EncodeToString([]byte(secret.String()))
		for line := range slices.Chunk([]byte(text), width) {
			if have := r.Redact(string(line)); have != runlog.Redacted && (len(line) == width || len(have) >= 20) {
				t.Errorf("%d wide: %q is left of %q", width, have, line)
			}
		}
	}
}

// So are the texts in one that is JSON, however deep.
func TestRedactLeaves(t *testing.T) {
	t.Parallel()
	auth := base64.StdEncoding.EncodeToString([]byte("docker:behind-the-colon"))
	inner, err := json.Marshal(map[string]any{"deep": "in-a-text-of-json"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"auths": map[string]any{"registry.example.com": map[string]any{"auth": auth}},
		"list":  []any{"first-leaf", 31415926535, 8080, true}, "nested": string(inner),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := runlog.NewRedactor()
	r.Add(string(text))
	for _, leaf := range []string{auth, "behind-the-colon", "first-leaf", "31415926535", "in-a-text-of-json"} {
		redacttest.Check(t, r, leaf)
	}
	for _, harmless := range []string{"registry.example.com:8080 is true", "auths"} {
		if have := r.Redact(harmless); have != harmless {
			t.Errorf("%q becomes %q", harmless, have)
		}
	}
}

// What another library makes of a secret is known too.
func TestRedactLibraries(t *testing.T) {
	t.Parallel()
	const secret = `p&ss'w"rd<é> /x`
	r := runlog.NewRedactor()
	r.Add(secret)
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(string(quoted))
	if err != nil {
		t.Fatal(err)
	}
	for how, text := range map[string]string{
		"a URL":        (&url.URL{Scheme: "https", User: url.UserPassword("user", secret), Host: "h"}).String(),
		"a segment":    "https://h/" + url.PathEscape(secret),
		"a query":      url.Values{"token": {secret}}.Encode(),
		"a path":       (&url.URL{Scheme: "https", Host: "h", Path: "/" + secret}).String(),
		"HTML":         html.EscapeString(secret),
		"JSON":         string(quoted),
		"JSON in JSON": string(twice),
		"Python":       `"p&ss'w\"rd<\u00e9> /x"`, // json.dumps
		"hex":          fmt.Sprintf("%x", secret),
		"HEX":          fmt.Sprintf("%X", secret),
	} {
		if have := r.Redact(text); !strings.Contains(have, runlog.Redacted) || strings.Contains(have, "rd") && strings.Contains(have, "ss") {
			t.Errorf("%s: %s", how, have)
		}
	}
}
