// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
)

// nodeSSHType is the type of a node's ssh object.
var nodeSSHType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"port": types.Int64Type, "user": types.StringType, "host_key": types.StringType, "jump_hosts": types.ListType{ElemType: nodeJumpHostType},
}}

// hostsValue gives the value of packed hosts. They are of any type to
// Terraform, which sends the type along.
func hostsValue(hosts types.String) (msgpack.RawMessage, error) {
	if hosts.IsUnknown() {
		return encodedUnknown, nil
	}
	if hosts.IsNull() {
		return nil, nil
	}
	text := []byte(hosts.ValueString())
	start, n, err := head(text)
	if err != nil || !isArray(text) || n != 2 {
		return nil, errors.New("hosts: there is no type and value")
	}
	kind, err := valueSize(text[start:])
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	return text[start+kind:], nil
}

// readHosts gives the hosts of packed hosts, in the order that they have there,
// which is that of their names. A host that is not known at all has an address
// that is not. What is not as it should be is an error at its own path.
func readHosts(ctx context.Context, hosts types.String, at tfpath.Path) ([]*poolHost, diag.Diagnostics) {
	var diags diag.Diagnostics
	value, err := hostsValue(hosts)
	if err != nil {
		return nil, diag.Diagnostics{internalFault("reading the hosts of the pool", err)}
	}
	if len(value) == 0 || isNull(value) {
		return nil, diag.Diagnostics{invalidHost(at, "a pool needs hosts: a map of objects with an address")}
	}
	if !isMap(value) && !isUnknown(value) {
		return nil, diag.Diagnostics{invalidHost(at, "the hosts of a pool are a map of objects, by names of your choice")}
	}
	var list []*poolHost
	err = eachElement(value, func(length int, name string, value msgpack.RawMessage) error {
		if list == nil {
			list = make([]*poolHost, 0, length)
		}
		h, d := readHost(ctx, name, value, at)
		diags.Append(d...)
		list = append(list, h)
		return nil
	})
	if err != nil {
		diags.Append(internalFault("reading the hosts of the pool", err))
	}
	return list, diags
}

// readHost gives one host.
func readHost(ctx context.Context, name string, raw msgpack.RawMessage, at tfpath.Path) (*poolHost, diag.Diagnostics) {
	h := &poolHost{name: name, raw: raw, address: types.StringUnknown(), ssh: types.ObjectNull(nodeSSHType.AttrTypes)}
	if isUnknown(raw) {
		return h, nil
	}
	var diags diag.Diagnostics
	if !isMap(raw) {
		return h, diag.Diagnostics{invalidHost(at.AtMapKey(name), "a host is an object with an address, such as { address = \"10.0.0.1\" }")}
	}
	h.address = types.StringNull()
	err := eachElement(raw, func(_ int, attribute string, value msgpack.RawMessage) (err error) {
		switch attribute {
		case "address":
			if h.address, err = encodedText(value); err != nil {
				diags.Append(invalidHost(at.AtMapKey(name).AtName(attribute), "an address is text"))
			}
		case "ssh":
			var d diag.Diagnostics
			h.ssh, d = readSSH(ctx, value, at.AtMapKey(name).AtName(attribute))
			diags.Append(d...)
		default:
			diags.Append(invalidHost(at.AtMapKey(name), fmt.Sprintf("a host has no attribute %q; it has address and ssh", attribute)))
		}
		return nil
	})
	if err != nil {
		diags.Append(internalFault("reading a host of the pool", err))
	}
	return h, diags
}

// readSSH gives a host's ssh object.
func readSSH(ctx context.Context, raw msgpack.RawMessage, at tfpath.Path) (types.Object, diag.Diagnostics) {
	none := types.ObjectNull(nodeSSHType.AttrTypes)
	if isNull(raw) {
		return none, nil
	}
	value, d := shaped(nodeSSHType.TerraformType(ctx), raw, at)
	if d != nil {
		return none, diag.Diagnostics{d}
	}
	read, err := nodeSSHType.ValueFromTerraform(ctx, value)
	if err != nil {
		return none, diag.Diagnostics{invalidHost(at, err.Error())}
	}
	ssh, ok := read.(types.Object)
	if !ok {
		return none, diag.Diagnostics{internalFault("reading a host of the pool", fmt.Errorf("ssh is a %T", read))}
	}
	return ssh, nil
}

