// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strings"
	"sync"
)

// A Kind says how a parameter's value is written.
type Kind string

// The kinds of parameters.
const (
	Text    Kind = "text"
	Bool    Kind = "bool"    // the text "true" or "false"
	Integer Kind = "integer" // decimal digits
	Number  Kind = "number"
	List    Kind = "list" // a JSON list of text
	JSON    Kind = "json" // a JSON value, mostly an object
)

// A Section groups parameters in the documentation.
type Section string

// A Parameter is one row of the table, as others see it.
type Parameter struct {
	Name        string
	Section     Section
	Kind        Kind
	Description string   // one sentence in our words, in Markdown
	Allowed     string   // what is allowed, in words; empty if any text is
	Choices     []string // the allowed values, if they are few
	Lines       []string // the lines that know it, oldest first
	Default     string   // the default on the newest line that knows it
	HasDefault  bool
	DefaultNote string   // how the default is found, if it is computed; or what it is on other lines
	Secret      bool     // not for everybody's eyes, whether DC/OS keeps it out of what is readable or not
	ShowsUp     []string // files that change with it
}

// A row says everything about one parameter that a site can give. What
// differs between lines is data on it.
type row struct {
	section  Section
	name     string
	kind     Kind
	on       span            // the lines that know it
	about    string          // for the documentation
	choices  []string        // for the documentation, where a template's switch is the rule
	fallback perLine[string] // the default; none on a line before its first entry, or if empty
	computed *computed       // a default that depends on others
	rules    []rule
	secret   *span // the lines on which it is kept out of what is readable
	hidden   bool  // DC/OS has it readable, if at all, and it is to be kept as a secret here
	shows    []string
}

type computed struct {
	note    string // what it comes from, for the documentation
	inputs  []string
	compute computeFunc
}

func secretSince(line string) *span {
	s := since(line)
	return &s
}

// defaultOn gives the fixed default on a line.
func (r row) defaultOn(line string) (string, bool) {
	if !r.on.has(line) || len(r.fallback) == 0 || !(span{since: r.fallback[0].since}).has(line) {
		return "", false
	}
	return r.fallback.on(line), true
}

// table holds all rows, in the order of the documentation.
var table = sync.OnceValue(func() []row {
	var all []row
	for _, s := range []struct {
		section Section
		rows    func() []row
	}{
		{"Site", siteRows},
		{"Exhibitor", exhibitorRows},
		{"DNS and proxies", dnsRows},
		{"Scripts on the node", scriptRows},
		{"Authentication and Admin Router", authRows},
		{"Pages", uiRows},
		{"Networking", networkRows},
		{"Overlay networks and Calico", overlayRows},
		{"Checks", checkRows},
		{"Docker and storage", dockerRows},
		{"Mesos", mesosRows},
		{"Marathon and Metronome", servicesRows},
		{"Installer", installerRows},
		{"Older lines", olderRows},
	} {
		rows := s.rows()
		for i := range rows {
			rows[i].section = s.section
		}
		all = append(all, rows...)
	}
	return all
})

// Parameters returns the table, in the order of the documentation.
func Parameters() []Parameter {
	rows := table()
	parameters := make([]Parameter, len(rows))
	for i, r := range rows {
		parameters[i] = r.public()
	}
	return parameters
}

// Lookup finds a row.
func Lookup(name string) (Parameter, bool) {
	r, ok := findRow(name)
	if !ok {
		return Parameter{}, false
	}
	return r.public(), true
}

// rowsByName finds rows.
var rowsByName = sync.OnceValue(func() map[string]row {
	rows := make(map[string]row)
	for _, r := range table() {
		rows[r.name] = r
	}
	return rows
})

func findRow(name string) (row, bool) {
	r, ok := rowsByName()[name]
	return r, ok
}

func (r row) public() Parameter {
	p := Parameter{
		Name: r.name, Section: r.section, Kind: r.kind, Description: r.about,
		Choices: slices.Clone(r.choices), Lines: r.on.lines(), Secret: r.secret != nil || r.hidden, ShowsUp: slices.Clone(r.shows),
	}
	newest := p.Lines[len(p.Lines)-1]
	var allowed []string
	for _, rule := range r.rules {
		if rule.on.has(newest) && rule.allowed != "" {
			allowed = append(allowed, rule.allowed)
		}
	}
	if len(r.choices) > 0 && r.kind != Bool {
		allowed = append(allowed, either(r.choices))
	}
	p.Allowed = strings.Join(allowed, "; ")
	p.Default, p.HasDefault = r.defaultOn(newest)
	if r.computed != nil {
		p.DefaultNote = r.computed.note
	} else {
		p.DefaultNote = r.olderDefaults(p)
	}
	return p
}

// olderDefaults words the defaults that hold on older lines only.
func (r row) olderDefaults(p Parameter) string {
	var notes []string
	before, had := p.Default, p.HasDefault
	for _, line := range slices.Backward(p.Lines) {
		value, has := r.defaultOn(line)
		if has == had && value == before {
			continue
		}
		note := "none"
		if has {
			note = "`" + value + "`"
			if value == "" {
				note = "empty"
			}
		}
		notes = append(notes, "up to "+line+": "+note)
		before, had = value, has
	}
	return strings.Join(notes, "; ")
}
