// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
)

// maxShown is how many of the files that a parameter shows up in are named.
const maxShown = 4

// parameterDescription words a row of the table of parameters.
func parameterDescription(p config.Parameter) string {
	parts := []string{sentence(p.Description)}
	add := func(text string) { parts = append(parts, text) }
	switch p.Kind {
	case config.Bool:
		add("`true` or `false`.")
	case config.Integer, config.Number:
		add("A number.")
	case config.List:
		add("A list.")
	case config.JSON:
		add("An object, `jsonencode(...)`, or JSON text, which is taken as it is, as in `config.yaml`.")
	case config.Text:
	}
	if p.Allowed != "" && p.Kind != config.Bool {
		add("Allowed: " + sentence(p.Allowed))
	}
	add(defaultDescription(p))
	if text := linesDescription(p.Lines); text != "" {
		add(text)
	}
	if text := changeDescription(p.Name); text != "" {
		add(text)
	}
	if len(p.ShowsUp) > 0 {
		files := make([]string, len(p.ShowsUp))
		for i, path := range p.ShowsUp {
			files[i] = fileKey(path)
		}
		more := ""
		if len(files) > maxShown {
			files, more = files[:maxShown], " and others"
		}
		add("Files: `" + strings.Join(files, "`, `") + "`" + more + ".")
	}
	return strings.Join(parts, " ")
}

// hostFiles are where files are that the installer puts onto the host itself; their
// keys in files are these paths.
var hostFiles = []string{"/etc/mesosphere/", "/etc/systemd/", "/etc/rexray/config.yml"}

// fileKey is the key in files of a file that a parameter shows up in.
func fileKey(path string) string {
	if slices.ContainsFunc(hostFiles, func(at string) bool { return strings.HasPrefix(path, at) }) {
		return path
	}
	return "dcos-config" + path
}

// defaultDescription says what a parameter is if it is not given.
func defaultDescription(p config.Parameter) string {
	if p.Name == "bootstrap_url" {
		return "Default: `" + config.DefaultBootstrapURL + "`: nodes get everything over SSH, and no server is needed."
	}
	note := ""
	if p.HasDefault && p.DefaultNote != "" {
		note = " (" + p.DefaultNote + ")"
	}
	switch {
	case p.HasDefault && p.Default != "":
		return "Default: `" + p.Default + "`" + note + "."
	case p.HasDefault:
		return "Default: empty" + note + "."
	case p.DefaultNote != "":
		return "Default: from " + sentence(p.DefaultNote)
	}
	return "No default."
}

// changeDescription says what a change of a parameter does if it does not change
// nodes in place as others do. What a running cluster cannot change is what
// node.ChangeTopology refuses.
func changeDescription(name string) string {
	switch name {
	case "master_list":
		return "Changes in place, but for the number of addresses, which cannot change while the cluster runs."
	case "master_discovery", "num_masters", "exhibitor_storage_backend",
		"s3_bucket", "s3_prefix", "exhibitor_fs_config_dir", "exhibitor_zk_path", "exhibitor_azure_prefix":
		return "It cannot change while the cluster runs."
	}
	return ""
}

// linesDescription says on which lines a parameter is known, if not on all.
func linesDescription(lines []string) string {
	all := config.Lines()
	first, last := slices.Index(all, lines[0]), slices.Index(all, lines[len(lines)-1])
	switch {
	case len(lines) == len(all):
		return ""
	case len(lines) == 1:
		return "Only on DC/OS " + lines[0] + "."
	case last == len(all)-1 && last-first+1 == len(lines):
		return "On DC/OS " + lines[0] + " and later."
	case first == 0 && last-first+1 == len(lines):
		return "On DC/OS " + lines[len(lines)-1] + " and older."
	}
	return "On DC/OS " + strings.Join(lines, ", ") + "."
}
