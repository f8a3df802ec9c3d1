// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"
)

// bookkeeping are files that say which parameters were given, or which packages
// there are. They change with any parameter, so that naming them in a plan says
// nothing of what it touches.
var bookkeeping = []string{
	"dcos-config/etc/expanded.config.json", "dcos-config/etc/expanded.config.full.json",
	"dcos-config/etc/user.config.yaml", "dcos-config/etc/user.config.full.yaml",
	"dcos-metadata/etc/expanded.config.json", "dcos-metadata/etc/expanded.config.full.json",
	"dcos-metadata/etc/user.config.yaml", "dcos-metadata/etc/user.config.full.yaml",
	"/etc/mesosphere/setup-flags/cluster-package-list",
}

// shownDigits is how many hex digits of a file's SHA-256 are shown: enough to tell
// versions of one file apart, and a plan stays readable.
const shownDigits = 12

// shownFiles makes the output files of the sums of all rendered files. What it
// made before it leaves as it is.
func shownFiles(sums map[string]string) map[string]string {
	shown := make(map[string]string, len(sums))
	for name, sum := range sums {
		if !slices.Contains(bookkeeping, name) {
			shown[name] = sum[:min(len(sum), shownDigits)]
		}
	}
	return shown
}
