// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func mesosRows() []row {
	return []row{
		{
			name: "log_offers", kind: Bool, on: since("1.12"),
			about:    "Whether masters log their offers.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-master"},
		},
		{
			name: "mesos_log_retention_mb", kind: Integer,
			about:    "How much is kept of Mesos' logs, in MB.",
			fallback: same("4000"),
			rules:    rules(between(1024, 0)),
			shows:    []string{"/etc/logrotate_master.config", "/etc/logrotate_agent.config"},
		},
		{
			name: "mesos_logrotate_file_size_mb", kind: Integer, on: since("2.1"),
			about:    "Size at which a task's log is rotated, in MB.",
			fallback: same("2"),
			rules:    rules(anInteger()),
			shows:    []string{"/etc/mesos-slave-modules/journal_logger_modules.json"},
		},
		{
			name: "mesos_container_log_sink", kind: Text,
			about: "Where tasks' logs go: `logrotate`, `journald` or `journald+logrotate`, and since 1.13 also `fluentbit` or " +
				"`fluentbit+logrotate`; DC/OS does not check it.",
			fallback: same("logrotate").then("1.13", "fluentbit+logrotate"),
			shows:    []string{"/etc/mesos-slave-modules/journal_logger_modules.json", "/etc/ui-config.json"},
		},
		{
			name: "enable_mesos_input_plugin", kind: Bool, on: since("1.12"),
			about:    "Whether telegraf collects Mesos' metrics.",
			fallback: same("false").then("1.13", "true"),
			rules:    rules(trueFalse()),
			shows: []string{"/etc_master/telegraf/telegraf.d/master.conf", "/etc_slave/telegraf/telegraf.d/agent.conf",
				"/etc_slave_public/telegraf/telegraf.d/agent.conf"},
		},
		{
			name: "mesos_cgroups_enable_cfs", kind: Bool, on: since("2.1"),
			about:    "Whether a task's CPU share is also its limit.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_http_executor_domain_sockets", kind: Bool, on: since("2.1"),
			about:    "Whether executors talk to the agent over a domain socket.",
			fallback: same("true"),
			choices:  []string{"true", "false"},
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_max_completed_frameworks", kind: Integer, on: since("2.1"),
			about:    "How many finished frameworks masters remember.",
			fallback: same("10"),
			rules:    rules(anInteger()),
			shows:    []string{"/etc/mesos-master"},
		},
		{
			name: "mesos_max_completed_tasks_per_framework", kind: Integer,
			about:    "How many finished tasks masters remember of each framework; up to 2.0 empty leaves the choice to Mesos.",
			fallback: same("").then("2.1", "100"),
			rules:    rules(emptyOrInteger().to("2.0"), anInteger().from("2.1")),
			shows:    []string{"/etc/mesos-master"},
		},
		{
			name: "mesos_recovery_timeout", kind: Text, on: since("1.11"),
			about:    "How long an agent may take to come back before its tasks are given up.",
			fallback: same("24hrs"),
			rules:    rules(recoveryTimeout()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_seccomp_enabled", kind: Bool, on: since("1.13"),
			about:    "Whether tasks run under a seccomp profile.",
			fallback: same("false").then("2.0", "true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_seccomp_profile_name", kind: Text, on: since("1.13"),
			about:    "Name of the seccomp profile. Empty means none.",
			fallback: same("").then("2.0", "default.json"),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_docker_volume_chown", kind: Bool, on: since("2.0"),
			about:    "Whether volumes of Docker containers are given to the task's user.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_disallow_sharing_agent_ipc_namespace", kind: Bool, on: since("2.0"),
			about:    "Whether tasks are kept out of the agent's IPC namespace.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_default_container_shm_size", kind: Text, on: since("2.0"),
			about:    "Size of a container's /dev/shm. Empty leaves the choice to Mesos.",
			fallback: same(""),
			rules:    rules(rule{allowed: "empty, or a whole number and a unit: B, KB, MB, GB or TB", check: shmSizeOrEmpty}),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "mesos_master_work_dir", kind: Text, on: since("1.11"),
			about:    "Directory of the Mesos master.",
			fallback: same("/var/lib/dcos/mesos/master"),
			rules:    rules(absolutePath()),
			shows:    []string{"/etc/mesos-master"},
		},
		{
			name: "mesos_agent_work_dir", kind: Text, on: since("1.11"),
			about:    "Directory of the Mesos agent, with its tasks' sandboxes.",
			fallback: same("/var/lib/mesos/slave"),
			rules:    rules(absolutePath()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "diagnostics_bundles_dir", kind: Text, on: since("1.11"),
			about:    "Directory for diagnostics bundles.",
			fallback: same("/var/lib/dcos/dcos-diagnostics/diag-bundles"),
			rules:    rules(absolutePath()),
			shows:    []string{"/etc/dcos-diagnostics.env", "/etc_master/dcos-diagnostics-config.json"},
		},
		{
			name: "weights", kind: Text,
			about:    "Weights of Mesos roles (`role=2,other=1`). Empty means none.",
			fallback: same(""),
			shows:    []string{"/etc/mesos-master"},
		},
		{
			name: "enable_gpu_isolation", kind: Bool,
			about:    "Whether agents isolate GPUs.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-slave-common"},
		},
		{
			name: "gpus_are_scarce", kind: Bool,
			about:    "Whether GPUs are left out of what counts as a fair share.",
			fallback: same("true"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/mesos-master"},
		},
	}
}
