// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func servicesRows() []row {
	return []row{
		{
			name: "metronome_gpu_scheduling_behavior", kind: Text, on: since("1.13"),
			about:    "Which jobs Metronome may put on agents with GPUs. Empty leaves the variable out.",
			fallback: same("restricted"),
			rules:    rules(oneOf("restricted", "unrestricted", "")),
			shows:    []string{"/etc_master/metronome"},
		},
		{
			name: "marathon_gpu_scheduling_behavior", kind: Text, on: since("1.13"),
			about: "Which tasks Marathon may put on agents with GPUs: `restricted` or `unrestricted`. " +
				"Empty leaves the variable out; DC/OS does not check it.",
			fallback: same("restricted"),
			shows:    []string{"/etc_master/marathon"},
		},
		{
			name: "marathon_new_group_enforce_role", kind: Text, on: since("2.0"),
			about:    "Whether new groups of Marathon enforce their role. Empty leaves the variable out.",
			fallback: same("top"),
			rules:    rules(oneOf("top", "off", "")),
			shows:    []string{"/etc_master/marathon"},
		},
		{
			name: "marathon_java_args", kind: Text,
			about:    "More arguments for Marathon's Java.",
			fallback: same(""),
			shows:    []string{"/etc_master/marathon"},
		},
	}
}
