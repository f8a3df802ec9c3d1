// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// A setter is one way in which a parameter gets its value.
type setter struct {
	text    string
	compute computeFunc // or
	inputs  []string
	from    string     // the parameter to name when the computed value is refused
	when    *condition // it counts only where a parameter has a value
	must    bool       // nothing else may set the parameter; else it is a default
	user    bool
	unknown bool // the user's value is not known yet
}

// A lineTable is the table as one line has it.
type lineTable struct {
	setters   map[string][]setter
	rules     map[string][]rule
	relations []relation
	secret    map[string]bool
}

// lineTables are made once: they depend on nothing but the tables.
var lineTables = sync.OnceValue(func() map[string]*lineTable {
	tables := make(map[string]*lineTable)
	for _, line := range lines {
		tables[line] = newLineTable(line)
	}
	return tables
})

func newLineTable(line string) *lineTable {
	t := &lineTable{setters: make(map[string][]setter), rules: make(map[string][]rule), secret: make(map[string]bool)}
	add := func(name string, s setter) { t.setters[name] = append(t.setters[name], s) }
	for _, r := range table() {
		for _, rule := range r.rules {
			if rule.on.has(line) {
				t.rules[r.name] = append(t.rules[r.name], rule)
			}
		}
		if r.secret != nil && r.secret.has(line) {
			t.secret[r.name] = true
		}
		if text, ok := r.defaultOn(line); ok {
			add(r.name, setter{text: text})
		}
		if r.computed != nil && r.on.has(line) {
			add(r.name, setter{compute: r.computed.compute, inputs: r.computed.inputs})
		}
	}
	for _, d := range derivations() {
		if d.on.has(line) {
			add(d.name, setter{text: d.text, compute: d.compute, inputs: d.inputs, from: d.from, when: d.when, must: true})
		}
	}
	for _, r := range relations() {
		if r.on.has(line) {
			t.relations = append(t.relations, r)
		}
	}
	return t
}

type state int

const (
	working state = iota // being worked out
	known
	waiting // not known yet
	failed  // refused or unset, itself or something it depends on
)

type argument struct {
	state state
	value string
	given bool // the user's own value
}

// A resolver works arguments out on demand, depth first.
type resolver struct {
	line     string
	site     *Site
	facts    *Facts
	table    *lineTable
	extra    *entry
	switches map[string][][]string // parameter → the cases of each switch on it

	arguments map[string]*argument
	errors    map[string]Problem // by the name under which it arose
	unset     []string
	maybe     map[string]bool // reached, if what is not known turns out that way
	internal  error
}

// Resolve works out the arguments that the target reaches. What is wrong with
// the site is in the resolution; the error is for a release that cannot be
// used (its line is not known, its gen_extra needs Python, its templates
// contradict each other).
func Resolve(site Site, facts Facts, target render.Target) (*Resolution, error) {
	line := LineOf(facts.Version)
	if line == "" {
		return nil, fmt.Errorf("DC/OS %s is of no line that is known: these are %s", facts.Version, listed(Lines(), "and"))
	}
	r := &resolver{
		line: line, site: &site, facts: &facts, table: lineTables()[line],
		switches:  make(map[string][][]string),
		arguments: make(map[string]*argument, 256),
		errors:    make(map[string]Problem),
		maybe:     make(map[string]bool),
	}
	if len(facts.Extra) > 0 {
		extra, err := parseEntry(facts.Extra)
		if err != nil {
			return nil, fmt.Errorf("gen_extra/calc.py of the release: %w", err)
		}
		if err := extra.check(line); err != nil {
			return nil, fmt.Errorf("gen_extra/calc.py of the release: %w", err)
		}
		r.extra = extra
	}
	r.collectSwitches(target)
	for _, name := range baseTarget(line) {
		r.resolve(name)
	}
	r.walk(target)
	r.relate()
	r.checkCharacters()
	if r.internal != nil {
		return nil, r.internal
	}
	return r.resolution(), nil
}

// baseTarget is what ids need whether or not a template mentions it.
func baseTarget(line string) []string {
	if line == "1.10" {
		return []string{"config_package_ids", "cluster_packages", "cluster_package_list_id", "dcos_image_commit", "package_ids"}
	}
	return []string{"config_package_names", "dcos_image_commit", "package_ids", "template_filenames"}
}

