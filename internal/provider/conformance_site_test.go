// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// errNotHCL says that HCL has no way to say what a config.yaml says.
var errNotHCL = errors.New("HCL cannot express it")

// A recordedSite is a recorded case as a user of Terraform writes it.
type recordedSite struct {
	conformance.Case
	want  conformance.Outcome
	yaml  string
	files map[string]string
	extra map[string]string // of gen_extra
}

// A mainFile is a main.tf with a dcos_cluster_config for each site.
type mainFile struct {
	text  strings.Builder
	line  int
	sites map[string]string // site by the resource's name
	at    map[int]place     // by line
}

// A place is what one line of a configuration says.
type place struct {
	resource  string
	attribute string // empty for the resource's first line
}

func newMainFile() *mainFile {
	c := &mainFile{sites: map[string]string{}, at: map[int]place{}, line: 1}
	c.write("%s", terraform.RequiredProviders)
	return c
}

func (c *mainFile) write(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.text.WriteString(text)
	c.line += strings.Count(text, "\n")
}

// begin starts the resource of a site.
func (c *mainFile) begin(resource string, site *recordedSite, release string) {
	c.sites[resource] = site.Name
	c.at[c.line] = place{resource, ""}
	c.write("resource \"dcos_cluster_config\" %q {\n", resource)
	c.attribute(resource, "release", "{ source = "+hclText(release)+" }")
}

// attribute writes an attribute on one line.
func (c *mainFile) attribute(resource, name, value string) {
	c.at[c.line] = place{resource, name}
	c.write("  %s = %s\n", name, value)
}

// entries writes a map, one entry a line.
func (c *mainFile) entries(resource, name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	c.attribute(resource, name, "{")
	for _, key := range sortedKeys(values) {
		c.at[c.line] = place{resource, name + "." + key}
		c.write("    %s = %s\n", hclText(key), hclText(values[key]))
	}
	c.write("  }\n")
}

