// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strings"

func exhibitorRows() []row {
	return []row{
		{
			name: "exhibitor_storage_backend", kind: Text,
			about: "Where exhibitor keeps the ensemble's configuration; `static` only with static discovery, and " +
				"`agent_only_group_no_exhibitor` for a group of nodes without masters. `aws_s3` with the role of the instances " +
				"needs a metadata service that answers without a token.",
			choices: []string{"static", "aws_s3", "azure", "zookeeper", "shared_filesystem", "agent_only_group_no_exhibitor"},
			shows:   []string{"/etc/exhibitor"},
		},
		{
			name: "exhibitor_fs_config_dir", kind: Text,
			about: "Directory, shared between the masters, in which exhibitor keeps its configuration; needed with `shared_filesystem`.",
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "exhibitor_zk_hosts", kind: Text,
			about: "ZooKeeper servers (`host:port,host:port`) in which exhibitor keeps its configuration; needed with `zookeeper`.",
			rules: rules(checked("a list of host:port with commas between them, without zk://",
				func(v string) bool { return !strings.HasPrefix(v, "zk://") })),
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "exhibitor_zk_path", kind: Text,
			about: "Path in that ZooKeeper; needed with `zookeeper`.",
			rules: rules(checked("a path that starts with a slash", func(v string) bool { return strings.HasPrefix(v, "/") })),
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "aws_region", kind: Text,
			about: "AWS region of the bucket; needed with `aws_s3`. Exhibitor knows regions as they were named in 2017, and S3 of Amazon alone.",
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "s3_bucket", kind: Text,
			about: "S3 bucket in which exhibitor keeps its configuration; needed with `aws_s3`. Its default encryption must not be by KMS.",
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "s3_prefix", kind: Text,
			about: "Key of the object in the bucket; needed with `aws_s3`.",
			rules: rules(checked("a key that does not end with a slash", func(v string) bool { return !strings.HasSuffix(v, "/") })),
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "exhibitor_explicit_keys", kind: Bool,
			about: "Whether exhibitor gets the AWS keys given here instead of using the role of the instance; needed with `aws_s3`. " +
				"It cannot use the role where the instance's `metadata_options` want a token (`http_tokens = \"required\"`).",
			choices: []string{"true", "false"},
			shows:   []string{"/etc/exhibitor.properties"},
		},
		{
			name: "aws_access_key_id", kind: Text,
			about: "AWS access key of exhibitor; needed with `exhibitor_explicit_keys`.",
			shows: []string{"/etc/exhibitor.properties"},
		},
		{
			name: "aws_secret_access_key", kind: Text,
			about:    "AWS secret key of exhibitor; used with `exhibitor_explicit_keys`.",
			fallback: perLine[string]{{"1.11", ""}},
			secret:   secretSince("1.11"),
			shows:    []string{"/etc/exhibitor.properties"},
		},
		{
			name: "exhibitor_azure_account_name", kind: Text,
			about: "Azure storage account in which exhibitor keeps its configuration; needed with `azure`.",
			shows: []string{"/etc/exhibitor.properties"},
		},
		{
			name: "exhibitor_azure_account_key", kind: Text,
			about:    "Key of that storage account; used with `azure`.",
			fallback: perLine[string]{{"1.11", ""}},
			secret:   secretSince("1.11"),
			shows:    []string{"/etc/exhibitor.properties"},
		},
		{
			name: "exhibitor_azure_prefix", kind: Text,
			about: "Prefix of exhibitor's blob; needed with `azure`.",
			shows: []string{"/etc/exhibitor"},
		},
		{
			name: "exhibitor_admin_password", kind: Text,
			about:    "Password of exhibitor's pages; empty leaves them open.",
			fallback: same(""),
			secret:   secretSince("1.10"),
			shows:    []string{"/etc_master/exhibitor_realm", "/etc_master/exhibitor_web.xml"},
		},
		{
			name: "exhibitor_tls_enabled", kind: Bool, on: since("2.0"),
			about:    "Whether exhibitor and ZooKeeper talk TLS; only DC/OS Enterprise can set this up.",
			fallback: same("false"),
			rules:    rules(trueFalse()),
			shows:    []string{"/etc/exhibitor"},
		},
		{
			name: "exhibitor_tls_required", kind: Bool, on: since("2.0"),
			about:    "Whether a cluster without TLS for ZooKeeper is refused; the open edition refuses `true`.",
			fallback: same("false"),
			rules:    rules(trueFalse(), exhibitorTLSRequired()),
		},
		{
			name: "exhibitor_bootstrap_ca_url", kind: Text, on: since("2.0"),
			about:    "URL of the authority that signs exhibitor's certificates. Empty means none.",
			fallback: same(""),
			rules:    rules(casURL()),
			shows:    []string{"/etc/exhibitor"},
		},
	}
}
