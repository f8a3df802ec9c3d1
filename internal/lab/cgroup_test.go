// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build linux

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A cgroup whose last process has been killed is busy until the kernel has put that away. Here the process ends while its
// cgroup is being removed.
func TestDropCgroupsThatAreBusy(t *testing.T) {
	t.Parallel()
	l := Require(t)
	if systemdMachine() {
		t.Skip("cgroups are systemd's on this machine")
	}
	dirs, err := l.cgroups("busy")
	if err != nil {
		t.Fatal(err)
	}
	sleeper := exec.CommandContext(t.Context(), "sleep", "1")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(dir, "supervisor"), 0o755); err != nil {
			t.Fatal(err)
		}
		procs := filepath.Join(dir, "supervisor", "cgroup.procs")
		if err := os.WriteFile(procs, []byte(strconv.Itoa(sleeper.Process.Pid)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- sleeper.Wait() }()
	if err := dropCgroups(t.Context(), filepath.Join(l.cgroupName(), "busy")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a cgroup was removed while a process was in it")
	}
	for _, dir := range dirs {
		if exists(dir) {
			t.Errorf("%s is still there", dir)
		}
	}
}
