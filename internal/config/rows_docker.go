// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func dockerRows() []row {
	return []row{
		{
			name: "cluster_docker_credentials", kind: JSON,
			about:    "Credentials for private Docker registries, as in Docker's config.json.",
			fallback: same("{}"),
			rules:    rules(jsonObject()),
			secret:   secretSince("1.10"),
			shows:    []string{"/etc/docker_credentials"},
		},
		{
			name: "cluster_docker_credentials_enabled", kind: Bool,
			about:    "Whether Mesos uses these credentials.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "cluster_docker_credentials_dcos_owned", kind: Bool,
			about:    "Whether DC/OS's package carries the credentials.",
			rules:    rules(trueFalse()),
			computed: &computed{"`true` if credentials are given", []string{"cluster_docker_credentials"}, credentialsOwned},
			shows:    []string{"/etc/docker_credentials"},
		},
		{
			name: "cluster_docker_credentials_write_to_etc", kind: Bool,
			about:    "Whether the credentials are written to /etc/mesosphere too.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesosphere/docker_credentials"},
		},
		{
			name: "cluster_docker_registry_url", kind: Text,
			about:    "Registry that Mesos uses for images without one. Empty means Docker's own.",
			fallback: same(""),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "dcos_remove_dockercfg_enable", kind: Bool,
			about:    "Whether Docker credentials are removed from a task's sandbox after use.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common", "/etc/mesos-slave-modules/remove_dockercfg_slave_modules.json"},
		},
		{
			name: "docker_remove_delay", kind: Text,
			about:    "How long a stopped Docker container is kept, as a Mesos duration.",
			fallback: same("1hrs"),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "docker_stop_timeout", kind: Text,
			about:    "How long a Docker container may take to stop, as a Mesos duration.",
			fallback: same("20secs"),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "enable_docker_gc", kind: Bool,
			about:    "Whether unused Docker containers and images are removed.",
			fallback: same("false").then("2.2", "true"),
			choices:  []string{"true", "false"},
			shows: []string{"/etc/docker_gc_enabled", "/etc_slave/telegraf/telegraf.d/agent.conf",
				"/etc_slave_public/telegraf/telegraf.d/agent.conf"},
		},
		{
			name: "gc_delay", kind: Text,
			about:    "How long sandboxes are kept, as a Mesos duration.",
			fallback: same("2days"),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "rexray_config", kind: JSON,
			about:    "Configuration of REX-Ray, which mounts external volumes.",
			rules:    rules(jsonObject()),
			fallback: same(rexrayDefault),
			shows:    []string{"/etc/rexray.conf", "/etc/rexray/config.yml"},
		},
		{
			name: "rexray_config_preset", kind: Text,
			about:    "A ready configuration of REX-Ray: `aws` for EBS volumes, which agents need a role for, empty for `rexray_config`.",
			fallback: same(""),
			shows:    []string{"/etc/rexray.conf", "/etc/rexray/config.yml"},
		},
	}
}
