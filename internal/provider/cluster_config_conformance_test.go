// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestClusterConfigConformance holds dcos_cluster_config, driven by the real
// terraform, to what DC/OS's own generator made of the sites in the tree: one
// plan for the sites that it took, which for the newest tag is applied too, and
// one for those that it refused. The newest tag has a third of the sites, and
// every night all; of the older tags each has another part of them. Package
// bundle holds all sites to all lines.
func TestClusterConfigConformance(t *testing.T) {
	t.Parallel()
	testClusterConfigConformance(t, conformance.Own(t))
}

// TestClusterConfigSharedConformance does the same with DC/OS's own templates.
func TestClusterConfigSharedConformance(t *testing.T) {
	t.Parallel()
	testClusterConfigConformance(t, conformance.Shared(t))
}

func testClusterConfigConformance(t *testing.T, recorded *conformance.Set) {
	terraform.Require(t)
	for i, tag := range recorded.Tags {
		if testing.Short() && i > 0 {
			break
		}
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			c := &conformanceRun{recorded: recorded, release: recorded.Release(t, tag), whole: i == 0}
			switch {
			case i > 0:
				c.part, c.parts = i-1, len(recorded.Tags)-1
			case !lab.Nightly:
				c.parts = 3
			}
			c.releaseDir = t.TempDir()
			c.release.Lay(t, c.releaseDir, nil)
			c.run(t)
			if c.passed == 0 {
				t.Error("no site was planned")
			}
			t.Logf("%s: %d passed, %d failed, of %d (%d of them only by parse_config_yaml)", tag, c.passed, c.failed, c.passed+c.failed,
				c.parsedOnly)
			for _, name := range sortedKeys(c.left) {
				t.Logf("%s: left out: %s: %v", tag, name, c.left[name])
			}
		})
	}
}

// A conformanceRun is all cases of one tag.
type conformanceRun struct {
	recorded   *conformance.Set
	release    conformance.Release
	releaseDir string
	whole      bool // also apply, and read each site from its config.yaml
	part       int  // which of the parts of the sites
	parts      int  // or 0: all

	passed, failed, parsedOnly int
	left                       map[string]error // what HCL cannot say
}

func (c *conformanceRun) run(t *testing.T) {
	line := config.LineOf(c.release.Tag)
	taken, parsed, refused, unread := newMainFile(), newMainFile(), newMainFile(), newMainFile()
	sites := map[string]*recordedSite{}
	c.left = map[string]error{}
	for _, site := range c.readSites(t) {
		dir := c.releaseDir
		if len(site.extra) > 0 {
			dir = t.TempDir()
			c.release.Lay(t, dir, site.extra)
		}
		into := refused
		if site.accepted() {
			into = taken
		}
		err := into.addNatural(line, site, dir)
		if _, newest := config.ReadYAML("", []byte(site.yaml)); err != nil && newest == nil && site.want.Outcome == "config" {
			c.left[site.Name] = errors.New("only the YAML reader of this line refuses it")
			continue
		}
		switch {
		case errors.Is(err, errNotHCL) && into == refused:
			// An error in a function ends a plan before resources are planned.
			if err := unread.addParsed(line, site, dir); err != nil {
				c.left[site.Name] = err
				continue
			}
			c.parsedOnly++
		case errors.Is(err, errNotHCL):
			c.left[site.Name] = err
			continue
		case err != nil:
			t.Errorf("%s: %v", site.Name, err)
		case into == taken && c.whole:
			if err := parsed.addParsed(line, site, dir); err != nil {
				t.Errorf("%s: %v", site.Name, err)
			}
		}
		sites[site.Name] = site
	}
	bad := map[string]bool{}
	d := c.take(t, taken, sites, bad)
	if c.whole {
		d.NoChanges()
		c.take(t, parsed, sites, bad)
	}
	c.plan(t, refused, sites, bad)
	c.plan(t, unread, sites, bad)
	c.failed = len(bad)
	c.passed = len(sites) - c.failed
}

// accepted says whether we take a site: as the generator does, but for
// bootstrap_url, which has a default of ours.
func (s *recordedSite) accepted() bool {
	return s.want.Outcome == "ok" || len(s.want.Errors) == 0 && slices.Equal(s.want.Unset, []string{"bootstrap_url"})
}

