// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package conformance

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

//go:embed recorded
var recorded embed.FS

// lines are the lines of the recordings, oldest first.
var lines = []string{"1.10", "1.11", "1.12", "1.13", "2.0", "2.1", "2.2"}

// plain is the site whose outcome is recorded whole. Of the others only what
// differs from it is.
const plain = "plain"

// Own opens the set that is in the tree.
func Own(t testing.TB) *Set {
	t.Helper()
	files, err := fs.Sub(recorded, "recorded")
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{files: files}
	var releases struct {
		Tags        []string
		BootstrapID string `json:"bootstrap_id"`
		Packages    []string
		Commits     map[string]string
		LeftOut     map[string][]string `json:"left_out"` // sites by tag
	}
	s.decode(t, "releases.json", &releases)
	s.Tags = releases.Tags
	s.releases = func(t testing.TB, tag string) Release {
		t.Helper()
		return Release{tag, releases.Commits[tag], releases.BootstrapID, releases.Packages, s.ownTemplates(t, tag)}
	}
	s.findSites(t)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Tags = slices.DeleteFunc(slices.Clone(s.Tags), func(tag string) bool { return slices.Contains(releases.LeftOut[tag], c.Name) })
	}
	opened := make(map[string]func() (*Recording, error))
	for _, tag := range s.Tags {
		opened[tag] = sync.OnceValues(func() (*Recording, error) { return s.recording(tag) })
	}
	s.outcome = func(t testing.TB, tag, name string) Outcome {
		t.Helper()
		r, err := opened[tag]()
		if err != nil {
			t.Fatal(err)
		}
		o, err := r.Outcome(name)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	return s
}

// findSites finds the sites: each is a .yaml, and the files beside it are in
// the directory of its name. One without a directory has the address script
// that lies there for all.
func (s *Set) findSites(t testing.TB) {
	t.Helper()
	beside := make(map[string]map[string]string)
	err := fs.WalkDir(s.files, "sites", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, file, within := strings.Cut(strings.TrimPrefix(at, "sites/"), "/")
		switch {
		case within:
			if beside[name] == nil {
				beside[name] = make(map[string]string)
			}
			beside[name][file] = at
		case strings.HasSuffix(name, ".yaml"):
			s.Cases = append(s.Cases, Case{Name: strings.TrimSuffix(name, ".yaml"), config: at})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.beside = beside[c.Name]; c.beside == nil {
			c.beside = map[string]string{"genconf/ip-detect": "sites/ip-detect"}
		}
	}
	sortCases(s.Cases)
}

// ownTemplates joins a line's templates from those of the spans of lines that
// it is in.
func (s *Set) ownTemplates(t testing.TB, tag string) map[string]string {
	t.Helper()
	line := tag[:strings.LastIndexByte(tag, '.')]
	templates := make(map[string]string)
	entries, err := fs.ReadDir(s.files, "templates")
	if err != nil {
		t.Fatal(err)
	}
	spans := []string{"every-line"}
	for _, e := range entries {
		if e.Name() != spans[0] && spanHas(t, e.Name(), line) {
			spans = append(spans, e.Name())
		}
	}
	for _, span := range spans {
		for _, name := range templateNames {
			text, err := fs.ReadFile(s.files, path.Join("templates", span, name))
			if err == nil {
				templates[name] += string(text)
			}
		}
	}
	return templates
}

// spanHas tells whether a span of lines has a line. It is named since-2.0,
// until-2.0, only-2.0 or 1.12-to-2.0.
func spanHas(t testing.TB, span, line string) bool {
	t.Helper()
	first, last := lines[0], lines[len(lines)-1]
	if from, to, ok := strings.Cut(span, "-to-"); ok {
		first, last = from, to
	} else {
		word, at, _ := strings.Cut(span, "-")
		if word != "until" {
			first = at
		}
		if word != "since" {
			last = at
		}
	}
	from, to, at := slices.Index(lines, first), slices.Index(lines, last), slices.Index(lines, line)
	if from < 0 || to < 0 {
		t.Fatalf("%s is no span of lines", span)
	}
	return from <= at && at <= to
}

// A Recording is the recorded outcomes of a tag, not yet read.
type Recording struct {
	Cases map[string]json.RawMessage
	base  *record
}

// A record is an outcome as it is written: null stands for what the plain
// site has and this one has not, and what is not there is as the plain site
// has it. The ids of packages in the paths of files are left out.
type record struct {
	Outcome
	Arguments map[string]*string `json:"arguments,omitempty"`
	Files     map[string]*string `json:"files,omitempty"`
}

// Recording reads the recording of a tag.
func (s *Set) Recording(t testing.TB, tag string) *Recording {
	t.Helper()
	r, err := s.recording(tag)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *Set) recording(tag string) (*Recording, error) {
	name := path.Join("outcomes", tag+".json.gz")
	text, err := fs.ReadFile(s.files, name)
	if err != nil {
		return nil, err
	}
	if text, err = unzip(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var all struct {
		Tag   string
		Cases map[string]json.RawMessage
	}
	if err := strictly(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if all.Tag != tag {
		return nil, fmt.Errorf("%s is of %s", name, all.Tag)
	}
	r := &Recording{Cases: all.Cases}
	r.base, err = r.read(plain)
	return r, err
}

func (r *Recording) read(name string) (*record, error) {
	text, ok := r.Cases[name]
	if !ok {
		return nil, fmt.Errorf("the site %s was not recorded", name)
	}
	rec := new(record)
	if err := strictly(text, rec); err != nil {
		return nil, fmt.Errorf("the recording of %s: %w", name, err)
	}
	return rec, nil
}

// Outcome gives what came of a site.
func (r *Recording) Outcome(name string) (Outcome, error) {
	rec, err := r.read(name)
	if err != nil {
		return Outcome{}, err
	}
	o := rec.Outcome
	if o.Outcome != "ok" {
		return o, nil
	}
	o.Arguments = merged(r.base.Arguments, rec.Arguments)
	o.Files = make(map[string]string)
	for at, fact := range merged(r.base.Files, rec.Files) {
		id, file, _ := strings.Cut(at, ":")
		if !strings.Contains(id, "--") {
			id += "--setup_" + o.ConfigID
		}
		o.Files[id+":"+file] = fact
	}
	if o.SetupFiles == nil {
		o.SetupFiles = r.base.SetupFiles
	}
	if o.Services == nil {
		o.Services = r.base.Services
	}
	return o, nil
}

func merged(base, differs map[string]*string) map[string]string {
	all := maps.Clone(base)
	maps.Copy(all, differs)
	values := make(map[string]string, len(all))
	for name, value := range all {
		if value != nil {
			values[name] = *value
		}
	}
	return values
}

// strictly decodes JSON that has nothing that is not known.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("there is more behind it")
	}
	return nil
}

// With gives the recording with another text for one site.
func (r *Recording) With(name string, text json.RawMessage) (*Recording, error) {
	other := &Recording{Cases: maps.Clone(r.Cases), base: r.base}
	other.Cases[name] = text
	if name != plain {
		return other, nil
	}
	var err error
	other.base, err = other.read(plain)
	return other, err
}
