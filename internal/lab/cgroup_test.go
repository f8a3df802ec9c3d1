// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A cgroup whose last process has been killed is busy until the kernel has put that away. A mount point is busy in the
// same way (rmdir(2), EBUSY), on every machine and for as long as is wanted.
func TestDropCgroupThatIsBusy(t *testing.T) {
	t.Parallel()
	Require(t)
	dir := filepath.Join(t.TempDir(), "supervisor")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("busy", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	unmounted := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() { unmounted <- syscall.Unmount(dir, 0) })
	err := dropCgroup(t.Context(), dir)
	if uerr := <-unmounted; uerr != nil {
		t.Fatal(uerr)
	}
	if err != nil || exists(dir) {
		t.Errorf("it is still there: %v", err)
	}
}