func (r *resolver) collectSwitches(target render.Target) {
	for _, scope := range target.Scopes {
		r.switches[scope.Name] = append(r.switches[scope.Name], scope.Values())
		for _, c := range scope.Cases {
			r.collectSwitches(c.Target)
		}
	}
}

// walk resolves what a target certainly mentions.
func (r *resolver) walk(target render.Target) {
	for _, name := range target.Variables {
		r.resolve(name)
	}
	for _, scope := range target.Scopes {
		a := r.resolve(scope.Name)
		switch a.state {
		case known:
			for _, c := range scope.Cases {
				if c.Value == a.value {
					r.walk(c.Target)
				}
			}
		case waiting:
			r.walkUndecided(scope)
		}
	}
}

// walkUndecided resolves what every case of a switch mentions.
func (r *resolver) walkUndecided(scope render.Scope) {
	count := make(map[string]int)
	for _, c := range scope.Cases {
		r.mark(c.Target)
		names := slices.Clone(c.Target.Variables)
		for _, s := range c.Target.Scopes {
			names = append(names, s.Name)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			count[name]++
		}
	}
	for name, n := range count {
		if n == len(scope.Cases) {
			r.resolve(name)
		}
	}
}

func (r *resolver) mark(target render.Target) {
	for _, name := range target.Variables {
		r.markName(name)
	}
	for _, scope := range target.Scopes {
		r.markName(scope.Name)
		for _, c := range scope.Cases {
			r.mark(c.Target)
		}
	}
}

func (r *resolver) markName(name string) {
	if r.maybe[name] {
		return
	}
	r.maybe[name] = true
	for _, s := range r.settersOf(name) {
		if s.when != nil {
			r.markName(s.when.name)
		}
		for _, input := range s.inputs {
			r.markName(input)
		}
	}
}

// settersOf gives everything that can set a parameter.
func (r *resolver) settersOf(name string) []setter {
	setters := r.table.setters[name]
	if r.extra != nil {
		setters = r.extra.settersOf(name, setters)
	}
	if given, ok := r.site.Given[name]; ok {
		setters = append(slices.Clone(setters), setter{text: given.Text, must: true, user: true, unknown: given.Unknown})
	}
	return setters
}

// resolve works an argument out, once.
func (r *resolver) resolve(name string) *argument {
	if a, ok := r.arguments[name]; ok {
		if a.state == working {
			r.internal = fmt.Errorf("parameter %s depends on itself", name)
			a.state = failed
		}
		return a
	}
	a := &argument{}
	r.arguments[name] = a
	r.settle(name, a)
	return a
}

func (r *resolver) settle(name string, a *argument) {
	certain, possible, ok := r.feasible(name)
	switch {
	case !ok:
		a.state = failed
		return
	case len(possible) > 0:
		r.settleUndecided(name, a, append(certain, possible...))
		return
	case len(certain) == 0:
		a.state = failed
		r.unset = append(r.unset, name)
		return
	}
	if len(certain) > 1 {
		certain = slices.DeleteFunc(certain, func(s setter) bool { return !s.must })
	}
	for _, s := range certain {
		for _, input := range s.inputs {
			r.resolve(input)
		}
	}
	user := slices.IndexFunc(certain, func(s setter) bool { return s.user })
	switch {
	case len(certain) == 1:
		r.apply(name, a, certain[0])
	case len(certain) == 2 && user >= 0 && certain[user].unknown:
		// What is not known yet may turn out not to be given.
		a.state = waiting
	case len(certain) == 2 && user >= 0:
		a.state = failed
		r.complain(name, name, certain[user].text, errors.New("must not be given: DC/OS works it out itself"))
	default:
		a.state = failed
		r.internal = fmt.Errorf("the release sets %s in more than one way", name)
	}
}

// feasible gives the setters whose conditions hold, and those whose condition
// waits. It is not ok if a condition cannot be evaluated.
func (r *resolver) feasible(name string) (certain, possible []setter, ok bool) {
	ok = true
	for _, s := range r.settersOf(name) {
		if s.when == nil {
			certain = append(certain, s)
			continue
		}
		on := r.resolve(s.when.name)
		switch on.state {
		case known:
			if on.value == s.when.value {
				certain = append(certain, s)
			}
		case waiting:
			possible = append(possible, s)
		default:
			return nil, nil, false
		}
	}
	return certain, possible, ok
}

