// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

var _ function.Function = parseConfigYAMLFunction{}

// parseConfigYAMLFunction is parse_config_yaml.
type parseConfigYAMLFunction struct{}

func newParseConfigYAMLFunction() function.Function { return parseConfigYAMLFunction{} }

// Metadata names the function.
func (parseConfigYAMLFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_config_yaml"
}

// Definition describes the function.
func (parseConfigYAMLFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Reads an existing config.yaml",
		MarkdownDescription: "Returns the parameters of a DC/OS `config.yaml` as an object with the attribute names of `dcos_cluster_config`. " +
			"The text is read as DC/OS reads it (YAML 1.1: `yes` and `on` are `true`). Only the parameters that are in the file are in the " +
			"object; those that `dcos_cluster_config` has no attribute for are in `extra_parameters`. " +
			"JSON values are text, with their keys in the order of the file.",
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "text",
			MarkdownDescription: "Text of the file, such as `file(\"genconf/config.yaml\")`.",
		}},
		Return: function.DynamicReturn{},
	}
}

// Run reads the text.
func (parseConfigYAMLFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	lines := config.Lines()
	given, err := config.FromYAML(lines[len(lines)-1], []byte(text))
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	values := map[string]attr.Value{}
	extra := map[string]attr.Value{}
	for _, name := range sortedKeys(given) {
		value := given[name]
		if !utf8.ValidString(value.Text) {
			// Terraform would put another character in its place.
			half := &config.YAMLError{Parameter: name, Err: errors.New("it holds half a character (a lone surrogate, as " +
				`"\ud83d"): write the whole character`)}
			resp.Error = function.NewArgumentFuncError(0, half.Error())
			return
		}
		if p, ok := config.Lookup(name); ok {
			values[name] = naturalValue(p.Kind, value.Text)
		} else {
			extra[name] = types.StringValue(value.Text)
		}
	}
	values["extra_parameters"] = types.MapValueMust(types.StringType, extra)
	valueTypes := map[string]attr.Type{}
	for name, value := range values {
		valueTypes[name] = value.Type(ctx)
	}
	object, diags := types.ObjectValue(valueTypes, values)
	if diags.HasError() {
		resp.Error = function.FuncErrorFromDiags(ctx, diags)
		return
	}
	resp.Error = resp.Result.Set(ctx, types.DynamicValue(object))
}

// naturalValue gives a parameter's text in the type that one would write.
// Text that does not fit stays as it is, for the rule to judge.
func naturalValue(kind config.Kind, text string) attr.Value {
	switch kind {
	case config.Bool:
		if text == "true" || text == "false" {
			return types.BoolValue(text == "true")
		}
	case config.Integer, config.Number:
		if n, ok := new(big.Int).SetString(text, 10); ok && n.String() == text {
			return types.NumberValue(new(big.Float).SetInt(n))
		}
	case config.List:
		if list, ok := textList(text); ok {
			return list
		}
	case config.Text, config.JSON:
	}
	return types.StringValue(text)
}

// textList reads a JSON list of texts.
func textList(text string) (attr.Value, bool) {
	var items []string
	if !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &items) != nil {
		return nil, false
	}
	values := make([]attr.Value, len(items))
	texts := make([]any, len(items))
	for i, item := range items {
		values[i], texts[i] = types.StringValue(item), item
	}
	// Text in another form than a list's own (blanks, null for an empty text)
	// would come back in that form.
	if as, err := render.EncodeJSON(texts); err != nil || as != text {
		return nil, false
	}
	list, diags := types.ListValue(types.StringType, values)
	return list, !diags.HasError()
}
