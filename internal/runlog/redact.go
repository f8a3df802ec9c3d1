// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Redacted stands for a secret in redacted text.
const Redacted = "(redacted)"

// minSecret is the length below which a value is not redacted: it would hide
// more of the text than of the secret.
const minSecret = 4

// Redactor replaces secrets in text, by value. It knows each secret also in
// the forms in which it may come back: line by line; in base64, by itself, in lines
// and as a part of something longer ("user:secret"); in hex; escaped for JSON, a shell, a
// URL or HTML. Of a secret that is JSON it knows each text in it. It is safe for
// use by many goroutines. A nil Redactor changes nothing.
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
	c := collector{seen: map[string]bool{}}
	c.secret(secret, maxNested)
	return c.forms
}

// maxNested is how deep JSON that is a text within JSON is looked into.
const maxNested = 3

// A collector collects the forms of one secret.
type collector struct {
	forms []string
	seen  map[string]bool
}

func (c *collector) add(s string) {
	if len(s) >= minSecret && !c.seen[s] {
		c.seen[s] = true
		c.forms = append(c.forms, s)
	}
}

// secret adds all forms of a secret, of its lines, and of what is in it.
func (c *collector) secret(s string, nested int) {
	c.whole(s)
	trimmed := strings.TrimSpace(s)
	c.whole(trimmed)
	if nested > 0 {
		for _, leaf := range leaves(trimmed) {
			c.secret(leaf, nested-1)
		}
	}
	if !strings.ContainsAny(trimmed, "\r\n") {
		return
	}
	for l := range strings.Lines(trimmed) {
		l = strings.TrimSpace(l)
		// The frame lines of a PEM block are no secret and name the kind
		// of thing that was hidden.
		if strings.HasPrefix(l, "-----") && strings.HasSuffix(l, "-----") {
			continue
		}
		c.whole(l)
	}
}

// whole adds the forms of a text.
func (c *collector) whole(s string) {
	if len(s) < minSecret {
		return
	}
	c.add(s)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		text := strings.TrimRight(enc.EncodeToString([]byte(s)), "=")
		c.add(text)
		c.wrapped(text)
		for before := range 3 {
			c.add(within(enc, s, before))
		}
	}
	c.add(hex.EncodeToString([]byte(s)))
	c.add(strings.ToUpper(hex.EncodeToString([]byte(s))))
	for _, escape := range []bool{true, false} {
		inJSON := jsonEscaped(s, escape)
		c.add(inJSON)
		c.add(jsonEscaped(inJSON, escape)) // JSON within JSON
	}
	for _, upper := range []bool{false, true} {
		c.add(unicodeEscaped(jsonEscaped(s, false), upper, func(r rune) bool { return r > unicode.MaxASCII })) // as Python's json does
		c.add(unicodeEscaped(s, upper, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) || r > unicode.MaxASCII }))
		c.add(unicodeEscaped(s, upper, func(rune) bool { return true }))
	}
	c.add(strings.ReplaceAll(s, "'", `'\''`)) // within a shell's single quotes
	c.add(backslashed(s))
	for _, kept := range keptInURLs {
		escaped := percent(s, kept)
		for _, form := range []string{escaped, strings.ReplaceAll(escaped, "%20", "+")} {
			c.add(form)
			c.add(lowerPercent(form))
		}
	}
	for _, quotes := range [][2]string{
		{"&#34;", "&#39;"}, {"&quot;", "&#39;"}, {"&quot;", "&apos;"}, {"&quot;", "&#x27;"}, {"&quot;", "&#039;"}, {"&quot;", "'"}, {`"`, "'"},
	} {
		c.add(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, quotes[0], "'", quotes[1]).Replace(s))
	}
}

// wrapped adds the lines of a long text in base64, as base64(1) writes them, and
// openssl(1) and PEM. The last may be too short to say anything.
func (c *collector) wrapped(text string) {
	const shortest = 16
	for _, width := range []int{76, 64} {
		for line := range slices.Chunk([]byte(text), width) {
			if len(text) > width && len(line) >= shortest {
				c.add(string(line))
			}
		}
	}
}

// within is the part of the base64 of a longer text which is the secret's alone,
// where a number of bytes, modulo three, stand before it: three bytes are four
// characters (RFC 4648, section 4).
func within(enc *base64.Encoding, secret string, before int) string {
	text := enc.EncodeToString([]byte(strings.Repeat("x", before) + secret + "xx"))
	return text[(8*before+5)/6 : 8*(before+len(secret))/6]
}

// leaves are the texts in a text that is JSON, and what is behind the user's name
// in "user:secret" in base64, as Docker has it.
func leaves(text string) (found []string) {
	var value any
	if d := json.NewDecoder(strings.NewReader(text)); strings.ContainsAny(text[:min(len(text), 1)], `{["`) {
		d.UseNumber()
		if d.Decode(&value) != nil {
			return nil
		}
	} else if plain, err := base64.StdEncoding.DecodeString(text); err == nil && utf8.Valid(plain) {
		if _, secret, ok := strings.Cut(string(plain), ":"); ok {
			return []string{secret}
		}
	}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case string:
			found = append(found, value)
		case json.Number:
			if len(value) > minNumber {
				found = append(found, value.String())
			}
		case []any:
			for _, v := range value {
				walk(v)
			}
		case map[string]any:
			for _, v := range value {
				walk(v)
			}
		}
	}
	walk(value)
	return found
}

// minNumber is the length up to which a number in JSON is none to hide: it may be a
// port or a size.
const minNumber = 5

// unicodeEscaped has the runes of s that are asked for in the form \u0041, those
// beyond 16 bits as two (RFC 8259, section 7).
func unicodeEscaped(s string, upper bool, which func(rune) bool) string {
	form := `\u%04x`
	if upper {
		form = `\u%04X`
	}
	var b strings.Builder
	for _, r := range s {
		if !which(r) {
			b.WriteRune(r)
			continue
		}
		for _, half := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, form, half)
		}
	}
	return b.String()
}

// keptInURLs are the characters besides letters and digits that stand for themselves
// in a URL, by who writes it.
var keptInURLs = []string{
	"",
	"-._~",                 // RFC 3986, section 2.3; net/url's QueryEscape
	"-._~/",                // Python's quote
	"-._~!*'()",            // JavaScript's encodeURIComponent
	"-._~!*'();/?:@&=+$,#", // and encodeURI
	"*-._",                 // forms (WHATWG URL, application/x-www-form-urlencoded)
	"-._~$&+=:@",           // net/url's PathEscape,
	"-._~$&+,/:;=@",        // paths,
	"-._~$&+,;=",           // and passwords
}

// percent is s with each byte but letters, digits and what is kept in the form %2D.
func percent(s, kept string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(kept, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// lowerPercent has the digits of %2F in small letters.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
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