// settleUndecided leaves an argument open whose setters depend on what is not
// known. If the user gives a value, it is either the one that counts or one
// too many, so that a complaint about it holds in any case.
func (r *resolver) settleUndecided(name string, a *argument, setters []setter) {
	for _, s := range setters {
		if s.user && !s.unknown {
			if err := r.checkValue(name, s.text); err != nil {
				a.state = failed
				r.complain(name, name, s.text, err)
				return
			}
		}
	}
	for _, s := range setters {
		for _, input := range s.inputs {
			r.markName(input)
		}
	}
	a.state = waiting
}

// apply computes a value with the setter that was chosen, and checks it.
func (r *resolver) apply(name string, a *argument, s setter) {
	if s.unknown {
		a.state = waiting
		return
	}
	for _, input := range s.inputs {
		switch r.resolve(input).state {
		case failed, working:
			a.state = failed
		case waiting:
			if a.state != failed {
				a.state = waiting
			}
		}
	}
	if a.state != working {
		return
	}
	value := s.text
	var err error
	if s.compute != nil {
		value, err = s.compute(&calculation{line: r.line, site: r.site, facts: r.facts, value: r.value})
	}
	if errors.Is(err, errWaits) {
		a.state = waiting
		return
	}
	if err == nil {
		err = r.checkValue(name, value)
	}
	if err == nil && s.user {
		err = r.checkGiven(name, value)
	}
	if err != nil {
		a.state = failed
		r.complainOf(name, s, value, err)
		return
	}
	a.state, a.value, a.given = known, value, s.user
}

// value gives a known argument.
func (r *resolver) value(name string) string {
	if a, ok := r.arguments[name]; ok {
		return a.value
	}
	return ""
}

// checkValue runs the rules of one parameter, then those of the switches on it.
func (r *resolver) checkValue(name, value string) error {
	for _, rule := range r.table.rules[name] {
		if err := rule.check(r.line, value); err != nil {
			return err
		}
	}
	for _, cases := range r.switches[name] {
		if !slices.Contains(cases, value) {
			return must("%s", either(cases))
		}
	}
	return nil
}

// checkGiven refuses what fails later on in the generator.
func (r *resolver) checkGiven(name, value string) error {
	switch name {
	case "bootstrap_id":
		if value != r.facts.BootstrapID {
			return must("the release's own, %s: no other is in it", r.facts.BootstrapID)
		}
	case "bootstrap_variant":
		if value != r.facts.Variant {
			return must("the release's own, %q: no other is in it", r.facts.Variant)
		}
	}
	return nil
}

// checkCharacters refuses characters that the line's generator cannot read or
// write, whether or not the parameter is reached: it reads the whole file, and
// takes a hash of every value.
func (r *resolver) checkCharacters() {
	for name, v := range r.site.Given {
		if !utf8.ValidString(v.Text) {
			r.complain(name, name, v.Text,
				errors.New("must not hold half a character (a lone surrogate, as \"\\ud83d\" in config.yaml): write the whole character"))
			continue
		}
		if Dialect(r.line) != render.PyYAML3 {
			continue
		}
		for _, c := range v.Text {
			if c > 0xffff {
				r.complain(name, name, v.Text, fmt.Errorf("must not hold %q: this line cannot read characters beyond U+FFFF", c))
				break
			}
		}
	}
}

// Dialect says which YAML reader the releases of a line bring along.
func Dialect(line string) render.Dialect {
	if since("2.2").has(line) {
		return render.PyYAML5
	}
	return render.PyYAML3
}

// relate runs the rules about several parameters.
func (r *resolver) relate() {
	for _, relation := range r.table.relations {
		ready := !slices.ContainsFunc(relation.parameters, func(name string) bool {
			a, ok := r.arguments[name]
			return !ok || a.state != known
		})
		if !ready {
			continue
		}
		err := relation.check(r.value)
		if err == nil {
			continue
		}
		words := relation.words(r.value, r.isSecret)
		for _, name := range relation.parameters {
			if _, ok := r.errors[name]; !ok {
				r.errors[name] = Problem{Parameter: name, Message: fmt.Sprintf("%s: %v (DC/OS %s)", words, err, r.line)}
			}
		}
	}
}

func (r *resolver) isSecret(name string) bool {
	return r.table.secret[name] || r.extra != nil && slices.Contains(r.extra.secret, name)
}
