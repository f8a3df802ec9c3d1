// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// conformanceDir holds what DC/OS's own generator made of many sites. It lies
// beside the repository and is not part of it.
const conformanceDir = "../../../shared/conformance"

type conformanceCase struct {
	Name            string
	Kind            string
	Config          string
	DefaultIPDetect bool `json:"default_ip_detect"`
	Files           []struct{ From, Path string }
	Tags            []string
}

type conformanceFile struct {
	Path, Mode, SHA256, Content string
	Size                        int
}

type conformanceOutcome struct {
	Outcome       string
	Errors        map[string]string
	Unset         []string
	UserArguments map[string]string `json:"user_arguments"`
	Arguments     map[string]string
	ConfigID      string   `json:"config_id"`
	PackageIDs    []string `json:"config_package_ids"`
	PackageListID string   `json:"cluster_package_list_id"`
	Files         []conformanceFile
	SetupFlags    []conformanceFile `json:"setup_flags"`
	Services      []struct {
		Name, Command, Content string
		Enable                 bool
		NoBlock                bool `json:"no_block"`
	}
}

type conformanceRelease struct {
	Commit      string
	BootstrapID string `json:"bootstrap_id"`
	Packages    []string
	templates   map[string]string
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }() // read only
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(z).Decode(into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readConformanceRelease(t testing.TB, tag string) conformanceRelease {
	t.Helper()
	dir := filepath.Join(conformanceDir, "releases", tag)
	r := conformanceRelease{templates: make(map[string]string)}
	readJSON(t, filepath.Join(dir, "release.json"), &r)
	for _, name := range templateNames {
		text, err := os.ReadFile(filepath.Join(dir, "templates", name))
		if err != nil {
			t.Fatal(err)
		}
		r.templates[name] = string(text)
	}
	return r
}

func (r conformanceRelease) set(t *testing.T, extra map[string]string) *templateSet {
	t.Helper()
	texts := make(map[string][]string)
	for name, text := range r.templates {
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
	if _, err := os.Stat(conformanceDir); err != nil {
		t.Skipf("the recorded cases of DC/OS's generator are not beside the repository (%s)", strings.TrimPrefix(conformanceDir, "../../"))
	}
	var list struct {
		Tags  []string
		Cases []conformanceCase
	}
	readJSON(t, filepath.Join(conformanceDir, "cases.json"), &list)
	for _, tag := range list.Tags {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			rel := readConformanceRelease(t, tag)
			set := rel.set(t, nil)
			passed, failed, all := 0, 0, 0
			for _, c := range list.Cases {
				if !slices.Contains(c.Tags, tag) {
					continue
				}
				all++
				if t.Run(c.Name, func(t *testing.T) { runConformanceCase(t, tag, rel, set, c) }) {
					passed++
				} else {
					failed++
				}
			}
			t.Logf("%s: %d passed, %d failed, of %d", tag, passed, failed, all)
		})
	}
}

func runConformanceCase(t *testing.T, tag string, rel conformanceRelease, set *templateSet, c conformanceCase) {
	var want conformanceOutcome
	readJSON(t, filepath.Join(conformanceDir, "expected", tag, c.Name+".json.gz"), &want)
	facts := config.Facts{Version: tag, Commit: rel.Commit, BootstrapID: rel.BootstrapID, Packages: rel.Packages}
	site, extra := conformanceSite(t, c)
	if len(extra) > 0 {
		facts.Extra = []byte(extra["calc.py"])
		set = rel.set(t, extra)
	}
	text, err := os.ReadFile(filepath.Join(conformanceDir, c.Config))
	if err != nil {
		t.Fatal(err)
	}
	var res *config.Resolution
	var got *rendering
	site.Given, err = config.FromYAML(config.LineOf(tag), text)
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
func conformanceSite(t *testing.T, c conformanceCase) (config.Site, map[string]string) {
	t.Helper()
	site := config.Site{Files: make(map[string]config.File)}
	extra := make(map[string]string)
	for _, f := range c.Files {
		content, err := os.ReadFile(filepath.Join(conformanceDir, "cases", f.From))
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(f.Path, "gen_extra/"); ok {
			extra[name] = string(content)
		} else {
			site.Files[f.Path] = config.File{Content: content}
		}
	}
	if _, own := site.Files["genconf/ip-detect"]; c.DefaultIPDetect && !own {
		content, err := os.ReadFile(filepath.Join(conformanceDir, "cases/ip-detect.default"))
		if err != nil {
			t.Fatal(err)
		}
		site.Files["genconf/ip-detect"] = config.File{Content: content}
	}
	return site, extra
}

// compareRefusal wants the same parameters named. bootstrap_url has a default
// of ours.
func compareRefusal(t *testing.T, err error, want conformanceOutcome) {
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
		if !named[name] && !named[settable[name]] {
			t.Errorf("%s is not named", name)
		}
		covered[name], covered[settable[name]] = true, true
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

// settable are the parameters that stand for those that DC/OS works out.
var settable = map[string]string{
	"no_proxy_final": "no_proxy", "custom_check_bins_dir": "custom_check_bins", "num_masters": "master_list",
	"dns_bind_ip_blacklist_json":                  "dns_bind_ip_reserved",
	"_superuser_service_account_public_key_json":  "superuser_service_account_public_key",
	"has_mesos_max_completed_tasks_per_framework": "mesos_max_completed_tasks_per_framework",
	"has_mesos_default_container_shm_size":        "mesos_default_container_shm_size",
}

func compareConformance(t *testing.T, line string, got *rendering, want conformanceOutcome) {
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