// addNatural writes a site with each value of config.yaml as the same value of
// HCL.
func (c *mainFile) addNatural(line string, site *recordedSite, release string) error {
	values, err := config.ReadYAML(line, []byte(site.yaml))
	if err != nil {
		return fmt.Errorf("%w: %w", errNotHCL, err)
	}
	attributes := map[string]string{}
	extra := map[string]string{}
	for _, entry := range values.Entries() {
		name, ok := entry.Key.(string)
		if !ok {
			return fmt.Errorf("%w: a key that is not text", errNotHCL)
		}
		if !hasAttribute(name) {
			text, err := config.TextOf(entry.Value)
			if err != nil {
				return fmt.Errorf("%w: %s: %w", errNotHCL, name, err)
			}
			if !utf8.ValidString(text) {
				return fmt.Errorf("%w: %s: half a character", errNotHCL, name)
			}
			extra[name] = text
			continue
		}
		if parameter, _ := config.Lookup(name); parameter.Kind == config.Text {
			if _, ok := entry.Value.(float64); ok {
				return fmt.Errorf("%w: %s: a number for a text, which Terraform makes one of", errNotHCL, name)
			}
		}
		if attributes[name], err = naturalHCL(entry.Value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	scripts, bins, err := site.scripts()
	if err != nil {
		return err
	}
	resource := resourceName(site.Name)
	c.begin(resource, site, release)
	for _, name := range sortedKeys(attributes) {
		c.attribute(resource, name, attributes[name])
	}
	for _, name := range sortedKeys(scripts) {
		c.attribute(resource, name, hclText(scripts[name]))
	}
	c.entries(resource, "custom_check_bins", bins)
	c.entries(resource, "extra_parameters", extra)
	c.write("}\n")
	return nil
}

// addParsed writes a site that comes from its config.yaml by parse_config_yaml.
func (c *mainFile) addParsed(line string, site *recordedSite, release string) error {
	scripts, bins, err := site.scripts()
	if err != nil {
		return err
	}
	resource := resourceName(site.Name) + "_yaml"
	c.begin(resource, site, release)
	parsed := "provider::dcos::parse_config_yaml(" + hclText(site.yaml) + ")"
	// What cannot be read has no keys that could be written down.
	if given, err := config.FromYAML(line, []byte(site.yaml)); err == nil {
		for _, name := range sortedKeys(given) {
			if hasAttribute(name) {
				c.attribute(resource, name, parsed+"."+name)
			}
		}
	}
	c.attribute(resource, "extra_parameters", parsed+".extra_parameters")
	for _, name := range sortedKeys(scripts) {
		c.attribute(resource, name, hclText(scripts[name]))
	}
	c.entries(resource, "custom_check_bins", bins)
	c.write("}\n")
	return nil
}

// resourceName makes a name that Terraform takes for a resource.
func resourceName(site string) string { return "site_" + strings.ReplaceAll(site, ".", "_") }

// hasAttribute says whether a parameter is given by its own attribute.
func hasAttribute(name string) bool {
	_, ok := config.Lookup(name)
	return ok && (name == "bootstrap_id" || !isOutput(name))
}

// scripts gives the files beside config.yaml as the attributes that stand for
// them, and the programs of custom checks.
func (s *recordedSite) scripts() (scripts, bins map[string]string, err error) {
	if !utf8.ValidString(s.yaml) {
		return nil, nil, fmt.Errorf("%w: a config.yaml that is not UTF-8", errNotHCL)
	}
	scripts, bins = map[string]string{}, map[string]string{}
	for name, content := range s.files {
		if !utf8.ValidString(content) {
			return nil, nil, fmt.Errorf("%w: the file %s, which is not UTF-8", errNotHCL, name)
		}
		if program, ok := strings.CutPrefix(name, checkBinsDirectory); ok {
			bins[program] = content
			continue
		}
		i := slices.IndexFunc(siteFiles, func(f config.SiteFile) bool { return f.Path == path.Clean(name) })
		if i < 0 {
			return nil, nil, fmt.Errorf("%w: the file %s", errNotHCL, name)
		}
		scripts[siteFiles[i].Attribute] = content
	}
	given, err := config.FromYAML("", []byte(s.yaml))
	if err != nil {
		given = nil // what cannot be read gives no file a name
	}
	for _, f := range siteFiles {
		name, ok := given[f.Parameter]
		if _, there := scripts[f.Attribute]; !ok || !there || name.Text == "" {
			continue
		}
		if _, there := s.files[path.Clean(name.Text)]; !there {
			return nil, nil, fmt.Errorf("%w: a script that is not where %s says", errNotHCL, f.Parameter)
		}
	}
	return scripts, bins, nil
}

// naturalHCL writes a value of a YAML document in HCL. HCL does not keep the
// order of keys, so a map whose keys are not sorted is written as JSON text.
func naturalHCL(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", fmt.Errorf("%w: null", errNotHCL) // it means "not given"
	case *render.Map:
		if !sortedMap(v) {
			text, err := render.EncodeJSON(v)
			return hclText(text), err
		}
	}
	return hclValue(v)
}

func hclValue(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(v), nil
	case *big.Int:
		return v.String(), nil
	case float64:
		if math.Trunc(v) == v || math.IsNaN(v) {
			return "", fmt.Errorf("%w: the number %v", errNotHCL, v) // an integer there
		}
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case string:
		return hclText(v), nil
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			var err error
			if items[i], err = hclValue(item); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	case *render.Map:
		var items []string
		for _, entry := range v.Entries() {
			key, ok := entry.Key.(string)
			if !ok {
				return "", fmt.Errorf("%w: a key that is not text", errNotHCL)
			}
			item, err := hclValue(entry.Value)
			if err != nil {
				return "", err
			}
			items = append(items, hclText(key)+" = "+item)
		}
		return "{" + strings.Join(items, ", ") + "}", nil
	}
	return "", fmt.Errorf("%w: a %T", errNotHCL, v)
}

// sortedMap says whether all keys in a map are in the order of their letters.
func sortedMap(v any) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !sortedMap(item) })
	case *render.Map:
		before := ""
		for i, entry := range v.Entries() {
			key, ok := entry.Key.(string)
			if !ok || i > 0 && key < before || !sortedMap(entry.Value) {
				return false
			}
			before = key
		}
	}
	return true
}

// hclText writes a quoted text.
func hclText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(text[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// readSites reads the cases of a tag, or a part of them.
func (c *conformanceRun) readSites(t *testing.T) []*recordedSite {
	t.Helper()
	var sites []*recordedSite
	for i, recorded := range c.recorded.Cases {
		if !recorded.Of(c.release.Tag) || c.parts > 0 && i%c.parts != c.part {
			continue
		}
		site := &recordedSite{Case: recorded, want: c.recorded.Outcome(t, c.release.Tag, recorded.Name),
			yaml: string(c.recorded.Config(t, recorded))}
		site.files, site.extra = c.recorded.Files(t, recorded)
		sites = append(sites, site)
	}
	return sites
}
