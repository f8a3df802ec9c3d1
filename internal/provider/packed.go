// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/vmihailenco/msgpack/v5"
)

// The encoding of values between Terraform and a provider is MessagePack, with
// extension types for what is not known.
var (
	encodedNull    = msgpack.RawMessage{0xc0}
	encodedUnknown = msgpack.RawMessage{0xd4, 0, 0}
)

// isNull says whether an encoded value is null.
func isNull(raw []byte) bool { return len(raw) == 1 && raw[0] == 0xc0 }

// isUnknown says whether an encoded value is not known: it is of an extension
// type then, and nothing else is.
func isUnknown(raw []byte) bool {
	return len(raw) > 0 && (raw[0] >= 0xd4 && raw[0] <= 0xd8 || raw[0] >= 0xc7 && raw[0] <= 0xc9)
}

// isMap says whether an encoded value is a map or an object.
func isMap(raw []byte) bool {
	return len(raw) > 0 && (raw[0]&0xf0 == 0x80 || raw[0] == 0xde || raw[0] == 0xdf)
}

// isArray says whether an encoded value is a list, a set or a tuple.
func isArray(raw []byte) bool {
	return len(raw) > 0 && (raw[0]&0xf0 == 0x90 || raw[0] == 0xdc || raw[0] == 0xdd)
}

// pack makes of some attributes of an encoded object strings that hold what
// was encoded there. Null and unknown stay what they are.
func pack(object []byte, names map[string]bool) ([]byte, error) {
	return repack(object, func(name string, value msgpack.RawMessage) (msgpack.RawMessage, error) {
		if !names[name] || isNull(value) || isUnknown(value) {
			return value, nil
		}
		return encodeText(string(value))
	})
}

// unpack is its inverse.
func unpack(object []byte, names map[string]bool) ([]byte, error) {
	return repack(object, func(name string, value msgpack.RawMessage) (msgpack.RawMessage, error) {
		if !names[name] || isNull(value) || isUnknown(value) {
			return value, nil
		}
		text, _, err := leadingText(value)
		return msgpack.RawMessage(text), err
	})
}

