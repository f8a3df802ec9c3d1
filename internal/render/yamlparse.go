// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"slices"
	"strings"
)

// maxYAMLDepth is about where PyYAML runs out of stack.
const maxYAMLDepth = 300

const yamlPrefix = "tag:yaml.org,2002:"

type nodeKind int

const (
	scalarNode nodeKind = iota
	sequenceNode
	mappingNode
)

// A yamlNode is a node of a document's graph.
type yamlNode struct {
	kind  nodeKind
	tag   string // resolved, without yamlPrefix if it had it ("str", "int", "map"…)
	value string // of a scalar
	items []*yamlNode
	pairs [][2]*yamlNode
	line  int
}

// A yamlParser builds a document's graph from tokens.
type yamlParser struct {
	*yamlScanner
	handles map[string]string // of tags
	anchors map[string]*yamlNode
	depth   int
}

func newYAMLParser(text string, oddBreaks bool, dialect Dialect) *yamlParser {
	return &yamlParser{yamlScanner: newYAMLScanner(text, oddBreaks, dialect), anchors: make(map[string]*yamlNode)}
}

func errorAtToken(t *yamlToken, format string, args ...any) error {
	return &YAMLError{t.line + 1, fmt.Sprintf(format, args...)}
}

// is says whether the next token is one of some kinds.
func (p *yamlParser) is(kinds ...yamlKind) (bool, error) {
	t, err := p.peek()
	if err != nil {
		return false, err
	}
	return slices.Contains(kinds, t.kind), nil
}

// document reads the only document of the text; nil if the text is empty.
func (p *yamlParser) document() (*yamlNode, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	explicit := t.kind == yamlDirective || t.kind == yamlDocumentStart
	if t.kind == yamlStreamEnd {
		return nil, nil
	}
	var root *yamlNode
	if explicit {
		root, err = p.explicitDocument()
	} else {
		p.handles = map[string]string{"!": "!", "!!": yamlPrefix}
		root, err = p.node(true, false)
	}
	if err != nil {
		return nil, err
	}
	for {
		t, err := p.take()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case yamlDocumentEnd:
		case yamlStreamEnd:
			return root, nil
		case yamlDirective, yamlDocumentStart:
			return nil, errorAtToken(&t, "a second document starts here; only one is allowed")
		default:
			return nil, errorAtToken(&t, "%s after the end of the document", t.kind)
		}
	}
}

func (p *yamlParser) explicitDocument() (*yamlNode, error) {
	if err := p.directives(); err != nil {
		return nil, err
	}
	t, err := p.take()
	if err != nil {
		return nil, err
	}
	if t.kind != yamlDocumentStart {
		return nil, errorAtToken(&t, "%s where the document's '---' belongs", t.kind)
	}
	empty, err := p.is(yamlDirective, yamlDocumentStart, yamlDocumentEnd, yamlStreamEnd)
	if err != nil {
		return nil, err
	}
	if empty {
		return &yamlNode{tag: "null", line: t.line}, nil
	}
	return p.node(true, false)
}

func (p *yamlParser) directives() error {
	p.handles = make(map[string]string)
	version := false
	for {
		t, err := p.peek()
		if err != nil {
			return err
		}
		if t.kind != yamlDirective {
			break
		}
		switch t.value {
		case "YAML":
			if version {
				return errorAtToken(t, "a second version of YAML")
			}
			if t.number != 1 {
				return errorAtToken(t, "only version 1 of YAML is understood")
			}
			version = true
		case "TAG":
			handle, prefix, _ := strings.Cut(t.handle, " ")
			if _, ok := p.handles[handle]; ok {
				return errorAtToken(t, "the tag handle %s is given twice", handle)
			}
			p.handles[handle] = prefix
		}
		if _, err := p.take(); err != nil {
			return err
		}
	}
	for handle, prefix := range map[string]string{"!": "!", "!!": yamlPrefix} {
		if _, ok := p.handles[handle]; !ok {
			p.handles[handle] = prefix
		}
	}
	return nil
}

