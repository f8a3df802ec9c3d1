// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote

import "syscall"

// openFiles is how many files this process may have open. The Go runtime has
// raised the soft limit to the hard one at its start.
func openFiles() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 256
	}
	return int(min(l.Cur, 1<<20))
}
