// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func olderRows() []row {
	return []row{
		{
			name: "dcos_dns_push_ops_timeout", kind: Integer, on: span{"1.12", "2.0"},
			about:    "The name of `dcos_net_push_ops_timeout` before 2.1, in milliseconds.",
			fallback: perLine[string]{{"1.12", "1000"}},
			rules:    rules(between(50, 120000)),
		},
		{
			name: "dcos_dns_store_modes", kind: List, on: only("2.0"),
			about:    "How dcos-net stores DNS records.",
			rules:    rules(rule{allowed: "a list of \"lww\", \"set\" or both", check: storeModes}),
			fallback: same(`["lww", "set"]`),
		},
		{
			name: "minuteman_min_named_ip", kind: Text, on: only("1.10"),
			about:    "The name of `dcos_l4lb_min_named_ip` on 1.10.",
			fallback: same("11.0.0.0"),
			rules:    rules(ipv4Address()),
		},
		{
			name: "minuteman_max_named_ip", kind: Text, on: only("1.10"),
			about:    "The name of `dcos_l4lb_max_named_ip` on 1.10.",
			fallback: same("11.255.255.255"),
			rules:    rules(ipv4Address()),
		},
		{
			name: "cosmos_config", kind: JSON, on: only("1.10"),
			about:    "Where Cosmos stores packages: `staged_package_storage_uri` and `package_storage_uri`, both or neither.",
			fallback: same("{}"),
			rules:    rules(rule{allowed: "an object with both or none of staged_package_storage_uri and package_storage_uri", check: cosmosConfig}),
		},
	}
}
