// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func scriptRows() []row {
	return []row{
		{
			name: "ip_detect_filename", kind: Text,
			about:    "Name of the script that prints a node's own address, as DC/OS knows it; the text is given as `ip_detect_script`.",
			fallback: same("genconf/ip-detect"),
			shows:    []string{"/bin/detect_ip", "/bin/detect_ip_public"},
		},
		{
			name: "ip_detect_contents", kind: Text,
			about:    "That script as one YAML scalar, in place of `ip_detect_script`.",
			computed: &computed{"`ip_detect_script`", []string{"ip_detect_filename"}, ipDetectContents},
			shows:    []string{"/bin/detect_ip", "/bin/detect_ip_public"},
		},
		{
			name: "ip_detect_public_filename", kind: Text,
			about: "Name of the script that prints a node's public address; empty means that it is the same script. " +
				"The text is given as `ip_detect_public_script`.",
			fallback: same(""),
			shows:    []string{"/bin/detect_ip_public"},
		},
		{
			name: "ip_detect_public_contents", kind: Text,
			about: "That script as one YAML scalar, in place of `ip_detect_public_script`.",
			computed: &computed{"`ip_detect_public_script`, or `ip_detect_contents`", []string{"ip_detect_contents", "ip_detect_public_filename"},
				ipDetectPublicContents},
			shows: []string{"/bin/detect_ip_public"},
		},
		{
			name: "ip6_detect_filename", kind: Text, on: since("1.12"),
			about:    "Name of the script that prints a node's IPv6 address; empty means none. The text is given as `ip6_detect_script`.",
			fallback: same(""),
			shows:    []string{"/bin/detect_ip6"},
		},
		{
			name: "ip6_detect_contents", kind: Text, on: since("1.12"),
			about:    "That script as one YAML scalar, in place of `ip6_detect_script`.",
			computed: &computed{"`ip6_detect_script`", []string{"ip6_detect_filename"}, ip6DetectContents},
			shows:    []string{"/bin/detect_ip6"},
		},
		{
			name: "fault_domain_detect_filename", kind: Text, on: since("1.11"),
			about: "Name of the script that prints a node's region and zone; the open edition does not use it. " +
				"The text is given as `fault_domain_detect_script`.",
			fallback: same("genconf/fault-domain-detect"),
		},
		{
			name: "fault_domain_detect_contents", kind: Text, on: since("1.11"),
			about:    "That script as one YAML scalar; the open edition does not use it.",
			computed: &computed{"`fault_domain_detect_script`", []string{"fault_domain_detect_filename"}, faultDomainDetectContents},
		},
	}
}
