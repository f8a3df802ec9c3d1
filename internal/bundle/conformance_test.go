// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
)

// recordedTemplates parses the templates of a recorded release, with those of
// gen_extra if it has any.
func recordedTemplates(r conformance.Release, extra map[string]string) (*templateSet, error) {
	texts := make(map[string][]string)
	for name, text := range r.Templates {
		texts[name] = []string{text}
		if more, ok := extra[name]; ok {
			texts[name] = append(texts[name], more)
		}
	}
	return parseTemplates(texts)
}

// TestConformance holds us to what DC/OS's own generator made of the sites in
// the tree, on the last version of every line.
func TestConformance(t *testing.T) {
	t.Parallel()
	testConformance(t, conformance.Own(t))
}

// TestSharedConformance does the same with DC/OS's own templates.
func TestSharedConformance(t *testing.T) {
	t.Parallel()
	testConformance(t, conformance.Shared(t))
}

func testConformance(t *testing.T, recorded *conformance.Set) {
	for _, tag := range recorded.Tags {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			line := newConformanceLine(t, recorded, tag)
			passed, all := 0, 0
			for _, c := range recorded.Cases {
				if !c.Of(tag) {
					continue
				}
				all++
				if t.Run(c.Name, func(t *testing.T) {
					for _, difference := range line.answer(t, c).differences(recorded.Outcome(t, tag, c.Name)) {
						t.Error(difference)
					}
				}) {
					passed++
				}
			}
			if all == 0 {
				t.Error("no site was recorded")
			}
			t.Logf("%s: %d passed, %d failed, of %d", tag, passed, all-passed, all)
		})
	}
}

// A conformanceLine is what the sites of a tag are resolved with.
type conformanceLine struct {
	recorded *conformance.Set
	release  conformance.Release
	set      *templateSet
}

func newConformanceLine(t *testing.T, recorded *conformance.Set, tag string) *conformanceLine {
	t.Helper()
	l := &conformanceLine{recorded: recorded, release: recorded.Release(t, tag)}
	var err error
	l.set, err = recordedTemplates(l.release, nil)
	must(t, err)
	return l
}

// facts are what resolving needs to know of the release.
func (l *conformanceLine) facts() config.Facts {
	return config.Facts{Version: l.release.Tag, Commit: l.release.Commit, BootstrapID: l.release.BootstrapID, Packages: l.release.Packages}
}

// An answer is what we make of a site.
type answer struct {
	line string
	got  *rendering
	err  error // or this
}

// answer puts a site through what a bundle is made by.
func (l *conformanceLine) answer(t *testing.T, c conformance.Case) answer {
	t.Helper()
	a := answer{line: config.LineOf(l.release.Tag)}
	facts, set := l.facts(), l.set
	site, extra := conformanceSite(t, l.recorded, c)
	if len(extra) > 0 {
		facts.Extra = []byte(extra["calc.py"])
		if set, a.err = recordedTemplates(l.release, extra); a.err != nil {
			return a
		}
	}
	if site.Given, a.err = config.FromYAML(a.line, l.recorded.Config(t, c)); a.err != nil {
		return a
	}
	var res *config.Resolution
	if res, a.err = config.Resolve(site, facts, set.target); a.err != nil {
		return a
	}
	if a.err = res.Err(); a.err != nil {
		return a
	}
	a.got, a.err = renderConfig(set, res, site)
	return a
}

// conformanceSite gives a case's files: those beside config.yaml, and those
// of gen_extra.
func conformanceSite(t *testing.T, recorded *conformance.Set, c conformance.Case) (_ config.Site, extra map[string]string) {
	t.Helper()
	files, extra := recorded.Files(t, c)
	site := config.Site{Files: make(map[string]config.File)}
	for name, content := range files {
		site.Files[name] = config.File{Content: []byte(content)}
	}
	return site, extra
}

// differences gives in words what is not as recorded.
func (a answer) differences(want conformance.Outcome) []string {
	switch want.Outcome {
	case "ok":
		if a.err != nil {
			return []string{fmt.Sprintf("refused: %v", a.err)}
		}
		return a.otherwise(want)
	case "validation":
		return a.refusedOtherwise(want)
	case "crash", "config", "exhibitor_tls":
		if a.err == nil {
			return []string{"taken, though the generator ends with " + want.Outcome}
		}
		return nil
	}
	return []string{"an outcome that is not known: " + want.Outcome}
}

