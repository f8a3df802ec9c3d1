// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/conformance"
)

// constructs are what the template language has, each with a name.
func constructs() []string {
	return []string{
		"text", "replacement", "filter", "switch", "switch in a case", "switch in several places", "switch with its cases the other way round",
		"white space before the first case", "case of no text", "case with an escaped quote", "case with an escaped backslash", "case twice",
		"case without a chunk",
		"replacement in a case", "loop", "loop's variable", "parameter in a loop", "escaped braces", "lone brace",
		"closing braces", "value on a line of its own", "switch over lines",
	}
}

// A use notes the constructs that a line's templates use.
type use struct {
	found    map[string]bool
	switches map[string][]string // the cases of a switch, where it came first
}

func (u *use) walk(chunks []chunk, loops []string, inCase bool) {
	note := func(what string, ok bool) {
		if ok {
			u.found[what] = true
		}
	}
	for i := range chunks {
		switch c := &chunks[i]; {
		case c.ref != nil:
			bound := slices.Contains(loops, c.ref.name)
			note("replacement", true)
			note("filter", c.ref.filter != "")
			note("replacement in a case", inCase)
			note("loop's variable", bound)
			note("parameter in a loop", len(loops) > 0 && !bound)
		case c.choice != nil:
			note("switch", true)
			note("switch in a case", inCase)
			var cases []string
			for _, cc := range c.choice.cases {
				cases = append(cases, cc.value)
				note("case of no text", cc.value == "")
				note("case with an escaped quote", strings.Contains(cc.value, `"`))
				note("case with an escaped backslash", strings.Contains(cc.value, `\`))
				note("case without a chunk", len(cc.chunks) == 0)
				u.walk(cc.chunks, loops, true)
			}
			first, again := u.switches[c.choice.name]
			note("switch in several places", again)
			note("switch with its cases the other way round", again && !slices.Equal(first, cases))
			if !again {
				u.switches[c.choice.name] = cases
			}
		case c.loop != nil:
			note("loop", true)
			u.walk(c.loop.chunks, append(slices.Clone(loops), c.loop.variable), inCase)
		default:
			note("text", true)
		}
	}
}

// TestRecordedConstructs holds that the templates of the recordings in the
// tree use every construct of the language, on every line.
func TestRecordedConstructs(t *testing.T) {
	t.Parallel()
	// What parsing leaves no trace of.
	written := map[string]*regexp.Regexp{
		"white space before the first case": regexp.MustCompile(`\{% switch \w+ %\}\s+\{% case`),
		"case twice":                        regexp.MustCompile(`\{% case "true" %\}[^{]*\{% case "true" %\}`),
		"escaped braces":                    regexp.MustCompile(`(^|[^{])\{\{\{\{ `),
		"lone brace":                        regexp.MustCompile(`[^{]\{[^{%]`),
		"closing braces":                    regexp.MustCompile(`[^{]* \}\} `),
		"value on a line of its own":        regexp.MustCompile(`(?m)^\{\{ \w+ \}\}$`),
		"switch over lines":                 regexp.MustCompile(`(?m)^ *\{% switch \w+ %\}$`),
	}
	recorded := conformance.Own(t)
	for _, tag := range recorded.Tags {
		u := use{map[string]bool{}, map[string][]string{}}
		for name, text := range recorded.Release(t, tag).Templates {
			template, err := Parse(name, text)
			if err != nil {
				t.Fatal(err)
			}
			u.walk(template.chunks, nil, false)
			for what, pattern := range written {
				if pattern.MatchString(text) {
					u.found[what] = true
				}
			}
		}
		for _, what := range constructs() {
			if !u.found[what] {
				t.Errorf("%s: no template has: %s", tag, what)
			}
		}
		if len(u.found) != len(constructs()) {
			t.Errorf("%s: %d constructs are found, of %d", tag, len(u.found), len(constructs()))
		}
	}
}
