// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// fetch reads the next token into the queue, with those that its place implies.
func (s *yamlScanner) fetch() error {
	s.toNextToken()
	if err := s.dropStaleKeys(); err != nil {
		return err
	}
	s.unwind(s.col)
	if s.pos == len(s.text) {
		return s.streamEnd()
	}
	c := s.at(0)
	switch {
	case c == '%' && s.col == 0:
		return s.directive()
	case c == '-' && s.documentMark("---"):
		return s.documentIndicator(yamlDocumentStart)
	case c == '.' && s.documentMark("..."):
		return s.documentIndicator(yamlDocumentEnd)
	case c == '[':
		return s.flowStart(yamlFlowSequence)
	case c == '{':
		return s.flowStart(yamlFlowMapping)
	case c == ']':
		return s.flowEnd(yamlFlowSequenceEnd)
	case c == '}':
		return s.flowEnd(yamlFlowMappingEnd)
	case c == ',':
		return s.flowEntry()
	case c == '-' && s.endsWord(1):
		return s.blockEntry()
	case c == '?' && (s.flow > 0 || s.endsWord(1)):
		return s.key()
	case c == ':' && (s.flow > 0 || s.endsWord(1)):
		return s.value()
	}
	return s.fetchContent(c)
}

// fetchContent reads a token that stands for itself, not for the structure
// around it; c is what it begins with.
func (s *yamlScanner) fetchContent(c byte) error {
	switch {
	case c == '*':
		return s.keyed(func() error { return s.anchor(yamlAlias) })
	case c == '&':
		return s.keyed(func() error { return s.anchor(yamlAnchor) })
	case c == '!':
		return s.keyed(s.tag)
	case (c == '|' || c == '>') && s.flow == 0:
		s.mayBeKey = true
		if err := s.dropKey(s.flow); err != nil {
			return err
		}
		return s.blockScalar(c == '>')
	case c == '\'' || c == '"':
		return s.keyed(func() error { return s.quotedScalar(c) })
	case s.startsPlain():
		return s.keyed(s.plainScalar)
	}
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return s.fail("nothing can start with %q", r)
}

// keyed reads a token with which a simple key may start.
func (s *yamlScanner) keyed(read func() error) error {
	if err := s.saveKey(); err != nil {
		return err
	}
	s.mayBeKey = false
	return read()
}

func (s *yamlScanner) startsPlain() bool {
	c := s.at(0)
	if !s.endsWord(0) && strings.IndexByte("-?:,[]{}#&*!|>'\"%@`", c) < 0 {
		return true
	}
	return !s.endsWord(1) && (c == '-' || s.flow == 0 && (c == '?' || c == ':'))
}

func (s *yamlScanner) streamEnd() error {
	s.unwind(-1)
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.mayBeKey = false
	s.waitingOn = 0
	s.done = true
	s.push(yamlToken{kind: yamlStreamEnd})
	return nil
}

func (s *yamlScanner) documentIndicator(kind yamlKind) error {
	s.unwind(-1)
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.mayBeKey = false
	s.push(yamlToken{kind: kind})
	s.forward(3)
	return nil
}

func (s *yamlScanner) flowStart(kind yamlKind) error {
	if err := s.saveKey(); err != nil {
		return err
	}
	if s.flow >= maxYAMLDepth {
		return s.fail("it is nested too deeply")
	}
	s.flow++
	if len(s.possible) <= s.flow {
		s.possible = append(s.possible, possibleKey{})
	}
	s.mayBeKey = true
	s.push(yamlToken{kind: kind})
	s.forward(1)
	return nil
}

func (s *yamlScanner) flowEnd(kind yamlKind) error {
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	if s.flow == 0 {
		return s.fail("%s closes nothing", kind)
	}
	s.flow--
	s.mayBeKey = false
	s.push(yamlToken{kind: kind})
	s.forward(1)
	return nil
}

