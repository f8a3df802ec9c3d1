// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

type yamlKind int

const (
	yamlStreamEnd yamlKind = iota
	yamlDirective
	yamlDocumentStart
	yamlDocumentEnd
	yamlBlockSequence
	yamlBlockMapping
	yamlBlockEnd
	yamlFlowSequence
	yamlFlowSequenceEnd
	yamlFlowMapping
	yamlFlowMappingEnd
	yamlBlockEntry
	yamlFlowEntry
	yamlKey
	yamlValue
	yamlAlias
	yamlAnchor
	yamlTag
	yamlScalar
)

func (k yamlKind) String() string {
	return [...]string{
		"the end of the text", "a directive", "the start of a document", "the end of a document",
		"a list", "a map", "the end of a block", "'['", "']'", "'{'", "'}'", "'-'", "','", "a key", "':'",
		"an alias", "an anchor", "a tag", "text",
	}[k]
}

type yamlToken struct {
	kind   yamlKind
	value  string // of a scalar, a name, a tag's suffix, a directive's name
	handle string // of a tag: "" for a verbatim one; of %TAG: its handle
	plain  bool   // a scalar without quotes or block style
	number int    // of %YAML: its major version
	line   int
}

// A yamlScanner cuts YAML 1.1 into tokens as PyYAML's scanner does: where the
// two differ from the specification, DC/OS's users have files that PyYAML
// takes. A possible simple key is remembered when it starts, and becomes a
// key when its colon is found: the key token is then put in before it.
type yamlScanner struct {
	text      string
	oddBreaks bool // the text has line breaks other than \n
	dialect   Dialect
	buffer    []byte // for a block that is being read

	pos   int
	index int // characters before pos
	line  int // from 0
	col   int // in characters

	flow      int
	queue     []yamlToken
	taken     int // tokens handed out
	done      bool
	indent    int
	indents   []int
	mayBeKey  bool // a simple key may start here
	possible  []possibleKey
	waitingOn int // how many of possible are set
}

type possibleKey struct {
	set, required    bool
	token            int
	index, line, col int
}

func newYAMLScanner(text string, oddBreaks bool, dialect Dialect) *yamlScanner {
	return &yamlScanner{
		text:      text,
		oddBreaks: oddBreaks,
		dialect:   dialect,
		indent:    -1,
		mayBeKey:  true,
		possible:  make([]possibleKey, 1, 8),
	}
}

func (s *yamlScanner) fail(format string, args ...any) error {
	return &YAMLError{s.line + 1, fmt.Sprintf(format, args...)}
}

// at gives the byte at a distance, 0 at the end of the text. Characters that
// matter are ASCII, but for the line breaks that breakAt knows.
func (s *yamlScanner) at(distance int) byte {
	if s.pos+distance < len(s.text) {
		return s.text[s.pos+distance]
	}
	return 0
}

// breakAt gives the size of the line break at a distance, 0 if there is none.
func (s *yamlScanner) breakAt(distance int) int {
	rest := s.text[min(len(s.text), s.pos+distance):]
	switch {
	case rest == "":
		return 0
	case rest[0] == '\n':
		return 1
	case !s.oddBreaks:
		return 0
	case rest[0] == '\r':
		if strings.HasPrefix(rest, "\r\n") {
			return 2
		}
		return 1
	case strings.HasPrefix(rest, "\u0085"):
		return 2
	case strings.HasPrefix(rest, "\u2028"), strings.HasPrefix(rest, "\u2029"):
		return 3
	}
	return 0
}

// endsLine says that at a distance the line or the text ends.
func (s *yamlScanner) endsLine(distance int) bool {
	return s.pos+distance >= len(s.text) || s.breakAt(distance) > 0
}

// endsWord says that at a distance is a blank, a tab, or the line's end.
func (s *yamlScanner) endsWord(distance int) bool {
	c := s.at(distance)
	return c == ' ' || c == '\t' || s.endsLine(distance)
}

// forward goes over bytes that hold no line break.
func (s *yamlScanner) forward(size int) {
	passed := s.text[s.pos : s.pos+size]
	s.pos += size
	for i := range len(passed) {
		if passed[i] >= utf8.RuneSelf {
			n := utf8.RuneCountInString(passed)
			s.index += n
			s.col += n - strings.Count(passed, "\ufeff")
			return
		}
	}
	s.index += size
	s.col += size
}

