// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import "golang.org/x/sys/unix"

// fileCalls are the system calls that change the tree of files.
func fileCalls() map[uint64]fileCall {
	return map[uint64]fileCall{
		unix.SYS_RENAMEAT:  {"rename", 0, 1, 2, 3, none},
		unix.SYS_RENAMEAT2: {"rename", 0, 1, 2, 3, none},
		unix.SYS_UNLINKAT:  {"unlink", 0, 1, none, none, 2},
		unix.SYS_MKDIRAT:   {"mkdir", 0, 1, none, none, none},
		unix.SYS_SYMLINKAT: {"symlink", 1, 2, none, none, none},
		unix.SYS_LINKAT:    {"link", 0, 1, 2, 3, none},
		unix.SYS_OPENAT:    {"open", 0, 1, none, none, 2},
	}
}
