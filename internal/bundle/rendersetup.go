// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// addSetup takes the files that the installer itself writes. On premises the
// cloud-config has nothing else.
func (out *output) addSetup(v any) error {
	items, err := section(v, "root")
	if err != nil {
		return err
	}
	for _, item := range items {
		fields, err := textFields(item, "path", "content", "permissions", "owner", "group")
		if err != nil {
			return err
		}
		if fields["path"] == nil || !strings.HasPrefix(*fields["path"], "/") {
			return errors.New("a file has no absolute path")
		}
		f := File{Path: *fields["path"], Mode: 0o644}
		if fields["content"] != nil {
			f.Content = []byte(*fields["content"])
		}
		if fields["permissions"] != nil {
			if f.Mode, err = fileMode(*fields["permissions"]); err != nil {
				return err
			}
		}
		out.setup = append(out.setup, f)
	}
	return nil
}

const serviceSuffix = ".service"

func (out *output) addUnits(v any) error {
	items, ok := v.([]any)
	if !ok {
		return errors.New("it is not a list")
	}
	for _, item := range items {
		m, ok := item.(*render.Map)
		if !ok {
			return errors.New("a unit is not a map")
		}
		var u Unit
		for _, e := range m.Entries() {
			key, isText := e.Key.(string)
			text, _ := e.Value.(string)
			set, _ := e.Value.(bool)
			switch {
			case isText && key == "name":
				u.Name = text
			case isText && key == "command":
				u.Command = text
			case isText && key == "content":
				u.Content = text
			case isText && key == "enable":
				u.Enable = set
			case isText && key == "no_block":
				u.NoBlock = set
			}
		}
		if !strings.HasSuffix(u.Name, serviceSuffix) {
			return fmt.Errorf("the unit %q is not a service", u.Name)
		}
		out.units = append(out.units, u)
	}
	return nil
}

// brokenFiles warns of values that make a rendered JSON file unreadable.
// DC/OS does not look, and the service that reads it fails on the node.
func (set *templateSet) brokenFiles(res *config.Resolution, r *rendering) []config.Problem {
	var broken []string
	for _, p := range r.Packages {
		for _, f := range p.Files {
			if strings.HasSuffix(f.Path, ".json") && f.Path != "/pkginfo.json" && !isJSON(f.Content) {
				broken = append(broken, f.Path)
			}
		}
	}
	if len(broken) == 0 {
		return nil
	}
	var warnings []config.Problem
	for _, name := range slices.Sorted(maps.Keys(res.UserArguments)) {
		if _, ok := res.Arguments[name]; !ok {
			continue
		}
		for _, file := range broken {
			if set.mends(res, r, name, file) {
				warnings = append(warnings, config.Problem{
					Parameter: name,
					Message: fmt.Sprintf("%s makes %s unreadable, because DC/OS puts the value into it as it is; "+
						"give JSON, or leave out quotes and backslashes (DC/OS %s)",
						name, file, res.Line),
				})
			}
		}
	}
	return warnings
}

func isJSON(content []byte) bool {
	if json.Valid(content) {
		return true
	}
	// Python takes a little more.
	_, err := render.DecodeJSON(string(content))
	return err == nil
}

// mends says whether a file is readable with another value of a parameter.
func (set *templateSet) mends(res *config.Resolution, r *rendering, name, file string) bool {
	changed := maps.Clone(r.Arguments)
	for _, harmless := range []string{"null", "1"} {
		changed[name] = harmless
		out, err := set.render(res.Line, changed)
		if err != nil {
			continue
		}
		for _, files := range out.packages {
			for _, f := range files {
				if f.Path == file && isJSON(f.Content) {
					return true
				}
			}
		}
	}
	return false
}

// probe looks, while some of a site's values are not known, whether those that
// are known break what will be rendered.
func (set *templateSet) probe(res *config.Resolution) []config.Problem {
	arguments := maps.Clone(res.Arguments)
	for _, name := range res.Unknown {
		arguments[name] = render.Unknown
	}
	_, err := set.render(res.Line, arguments)
	if err == nil {
		return nil
	}
	var refused *config.ValidationError
	if errors.As(set.blame(res, arguments, err), &refused) {
		return refused.Errors
	}
	return nil // it may be whole once everything is known
}