// takeBreak goes over a line break, and gives what it reads as; "" if there
// is none.
func (s *yamlScanner) takeBreak() string {
	size := s.breakAt(0)
	if size == 0 {
		return ""
	}
	read := "\n"
	if size == 3 {
		read = s.text[s.pos : s.pos+3]
	}
	if size == 2 && s.text[s.pos] == '\r' {
		s.index++
	}
	s.pos += size
	s.index++
	s.line++
	s.col = 0
	return read
}

func (s *yamlScanner) blanks() {
	for s.at(0) == ' ' {
		s.forward(1)
	}
}

// restOfLine gives the size of what is left of the line.
func (s *yamlScanner) restOfLine() int {
	rest := s.text[s.pos:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	if s.oddBreaks {
		if i := strings.IndexAny(rest, "\r\u0085\u2028\u2029"); i >= 0 {
			rest = rest[:i]
		}
	}
	return len(rest)
}

// peek gives the next token.
func (s *yamlScanner) peek() (*yamlToken, error) {
	for {
		more, err := s.needMore()
		if err != nil {
			return nil, err
		}
		if !more {
			return &s.queue[0], nil
		}
		if err := s.fetch(); err != nil {
			return nil, err
		}
	}
}

// take gives the next token and goes past it. The last one stays.
func (s *yamlScanner) take() (yamlToken, error) {
	t, err := s.peek()
	if err != nil {
		return yamlToken{}, err
	}
	token := *t
	if token.kind != yamlStreamEnd {
		s.queue = s.queue[1:]
		s.taken++
	}
	return token, nil
}

func (s *yamlScanner) needMore() (bool, error) {
	if s.done {
		return false, nil
	}
	if len(s.queue) == 0 {
		return true, nil
	}
	if s.waitingOn == 0 {
		return false, nil
	}
	if err := s.dropStaleKeys(); err != nil {
		return false, err
	}
	first := -1
	for i := range s.possible {
		if p := &s.possible[i]; p.set && (first < 0 || p.token < first) {
			first = p.token
		}
	}
	return first == s.taken, nil
}

// dropStaleKeys forgets simple keys that can no longer be keys: a simple key
// is on one line and at most 1024 characters long.
func (s *yamlScanner) dropStaleKeys() error {
	if s.waitingOn == 0 {
		return nil
	}
	for i := range s.possible {
		p := &s.possible[i]
		if p.set && (p.line != s.line || s.index-p.index > 1024) {
			if err := s.dropKey(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *yamlScanner) dropKey(level int) error {
	p := &s.possible[level]
	if !p.set {
		return nil
	}
	if p.required {
		return &YAMLError{p.line + 1, "a ':' is missing after a key"}
	}
	p.set = false
	s.waitingOn--
	return nil
}

func (s *yamlScanner) saveKey() error {
	if !s.mayBeKey {
		return nil
	}
	if err := s.dropKey(s.flow); err != nil {
		return err
	}
	s.possible[s.flow] = possibleKey{
		set: true, required: s.flow == 0 && s.indent == s.col,
		token: s.taken + len(s.queue), index: s.index, line: s.line, col: s.col,
	}
	s.waitingOn++
	return nil
}

func (s *yamlScanner) unwind(col int) {
	if s.flow > 0 {
		return
	}
	for s.indent > col {
		s.indent = s.indents[len(s.indents)-1]
		s.indents = s.indents[:len(s.indents)-1]
		s.push(yamlToken{kind: yamlBlockEnd})
	}
}

func (s *yamlScanner) deepen(col int) bool {
	if s.indent >= col {
		return false
	}
	s.indents = append(s.indents, s.indent)
	s.indent = col
	return true
}

func (s *yamlScanner) push(t yamlToken) {
	t.line = s.line
	s.queue = append(s.queue, t)
}

func (s *yamlScanner) insert(number int, t yamlToken) {
	s.queue = slices.Insert(s.queue, number-s.taken, t)
}

// toNextToken goes over blanks, comments and line breaks.
func (s *yamlScanner) toNextToken() {
	if s.pos == 0 && strings.HasPrefix(s.text, "\ufeff") {
		s.forward(len("\ufeff"))
	}
	for {
		s.blanks()
		if s.at(0) == '#' {
			s.forward(s.restOfLine())
		}
		if s.takeBreak() == "" {
			return
		}
		if s.flow == 0 {
			s.mayBeKey = true
		}
	}
}

func (s *yamlScanner) documentMark(mark string) bool {
	return s.col == 0 && strings.HasPrefix(s.text[s.pos:], mark) && s.endsWord(3)
}