// node reads a node with its anchor and tag. In block context it may be a
// block collection; as a block map's value also a list that is not indented.
func (p *yamlParser) node(block, indentless bool) (*yamlNode, error) {
	p.depth++
	defer func() { p.depth-- }()
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if p.depth > maxYAMLDepth {
		return nil, errorAtToken(t, "it is nested too deeply")
	}
	if t.kind == yamlAlias {
		n, ok := p.anchors[t.value]
		if !ok {
			return nil, errorAtToken(t, "the alias *%s has no anchor before it", t.value)
		}
		_, err := p.take()
		return n, err
	}
	n := &yamlNode{line: t.line}
	tag, marked, err := p.properties(n)
	if err != nil {
		return nil, err
	}
	return n, p.content(n, tag, marked, block, indentless)
}

// properties reads an anchor and a tag in either order.
func (p *yamlParser) properties(n *yamlNode) (tag string, marked bool, err error) {
	var haveAnchor, haveTag bool
	for {
		t, err := p.peek()
		if err != nil {
			return "", false, err
		}
		switch {
		case t.kind == yamlAnchor && !haveAnchor:
			haveAnchor = true
			if _, ok := p.anchors[t.value]; ok {
				return "", false, errorAtToken(t, "the anchor &%s is given twice", t.value)
			}
			p.anchors[t.value] = n
		case t.kind == yamlTag && !haveTag:
			haveTag = true
			tag = t.value
			if t.handle != "" {
				prefix, ok := p.handles[t.handle]
				if !ok {
					return "", false, errorAtToken(t, "the tag handle %s is not known", t.handle)
				}
				tag = prefix + tag
			}
		default:
			return tag, haveAnchor || haveTag, nil
		}
		if _, err := p.take(); err != nil {
			return "", false, err
		}
	}
}

func (p *yamlParser) content(n *yamlNode, tag string, marked, block, indentless bool) error {
	t, err := p.peek()
	if err != nil {
		return err
	}
	own := tag != "" && tag != "!"
	collection := func(kind nodeKind, plain string) {
		n.kind, n.tag = kind, plain
		if own {
			n.tag = shortTag(tag)
		}
	}
	switch {
	case indentless && t.kind == yamlBlockEntry:
		collection(sequenceNode, "seq")
		return p.indentlessSequence(n)
	case t.kind == yamlScalar:
		n.value = t.value
		switch {
		case own:
			n.tag = shortTag(tag)
		case t.plain || tag == "!":
			n.tag = resolveScalar(t.value)
		default:
			n.tag = "str"
		}
		_, err := p.take()
		return err
	case t.kind == yamlFlowSequence:
		collection(sequenceNode, "seq")
		return p.flowSequence(n)
	case t.kind == yamlFlowMapping:
		collection(mappingNode, "map")
		return p.flowMapping(n)
	case block && t.kind == yamlBlockSequence:
		collection(sequenceNode, "seq")
		return p.blockSequence(n)
	case block && t.kind == yamlBlockMapping:
		collection(mappingNode, "map")
		return p.blockMapping(n)
	case marked:
		n.tag = "null"
		if own {
			n.tag = shortTag(tag)
		}
		return nil
	}
	return errorAtToken(t, "%s where a value belongs", t.kind)
}

func shortTag(tag string) string {
	if short, ok := strings.CutPrefix(tag, yamlPrefix); ok && short != "" {
		return short
	}
	return "?" + tag
}

func emptyNode(line int) *yamlNode { return &yamlNode{tag: "null", line: line} }

// orEmpty reads a node unless one of some kinds comes next.
func (p *yamlParser) orEmpty(block, indentless bool, enders ...yamlKind) (*yamlNode, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if slices.Contains(enders, t.kind) {
		return emptyNode(t.line), nil
	}
	return p.node(block, indentless)
}

