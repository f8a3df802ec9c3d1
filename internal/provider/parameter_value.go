// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// errNotText says that config.yaml could not hold a value either.
var errNotText = errors.New("config.yaml has no text for this value")

// parameterText gives a known value of a parameter as the text that DC/OS's
// generator would judge.
func parameterText(p config.Parameter, value tftypes.Value) (string, error) {
	text, err := valueText(value)
	if err != nil {
		return "", err
	}
	if value.Type().Is(tftypes.String) {
		return givenText(p, text), nil
	}
	return text, nil
}

// givenText is what text given for a parameter means: itself, as in
// config.yaml. What jsonencode wrote is the value that it describes, unless
// the parameter is by its nature a text.
func givenText(p config.Parameter, text string) string {
	if p.Kind == config.JSON && !strings.HasSuffix(p.Name, "_json") && isJSONEncoded(text) {
		return jsonText(text)
	}
	return text
}

// isJSONEncoded says whether a text is in the form that Terraform's jsonencode
// writes: no blanks, and keys in the order of their letters.
func isJSONEncoded(text string) bool {
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return false
	}
	as, err := json.Marshal(value)
	return err == nil && string(as) == text
}

// jsonText rewrites JSON text as if config.yaml had the value itself: the
// generator's separators, ASCII only.
func jsonText(text string) string {
	value, err := render.DecodeJSON(text)
	if err != nil {
		return text
	}
	as, err := render.EncodeJSON(value)
	if err != nil {
		return text
	}
	return as
}

// sameJSON says whether two texts are JSON and mean the same: the order of
// keys does not count.
func sameJSON(a, b string) bool {
	canonical := func(text string) (string, error) {
		value, err := render.DecodeJSON(text)
		if err != nil {
			return "", err
		}
		return render.EncodePrettyJSON(value)
	}
	x, err := canonical(a)
	y, err2 := canonical(b)
	return err == nil && err2 == nil && x == y
}

// valueText gives the text that the generator makes of a known value.
func valueText(value tftypes.Value) (string, error) {
	v, err := documentValue(value)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil:
		return "", errNotText
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case *big.Int:
		return v.String(), nil
	case float64:
		return "", fmt.Errorf("%w: a number with a fraction", errNotText)
	}
	return render.EncodeJSON(v)
}

// documentValue gives a known value as that of a YAML document. HCL knows no
// order of keys; they come sorted.
func documentValue(value tftypes.Value) (any, error) {
	typ := value.Type()
	switch {
	case value.IsNull():
		return nil, nil
	case typ.Is(tftypes.String):
		var s string
		err := value.As(&s)
		return s, err
	case typ.Is(tftypes.Bool):
		var b bool
		err := value.As(&b)
		return b, err
	case typ.Is(tftypes.Number):
		var f *big.Float
		if err := value.As(&f); err != nil {
			return nil, err
		}
		if n, accuracy := f.Int(nil); accuracy == big.Exact {
			return n, nil
		}
		n, _ := f.Float64()
		return n, nil
	case typ.Is(tftypes.Object{}), typ.Is(tftypes.Map{}):
		var items map[string]tftypes.Value
		if err := value.As(&items); err != nil {
			return nil, err
		}
		m := render.NewMap()
		for _, key := range sortedKeys(items) {
			item, err := documentValue(items[key])
			if err != nil {
				return nil, err
			}
			m.Set(key, item)
		}
		return m, nil
	}
	var items []tftypes.Value
	if err := value.As(&items); err != nil {
		return nil, err
	}
	list := make([]any, len(items))
	for i, item := range items {
		var err error
		if list[i], err = documentValue(item); err != nil {
			return nil, err
		}
	}
	return list, nil
}
