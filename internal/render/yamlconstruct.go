// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// resolveScalar gives the type that a plain scalar reads as in YAML 1.1.
func resolveScalar(text string) string {
	if text == "" {
		return "null"
	}
	switch c := text[0]; {
	case '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.':
		return resolveNumber(text)
	case c == '~' && text == "~":
		return "null"
	case c == '<' && text == "<<":
		return "merge"
	case c == '=' && text == "=":
		return "value"
	}
	switch text {
	case "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE",
		"on", "On", "ON", "off", "Off", "OFF":
		return "bool"
	case "null", "Null", "NULL":
		return "null"
	}
	return "str"
}

var (
	yamlFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlInt = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlDate = regexp.MustCompile(`^(?:[0-9]{4}-[0-9][0-9]-[0-9][0-9]|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)` +
		`[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?)$`)
)

func resolveNumber(text string) string {
	switch {
	case yamlFloat.MatchString(text):
		return "float"
	case yamlInt.MatchString(text):
		return "int"
	case yamlDate.MatchString(text):
		return "timestamp"
	}
	return "str"
}

// maxYAMLNodes bounds a document: real ones have some thousand nodes.
const maxYAMLNodes = 1 << 20

// A yamlConstructor makes values of a document's graph.
type yamlConstructor struct {
	values map[*yamlNode]any
	open   map[*yamlNode]bool // being made: a node inside itself has no value
	nodes  int
}

func (n *yamlNode) fail(format string, args ...any) error {
	return &YAMLError{n.line + 1, fmt.Sprintf(format, args...)}
}

func (c *yamlConstructor) construct(n *yamlNode) (any, error) {
	if n.kind == scalarNode {
		if n.tag == "str" {
			return n.value, nil
		}
		return constructScalar(n)
	}
	if v, ok := c.values[n]; ok {
		return v, nil
	}
	if c.open[n] {
		return nil, n.fail("a list or map holds itself")
	}
	if c.open == nil {
		c.open = make(map[*yamlNode]bool)
	}
	if c.nodes++; c.nodes > maxYAMLNodes {
		return nil, n.fail("there are too many lists and maps")
	}
	c.open[n] = true
	v, err := c.collection(n)
	delete(c.open, n)
	c.values[n] = v
	return v, err
}

func (c *yamlConstructor) collection(n *yamlNode) (any, error) {
	switch {
	case n.kind == sequenceNode && n.tag == "seq":
		items := make([]any, len(n.items))
		for i, item := range n.items {
			v, err := c.construct(item)
			if err != nil {
				return nil, err
			}
			items[i] = v
		}
		return items, nil
	case n.kind == mappingNode && n.tag == "map":
		return c.mapping(n)
	case n.kind == mappingNode && n.tag == "set":
		_, err := c.mapping(n)
		return Opaque{"set"}, err
	case n.kind == sequenceNode && (n.tag == "omap" || n.tag == "pairs"):
		items := make([]any, len(n.items))
		for i, item := range n.items {
			if item.kind != mappingNode || len(item.pairs) != 1 {
				return nil, item.fail("an entry of an ordered map is not a single pair")
			}
			key, err := c.construct(item.pairs[0][0])
			if err != nil {
				return nil, err
			}
			value, err := c.construct(item.pairs[0][1])
			if err != nil {
				return nil, err
			}
			items[i] = []any{key, value}
		}
		return items, nil
	}
	return nil, n.fail("the tag %s does not fit, or is not known", strings.TrimPrefix(n.tag, "?"))
}

func (c *yamlConstructor) mapping(n *yamlNode) (any, error) {
	if err := flatten(n); err != nil {
		return nil, err
	}
	m := new(Map)
	for _, pair := range n.pairs {
		key, err := c.construct(pair[0])
		if err != nil {
			return nil, err
		}
		switch key.(type) {
		case []any, *Map:
			return nil, pair[0].fail("a list or map cannot be a key")
		}
		value, err := c.construct(pair[1])
		if err != nil {
			return nil, err
		}
		m.Set(key, value)
	}
	return m, nil
}

