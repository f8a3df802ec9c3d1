// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// EncodeYAMLText writes a text as a YAML document the way PyYAML does: plain
// if it can be, else in single quotes, else in double quotes. This is how a
// script becomes a value in DC/OS's templates.
func EncodeYAMLText(text string) string {
	e := newEmitter(0)
	e.root(text)
	return e.b.String()
}

// EncodeYAMLBlock writes a JSON value as a YAML document in block style, keys
// sorted, the way PyYAML does.
func EncodeYAMLBlock(v any) string {
	e := newEmitter(0)
	e.root(v)
	return e.b.String()
}

// EncodeYAMLLiterals writes a map of texts the way DC/OS writes a site's
// parameters: keys sorted, values as literal blocks where that is possible.
func EncodeYAMLLiterals(m map[string]string) string {
	e := newEmitter('|')
	v := new(Map)
	for _, key := range sortedKeys(m) {
		v.Set(key, m[key])
	}
	e.root(v)
	return e.b.String()
}

// Indent puts a prefix before every line that is more than white space.
func Indent(text, prefix string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	for line := range strings.SplitAfterSeq(text, "\n") {
		if strings.TrimSpace(line) != "" {
			b.WriteString(prefix)
		}
		b.WriteString(line)
	}
	return b.String()
}

const (
	bestIndent = 2
	bestWidth  = 80
	// maxSimpleKey is how long a key on one line may be in PyYAML: 128
	// characters, less the "!!str" that it counts without writing it.
	maxSimpleKey = 127 - len("!!str")
)

// An emitter writes YAML as PyYAML's emitter does for the few forms that
// DC/OS asks for: width 80, indentation 2, ASCII only.
type emitter struct {
	b     strings.Builder
	style byte // asked for every text: 0 or '|'

	column    int
	blank     bool // white space was written last
	indention bool // only indentation and indicators are on this line
	openEnded bool // the document needs an end mark
	indent    int  // -1 at the root
}

func newEmitter(style byte) *emitter {
	return &emitter{style: style, blank: true, indention: true, indent: -1}
}

func (e *emitter) root(v any) {
	switch {
	case isEmptyCollection(v), isScalar(v):
		e.deepen(true, func() { e.inline(v, true, true) })
	default:
		e.block(v, false)
	}
	e.writeIndent()
	if e.openEnded {
		e.indicator("...", true, false)
		e.writeIndent()
	}
}

func isScalar(v any) bool {
	switch v.(type) {
	case []any, *Map:
		return false
	}
	return true
}

func isEmptyCollection(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case *Map:
		return v.Len() == 0
	}
	return false
}

// deepen runs with a deeper indentation.
func (e *emitter) deepen(flow bool, f func()) {
	before := e.indent
	switch {
	case before >= 0:
		e.indent += bestIndent
	case flow:
		e.indent = bestIndent
	default:
		e.indent = 0
	}
	f()
	e.indent = before
}

func (e *emitter) block(v any, inMapping bool) {
	switch v := v.(type) {
	case []any:
		items := func() {
			for _, item := range v {
				e.writeIndent()
				e.indicator("-", true, true)
				e.node(item, false)
			}
		}
		if inMapping && !e.indention {
			// A list that is a map's value is not indented.
			items()
			return
		}
		e.deepen(false, items)
	case *Map:
		e.deepen(false, func() {
			entries := slices.Clone(v.Entries())
			slices.SortStableFunc(entries, func(a, b Entry) int { return strings.Compare(keyText(a), keyText(b)) })
			for _, entry := range entries {
				e.entry(keyText(entry), entry.Value)
			}
		})
	}
}

// keyText gives a key of a JSON map, where every key is text.
func keyText(e Entry) string {
	text, ok := e.Key.(string)
	if !ok {
		return ""
	}
	return text
}

func (e *emitter) entry(key string, value any) {
	e.writeIndent()
	a := analyze(key)
	if len(a.text) <= maxSimpleKey && len(a.text) > 0 && !a.multiline {
		e.deepen(true, func() { e.text(a, false) })
		e.indicator(":", false, false)
	} else {
		e.indicator("?", true, true)
		e.deepen(true, func() { e.text(a, true) })
		e.writeIndent()
		e.indicator(":", true, true)
	}
	e.node(value, true)
}

func (e *emitter) node(v any, inMapping bool) {
	if isScalar(v) || isEmptyCollection(v) {
		e.deepen(true, func() { e.inline(v, true, false) })
		return
	}
	e.block(v, inMapping)
}

// inline writes a scalar or an empty collection.
func (e *emitter) inline(v any, split, root bool) {
	switch v := v.(type) {
	case string:
		a := analyze(v)
		if root && e.chooseStyle(a, split) == 0 {
			e.openEnded = true
			e.plain(a.text, split)
			return
		}
		e.text(a, split)
	case []any:
		e.indicator("[", true, false)
		e.blank = true
		e.indicator("]", false, false)
	case *Map:
		e.indicator("{", true, false)
		e.blank = true
		e.indicator("}", false, false)
	default:
		if root {
			e.openEnded = true
		}
		e.plain([]rune(yamlScalarText(v)), split)
	}
}

func yamlScalarText(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case *big.Int:
		return v.String()
	case float64:
		switch {
		case math.IsNaN(v):
			return ".nan"
		case math.IsInf(v, 1):
			return ".inf"
		case math.IsInf(v, -1):
			return "-.inf"
		}
		text := floatText(v)
		if !strings.Contains(text, ".") {
			// YAML 1.1 wants a dot in a number with an exponent.
			text = strings.Replace(text, "e", ".0e", 1)
		}
		return text
	}
	return "null"
}

func (e *emitter) text(a analysis, split bool) {
	switch e.chooseStyle(a, split) {
	case 0:
		e.plain(a.text, split)
	case '\'':
		e.single(a.text, split)
	case '|':
		e.literal(a.text)
	default:
		e.double(a.text, split)
	}
}

// chooseStyle decides how a text is written; split is false for a key on one
// line.
func (e *emitter) chooseStyle(a analysis, split bool) byte {
	if e.style == '|' {
		if split && a.block {
			return '|'
		}
		return '"'
	}
	simpleKey := !split
	if a.plain && a.readsAsText && !(simpleKey && (len(a.text) == 0 || a.multiline)) {
		return 0
	}
	if a.single && !(simpleKey && a.multiline) {
		return '\''
	}
	return '"'
}

func (e *emitter) indicator(text string, needBlank, indention bool) {
	if !e.blank && needBlank {
		e.b.WriteByte(' ')
		e.column++
	}
	e.blank = false
	e.indention = e.indention && indention
	e.column += len(text)
	e.openEnded = false
	e.b.WriteString(text)
}

func (e *emitter) writeIndent() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || e.column == indent && !e.blank {
		e.newline()
	}
	if e.column < indent {
		e.blank = true
		for ; e.column < indent; e.column++ {
			e.b.WriteByte(' ')
		}
	}
}

func (e *emitter) newline() {
	e.blank = true
	e.indention = true
	e.column = 0
	e.b.WriteByte('\n')
}

func (e *emitter) write(text []rune) {
	for _, r := range text {
		writeCharacter(&e.b, r)
	}
	e.column += len(text)
}
