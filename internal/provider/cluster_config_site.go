// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// A givenSite is what one dcos_cluster_config says, as far as it is known.
type givenSite struct {
	release        bundle.ReleaseRef
	releaseUnknown bool

	site config.Site
	// paths are where the parameters were given.
	paths map[string]tfpath.Path
	// secret names the parameters that came from the provider's secrets.
	secret map[string]bool
	// unknownNames says that it is not even known which parameters are given
	// (a whole map is unknown), so none of them can be missed yet.
	unknownNames bool
}

// known says whether the site can be rendered.
func (g *givenSite) known() bool {
	if g.releaseUnknown || g.unknownNames {
		return false
	}
	for _, v := range g.site.Given {
		if v.Unknown {
			return false
		}
	}
	for _, f := range g.site.Files {
		if f.Unknown {
			return false
		}
	}
	return true
}

// recipe is what any process needs to build the bundle again.
func (g *givenSite) recipe() bundle.Recipe {
	r := bundle.Recipe{Release: g.release, Given: map[string]string{}, Files: map[string]string{}}
	for name, v := range g.site.Given {
		if !g.secret[name] {
			r.Given[name] = v.Text
		}
	}
	for name, f := range g.site.Files {
		r.Files[name] = string(f.Content)
	}
	return r
}

// pathOf says which attribute a problem with a parameter belongs to.
func (g *givenSite) pathOf(parameter string) tfpath.Path {
	if p, ok := g.paths[parameter]; ok {
		return p
	}
	if parameter == "custom_check_bins" {
		return tfpath.Root(parameter)
	}
	for _, file := range siteFiles {
		if file.Parameter == parameter || strings.TrimSuffix(file.Parameter, "_filename")+"_contents" == parameter {
			return tfpath.Root(file.Attribute)
		}
	}
	if _, ok := config.Lookup(parameter); ok {
		return tfpath.Root(parameter)
	}
	return tfpath.Empty()
}

// A siteReader turns the attributes into a site, collecting what is wrong.
type siteReader struct {
	givenSite
	attributes map[string]tftypes.Value
	diags      diag.Diagnostics
}

// readSite reads the attributes of a planned dcos_cluster_config. An output
// that may be given too is read from the configuration: in a plan it may be
// what was rendered before. The diagnostics are values that have no meaning in
// config.yaml, and parameters given twice.
func readSite(plan, configured tftypes.Value, secrets secrets) (*givenSite, diag.Diagnostics) {
	r := siteReader{givenSite: givenSite{
		site:   config.Site{Given: map[string]config.Value{}, Files: map[string]config.File{}},
		paths:  map[string]tfpath.Path{},
		secret: map[string]bool{},
	}}
	var given map[string]tftypes.Value
	if err := errors.Join(plan.As(&r.attributes), configured.As(&given)); err != nil {
		r.diags.Append(internalFault("reading the configuration", err))
		return &r.givenSite, r.diags
	}
	for _, name := range outputNames {
		r.attributes[name] = given[name]
	}
	r.readRelease()
	for _, p := range config.Parameters() {
		r.readParameter(p)
	}
	r.readExtraParameters()
	r.readSecrets(secrets)
	if _, given := r.site.Given["bootstrap_url"]; !given && !r.unknownNames {
		r.site.Given["bootstrap_url"] = config.Value{Text: config.DefaultBootstrapURL}
	}
	for _, file := range siteFiles {
		r.readFile(file)
	}
	r.readCheckBins()
	return &r.givenSite, r.diags
}

func (r *siteReader) readRelease() {
	var parts map[string]tftypes.Value
	value := r.attributes["release"]
	if !value.IsFullyKnown() {
		r.releaseUnknown = true
		return
	}
	if value.IsNull() {
		return
	}
	if err := value.As(&parts); err != nil {
		r.diags.Append(internalFault("reading release", err))
		return
	}
	for name, into := range map[string]*string{"source": &r.release.Source, "sha256": &r.release.SHA256} {
		if part := parts[name]; !part.IsNull() {
			if err := part.As(into); err != nil {
				r.diags.Append(internalFault("reading release."+name, err))
			}
		}
	}
}

// readParameter reads a parameter's own attribute.
func (r *siteReader) readParameter(p config.Parameter) {
	value, ok := r.attributes[p.Name]
	if !ok || value.IsNull() {
		return
	}
	at := tfpath.Root(p.Name)
	if !value.IsFullyKnown() {
		r.give(p.Name, config.Value{Unknown: true}, at)
		return
	}
	text, err := parameterText(p, value)
	if err != nil {
		r.diags.Append(badValue(at, p.Name, err))
		return
	}
	r.give(p.Name, config.Value{Text: text}, at)
}

func (r *siteReader) give(name string, value config.Value, at tfpath.Path) {
	if earlier, twice := r.paths[name]; twice {
		r.diags.Append(givenTwice(at, name, earlier))
		return
	}
	r.site.Given[name] = value
	r.paths[name] = at
}

func (r *siteReader) readExtraParameters() {
	value := r.attributes["extra_parameters"]
	if !value.IsKnown() {
		r.unknownNames = true
		return
	}
	at := tfpath.Root("extra_parameters")
	var secret []string
	defer func() { r.diags.Append(secretParameters(at, secret)...) }()
	for name, item := range r.stringMap(at, value) {
		switch {
		case item.IsNull():
		case !item.IsKnown():
			r.give(name, config.Value{Unknown: true}, at.AtMapKey(name))
		default:
			text, err := valueText(item)
			if err != nil {
				r.diags.Append(badValue(at.AtMapKey(name), name, err))
				continue
			}
			r.give(name, config.Value{Text: text}, at.AtMapKey(name))
			if config.LooksSecret(name, text) {
				secret = append(secret, name)
			}
		}
	}
}

