// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// facts are what a release says about itself.
type facts struct {
	version, commit, bootstrapID, variant string
	packages                              []string
	gen                                   string // the directory with the templates
	layers                                []int  // that the facts were read from
}

var (
	packageID = regexp.MustCompile(`^[a-zA-Z0-9@_+][a-zA-Z0-9@._+-]*--[a-zA-Z0-9@_+:.]+$`)
	plainID   = regexp.MustCompile(`^[0-9a-zA-Z][0-9a-zA-Z._-]*$`)
	versionRE = regexp.MustCompile(`^[0-9]+\.[0-9]+[0-9A-Za-z.+_-]*$`)
	// gen/calc.py has the version as a value of the entry, literally up to
	// 1.11, through a constant from 1.12 on.
	versionEntry = regexp.MustCompile(`["']dcos_version["']\s*:\s*(?:["']([^"'\n]+)["']|([A-Za-z_][A-Za-z0-9_]*))`)
	constant     = regexp.MustCompile(`(?m)^([A-Za-z_][A-Za-z0-9_]*)\s*(?::\s*str\s*)?=\s*["']([^"'\n]+)["']`)
)

// A factReader reads facts and notes where they came from.
type factReader struct {
	tree   tree
	layers map[int]bool
}

// read gives a file's content, nil if there is no such file.
func (r *factReader) read(name string) ([]byte, error) {
	content, ref, err := read(r.tree, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	r.layers[ref.layer] = true
	if content == nil {
		content = []byte{}
	}
	return content, nil
}

// readFacts reads what the release says about itself. Of the errors, an
// *Error lacks its source.
func readFacts(t tree) (*facts, error) {
	r := &factReader{t, map[int]bool{}}
	f := &facts{}
	if err := r.readIDs(f); err != nil {
		return nil, err
	}
	extra, err := r.read("gen_extra/calc.py")
	if err != nil {
		return nil, err
	}
	if f.variant == "ee" || hasPythonCode(extra) {
		return nil, &Error{Reason: Enterprise, Detail: "it brings its own calculations (gen_extra/calc.py), which only its own Python can " +
			"run; use an open release"}
	}
	if f.gen, err = findTemplates(t, f.packages); err != nil {
		return nil, err
	}
	for _, name := range templateNames {
		for _, dir := range []string{f.gen, "gen_extra"} {
			if _, err := r.read(path.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	if f.version, err = r.readVersion(f.gen); err != nil {
		return nil, err
	}
	for layer := range r.layers {
		f.layers = append(f.layers, layer)
	}
	return f, nil
}

// templateNames are the templates that every release has, and that gen_extra may have.
var templateNames = []string{"dcos-config.yaml", "cloud-config.yaml", "dcos-metadata.yaml", "dcos-services.yaml"}

// readIDs reads commit, bootstrap id, variant and package ids.
func (r *factReader) readIDs(f *facts) error {
	wrapper, err := r.read("installer_internal_wrapper")
	if err != nil {
		return err
	}
	if wrapper == nil {
		// A release without it is not one; a directory may lack just that file.
		_, artifacts, err := resolve(r.tree, "artifacts")
		if err != nil {
			return err
		}
		if artifacts.kind != directory {
			return &Error{Reason: NotARelease, Detail: "there is neither /installer_internal_wrapper nor /artifacts in it"}
		}
		return &Error{Reason: Incomplete, Detail: "there is no /installer_internal_wrapper in it, which names the commit"}
	}
	f.commit = shellVariable(wrapper, "DCOS_IMAGE_COMMIT")
	f.bootstrapID = shellVariable(wrapper, "BOOTSTRAP_ID")
	f.variant = shellVariable(wrapper, "BOOTSTRAP_VARIANT")
	prefix := ""
	if f.variant != "" {
		prefix = f.variant + "."
	}

	name := "artifacts/complete/" + prefix + "complete.latest.json"
	text, err := r.read(name)
	if err != nil {
		return err
	}
	if text == nil {
		return &Error{Reason: Incomplete, Detail: "there is no /" + name + " in it, which lists the packages"}
	}
	var complete struct {
		Bootstrap string   `json:"bootstrap"`
		Packages  []string `json:"packages"`
	}
	if err := json.Unmarshal(text, &complete); err != nil {
		return &Error{Reason: Altered, Detail: "/" + name + " is not JSON", Err: err}
	}
	for _, id := range complete.Packages {
		if !packageID.MatchString(id) || strings.Count(id, "--") != 1 {
			return &Error{Reason: Altered, Detail: fmt.Sprintf("%q in /%s is not a package id", id, name)}
		}
	}
	f.packages = complete.Packages

	if f.bootstrapID == "" {
		latest, err := r.read("artifacts/bootstrap/" + prefix + "bootstrap.latest")
		if err != nil {
			return err
		}
		if f.bootstrapID = strings.TrimSpace(string(latest)); f.bootstrapID == "" {
			f.bootstrapID = complete.Bootstrap
		}
	}
	if !plainID.MatchString(f.commit) {
		return &Error{Reason: Incomplete, Detail: "/installer_internal_wrapper does not name the commit (DCOS_IMAGE_COMMIT)"}
	}
	if !plainID.MatchString(f.bootstrapID) {
		return &Error{Reason: Incomplete, Detail: "it does not name its bootstrap tarball (BOOTSTRAP_ID)"}
	}
	return nil
}

// shellVariable gives the value that a script assigns to a variable, or nothing.
func shellVariable(script []byte, name string) string {
	for line := range strings.Lines(string(script)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			value = strings.TrimSpace(value)
			if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
				value = value[1 : len(value)-1]
			}
			return value
		}
	}
	return ""
}

// findTemplates gives the directory of the generator's templates: the gen
// package of Python's in dcos-image, of whatever version of either.
func findTemplates(t tree, packages []string) (string, error) {
	const site = "lib/python*/site-packages/gen"
	var patterns []string
	for _, id := range packages {
		if strings.HasPrefix(id, "dcos-image--") {
			patterns = append(patterns, "opt/mesosphere/packages/"+id+"/"+site)
		}
	}
	patterns = append(patterns,
		"opt/mesosphere/active/dcos-image/"+site,
		"opt/mesosphere/lib/python*/site-packages/gen",
		"opt/mesosphere/packages/dcos-image--*/"+site,
		"opt/mesosphere/packages/*/"+site,
		"gen")
	for _, pattern := range patterns {
		dirs, err := glob(t, pattern+"/dcos-config.yaml")
		if err != nil {
			return "", err
		}
		if len(dirs) > 0 {
			return path.Dir(dirs[0]), nil
		}
	}
	return "", &Error{Reason: Incomplete, Detail: "the generator's templates are not in it (gen/dcos-config.yaml of the dcos-image package)"}
}

// readVersion reads the release's version where the generator has it, or else
// where the release states it otherwise.
func (r *factReader) readVersion(gen string) (string, error) {
	calc, err := r.read(path.Join(gen, "calc.py"))
	if err != nil {
		return "", err
	}
	if v := versionInCalc(string(calc)); v != "" {
		return v, nil
	}
	// Rebuilt releases whose calc.py is compiled, or calculates it.
	metadata, err := r.read(path.Join(gen, "dcos-metadata.yaml"))
	if err != nil {
		return "", err
	}
	stated := regexp.MustCompile(`"(?:version|dcos_version|DCOS_VERSION)"\s*:\s*"([^"{}\n]+)"`)
	if m := stated.FindSubmatch(metadata); m != nil && versionRE.Match(m[1]) {
		return string(m[1]), nil
	}
	for _, name := range []string{"opt/mesosphere/etc/dcos-version.json", "dcos-version.json", "release.json"} {
		text, err := r.read(name)
		if err != nil {
			return "", err
		}
		if text == nil {
			continue
		}
		var said struct {
			Version     string `json:"version"`
			DCOSVersion string `json:"dcos_version"`
			Tag         string `json:"tag"`
		}
		if err := json.Unmarshal(text, &said); err != nil {
			return "", &Error{Reason: Altered, Detail: "/" + name + " is not JSON", Err: err}
		}
		for _, v := range []string{said.Version, said.DCOSVersion, said.Tag} {
			if versionRE.MatchString(v) {
				return v, nil
			}
		}
	}
	return "", &Error{Reason: Incomplete, Detail: "it does not say its version (dcos_version in /" + path.Join(gen, "calc.py") + ")"}
}

// versionInCalc finds the version in the text of gen/calc.py.
func versionInCalc(calc string) string {
	constants := map[string]string{}
	for _, m := range constant.FindAllStringSubmatch(calc, -1) {
		constants[m[1]] = m[2]
	}
	for _, m := range versionEntry.FindAllStringSubmatch(calc, -1) {
		v := m[1]
		if v == "" {
			v = constants[m[2]]
		}
		if versionRE.MatchString(v) {
			return v
		}
	}
	for _, name := range []string{"DCOS_VERSION", "dcos_version"} {
		if v := constants[name]; versionRE.MatchString(v) {
			return v
		}
	}
	return ""
}

// hasPythonCode tells whether a Python text is more than data: whether it
// defines, imports or calls anything. Text and comments are skipped.
func hasPythonCode(text []byte) bool {
	s := string(text)
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '#':
			if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
				i += n
			} else {
				return false
			}
		case c == '"' || c == '\'':
			i = skipPythonText(s, i)
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			j := i
			for j < len(s) && (s[j] == '_' || s[j] == '.' || s[j] >= '0' && s[j] <= '9' || s[j] >= 'a' && s[j] <= 'z' || s[j] >= 'A' &&
				s[j] <= 'Z') {
				j++
			}
			switch s[i:j] {
			case "def", "lambda", "import", "from", "class", "for", "if":
				return true
			}
			if rest := strings.TrimLeft(s[j:], " \t"); strings.HasPrefix(rest, "(") {
				return true
			}
			i = j
		default:
			i++
		}
	}
	return false
}

// skipPythonText gives the place after the text literal that starts at i.
func skipPythonText(s string, i int) int {
	quote := s[i : i+1]
	if strings.HasPrefix(s[i:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	for i += len(quote); i < len(s); i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		if strings.HasPrefix(s[i:], quote) {
			return i + len(quote)
		}
	}
	return len(s)
}