func (s *yamlScanner) flowEntry() error {
	s.mayBeKey = true
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.push(yamlToken{kind: yamlFlowEntry})
	s.forward(1)
	return nil
}

func (s *yamlScanner) blockEntry() error {
	if s.flow == 0 {
		if !s.mayBeKey {
			return s.fail("a list's entry is not allowed here")
		}
		if s.deepen(s.col) {
			s.push(yamlToken{kind: yamlBlockSequence})
		}
	}
	s.mayBeKey = true
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.push(yamlToken{kind: yamlBlockEntry})
	s.forward(1)
	return nil
}

func (s *yamlScanner) key() error {
	if s.flow == 0 {
		if !s.mayBeKey {
			return s.fail("a key is not allowed here")
		}
		if s.deepen(s.col) {
			s.push(yamlToken{kind: yamlBlockMapping})
		}
	}
	s.mayBeKey = s.flow == 0
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.push(yamlToken{kind: yamlKey})
	s.forward(1)
	return nil
}

func (s *yamlScanner) value() error {
	if p := &s.possible[s.flow]; p.set {
		p.set = false
		s.waitingOn--
		s.insert(p.token, yamlToken{kind: yamlKey, line: p.line})
		if s.flow == 0 && s.deepen(p.col) {
			s.insert(p.token, yamlToken{kind: yamlBlockMapping, line: p.line})
		}
		s.mayBeKey = false
	} else {
		if s.flow == 0 {
			if !s.mayBeKey {
				return s.fail("a ':' is not allowed here")
			}
			if s.deepen(s.col) {
				s.push(yamlToken{kind: yamlBlockMapping})
			}
		}
		s.mayBeKey = s.flow == 0
	}
	s.push(yamlToken{kind: yamlValue})
	s.forward(1)
	return nil
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '-' || c == '_'
}

// word reads letters, digits, dashes and underscores.
func (s *yamlScanner) word(what string) (string, error) {
	size := 0
	for isWordByte(s.at(size)) {
		size++
	}
	if size == 0 {
		return "", s.fail("%s has no name", what)
	}
	word := s.text[s.pos : s.pos+size]
	s.forward(size)
	return word, nil
}

func (s *yamlScanner) anchor(kind yamlKind) error {
	t := yamlToken{kind: kind, line: s.line}
	s.forward(1)
	name, err := s.word(kind.String())
	if err != nil {
		return err
	}
	if !s.endsWord(0) && strings.IndexByte("?:,]}%@`", s.at(0)) < 0 {
		return s.fail("%s has a character in its name that is not allowed", kind)
	}
	t.value = name
	s.queue = append(s.queue, t)
	return nil
}

func (s *yamlScanner) directive() error {
	s.unwind(-1)
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.mayBeKey = false
	t := yamlToken{kind: yamlDirective, line: s.line}
	s.forward(1)
	name, err := s.word("a directive")
	if err != nil {
		return err
	}
	if s.at(0) != ' ' && !s.endsLine(0) {
		return s.fail("a directive's name has a character that is not allowed")
	}
	t.value = name
	switch name {
	case "YAML":
		err = s.versionDirective(&t)
	case "TAG":
		err = s.tagDirective(&t)
	default:
		s.forward(s.restOfLine())
	}
	if err != nil {
		return err
	}
	if err := s.ignoredRest("a directive"); err != nil {
		return err
	}
	s.queue = append(s.queue, t)
	return nil
}

func (s *yamlScanner) versionDirective(t *yamlToken) error {
	s.blanks()
	major, err := s.number()
	if err != nil {
		return err
	}
	if s.at(0) != '.' {
		return s.fail("a version of YAML has a dot in it")
	}
	s.forward(1)
	if _, err := s.number(); err != nil {
		return err
	}
	if s.at(0) != ' ' && !s.endsLine(0) {
		return s.fail("something follows the version of YAML")
	}
	t.number = major
	return nil
}

