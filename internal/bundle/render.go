// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// templateNames are the templates of an on-premises site, in the order in
// which they enter the ids.
var templateNames = config.TemplateNames()

// A templateSet holds the parsed templates of one release. It is read only
// and can be shared by any number of sites.
type templateSet struct {
	templates map[string][]*render.Template // by name: the release's, then gen_extra's
	target    render.Target
}

// parseTemplates parses the release's templates. texts has for each of
// templateNames the release's own text, followed by that of gen_extra if the
// release has one.
func parseTemplates(texts map[string][]string) (*templateSet, error) {
	set := &templateSet{templates: make(map[string][]*render.Template)}
	var targets []render.Target
	for _, name := range templateNames {
		if len(texts[name]) == 0 {
			return nil, fmt.Errorf("the release has no template %s", name)
		}
		for i, text := range texts[name] {
			full := name
			if i > 0 {
				// These are read without the white space around them (pkgpanda/util.py, load_string).
				full, text = "gen_extra/"+name, strings.TrimFunc(text, isPythonSpace)
			}
			t, err := render.Parse(full, text)
			if err != nil {
				return nil, err
			}
			target, err := t.Target()
			if err != nil {
				return nil, err
			}
			set.templates[name] = append(set.templates[name], t)
			targets = append(targets, target)
		}
	}
	target, err := render.MergeTargets(targets...)
	set.target = target
	return set, err
}

// A rendering is what one site makes of a release.
type rendering struct {
	ConfigID      string
	PackageListID string
	PackageIDs    []string  // all cluster packages, sorted
	Packages      []Package // dcos-config, dcos-metadata and, if there is one, the check package
	SetupFiles    []File    // in the order of the template
	Units         []Unit    // in the order of the template
	Arguments     map[string]string
	UserArguments map[string]string
	Warnings      []config.Problem
}

// renderConfig renders a site that was resolved without errors and without
// unknown values. site supplies the custom check binaries. A site whose values
// break what is rendered is a [*config.ValidationError].
func renderConfig(set *templateSet, res *config.Resolution, site config.Site) (*rendering, error) {
	r := &rendering{Arguments: maps.Clone(res.Arguments), UserArguments: res.UserArguments}
	if err := r.identify(res.Line); err != nil {
		return nil, err
	}
	r.addBuiltins(res)
	out, err := set.render(res.Line, r.Arguments)
	if err != nil {
		return nil, set.blame(res, r.Arguments, err)
	}
	for _, name := range config.ConfigPackageNames() {
		files := out.packages[name]
		slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		r.Packages = append(r.Packages, Package{Name: name, ID: name + "--setup_" + r.ConfigID, Files: files})
	}
	if id := r.Arguments["custom_check_bins_package_id"]; id != "" {
		r.Packages = append(r.Packages, checkPackage(id, site.CheckPrograms()))
	}
	r.SetupFiles, r.Units = out.setup, out.units
	r.Warnings = set.brokenFiles(res, r)
	return r, nil
}

// identify derives the ids. Until then the arguments are those that were
// resolved, and it is these that the ids stand for.
func (r *rendering) identify(line string) error {
	packages, err := texts(r.Arguments["package_ids"])
	if err != nil {
		return fmt.Errorf("package_ids: %w", err)
	}
	if line == "1.10" {
		// There the ids are arguments like others.
		r.ConfigID = r.Arguments["config_id"]
		r.PackageListID = r.Arguments["cluster_package_list_id"]
		r.PackageIDs, err = texts(r.Arguments["cluster_packages"])
		return err
	}
	r.ConfigID = render.HashHashes(map[string]string{
		"commit":             render.HashText(r.Arguments["dcos_image_commit"]),
		"template_filenames": render.HashText(r.Arguments["template_filenames"]),
		"argument_dict":      render.HashMap(r.Arguments),
	})
	r.PackageIDs = packages
	for _, name := range config.ConfigPackageNames() {
		r.PackageIDs = append(r.PackageIDs, name+"--setup_"+r.ConfigID)
	}
	slices.Sort(r.PackageIDs)
	r.PackageListID = render.HashList(r.PackageIDs)
	list := make([]any, len(r.PackageIDs))
	for i, id := range r.PackageIDs {
		list[i] = id
	}
	r.Arguments["cluster_packages"], err = render.EncodeJSON(list)
	r.Arguments["cluster_package_list_id"] = r.PackageListID
	return err
}

