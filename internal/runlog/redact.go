// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Redacted stands for a secret in redacted text.
const Redacted = "(redacted)"

// minSecret is the length below which a value is not redacted: it would hide
// more of the text than of the secret.
const minSecret = 4

// Redactor replaces secrets in text, by value. It knows each secret also in
// the forms in which it may come back: line by line, in base64, and escaped
// for JSON or a shell. It is safe for use by many goroutines. A nil Redactor
// changes nothing.
type Redactor struct {
	mu       sync.RWMutex
	known    map[string]bool
	replacer *strings.Replacer // nil after a change, made again on use
}

// NewRedactor makes a Redactor that knows no secrets yet.
func NewRedactor() *Redactor { return &Redactor{known: map[string]bool{}} }

// Add makes a secret known. Values of fewer than four characters are ignored.
func (r *Redactor) Add(secret string) {
	if r == nil {
		return
	}
	forms := forms(secret)
	if len(forms) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range forms {
		if !r.known[f] {
			r.known[f] = true
			r.replacer = nil
		}
	}
}

// Redact gives s with each known secret replaced by [Redacted].
func (r *Redactor) Redact(s string) string {
	if r == nil || len(s) < minSecret {
		return s
	}
	r.mu.RLock()
	p, empty := r.replacer, len(r.known) == 0
	r.mu.RUnlock()
	if empty {
		return s
	}
	if p == nil {
		p = r.build()
	}
	return p.Replace(s)
}

func (r *Redactor) build() *strings.Replacer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replacer == nil {
		secrets := make([]string, 0, len(r.known))
		for s := range r.known {
			secrets = append(secrets, s)
		}
		// At one position a Replacer takes the first argument that matches:
		// the longest first, or a secret that begins with another would be
		// left half readable.
		slices.SortFunc(secrets, func(a, b string) int {
			if d := len(b) - len(a); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		pairs := make([]string, 0, 2*len(secrets))
		for _, s := range secrets {
			pairs = append(pairs, s, Redacted)
		}
		r.replacer = strings.NewReplacer(pairs...)
	}
	return r.replacer
}

// forms lists the ways in which a secret may appear in text.
func forms(secret string) []string {
	var out []string
	add := func(s string) {
		if len(s) >= minSecret && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	whole := func(s string) {
		add(s)
		if len(s) < minSecret {
			return
		}
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			add(strings.TrimRight(enc.EncodeToString([]byte(s)), "="))
		}
		for _, escape := range []bool{true, false} {
			add(jsonEscaped(s, escape))
		}
		add(strings.ReplaceAll(s, "'", `'\''`)) // within a shell's single quotes
		add(backslashed(s))
	}
	whole(secret)
	trimmed := strings.TrimSpace(secret)
	whole(trimmed)
	if strings.ContainsAny(trimmed, "\r\n") {
		for l := range strings.Lines(trimmed) {
			l = strings.TrimSpace(l)
			// The frame lines of a PEM block are no secret and name the kind
			// of thing that was hidden.
			if strings.HasPrefix(l, "-----") && strings.HasSuffix(l, "-----") {
				continue
			}
			whole(l)
		}
	}
	return out
}

// jsonEscaped is s as it stands between the quotes of a JSON string.
func jsonEscaped(s string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(s); err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// backslashed is s as a shell's %q or a traced command line shows it.
func backslashed(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(" \t\"'$&();<>|*?[]{}#~=%!`\\", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
