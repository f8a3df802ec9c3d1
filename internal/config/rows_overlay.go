// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func overlayRows() []row {
	return []row{
		{
			name: "dcos_overlay_enable", kind: Bool,
			about:    "Whether DC/OS's overlay networks are on.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows: []string{"/etc/dcos-diagnostics-endpoint-config.json", "/etc/dcos-net.config.d/common.config",
				"/etc/mesos-master-modules/overlay_master_modules.json", "/etc/mesos-slave-modules/overlay_slave_modules.json", "/etc_master/marathon"},
		},
		{
			name: "dcos_overlay_mtu", kind: Integer,
			about:    "MTU of containers in overlay networks, in bytes.",
			fallback: same("1420"),
			rules:    rules(between(552, 0)),
			shows:    []string{"/etc/overlay/config/agent-master.json", "/etc/overlay/config/agent.json"},
		},
		{
			name: "dcos_overlay_config_attempts", kind: Integer,
			about:    "How often an agent tries to set up the overlays.",
			fallback: same("4"),
			rules:    rules(between(0, 10)),
			shows:    []string{"/etc/overlay/config/agent-master.json", "/etc/overlay/config/agent.json"},
		},
		{
			name: "dcos_overlay_network", kind: JSON,
			about:    "The overlay networks.",
			rules:    rules(overlayNetwork()),
			fallback: same(overlayDefault4).then("1.11", overlayDefault),
			shows:    []string{"/etc/overlay/config/master.json"},
		},
		{
			name: "dcos_overlay_network_json", kind: JSON, on: since("1.11"),
			about:    "The overlay networks as they reach the nodes, in place of `dcos_overlay_network`.",
			rules:    rules(overlayNetwork()),
			computed: &computed{"`dcos_overlay_network` and `enable_ipv6`", []string{"dcos_overlay_network", "enable_ipv6"}, overlayNetworkJSON},
			shows:    []string{"/etc/overlay/config/master.json"},
		},
		{
			name: "dcos_overlay_network_default_name", kind: Text,
			about:    "Name of the overlay that is used where none is named.",
			fallback: same("dcos"),
			shows:    []string{"/etc/dcos-cni-networks", "/etc_master/marathon"},
		},
		{
			name: "dcos_overlay_network6_default_name", kind: Text, on: since("1.11"),
			about:    "Name of the IPv6 overlay that is used where none is named.",
			fallback: same("dcos6"),
			shows:    []string{"/etc/dcos-cni-networks"},
		},
		{
			name: "calico_enabled", kind: Bool, on: since("2.1"),
			about:    "Whether Calico networks are on.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows: []string{"/etc/calico/*", "/etc/dcos/network/cni/calico.conf", "/etc/mesos-slave-common",
				"/etc/dcos-diagnostics-endpoint-config.json"},
		},
		{
			name: "calico_network_cidr", kind: Text, on: since("2.1"),
			about:    "Network of Calico's containers; it must not overlap an overlay.",
			fallback: same("172.29.0.0/16"),
			rules:    rules(ipv4Network()),
			shows:    []string{"/etc/calico/calico-node.env"},
		},
		{
			name: "calico_ipinip_mtu", kind: Integer, on: since("2.1"),
			about:    "MTU of Calico's IP-in-IP tunnels, in bytes; used without VXLAN.",
			fallback: same("1480"),
			rules:    rules(between(552, 0)),
			shows:    []string{"/etc/calico/calico-node.env"},
		},
		{
			name: "calico_veth_mtu", kind: Integer, on: since("2.1"),
			about:    "MTU of Calico's containers, in bytes.",
			fallback: same("1500"),
			rules:    rules(between(552, 0)),
			shows:    []string{"/etc/dcos/network/cni/calico.conf"},
		},
		{
			name: "calico_vxlan_enabled", kind: Bool, on: since("2.1"),
			about:    "Whether Calico uses VXLAN.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/calico/bird_enabled", "/etc/calico/calico-node.env"},
		},
		{
			name: "calico_vxlan_mtu", kind: Integer, on: since("2.1"),
			about:    "MTU of Calico's VXLAN, in bytes.",
			fallback: same("1450"),
			rules:    rules(between(552, 0)),
			shows:    []string{"/etc/calico/calico-node.env"},
		},
		{
			name: "calico_vxlan_port", kind: Integer, on: since("2.1"),
			about:    "UDP port of Calico's VXLAN.",
			fallback: same("64000"),
			rules:    rules(between(1025, 65535)),
			shows:    []string{"/etc/calico/calico-node.env"},
		},
		{
			name: "calico_vxlan_vni", kind: Integer, on: since("2.1"),
			about:    "Number of Calico's VXLAN; 1024 is that of DC/OS's overlays and must not be used.",
			fallback: same("4096"),
			rules:    rules(between(1, 16777215)),
			shows:    []string{"/etc/calico/calico-node.env"},
		},
		{
			name: "zk_client_port", kind: Integer, on: since("2.1"),
			about:    "Without effect: no line uses it.",
			fallback: same("2181"),
		},
	}
}