// repack changes the attributes of an encoded object.
func repack(object []byte, change func(name string, value msgpack.RawMessage) (msgpack.RawMessage, error)) ([]byte, error) {
	if len(object) == 0 {
		return nil, errors.New("it is not encoded as MessagePack")
	}
	if isNull(object) || isUnknown(object) {
		return object, nil
	}
	var elements []packedElement
	err := eachElement(object, func(_ int, name string, value msgpack.RawMessage) error {
		changed, err := change(name, value)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
		elements = append(elements, packedElement{name, changed})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encodeMap(elements)
}

// A packedElement is one element of an encoded map.
type packedElement struct {
	name  string
	value msgpack.RawMessage
}

// encodeMap makes an encoded map or object.
func encodeMap(elements []packedElement) ([]byte, error) {
	size := 5
	for _, e := range elements {
		size += len(e.name) + len(e.value) + 5
	}
	var b bytes.Buffer
	b.Grow(size)
	out := msgpack.NewEncoder(&b)
	err := out.EncodeMapLen(len(elements))
	for _, e := range elements {
		if err == nil {
			err = out.EncodeString(e.name)
		}
		b.Write(e.value)
	}
	return b.Bytes(), err
}

// encodeText encodes a string.
func encodeText(text string) (msgpack.RawMessage, error) {
	var b bytes.Buffer
	b.Grow(len(text) + 5)
	err := msgpack.NewEncoder(&b).EncodeString(text)
	return b.Bytes(), err
}

// encodeDynamic encodes a value of any type, which goes along with it.
func encodeDynamic(kind []byte, value msgpack.RawMessage) (msgpack.RawMessage, error) {
	var b bytes.Buffer
	b.Grow(len(kind) + len(value) + 6)
	out := msgpack.NewEncoder(&b)
	err := errors.Join(out.EncodeArrayLen(2), out.EncodeBytes(kind))
	b.Write(value)
	return b.Bytes(), err
}

// eachElement goes over an encoded map or object, which it says the number of
// elements of. Of null and of what is not known there are none. Elements are
// parts of what was given.
func eachElement(encoded []byte, do func(length int, name string, value msgpack.RawMessage) error) error {
	if len(encoded) == 0 || isNull(encoded) || isUnknown(encoded) {
		return nil
	}
	if !isMap(encoded) {
		return fmt.Errorf("%x is no map", encoded[0])
	}
	start, length, err := head(encoded)
	if err != nil {
		return err
	}
	rest := encoded[start:]
	for range length {
		name, size, err := leadingText(rest)
		if err != nil {
			return err
		}
		rest = rest[size:]
		if size, err = valueSize(rest); err != nil {
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

// head gives how many bytes stand before the content of a value, and of how
// many bytes or elements that is. A library does it at ten times the cost,
// which tells with fifty thousand hosts.
func head(b []byte) (size, length int, err error) {
	if len(b) == 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	c := b[0]
	wide := 0
	switch {
	case c <= 0x7f || c >= 0xe0 || c >= 0xc0 && c <= 0xc3: // a small number, null, a bool
		return 1, 0, nil
	case c <= 0x9f: // a small map or array
		return 1, int(c & 0x0f), nil
	case c <= 0xbf: // a short string
		return 1, int(c & 0x1f), nil
	case c == 0xca || c == 0xce || c == 0xd2:
		return 1, 4, nil
	case c == 0xcb || c == 0xcf || c == 0xd3:
		return 1, 8, nil
	case c == 0xcc || c == 0xd0:
		return 1, 1, nil
	case c == 0xcd || c == 0xd1:
		return 1, 2, nil
	case c >= 0xd4 && c <= 0xd8: // an extension of a fixed size
		return 2, 1 << (c - 0xd4), nil
	case c == 0xd9 || c == 0xc4 || c == 0xc7:
		wide = 1
	case c == 0xda || c == 0xc5 || c == 0xc8 || c == 0xdc || c == 0xde:
		wide = 2
	default:
		wide = 4
	}
	if len(b) < 1+wide {
		return 0, 0, io.ErrUnexpectedEOF
	}
	for _, d := range b[1 : 1+wide] {
		length = length<<8 | int(d)
	}
	size = 1 + wide
	if c >= 0xc7 && c <= 0xc9 { // an extension has a type besides
		size++
	}
	return size, length, nil
}

// valueSize is how many bytes the value at the beginning has.
func valueSize(b []byte) (int, error) {
	size, length, err := head(b)
	if err != nil {
		return 0, err
	}
	elements := 0
	switch {
	case isMap(b):
		elements = 2 * length
	case isArray(b):
		elements = length
	default:
		size += length
	}
	for range elements {
		if size > len(b) {
			break
		}
		n, err := valueSize(b[size:])
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

// encodedText gives an encoded string.
func encodedText(raw msgpack.RawMessage) (types.String, error) {
	switch {
	case isNull(raw):
		return types.StringNull(), nil
	case isUnknown(raw):
		return types.StringUnknown(), nil
	}
	text, _, err := leadingText(raw)
	return types.StringValue(text), err
}

// scalarText gives an encoded string, number or bool as text.
func scalarText(raw msgpack.RawMessage) (string, error) {
	var value any
	if err := msgpack.Unmarshal(raw, &value); err != nil {
		return "", err
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64:
		return fmt.Sprint(v), nil
	}
	return "", fmt.Errorf("a %T is no text", value)
}

func parseNumber(text string) (*big.Float, error) {
	number, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
	return number, err
}

// shapeOf is the type of an encoded value as Terraform writes types in JSON.
func shapeOf(raw msgpack.RawMessage) (any, error) {
	switch {
	case isNull(raw) || isUnknown(raw):
		return "dynamic", nil
	case isMap(raw):
		kinds := map[string]any{}
		err := eachElement(raw, func(_ int, name string, value msgpack.RawMessage) (err error) {
			kinds[name], err = shapeOf(value)
			return err
		})
		return []any{"object", kinds}, err
	case isArray(raw):
		var elements []msgpack.RawMessage
		if err := msgpack.Unmarshal(raw, &elements); err != nil {
			return nil, err
		}
		kinds := make([]any, len(elements))
		for i, e := range elements {
			var err error
			if kinds[i], err = shapeOf(e); err != nil {
				return nil, err
			}
		}
		return []any{"tuple", kinds}, nil
	}
	var value any
	if err := msgpack.Unmarshal(raw, &value); err != nil {
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

// encodeJSON encodes JSON as Terraform encodes values of the same meaning.
func encodeJSON(text []byte) (msgpack.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := encodeValue(msgpack.NewEncoder(&b), value)
	return b.Bytes(), err
}

// encodeDynamicJSON is encodeJSON of a value of any type, beside which its type
// is in JSON.
func encodeDynamicJSON(text []byte) (msgpack.RawMessage, error) {
	var dynamic struct{ Value, Type json.RawMessage }
	if err := json.Unmarshal(text, &dynamic); err != nil {
		return nil, err
	}
	if len(dynamic.Type) == 0 {
		return encodedNull, nil
	}
	value, err := encodeJSON(dynamic.Value)
	if err != nil {
		return nil, err
	}
	return encodeDynamic(dynamic.Type, value)
}

func encodeValue(out *msgpack.Encoder, value any) error {
	switch v := value.(type) {
	case map[string]any:
		err := out.EncodeMapLen(len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err == nil {
				err = out.EncodeString(name)
			}
			if err == nil {
				err = encodeValue(out, v[name])
			}
		}
		return err
	case []any:
		err := out.EncodeArrayLen(len(v))
		for _, element := range v {
			if err == nil {
				err = encodeValue(out, element)
			}
		}
		return err
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return out.EncodeInt(n)
		}
		return out.EncodeString(v.String()) // a number that is too large or too fine
	default:
		return out.Encode(v)
	}
}
