// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strings"

func siteRows() []row {
	return []row{
		{
			name: "cluster_name", kind: Text,
			about: "Name of the cluster as its users see it.",
			shows: []string{"/etc/mesos-master-provider", "/etc/telegraf/telegraf.conf"},
		},
		{
			name: "bootstrap_url", kind: Text,
			about: "Where nodes fetch packages from: `file:///…` if they are pushed to that directory, or the URL of a web server.",
			// The default is ours; DC/OS has none.
			fallback: same("file:///opt/dcos_install_tmp"),
			rules: rules(checked("a URL of at least 2 characters that does not end with a slash",
				func(v string) bool { return len([]rune(v)) > 1 && !strings.HasSuffix(v, "/") })),
			shows: []string{"/etc/exhibitor", "/etc/mesosphere/setup-flags/repository-url", "/etc/systemd/system/dcos-download.service"},
		},
		{
			name: "master_discovery", kind: Text,
			about:   "How agents find the masters: `static` by the list of their addresses, `master_http_loadbalancer` through a load balancer.",
			choices: []string{"static", "master_http_loadbalancer"},
			shows:   []string{"/etc/dns_config", "/etc_master/dns_config_master", "/etc/master_list", "/etc/extra_master_addresses"},
		},
		{
			name: "master_list", kind: List,
			about: "Addresses of the masters; needed with static discovery and with the static exhibitor backend.",
			rules: rules(ipv4List()),
			shows: []string{"/etc/exhibitor", "/etc/master_list", "/etc/mesos-master", "/etc_master/master_count"},
		},
		{
			name: "num_masters", kind: Integer,
			about: "Number of masters; needed with `master_http_loadbalancer`, and counted from `master_list` with `static`, where it must not " +
				"be given.",
			rules: rules(ensembleSize()),
			shows: []string{"/etc/mesos-master", "/etc_master/master_count"},
		},
		{
			name: "exhibitor_address", kind: Text,
			about: "Name or address of the load balancer in front of the masters; needed with `master_http_loadbalancer`.",
			shows: []string{"/etc/dns_config", "/etc/extra_master_addresses"},
		},
		{
			name: "master_external_loadbalancer", kind: Text,
			about:    "Name or address under which the masters are reached from outside; it goes into certificates. Empty means none.",
			fallback: same(""),
			shows:    []string{"/etc/extra_master_addresses"},
		},
	}
}
