// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// What is read without the library is what the library reads, and packing is
// undone by unpacking. What is no MessagePack is refused.
func FuzzPacked(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `{"hosts":{"a":{"address":"x","ssh":{"port":22,"jump_hosts":[{"address":"y"}]}}},"role":"agent"}`,
		`{"hosts":{"` + string(bytes.Repeat([]byte("a"), 300)) + `":[1.5,true,null,70000,-3]},"nodes":"` + string(bytes.Repeat([]byte("b"), 70_000)) + `"}`} {
		raw, err := encodeJSON([]byte(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(raw))
	}
	f.Add([]byte{0x81, 0xa1, 'a', 0xd4, 0, 0})
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, object []byte) {
		if isNull(object) || isUnknown(object) {
			return
		}
		have := map[string]msgpack.RawMessage{}
		elements := 0
		if err := eachElement(object, func(_ int, name string, value msgpack.RawMessage) error {
			have[name] = value
			elements++
			return nil
		}); err != nil || elements != len(have) || !isMap(object) {
			return // the library takes keys that Terraform does not write, and more after the end
		}
		var want map[string]msgpack.RawMessage
		if err := msgpack.Unmarshal(object, &want); err != nil {
			t.Fatalf("%x: taken for %q, but: %v", object, have, err)
		}
		if !reflect.DeepEqual(have, want) {
			t.Fatalf("%x: have %q, want %q", object, have, want)
		}
		names := map[string]bool{"hosts": true, "nodes": true, "a": true}
		packed, err := pack(object, names)
		if err != nil {
			t.Fatal(err)
		}
		back, err := unpack(packed, names)
		if err != nil {
			t.Fatal(err)
		}
		var after map[string]msgpack.RawMessage
		if err := msgpack.Unmarshal(back, &after); err != nil || !reflect.DeepEqual(after, want) {
			t.Fatalf("%x: packed and unpacked %q, %v", object, after, err)
		}
	})
}