// texts reads a JSON list of texts.
func texts(text string) ([]string, error) {
	v, err := render.DecodeJSON(text)
	if err != nil {
		return nil, err
	}
	items, ok := v.([]any)
	if !ok {
		return nil, errors.New("not a list")
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = item.(string); !ok {
			return nil, errors.New("not a list of texts")
		}
	}
	return list, nil
}

const (
	masked    = "**HIDDEN**"
	lateStart = "LATE_BIND_PLACEHOLDER_START_"
	lateEnd   = "_LATE_BIND_PLACEHOLDER_END"
)

// addBuiltins adds the arguments that show the others.
func (r *rendering) addBuiltins(res *config.Resolution) {
	given := make(map[string]string, len(res.UserArguments))
	for name, value := range res.UserArguments {
		if res.Secret[name] || isBuiltin(name) {
			value = masked
		}
		given[name] = value
	}
	full := func(m map[string]string) string {
		return render.Indent(render.EncodeYAMLLiterals(m), "      ")
	}
	r.Arguments["user_arguments_full"] = render.PrettyArguments(res.UserArguments)
	r.Arguments["user_arguments"] = render.PrettyArguments(given)
	r.Arguments["config_yaml_full"] = full(res.UserArguments)
	r.Arguments["config_yaml"] = full(given)

	expanded := make(map[string]string, len(r.Arguments))
	for name, value := range r.Arguments {
		if !strings.HasPrefix(value, lateStart) {
			expanded[name] = value
		}
	}
	indented := func() string { return render.Indent(render.PrettyArguments(expanded), "      ") }
	r.Arguments["expanded_config_full"] = indented()
	for name := range expanded {
		if res.Secret[name] || isBuiltin(name) {
			delete(expanded, name)
		}
	}
	r.Arguments["expanded_config"] = indented()
	if strings.HasPrefix(res.Line, "2.") {
		// The open edition never makes the authority that these lines know of.
		r.Arguments["exhibitor_ca_certificate"] = ""
		r.Arguments["exhibitor_ca_certificate_path"] = "/dev/null"
	}
}

// isBuiltin says which of the arguments that show others hold secrets.
func isBuiltin(name string) bool {
	return name == "expanded_config_full" || name == "user_arguments_full" || name == "config_yaml_full"
}

// checkPackage is the package of the site's own check programs.
func checkPackage(id string, programs map[string][]byte) Package {
	p := Package{Name: config.CheckPackageName, ID: id}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		p.Files = append(p.Files, File{Path: "/" + name, Mode: 0o755, Content: programs[name]})
	}
	p.Files = append(p.Files, File{Path: "/pkginfo.json", Mode: 0o644, Content: []byte("{}")})
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return p
}

// An output is what the templates say.
type output struct {
	packages map[string][]File // by the package's name, in no order
	setup    []File
	units    []Unit
}

// render renders the templates, reads them and puts them together.
func (set *templateSet) render(line string, arguments map[string]string) (*output, error) {
	dialect := config.Dialect(line)
	out := &output{packages: make(map[string][]File)}
	for _, name := range templateNames {
		merged, err := set.document(name, dialect, arguments)
		if err != nil {
			return nil, err
		}
		switch name {
		case "cloud-config.yaml":
			err = out.addSetup(merged)
		case "dcos-services.yaml":
			err = out.addUnits(merged)
		default:
			err = out.addPackage(strings.TrimSuffix(name, ".yaml"), line, merged)
		}
		if err != nil {
			return nil, fmt.Errorf("%s as rendered: %w", name, err)
		}
	}
	return out, nil
}

// document renders one template and what gen_extra adds to it.
func (set *templateSet) document(name string, dialect render.Dialect, arguments map[string]string) (any, error) {
	var merged any
	for _, t := range set.templates[name] {
		text, err := t.Render(arguments)
		if err != nil {
			return nil, err
		}
		v, err := render.ParseYAML(text, dialect)
		if err != nil {
			return nil, fmt.Errorf("%s as rendered is not YAML: %w", name, err)
		}
		if isEmpty(merged) {
			merged = v
			continue
		}
		base, ok := merged.(*render.Map)
		addition, ok2 := v.(*render.Map)
		if !ok || !ok2 {
			return nil, fmt.Errorf("%s of gen_extra cannot be merged: only maps can", name)
		}
		if merged, err = render.Merge(base, addition); err != nil {
			return nil, fmt.Errorf("%s of gen_extra: %w", name, err)
		}
	}
	return merged, nil
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case *render.Map:
		return v.Len() == 0
	}
	return false
}

