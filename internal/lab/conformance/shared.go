// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package conformance

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"testing"
)

// Shared opens the set beside the repository, from the directory of a package
// of ours, two levels below the repository's root. It skips the test where
// there is none.
func Shared(t testing.TB) *Set {
	t.Helper()
	const dir = "../../../shared/conformance"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recordings with DC/OS's own templates are not beside the repository (../shared/conformance): 0 of their cases run; " +
			"those in the tree do")
	}
	s := &Set{files: os.DirFS(dir)}
	s.outcome, s.releases = s.sharedOutcome, s.sharedRelease
	var list struct {
		Tags  []string
		Cases []struct {
			Name            string
			Config          string
			DefaultIPDetect bool `json:"default_ip_detect"`
			Files           []struct{ From, Path string }
			Tags            []string
		}
	}
	s.decode(t, "cases.json", &list)
	s.Tags = list.Tags
	for _, c := range list.Cases {
		beside := make(map[string]string)
		if c.DefaultIPDetect {
			beside["genconf/ip-detect"] = "cases/ip-detect.default"
		}
		for _, f := range c.Files {
			beside[f.Path] = path.Join("cases", f.From)
		}
		s.Cases = append(s.Cases, Case{Name: c.Name, Tags: c.Tags, config: c.Config, beside: beside})
	}
	return s
}

func (s *Set) decode(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(s.read(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// unzip reads a compressed file.
func unzip(text []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (s *Set) sharedOutcome(t testing.TB, tag, name string) Outcome {
	t.Helper()
	at := path.Join("expected", tag, name+".json.gz")
	text, err := unzip(s.read(t, at))
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	type file struct {
		File
		Content string
	}
	var full struct {
		Outcome
		Errors     map[string]string `json:"errors"` // with their messages
		Files      []file            `json:"files"`
		SetupFlags []file            `json:"setup_flags"`
		Services   []struct {
			Service
			Content string
		} `json:"services"`
	}
	if err := json.Unmarshal(text, &full); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	o := full.Outcome
	o.Errors = slices.Sorted(maps.Keys(full.Errors))
	o.Files = make(map[string]string)
	for _, f := range full.Files {
		if f.Path != "dcos_install.sh" { // its text is the generator's own
			o.Files[f.Path] = fmt.Sprintf("%s %d %s", f.Mode, f.Size, f.SHA256)
		}
	}
	for _, f := range full.SetupFlags {
		o.SetupFiles = append(o.SetupFiles, File{f.Path, f.Mode, len(f.Content), Sum(f.Content)})
	}
	for _, unit := range full.Services {
		if unit.Content != "" {
			unit.Size, unit.SHA256 = len(unit.Content), Sum(unit.Content)
		}
		o.Services = append(o.Services, unit.Service)
	}
	return o
}

func (s *Set) sharedRelease(t testing.TB, tag string) Release {
	t.Helper()
	dir := path.Join("releases", tag)
	var facts struct {
		Commit      string
		BootstrapID string `json:"bootstrap_id"`
		Packages    []string
	}
	s.decode(t, path.Join(dir, "release.json"), &facts)
	r := Release{Tag: tag, Commit: facts.Commit, BootstrapID: facts.BootstrapID, Packages: facts.Packages, Templates: make(map[string]string)}
	for _, name := range templateNames {
		r.Templates[name] = string(s.read(t, path.Join(dir, "templates", name)))
	}
	return r
}
