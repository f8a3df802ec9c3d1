// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Dialect says which PyYAML reads a text. Releases ship 3.12 up to line
// 2.1 and 5.3.1 since 2.2.
type Dialect int

// The dialects.
const (
	PyYAML5 Dialect = iota // 5.3.1
	PyYAML3                // 3.12: no characters beyond U+FFFF, no colons inside plain flow scalars
)

// A YAMLError says why a text is not a YAML document.
type YAMLError struct {
	Line    int // from 1; 0 if the fault has no place
	Message string
}

// Error implements error.
func (e *YAMLError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// ParseYAML reads one YAML 1.1 document the way PyYAML's safe loader does.
// An empty text is nil. What is wrong with the text is a [*YAMLError].
func ParseYAML(text string, dialect Dialect) (any, error) {
	oddBreaks, err := checkPrintable(text, dialect)
	if err != nil {
		return nil, err
	}
	p := newYAMLParser(text, oddBreaks, dialect)
	root, err := p.document()
	if err != nil || root == nil {
		return nil, err
	}
	c := yamlConstructor{values: make(map[*yamlNode]any)}
	return c.construct(root)
}

// checkPrintable refuses characters that YAML does not allow, and says whether
// there are line breaks other than \n.
func checkPrintable(text string, dialect Dialect) (oddBreaks bool, err error) {
	for i := 0; i < len(text); {
		c := text[i]
		if ' ' <= c && c <= '~' || c == '\n' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !printable(r, dialect) || r == utf8.RuneError && size == 1 {
			what := fmt.Sprintf("the character U+%04X is not allowed", r)
			if r == utf8.RuneError && size == 1 {
				what = fmt.Sprintf("the byte 0x%02x is not UTF-8", c)
			}
			return false, &YAMLError{1 + strings.Count(text[:i], "\n"), what}
		}
		oddBreaks = oddBreaks || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
		i += size
	}
	return oddBreaks, nil
}

func printable(r rune, dialect Dialect) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= '~' || r == 0x85:
		return true
	case 0xa0 <= r && r <= 0xd7ff || 0xe000 <= r && r <= 0xfffd:
		return true
	}
	return r >= 0x10000 && dialect != PyYAML3
}
