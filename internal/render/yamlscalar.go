// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strconv"
	"strings"
)

// blockScalar reads a literal or folded scalar.
func (s *yamlScanner) blockScalar(folded bool) error {
	t := yamlToken{kind: yamlScalar, line: s.line}
	s.forward(1)
	keep, strip, increment, err := s.blockHeader()
	if err != nil {
		return err
	}
	least := max(s.indent+1, 1)
	var indent int
	var breaks string
	if increment == 0 {
		breaks, indent = s.blockIndent()
		indent = max(least, indent)
	} else {
		indent = least + increment - 1
		breaks = s.blockBreaks(indent)
	}
	b := s.buffer[:0]
	last := ""
	for s.col == indent && s.pos < len(s.text) {
		b = append(b, breaks...)
		indented := s.at(0) == ' ' || s.at(0) == '\t'
		size := s.restOfLine()
		b = append(b, s.text[s.pos:s.pos+size]...)
		s.forward(size)
		last = s.takeBreak()
		breaks = s.blockBreaks(indent)
		if s.col != indent || s.pos == len(s.text) {
			break
		}
		// A folded scalar's single breaks become blanks, but for those
		// around lines that are indented further.
		if folded && last == "\n" && !indented && s.at(0) != ' ' && s.at(0) != '\t' {
			if breaks == "" {
				b = append(b, ' ')
			}
		} else {
			b = append(b, last...)
		}
	}
	if !strip {
		b = append(b, last...)
	}
	if keep {
		b = append(b, breaks...)
	}
	t.value = string(b)
	s.buffer = b
	s.queue = append(s.queue, t)
	return nil
}

func (s *yamlScanner) blockHeader() (keep, strip bool, increment int, err error) {
	chomp := func() {
		switch s.at(0) {
		case '+':
			keep = true
			s.forward(1)
		case '-':
			strip = true
			s.forward(1)
		}
	}
	chomp()
	if c := s.at(0); '0' <= c && c <= '9' {
		if c == '0' {
			return false, false, 0, s.fail("a block's indentation is at least 1")
		}
		increment = int(c - '0')
		s.forward(1)
		if !keep && !strip {
			chomp()
		}
	}
	if s.at(0) != ' ' && !s.endsLine(0) {
		return false, false, 0, s.fail("something follows the start of a block")
	}
	return keep, strip, increment, s.ignoredRest("the start of a block")
}

// blockIndent finds how far the block is indented.
func (s *yamlScanner) blockIndent() (breaks string, indent int) {
	for {
		if s.at(0) == ' ' {
			s.forward(1)
			indent = max(indent, s.col)
			continue
		}
		br := s.takeBreak()
		if br == "" {
			return breaks, indent
		}
		breaks += br
	}
}

// blockBreaks goes over empty lines and the indentation after them.
func (s *yamlScanner) blockBreaks(indent int) string {
	breaks := ""
	for {
		n := 0
		for s.col+n < indent && s.at(n) == ' ' {
			n++
		}
		s.forward(n)
		br := s.takeBreak()
		if br == "" {
			return breaks
		}
		breaks += br
	}
}

// quotedScalar reads a scalar in single or double quotes.
func (s *yamlScanner) quotedScalar(quote byte) error {
	t := yamlToken{kind: yamlScalar, line: s.line}
	s.forward(1)
	var b strings.Builder
	for {
		if err := s.quotedText(&b, quote); err != nil {
			return err
		}
		if s.at(0) == quote {
			break
		}
		if err := s.quotedSpaces(&b); err != nil {
			return err
		}
	}
	s.forward(1)
	t.value = b.String()
	s.queue = append(s.queue, t)
	return nil
}

