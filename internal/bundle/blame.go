// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// blame finds the parameters whose values break what is rendered: those
// without which it would be whole. What is wrong is the site, unless nothing
// that it gives is at fault.
func (set *templateSet) blame(res *config.Resolution, arguments map[string]string, broken error) error {
	switches := make(map[string]bool)
	collectSwitches(set.target, switches)
	whole := func(names ...string) bool {
		changed := maps.Clone(arguments)
		for _, name := range names {
			own := arguments[name]
			for other, value := range arguments {
				// What is worked out from a value may hold it too.
				switch {
				case other == name || value == own && !switches[other]:
					changed[other] = "x"
				case strings.IndexFunc(strings.TrimSpace(own), unicode.IsControl) >= 0:
					changed[other] = strings.ReplaceAll(changed[other], own, "x")
				}
			}
		}
		_, err := set.render(res.Line, changed)
		return err == nil
	}
	suspects := slices.DeleteFunc(suspectsOf(res, arguments), func(name string) bool { return switches[name] })
	culprits := slices.DeleteFunc(slices.Clone(suspects), func(name string) bool { return !whole(name) })
	if len(culprits) == 0 && whole(suspects...) {
		// Several break it: those that cannot be spared.
		culprits = suspects
		for _, name := range suspects {
			fewer := slices.DeleteFunc(slices.Clone(culprits), func(n string) bool { return n == name })
			if whole(fewer...) {
				culprits = fewer
			}
		}
	}
	if len(culprits) == 0 {
		return broken
	}
	refused := &config.ValidationError{Line: res.Line}
	for _, name := range culprits {
		refused.Errors = append(refused.Errors, config.Problem{Parameter: name, Message: blameMessage(res, name, broken)})
	}
	return refused
}

// collectSwitches collects the parameters that templates switch on: their
// values are among the cases, and go nowhere.
func collectSwitches(target render.Target, into map[string]bool) {
	for _, scope := range target.Scopes {
		into[scope.Name] = true
		for _, c := range scope.Cases {
			collectSwitches(c.Target, into)
		}
	}
}

// suspectsOf gives the parameters that can break a template: those that are
// given, and scripts whose form as a YAML scalar does (a text of a single word
// gets an end mark of the document after it).
func suspectsOf(res *config.Resolution, arguments map[string]string) []string {
	var suspects []string
	for _, name := range slices.Sorted(maps.Keys(res.UserArguments)) {
		value, ok := res.Arguments[name]
		if harmless := value == "true" || value == "false"; ok && (!harmless || strings.HasSuffix(name, "_contents")) {
			suspects = append(suspects, name)
		}
	}
	for _, name := range []string{"ip_detect_contents", "ip_detect_public_contents", "ip6_detect_contents"} {
		_, given := res.UserArguments[name]
		if value, ok := arguments[name]; ok && !given && strings.HasSuffix(value, "\n...\n") {
			suspects = append(suspects, name)
		}
	}
	return suspects
}

func blameMessage(res *config.Resolution, name string, broken error) string {
	const why = "DC/OS puts it into its files as it is"
	value, given := res.UserArguments[name]
	switch {
	case !given:
		return fmt.Sprintf("%s, worked out from the script, breaks the file it is put into (DC/OS %s): "+
			"a script of one word does, so give it a first line like #!/bin/sh",
			name, res.Line)
	case res.Secret[name]:
		return fmt.Sprintf("%s is set, but must not have line ends or control characters: %s (DC/OS %s)", name, why, res.Line)
	}
	remedy := ""
	if p, ok := config.Lookup(name); ok && (p.Kind == config.List || p.Kind == config.JSON) {
		remedy = "; given as a value, or as text on one line, it does not"
	}
	if script, ok := strings.CutSuffix(name, "_contents"); ok && strings.HasSuffix(script, "_detect") {
		remedy = "; give the text of the script as " + script + "_script"
	}
	return fmt.Sprintf("%s is %.200q, but must not break the file it is put into, as line ends and control characters do: %s%s (DC/OS %s; %v)",
		name, value, why, remedy, res.Line, broken)
}
