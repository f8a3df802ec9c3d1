// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth is about where Python's decoder gives up.
const maxJSONDepth = 900

// DecodeJSON reads a JSON text as Python's json.loads does: NaN and Infinity
// are numbers, integers have any size, a key given twice keeps its first
// place and its last value, lone surrogates are taken.
func DecodeJSON(text string) (any, error) {
	d := jsonDecoder{text: text}
	d.space()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	d.space()
	if d.pos < len(text) {
		return nil, d.fail("something follows the value")
	}
	return v, nil
}

type jsonDecoder struct {
	text string
	pos  int
}

func (d *jsonDecoder) fail(message string) error {
	return fmt.Errorf("%s (at character %d)", message, utf8.RuneCountInString(d.text[:d.pos])+1)
}

func (d *jsonDecoder) space() {
	for d.pos < len(d.text) && strings.IndexByte(" \t\n\r", d.text[d.pos]) >= 0 {
		d.pos++
	}
}

func (d *jsonDecoder) take(prefix string) bool {
	if strings.HasPrefix(d.text[d.pos:], prefix) {
		d.pos += len(prefix)
		return true
	}
	return false
}

func (d *jsonDecoder) value(depth int) (any, error) {
	switch {
	case depth > maxJSONDepth:
		return nil, d.fail("it is nested too deeply")
	case d.pos == len(d.text):
		return nil, d.fail("a value is missing")
	case d.take("\""):
		return d.quoted()
	case d.take("{"):
		return d.object(depth)
	case d.take("["):
		return d.array(depth)
	case d.take("null"):
		return nil, nil
	case d.take("true"):
		return true, nil
	case d.take("false"):
		return false, nil
	case d.take("NaN"):
		return math.NaN(), nil
	case d.take("Infinity"):
		return math.Inf(1), nil
	case d.take("-Infinity"):
		return math.Inf(-1), nil
	}
	return d.number()
}

func (d *jsonDecoder) number() (any, error) {
	start := d.pos
	digits := func() int {
		from := d.pos
		for d.pos < len(d.text) && '0' <= d.text[d.pos] && d.text[d.pos] <= '9' {
			d.pos++
		}
		return d.pos - from
	}
	d.take("-")
	if !d.take("0") && digits() == 0 {
		d.pos = start
		return nil, d.fail("no value starts here")
	}
	end, whole := d.pos, true
	if d.take(".") {
		if digits() > 0 {
			end, whole = d.pos, false
		} else {
			d.pos = end
		}
	}
	if d.take("e") || d.take("E") {
		if !d.take("+") {
			d.take("-")
		}
		if digits() > 0 {
			end, whole = d.pos, false
		}
	}
	d.pos = end
	if whole {
		i, ok := new(big.Int).SetString(d.text[start:end], 10)
		if !ok {
			return nil, d.fail("no number")
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(d.text[start:end], 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, d.fail("no number")
	}
	return f, nil
}

func (d *jsonDecoder) array(depth int) (any, error) {
	items := []any{}
	d.space()
	if d.take("]") {
		return items, nil
	}
	for {
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		d.space()
		if d.take("]") {
			return items, nil
		}
		if !d.take(",") {
			return nil, d.fail("a comma or the end of the list is missing")
		}
	}
}

func (d *jsonDecoder) object(depth int) (any, error) {
	m := new(Map)
	d.space()
	if d.take("}") {
		return m, nil
	}
	for {
		d.space()
		if !d.take("\"") {
			return nil, d.fail("a key in double quotes is missing")
		}
		key, err := d.quoted()
		if err != nil {
			return nil, err
		}
		d.space()
		if !d.take(":") {
			return nil, d.fail("a colon is missing")
		}
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m.Set(key, v)
		d.space()
		if d.take("}") {
			return m, nil
		}
		if !d.take(",") {
			return nil, d.fail("a comma or the end of the object is missing")
		}
	}
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// quoted reads what follows an opening double quote.
func (d *jsonDecoder) quoted() (string, error) {
	start := d.pos
	for d.pos < len(d.text) && d.text[d.pos] != '"' && d.text[d.pos] != '\\' && d.text[d.pos] >= ' ' {
		d.pos++
	}
	if d.take("\"") {
		return d.text[start : d.pos-1], nil
	}
	var b strings.Builder
	b.WriteString(d.text[start:d.pos])
	for d.pos < len(d.text) {
		c := d.text[d.pos]
		switch {
		case c == '"':
			d.pos++
			return b.String(), nil
		case c < ' ':
			return "", d.fail("a control character is not allowed in a text")
		case c != '\\':
			b.WriteByte(c)
			d.pos++
		case d.pos+1 < len(d.text) && d.text[d.pos+1] == 'u':
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			writeCharacter(&b, r)
		default:
			d.pos++
			if d.pos == len(d.text) {
				return "", d.fail("the text does not end")
			}
			r, ok := jsonEscapes[d.text[d.pos]]
			if !ok {
				return "", d.fail("no escape of JSON follows the backslash")
			}
			b.WriteByte(r)
			d.pos++
		}
	}
	return "", d.fail("the text does not end")
}

// escape reads one \uXXXX, or two that are a pair.
func (d *jsonDecoder) escape() (rune, error) {
	r, ok := d.hex()
	if !ok {
		return 0, d.fail("four hexadecimal digits are missing")
	}
	if 0xd800 <= r && r <= 0xdbff && strings.HasPrefix(d.text[d.pos:], "\\u") {
		back := d.pos
		low, ok := d.hex()
		if !ok {
			return 0, d.fail("four hexadecimal digits are missing")
		}
		if 0xdc00 <= low && low <= 0xdfff {
			return 0x10000 + (r-0xd800)<<10 | (low - 0xdc00), nil
		}
		d.pos = back
	}
	return r, nil
}

func (d *jsonDecoder) hex() (rune, bool) {
	if d.pos+6 > len(d.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(d.text[d.pos+2:d.pos+6], 16, 16)
	if err != nil {
		return 0, false
	}
	d.pos += 6
	return rune(n), true
}
