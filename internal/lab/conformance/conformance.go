// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package conformance reads what DC/OS's own generator made of many sites, for
// the tests that hold us to it. The recordings lie beside the repository, in
// ../shared/conformance, and are not part of it; tests skip where they are not.
package conformance

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Set is all recorded cases.
type Set struct {
	dir   string
	Tags  []string // of DC/OS: one a line, the newest first
	Cases []Case
}

// A Case is one site.
type Case struct {
	Name            string
	Kind            string // valid, invalid, downstream
	Config          string // path of its config.yaml in the set
	DefaultIPDetect bool   `json:"default_ip_detect"`
	Files           []struct{ From, Path string }
	Tags            []string
}

// An Outcome is what the generator of one tag made of a case.
type Outcome struct {
	Outcome       string // ok, validation, config, crash, exhibitor_tls
	Errors        map[string]string
	Unset         []string
	UserArguments map[string]string `json:"user_arguments"`
	Arguments     map[string]string
	ConfigID      string   `json:"config_id"`
	PackageIDs    []string `json:"config_package_ids"`
	PackageListID string   `json:"cluster_package_list_id"`
	Files         []File
	SetupFlags    []File `json:"setup_flags"`
	Services      []Service
	ServeDir      []File `json:"serve_dir"`
}

// A File is a rendered file.
type File struct {
	Path, Mode, SHA256, Content string
	Size                        int
}

// A Service is a unit.
type Service struct {
	Name, Command, Content string
	Enable                 bool
	NoBlock                bool `json:"no_block"`
}

// A Release is what the recordings of a tag were made with. Its payloads were
// made up.
type Release struct {
	Tag         string
	Commit      string
	BootstrapID string `json:"bootstrap_id"`
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

// Open finds the recordings from the directory of a package of ours, two
// levels below the repository's root. It skips the test where there are none.
func Open(t testing.TB) *Set {
	t.Helper()
	s := &Set{dir: "../../../shared/conformance"}
	if _, err := os.Stat(s.dir); err != nil {
		t.Skip("the recorded cases of DC/OS's generator are not beside the repository (../shared/conformance): 0 cases run")
	}
	s.readJSON(t, "cases.json", s)
	return s
}

// Read reads a file of the set.
func (s *Set) Read(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(s.dir, path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return content
}

func (s *Set) readJSON(t testing.TB, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(s.Read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Outcome reads what came of a case.
func (s *Set) Outcome(t testing.TB, tag, name string) Outcome {
	t.Helper()
	var o Outcome
	s.readJSON(t, filepath.Join("expected", tag, name+".json.gz"), &o)
	return o
}

// Files gives the files of a case by path: those beside its config.yaml, and
// those of gen_extra.
func (s *Set) Files(t testing.TB, c Case) (files, extra map[string]string) {
	t.Helper()
	files, extra = make(map[string]string), make(map[string]string)
	for _, f := range c.Files {
		content := string(s.Read(t, filepath.Join("cases", f.From)))
		if name, ok := strings.CutPrefix(f.Path, "gen_extra/"); ok {
			extra[name] = content
		} else {
			files[f.Path] = content
		}
	}
	if _, own := files["genconf/ip-detect"]; c.DefaultIPDetect && !own {
		files["genconf/ip-detect"] = string(s.Read(t, "cases/ip-detect.default"))
	}
	return files, extra
}

// FileSums gives the sha256 of each file, under the name that
// our bundles have for it.
func (o Outcome) FileSums() map[string]string {
	sums := make(map[string]string)
	for _, f := range o.Files {
		if id, name, ok := strings.Cut(f.Path, ":"); ok {
			name = strings.TrimPrefix(name, "/")
			id, _, _ = strings.Cut(id, "--")
			sums[id+"/"+name] = f.SHA256
		}
	}
	for _, f := range o.SetupFlags {
		sums[f.Path] = sumOf(f.Content)
	}
	for _, s := range o.Services {
		if s.Content != "" {
			sums["/etc/systemd/system/"+s.Name] = sumOf(s.Content)
		}
	}
	return sums
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// Release reads the release of a tag.
func (s *Set) Release(t testing.TB, tag string) Release {
	t.Helper()
	dir := filepath.Join("releases", tag)
	r := Release{Tag: tag, Templates: make(map[string]string)}
	s.readJSON(t, filepath.Join(dir, "release.json"), &r)
	for _, name := range templateNames {
		r.Templates[name] = string(s.Read(t, filepath.Join(dir, "templates", name)))
	}
	return r
}

// Lay writes the release into an empty directory, in the layout of an unpacked
// image; extra are the files of its gen_extra, if any.
func (r Release) Lay(t testing.TB, dir string, extra map[string]string) {
	t.Helper()
	complete, err := json.Marshal(map[string]any{"bootstrap": r.BootstrapID, "packages": r.Packages})
	if err != nil {
		t.Fatal(err)
	}
	gen := "opt/mesosphere/packages/dcos-image--x/lib/python3.6/site-packages/gen/"
	files := map[string]string{
		"installer_internal_wrapper": "export DCOS_IMAGE_COMMIT=" + r.Commit + "\nexport BOOTSTRAP_ID=" +
			r.BootstrapID + "\nexport BOOTSTRAP_VARIANT=\n",
		"artifacts/complete/complete.latest.json":                    string(complete),
		"artifacts/bootstrap/" + r.BootstrapID + ".active.json":      "[]",
		"artifacts/bootstrap/" + r.BootstrapID + ".bootstrap.tar.xz": "bootstrap",
		gen + "calc.py": "DCOS_VERSION = '" + r.Tag + "'\nentry = {'must': {'dcos_version': DCOS_VERSION}}\n",
	}
	for _, id := range r.Packages {
		name, _, _ := strings.Cut(id, "--")
		files["artifacts/packages/"+name+"/"+id+".tar.xz"] = id
	}
	for name, text := range r.Templates {
		files[gen+name] = text
	}
	for name, text := range extra {
		files["gen_extra/"+name] = text
	}
	for name, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
