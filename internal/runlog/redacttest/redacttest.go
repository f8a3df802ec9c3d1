// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package redacttest checks that a secret is found in each form in which programs
// write it down. The forms are made here anew, so that what makes them in
// internal/runlog is not what checks them.
package redacttest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// Check redacts a text with a secret in each of its forms, and fails if anything
// of the secret is left but what is as much its neighbours'.
func Check(t testing.TB, r *runlog.Redactor, secret string) {
	t.Helper()
	for how, text := range forms(secret) {
		if have := r.Redact("before " + text + " after"); have != "before "+runlog.Redacted+" after" {
			t.Errorf("%q, %s: %q is left", secret, how, have)
		}
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
		for _, before := range []string{"", "u", "us", "use", "user:", "a-longer-user:"} {
			for _, after := range []string{"", "\n", "&x", "&xy", " and more"} {
				text := enc.EncodeToString([]byte(before + secret + after))
				have := r.Redact(text)
				front, back, found := strings.Cut(have, runlog.Redacted)
				// Of the two characters at each end some bits are the neighbours'.
				if most := (8*len(before)+5)/6 + 1; !found || len(front) > most {
					t.Errorf("%q behind %q: %q of %q is left", secret, before, front, text)
				}
				if most := (8*len(after)+5)/6 + 4; len(back) > most {
					t.Errorf("%q before %q: %q of %q is left", secret, after, back, text)
				}
			}
		}
	}
}

// forms writes a secret down in other ways.
func forms(secret string) map[string]string {
	each := func(form func(c byte) string) string {
		var b strings.Builder
		for _, c := range []byte(secret) {
			b.WriteString(form(c))
		}
		return b.String()
	}
	unreserved := func(c byte) bool { // RFC 3986, section 2.3
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
	}
	escaped := func(format string) string {
		return each(func(c byte) string {
			if unreserved(c) {
				return string(rune(c))
			}
			return fmt.Sprintf(format, c)
		})
	}
	unicode := func(format string) string {
		var b strings.Builder
		for _, half := range utf16.Encode([]rune(secret)) {
			fmt.Fprintf(&b, format, half)
		}
		return b.String()
	}
	return map[string]string{
		"plain": secret, "URL": escaped("%%%02X"), "URL in small letters": escaped("%%%02x"),
		"form":  strings.ReplaceAll(escaped("%%%02X"), "%20", "+"),
		"hex":   each(func(c byte) string { return fmt.Sprintf("%02x", c) }),
		"HEX":   each(func(c byte) string { return fmt.Sprintf("%02X", c) }),
		`\u`:    unicode(`\u%04x`),
		`\U`:    unicode(`\u%04X`),
		"HTML":  strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(secret),
		"XML":   strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(secret),
		"shell": strings.ReplaceAll(secret, "'", `'\''`),
	}
}
