// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// A recordedLine is the recordings of a line, and what its sites are resolved
// with.
type recordedLine struct {
	recorded *conformance.Set
	release  conformance.Release
	line     string
}

// eachRecordedLine runs a test for each line of the recordings in the tree.
func eachRecordedLine(t *testing.T, test func(t *testing.T, l recordedLine)) {
	t.Helper()
	recorded := conformance.Own(t)
	if len(recorded.Tags) != len(lines) {
		t.Errorf("%d lines were recorded, of %d", len(recorded.Tags), len(lines))
	}
	for _, tag := range recorded.Tags {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			test(t, recordedLine{recorded, recorded.Release(t, tag), LineOf(tag)})
		})
	}
}

// cases are the sites that were recorded on the line.
func (l recordedLine) cases() []conformance.Case {
	return slices.DeleteFunc(slices.Clone(l.recorded.Cases), func(c conformance.Case) bool { return !c.Of(l.release.Tag) })
}

func (l recordedLine) outcome(t *testing.T, c conformance.Case) conformance.Outcome {
	t.Helper()
	return l.recorded.Outcome(t, l.release.Tag, c.Name)
}

// resolve resolves a site, of which some values are not known. An error is for
// what cannot be read or used.
func (l recordedLine) resolve(t *testing.T, c conformance.Case, unknown ...string) (*Resolution, error) {
	t.Helper()
	files, extra := l.recorded.Files(t, c)
	var targets []render.Target
	for _, name := range TemplateNames() {
		for _, text := range []string{l.release.Templates[name], extra[name]} {
			template, err := render.Parse(name, text)
			if err != nil {
				return nil, err
			}
			target, err := template.Target()
			if err != nil {
				return nil, err
			}
			targets = append(targets, target)
		}
	}
	target, err := render.MergeTargets(targets...)
	if err != nil {
		return nil, err
	}
	site := Site{Files: make(map[string]File)}
	for name, content := range files {
		site.Files[name] = File{Content: []byte(content)}
	}
	if site.Given, err = FromYAML(l.line, l.recorded.Config(t, c)); err != nil {
		return nil, err
	}
	for _, name := range unknown {
		site.Given[name] = Value{Unknown: true}
	}
	facts := Facts{Version: l.release.Tag, Commit: l.release.Commit, BootstrapID: l.release.BootstrapID, Packages: l.release.Packages,
		Extra: []byte(extra["calc.py"])}
	return Resolve(site, facts, target)
}

// TestRecordedSites holds that a site resolves to the arguments that DC/OS's
// own generator gave it. What becomes of them is for package bundle.
func TestRecordedSites(t *testing.T) {
	t.Parallel()
	eachRecordedLine(t, func(t *testing.T, l recordedLine) {
		for _, c := range l.cases() {
			want := l.outcome(t, c)
			res, err := l.resolve(t, c)
			if want.Outcome != "ok" {
				continue
			}
			if err == nil {
				err = res.Err()
			}
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			l.compare(t, c.Name, res, want)
		}
	})
}

// compare wants the arguments that are known to be as recorded.
func (l recordedLine) compare(t *testing.T, site string, res *Resolution, want conformance.Outcome) {
	t.Helper()
	for name, value := range res.Arguments {
		ofBundle := value == placeholder || l.line == "1.10" && slices.Contains(identities(), name)
		if !ofBundle && !conformance.Same(value, want.Arguments[name]) {
			t.Errorf("%s: %s is %.200q, want %.200q", site, name, value, want.Arguments[name])
		}
	}
}

// identities are the arguments by which 1.10 names a configuration. There the
// generator takes them from the shape of its own program.
func identities() []string {
	return []string{"sources_id", "config_id", "config_package_ids", "cluster_packages", "cluster_package_list_id"}
}

// A reach is what the recordings of a line touch.
type reach struct {
	outcomes map[string]bool
	reached  map[string]bool // arguments of a site that was taken
	used     map[string]bool // and those whose value the site gave
	refused  map[string]bool // what was complained of
	unset    map[string]bool
	rules    map[string]map[int]bool // by parameter: those of its rules that a refused value breaks
	together []map[string]bool       // what was complained of in one site
}

func (l recordedLine) reach(t *testing.T) reach {
	t.Helper()
	r := reach{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]map[int]bool{}, nil}
	for _, c := range l.cases() {
		o := l.outcome(t, c)
		r.outcomes[o.Outcome] = true
		given, err := FromYAML(l.line, l.recorded.Config(t, c))
		if err != nil {
			continue
		}
		for name, value := range o.Arguments {
			r.reached[name] = true
			if v, ok := given[name]; ok && conformance.Same(v.Text, value) {
				r.used[name] = true
			}
		}
		named := map[string]bool{}
		for _, name := range o.Errors {
			named[name] = true
			r.refused[name], r.refused[conformance.Settable[name]] = true, true
		}
		r.together = append(r.together, named)
		for _, name := range o.Unset {
			r.unset[name] = true
		}
		for name, v := range given {
			if !named[name] && o.Outcome != "crash" && o.Outcome != "exhibitor_tls" {
				continue
			}
			for i, rule := range lineTables()[l.line].rules[name] {
				if rule.check(l.line, v.Text) != nil {
					if r.rules[name] == nil {
						r.rules[name] = map[int]bool{}
					}
					r.rules[name][i] = true
				}
			}
		}
	}
	return r
}

