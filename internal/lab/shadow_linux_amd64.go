// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import "golang.org/x/sys/unix"

// fileCalls are the system calls that change the tree of files.
func fileCalls() map[uint64]fileCall {
	return map[uint64]fileCall{
		unix.SYS_RENAME:    {"rename", none, 0, none, 1, none},
		unix.SYS_RENAMEAT:  {"rename", 0, 1, 2, 3, none},
		unix.SYS_RENAMEAT2: {"rename", 0, 1, 2, 3, none},
		unix.SYS_UNLINK:    {"unlink", none, 0, none, none, none},
		unix.SYS_UNLINKAT:  {"unlink", 0, 1, none, none, 2},
		unix.SYS_RMDIR:     {"rmdir", none, 0, none, none, none},
		unix.SYS_MKDIR:     {"mkdir", none, 0, none, none, none},
		unix.SYS_MKDIRAT:   {"mkdir", 0, 1, none, none, none},
		unix.SYS_SYMLINK:   {"symlink", none, 1, none, none, none},
		unix.SYS_SYMLINKAT: {"symlink", 1, 2, none, none, none},
		unix.SYS_LINK:      {"link", none, 0, none, 1, none},
		unix.SYS_LINKAT:    {"link", 0, 1, 2, 3, none},
		unix.SYS_OPEN:      {"open", none, 0, none, none, 1},
		unix.SYS_OPENAT:    {"open", 0, 1, none, none, 2},
		unix.SYS_CREAT:     {"open", none, 0, none, none, none},
	}
}