func (s *yamlScanner) number() (int, error) {
	size, n := 0, 0
	for c := s.at(0); '0' <= c && c <= '9'; c = s.at(size) {
		n = min(n*10+int(c-'0'), 1000)
		size++
	}
	if size == 0 {
		return 0, s.fail("a digit is missing")
	}
	s.forward(size)
	return n, nil
}

func (s *yamlScanner) tagDirective(t *yamlToken) error {
	s.blanks()
	handle, err := s.tagHandle()
	if err != nil {
		return err
	}
	if s.at(0) != ' ' {
		return s.fail("a blank is missing after a tag's handle")
	}
	s.blanks()
	prefix, err := s.tagURI()
	if err != nil {
		return err
	}
	if s.at(0) != ' ' && !s.endsLine(0) {
		return s.fail("something follows a tag's prefix")
	}
	t.handle = handle + " " + prefix
	return nil
}

// ignoredRest goes over blanks, a comment and the line break.
func (s *yamlScanner) ignoredRest(what string) error {
	s.blanks()
	if s.at(0) == '#' {
		s.forward(s.restOfLine())
	}
	if !s.endsLine(0) {
		return s.fail("something other than a comment follows %s", what)
	}
	s.takeBreak()
	return nil
}

func (s *yamlScanner) tag() error {
	t := yamlToken{kind: yamlTag, line: s.line}
	switch {
	case s.at(1) == '<':
		s.forward(2)
		uri, err := s.tagURI()
		if err != nil {
			return err
		}
		if s.at(0) != '>' {
			return s.fail("a '>' is missing after a tag")
		}
		s.forward(1)
		t.value = uri
	case s.endsWord(1):
		s.forward(1)
		t.value = "!"
	default:
		t.handle = "!"
		rest := s.text[s.pos+1 : s.pos+s.restOfLine()]
		if i := strings.IndexByte(rest, ' '); i >= 0 {
			rest = rest[:i]
		}
		if strings.IndexByte(rest, '!') >= 0 {
			handle, err := s.tagHandle()
			if err != nil {
				return err
			}
			t.handle = handle
		} else {
			s.forward(1)
		}
		suffix, err := s.tagURI()
		if err != nil {
			return err
		}
		t.value = suffix
	}
	if s.at(0) != ' ' && !s.endsLine(0) {
		return s.fail("a blank is missing after a tag")
	}
	s.queue = append(s.queue, t)
	return nil
}

func (s *yamlScanner) tagHandle() (string, error) {
	if s.at(0) != '!' {
		return "", s.fail("a tag's handle does not start with '!'")
	}
	size := 1
	if s.at(1) != ' ' {
		for isWordByte(s.at(size)) {
			size++
		}
		if s.at(size) != '!' {
			return "", s.fail("a tag's handle does not end with '!'")
		}
		size++
	}
	handle := s.text[s.pos : s.pos+size]
	s.forward(size)
	return handle, nil
}

func (s *yamlScanner) tagURI() (string, error) {
	var b strings.Builder
	for {
		c := s.at(0)
		switch {
		case c == '%':
			n, err := strconv.ParseUint(s.text[s.pos+1:min(len(s.text), s.pos+3)], 16, 8)
			if err != nil || s.pos+3 > len(s.text) {
				return "", s.fail("a tag has a '%%' without two hexadecimal digits")
			}
			b.WriteByte(byte(n))
			s.forward(3)
			continue
		case isWordByte(c), c != 0 && strings.IndexByte(";/?:@&=+$,_.!~*'()[]", c) >= 0:
			b.WriteByte(c)
			s.forward(1)
			continue
		}
		if b.Len() == 0 {
			return "", s.fail("a tag is empty")
		}
		if !utf8.ValidString(b.String()) {
			return "", s.fail("a tag is not UTF-8")
		}
		return b.String(), nil
	}
}
