// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// A YAMLError says why a config.yaml cannot be used.
type YAMLError struct {
	Parameter string // whose value is at fault; empty if it is the whole file
	Err       error
}

// Error implements error.
func (e *YAMLError) Error() string {
	if e.Parameter != "" {
		return fmt.Sprintf("config.yaml: %s: %v", e.Parameter, e.Err)
	}
	return fmt.Sprintf("config.yaml: %v", e.Err)
}

// Unwrap gives the cause.
func (e *YAMLError) Unwrap() error { return e.Err }

// FromYAML reads a config.yaml the way the generator of the line does: as
// YAML 1.1, each value becoming the text that the generator works with. An
// empty line stands for the newest one. What is wrong is a [*YAMLError].
func FromYAML(line string, text []byte) (map[string]Value, error) {
	m, err := readYAML(line, text)
	if err != nil {
		return nil, err
	}
	given := make(map[string]Value, m.Len())
	var bad []*YAMLError
	for _, e := range m.Entries() {
		name, ok := e.Key.(string)
		if !ok {
			bad = append(bad, &YAMLError{Err: fmt.Errorf("the key %v is not a text: put it in quotes", keyText(e.Key))})
			continue
		}
		value, err := TextOf(e.Value)
		if err != nil {
			bad = append(bad, &YAMLError{name, err})
			continue
		}
		given[name] = Value{Text: value}
	}
	if len(bad) > 0 {
		return nil, allOf(bad)
	}
	return given, nil
}

// allOf is one error for several parameters: those at which the same is wrong
// are named together, in the order of the file.
func allOf(bad []*YAMLError) *YAMLError {
	if len(bad) == 1 {
		return bad[0]
	}
	var order []string
	names := make(map[string][]string)
	for _, e := range bad {
		text := e.Err.Error()
		if _, ok := names[text]; !ok {
			order = append(order, text)
		}
		if e.Parameter != "" {
			names[text] = append(names[text], e.Parameter)
		} else {
			names[text] = nil
		}
	}
	lines := make([]string, len(order))
	for i, text := range order {
		lines[i] = text
		if len(names[text]) > 0 {
			lines[i] = listed(names[text], "and") + ": " + text
		}
	}
	return &YAMLError{Err: errors.New(strings.Join(lines, "\n"))}
}

// ReadYAML reads a config.yaml as FromYAML does, and gives its values as they
// are: nil, bool, *big.Int, float64, string, []any, *render.Map.
func ReadYAML(line string, text []byte) (*render.Map, error) { return readYAML(line, text) }

func readYAML(line string, text []byte) (*render.Map, error) {
	if line == "" {
		line = lines[len(lines)-1]
	}
	if !utf8.Valid(text) {
		return nil, &YAMLError{Err: fmt.Errorf("it is not UTF-8")}
	}
	// The file is opened as text: every line end becomes \n first.
	unix := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\r", "\n")
	v, err := render.ParseYAML(unix, Dialect(line))
	if err != nil {
		return nil, &YAMLError{Err: err}
	}
	m, ok := v.(*render.Map)
	if !ok {
		return nil, &YAMLError{Err: fmt.Errorf("it is %s, not a map of parameters", typeOfYAML(v))}
	}
	return m, nil
}

func typeOfYAML(v any) string {
	if v == nil {
		return "empty"
	}
	return typeOf(v)
}

func keyText(key any) string {
	switch key := key.(type) {
	case nil:
		return "null"
	case *big.Int:
		return key.String()
	case render.Opaque:
		return "(a " + key.Kind + ")"
	}
	return fmt.Sprint(key)
}

// TextOf turns a value of config.yaml into the text that the generator works
// with: lists and maps into JSON, true and false into these words, integers
// into digits. Other values have no text.
func TextOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		text, err := trueIf(v)
		return text, err
	case *big.Int:
		return v.String(), nil
	case []any, *render.Map:
		return render.EncodeJSON(v)
	case nil:
		return "", fmt.Errorf("it has no value: leave it out, or give an empty text (\"\")")
	case float64:
		return "", fmt.Errorf("a number with a dot or an exponent is not taken: put it in quotes")
	case render.Opaque:
		return "", fmt.Errorf("a %s is not taken: put it in quotes", v.Kind)
	}
	return "", fmt.Errorf("a %T is not taken", v)
}