// refusedOtherwise wants the same parameters named. bootstrap_url has a
// default of ours.
func (a answer) refusedOtherwise(want conformance.Outcome) (differ []string) {
	report := func(format string, args ...any) { differ = append(differ, fmt.Sprintf(format, args...)) }
	if slices.Equal(want.Unset, []string{"bootstrap_url"}) && len(want.Errors) == 0 {
		if a.err != nil {
			report("refused without bootstrap_url, which has a default: %v", a.err)
		}
		return differ
	}
	var refused *config.ValidationError
	if !errors.As(a.err, &refused) {
		report("got %v, want a refusal that names %v and %v", a.err, want.Errors, want.Unset)
		return differ
	}
	named := make(map[string]bool)
	for _, p := range refused.Errors {
		named[p.Parameter] = true
		if !strings.Contains(p.Message, p.Parameter) || !strings.Contains(p.Message, refused.Line) {
			report("the message for %s does not name it and the line: %s", p.Parameter, p.Message)
		}
	}
	covered := make(map[string]bool)
	for _, name := range want.Errors {
		if !named[name] && !named[conformance.Settable[name]] {
			report("%s is not named", name)
		}
		covered[name], covered[conformance.Settable[name]] = true, true
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !covered[name] {
			report("%s is named, and the generator does not", name)
		}
	}
	unset := slices.DeleteFunc(slices.Clone(want.Unset), func(name string) bool { return name == "bootstrap_url" })
	slices.Sort(unset)
	if !slices.Equal(unset, refused.Unset) && len(unset)+len(refused.Unset) > 0 {
		report("unset are %v, want %v", refused.Unset, unset)
	}
	return differ
}

// otherwise compares what was made.
func (a answer) otherwise(want conformance.Outcome) (differ []string) {
	got := a.got
	// On 1.10 upstream derives the ids from the shape of its own program.
	// Ours stand in their places.
	swap := strings.NewReplacer()
	if a.line == "1.10" {
		swap = strings.NewReplacer(got.ConfigID, want.ConfigID, got.PackageListID, want.PackageListID,
			strings.Trim(got.Arguments["sources_id"], `"`), strings.Trim(want.Arguments["sources_id"], `"`))
	}
	report := func(format string, args ...any) { differ = append(differ, fmt.Sprintf(format, args...)) }
	compareMaps(report, "argument", got.Arguments, want.Arguments, swap)
	compareMaps(report, "user argument", got.UserArguments, want.UserArguments, swap)
	if id := swap.Replace(got.ConfigID); id != want.ConfigID {
		report("config id is %s, want %s", id, want.ConfigID)
	}
	if id := swap.Replace(got.PackageListID); id != want.PackageListID {
		report("package list id is %s, want %s", id, want.PackageListID)
	}
	files := make(map[string]string)
	var ids []string
	for _, p := range got.Packages {
		if p.Name != config.CheckPackageName {
			ids = append(ids, swap.Replace(p.ID))
		}
		for _, f := range p.Files {
			files[swap.Replace(p.ID)+":"+f.Path] = conformance.FileFact(f.Mode, swap.Replace(string(f.Content)))
		}
	}
	if !slices.Equal(ids, want.PackageIDs) {
		report("config packages are %v, want %v", ids, want.PackageIDs)
	}
	compareMaps(report, "file", files, want.Files, strings.NewReplacer())
	var setup []conformance.File
	for _, f := range got.SetupFiles {
		content := swap.Replace(string(f.Content))
		setup = append(setup, conformance.File{
			Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode), Size: len(content), SHA256: conformance.Sum(content),
		})
	}
	compareLists(report, "setup file", setup, want.SetupFiles)
	var units []conformance.Service
	for _, u := range got.Units {
		unit := conformance.Service{Name: u.Name, Command: u.Command, Enable: u.Enable, NoBlock: u.NoBlock}
		if u.Content != "" {
			unit.Size, unit.SHA256 = len(u.Content), conformance.Sum(u.Content)
		}
		units = append(units, unit)
	}
	compareLists(report, "unit", units, want.Services)
	return differ
}

func compareLists[T comparable](report func(format string, args ...any), what string, got, want []T) {
	if len(got) != len(want) {
		report("%d times %s, want %d", len(got), what, len(want))
		return
	}
	for i := range got {
		if got[i] != want[i] {
			report("%s is %+v, want %+v", what, got[i], want[i])
		}
	}
}

func compareMaps(report func(format string, args ...any), what string, got, want map[string]string, swap *strings.Replacer) {
	for name, value := range want {
		have, ok := got[name]
		switch have = swap.Replace(have); {
		case !ok:
			report("%s %s is missing", what, name)
		case !conformance.Same(have, value):
			report("%s %s differs:\n got %.300q\nwant %.300q", what, name, have, value)
		}
	}
	for name, value := range got {
		if _, ok := want[name]; !ok {
			report("%s %s should not be there: %.100q", what, name, value)
		}
	}
}
