// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// nodeSSHType is the type of a node's ssh object.
var nodeSSHType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"port": types.Int64Type, "user": types.StringType, "host_key": types.StringType, "jump_hosts": types.ListType{ElemType: nodeJumpHostType},
	"proxy_command": types.StringType,
}}

// hostsValue gives the value of packed hosts. They are of any type to
// Terraform, which sends the type along.
func hostsValue(hosts types.String) (packed.Value, error) {
	if hosts.IsUnknown() {
		return packed.Unknown(), nil
	}
	if hosts.IsNull() {
		return nil, nil
	}
	value, err := packed.Value(hosts.ValueString()).Dynamic()
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	return value, nil
}

// encodedText gives encoded text.
func encodedText(raw packed.Value) (types.String, error) {
	switch {
	case raw.IsNull():
		return types.StringNull(), nil
	case raw.IsUnknown():
		return types.StringUnknown(), nil
	}
	text, err := raw.Text()
	return types.StringValue(text), err
}

// scalarText gives encoded text, or a number as text.
func scalarText(raw packed.Value) (types.String, error) {
	if raw.IsNull() || raw.IsUnknown() {
		return encodedText(raw)
	}
	text, err := raw.Scalar()
	return types.StringValue(text), err
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
	if len(value) == 0 || value.IsNull() {
		return nil, diag.Diagnostics{invalidHost(at, "a pool needs hosts: a map of objects with an address")}
	}
	if !value.IsMap() && !value.IsUnknown() {
		return nil, diag.Diagnostics{invalidHost(at, "the hosts of a pool are a map of objects, by names of your choice")}
	}
	var list []*poolHost
	var found foldedDiagnostics
	err = value.Each(func(length int, name string, value packed.Value) error {
		if list == nil {
			list = make([]*poolHost, 0, length)
		}
		h, d := readHost(ctx, name, value, at)
		found.addAll(d)
		list = append(list, h)
		return nil
	})
	diags.Append(found.diagnostics()...)
	if err != nil {
		diags.Append(internalFault("reading the hosts of the pool", err))
	}
	return list, diags
}

// readHost gives one host.
func readHost(ctx context.Context, name string, raw packed.Value, at tfpath.Path) (*poolHost, diag.Diagnostics) {
	h := &poolHost{name: name, raw: raw, address: types.StringUnknown(), ssh: types.ObjectNull(nodeSSHType.AttrTypes)}
	if raw.IsUnknown() {
		h.machine = types.StringUnknown()
		return h, nil
	}
	var diags diag.Diagnostics
	if !raw.IsMap() {
		return h, diag.Diagnostics{invalidHost(at.AtMapKey(name), "a host is an object with an address, such as { address = \"10.0.0.1\" }")}
	}
	h.address = types.StringNull()
	err := raw.Each(func(_ int, attribute string, value packed.Value) (err error) {
		switch attribute {
		case "address":
			if h.address, err = encodedText(value); err != nil {
				diags.Append(invalidHost(at.AtMapKey(name).AtName(attribute), "an address is text"))
			}
		case "machine":
			if h.machine, err = scalarText(value); err != nil {
				diags.Append(invalidHost(at.AtMapKey(name).AtName(attribute), "a machine is text"))
			}
		case "ssh":
			var d diag.Diagnostics
			h.ssh, d = readSSH(ctx, value, at.AtMapKey(name).AtName(attribute))
			diags.Append(d...)
		default:
			diags.Append(invalidHost(at.AtMapKey(name), fmt.Sprintf("a host has no attribute %q; it has address, machine and ssh", attribute)))
		}
		return nil
	})
	if err != nil {
		diags.Append(internalFault("reading a host of the pool", err))
	}
	return h, diags
}

// readSSH gives a host's ssh object.
func readSSH(ctx context.Context, raw packed.Value, at tfpath.Path) (types.Object, diag.Diagnostics) {
	none := types.ObjectNull(nodeSSHType.AttrTypes)
	if raw.IsNull() {
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
func shaped(kind tftypes.Type, raw packed.Value, at tfpath.Path) (tftypes.Value, diag.Diagnostic) {
	if raw.IsUnknown() {
		return tftypes.NewValue(kind, tftypes.UnknownValue), nil
	}
	if raw.IsNull() {
		return tftypes.NewValue(kind, nil), nil
	}
	none := tftypes.Value{}
	switch k := kind.(type) {
	case tftypes.Object:
		if !raw.IsMap() {
			return none, invalidHost(at, "this is to be an object")
		}
		return shapedObject(k, raw, at)
	case tftypes.List:
		elements, err := raw.Elements()
		if err != nil {
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
	text, err := raw.Scalar()
	switch {
	case err != nil:
		return none, invalidHost(at, "this is to be text or a number")
	case kind.Is(tftypes.String):
		return tftypes.NewValue(kind, text), nil
	}
	number, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
	if err != nil {
		return none, invalidHost(at, fmt.Sprintf("this is to be a number, not %q", text))
	}
	return tftypes.NewValue(kind, number), nil
}

func shapedObject(kind tftypes.Object, raw packed.Value, at tfpath.Path) (tftypes.Value, diag.Diagnostic) {
	values := map[string]tftypes.Value{}
	for name, k := range kind.AttributeTypes {
		values[name] = tftypes.NewValue(k, nil)
	}
	var bad diag.Diagnostic
	err := raw.Each(func(_ int, name string, value packed.Value) error {
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
	elements := make([]packed.Element, 0, len(hosts))
	var errs error
	for _, h := range hosts {
		kind, err := h.raw.Shape()
		errs = errors.Join(errs, err)
		kinds[h.name] = kind
		elements = append(elements, packed.Element{Name: h.name, Value: h.raw})
	}
	kind, err := json.Marshal([]any{"object", kinds})
	return types.StringValue(string(packed.Dynamic(kind, packed.Map(elements)))), errors.Join(errs, err)
}

// packMap makes a packed map.
func packMap(elements []packed.Element) types.String {
	return types.StringValue(string(packed.Map(elements)))
}

// readNodes gives what is known of hosts from a packed map. Of hosts that are
// not known yet nothing is.
func readNodes(nodes types.String) (map[string]poolRecord, error) {
	var records map[string]poolRecord
	err := packed.Value(nodes.ValueString()).Each(func(length int, name string, value packed.Value) error {
		if records == nil {
			records = make(map[string]poolRecord, length)
		}
		var r poolRecord
		fields := r.fields()
		err := value.Each(func(_ int, name string, value packed.Value) error {
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
func (r poolRecord) encode() packed.Value {
	if r.Status == "" {
		r.Status = poolPending
	}
	fields := r.fields()
	list := make([]packed.Field, len(fields))
	for i, f := range fields {
		list[i] = packed.Field{Name: f.name, Text: *f.value}
	}
	return packed.Fields(list)
}
