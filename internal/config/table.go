// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

// A Kind says how a parameter's value is written.
type Kind string

// The kinds of parameters.
const (
	Text    Kind = "text"
	Bool    Kind = "bool"    // the text "true" or "false"
	Integer Kind = "integer" // decimal digits
	Number  Kind = "number"
	List    Kind = "list"    // a JSON list of text
	JSON    Kind = "json"    // a JSON value, mostly an object
)

// A Section groups parameters in the documentation.
type Section string

// A Parameter is one row of the table.
type Parameter struct {
	Name        string
	Section     Section
	Kind        Kind
	Description string // one sentence in our words
	Allowed     string // what is allowed, in words; empty if any text is
	Choices     []string // the allowed values, if they are few
	Lines       []string // the lines that know it, oldest first
	Default     string   // the default on the newest line that knows it
	HasDefault  bool
	DefaultNote string // how the default is found, if it is computed; or what differs on other lines
	Secret      bool
	ShowsUp     []string // files that change with it
}

// Parameters returns the table, in the order of the documentation.
func Parameters() []Parameter { return nil }

// Lookup finds a row.
func Lookup(name string) (Parameter, bool) { return Parameter{}, false }

// ValidationError's text lists everything that was refused.
func (e *ValidationError) Error() string { return "the site was refused" }