// flatten puts what "<<" refers to before a map's own pairs.
func flatten(n *yamlNode) error {
	var merged, own [][2]*yamlNode
	pairs := n.pairs
	n.pairs = nil // a map that merges itself adds nothing
	for _, pair := range pairs {
		switch pair[0].tag {
		case "value":
			pair[0] = &yamlNode{tag: "str", value: pair[0].value, line: pair[0].line}
			own = append(own, pair)
		case "merge":
			more, err := mergedPairs(n, pair[1])
			if err != nil {
				return err
			}
			merged = append(merged, more...)
		default:
			own = append(own, pair)
		}
		if len(merged) > maxYAMLNodes {
			return n.fail("\"<<\" brings too many keys")
		}
	}
	n.pairs = slices.Concat(merged, own)
	return nil
}

func mergedPairs(n, from *yamlNode) ([][2]*yamlNode, error) {
	switch from.kind {
	case mappingNode:
		if err := flatten(from); err != nil {
			return nil, err
		}
		return from.pairs, nil
	case sequenceNode:
		var merged [][2]*yamlNode
		for _, item := range from.items {
			if item.kind != mappingNode {
				return nil, item.fail("\"<<\" refers to something that is not a map")
			}
			if err := flatten(item); err != nil {
				return nil, err
			}
			// The first map of the list wins: its pairs come last.
			merged = append(append([][2]*yamlNode{}, item.pairs...), merged...)
		}
		return merged, nil
	}
	return nil, n.fail("\"<<\" refers to something that is neither a map nor a list of maps")
}

func constructScalar(n *yamlNode) (any, error) {
	var v any
	var err error
	switch n.tag {
	case "str":
		return n.value, nil
	case "null":
		return nil, nil
	case "bool":
		v, err = constructBool(n.value)
	case "int":
		v, err = constructInt(n.value)
	case "float":
		v, err = constructFloat(n.value)
	case "timestamp":
		v = Opaque{"time stamp"}
		if len(n.value) <= len("2000-01-01") {
			v = Opaque{"date"}
		}
	case "binary":
		v = Opaque{"binary value"}
	default:
		return nil, n.fail("the tag %s does not fit, or is not known", strings.TrimPrefix(n.tag, "?"))
	}
	if err != nil {
		return nil, n.fail("%q: %v", n.value, err)
	}
	return v, nil
}

func constructBool(text string) (any, error) {
	switch strings.ToLower(text) {
	case "yes", "true", "on":
		return true, nil
	case "no", "false", "off":
		return false, nil
	}
	return nil, errors.New("it is not true or false")
}

var errNoNumber = errors.New("it is not a number")

func constructInt(text string) (any, error) {
	text = strings.ReplaceAll(text, "_", "")
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	i := new(big.Int)
	ok := true
	switch {
	case strings.HasPrefix(text, "0b"):
		_, ok = i.SetString(text[2:], 2)
	case strings.HasPrefix(text, "0x"):
		_, ok = i.SetString(text[2:], 16)
	case strings.HasPrefix(text, "0"):
		_, ok = i.SetString(text, 8)
	case strings.Contains(text, ":"):
		for part := range strings.SplitSeq(text, ":") {
			digit, isNumber := new(big.Int).SetString(part, 10)
			if !isNumber {
				return nil, errNoNumber
			}
			i.Add(i.Mul(i, big.NewInt(60)), digit)
		}
	default:
		_, ok = i.SetString(text, 10)
	}
	if !ok {
		return nil, errNoNumber
	}
	if negative {
		i.Neg(i)
	}
	return i, nil
}

func constructFloat(text string) (any, error) {
	text = strings.ToLower(strings.ReplaceAll(text, "_", ""))
	sign := 1.0
	if strings.HasPrefix(text, "-") {
		sign = -1
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	switch text {
	case ".inf":
		return math.Inf(int(sign)), nil
	case ".nan":
		return math.NaN(), nil
	}
	total := 0.0
	for part := range strings.SplitSeq(text, ":") {
		f, err := strconv.ParseFloat(part, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, errNoNumber
		}
		total = total*60 + f
	}
	return sign * total, nil
}
