// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEOF tokenKind = iota
	tokenText
	tokenReplacement
	tokenSwitch
	tokenCase
	tokenEndSwitch
	tokenFor
	tokenEndFor
)

func (k tokenKind) String() string {
	return [...]string{"end of text", "text", "replacement", "switch", "case", "end of a switch", "loop", "end of a loop"}[k]
}

type token struct {
	kind tokenKind
	name string // of a replacement, a switch or a loop's variable
	text string // text, a replacement's filter, a case's value, a loop's list
	pos  int
}

// A lexer cuts a template into tokens. The rules are strict: exactly one
// blank stands wherever one may stand (gen/template.py of every line).
type lexer struct {
	name string
	text string
	pos  int
}

func (l *lexer) errorAt(pos int, message string) error {
	return &SyntaxError{l.name, 1 + strings.Count(l.text[:pos], "\n"), message}
}

func (l *lexer) fail(format string, args ...any) error {
	near := []rune(l.text[l.pos:min(len(l.text), l.pos+40)])
	if len(near) > 10 {
		near = near[:10]
	}
	return l.errorAt(l.pos, fmt.Sprintf(format, args...)+fmt.Sprintf(" near %q", string(near)))
}

func (l *lexer) next() (token, error) {
	start := l.pos
	rest := l.text[l.pos:]
	switch {
	case rest == "":
		return token{kind: tokenEOF, pos: start}, nil
	case rest[0] != '{':
		if i := strings.IndexByte(rest, '{'); i >= 0 {
			rest = rest[:i]
		}
		l.pos += len(rest)
		return token{kind: tokenText, text: rest, pos: start}, nil
	case strings.HasPrefix(rest, "{{{{"):
		l.pos += 4
		return token{kind: tokenText, text: "{{", pos: start}, nil
	case strings.HasPrefix(rest, "{{{"):
		return token{}, l.fail("three opening braces mean nothing (two start a replacement, four stand for two)")
	case strings.HasPrefix(rest, "{{"):
		l.pos += 2
		return l.replacement(start)
	case strings.HasPrefix(rest, "{%"):
		l.pos += 2
		return l.control(start)
	}
	l.pos++
	return token{kind: tokenText, text: "{", pos: start}, nil
}

func (l *lexer) replacement(start int) (token, error) {
	t := token{kind: tokenReplacement, pos: start}
	var err error
	if t.name, err = l.identifier(); err != nil {
		return t, err
	}
	if t.name == "" {
		return t, l.fail("a replacement needs a name")
	}
	if err := l.blank(); err != nil {
		return t, err
	}
	if l.take("|") {
		if t.text, err = l.identifier(); err != nil {
			return t, err
		}
		if err := l.blank(); err != nil {
			return t, err
		}
	}
	if !l.take("}}") {
		return t, l.fail("a replacement does not end with two closing braces")
	}
	return t, nil
}

func (l *lexer) control(start int) (token, error) {
	t := token{pos: start}
	if err := l.blank(); err != nil {
		return t, err
	}
	var err error
	switch {
	case l.take("switch"):
		t.kind = tokenSwitch
		t.name, err = l.identifier()
	case l.take("case"):
		t.kind = tokenCase
		t.text, err = l.quoted()
	case l.take("endswitch"):
		t.kind = tokenEndSwitch
	case l.take("for"):
		t.kind = tokenFor
		t.name, t.text, err = l.forHead()
	case l.take("endfor"):
		t.kind = tokenEndFor
	default:
		return t, l.fail("a control group is none of switch, case, endswitch, for, endfor")
	}
	if err != nil {
		return t, err
	}
	if err := l.blank(); err != nil {
		return t, err
	}
	if !l.take("%}") {
		return t, l.fail("a control group does not end with %s", "%}")
	}
	return t, nil
}

func (l *lexer) forHead() (variable, list string, err error) {
	if variable, err = l.identifier(); err != nil {
		return "", "", err
	}
	if err := l.blank(); err != nil {
		return "", "", err
	}
	if !l.take("in") {
		return "", "", l.fail("a loop has no \"in\"")
	}
	list, err = l.identifier()
	return variable, list, err
}

func (l *lexer) take(prefix string) bool {
	if strings.HasPrefix(l.text[l.pos:], prefix) {
		l.pos += len(prefix)
		return true
	}
	return false
}

// blank reads exactly one blank.
func (l *lexer) blank() error {
	if !strings.HasPrefix(l.text[l.pos:], " ") {
		return l.fail("a blank is missing")
	}
	r, size := utf8.DecodeRuneInString(l.text[l.pos+1:])
	if size == 0 {
		return l.fail("the text ends inside braces")
	}
	if isSpaceRune(r) {
		return l.fail("only one blank may stand here")
	}
	l.pos++
	return nil
}

// identifier reads a blank and then a name, which may be empty.
func (l *lexer) identifier() (string, error) {
	if err := l.blank(); err != nil {
		return "", err
	}
	start := l.pos
	for l.pos < len(l.text) && isNameByte(l.text[l.pos]) {
		l.pos++
	}
	if l.pos == len(l.text) {
		return "", l.fail("the text ends inside braces")
	}
	return l.text[start:l.pos], nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_'
}

// quoted reads a blank and then a text in double quotes.
func (l *lexer) quoted() (string, error) {
	if err := l.blank(); err != nil {
		return "", err
	}
	if !l.take("\"") {
		return "", l.fail("a case's value does not start with a double quote")
	}
	var b strings.Builder
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch c {
		case '\n', '\r':
			return "", l.fail("a case's value has a line end in it")
		case '"':
			l.pos++
			return b.String(), nil
		case '\\':
			l.pos++
			if l.pos == len(l.text) || l.text[l.pos] != '"' && l.text[l.pos] != '\\' {
				return "", l.fail("only a double quote or a backslash may follow a backslash")
			}
			c = l.text[l.pos]
		}
		b.WriteByte(c)
		l.pos++
	}
	return "", l.fail("a case's value does not end")
}

// isSpace says whether a text is white space as Python's str.isspace sees it.
func isSpace(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !isSpaceRune(r) }) < 0
}

func isSpaceRune(r rune) bool {
	return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f
}
