// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import "errors"

// A Template is a parsed template. It is safe for concurrent use.
type Template struct {
	name   string
	chunks []chunk
}

type chunk any

// A Target is what a template mentions: variables at its top level, and a
// scope for every switch, whose variables count only if the case is chosen.
type Target struct {
	Variables []string // sorted, each once
	Scopes    []Scope  // in order of first appearance
}

// A Scope is one switch of a target.
type Scope struct {
	Name  string
	Cases []Case // in order of first appearance
}

// A Case is one case of a switch.
type Case struct {
	Value  string
	Target Target
}

// Parse reads a template. The name is for messages only.
func Parse(name, text string) (*Template, error) {
	return &Template{name: name}, errors.New("provisional")
}

// Target returns what the template mentions.
func (t *Template) Target() Target { return Target{} }

// Render puts the arguments into the template.
func (t *Template) Render(arguments map[string]string) (string, error) {
	return "", errors.New("provisional")
}

// MergeTargets joins the targets of several templates.
func MergeTargets(targets ...Target) (Target, error) { return Target{}, nil }