// take applies the sites that are taken and compares what is in state.
func (c *conformanceRun) take(t *testing.T, conf *mainFile, sites map[string]*recordedSite, bad map[string]bool) *terraform.Dir {
	t.Helper()
	d := terraform.New(t)
	d.Env = append(d.Env, "GOGC=400") // so many resources of so many attributes make a lot of garbage
	d.Write("main.tf", conf.text.String())
	for _, problem := range diagnosticsOf(d, "plan", "-out=plan.bin") {
		if problem.Severity == "error" {
			at := conf.at[problem.Range.Start.Line]
			bad[conf.sites[at.resource]] = true
			t.Errorf("%s is refused at %q: %s: %s", at.resource, at.attribute, problem.Summary, problem.Detail)
		}
	}
	if t.Failed() {
		return d
	}
	d.Run("apply", "-no-color", "plan.bin") // a first plan leaves files and package_ids to it
	applied := stateConfigs(d)
	if len(applied) != len(conf.sites) {
		t.Errorf("%d sites are applied, of %d", len(applied), len(conf.sites))
	}
	for name, values := range applied {
		site := sites[conf.sites[name]]
		if site.want.Outcome != "ok" {
			continue
		}
		for _, difference := range c.compare(site, values) {
			bad[site.Name] = true
			t.Errorf("%s: %s", name, difference)
		}
	}
	return d
}

// filesWithIDs are the files of the templates in the tree that have ids in
// them, or all arguments.
var filesWithIDs = []string{"dcos-config/etc/installer", "dcos-config/etc/older",
	"dcos-metadata/metadata/expanded", "dcos-metadata/metadata/expanded.full"}

// compare gives in words what is not as recorded.
func (c *conformanceRun) compare(site *recordedSite, got clusterConfigState) []string {
	var differences []string
	differ := func(what, got, want string) {
		if got != want {
			differences = append(differences, what+" is "+got+", want "+want)
		}
	}
	// On 1.10 upstream derives the ids from the shape of its own program.
	ids := config.LineOf(c.release.Tag) != "1.10"
	packages := slices.Clone(c.release.Packages)
	if ids {
		differ("config_id", got.ConfigID, site.want.ConfigID)
		differ("package_list_id", got.PackageListID, site.want.PackageListID)
		packages = append(packages, site.want.PackageIDs...)
		slices.Sort(packages)
		mine := slices.DeleteFunc(slices.Clone(got.PackageIDs),
			func(id string) bool { return strings.HasPrefix(id, config.CheckPackageName+"--") })
		differ("package_ids", strings.Join(mine, " "), strings.Join(packages, " "))
	}
	differ("bootstrap_id", got.BootstrapID, site.want.Arguments["bootstrap_id"])
	want := shownFiles(site.want.FileSums()) // bundle's tests compare the whole of all
	for _, name := range sortedKeys(want) {
		sum, there := got.Files[name]
		switch {
		case !there:
			differences = append(differences, name+" is missing")
		case ids || !slices.Contains(filesWithIDs, name):
			differ(name, sum, want[name])
		}
	}
	for _, name := range sortedKeys(got.Files) {
		if _, there := want[name]; !there {
			differences = append(differences, name+" should not be there")
		}
	}
	return differences
}

// plan plans the sites that are refused and compares what for.
func (c *conformanceRun) plan(t *testing.T, conf *mainFile, sites map[string]*recordedSite, bad map[string]bool) {
	d := terraform.New(t)
	d.Env = append(d.Env, "GOGC=400") // so many resources of so many attributes make a lot of garbage
	d.Write("main.tf", conf.text.String())
	named := map[string]map[string]bool{} // what is blamed, by site
	for _, name := range conf.sites {
		named[name] = map[string]bool{}
	}
	for _, problem := range diagnosticsOf(d, "plan") {
		if problem.Severity != "error" {
			continue
		}
		at, ok := conf.at[problem.Range.Start.Line]
		if !ok {
			t.Errorf("an error at no resource: %s: %s", problem.Summary, problem.Detail)
			continue
		}
		if at.attribute == "" {
			// An attribute that is not written stands at the resource.
			at.attribute = firstName(problem.Detail)
		}
		blamed := strings.TrimPrefix(at.attribute, "extra_parameters.")
		if strings.HasPrefix(blamed, "custom_check_bins.") {
			blamed = "custom_check_bins"
		}
		named[conf.sites[at.resource]][blamed] = true
	}
	for _, name := range sortedKeys(named) {
		if wrong := refusedOtherwise(sites[name], named[name]); wrong != "" {
			bad[name] = true
			t.Errorf("%s: %s; the generator: %s %v %v", name, wrong, sites[name].want.Outcome, sites[name].want.Errors, sites[name].want.Unset)
		}
	}
}