// secretParameters warns, in one, of parameters that look like secrets.
func secretParameters(at tfpath.Path, names []string) diag.Diagnostics {
	slices.Sort(names)
	looks := "looks like a secret"
	switch len(names) {
	case 0:
		return nil
	case 1:
		at = at.AtMapKey(names[0])
	default:
		looks = "look like secrets"
	}
	return diag.Diagnostics{diag.NewAttributeWarningDiagnostic(at, "Doubtful Parameter", strings.Join(names, ", ")+" "+looks+", and "+
		"extra_parameters are in state and in plans as they are. Give it in secrets of the provider block, which are in neither; "+
		"if DC/OS does not use it, leave it out.")}
}

// stringMap takes a map of texts apart; null is an empty one.
func (r *siteReader) stringMap(at tfpath.Path, value tftypes.Value) map[string]tftypes.Value {
	if value.IsNull() {
		return nil
	}
	var m map[string]tftypes.Value
	if err := value.As(&m); err != nil {
		r.diags.Append(internalFault("reading "+at.String(), err))
	}
	return m
}

// readSecrets puts in what the provider block says.
func (r *siteReader) readSecrets(s secrets) {
	if s.unknown {
		r.unknownNames = true
		return
	}
	for name, text := range s.values {
		r.give(name, config.Value{Text: text}, r.secretPath(name))
		r.secret[name] = true
	}
}

// secretPath is the attribute at which a problem with a secret is shown: the
// provider block is not within reach of a resource's diagnostics.
func (r *siteReader) secretPath(name string) tfpath.Path {
	if _, ok := config.Lookup(name); ok {
		return tfpath.Root(name)
	}
	return tfpath.Empty()
}

// readFile reads a script that stands for a file beside config.yaml.
func (r *siteReader) readFile(file config.SiteFile) {
	value := r.attributes[file.Attribute]
	if value.IsNull() {
		return
	}
	name := file.Path
	if given, ok := r.site.Given[file.Parameter]; ok {
		if !given.Unknown && given.Text != "" {
			name = path.Clean(given.Text)
		}
	} else if file.Named {
		r.site.Given[file.Parameter] = config.Value{Text: file.Path}
		r.paths[file.Parameter] = tfpath.Root(file.Attribute)
	}
	if !value.IsKnown() {
		r.site.Files[name] = config.File{Unknown: true}
		return
	}
	text, err := valueText(value)
	if err != nil {
		r.diags.Append(badValue(tfpath.Root(file.Attribute), file.Attribute, err))
		return
	}
	if looksLikePath(text) {
		r.diags.AddAttributeError(tfpath.Root(file.Attribute), "Invalid Parameter Value", fmt.Sprintf(
			"%s is %q, which looks like the path of a script, not like its text. Read the file: %s = file(%q).",
			file.Attribute, text, file.Attribute, text))
		r.site.Files[name] = config.File{Unknown: true} // it is not missing as well
		return
	}
	r.site.Files[name] = config.File{Content: []byte(text)}
}

// looksLikePath reports whether the text of a script can only be meant as its
// path: one word without an interpreter's line, which no kernel would run.
func looksLikePath(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && !strings.ContainsAny(text, " \t\r\n$`;|&()<>#") && (strings.ContainsAny(text, `/\`) || path.Ext(text) == ".sh")
}

// readCheckBins reads the programs of custom checks.
func (r *siteReader) readCheckBins() {
	at := tfpath.Root("custom_check_bins")
	value := r.attributes["custom_check_bins"]
	if !value.IsKnown() {
		r.site.Files[strings.TrimSuffix(checkBinsDirectory, "/")] = config.File{Unknown: true}
		return
	}
	for name, item := range r.stringMap(at, value) {
		// A name with a slash is for the release to judge: older lines ignore the directory.
		if name == "" || path.Join("/", name) != "/"+name {
			r.diags.AddAttributeError(at.AtMapKey(name), "Invalid File Name",
				fmt.Sprintf("A program in custom_check_bins has a plain file name; got: %q.", name))
			continue
		}
		switch {
		case item.IsNull():
		case !item.IsKnown():
			r.site.Files[checkBinsDirectory+name] = config.File{Unknown: true}
		default:
			text, err := valueText(item)
			if err != nil {
				r.diags.Append(badValue(at.AtMapKey(name), name, err))
				continue
			}
			r.site.Files[checkBinsDirectory+name] = config.File{Content: []byte(text)}
		}
	}
}

// badValue words a value that config.yaml could not hold either.
func badValue(at tfpath.Path, name string, err error) diag.Diagnostic {
	detail := fmt.Sprintf("%s cannot be given this value: %s.", name, err)
	if errors.Is(err, errNotText) {
		detail += " Write it as text, in quotes, in the form that DC/OS expects."
	}
	return diag.NewAttributeErrorDiagnostic(at, "Invalid Parameter Value", detail)
}

// givenTwice words a parameter with two values.
func givenTwice(at tfpath.Path, name string, earlier tfpath.Path) diag.Diagnostic {
	where := earlier.String()
	if at.Equal(earlier) {
		where = "the provider's secrets"
	}
	return diag.NewAttributeErrorDiagnostic(at, "Parameter Given Twice",
		fmt.Sprintf("%s is given here and in %s. Give it in one place.", name, where))
}
