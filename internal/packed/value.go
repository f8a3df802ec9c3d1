// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package packed

import (
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"
)

// A Value is an encoded value. An empty one is none at all.
type Value []byte

// IsNull says whether a value is null.
func (v Value) IsNull() bool { return len(v) == 1 && v[0] == 0xc0 }

// IsUnknown says whether a value is not known yet: it is of an extension type
// then, and nothing else is.
func (v Value) IsUnknown() bool {
	return len(v) > 0 && (v[0] >= 0xd4 && v[0] <= 0xd8 || v[0] >= 0xc7 && v[0] <= 0xc9)
}

// IsMap says whether a value is a map or an object.
func (v Value) IsMap() bool {
	return len(v) > 0 && (v[0]&0xf0 == 0x80 || v[0] == 0xde || v[0] == 0xdf)
}

// IsArray says whether a value is a list, a set or a tuple.
func (v Value) IsArray() bool {
	return len(v) > 0 && (v[0]&0xf0 == 0x90 || v[0] == 0xdc || v[0] == 0xdd)
}

// Each goes over a map or an object, which it says the number of elements of.
// Of null and of what is not known there are none. Elements are parts of the
// value.
func (v Value) Each(do func(length int, name string, element Value) error) error {
	if len(v) == 0 || v.IsNull() || v.IsUnknown() {
		return nil
	}
	if !v.IsMap() {
		return fmt.Errorf("%x is no map", v[0])
	}
	start, length, err := head(v)
	if err != nil {
		return err
	}
	rest := v[start:]
	for range length {
		name, size, err := leadingText(rest)
		if err != nil {
			return err
		}
		rest = rest[size:]
		if size, err = sizeOf(rest); err != nil {
			return err
		}
		if err := do(length, name, rest[:size:size]); err != nil {
			return err
		}
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return errors.New("there is more than the map")
	}
	return nil
}

// Elements gives the elements of a list, a set or a tuple, which are parts of
// the value.
func (v Value) Elements() ([]Value, error) {
	if !v.IsArray() {
		return nil, errors.New("it is no array")
	}
	start, length, err := head(v)
	if err != nil {
		return nil, err
	}
	var elements []Value
	rest := v[start:]
	for range length {
		size, err := sizeOf(rest)
		if err != nil {
			return nil, err
		}
		elements = append(elements, rest[:size:size])
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return nil, errors.New("there is more than the array")
	}
	return elements, nil
}

// Dynamic gives the value in a value of any type, which goes along with it.
func (v Value) Dynamic() (Value, error) {
	parts, err := v.Elements()
	if err != nil || len(parts) != 2 {
		return nil, errors.New("there is no type and value")
	}
	return parts[1], nil
}

// Text gives text.
func (v Value) Text() (string, error) {
	text, size, err := leadingText(v)
	if err == nil && size < len(v) {
		err = errors.New("there is more than the text")
	}
	return text, err
}

// Scalar gives text, a number or a bool as text.
func (v Value) Scalar() (string, error) {
	var value any
	if err := msgpack.Unmarshal(v, &value); err != nil {
		return "", err
	}
	switch s := value.(type) {
	case string:
		return s, nil
	case bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64:
		return fmt.Sprint(s), nil
	}
	return "", fmt.Errorf("a %T is no text", value)
}

// Shape is the type of a value as Terraform writes types in JSON.
func (v Value) Shape() (any, error) {
	switch {
	case v.IsNull() || v.IsUnknown():
		return "dynamic", nil
	case v.IsMap():
		kinds := map[string]any{}
		err := v.Each(func(_ int, name string, element Value) (err error) {
			kinds[name], err = element.Shape()
			return err
		})
		return []any{"object", kinds}, err
	case v.IsArray():
		elements, err := v.Elements()
		if err != nil {
			return nil, err
		}
		kinds := make([]any, len(elements))
		for i, e := range elements {
			if kinds[i], err = e.Shape(); err != nil {
				return nil, err
			}
		}
		return []any{"tuple", kinds}, nil
	}
	var value any
	if err := msgpack.Unmarshal(v, &value); err != nil {
		return nil, err
	}
	switch value.(type) {
	case string:
		return "string", nil
	case bool:
		return "bool", nil
	}
	return "number", nil
}

// head gives how many bytes stand before the content of a value, and of how
// many bytes or elements that is. A library does it at ten times the cost,
// which tells with fifty thousand elements.
func head(b []byte) (size, length int, err error) {
	if len(b) == 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	c := b[0]
	wide := 0
	switch {
	case c == 0xc1:
		return 0, 0, errors.New("c1 is reserved, and begins no value")
	case c <= 0x7f || c >= 0xe0 || c >= 0xc0 && c <= 0xc3: // a small number, null, a bool
		return 1, 0, nil
	case c <= 0x9f: // a small map or array
		return 1, int(c & 0x0f), nil
	case c <= 0xbf: // a short string
		return 1, int(c & 0x1f), nil
	case c >= 0xca && c <= 0xd3: // two kinds of floats, four of natural numbers, four of integers
		return 1, int("\x04\x08\x01\x02\x04\x08\x01\x02\x04\x08"[c-0xca]), nil
	case c >= 0xd4 && c <= 0xd8: // an extension of a fixed size
		return 2, 1 << (c - 0xd4), nil
	case c == 0xd9 || c == 0xc4 || c == 0xc7:
		wide = 1
	case c == 0xda || c == 0xc5 || c == 0xc8 || c == 0xdc || c == 0xde:
		wide = 2
	default:
		wide = 4
	}
	if length, err = announced(b[1:], wide); err != nil {
		return 0, 0, err
	}
	size = 1 + wide
	if c >= 0xc7 && c <= 0xc9 { // an extension has a type besides
		size++
	}
	return size, length, nil
}

// announced reads a length of some bytes. One that is longer than what is there
// is not believed: an element has a byte at least, and an int may have no more
// than 32 bits.
func announced(b []byte, wide int) (int, error) {
	if len(b) < wide {
		return 0, io.ErrUnexpectedEOF
	}
	length := uint64(0)
	for _, d := range b[:wide] {
		length = length<<8 | uint64(d)
	}
	if length > uint64(len(b)) {
		return 0, io.ErrUnexpectedEOF
	}
	return int(length), nil
}

// sizeOf is how many bytes the value at the beginning has.
func sizeOf(b Value) (int, error) {
	size, length, err := head(b)
	if err != nil {
		return 0, err
	}
	elements := 0
	switch {
	case b.IsMap():
		elements = 2 * length
	case b.IsArray():
		elements = length
	default:
		size += length
	}
	for range elements {
		if size > len(b) {
			break
		}
		n, err := sizeOf(b[size:])
		if err != nil {
			return 0, err
		}
		size += n
	}
	if size > len(b) {
		return 0, io.ErrUnexpectedEOF
	}
	return size, nil
}

// leadingText gives the string at the beginning, and of how many bytes it is.
func leadingText(b []byte) (text string, size int, err error) {
	size, length, err := head(b)
	switch {
	case err != nil:
		return "", 0, err
	case b[0]&0xe0 != 0xa0 && (b[0] < 0xd9 || b[0] > 0xdb):
		return "", 0, fmt.Errorf("%x is no string", b[0])
	case size+length > len(b):
		return "", 0, io.ErrUnexpectedEOF
	}
	return string(b[size : size+length]), size + length, nil
}
