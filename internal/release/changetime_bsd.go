// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build darwin || freebsd

package release

import (
	"io/fs"
	"syscall"
)

// changeTime is when a file's content or attributes were last changed, in
// nanoseconds: unlike the time of its content, nobody can set it.
func changeTime(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano()
	}
	return 0
}
