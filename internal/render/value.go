// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// The values of YAML and JSON documents are nil, bool, *big.Int, float64,
// string, []any, [*Map] and [Opaque]. A string may hold lone surrogates as
// Python's can, in the three bytes that UTF-8 would have for them.

// An Opaque is a YAML value that JSON has no form for, like a date.
type Opaque struct {
	Kind string // "date", "time stamp", "binary data", "set"
}

// A Map keeps the order in which its keys were first set, as Python's dict
// does. Its zero value is empty and ready for use.
type Map struct {
	entries []Entry
	at      map[any]int // by comparable key; nil while the map is small
}

// An Entry is a key and its value. A JSON map has only text for keys.
type Entry struct {
	Key   any
	Value any
}

const smallMap = 8

// NewMap makes a map of texts and values that alternate.
func NewMap(pairs ...any) *Map {
	m := new(Map)
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i], pairs[i+1])
	}
	return m
}

// Len is the number of entries.
func (m *Map) Len() int { return len(m.entries) }

// Entries gives the entries in order. They must not be changed.
func (m *Map) Entries() []Entry { return m.entries }

// Get finds the value of a text key.
func (m *Map) Get(key string) (any, bool) {
	if i := m.find(key); i >= 0 {
		return m.entries[i].Value, true
	}
	return nil, false
}

// Set sets a key's value. A key that is there keeps its place.
func (m *Map) Set(key, value any) {
	k := keyOf(key)
	if i := m.find(k); i >= 0 {
		m.entries[i].Value = value
		return
	}
	m.entries = append(m.entries, Entry{key, value})
	switch {
	case m.at != nil:
		m.at[k] = len(m.entries) - 1
	case len(m.entries) > smallMap:
		m.at = make(map[any]int, 4*smallMap)
		for i, e := range m.entries {
			m.at[keyOf(e.Key)] = i
		}
	}
}

// Clone gives a map with the same entries, which can be set on its own.
func (m *Map) Clone() *Map {
	c := new(Map)
	for _, e := range m.entries {
		c.Set(e.Key, e.Value)
	}
	return c
}

func (m *Map) find(k any) int {
	if m.at != nil {
		if i, ok := m.at[k]; ok {
			return i
		}
		return -1
	}
	for i, e := range m.entries {
		if keyOf(e.Key) == k {
			return i
		}
	}
	return -1
}

// keyOf gives a key's form in which keys that Python takes for equal
// (1, 1.0, true) are equal.
func keyOf(key any) any {
	switch key := key.(type) {
	case bool:
		if key {
			return numberKey("1")
		}
		return numberKey("0")
	case *big.Int:
		return numberKey(key.String())
	case float64:
		if key == math.Trunc(key) && !math.IsInf(key, 0) {
			i, _ := big.NewFloat(key).Int(nil)
			return numberKey(i.String())
		}
		return key
	}
	return key
}

type numberKey string

// decode reads one character, a lone surrogate included.
func decode(s string) (r rune, size int) {
	if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2] >= 0x80 && s[2] <= 0xbf {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return utf8.DecodeRuneInString(s)
}

// characters gives a text's characters, lone surrogates included.
func characters(s string) []rune {
	runes := make([]rune, 0, len(s))
	for s != "" {
		r, size := decode(s)
		runes = append(runes, r)
		s = s[size:]
	}
	return runes
}

// writeCharacter is the reverse of decode.
func writeCharacter(b *strings.Builder, r rune) {
	if 0xd800 <= r && r <= 0xdfff {
		b.Write([]byte{0xed, 0x80 | byte(r>>6&0x3f), 0x80 | byte(r&0x3f)})
		return
	}
	b.WriteRune(r)
}
