// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"encoding/hex"
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
func recordedTemplates(t *testing.T, r conformance.Release, extra map[string]string) *templateSet {
	t.Helper()
	texts := make(map[string][]string)
	for name, text := range r.Templates {
		texts[name] = []string{text}
		if more, ok := extra[name]; ok {
			texts[name] = append(texts[name], more)
		}
	}
	set, err := parseTemplates(texts)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestConformance holds us to what DC/OS's own generator made of many sites,
// on the last version of every line.
func TestConformance(t *testing.T) {
	t.Parallel()
	recorded := conformance.Open(t)
	for _, tag := range recorded.Tags {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			rel := recorded.Release(t, tag)
			set := recordedTemplates(t, rel, nil)
			passed, failed, all := 0, 0, 0
			for _, c := range recorded.Cases {
				if !slices.Contains(c.Tags, tag) {
					continue
				}
				all++
				if t.Run(c.Name, func(t *testing.T) { runConformanceCase(t, recorded, tag, rel, set, c) }) {
					passed++
				} else {
					failed++
				}
			}
			t.Logf("%s: %d passed, %d failed, of %d", tag, passed, failed, all)
		})
	}
}

func runConformanceCase(
	t *testing.T, recorded *conformance.Set, tag string, rel conformance.Release, set *templateSet, c conformance.Case,
) {
	want := recorded.Outcome(t, tag, c.Name)
	facts := config.Facts{Version: tag, Commit: rel.Commit, BootstrapID: rel.BootstrapID, Packages: rel.Packages}
	site, extra := conformanceSite(t, recorded, c)
	if len(extra) > 0 {
		facts.Extra = []byte(extra["calc.py"])
		set = recordedTemplates(t, rel, extra)
	}
	var res *config.Resolution
	var got *rendering
	var err error
	site.Given, err = config.FromYAML(config.LineOf(tag), recorded.Read(t, c.Config))
	if err == nil {
		res, err = config.Resolve(site, facts, set.target)
		if err != nil {
			t.Fatal(err)
		}
		if err = res.Err(); err == nil {
			got, err = renderConfig(set, res, site)
		}
	}
	switch want.Outcome {
	case "ok":
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		compareConformance(t, res.Line, got, want)
	case "validation":
		compareRefusal(t, err, want)
	default: // crash, config, exhibitor_tls
		if err == nil {
			t.Fatalf("taken, though the generator ends with %s", want.Outcome)
		}
		t.Logf("%s: %v", want.Outcome, err)
	}
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

// compareRefusal wants the same parameters named. bootstrap_url has a default
// of ours.
func compareRefusal(t *testing.T, err error, want conformance.Outcome) {
	t.Helper()
	if slices.Equal(want.Unset, []string{"bootstrap_url"}) && len(want.Errors) == 0 {
		if err != nil {
			t.Errorf("refused without bootstrap_url, which has a default: %v", err)
		}
		return
	}
	var refused *config.ValidationError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal that names %v and %v", err, slices.Sorted(maps.Keys(want.Errors)), want.Unset)
	}
	t.Log(err)
	named := make(map[string]bool)
	for _, p := range refused.Errors {
		named[p.Parameter] = true
		if !strings.Contains(p.Message, p.Parameter) || !strings.Contains(p.Message, refused.Line) {
			t.Errorf("the message for %s does not name it and the line: %s", p.Parameter, p.Message)
		}
	}
	covered := make(map[string]bool)
	for name := range want.Errors {
		if !named[name] && !named[conformance.Settable[name]] {
			t.Errorf("%s is not named", name)
		}
		covered[name], covered[conformance.Settable[name]] = true, true
	}
	for name := range named {
		if !covered[name] {
			t.Errorf("%s is named, and the generator does not", name)
		}
	}
	unset := slices.DeleteFunc(slices.Clone(want.Unset), func(name string) bool { return name == "bootstrap_url" })
	slices.Sort(unset)
	if !slices.Equal(unset, refused.Unset) && len(unset)+len(refused.Unset) > 0 {
		t.Errorf("unset are %v, want %v", refused.Unset, unset)
	}
}

func compareConformance(t *testing.T, line string, got *rendering, want conformance.Outcome) {
	t.Helper()
	// On 1.10 upstream derives the ids from the shape of its own program.
	// Ours stand in their places.
	swap := strings.NewReplacer()
	if line == "1.10" {
		swap = strings.NewReplacer(got.ConfigID, want.ConfigID, got.PackageListID, want.PackageListID,
			strings.Trim(got.Arguments["sources_id"], `"`), strings.Trim(want.Arguments["sources_id"], `"`))
	}
	compareMaps(t, "argument", got.Arguments, want.Arguments, swap)
	compareMaps(t, "user argument", got.UserArguments, want.UserArguments, swap)
	if id := swap.Replace(got.ConfigID); id != want.ConfigID {
		t.Errorf("config id is %s, want %s", id, want.ConfigID)
	}
	if id := swap.Replace(got.PackageListID); id != want.PackageListID {
		t.Errorf("package list id is %s, want %s", id, want.PackageListID)
	}
	files := make(map[string]string)
	var ids []string
	for _, p := range got.Packages {
		if p.Name != config.CheckPackageName {
			ids = append(ids, swap.Replace(p.ID))
		}
		for _, f := range p.Files {
			content := swap.Replace(string(f.Content))
			files[swap.Replace(p.ID)+":"+f.Path] = fmt.Sprintf("%04o %d %s", f.Mode, len(content), hashOf(content))
		}
	}
	if !slices.Equal(ids, want.PackageIDs) {
		t.Errorf("config packages are %v, want %v", ids, want.PackageIDs)
	}
	wantFiles := make(map[string]string)
	for _, f := range want.Files {
		if f.Path != "dcos_install.sh" {
			wantFiles[f.Path] = fmt.Sprintf("%s %d %s", f.Mode, f.Size, f.SHA256)
		}
	}
	compareMaps(t, "file", files, wantFiles, strings.NewReplacer())
	if len(got.SetupFiles) != len(want.SetupFlags) {
		t.Fatalf("%d setup files, want %d", len(got.SetupFiles), len(want.SetupFlags))
	}
	for i, f := range got.SetupFiles {
		w := want.SetupFlags[i]
		if f.Path != w.Path || fmt.Sprintf("%04o", f.Mode) != w.Mode || swap.Replace(string(f.Content)) != w.Content {
			t.Errorf("setup file %s %04o %q, want %+v", f.Path, f.Mode, f.Content, w)
		}
	}
	if len(got.Units) != len(want.Services) {
		t.Fatalf("%d units, want %d", len(got.Units), len(want.Services))
	}
	for i, u := range got.Units {
		w := want.Services[i]
		if u != (Unit{w.Name, w.Command, w.Enable, w.NoBlock, w.Content}) {
			t.Errorf("unit %+v, want %+v", u, w)
		}
	}
}

func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func compareMaps(t *testing.T, what string, got, want map[string]string, swap *strings.Replacer) {
	t.Helper()
	for name, value := range want {
		have, ok := got[name]
		switch have = swap.Replace(have); {
		case !ok:
			t.Errorf("%s %s is missing", what, name)
		case have != value:
			t.Errorf("%s %s differs:\n got %.300q\nwant %.300q", what, name, have, value)
		}
	}
	for name, value := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s %s should not be there: %.100q", what, name, value)
		}
	}
}
