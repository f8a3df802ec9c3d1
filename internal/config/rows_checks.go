// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func checkRows() []row {
	return []row{
		{
			name: "check_time", kind: Bool,
			about:    "Whether nodes check that their clock is synchronised.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/check_time.env", "/etc/dcos-check-config.json"},
		},
		{
			name: "check_config", kind: JSON,
			about:    "The built-in checks.",
			rules:    rules(checkObject()),
			computed: &computed{"DC/OS's own checks", []string{"check_time"}, checkConfigOf},
			shows:    []string{"/etc/dcos-check-config.json"},
		},
		{
			name: "custom_checks", kind: JSON,
			about:    "Checks of your own; their names must not be those of built-in ones.",
			fallback: same("{}"),
			rules:    rules(checkObject()),
			shows:    []string{"/etc/dcos-check-config.json"},
		},
		{
			name: "check_search_path", kind: Text,
			about:    "Search path of the checks; DC/OS sets it, and it must not be given.",
			fallback: perLine[string]{{"1.11", "/opt/mesosphere/bin:/usr/bin:/bin:/sbin"}},
		},
	}
}
