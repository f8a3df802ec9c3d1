// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	t.Parallel()
	arguments := map[string]string{"name": "x", "on": "true", "off": "false", "braces": "{{ name }} {% case %}", "empty": "", "a_1": "one"}
	for text, want := range map[string]string{
		"":                            "",
		"plain } }} %} { text":        "plain } }} %} { text",
		"{{ name }}":                  "x",
		"a{{ name }}b{{ a_1 }}c":      "axbonec",
		"{{{{ name }}":                "{{ name }}",
		"{{{{{ name }}":               "{{{ name }}",
		"{{ braces }}":                "{{ name }} {% case %}",
		"[{{ empty }}]":               "[]",
		"line\n{{ name }}\nnext":      "line\nx\nnext",
		"{% switch on %}{% endswitch": "!",
		"{% switch on %}\n{% case \"true\" %}\nyes\n{% case \"false\" %}\nno\n{% endswitch %}\nend": "\nyes\n\nend",
		"{% switch off %}{% case \"true\" %}yes{% case \"false\" %}" +
			"{% switch on %}{% case \"true\" %}deep{% endswitch %}{% endswitch %}": "deep",
		"{% switch name %}{% case \"x\" %}first{% case \"x\" %}second{% endswitch %}":           "second",
		"{% switch name %} \t\r\n {% case \"x\" %}first{% endswitch %}":                         "first",
		"{% switch empty %}{% case \"\" %}nothing{% case \"a\\\"\\\\\" %}quoted{% endswitch %}": "nothing",
		"{% switch name %}{% case \"y\" %}{% endswitch %}":                                      "!",
		"{{ missing }}":                          "!",
		"{% switch missing %}{% endswitch %}":    "!",
		"{{ name | upper }}":                     "!",
		"{% for a in name %}{{ a }}{% endfor %}": "!",
	} {
		got := render(text, arguments)
		if got != want {
			t.Errorf("%q renders to %q, want %q", text, got, want)
		}
	}
}

