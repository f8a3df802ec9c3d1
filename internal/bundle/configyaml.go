// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// ConfigYAML gives a config.yaml from which DC/OS's own generator would read
// the same arguments, but for those that are left out, as secrets are.
func (b *Bundle) ConfigYAML(leftOut map[string]bool) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.UserArguments)) {
		if leftOut[name] {
			continue
		}
		out.WriteString(yamlKey(name))
		out.WriteByte(':')
		out.WriteString(yamlValue(b.UserArguments[name]))
		out.WriteByte('\n')
	}
	return out.String()
}

var (
	// plainYAML is text that is the same without quotes in every YAML: it
	// starts with a letter or a slash, has no blank, and no colon at its end.
	plainYAML = regexp.MustCompile(`^[A-Za-z/](?:[A-Za-z0-9_./:@+-]*[A-Za-z0-9_./@+-])?$`)
	// notText are words that YAML 1.1 takes for a boolean or nothing.
	notText = regexp.MustCompile(`(?i)^(?:y|n|yes|no|on|off|true|false|null)$`)
	// integer is a number that is read and written as the same digits.
	integer = regexp.MustCompile(`^(?:0|-?[1-9][0-9]{0,17})$`)
)

func yamlKey(name string) string {
	if plainYAML.MatchString(name) && !strings.Contains(name, ":") && !notText.MatchString(name) {
		return name
	}
	return yamlQuoted(name)
}

// yamlValue writes a value so that reading it gives the same text: numbers,
// booleans and lists of text as themselves where DC/OS makes the same text of
// them again, text of several lines as a block, everything else quoted.
func yamlValue(value string) string {
	switch {
	case value == "true" || value == "false", integer.MatchString(value), plainYAML.MatchString(value) && !notText.MatchString(value):
		return " " + value
	case yamlBlock(value):
		header := " |"
		if !strings.HasSuffix(value, "\n") {
			header = " |-"
		}
		return header + "\n  " + strings.ReplaceAll(strings.TrimSuffix(value, "\n"), "\n", "\n  ")
	}
	if list := textList(value); len(list) > 0 {
		var out strings.Builder
		for _, item := range list {
			out.WriteString("\n- " + yamlItem(item))
		}
		return out.String()
	}
	return " " + yamlQuoted(value)
}

// yamlItem writes an item of a list, which has to stay text.
func yamlItem(item string) string {
	if plainYAML.MatchString(item) && !notText.MatchString(item) {
		return item
	}
	return yamlQuoted(item)
}

// yamlBlock tells whether a text can be a literal block and come back as it
// is: printable lines, none of which starts or ends with a blank or is empty,
// one line end at the end or none.
func yamlBlock(value string) bool {
	lines := strings.Split(strings.TrimSuffix(value, "\n"), "\n")
	if len(lines) < 2 {
		return false
	}
	for i, line := range lines {
		if line == "" && (i == 0 || i == len(lines)-1) || i == 0 && strings.HasPrefix(line, " ") || strings.HasSuffix(line, " ") {
			return false
		}
		for _, r := range line {
			if r < ' ' || r > '~' {
				return false
			}
		}
	}
	return true
}

// textList gives the items of a JSON list of texts that is written as the
// generator writes it, nothing for anything else.
func textList(value string) []string {
	if !strings.HasPrefix(value, "[") {
		return nil
	}
	decoded, err := render.DecodeJSON(value)
	if err != nil {
		return nil
	}
	items, _ := decoded.([]any)
	list := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		if !ok || !utf8.ValidString(text) {
			return nil
		}
		list = append(list, text)
	}
	if again, err := render.EncodeJSON(items); err != nil || again != value {
		return nil
	}
	return list
}

// yamlQuoted is a text in double quotes, in ASCII.
func yamlQuoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r >= ' ' && r <= '~':
			out.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&out, `\U%08X`, r)
		case r > 0xff:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			fmt.Fprintf(&out, `\x%02X`, r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// GivenIn reads the parameters that a site was given from the configuration that DC/OS
// keeps of it on its nodes (etc/user.config.yaml), which the generators of all lines write
// alike.
func GivenIn(text string) (map[string]string, error) {
	values, err := config.FromYAML("", []byte(text))
	if err != nil {
		return nil, err
	}
	given := make(map[string]string, len(values))
	for name, v := range values {
		given[name] = v.Text
	}
	return given, nil
}
