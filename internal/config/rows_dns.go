// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func dnsRows() []row {
	return []row{
		{
			name: "resolvers", kind: List,
			about:    "DNS servers that answer what DC/OS itself does not; an empty list switches outside names off.",
			fallback: same("[\"8.8.8.8\", \"8.8.4.4\"]"),
			rules:    rules(resolverList()),
			shows: []string{"/etc/dns_config", "/etc/mesos-dns.json", "/etc_master/dcos-dns.json", "/etc_slave/dcos-dns.json",
				"/etc_slave_public/dcos-dns.json"},
		},
		{
			name: "dns_search", kind: Text,
			about:    "Domains that nodes search, with blanks between them. Empty leaves the setting out.",
			fallback: same(""),
			rules:    rules(dnsSearch()),
			shows:    []string{"/etc/dns_search_config"},
		},
		{
			name: "dns_forward_zones", kind: JSON,
			about: "DNS zones that are answered by servers of their own: zone to list of `address` or `address:port` (on 1.10 a list of " +
				"`[zone, [[address, port], …]]`).",
			fallback: same("[]").then("1.11", "{}"),
			rules:    rules(forwardZones()),
			shows:    []string{"/etc_master/dcos-dns.json", "/etc_slave/dcos-dns.json", "/etc_slave_public/dcos-dns.json"},
		},
		{
			name: "dns_bind_ip_blacklist", kind: List,
			about:    "Addresses of the node on which DC/OS's DNS forwarder does not listen.",
			fallback: same("[]"),
			rules:    rules(ipv4List()),
			shows:    []string{"/etc_master/dcos-dns.json", "/etc_slave/dcos-dns.json", "/etc_slave_public/dcos-dns.json"},
		},
		{
			name: "dns_bind_ip_reserved", kind: List, on: since("1.11"),
			about:    "Addresses that are kept free of DC/OS's DNS forwarder for other parts of DC/OS.",
			fallback: same("[\"198.51.100.4\"]"),
			shows:    []string{"/etc_master/dcos-dns.json", "/etc_slave/dcos-dns.json", "/etc_slave_public/dcos-dns.json"},
		},
		{
			name: "master_dns_bindall", kind: Bool,
			about:    "Whether masters answer DNS on all their addresses.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc_master/dcos-dns.json"},
		},
		{
			name: "mesos_dns_ip_sources", kind: List,
			about:    "Where Mesos-DNS takes a task's address from, in order.",
			fallback: same("[\"host\", \"netinfo\"]"),
			rules:    rules(textList()),
			shows:    []string{"/etc/mesos-dns.json"},
		},
		{
			name: "mesos_dns_set_truncate_bit", kind: Bool,
			about:    "Whether Mesos-DNS marks answers that are too long for UDP as cut.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-dns.json"},
		},
		{
			name: "use_proxy", kind: Bool,
			about:    "Whether DC/OS reaches the outside through the proxies given here.",
			fallback: same("false"),
			choices:  []string{"true", "false"},
			shows:    []string{"/etc/proxy.env"},
		},
		{
			name: "http_proxy", kind: Text,
			about: "Proxy for http; needed with `use_proxy`.",
			shows: []string{"/etc/proxy.env"},
		},
		{
			name: "https_proxy", kind: Text,
			about: "Proxy for https; needed with `use_proxy`.",
			shows: []string{"/etc/proxy.env"},
		},
		{
			name: "no_proxy", kind: List,
			about: "Names and domains that are reached without a proxy, besides DC/OS's own; " +
				"needed with `use_proxy`, though the list may be empty.",
			fallback: same(""),
			shows:    []string{"/etc/proxy.env"},
		},
	}
}
