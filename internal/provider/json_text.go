// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// jsonText rewrites JSON text as DC/OS's generator writes a list or a map of
// config.yaml: ", " and ": " between the parts, ASCII only, keys in their
// order. Text that is not JSON is an error.
func jsonText(text string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	value, err := readJSON(d)
	if err != nil {
		return "", err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("there is more after the JSON value")
	}
	var b strings.Builder
	value.write(&b)
	return b.String(), nil
}

// jsonValue is a JSON value that keeps the order of its keys.
type jsonValue struct {
	scalar any // nil, bool, json.Number or string, unless one of the others is set
	list   []jsonValue
	keys   []string
	object map[string]jsonValue
}

func readJSON(d *json.Decoder) (jsonValue, error) {
	token, err := d.Token()
	if err != nil {
		return jsonValue{}, err
	}
	switch token {
	case json.Delim('['):
		v := jsonValue{list: []jsonValue{}}
		for d.More() {
			item, err := readJSON(d)
			if err != nil {
				return jsonValue{}, err
			}
			v.list = append(v.list, item)
		}
		_, err := d.Token()
		return v, err
	case json.Delim('{'):
		v := jsonValue{object: map[string]jsonValue{}}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return jsonValue{}, err
			}
			key, ok := token.(string)
			if !ok {
				return jsonValue{}, fmt.Errorf("%v is no key", token)
			}
			item, err := readJSON(d)
			if err != nil {
				return jsonValue{}, err
			}
			if _, again := v.object[key]; !again {
				v.keys = append(v.keys, key)
			}
			v.object[key] = item
		}
		_, err := d.Token()
		return v, err
	}
	return jsonValue{scalar: token}, nil
}

func (v jsonValue) write(b *strings.Builder) {
	switch {
	case v.object != nil:
		b.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSONString(b, key)
			b.WriteString(": ")
			v.object[key].write(b)
		}
		b.WriteByte('}')
	case v.list != nil:
		b.WriteByte('[')
		for i, item := range v.list {
			if i > 0 {
				b.WriteString(", ")
			}
			item.write(b)
		}
		b.WriteByte(']')
	default:
		switch s := v.scalar.(type) {
		case nil:
			b.WriteString("null")
		case bool:
			b.WriteString(strconv.FormatBool(s))
		case json.Number:
			b.WriteString(numberText(s.String()))
		case string:
			writeJSONString(b, s)
		}
	}
}

// equal compares by meaning: the order of keys and the way a number is written
// do not count.
func (v jsonValue) equal(w jsonValue) bool {
	switch {
	case v.object != nil:
		if w.object == nil || len(v.object) != len(w.object) {
			return false
		}
		for key, item := range v.object {
			if other, ok := w.object[key]; !ok || !item.equal(other) {
				return false
			}
		}
		return true
	case v.list != nil:
		return w.list != nil && slices.EqualFunc(v.list, w.list, jsonValue.equal)
	case w.object != nil || w.list != nil:
		return false
	}
	m, ok := v.scalar.(json.Number)
	n, ok2 := w.scalar.(json.Number)
	if ok && ok2 {
		return numberText(m.String()) == numberText(n.String())
	}
	return v.scalar == w.scalar
}

// sameJSON says whether two texts are JSON and mean the same.
func sameJSON(a, b string) bool {
	parse := func(text string) (jsonValue, error) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		return readJSON(d)
	}
	v, err := parse(a)
	w, err2 := parse(b)
	return err == nil && err2 == nil && v.equal(w)
}

// numberText writes a number as Python does: integers with all their digits,
// others in the shortest form that reads back the same.
func numberText(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if n, ok := new(big.Int).SetString(text, 10); ok {
			return n.String()
		}
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	short := strconv.FormatFloat(f, 'e', -1, 64)
	_, exponent, _ := strings.Cut(short, "e")
	if n, err := strconv.Atoi(exponent); err == nil && n >= -4 && n < 16 {
		short = strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(short, ".") {
			short += ".0"
		}
	}
	return short
}

// writeJSONString writes a string as Python's json does when it keeps to ASCII.
func writeJSONString(b *strings.Builder, s string) {
	const short = "\"\"\\\\\bb\ff\nn\rr\tt" // pairs: the character, what follows the backslash
	b.WriteByte('"')
	for _, r := range s {
		switch i := strings.IndexRune(short, r); {
		case i >= 0 && i%2 == 0:
			b.WriteByte('\\')
			b.WriteByte(short[i+1])
		case r >= ' ' && r <= '~':
			b.WriteByte(byte(r))
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
}

// errNotText says that a value has no text in config.yaml.
var errNotText = errors.New("config.yaml has no text for this value")

// valueText gives the text that DC/OS's generator would hold for a known value.
func valueText(value tftypes.Value) (string, error) {
	switch {
	case value.IsNull():
		return "", errNotText
	case value.Type().Is(tftypes.String):
		var s string
		err := value.As(&s)
		return s, err
	case value.Type().Is(tftypes.Bool):
		var v bool
		err := value.As(&v)
		return strconv.FormatBool(v), err
	case value.Type().Is(tftypes.Number):
		var f *big.Float
		if err := value.As(&f); err != nil {
			return "", err
		}
		if !f.IsInt() {
			return "", fmt.Errorf("%w: a number with a fraction", errNotText)
		}
		return f.Text('f', 0), nil
	}
	var b bytes.Buffer
	if err := writeValue(&b, value); err != nil {
		return "", err
	}
	return jsonText(b.String())
}

// writeValue writes a known value as JSON. HCL knows no order of keys; they
// come sorted.
func writeValue(b *bytes.Buffer, value tftypes.Value) error {
	if value.IsNull() {
		b.WriteString("null")
		return nil
	}
	typ := value.Type()
	switch {
	case typ.Is(tftypes.Number):
		var f *big.Float
		if err := value.As(&f); err != nil {
			return err
		}
		if f.IsInt() {
			b.WriteString(f.Text('f', 0))
		} else {
			b.WriteString(f.Text('g', 17))
		}
		return nil
	case typ.Is(tftypes.Bool), typ.Is(tftypes.String):
		text, err := valueText(value)
		if err != nil {
			return err
		}
		if typ.Is(tftypes.Bool) {
			b.WriteString(text)
			return nil
		}
		quoted, err := json.Marshal(text)
		b.Write(quoted)
		return err
	case typ.Is(tftypes.Object{}), typ.Is(tftypes.Map{}):
		var m map[string]tftypes.Value
		if err := value.As(&m); err != nil {
			return err
		}
		b.WriteByte('{')
		for i, key := range sortedKeys(m) {
			if i > 0 {
				b.WriteByte(',')
			}
			quoted, err := json.Marshal(key)
			if err != nil {
				return err
			}
			b.Write(quoted)
			b.WriteByte(':')
			if err := writeValue(b, m[key]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	}
	var items []tftypes.Value
	if err := value.As(&items); err != nil {
		return err
	}
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeValue(b, item); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}
