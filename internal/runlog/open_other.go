// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package runlog

import "os"

// openAppend opens a file for lines to be added, making it if needed.
func openAppend(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// openRead opens a file for reading.
func openRead(name string) (*os.File, error) { return os.Open(name) }
