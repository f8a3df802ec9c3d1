// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

// openFiles is how many files this process may have open. Windows has no limit
// that sockets run into.
func openFiles() int { return 1 << 16 }