// refusedOtherwise says what is wrong with the attributes that are blamed.
func refusedOtherwise(site *recordedSite, blamed map[string]bool) string {
	if len(blamed) == 0 {
		return "it is not refused"
	}
	if site.want.Outcome != "validation" {
		return "" // which attribute is up to us
	}
	covered := map[string]bool{}
	var missing []string
	for _, name := range slices.Concat(site.want.Errors, site.want.Unset) {
		all := []string{name, conformance.Settable[name], scriptAttribute(name)}
		if name == "bootstrap_url" && !slices.Contains(site.want.Errors, name) {
			continue // it has a default of ours
		}
		if !slices.ContainsFunc(all, func(n string) bool { return blamed[n] }) {
			missing = append(missing, name)
		}
		for _, n := range all {
			covered[n] = true
		}
	}
	for name := range blamed {
		if !covered[name] {
			return name + " is blamed"
		}
	}
	if len(missing) > 0 {
		return "not blamed: " + strings.Join(missing, ", ")
	}
	return ""
}

// scriptAttribute is the attribute that stands for a parameter of a file.
func scriptAttribute(name string) string {
	for _, file := range siteFiles {
		base := strings.TrimSuffix(file.Parameter, "_filename")
		if name == file.Parameter || name == base+"_contents" {
			return file.Attribute
		}
	}
	return name
}

// firstName gives the parameter that a message begins with.
func firstName(detail string) string {
	words := strings.Fields(strings.TrimPrefix(detail, "Parameter "))
	if len(words) == 0 {
		return ""
	}
	return strings.TrimSuffix(words[0], ":")
}

// clusterConfigState is a dcos_cluster_config in state, as far as it is
// compared.
type clusterConfigState struct {
	ID            string            `json:"id"`
	ConfigID      string            `json:"config_id"`
	PackageListID string            `json:"package_list_id"`
	BootstrapID   string            `json:"bootstrap_id"`
	PackageIDs    []string          `json:"package_ids"`
	Files         map[string]string `json:"files"`
}

// stateConfigs gives the dcos_cluster_config resources in state by name.
func stateConfigs(d *terraform.Dir) map[string]clusterConfigState {
	d.T.Helper()
	out, err := d.Command(d.T.Context(), "show", "-json").Output()
	if err != nil {
		d.T.Fatalf("terraform show: %v", err)
	}
	var parts map[string]json.RawMessage
	var shown struct {
		Root struct {
			Resources []struct {
				Type, Name string
				Values     json.RawMessage
			}
		} `json:"root_module"`
	}
	if err := errors.Join(json.Unmarshal(out, &parts), json.Unmarshal(parts["values"], &shown)); err != nil {
		d.T.Fatal(err)
	}
	found := map[string]clusterConfigState{}
	for _, r := range shown.Root.Resources {
		if r.Type != "dcos_cluster_config" {
			continue
		}
		var values clusterConfigState
		if err := json.Unmarshal(r.Values, &values); err != nil {
			d.T.Fatal(err)
		}
		found[r.Name] = values
	}
	return found
}

// TestParameterPaths holds that a problem with anything that a site can give
// is shown at an attribute that exists.
func TestParameterPaths(t *testing.T) {
	t.Parallel()
	names := slices.Collect(maps.Values(conformance.Settable))
	for _, p := range config.Parameters() {
		names = append(names, p.Name)
	}
	attributes := clusterConfigSchema().Attributes
	for _, name := range names {
		steps := (&givenSite{}).pathOf(name).Steps()
		if len(steps) != 1 {
			t.Errorf("a problem with %s has no attribute", name)
		} else if _, ok := attributes[steps[0].String()]; !ok {
			t.Errorf("a problem with %s is shown at %s, which does not exist", name, steps[0])
		}
	}
	for _, file := range siteFiles {
		if !slices.Contains(names, file.Parameter) {
			t.Errorf("%s stands for a file that %s names, which is no parameter", file.Attribute, file.Parameter)
		}
	}
}