// section gives a document's list under its only allowed key.
func section(v any, key string, allowed ...string) ([]any, error) {
	m, ok := v.(*render.Map)
	if !ok {
		return nil, errors.New("it is not a map")
	}
	for _, e := range m.Entries() {
		name, ok := e.Key.(string)
		if !ok || name != key && !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("%v has no place at its top", e.Key)
		}
	}
	list, ok := m.Get(key)
	if !ok {
		return nil, nil
	}
	items, ok := list.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a list", key)
	}
	return items, nil
}

func (out *output) addPackage(name, line string, v any) error {
	// Only dcos-config may say "root", and it is left aside there.
	var others []string
	if name == "dcos-config" {
		others = []string{"root"}
	}
	items, err := section(v, "package", others...)
	if err != nil {
		return err
	}
	at := make(map[string]int, len(items))
	for _, item := range items {
		f, err := packageFile(item, line)
		if err != nil {
			return err
		}
		if name == "dcos-config" && (bytes.Contains(f.Content, []byte(lateStart)) || bytes.Contains(f.Content, []byte(lateEnd))) {
			// It would belong to a package that only cloud installers make.
			continue
		}
		if i, ok := at[f.Path]; ok {
			out.packages[name][i] = f
			continue
		}
		at[f.Path] = len(out.packages[name])
		out.packages[name] = append(out.packages[name], f)
	}
	for _, f := range out.packages[name] {
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			if _, ok := at[dir]; ok {
				return fmt.Errorf("%s is both a file and the directory of %s", dir, f.Path)
			}
		}
	}
	return nil
}

// isPythonSpace reports whether Python's str.strip takes a character off.
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

func packageFile(item any, line string) (File, error) {
	if m, ok := item.(*render.Map); ok {
		// A file must have content. From 1.11 on that may be what Python takes for
		// false: it is none (gen/__init__.py, do_gen_package).
		v, given := m.Get("content")
		if !given {
			return File{}, errors.New("a file has no content")
		}
		if line != "1.10" && isFalse(v) {
			m = m.Clone()
			m.Set("content", nil)
			item = m
		}
	}
	fields, err := textFields(item, "path", "content", "permissions")
	if err != nil {
		return File{}, err
	}
	if fields["path"] == nil {
		return File{}, errors.New("a file has no path")
	}
	f := File{Path: path.Clean("/" + *fields["path"]), Mode: 0o644}
	switch {
	case fields["content"] != nil:
		f.Content = []byte(*fields["content"])
	case line == "1.10":
		return File{}, fmt.Errorf("%s has no content", f.Path)
	}
	if fields["permissions"] != nil {
		f.Mode, err = fileMode(*fields["permissions"])
	}
	return f, err
}

// isFalse reports whether Python takes a YAML value for false.
func isFalse(v any) bool {
	switch v := v.(type) {
	case bool:
		return !v
	case *big.Int:
		return v.Sign() == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case *render.Map:
		return v.Len() == 0
	}
	return false
}

func fileMode(text string) (fs.FileMode, error) {
	mode, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(text), "0o"), 8, 12)
	if err != nil {
		return 0, fmt.Errorf("the permissions %q are not octal", text)
	}
	return fs.FileMode(mode), nil
}

// textFields reads a map of texts; nil stands for a field without a value.
func textFields(item any, allowed ...string) (map[string]*string, error) {
	m, ok := item.(*render.Map)
	if !ok {
		return nil, errors.New("an entry is not a map")
	}
	fields := make(map[string]*string, m.Len())
	for _, e := range m.Entries() {
		name, ok := e.Key.(string)
		if !ok || !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("an entry has %v, which is not known", e.Key)
		}
		switch text := e.Value.(type) {
		case nil:
		case string:
			fields[name] = &text
		default:
			return nil, fmt.Errorf("the %s of an entry is not a text", name)
		}
	}
	return fields, nil
}
