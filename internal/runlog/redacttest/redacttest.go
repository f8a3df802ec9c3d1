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
				if before+after == "" && front+strings.TrimRight(back, "=") != "" {
					t.Errorf("%q alone: %q of %q is left", secret, have, text)
				}
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
	all := map[string]string{
		"plain": secret, "shell": strings.ReplaceAll(secret, "'", `'\''`),
		"hex": each(secret, func(c byte) string { return fmt.Sprintf("%02x", c) }),
		"HEX": each(secret, func(c byte) string { return fmt.Sprintf("%02X", c) }),
		`\u`:  escaped(secret, `\u%04x`, func(rune) bool { return true }), `\U`: escaped(secret, `\u%04X`, func(rune) bool { return true }),
		`\u but letters`: escaped(secret, `\u%04x`, func(r rune) bool { return !letter(r) }),
		`\U but letters`: escaped(secret, `\u%04X`, func(r rune) bool { return !letter(r) }),
	}
	json := func(text string, html bool) string { return inJSON(text, html, false) }
	for how, text := range map[string]string{
		"JSON": json(secret, false), "Go's JSON": json(secret, true), "Python's JSON": inJSON(secret, false, true),
		"JSON in JSON": json(json(secret, false), false), "Go's in Go's": json(json(secret, true), true),
	} {
		all[how] = text
	}
	for how, quotes := range map[string][2]string{
		"HTML": {"&#34;", "&#39;"}, "HTML with names": {"&quot;", "&#39;"}, "XML": {"&quot;", "&apos;"}, "Python's HTML": {"&quot;", "&#x27;"},
		"PHP's HTML": {"&quot;", "&#039;"}, "an attribute": {"&quot;", "'"}, "a text in HTML": {`"`, "'"},
	} {
		all[how] = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, quotes[0], "'", quotes[1]).Replace(secret)
	}
	const unreserved = "-._~" // RFC 3986, section 2.3
	for how, kept := range map[string]string{
		"URL": unreserved, "URL, all of it": "", "Python's quote": unreserved + "/", "encodeURIComponent": unreserved + "!*'()",
		"encodeURI": unreserved + "!*'();/?:@&=+$,#", "a URL's segment": unreserved + "$&+=:@", "a URL's path": unreserved + "$&+,/:;=@",
		"a URL's password": unreserved + "$&+,;=", "a browser's form": "*-._",
	} {
		for more, format := range map[string]string{"": "%%%02X", ", small": "%%%02x"} {
			all[how+more] = each(secret, func(c byte) string {
				if letter(rune(c)) || strings.IndexByte(kept, c) >= 0 {
					return string(rune(c))
				}
				return fmt.Sprintf(format, c)
			})
		}
	}
	for _, how := range []string{"URL", "a browser's form"} {
		all[how+", +"] = strings.ReplaceAll(all[how], "%20", "+")
	}
	return all
}

// letter reports whether a character stands for itself everywhere.
func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }

func each(secret string, form func(c byte) string) string {
	var b strings.Builder
	for _, c := range []byte(secret) {
		b.WriteString(form(c))
	}
	return b.String()
}

// escaped has the characters that are asked for in UTF-16.
func escaped(secret, format string, which func(rune) bool) string {
	var b strings.Builder
	for _, r := range secret {
		if !which(r) {
			b.WriteRune(r)
			continue
		}
		for _, half := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, format, half)
		}
	}
	return b.String()
}

// inJSON is a text as it stands in JSON (RFC 8259, section 7), where what HTML knows
// may be escaped, and what is not ASCII.
func inJSON(text string, html, ascii bool) string {
	text = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\t", `\t`).Replace(text)
	return escaped(text, `\u%04x`, func(r rune) bool {
		return r < ' ' || html && strings.ContainsRune("<>&", r) || ascii && r > 0x7f
	})
}
