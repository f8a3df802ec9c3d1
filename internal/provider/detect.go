// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"embed"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

//go:embed scripts
var detectScripts embed.FS

// A detectKind is a place whose detection script is ours.
type detectKind struct {
	name  string
	about string
	// fill puts what follows "name:" into the script; nil: nothing may follow.
	fill func(script, argument string) (string, error)
}

// ipDetectKinds are those of ip_detect.
var ipDetectKinds = []detectKind{
	{name: "aws", about: "the private address of an EC2 instance, from its metadata service (IMDSv2)"},
	{name: "gce", about: "the internal address of a Compute Engine instance"},
	{name: "azure", about: "the private address of an Azure virtual machine"},
	{name: "route", about: "on premises: the address from which the host sends to others; `route:10.1.0.1` asks for the way to that " +
		"address, plain `route` for the default route",
		fill: fillDestination},
	{name: "interface", about: "on premises: the first address of the network interface that follows, such as `interface:eth0`",
		fill: fillInterface},
}

// faultDomainDetectKinds are those of fault_domain_detect.
var faultDomainDetectKinds = []detectKind{
	{name: "aws", about: "region and availability zone of an EC2 instance, from its metadata service (IMDSv2)"},
	{name: "gce", about: "region and zone of a Compute Engine instance"},
	{name: "azure", about: "region and zone of an Azure virtual machine, or its fault domain where the region has no zones"},
}

// detectScript gives the script of a kind from a directory of detectScripts.
func detectScript(directory string, kinds []detectKind, kind string) (string, error) {
	name, argument, given := strings.Cut(kind, ":")
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		script, err := detectScripts.ReadFile("scripts/" + directory + "/" + name + ".sh")
		if err != nil {
			return "", err
		}
		if k.fill != nil {
			return k.fill(string(script), argument)
		}
		if given {
			return "", fmt.Errorf("nothing may follow %s", name)
		}
		return string(script), nil
	}
	return "", fmt.Errorf("there is no script for %q; there are %s", kind, kindNames(kinds))
}

// kindNames lists the kinds.
func kindNames(kinds []detectKind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// kindsText describes the kinds, for the documentation.
func kindsText(kinds []detectKind) string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "\n- `%s`: %s.", k.name, k.about)
	}
	return b.String()
}

// defaultDestination is an address that nothing but a default route leads to:
// it is set aside for documentation (RFC 5737), and nothing is sent to it.
const defaultDestination = "192.0.2.1"

func fillDestination(script, argument string) (string, error) {
	if argument == "" {
		argument = defaultDestination
	}
	if a, err := netip.ParseAddr(argument); err != nil || !a.Is4() {
		return "", fmt.Errorf("route:%s does not name an IPv4 address", argument)
	}
	return strings.ReplaceAll(script, "DESTINATION", argument), nil
}

// interfaceName is what Linux takes as one, as far as it needs no quoting.
var interfaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,14}$`)

func fillInterface(script, argument string) (string, error) {
	if !interfaceName.MatchString(argument) {
		return "", fmt.Errorf("name the network interface, as in interface:eth0")
	}
	return strings.ReplaceAll(script, "INTERFACE", argument), nil
}
