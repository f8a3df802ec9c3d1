// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command docsections groups the optional attributes on the generated page of
// dcos_cluster_config by what they are about, as the table of parameters has
// them: tfplugindocs lists them by name alone. tools/generate.sh runs it.
//
//	docsections docs/resources/cluster_config.md
package main

import (
	"fmt"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// The groups of attributes that have no section in the table.
const (
	inputs     = "Besides parameters"
	unused     = "Without effect"
	scripts    = "Scripts on the node"
	unusedMark = "Without effect: "
)

var attribute = regexp.MustCompile("^- `([A-Za-z0-9_]+)` ")

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: docsections PAGE")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	grouped, err := group(string(text))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], []byte(grouped), 0o644); err != nil { //nolint:gosec // a page for everybody to read
		log.Fatal(err)
	}
}

// group puts the attributes under "### Optional" below headings.
func group(page string) (string, error) {
	const from, to = "### Optional\n\n", "\n### Read-Only\n"
	before, rest, found := strings.Cut(page, from)
	list, after, ended := strings.Cut(rest, to)
	if !found || !ended {
		return "", fmt.Errorf("it has no list of optional attributes")
	}
	byGroup := make(map[string][]string)
	for line := range strings.Lines(list) {
		m := attribute.FindStringSubmatch(line)
		if m == nil {
			return "", fmt.Errorf("this is no attribute: %q", line)
		}
		g := groupOf(m[1], line)
		byGroup[g] = append(byGroup[g], line)
	}
	var b strings.Builder
	b.WriteString(before + from)
	b.WriteString("By what they are about. Each is optional for Terraform; what DC/OS needs is in the table above.\n")
	for _, g := range groups() {
		if lines := byGroup[g]; len(lines) > 0 {
			b.WriteString("\n#### " + g + "\n\n" + strings.Join(lines, ""))
		}
		delete(byGroup, g)
	}
	if len(byGroup) > 0 {
		return "", fmt.Errorf("groups without a place: %v", byGroup)
	}
	b.WriteString(to + after)
	return b.String(), nil
}

// groups are in the order of the table.
func groups() []string {
	all := []string{inputs}
	for _, p := range config.Parameters() {
		if g := string(p.Section); !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return append(all, unused)
}

func groupOf(name, line string) string {
	p, ok := config.Lookup(name)
	switch {
	case strings.Contains(line, unusedMark):
		return unused
	case ok:
		return string(p.Section)
	case strings.HasSuffix(name, "_script"):
		return scripts
	}
	return inputs
}