// shaped makes a value of a type of what was given for it, as Terraform does
// with attributes whose types it knows: text for a number and a number for
// text are taken, what is left out is null.
func shaped(kind tftypes.Type, raw msgpack.RawMessage, at tfpath.Path) (tftypes.Value, diag.Diagnostic) {
	if isUnknown(raw) {
		return tftypes.NewValue(kind, tftypes.UnknownValue), nil
	}
	if isNull(raw) {
		return tftypes.NewValue(kind, nil), nil
	}
	none := tftypes.Value{}
	switch k := kind.(type) {
	case tftypes.Object:
		if !isMap(raw) {
			return none, invalidHost(at, "this is to be an object")
		}
		return shapedObject(k, raw, at)
	case tftypes.List:
		var elements []msgpack.RawMessage
		if err := msgpack.Unmarshal(raw, &elements); err != nil {
			return none, invalidHost(at, "this is to be a list")
		}
		values := make([]tftypes.Value, len(elements))
		for i, e := range elements {
			var d diag.Diagnostic
			if values[i], d = shaped(k.ElementType, e, at.AtListIndex(i)); d != nil {
				return none, d
			}
		}
		return tftypes.NewValue(k, values), nil
	}
	text, err := scalarText(raw)
	switch {
	case err != nil:
		return none, invalidHost(at, "this is to be text or a number")
	case kind.Is(tftypes.String):
		return tftypes.NewValue(kind, text), nil
	}
	number, err := parseNumber(text)
	if err != nil {
		return none, invalidHost(at, fmt.Sprintf("this is to be a number, not %q", text))
	}
	return tftypes.NewValue(kind, number), nil
}

func shapedObject(kind tftypes.Object, raw msgpack.RawMessage, at tfpath.Path) (tftypes.Value, diag.Diagnostic) {
	values := map[string]tftypes.Value{}
	for name, k := range kind.AttributeTypes {
		values[name] = tftypes.NewValue(k, nil)
	}
	var bad diag.Diagnostic
	err := eachElement(raw, func(_ int, name string, value msgpack.RawMessage) error {
		k, ok := kind.AttributeTypes[name]
		if !ok {
			bad = invalidHost(at, fmt.Sprintf("there is no attribute %q", name))
		} else if v, d := shaped(k, value, at.AtName(name)); d != nil {
			bad = d
		} else {
			values[name] = v
		}
		return nil
	})
	if err != nil {
		bad = internalFault("reading a host of the pool", err)
	}
	if bad != nil {
		return tftypes.Value{}, bad
	}
	return tftypes.NewValue(kind, values), nil
}

// packHosts makes packed hosts of some, with the type that their values have.
func packHosts(hosts []*poolHost) (types.String, error) {
	kinds := map[string]any{}
	elements := make([]packedElement, 0, len(hosts))
	var errs error
	for _, h := range hosts {
		kind, err := shapeOf(h.raw)
		errs = errors.Join(errs, err)
		kinds[h.name] = kind
		elements = append(elements, packedElement{h.name, h.raw})
	}
	kind, err := json.Marshal([]any{"object", kinds})
	errs = errors.Join(errs, err)
	value, err := encodeMap(elements)
	errs = errors.Join(errs, err)
	packed, err := encodeDynamic(kind, value)
	return types.StringValue(string(packed)), errors.Join(errs, err)
}

// packMap makes a packed map.
func packMap(elements []packedElement) (types.String, error) {
	text, err := encodeMap(elements)
	return types.StringValue(string(text)), err
}

// readNodes gives what is known of hosts from a packed map. Of hosts that are
// not known yet nothing is.
func readNodes(nodes types.String) (map[string]poolRecord, error) {
	var records map[string]poolRecord
	err := eachElement([]byte(nodes.ValueString()), func(length int, name string, value msgpack.RawMessage) error {
		if records == nil {
			records = make(map[string]poolRecord, length)
		}
		var r poolRecord
		fields := r.fields()
		err := eachElement(value, func(_ int, name string, value msgpack.RawMessage) error {
			for _, f := range fields {
				if f.name == name {
					text, err := encodedText(value)
					*f.value = text.ValueString()
					return err
				}
			}
			return nil
		})
		records[name] = r
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	return records, nil
}

// encode is the record as an element of nodes.
func (r poolRecord) encode() (msgpack.RawMessage, error) {
	if r.Status == "" {
		r.Status = poolPending
	}
	var b bytes.Buffer
	out := msgpack.NewEncoder(&b)
	fields := r.fields()
	err := out.EncodeMapLen(len(fields))
	for _, f := range fields {
		if err == nil {
			err = out.EncodeString(f.name)
		}
		switch {
		case err != nil:
		case *f.value == "":
			err = out.EncodeNil()
		default:
			err = out.EncodeString(*f.value)
		}
	}
	return b.Bytes(), err
}
