// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"strings"
)

// A Template is a parsed template. It is safe for concurrent use.
type Template struct {
	name   string
	chunks []chunk
	size   int // of the text it came from: a first guess at what it renders to
}

// A chunk is a piece of a template: exactly one of its parts is used.
type chunk struct {
	text   string       // plain text
	ref    *replacement // or a replacement
	choice *choice      // or a switch
	loop   *loop        // or a loop
}

type replacement struct {
	name   string
	filter string
}

type choice struct {
	name  string
	cases []choiceCase // a value appears once
}

type choiceCase struct {
	value  string
	chunks []chunk
}

type loop struct {
	variable, list string
	chunks         []chunk
}

// A SyntaxError says where a template is not well formed.
type SyntaxError struct {
	Template string
	Line     int
	Message  string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("template %s, line %d: %s", e.Template, e.Line, e.Message)
}

// A RenderError says which parameter a template could not be rendered with.
type RenderError struct {
	Template  string
	Parameter string
	Message   string
}

// Error implements error.
func (e *RenderError) Error() string {
	return fmt.Sprintf("template %s: %s: %s", e.Template, e.Parameter, e.Message)
}

// Parse reads a template. The name is for messages only. What is wrong with
// the text is a [*SyntaxError].
func Parse(name, text string) (*Template, error) {
	p := parser{lexer: lexer{name: name, text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	chunks, err := p.chunks()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEOF {
		return nil, p.errorf("%s outside of a switch or a loop", p.token.kind)
	}
	return &Template{name: name, chunks: chunks, size: len(text)}, nil
}

// Unknown is the value of an argument that is not known yet. It goes in as it
// is; a switch on it renders nothing.
const Unknown = "\ufdd0"

// Render puts the arguments into the template. They go in as they are:
// nothing is quoted, and braces in them mean nothing. What cannot be rendered
// is a [*RenderError].
func (t *Template) Render(arguments map[string]string) (string, error) {
	var b strings.Builder
	b.Grow(t.size + t.size/4)
	if err := t.render(&b, t.chunks, arguments); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (t *Template) render(b *strings.Builder, chunks []chunk, arguments map[string]string) error {
	for i := range chunks {
		c := &chunks[i]
		switch {
		case c.ref != nil:
			value, ok := arguments[c.ref.name]
			if !ok {
				return &RenderError{t.name, c.ref.name, "is not set"}
			}
			if c.ref.filter != "" {
				return &RenderError{t.name, c.ref.name, fmt.Sprintf("is filtered by %s, which is not known", c.ref.filter)}
			}
			b.WriteString(value)
		case c.choice != nil:
			value, ok := arguments[c.choice.name]
			if !ok {
				return &RenderError{t.name, c.choice.name, "is not set"}
			}
			if value == Unknown {
				continue
			}
			chosen, ok := c.choice.find(value)
			if !ok {
				return &RenderError{t.name, c.choice.name, fmt.Sprintf("the switch has no case %q", value)}
			}
			if err := t.render(b, chosen, arguments); err != nil {
				return err
			}
		case c.loop != nil:
			// DC/OS's own renderer wants a list here, and an argument is
			// always text; no template of an on-premises site has a loop.
			return &RenderError{t.name, c.loop.list, "a loop needs a list, and an argument is text"}
		default:
			b.WriteString(c.text)
		}
	}
	return nil
}

func (c *choice) find(value string) ([]chunk, bool) {
	for i := range c.cases {
		if c.cases[i].value == value {
			return c.cases[i].chunks, true
		}
	}
	return nil, false
}