func render(text string, arguments map[string]string) string {
	tmpl, err := Parse("t", text)
	if err != nil {
		return "!"
	}
	got, err := tmpl.Render(arguments)
	if err != nil {
		return "!"
	}
	return got
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\nb {{name }}": `template t, line 2: a blank is missing near "name }}"`,
		"{{  name }}":    `template t, line 1: only one blank may stand here near "  name }}"`,
		"{{ name  }}":    `template t, line 1: only one blank may stand here near "  }}"`,
		"{{ name\t}}":    `template t, line 1: a blank is missing near "\t}}"`,
		"{{ Name }}":     `template t, line 1: a replacement needs a name near "Name }}"`,
		"{{ name | }}":   `template t, line 1: a blank is missing near "}}"`,
		"{{ name }":      `template t, line 1: a replacement does not end with two closing braces near "}"`,
		"{{ name":        `template t, line 1: the text ends inside braces near ""`,
		"{{ ":            `template t, line 1: the text ends inside braces near " "`,
		"{{{ name }}}": `template t, line 1: three opening braces mean nothing (two start a replacement, four stand for two) near ` +
			`"{{{ name }"`,
		"{% if x %}":            `template t, line 1: a control group is none of switch, case, endswitch, for, endfor near "if x %}"`,
		"{%switch x %}":         `template t, line 1: a blank is missing near "switch x %"`,
		"{% switch x%}":         `template t, line 1: a blank is missing near "%}"`,
		"{% switch x }":         `template t, line 1: a control group does not end with %} near "}"`,
		"{% case \"a\" %}":      "template t, line 1: case outside of a switch or a loop",
		"{% endswitch %}":       "template t, line 1: end of a switch outside of a switch or a loop",
		"{% endfor %}":          "template t, line 1: end of a loop outside of a switch or a loop",
		"{% switch x %}":        "template t, line 1: end of text inside switch x, where a case or the end of the switch belongs",
		"{% switch x %}text":    "template t, line 1: text between switch x and its first case",
		"{% switch x %}\n {\n":  "template t, line 2: text between switch x and its first case",
		"{% switch x %}{{ y }}": "template t, line 1: replacement inside switch x, where a case or the end of the switch belongs",
		"{% switch x %}{% case \"a\" %}{% endfor %}": "template t, line 1: end of a loop inside switch x, where a case or the end of the " +
			"switch belongs",
		"{% switch x %}{% case a %}":        `template t, line 1: a case's value does not start with a double quote near "a %}"`,
		"{% switch x %}{% case \"a\nb\" %}": `template t, line 1: a case's value has a line end in it near "\nb\" %}"`,
		"{% switch x %}{% case \"a\\n\" %}": `template t, line 1: only a double quote or a backslash may follow a backslash near "n\" %}"`,
		"{% switch x %}{% case \"a":         `template t, line 1: a case's value does not end near ""`,
		"{% for a in b %}":                  "template t, line 1: end of text where the end of the loop over b belongs",
		"{% for a of b %}":                  `template t, line 1: a loop has no "in" near "of b %}"`,
	} {
		_, err := Parse("t", text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", text, err, want)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	target := func(text string) string {
		tmpl, err := Parse("t", text)
		if err != nil {
			t.Fatal(err)
		}
		target, err := tmpl.Target()
		if err != nil {
			return "! " + err.Error()
		}
		return showTarget(target)
	}
	for text, want := range map[string]string{
		"{{ b }}{{ a }}{{ b }}": "a b",
		"{% switch s %}{% case \"x\" %}{{ b }}{% case \"y\" %}{% endswitch %}{{ a }}": "a s(x: b, y: )",
		"{% switch s %}{% case \"x\" %}{{ b }}{% endswitch %}" +
			"{% switch s %}{% case \"x\" %}{{ a }}{% switch t %}{% endswitch %}{% endswitch %}": "s(x: a b t())",
		"{% for v in l %}{{ v }}{{ a }}{% endfor %}{{ v }}": "a v",
		"{% switch s %}{% case \"x\" %}{% endswitch %}{% switch s %}{% case \"y\" %}{% endswitch %}": "! the templates contradict each other: " +
			"switch s has the cases x in one place and y in another",
		"{% switch s %}{% case \"x\" %}{% endswitch %}" +
			"{% switch s %}{% case \"x\" %}{% case \"y\" %}{% endswitch %}": "! the templates contradict each other: " +
			"switch s has the cases x in one place and x, y in another",
		"{% switch s %}{% case \"x\" %}{% switch s %}{% case \"y\" %}{% endswitch %}{% endswitch %}": "s(x: s(y: ))",
		"{% switch s %}{% case \"x\" %}{% case \"y\" %}{% endswitch %}" +
			"{% switch s %}{% case \"y\" %}{{ b }}{% case \"x\" %}{{ a }}{% endswitch %}": "s(x: a, y: b)",
	} {
		if got := target(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func showTarget(target Target) string {
	parts := append([]string{}, target.Variables...)
	for _, s := range target.Scopes {
		var cases []string
		for _, c := range s.Cases {
			cases = append(cases, c.Value+": "+showTarget(c.Target))
		}
		parts = append(parts, s.Name+"("+strings.Join(cases, ", ")+")")
	}
	return strings.Join(parts, " ")
}

// FuzzTemplate checks that any text parses or is a syntax error, that one
// without braces is left as it is, and that a template renders with whatever
// its target asks for.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"", "text", "{", "{{ a }}", "{{{{", "{% switch a %}\n{% case \"b\" %}{{ c | d }}{% endswitch %}", "{% for a in b %}{{ a }}{% endfor %}",
		"{% case \"\\\"", "{{ a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := Parse("t", text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		target, err := tmpl.Target()
		if err != nil {
			return
		}
		arguments := make(map[string]string)
		choose(target, arguments)
		got, err := tmpl.Render(arguments)
		if err != nil {
			var broken *RenderError
			if !errors.As(err, &broken) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if !strings.Contains(text, "{") && got != text {
			t.Errorf("%q renders to %q", text, got)
		}
	})
}

func choose(target Target, arguments map[string]string) {
	for _, name := range target.Variables {
		arguments[name] = "value"
	}
	for _, s := range target.Scopes {
		if len(s.Cases) > 0 {
			arguments[s.Name] = s.Cases[0].Value
			choose(s.Cases[0].Target, arguments)
		}
	}
}
