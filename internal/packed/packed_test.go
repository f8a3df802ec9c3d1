// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package packed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// fromJSON encodes what is known to be JSON.
func fromJSON(t testing.TB, text string) packed.Value {
	t.Helper()
	value, err := packed.FromJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// decoded is a value as Terraform's own library reads it.
func decoded(t testing.TB, value packed.Value) tftypes.Value {
	t.Helper()
	v, err := (tfprotov6.DynamicValue{MsgPack: value}).Unmarshal(tftypes.DynamicPseudoType)
	if err != nil {
		t.Fatalf("%x: %v", []byte(value), err)
	}
	return v
}

// What is made of JSON and its type is what Terraform's own library reads from
// the same JSON, whatever the lengths.
func TestFromJSON(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 1<<16 + 1 {
		many[fmt.Sprint("k", i)] = "v"
	}
	large, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ value, kind string }{
		{`"text"`, `"string"`},
		{`""`, `"string"`},
		{`"` + strings.Repeat("a", 31) + `"`, `"string"`},
		{`"` + strings.Repeat("a", 32) + `"`, `"string"`},
		{`"` + strings.Repeat("a", 255) + `"`, `"string"`},
		{`"` + strings.Repeat("a", 256) + `"`, `"string"`},
		{`"` + strings.Repeat("a", 65_535) + `"`, `"string"`},
		{`"` + strings.Repeat("ä", 65_536) + `"`, `"string"`},
		{`-3`, `"number"`},
		{`1.5`, `"number"`},
		{`123456789012345678901234567890.5`, `"number"`},
		{`true`, `"bool"`},
		{`null`, `"string"`},
		{`["a", 1, null, false]`, `["tuple", ["string", "number", "string", "bool"]]`},
		{`{"h1": {"address": "10.0.0.1", "ssh": {"port": 22, "jump_hosts": ["x"]}}}`,
			`["object", {"h1": ["object", {"address": "string", "ssh": ["object", {"port": "number", "jump_hosts": ["list", "string"]}]}]}]`},
		{string(large), `["map", "string"]`},
	} {
		text := []byte(`{"value": ` + c.value + `, "type": ` + c.kind + `}`)
		have, err := packed.DynamicFromJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := (&tfprotov6.RawState{JSON: text}).Unmarshal(tftypes.DynamicPseudoType)
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded(t, have); !got.Equal(want) {
			t.Errorf("%.80s: have %.200s, want %.200s", c.value, got, want)
		}
		inner, err := have.Dynamic()
		if err != nil || !bytes.Equal(inner, fromJSON(t, c.value)) {
			t.Errorf("%.80s: its value is %.80x, %v", c.value, []byte(inner), err)
		}
	}
	if none, err := packed.DynamicFromJSON([]byte(`null`)); err != nil || !none.IsNull() {
		t.Errorf("null: %x, %v", []byte(none), err)
	}
	for _, text := range []string{``, `{`, `[1,`} {
		if value, err := packed.FromJSON([]byte(text)); err == nil {
			t.Errorf("%q: %x", text, []byte(value))
		}
		if value, err := packed.DynamicFromJSON([]byte(text)); err == nil {
			t.Errorf("%q: %x", text, []byte(value))
		}
	}
}

