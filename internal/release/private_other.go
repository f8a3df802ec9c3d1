// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix && !linux

package release

import "io/fs"

// onlyUserWrites knows of no group that has one member only: others than files
// know of members here.
func (accountFiles) onlyUserWrites(string, fs.FileInfo) bool { return false }
