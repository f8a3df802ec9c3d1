// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// An entry is what gen_extra/calc.py of a rebuilt release adds to the table,
// or puts in the place of what is there.
type entry struct {
	setters  map[string][]setter
	replaces map[string]bool // whose setters of ours are dropped
	secret   []string
	// conditions are the parameters that its conditions look at.
	conditions []string
}

// settersOf adds the entry's setters to the table's.
func (e *entry) settersOf(name string, setters []setter) []setter {
	if e.replaces[name] {
		// What the installer itself sets comes from another source, and stays.
		setters = slices.DeleteFunc(slices.Clone(setters), func(setter) bool { return !installerSets(name) })
	}
	return append(slices.Clone(setters), e.setters[name]...)
}

// installerSets says which parameters are set by the on-premises source, not
// by the one that gen_extra changes (gen/build_deploy/bash.py).
func installerSets(name string) bool {
	switch name {
	case "platform", "resolvers", "ip_detect_filename", "ip6_detect_filename", "bootstrap_id", "enable_docker_gc", "provider", "package_ids",
		"custom_check_bins_dir", "custom_check_bins_package_name", "custom_check_bins_provided", "custom_check_bins_hash",
		"custom_check_bins_package_id":
		return true
	}
	return false
}

// check refuses what the line's generator refuses.
func (e *entry) check(line string) error {
	if e.replaces["dcos_version"] && since("1.12").has(line) {
		return fmt.Errorf("it sets dcos_version, which belongs to the release")
	}
	for _, name := range e.conditions {
		if len(lineTables()[line].setters[name]) > 0 && !installerSets(name) && !e.replaces[name] {
			return fmt.Errorf("it has conditions on %s without setting it", name)
		}
	}
	return nil
}

// parseEntry reads a gen_extra/calc.py that is plain data: "entry = {…}" with
// texts, lists and maps. One that calculates needs Python, which only DC/OS's
// own generator has; DC/OS Enterprise is of that kind.
func parseEntry(text []byte) (*entry, error) {
	v, err := parsePython(string(text))
	if err != nil {
		return nil, fmt.Errorf("it has calculations of its own, in Python, which cannot be run here (%w)", err)
	}
	e := &entry{setters: make(map[string][]setter), replaces: make(map[string]bool)}
	err = e.add(v, nil)
	return e, err
}

func (e *entry) add(v any, when *condition) error {
	scope, ok := v.(pyDict)
	if !ok {
		return fmt.Errorf("a scope of it is not a map")
	}
	for _, item := range scope {
		var err error
		switch item.key {
		case "must":
			err = e.addSetters(item.value, when, true)
		case "default":
			err = e.addSetters(item.value, when, false)
		case "secret":
			err = e.addSecrets(item.value)
		case "conditional":
			err = e.addConditional(item.value, when)
		case "validate":
			if list, ok := item.value.([]any); !ok || len(list) > 0 {
				err = fmt.Errorf("it has checks of its own")
			}
		default:
			err = fmt.Errorf("a scope of it has %q, which is not known", item.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) addSetters(v any, when *condition, must bool) error {
	values, ok := v.(pyDict)
	if !ok {
		return fmt.Errorf("its values are not a map")
	}
	for _, item := range values {
		text, ok := item.value.(string)
		if !ok {
			return fmt.Errorf("its value of %s is not a text", item.key)
		}
		if when == nil {
			e.replaces[item.key] = true
		}
		e.setters[item.key] = append(e.setters[item.key], setter{text: text, must: must, when: when})
	}
	return nil
}

func (e *entry) addSecrets(v any) error {
	items, ok := v.([]any)
	if !ok {
		return fmt.Errorf("its secrets are not a list")
	}
	for _, item := range items {
		name, ok := item.(string)
		if !ok {
			return fmt.Errorf("its secrets are not texts")
		}
		e.secret = append(e.secret, name)
	}
	return nil
}

func (e *entry) addConditional(v any, when *condition) error {
	names, ok := v.(pyDict)
	if !ok {
		return fmt.Errorf("its conditions are not a map")
	}
	if when != nil && len(names) > 0 {
		return fmt.Errorf("it has conditions within conditions")
	}
	for _, name := range names {
		e.conditions = append(e.conditions, name.key)
		cases, ok := name.value.(pyDict)
		if !ok {
			return fmt.Errorf("its conditions on %s are not a map", name.key)
		}
		for _, c := range cases {
			if err := e.add(c.value, &condition{name.key, c.key}); err != nil {
				return err
			}
		}
	}
	return nil
}

// A pyDict is a Python dict of text keys.
type pyDict []pyItem

type pyItem struct {
	key   string
	value any
}

// A pyReader reads the little of Python that plain data needs: comments,
// blank lines, one assignment to entry, texts, lists, maps.
type pyReader struct {
	text string
	pos  int
}

func parsePython(text string) (any, error) {
	p := &pyReader{text: text}
	p.space()
	if !p.take("entry") {
		return nil, p.fail("something other than a plain entry")
	}
	p.space()
	if !p.take("=") {
		return nil, p.fail("something other than a plain entry")
	}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.text) {
		return nil, p.fail("more than a plain entry")
	}
	return v, nil
}

func (p *pyReader) fail(what string) error {
	return fmt.Errorf("line %d: %s", 1+strings.Count(p.text[:p.pos], "\n"), what)
}

func (p *pyReader) take(prefix string) bool {
	if strings.HasPrefix(p.text[p.pos:], prefix) {
		p.pos += len(prefix)
		return true
	}
	return false
}

// space goes over white space and comments.
func (p *pyReader) space() {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			p.pos++
		case c == '#':
			end := strings.IndexByte(p.text[p.pos:], '\n')
			if end < 0 {
				end = len(p.text) - p.pos
			}
			p.pos += end
		default:
			return
		}
	}
}

