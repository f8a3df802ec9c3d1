// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func networkRows() []row {
	return []row{
		{
			name: "enable_lb", kind: Bool,
			about:    "Whether the layer 4 load balancer for services runs.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "enable_ipv6", kind: Bool, on: since("1.11"),
			about:    "Whether DC/OS's networks use IPv6.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows: []string{"/etc/dcos-net.config.d/common.config", "/etc/dcos_net", "/etc/mesos-slave-dns.json",
				"/etc/overlay/config/agent-master.json", "/etc/overlay/config/agent.json", "/etc/overlay/config/master.json"},
		},
		{
			name: "enable_mesos_ipv6_discovery", kind: Bool, on: since("1.12"),
			about:    "Whether Mesos agents find their IPv6 address with the IPv6 script.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "dcos_l4lb_enable_ipv6", kind: Bool, on: since("1.11"),
			about:    "Whether the layer 4 load balancer serves IPv6; not without `enable_ipv6`.",
			fallback: same("false").then("1.13", "true"),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_l4lb_enable_ipset", kind: Bool, on: since("1.11"),
			about:    "Whether the layer 4 load balancer uses IP sets.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_l4lb_min_named_ip", kind: Text, on: since("1.11"),
			about:    "First address given to named services.",
			fallback: same("11.0.0.0"),
			rules:    rules(ipv4Address()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_l4lb_max_named_ip", kind: Text, on: since("1.11"),
			about:    "Last address given to named services.",
			fallback: same("11.255.255.255"),
			rules:    rules(ipv4Address()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_l4lb_min_named_ip6", kind: Text, on: since("1.11"),
			about:    "First IPv6 address given to named services.",
			fallback: same("fd01:c::"),
			rules:    rules(ipv6Address()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_l4lb_max_named_ip6", kind: Text, on: since("1.11"),
			about:    "Last IPv6 address given to named services.",
			fallback: same("fd01:c::ffff:ffff:ffff:ffff"),
			rules:    rules(ipv6Address()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_net_cluster_identity", kind: Bool, on: since("1.11"),
			about:    "Whether dcos-net uses the identity of the cluster.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/dcos_net"},
		},
		{
			name: "dcos_net_rest_enable", kind: Bool, on: since("1.11"),
			about:    "Whether dcos-net serves its REST interface.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/dcos-net.config.d/common.config"},
		},
		{
			name: "dcos_net_watchdog", kind: Bool, on: since("1.11"),
			about:    "Whether dcos-net is watched and restarted.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/dcos_net"},
		},
		{
			name: "dcos_net_push_ops_timeout", kind: Integer, on: since("2.1"),
			about:    "Time limit of dcos-net for passing changes on, in milliseconds.",
			fallback: same("1000"),
			rules:    rules(between(50, 120000)),
			shows:    []string{"/etc_master/dcos-net.config.d/master.config"},
		},
		{
			name: "dcos_ucr_default_bridge_network_name", kind: Text,
			about:    "Name of the bridge network for containers of the universal runtime.",
			fallback: same("mesos-bridge"),
			shows:    []string{"/etc/dcos-cni-networks", "/etc/dcos/network/cni/ucr-default-bridge.conf"},
		},
		{
			name: "dcos_ucr_default_bridge_subnet", kind: Text,
			about:    "Network of that bridge.",
			fallback: same("172.31.254.0/24"),
			rules:    rules(ipv4Network()),
			shows:    []string{"/etc/dcos/network/cni/ucr-default-bridge.conf"},
		},
		{
			name: "dcos_cni_data_dir", kind: Text,
			about:    "Directory on the node in which networks keep their data.",
			fallback: same("/var/run/dcos/cni/networks"),
			shows: []string{"/etc/dcos/network/cni/ucr-default-bridge.conf", "/etc/overlay/config/agent-master.json",
				"/etc/overlay/config/agent.json"},
		},
		{
			name: "mesos_cni_root_dir_persist", kind: Bool,
			about:    "Whether the containers' network data survives a reboot.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
	}
}