// The shape of a value is the type that Terraform's own library needs to read it.
func TestShape(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"a"`: `"string"`, `7`: `"number"`, `true`: `"bool"`, `null`: `"dynamic"`, `[]`: `["tuple",[]]`,
		`{"a":{"b":[1,"c",true]}}`: `["object",{"a":["object",{"b":["tuple",["number","string","bool"]]}]}]`,
	} {
		encoded := fromJSON(t, value)
		shape, err := encoded.Shape()
		if err != nil {
			t.Fatal(err)
		}
		kind, err := json.Marshal(shape)
		if err != nil || string(kind) != want {
			t.Errorf("%s: have %s (%v), want %s", value, kind, err, want)
		}
		decoded(t, packed.Dynamic(kind, encoded))
	}
	if shape, err := packed.Unknown().Shape(); err != nil || shape != "dynamic" {
		t.Errorf("unknown: %v, %v", shape, err)
	}
}

// Scalars are text, whatever they were; nothing else is.
func TestScalar(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{`"a"`: "a", `22`: "22", `-70000`: "-70000", `true`: "true", `"22"`: "22"} {
		if got, err := fromJSON(t, value).Scalar(); err != nil || got != want {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	for _, value := range []packed.Value{fromJSON(t, `[]`), fromJSON(t, `{}`), packed.Null(), nil} {
		if got, err := value.Scalar(); err == nil {
			t.Errorf("%x: %q", []byte(value), got)
		}
	}
	if text, err := fromJSON(t, `22`).Text(); err == nil {
		t.Errorf("a number is the text %q", text)
	}
}

// Fields are text or null, and in the order in which they were given.
func TestFields(t *testing.T) {
	t.Parallel()
	object := packed.Fields([]packed.Field{{Name: "a", Text: "x"}, {Name: "b"}, {Name: "c", Text: strings.Repeat("y", 300)}})
	if want := fromJSON(t, `{"a":"x","b":null,"c":"`+strings.Repeat("y", 300)+`"}`); !bytes.Equal(object, want) {
		t.Errorf("%x", []byte(object))
	}
}

// What is null, not known or not there stays so; what is broken is said.
func TestPackNothing(t *testing.T) {
	t.Parallel()
	names := map[string]bool{"a": true}
	for _, object := range []packed.Value{packed.Null(), packed.Unknown(), packed.Map([]packed.Element{{Name: "a", Value: packed.Unknown()}}),
		fromJSON(t, `{"a":null}`)} {
		for _, do := range []func(packed.Value, map[string]bool) (packed.Value, error){packed.Pack, packed.Unpack} {
			if got, err := do(object, names); err != nil || !bytes.Equal(got, object) {
				t.Errorf("%x: %x, %v", []byte(object), []byte(got), err)
			}
		}
	}
	for _, broken := range []packed.Value{nil, fromJSON(t, `"a"`), fromJSON(t, `{"a":"b"}`)[:2],
		slices.Concat(fromJSON(t, `{}`), packed.Null())} {
		if got, err := packed.Pack(broken, names); err == nil {
			t.Errorf("%x: %x", []byte(broken), []byte(got))
		}
	}
	no := errors.New("no")
	if _, err := packed.Change(fromJSON(t, `{"a":1}`), func(string, packed.Value) (packed.Value, error) { return nil, no }); !errors.Is(err,
		no) || !strings.Contains(err.Error(), "attribute a") {
		t.Errorf("%v", err)
	}
}

// The one byte that MessagePack reserves begins no value, wherever it stands, and
// a length is not believed beyond what is there.
func TestNoValue(t *testing.T) {
	t.Parallel()
	for _, value := range []packed.Value{{0xc1}, {0x81, 0xa1, 'a', 0xc1}, {0x81, 0xc1, 0xc0}, {0x81, 0xa1, 'a', 0x91, 0xc1},
		{0xdf, 0xff, 0xff, 0xff, 0xff}, {0x81, 0xa1, 'a', 0xdf, 0xff, 0xff, 0xff, 0xff}, {0x81, 0xa1, 'a', 0xdb, 0x80, 0, 0, 0}} {
		if err := value.Each(func(int, string, packed.Value) error { return nil }); err == nil {
			t.Errorf("%x was taken for a map", []byte(value))
		}
	}
	for _, value := range []packed.Value{{0x91, 0xc1}, {0x92, 0xc0, 0xc1}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0x91, 0x81, 0xa1, 'a', 0xc1}} {
		if elements, err := value.Elements(); err == nil {
			t.Errorf("%x was taken for an array of %x", []byte(value), elements)
		}
	}
}

// What is read without the library is what the library reads, and packing is
// undone by unpacking. What is no MessagePack is refused.
func FuzzPacked(f *testing.F) {
	for _, text := range []string{`{}`, `null`,
		`{"hosts":{"a":{"address":"x","ssh":{"port":22,"jump_hosts":[{"address":"y"}]}}},"role":"agent"}`,
		`{"hosts":{"` + string(bytes.Repeat([]byte("a"), 300)) + `":[1.5,true,null,70000,-3]},"nodes":"` +
			string(bytes.Repeat([]byte("b"), 70_000)) + `"}`} {
		f.Add([]byte(fromJSON(f, text)))
	}
	f.Add([]byte{0x81, 0xa1, 'a', 0xd4, 0, 0})
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x82, 0xa1, 'a', 0xa0, 0xa1, 'b', 0xc0})
	f.Add([]byte{0x81, 0xa1, 'a', 0xc1}) // MessagePack never uses it
	f.Fuzz(func(t *testing.T, raw []byte) {
		object := packed.Value(raw)
		if object.IsNull() || object.IsUnknown() {
			return
		}
		have := map[string]msgpack.RawMessage{}
		elements := 0
		if err := object.Each(func(_ int, name string, value packed.Value) error {
			have[name] = msgpack.RawMessage(value)
			if value.IsNull() {
				have[name] = nil // as the library has it in a map
			}
			elements++
			return nil
		}); err != nil || elements != len(have) || !object.IsMap() {
			return // the library takes keys that Terraform does not write, and more after the end
		}
		var want map[string]msgpack.RawMessage
		if err := msgpack.Unmarshal(object, &want); err != nil {
			t.Fatalf("%x: taken for %q, but: %v", raw, have, err)
		}
		if !maps.EqualFunc(have, want, func(a, b msgpack.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%x: have %q, want %q", raw, have, want)
		}
		for _, value := range have {
			parts, err := packed.Value(value).Elements()
			var same []msgpack.RawMessage
			if err == nil && (msgpack.Unmarshal(value, &same) != nil || len(same) != len(parts)) {
				t.Fatalf("%x: have %x, want %x", []byte(value), parts, same)
			}
		}
		names := map[string]bool{"hosts": true, "nodes": true, "a": true}
		once, err := packed.Pack(object, names)
		if err != nil {
			t.Fatal(err)
		}
		back, err := packed.Unpack(once, names)
		if err != nil {
			t.Fatal(err)
		}
		var after map[string]msgpack.RawMessage
		if err := msgpack.Unmarshal(back, &after); err != nil || !reflect.DeepEqual(after, want) {
			t.Fatalf("%x: packed and unpacked %q, %v", raw, after, err)
		}
	})
}
