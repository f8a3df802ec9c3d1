// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package config

func installerRows() []row {
	return []row{
		{
			name: "bootstrap_id", kind: Text,
			about:    "Id of the bootstrap tarball; it can only be the release's own.",
			computed: &computed{"the release's", nil, bootstrapID},
		},
		{
			name: "bootstrap_variant", kind: Text,
			about:    "Variant of the release; it can only be the release's own.",
			computed: &computed{"the release's", nil, bootstrapVariant},
		},
		{
			name: "bootstrap_tmp_dir", kind: Text,
			about:    "Directory, without slashes at its ends, in which a node keeps what it downloads first.",
			fallback: same("tmp"),
			shows:    []string{"/etc/systemd/system/dcos-download.service"},
		},
		{
			name: "platform", kind: Text,
			about:    "Without effect since 2.2.",
			fallback: same("onprem"),
		},
	}
}
