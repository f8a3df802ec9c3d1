// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A cloudInitKind is a distribution that cloud_init knows: scripts/cloud-init/NAME.sh has its ways.
type cloudInitKind struct{ name, about string }

var cloudInitKinds = []cloudInitKind{
	{"debian", "Debian. Tried on Debian 12 with its own cloud-init and Docker (`docker.io` 20.10.24)"},
	{"rhel", "RHEL, CentOS and Oracle Linux 7, with Docker's own `docker-ce`. Untested"},
	{"flatcar", "Flatcar Container Linux, which has all programs in its image. Untested"},
}

// cloudInitKindsText describes the kinds, for the documentation.
func cloudInitKindsText() string {
	var b strings.Builder
	for _, k := range cloudInitKinds {
		fmt.Fprintf(&b, "\n- `%s`: %s.", k.name, k.about)
	}
	return b.String()
}

// dockerBelow is the first major version of Docker that cloud_init does not choose where there is an older one: agents with
// Calico do not start with it (checkDockerVersion in package node), and no line of DC/OS was made with it.
const dockerBelow = 23

// An argumentError is a fault of one argument of a function.
type argumentError struct {
	argument int64
	text     string
}

func (e *argumentError) Error() string { return e.text }

// cloudInit gives the script that makes a machine of the kind ready for the line and role.
func cloudInit(kind, version, role string) (string, *argumentError) {
	if !slices.ContainsFunc(cloudInitKinds, func(k cloudInitKind) bool { return k.name == kind }) {
		names := make([]string, len(cloudInitKinds))
		for i, k := range cloudInitKinds {
			names[i] = k.name
		}
		return "", &argumentError{0, fmt.Sprintf("kind: there is no script for %q; there are %s", kind, strings.Join(names, ", "))}
	}
	line := config.LineOf(version)
	if line == "" {
		return "", &argumentError{1, fmt.Sprintf("line: %q is no line of DC/OS; there are %s", version, strings.Join(config.Lines(), ", "))}
	}
	onDisk := node.Role(role)
	if !slices.Contains([]node.Role{node.Master, node.Agent, node.PublicAgent}, onDisk) {
		return "", &argumentError{2, fmt.Sprintf("role: %q is not one of master, agent, public_agent", role)}
	}
	script := cloudInitHead(kind, line, role, bundle.PreflightFacts(line, onDisk.OnDisk()))
	for _, part := range []string{kind, "prepare"} {
		text, err := detectScripts.ReadFile("scripts/cloud-init/" + part + ".sh")
		if err != nil {
			return "", &argumentError{0, "kind: " + err.Error()}
		}
		script += "\n" + string(text)
	}
	return script, nil
}

// cloudInitHead gives what the script begins with: what the line wants, from the table that preflight has too.
func cloudInitHead(kind, line, role string, facts bundle.PreflightFact) string {
	var commands []string
	for _, c := range facts.Commands {
		commands = append(commands, c.Name)
	}
	// dcos-net's unit calls the host's iptables (packages/dcos-net/extra/dcos-net.service).
	commands = append(commands, "iptables")
	selinux := "permissive"
	if facts.SELinuxTargeted {
		selinux = "targeted"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n# Made by provider::dcos::cloud_init(%q, %q, %q). Run as root; may be run again.\n", kind, line, role)
	fmt.Fprintf(&b, "kind=%s\nline=%s\nrole=%s\n", kind, line, role)
	fmt.Fprintf(&b, "commands='%s'\ngroups='%s'\nmodules='%s'\n", strings.Join(commands, " "), strings.Join(facts.Groups, " "),
		strings.Join(facts.KernelModules, " "))
	fmt.Fprintf(&b, "docker_below=%d\nselinux=%s\n", dockerBelow, selinux)
	return b.String()
}
