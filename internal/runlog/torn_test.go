// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package runlog_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that is full takes half a line. What is written when there is room
// again stands in a line of its own.
func TestLineAfterAHalfOne(t *testing.T) {
	t.Parallel()
	if path := os.Getenv("RUNLOG_FULL"); path != "" {
		writeToAFullDisk(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "run.jsonl")
	cmd := exec.Command(os.Args[0], "-test.run=^TestLineAfterAHalfOne$")
	cmd.Env = append(os.Environ(), "RUNLOG_FULL="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	events, bad := read(t, path)
	if len(bad) != 1 || len(events) != 2 || events[1].Hosts != 3 {
		t.Errorf("%+v, %v", events, bad)
	}
}

// writeToAFullDisk writes three lines, of which the second finds room for some
// characters only. The limit is the whole process's, which is why it has one
// of its own.
func writeToAFullDisk(t *testing.T, path string) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	log := open(t, path, nil)
	pool(log, 1)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	full := before
	full.Cur = uint64(info.Size()) + 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	pool(log, 2)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	pool(log, 3)
	if err := log.Close(); err == nil {
		t.Error("the failed write is not reported")
	}
}
