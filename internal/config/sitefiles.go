// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strings"

// A SiteFile is a script that DC/OS's generator reads beside config.yaml, and that a
// user gives as text.
type SiteFile struct {
	Attribute string // of dcos_cluster_config
	Path      string // where the generator looks for it
	Parameter string // the parameter that names the file
	Named     bool   // the file is used only if the parameter names it; giving its text names it
}

// SiteFiles are all of them.
func SiteFiles() []SiteFile {
	return []SiteFile{
		{"ip_detect_script", "genconf/ip-detect", "ip_detect_filename", false},
		{"ip_detect_public_script", "genconf/ip-detect-public", "ip_detect_public_filename", true},
		{"ip6_detect_script", "genconf/ip6-detect", "ip6_detect_filename", true},
		{"fault_domain_detect_script", "genconf/fault-domain-detect", "fault_domain_detect_filename", false},
	}
}

// DefaultBootstrapURL is ours: the files are pushed, and no server is needed.
const DefaultBootstrapURL = "file:///opt/dcos_install_tmp"

// Implied takes out of the parameters of a config.yaml what attributes say by
// themselves, and returns for each script that the site uses, by its attribute, the path
// at which it is. A script whose content is a parameter is none.
func Implied(given map[string]Value) map[string]string {
	if given["bootstrap_url"].Text == DefaultBootstrapURL {
		delete(given, "bootstrap_url")
	}
	used := map[string]string{}
	for _, file := range SiteFiles() {
		named, isNamed := given[file.Parameter]
		if _, contents := given[strings.TrimSuffix(file.Parameter, "_filename")+"_contents"]; contents || file.Named && named.Text == "" {
			continue
		}
		used[file.Attribute] = file.Path
		if isNamed && named.Text != "" {
			used[file.Attribute] = named.Text
		}
		if isNamed && named.Text == file.Path {
			delete(given, file.Parameter)
		}
	}
	return used
}
