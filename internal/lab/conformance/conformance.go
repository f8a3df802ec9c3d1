// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package conformance reads what DC/OS's own generator made of many sites, for
// the tests that hold us to it.
//
// There are two sets. [Own] is in the tree, in recorded: templates and sites
// that this project wrote, and what the generators of seven releases made of
// them; its README says how they were recorded. [Shared] lies beside the
// repository, in ../shared/conformance, and has DC/OS's own templates. It is
// not part of the repository, and tests of it skip where it is not.
package conformance

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// A Set is recorded cases.
type Set struct {
	Tags  []string // of DC/OS: one a line, the newest first
	Cases []Case

	files    fs.FS
	outcome  func(t testing.TB, tag, name string) Outcome
	releases func(t testing.TB, tag string) Release
}

// A Case is one site.
type Case struct {
	Name string
	Tags []string

	config string            // path of its config.yaml
	beside map[string]string // path of each file by what it is for the site
}

// Of tells whether the case was recorded with a tag.
func (c Case) Of(tag string) bool { return slices.Contains(c.Tags, tag) }

// An Outcome is what the generator of one tag made of a case.
type Outcome struct {
	Outcome string `json:"outcome"` // ok, validation, config, crash, exhibitor_tls

	// What was refused: names only.
	Errors []string `json:"errors,omitempty"`
	Unset  []string `json:"unset,omitempty"`

	// What was made.
	ConfigID      string            `json:"config_id,omitempty"`
	PackageIDs    []string          `json:"config_package_ids,omitempty"`
	PackageListID string            `json:"cluster_package_list_id,omitempty"`
	UserArguments map[string]string `json:"user_arguments,omitempty"`
	Arguments     map[string]string `json:"arguments,omitempty"`   // see [Same]
	Files         map[string]string `json:"files,omitempty"`       // [FileFact] by PACKAGE:/path
	SetupFiles    []File            `json:"setup_files,omitempty"` // in the template's order
	Services      []Service         `json:"services,omitempty"`    // in the template's order
	// ServeDir lists the directory that nodes fetch from, where it was
	// recorded; only files whose bytes are the same each time have a sum.
	ServeDir []File `json:"serve_dir,omitempty"`
}

// A File is a file without what is in it.
type File struct {
	Path   string `json:"path"`
	Mode   string `json:"mode,omitempty"` // four octal digits
	Size   int    `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// A Service is a unit.
type Service struct {
	Name    string `json:"name"`
	Command string `json:"command"`
	Enable  bool   `json:"enable"`
	NoBlock bool   `json:"no_block"`
	Size    int    `json:"size,omitempty"`
	SHA256  string `json:"sha256,omitempty"` // of its text; empty if it has none
}

// A Release is what the recordings of a tag were made with. Its payloads were
// made up.
type Release struct {
	Tag         string
	Commit      string
	BootstrapID string
	Packages    []string
	Templates   map[string]string
}

// templateNames are the templates that a release has.
var templateNames = []string{"dcos-config.yaml", "cloud-config.yaml", "dcos-metadata.yaml", "dcos-services.yaml"}

// Settable names the parameter to blame where the generator blames one that it
// works out, which a site does not give.
var Settable = map[string]string{
	"no_proxy_final": "no_proxy", "custom_check_bins_dir": "custom_check_bins", "num_masters": "master_list",
	"dns_bind_ip_blacklist_json":                  "dns_bind_ip_reserved",
	"_superuser_service_account_public_key_json":  "superuser_service_account_public_key",
	"has_mesos_max_completed_tasks_per_framework": "mesos_max_completed_tasks_per_framework",
	"has_mesos_default_container_shm_size":        "mesos_default_container_shm_size",
}

// Case finds a case by its name.
func (s *Set) Case(t testing.TB, name string) Case {
	t.Helper()
	for _, c := range s.Cases {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no recorded site %s", name)
	return Case{}
}

// Config reads the config.yaml of a case.
func (s *Set) Config(t testing.TB, c Case) []byte {
	t.Helper()
	return s.read(t, c.config)
}

// Outcome gives what came of a case.
func (s *Set) Outcome(t testing.TB, tag, name string) Outcome {
	t.Helper()
	return s.outcome(t, tag, name)
}

// Release gives the release of a tag.
func (s *Set) Release(t testing.TB, tag string) Release {
	t.Helper()
	return s.releases(t, tag)
}

// Files gives the files of a case by path: those beside its config.yaml, and
// those of gen_extra.
func (s *Set) Files(t testing.TB, c Case) (files, extra map[string]string) {
	t.Helper()
	files, extra = make(map[string]string), make(map[string]string)
	for to, from := range c.beside {
		content := string(s.read(t, from))
		if name, ok := strings.CutPrefix(to, "gen_extra/"); ok {
			extra[name] = content
		} else {
			files[to] = content
		}
	}
	return files, extra
}

func (s *Set) read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := fs.ReadFile(s.files, path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// FileFact is what is recorded of a package's file: mode, size and sum.
func FileFact(mode fs.FileMode, content string) string {
	return fmt.Sprintf("%04o %d %s", mode, len(content), Sum(content))
}

// Sum gives the sha256 of a text in hex.
func Sum(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// Same tells whether a text is the recorded one. In the set of the tree a text
// of more than 1000 bytes is recorded by its sum and length.
func Same(text, recorded string) bool {
	return text == recorded || len(text) > 1000 && fmt.Sprintf("sha256:%s %d", Sum(text), len(text)) == recorded
}

// FileSums gives the sha256 of each file, under the name that
// our bundles have for it.
func (o Outcome) FileSums() map[string]string {
	sums := make(map[string]string)
	for path, fact := range o.Files {
		id, name, _ := strings.Cut(path, ":")
		id, _, _ = strings.Cut(id, "--")
		sums[id+name] = fact[strings.LastIndexByte(fact, ' ')+1:]
	}
	for _, f := range o.SetupFiles {
		sums[f.Path] = f.SHA256
	}
	for _, s := range o.Services {
		if s.Size > 0 {
			sums["/etc/systemd/system/"+s.Name] = s.SHA256
		}
	}
	return sums
}

// sortCases puts cases in the order of their names.
func sortCases(cases []Case) {
	slices.SortFunc(cases, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
}