// TestRecordingsReach holds that the recordings in the tree leave nothing of
// the table out, on no line: each parameter is reached and given, each that
// must be given is missed, and each rule and each relation refuses something.
func TestRecordingsReach(t *testing.T) {
	t.Parallel()
	// DC/OS itself says what these are.
	fixed := []string{"check_search_path"}
	eachRecordedLine(t, func(t *testing.T, l recordedLine) {
		got := l.reach(t)
		cells := 0
		table := lineTables()[l.line]
		for _, p := range Parameters() {
			if !slices.Contains(p.Lines, l.line) {
				continue
			}
			cells++
			if !got.reached[p.Name] {
				t.Errorf("no site reaches %s", p.Name)
			}
			if !got.used[p.Name] && !slices.Contains(fixed, p.Name) {
				t.Errorf("no site gives %s and is taken", p.Name)
			}
			if len(table.setters[p.Name]) == 0 && !got.unset[p.Name] {
				t.Errorf("no site is refused because %s is not there", p.Name)
			}
			if p.Kind == Bool && len(p.Choices) > 0 && !got.refused[p.Name] {
				t.Errorf("no site is refused for %s", p.Name)
			}
			for i := range table.rules[p.Name] {
				if !got.rules[p.Name][i] {
					t.Errorf("no site is refused by rule %d of %s", i+1, p.Name)
				}
			}
		}
		for _, d := range derivations() {
			if d.on.has(l.line) {
				cells++
				if !got.reached[d.name] {
					t.Errorf("no site reaches %s, which is worked out", d.name)
				}
			}
		}
		for _, relation := range table.relations {
			if !slices.ContainsFunc(got.together, func(named map[string]bool) bool {
				return !slices.ContainsFunc(relation.parameters, func(name string) bool { return !named[name] })
			}) {
				t.Errorf("no site is refused for how %v stand to each other", relation.parameters)
			}
		}
		want := []string{"config", "crash", "exhibitor_tls", "ok", "validation"}
		if !since("2.0").has(l.line) {
			want = slices.DeleteFunc(want, func(outcome string) bool { return outcome == "exhibitor_tls" })
		}
		if outcomes := slices.Sorted(maps.Keys(got.outcomes)); !slices.Equal(outcomes, want) {
			t.Errorf("the outcomes are %v, want %v", outcomes, want)
		}
		t.Logf("%d parameters, %d rules", cells, len(table.rules))
	})
}

// A value that is not known yet makes no site wrong, and nothing that is known
// other than it was recorded.
func TestRecordedUnknown(t *testing.T) {
	t.Parallel()
	eachRecordedLine(t, func(t *testing.T, l recordedLine) {
		c := l.recorded.Case(t, "given-every-parameter")
		want := l.outcome(t, c)
		for name := range want.UserArguments {
			res, err := l.resolve(t, c, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Err(); err != nil {
				t.Errorf("without %s: %v", name, err)
			}
			if _, reached := want.Arguments[name]; reached && !slices.Contains(res.Unknown, name) {
				t.Errorf("%s is not known and not said to be so", name)
			}
			l.compare(t, c.Name+" without "+name, res, want)
		}
	})
}

// A refusal says what it names, and what must be given.
func TestRecordedRefusals(t *testing.T) {
	t.Parallel()
	eachRecordedLine(t, func(t *testing.T, l recordedLine) {
		for _, name := range []string{"missing-everything", "missing-proxies", "words-for-switches", "texts-that-are-wrong",
			"static-behind-a-load-balancer"} {
			c := l.recorded.Case(t, name)
			want := l.outcome(t, c)
			res, err := l.resolve(t, c)
			if err != nil {
				t.Fatal(err)
			}
			var refused *ValidationError
			if err := res.Err(); !errors.As(err, &refused) {
				t.Errorf("%s: got %v", name, err)
				continue
			}
			for _, named := range slices.Concat(want.Errors, want.Unset) {
				if other, ok := conformance.Settable[named]; ok {
					named = other
				}
				if named != "bootstrap_url" && !strings.Contains(refused.Error(), named) {
					t.Errorf("%s: nothing is said of %s:\n%v", name, named, refused)
				}
			}
		}
	})
}
