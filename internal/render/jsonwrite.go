// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxText bounds what is written from one value: aliases in a small YAML text
// can stand for more than memory holds.
const maxText = 16 << 20

// EncodeJSON writes a value as Python's json.dumps does without options: on
// one line, ", " and ": " between the parts, ASCII only. Keys that are not
// text become text as there; a value that JSON has no form for is an error.
func EncodeJSON(v any) (string, error) {
	w := jsonWriter{comma: ", ", colon: ": "}
	return w.text(v)
}

// EncodeIndentedJSON writes a value as json.dumps does with an indentation of
// two: keys in their order, ": " after them.
func EncodeIndentedJSON(v any) (string, error) {
	w := jsonWriter{comma: ",", colon: ": ", indent: true}
	return w.text(v)
}

// EncodePrettyJSON writes a value the way DC/OS shows its arguments: keys
// sorted, an indentation of two, no blank after a colon.
func EncodePrettyJSON(v any) (string, error) {
	w := jsonWriter{comma: ",", colon: ":", indent: true, sorted: true}
	return w.text(v)
}

// PrettyArguments is EncodePrettyJSON of a map of texts.
func PrettyArguments(arguments map[string]string) string {
	keys := sortedKeys(arguments)
	size := 4
	for _, k := range keys {
		size += len(k) + len(arguments[k])*9/8 + 10
	}
	w := jsonWriter{}
	if len(keys) == 0 {
		return "{}"
	}
	w.b.Grow(size)
	w.b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.b.WriteString("\n  ")
		w.quoted(k)
		w.b.WriteByte(':')
		w.quoted(arguments[k])
	}
	w.b.WriteString("\n}")
	return w.b.String()
}

// QuoteJSON writes a text as a JSON string, ASCII only.
func QuoteJSON(text string) string {
	w := jsonWriter{}
	w.quoted(text)
	return w.b.String()
}

type jsonWriter struct {
	b              strings.Builder
	comma, colon   string
	indent, sorted bool
}

func (w *jsonWriter) text(v any) (string, error) {
	if err := w.value(v, 1); err != nil {
		return "", err
	}
	return w.b.String(), nil
}

func (w *jsonWriter) newline(depth int) {
	if w.indent {
		w.b.WriteByte('\n')
		for range depth {
			w.b.WriteString("  ")
		}
	}
}

func (w *jsonWriter) value(v any, depth int) error {
	if w.b.Len() > maxText {
		return errors.New("it stands for too long a text")
	}
	if depth > maxJSONDepth {
		return errors.New("it is nested too deeply")
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case *big.Int:
		w.b.WriteString(v.String())
	case float64:
		w.b.WriteString(jsonFloat(v))
	case string:
		w.quoted(v)
	case []any:
		return w.list(v, depth)
	case *Map:
		return w.object(v, depth)
	case Opaque:
		return fmt.Errorf("it holds a %s, which has no form as text", v.Kind)
	default:
		return fmt.Errorf("it holds a %T, which has no form as text", v)
	}
	return nil
}

func (w *jsonWriter) list(items []any, depth int) error {
	if len(items) == 0 {
		w.b.WriteString("[]")
		return nil
	}
	w.b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			w.b.WriteString(w.comma)
		}
		w.newline(depth)
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	w.newline(depth - 1)
	w.b.WriteByte(']')
	return nil
}

func (w *jsonWriter) object(m *Map, depth int) error {
	if m.Len() == 0 {
		w.b.WriteString("{}")
		return nil
	}
	entries := m.Entries()
	keys := make([]string, len(entries))
	for i, e := range entries {
		key, err := jsonKey(e.Key)
		if err != nil {
			return err
		}
		keys[i] = key
	}
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	if w.sorted {
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	}
	w.b.WriteByte('{')
	for n, i := range order {
		if n > 0 {
			w.b.WriteString(w.comma)
		}
		w.newline(depth)
		w.quoted(keys[i])
		w.b.WriteString(w.colon)
		if err := w.value(entries[i].Value, depth+1); err != nil {
			return err
		}
	}
	w.newline(depth - 1)
	w.b.WriteByte('}')
	return nil
}

func jsonKey(key any) (string, error) {
	switch key := key.(type) {
	case string:
		return key, nil
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(key), nil
	case *big.Int:
		return key.String(), nil
	case float64:
		return jsonFloat(key), nil
	case Opaque:
		return "", fmt.Errorf("it has a %s for a key, which has no form as text", key.Kind)
	}
	return "", fmt.Errorf("it has a %T for a key, which has no form as text", key)
}

const hexDigits = "0123456789abcdef"

func (w *jsonWriter) quoted(text string) {
	w.b.WriteByte('"')
	plain := 0
	for i := 0; i < len(text); {
		c := text[i]
		if ' ' <= c && c <= '~' && c != '"' && c != '\\' {
			i++
			continue
		}
		w.b.WriteString(text[plain:i])
		r, size := decode(text[i:])
		i += size
		plain = i
		switch r {
		case '"', '\\':
			w.b.WriteByte('\\')
			w.b.WriteByte(c)
		case '\n':
			w.b.WriteString(`\n`)
		case '\r':
			w.b.WriteString(`\r`)
		case '\t':
			w.b.WriteString(`\t`)
		case '\b':
			w.b.WriteString(`\b`)
		case '\f':
			w.b.WriteString(`\f`)
		default:
			if r > 0xffff {
				high, low := utf16.EncodeRune(r)
				w.hex(high)
				r = low
			}
			w.hex(r)
		}
	}
	w.b.WriteString(text[plain:])
	w.b.WriteByte('"')
}

func (w *jsonWriter) hex(r rune) {
	w.b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		w.b.WriteByte(hexDigits[r>>shift&15])
	}
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatText(f)
}

// floatText writes a finite number as Python's repr does: the fewest digits
// that read back the same, an exponent below 1e-4 and from 1e16 on.
func floatText(f float64) string {
	text := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, err := strconv.Atoi(text[strings.IndexByte(text, 'e')+1:])
	if err == nil && (exponent < -4 || exponent >= 16) {
		return text
	}
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
