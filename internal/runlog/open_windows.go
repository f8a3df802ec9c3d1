// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"os"

	"golang.org/x/sys/windows"
)

// openAppend opens a file for lines to be added, making it if needed. Without
// the right to write elsewhere, Windows adds each write to the end.
func openAppend(name string) (*os.File, error) {
	const rights = windows.FILE_APPEND_DATA | windows.FILE_READ_ATTRIBUTES | windows.SYNCHRONIZE
	return openShared(name, rights, windows.OPEN_ALWAYS)
}

// openRead opens a file for reading.
func openRead(name string) (*os.File, error) {
	return openShared(name, windows.GENERIC_READ, windows.OPEN_EXISTING)
}

// openShared opens a file that others may rename meanwhile. os.Open forbids it:
// it leaves FILE_SHARE_DELETE out, and no rotation would ever succeed.
func openShared(name string, rights, how uint32) (*os.File, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(path, rights, share, nil, how, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}
