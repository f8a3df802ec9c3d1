// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// complainOf records that a value was refused, and names the parameter that
// can be set.
func (r *resolver) complainOf(name string, s setter, value string, err error) {
	parameter := name
	switch {
	case s.user:
	case s.from != "":
		parameter = r.settable(s.from)
	case name == "_superuser_service_account_public_key_json":
		parameter = "superuser_service_account_public_key"
	}
	if s.compute != nil {
		// What was worked out, if anything, is not what was given.
		value = r.given(parameter)
	}
	r.complain(name, parameter, value, err)
}

// settable follows derivations to a parameter that can be set.
func (r *resolver) settable(name string) string {
	for range 8 {
		if _, ok := findRow(name); ok {
			return name
		}
		i := slices.IndexFunc(derivations(), func(d derivation) bool { return d.name == name && d.from != "" && d.on.has(r.line) })
		if i < 0 {
			return name
		}
		name = derivations()[i].from
	}
	return name
}

// given is the value to show for a parameter: the one given, or the default.
func (r *resolver) given(name string) string {
	if v, ok := r.site.Given[name]; ok {
		return v.Text
	}
	return r.value(name)
}

func (r *resolver) complain(name, parameter, value string, err error) {
	if _, ok := r.errors[name]; ok {
		return
	}
	given := " is " + quote(value) + ", but"
	_, isGiven := r.site.Given[parameter]
	switch {
	case r.isSecret(parameter) || r.isSecret(name):
		given = " is set, but"
	case !isGiven && value == "":
		given = ""
	}
	message := fmt.Sprintf("%s%s %v (DC/OS %s)", parameter, given, err, r.line)
	if parameter != name {
		message += fmt.Sprintf("; DC/OS works out %s from it", name)
	}
	var lacks missingError
	r.errors[name] = Problem{parameter, message, errors.As(err, &lacks) && !isGiven}
}

// resolution gathers the outcome.
func (r *resolver) resolution() *Resolution {
	res := &Resolution{
		Version: r.facts.Version, Line: r.line,
		Arguments:     make(map[string]string, len(r.arguments)),
		UserArguments: make(map[string]string, len(r.site.Given)),
		Secret:        make(map[string]bool),
	}
	for name, a := range r.arguments {
		switch a.state {
		case known:
			res.Arguments[name] = a.value
		case waiting:
			res.Unknown = append(res.Unknown, name)
		}
	}
	for name, v := range r.site.Given {
		if !v.Unknown {
			res.UserArguments[name] = v.Text
		}
	}
	for name := range r.table.secret {
		res.Secret[name] = true
	}
	if r.extra != nil {
		for _, name := range r.extra.secret {
			res.Secret[name] = true
		}
	}
	seen := make(map[Problem]bool)
	for _, p := range r.errors {
		if !seen[p] {
			seen[p] = true
			res.Errors = append(res.Errors, p)
		}
	}
	res.Unset = r.unset
	res.Warnings = r.warnings(res)
	sortProblems(res.Errors)
	sortProblems(res.Warnings)
	slices.Sort(res.Unset)
	slices.Sort(res.Unknown)
	return res
}

func sortProblems(problems []Problem) {
	slices.SortFunc(problems, func(a, b Problem) int {
		if c := strings.Compare(a.Parameter, b.Parameter); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
}

// Err gives a [*ValidationError] if the site was refused.
func (r *Resolution) Err() error {
	if len(r.Errors) == 0 && len(r.Unset) == 0 {
		return nil
	}
	return &ValidationError{Line: r.Line, Errors: r.Errors, Unset: r.Unset}
}

// Error lists everything that was refused.
func (e *ValidationError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "DC/OS %s refuses this site", e.Line)
	for _, p := range e.Errors {
		b.WriteString("\n  ")
		b.WriteString(p.Message)
	}
	for _, name := range e.Unset {
		b.WriteString("\n  ")
		b.WriteString(UnsetMessage(name, e.Line))
	}
	return b.String()
}

// UnsetMessage words that a parameter must be given.
func UnsetMessage(name, line string) string {
	message := fmt.Sprintf("%s must be given (DC/OS %s)", name, line)
	if row, ok := findRow(name); ok {
		message += ": " + strings.TrimSuffix(row.about, ".")
		if len(row.choices) > 0 {
			message += "; allowed is " + either(row.choices)
		}
	}
	return message
}
