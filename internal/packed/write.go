// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package packed

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// Null is null.
func Null() Value { return Value{0xc0} }

// Unknown is what is not known yet.
func Unknown() Value { return Value{0xd4, 0, 0} }

// An Element is one element of a map or an object.
type Element struct {
	Name  string
	Value Value
}

// Map makes a map or an object, of elements in the order of their names.
func Map(elements []Element) Value {
	size := 5
	for _, e := range elements {
		size += len(e.Name) + len(e.Value) + 5
	}
	b := appendMapHead(make([]byte, 0, size), len(elements))
	for _, e := range elements {
		b = append(appendText(b, e.Name), e.Value...)
	}
	return b
}

// Text makes text.
func Text(text string) Value { return appendText(make([]byte, 0, len(text)+5), text) }

// A Field is an attribute that is text, or null if it is empty.
type Field struct{ Name, Text string }

// Fields makes an object.
func Fields(fields []Field) Value {
	size := 5
	for _, f := range fields {
		size += len(f.Name) + len(f.Text) + 5
	}
	b := appendMapHead(make([]byte, 0, size), len(fields))
	for _, f := range fields {
		b = appendText(b, f.Name)
		if f.Text == "" {
			b = append(b, Null()...)
		} else {
			b = appendText(b, f.Text)
		}
	}
	return b
}

// Dynamic makes a value of any type of a value and its type, in JSON.
func Dynamic(kind []byte, value Value) Value {
	b := append(make([]byte, 0, len(kind)+len(value)+6), 0x92) // an array of two
	b = append(appendHead(b, len(kind), 0, 0, 0xc4, 0xc5, 0xc6), kind...)
	return append(b, value...)
}

func appendText(b []byte, text string) []byte {
	return append(appendHead(b, len(text), 0xa0, 32, 0xd9, 0xda, 0xdb), text...)
}

func appendMapHead(b []byte, length int) []byte {
	return appendHead(b, length, 0x80, 16, 0, 0xde, 0xdf)
}

// appendHead writes what stands before the content of a value: in one byte if
// it is shorter than some, else with a length of one, two or four bytes, of
// which maps do not have the first.
func appendHead(b []byte, length int, fixed byte, short int, one, two, four byte) []byte {
	switch {
	case length < short:
		return append(b, fixed|byte(length))
	case length <= math.MaxUint8 && one != 0:
		return append(b, one, byte(length))
	case length <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, two), uint16(length))
	}
	return binary.BigEndian.AppendUint32(append(b, four), uint32(length))
}

// Pack makes of some attributes of an object strings that hold what was
// encoded there. Null and unknown stay what they are.
func Pack(object Value, names map[string]bool) (Value, error) {
	return Change(object, func(name string, value Value) (Value, error) {
		if !names[name] || value.IsNull() || value.IsUnknown() {
			return value, nil
		}
		return Text(string(value)), nil
	})
}

// Unpack is the inverse of Pack.
func Unpack(object Value, names map[string]bool) (Value, error) {
	return Change(object, func(name string, value Value) (Value, error) {
		if !names[name] || value.IsNull() || value.IsUnknown() {
			return value, nil
		}
		text, err := value.Text()
		return Value(text), err
	})
}

// Change makes an object of another, with other attributes. Null and unknown
// stay what they are.
func Change(object Value, change func(name string, value Value) (Value, error)) (Value, error) {
	if len(object) == 0 {
		return nil, errors.New("it is not encoded as MessagePack")
	}
	if object.IsNull() || object.IsUnknown() {
		return object, nil
	}
	var elements []Element
	err := object.Each(func(_ int, name string, value Value) error {
		changed, err := change(name, value)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
		elements = append(elements, Element{name, changed})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Map(elements), nil
}

// FromJSON encodes JSON as Terraform encodes values of the same meaning.
func FromJSON(text []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := encode(msgpack.NewEncoder(&b), value)
	return b.Bytes(), err
}

// DynamicFromJSON is FromJSON of a value of any type, which is in JSON an
// object of the value and its type.
func DynamicFromJSON(text []byte) (Value, error) {
	var dynamic struct{ Value, Type json.RawMessage }
	if err := json.Unmarshal(text, &dynamic); err != nil {
		return nil, err
	}
	if len(dynamic.Type) == 0 {
		return Null(), nil
	}
	value, err := FromJSON(dynamic.Value)
	if err != nil {
		return nil, err
	}
	return Dynamic(dynamic.Type, value), nil
}

func encode(out *msgpack.Encoder, value any) error {
	switch v := value.(type) {
	case map[string]any:
		err := out.EncodeMapLen(len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err == nil {
				err = out.EncodeString(name)
			}
			if err == nil {
				err = encode(out, v[name])
			}
		}
		return err
	case []any:
		err := out.EncodeArrayLen(len(v))
		for _, element := range v {
			if err == nil {
				err = encode(out, element)
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
