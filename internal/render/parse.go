// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import "fmt"

// A parser builds a template's chunks with one token of lookahead.
type parser struct {
	lexer
	token token
}

func (p *parser) advance() error {
	t, err := p.next()
	p.token = t
	return err
}

func (p *parser) errorf(format string, args ...any) error {
	return p.errorAt(p.token.pos, fmt.Sprintf(format, args...))
}

// chunks reads up to a token that does not start a chunk, which is left.
func (p *parser) chunks() ([]chunk, error) {
	var chunks []chunk
	for {
		var c chunk
		var err error
		switch p.token.kind {
		case tokenText:
			c.text = p.token.text
			err = p.advance()
		case tokenReplacement:
			c.ref = &replacement{name: p.token.name, filter: p.token.text}
			err = p.advance()
		case tokenSwitch:
			c.choice, err = p.choice()
		case tokenFor:
			c.loop, err = p.loop()
		default:
			return chunks, nil
		}
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, c)
	}
}

func (p *parser) choice() (*choice, error) {
	c := &choice{name: p.token.name}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		switch {
		case p.token.kind == tokenCase:
			value := p.token.text
			if err := p.advance(); err != nil {
				return nil, err
			}
			chunks, err := p.chunks()
			if err != nil {
				return nil, err
			}
			c.set(value, chunks)
		case p.token.kind == tokenEndSwitch:
			return c, p.advance()
		case p.token.kind == tokenText && first && isSpace(p.token.text):
			if err := p.advance(); err != nil {
				return nil, err
			}
		case p.token.kind == tokenText:
			return nil, p.errorf("text between switch %s and its first case", c.name)
		default:
			return nil, p.errorf("%s inside switch %s, where a case or the end of the switch belongs", p.token.kind, c.name)
		}
	}
}

// set adds a case; a second one of the same value takes the first one's place.
func (c *choice) set(value string, chunks []chunk) {
	for i := range c.cases {
		if c.cases[i].value == value {
			c.cases[i].chunks = chunks
			return
		}
	}
	c.cases = append(c.cases, choiceCase{value, chunks})
}

func (p *parser) loop() (*loop, error) {
	l := &loop{variable: p.token.name, list: p.token.text}
	if err := p.advance(); err != nil {
		return nil, err
	}
	chunks, err := p.chunks()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEndFor {
		return nil, p.errorf("%s where the end of the loop over %s belongs", p.token.kind, l.list)
	}
	l.chunks = chunks
	return l, p.advance()
}
