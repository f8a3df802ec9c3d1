// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import "strings"

// An analysis says in which styles PyYAML can write a text.
type analysis struct {
	text        []rune
	multiline   bool
	plain       bool // in block context
	readsAsText bool // plain, it would not read as a number or the like
	single      bool // in single quotes
	block       bool // as a literal block
}

func isYAMLBreak(r rune) bool {
	return r == '\n' || r == 0x85 || r == 0x2028 || r == 0x2029
}

func isYAMLSpace(r rune) bool {
	return r == 0 || r == ' ' || r == '\t' || r == '\r' || isYAMLBreak(r)
}

func analyze(s string) analysis {
	a := analysis{text: characters(s)}
	if len(a.text) == 0 {
		// An empty text is null when it is written plain.
		a.plain, a.single = true, true
		return a
	}
	text := a.text
	last := len(text) - 1
	indicators := strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...")
	var special, breakSpace, spaceBreak bool
	for i, r := range text {
		endsBefore := i == 0 || isYAMLSpace(text[i-1])
		endsAfter := i == last || isYAMLSpace(text[i+1])
		indicators = indicators || indicates(r, i == 0, endsBefore, endsAfter)
		switch {
		case isYAMLBreak(r):
			a.multiline = true
			spaceBreak = spaceBreak || i > 0 && text[i-1] == ' '
			special = special || r != '\n'
		case r == ' ':
			breakSpace = breakSpace || i > 0 && isYAMLBreak(text[i-1])
		case r < ' ' || r > '~':
			special = true
		}
	}
	ends := func(r rune) bool { return r == ' ' || isYAMLBreak(r) }
	a.block = text[last] != ' ' && !spaceBreak && !special
	a.single = !breakSpace && !spaceBreak && !special
	a.plain = a.single && !a.multiline && !indicators && !ends(text[0]) && !ends(text[last])
	a.readsAsText = resolveScalar(s) == "str"
	return a
}

// indicates tells whether a plain text with this character, perhaps its first,
// would not be read as one: before and after say whether there is nothing, a
// blank or a break on that side.
func indicates(r rune, first, before, after bool) bool {
	if !first {
		return r == ':' && after || r == '#' && before
	}
	return strings.ContainsRune("#,[]{}&*!|>'\"%@`", r) || after && (r == '?' || r == ':' || r == '-')
}

// plain writes a text without quotes.
func (e *emitter) plain(text []rune, split bool) {
	if len(text) == 0 {
		return
	}
	if !e.blank {
		e.b.WriteByte(' ')
		e.column++
	}
	e.blank = false
	e.indention = false
	e.words(text, split, func() {
		e.blank = false
		e.indention = false
	}, false)
}

// words writes a text, folding it at single blanks past the width. quoted
// asks for what single quotes need: quotes doubled, breaks doubled, no fold
// at either end.
func (e *emitter) words(text []rune, split bool, folded func(), quoted bool) {
	for i := 0; i < len(text); {
		start := i
		switch {
		case text[i] == ' ':
			for i < len(text) && text[i] == ' ' {
				i++
			}
			if i == start+1 && e.column > bestWidth && split && !(quoted && (start == 0 || i == len(text))) {
				e.writeIndent()
				folded()
				continue
			}
			e.write(text[start:i])
		case isYAMLBreak(text[i]):
			for i < len(text) && isYAMLBreak(text[i]) {
				i++
			}
			if text[start] == '\n' {
				e.newline()
			}
			for range i - start {
				e.newline()
			}
			e.writeIndent()
			folded()
		case quoted && text[i] == '\'':
			i++
			e.b.WriteString("''")
			e.column += 2
		default:
			for i < len(text) && text[i] != ' ' && !isYAMLBreak(text[i]) && !(quoted && text[i] == '\'') {
				i++
			}
			e.write(text[start:i])
		}
	}
}

// single writes a text in single quotes.
func (e *emitter) single(text []rune, split bool) {
	e.indicator("'", true, false)
	e.words(text, split, func() {}, true)
	e.indicator("'", false, false)
}

// literal writes a text as a literal block.
func (e *emitter) literal(text []rune) {
	header := "|"
	if text[0] == ' ' || text[0] == '\n' {
		header += "2"
	}
	last := len(text) - 1
	keep := false
	switch {
	case text[last] != '\n':
		header += "-"
	case last == 0 || text[last-1] == '\n':
		header += "+"
		keep = true
	}
	e.indicator(header, true, false)
	e.openEnded = keep
	e.newline()
	for i := 0; i <= last; {
		if text[i] == '\n' {
			e.newline()
			i++
			continue
		}
		e.writeIndent()
		start := i
		for i <= last && text[i] != '\n' {
			i++
		}
		e.write(text[start:i])
		if i > last {
			e.newline()
			break
		}
		// The block's own line end, written without regard to the column.
		e.newline()
		i++
	}
}

var yamlShort = map[rune]byte{
	0: '0', '\a': 'a', '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', 0x1b: 'e', '"': '"', '\\': '\\',
	0x85: 'N', 0xa0: '_', 0x2028: 'L', 0x2029: 'P',
}

// double writes a text in double quotes. It is folded after an escaped
// character or before a blank, once the column passes the width with what is
// pending.
func (e *emitter) double(text []rune, split bool) {
	e.indicator("\"", true, false)
	start := 0
	for i := 0; i <= len(text); i++ {
		if i == len(text) || text[i] == '"' || text[i] == '\\' || text[i] < ' ' || text[i] > '~' {
			e.write(text[min(start, i):i])
			start = i
			if i < len(text) {
				e.escape(text[i])
				start = i + 1
			}
		}
		if i == 0 || i >= len(text)-1 || !split || text[i] != ' ' && start < i || e.column+i-start <= bestWidth {
			continue
		}
		if start < i {
			e.write(text[start:i])
			start = i
		}
		e.b.WriteByte('\\')
		e.column++
		e.writeIndent()
		e.blank = false
		e.indention = false
		if text[start] == ' ' {
			e.b.WriteByte('\\')
			e.column++
		}
	}
	e.indicator("\"", false, false)
}

func (e *emitter) escape(r rune) {
	e.b.WriteByte('\\')
	e.column++
	if short, ok := yamlShort[r]; ok {
		e.b.WriteByte(short)
		e.column++
		return
	}
	letter, digits := byte('x'), 2
	switch {
	case r > 0xffff:
		letter, digits = 'U', 8
	case r > 0xff:
		letter, digits = 'u', 4
	}
	e.b.WriteByte(letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		e.b.WriteByte("0123456789ABCDEF"[r>>shift&15])
	}
	e.column += 1 + digits
}