func (p *yamlParser) blockSequence(n *yamlNode) error {
	if _, err := p.take(); err != nil {
		return err
	}
	for {
		t, err := p.take()
		if err != nil {
			return err
		}
		if t.kind == yamlBlockEnd {
			return nil
		}
		if t.kind != yamlBlockEntry {
			return errorAtToken(&t, "%s in a list whose entries are not in one column", t.kind)
		}
		item, err := p.orEmpty(true, false, yamlBlockEntry, yamlBlockEnd)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

func (p *yamlParser) indentlessSequence(n *yamlNode) error {
	for {
		entry, err := p.is(yamlBlockEntry)
		if err != nil || !entry {
			return err
		}
		if _, err := p.take(); err != nil {
			return err
		}
		item, err := p.orEmpty(true, false, yamlBlockEntry, yamlKey, yamlValue, yamlBlockEnd)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

func (p *yamlParser) blockMapping(n *yamlNode) error {
	if _, err := p.take(); err != nil {
		return err
	}
	for {
		t, err := p.take()
		if err != nil {
			return err
		}
		if t.kind == yamlBlockEnd {
			return nil
		}
		if t.kind != yamlKey {
			return errorAtToken(&t, "%s in a map whose keys are not in one column", t.kind)
		}
		key, err := p.orEmpty(true, true, yamlKey, yamlValue, yamlBlockEnd)
		if err != nil {
			return err
		}
		value, err := p.mappingValue(true, yamlKey, yamlValue, yamlBlockEnd)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, [2]*yamlNode{key, value})
	}
}

// mappingValue reads a colon and the value after it, or nothing.
func (p *yamlParser) mappingValue(block bool, enders ...yamlKind) (*yamlNode, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if t.kind != yamlValue {
		return emptyNode(t.line), nil
	}
	if _, err := p.take(); err != nil {
		return nil, err
	}
	return p.orEmpty(block, block, enders...)
}

func (p *yamlParser) flowSequence(n *yamlNode) error {
	if _, err := p.take(); err != nil {
		return err
	}
	for first := true; ; first = false {
		t, err := p.peek()
		if err != nil {
			return err
		}
		if t.kind != yamlFlowSequenceEnd && !first {
			if t.kind != yamlFlowEntry {
				return errorAtToken(t, "%s where ',' or ']' belongs", t.kind)
			}
			if _, err := p.take(); err != nil {
				return err
			}
			if t, err = p.peek(); err != nil {
				return err
			}
		}
		switch t.kind {
		case yamlFlowSequenceEnd:
			_, err := p.take()
			return err
		case yamlKey:
			// A single pair stands for a map with one entry.
			pair := &yamlNode{kind: mappingNode, tag: "map", line: t.line}
			if _, err := p.take(); err != nil {
				return err
			}
			key, err := p.orEmpty(false, false, yamlValue, yamlFlowEntry, yamlFlowSequenceEnd)
			if err != nil {
				return err
			}
			value, err := p.mappingValue(false, yamlFlowEntry, yamlFlowSequenceEnd)
			if err != nil {
				return err
			}
			pair.pairs = [][2]*yamlNode{{key, value}}
			n.items = append(n.items, pair)
		default:
			item, err := p.node(false, false)
			if err != nil {
				return err
			}
			n.items = append(n.items, item)
		}
	}
}

func (p *yamlParser) flowMapping(n *yamlNode) error {
	if _, err := p.take(); err != nil {
		return err
	}
	for first := true; ; first = false {
		t, err := p.peek()
		if err != nil {
			return err
		}
		if t.kind != yamlFlowMappingEnd && !first {
			if t.kind != yamlFlowEntry {
				return errorAtToken(t, "%s where ',' or '}' belongs", t.kind)
			}
			if _, err := p.take(); err != nil {
				return err
			}
			if t, err = p.peek(); err != nil {
				return err
			}
		}
		var key, value *yamlNode
		switch t.kind {
		case yamlFlowMappingEnd:
			_, err := p.take()
			return err
		case yamlKey:
			if _, err := p.take(); err != nil {
				return err
			}
			if key, err = p.orEmpty(false, false, yamlValue, yamlFlowEntry, yamlFlowMappingEnd); err != nil {
				return err
			}
			if value, err = p.mappingValue(false, yamlFlowEntry, yamlFlowMappingEnd); err != nil {
				return err
			}
		default:
			line := t.line
			if key, err = p.node(false, false); err != nil {
				return err
			}
			value = emptyNode(line)
		}
		n.pairs = append(n.pairs, [2]*yamlNode{key, value})
	}
}