// quotedText reads up to white space or the closing quote.
func (s *yamlScanner) quotedText(b *strings.Builder, quote byte) error {
	for {
		size := 0
		for !s.endsWord(size) && strings.IndexByte(`'"\`, s.at(size)) < 0 {
			size++
		}
		b.WriteString(s.text[s.pos : s.pos+size])
		s.forward(size)
		c := s.at(0)
		switch {
		case quote == '\'' && c == '\'' && s.at(1) == '\'':
			b.WriteByte('\'')
			s.forward(2)
		case quote == '"' && c == '\'', quote == '\'' && (c == '"' || c == '\\'):
			b.WriteByte(c)
			s.forward(1)
		case quote == '"' && c == '\\':
			if err := s.escape(b); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

var yamlEscapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': "\"", '\\': "\\", '/': "/", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

func (s *yamlScanner) escape(b *strings.Builder) error {
	s.forward(1)
	c := s.at(0)
	if text, ok := yamlEscapes[c]; ok && (c != '/' || s.dialect != PyYAML3) {
		b.WriteString(text)
		s.forward(1)
		return nil
	}
	if size, ok := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; ok {
		s.forward(1)
		digits := s.text[s.pos:min(len(s.text), s.pos+size)]
		code, err := strconv.ParseUint(digits, 16, 32)
		if err != nil || len(digits) < size || code > 0x10ffff {
			return s.fail("an escape lacks its %d hexadecimal digits, or stands for no character", size)
		}
		writeCharacter(b, rune(code))
		s.forward(size)
		return nil
	}
	if s.takeBreak() != "" {
		breaks, err := s.quotedBreaks()
		b.WriteString(breaks)
		return err
	}
	return s.fail("no escape of YAML follows the backslash")
}

func (s *yamlScanner) quotedSpaces(b *strings.Builder) error {
	size := 0
	for s.at(size) == ' ' || s.at(size) == '\t' {
		size++
	}
	spaces := s.text[s.pos : s.pos+size]
	s.forward(size)
	if s.pos == len(s.text) {
		return s.fail("a text in quotes does not end")
	}
	br := s.takeBreak()
	if br == "" {
		b.WriteString(spaces)
		return nil
	}
	breaks, err := s.quotedBreaks()
	writeFold(b, br, breaks)
	return err
}

// writeFold writes what a line break and the empty lines after it stand for
// in a flow scalar: a single break is a blank.
func writeFold(b *strings.Builder, br, breaks string) {
	if br != "\n" {
		b.WriteString(br)
	} else if breaks == "" {
		b.WriteByte(' ')
	}
	b.WriteString(breaks)
}

func (s *yamlScanner) quotedBreaks() (string, error) {
	breaks := ""
	for {
		if s.separatorHere() {
			return "", s.fail("a text in quotes does not end before the next document")
		}
		for s.at(0) == ' ' || s.at(0) == '\t' {
			s.forward(1)
		}
		br := s.takeBreak()
		if br == "" {
			return breaks, nil
		}
		breaks += br
	}
}

// separatorHere says that a document's mark stands here, at the start of a line.
func (s *yamlScanner) separatorHere() bool {
	rest := s.text[s.pos:]
	return (strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "...")) && s.endsWord(3)
}

// plainScalar reads a scalar without quotes.
func (s *yamlScanner) plainScalar() error {
	t := yamlToken{kind: yamlScalar, plain: true, line: s.line}
	indent := s.indent + 1
	spaces := ""
	for s.at(0) != '#' {
		size, err := s.plainSize()
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		s.mayBeKey = false
		t.value += spaces + s.text[s.pos:s.pos+size]
		s.forward(size)
		spaces = s.plainSpaces()
		if spaces == "" || s.at(0) == '#' || s.flow == 0 && s.col < indent {
			break
		}
	}
	s.queue = append(s.queue, t)
	return nil
}

// plainSize gives the size of the next part without white space.
func (s *yamlScanner) plainSize() (int, error) {
	size := 0
	for {
		c := s.at(size)
		if s.endsWord(size) {
			break
		}
		if c == ':' {
			if s.flow > 0 && s.dialect == PyYAML3 {
				next := s.at(size + 1)
				if !s.endsWord(size+1) && strings.IndexByte(",[]{}", next) < 0 {
					return 0, s.fail("a ':' inside a list or map in brackets needs quotes around the text")
				}
				break
			}
			if s.endsWord(size+1) || s.flow > 0 && strings.IndexByte(",[]{}", s.at(size+1)) >= 0 {
				break
			}
		}
		if s.flow > 0 && strings.IndexByte(",?[]{}", c) >= 0 {
			break
		}
		size++
	}
	return size, nil
}

// plainSpaces goes over white space inside a plain scalar, and gives what it
// stands for; "" if the scalar ends here.
func (s *yamlScanner) plainSpaces() string {
	size := 0
	for s.at(size) == ' ' {
		size++
	}
	spaces := s.text[s.pos : s.pos+size]
	s.forward(size)
	br := s.takeBreak()
	if br == "" {
		return spaces
	}
	s.mayBeKey = true
	if s.separatorHere() {
		return ""
	}
	breaks := ""
	for {
		if s.at(0) == ' ' {
			s.forward(1)
			continue
		}
		more := s.takeBreak()
		if more == "" {
			break
		}
		breaks += more
		if s.separatorHere() {
			return ""
		}
	}
	var b strings.Builder
	writeFold(&b, br, breaks)
	return b.String()
}