func (p *pyReader) value(depth int) (any, error) {
	p.space()
	switch {
	case depth > 20:
		return nil, p.fail("it is nested too deeply")
	case p.take("{"):
		return p.dict(depth)
	case p.take("["):
		return p.list(depth)
	case strings.HasPrefix(p.text[p.pos:], "'"), strings.HasPrefix(p.text[p.pos:], `"`):
		return p.texts()
	}
	return nil, p.fail("a value that is not plain data")
}

func (p *pyReader) dict(depth int) (any, error) {
	d := pyDict{}
	for {
		p.space()
		if p.take("}") {
			return d, nil
		}
		key, err := p.texts()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.take(":") {
			return nil, p.fail("a key that is not plain data")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(d, func(item pyItem) bool { return item.key == key }); i >= 0 {
			d[i].value = v
		} else {
			d = append(d, pyItem{key, v})
		}
		p.space()
		if !p.take(",") && !strings.HasPrefix(p.text[p.pos:], "}") {
			return nil, p.fail("a map that is not plain data")
		}
	}
}

func (p *pyReader) list(depth int) (any, error) {
	items := []any{}
	for {
		p.space()
		if p.take("]") {
			return items, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		p.space()
		if !p.take(",") && !strings.HasPrefix(p.text[p.pos:], "]") {
			return nil, p.fail("a list that is not plain data")
		}
	}
}

// texts reads one text, or several that stand side by side.
func (p *pyReader) texts() (string, error) {
	all := ""
	for first := true; ; first = false {
		back := p.pos
		p.space()
		if p.pos == len(p.text) || p.text[p.pos] != '\'' && p.text[p.pos] != '"' {
			if first {
				return "", p.fail("a value that is not a text")
			}
			p.pos = back
			return all, nil
		}
		text, err := p.quoted()
		if err != nil {
			return "", err
		}
		all += text
	}
}

func (p *pyReader) quoted() (string, error) {
	quote := p.text[p.pos : p.pos+1]
	if strings.HasPrefix(p.text[p.pos:], strings.Repeat(quote, 3)) {
		return "", p.fail("a text over several lines")
	}
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch c {
		case quote[0]:
			return b.String(), nil
		case '\n':
			return "", p.fail("a text that does not end")
		case '\\':
			if p.pos == len(p.text) {
				return "", p.fail("a text that does not end")
			}
			plain, ok := map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 't': '\t', 'r': '\r'}[p.text[p.pos]]
			if !ok {
				return "", p.fail("an escape that is not plain data")
			}
			b.WriteByte(plain)
			p.pos++
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a text that does not end")
}
