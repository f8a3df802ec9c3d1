// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// runLab is the environment variable that tells a test binary in which lab it
// runs; it was re-executed inside it.
const runLab = "DCOS_LAB_RUN"

// Main is TestMain's body: os.Exit(lab.Main(m)). It re-executes the test
// binary inside the network namespace of a lab of its own, runs the tests and
// takes the lab down. Where no lab can run, it just runs the tests, and those
// that need one say so.
func Main(m *testing.M) int {
	flag.Parse()
	// What fuzzes needs no host. Its workers are processes of the same program: each would take the lab down at its end.
	given := func(name string) bool { return flag.Lookup(name).Value.String() != "" }
	if testing.Short() || given("test.list") || given("test.fuzz") || Check() != nil {
		return m.Run()
	}
	name := os.Getenv(runLab)
	if name == "" {
		if err := enterOwnLab(); err != nil { // does not return otherwise
			fmt.Fprintf(os.Stderr, "lab: %v\n", err)
			return 1
		}
	}
	l, err := Open(name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return 1
	}
	down := func() int {
		if err := l.Destroy(context.Background()); err != nil {
			fmt.Fprintf(os.Stderr, "lab: %v\n", err)
			return 1
		}
		return 0
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		down()
		os.Exit(130)
	}()
	return max(m.Run(), down())
}

// enterOwnLab makes a lab that this process owns and executes its program
// again inside it: the process, and so the owner, stays the same.
func enterOwnLab() error {
	ctx := context.Background()
	if err := RemoveLeftovers(ctx); err != nil { // no reason not to go on
		fmt.Fprintf(os.Stderr, "lab: cannot remove what a former run has left: %v\n", err)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	self, err := ownerOf(os.Getpid())
	if err != nil {
		return err
	}
	name := "test-" + strconv.Itoa(os.Getpid())
	l, err := makeLab(ctx, name, self)
	if err != nil {
		return err
	}
	if err := os.Setenv(runLab, name); err != nil {
		return err
	}
	err = execInNamespace(l.namespace(), program, os.Args, os.Environ())
	return errors.Join(fmt.Errorf("enter lab %s: %w", name, err), l.Destroy(ctx))
}

// Require gives the lab of this test binary, whose TestMain must have called
// Main. It skips the test with one clear line where a lab cannot run (no
// root, not Linux, -short), and fails it instead where CI is set.
func Require(t testing.TB) *Lab {
	t.Helper()
	reason := Check()
	if reason == nil && testing.Short() {
		t.Skip("needs test hosts, which -short leaves out")
	}
	if reason != nil {
		lacks(t, "needs test hosts: %v", reason)
	}
	name := os.Getenv(runLab)
	if name == "" {
		t.Fatal("the package's TestMain must be os.Exit(lab.Main(m))")
	}
	l, err := Open(name)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	return l
}

// RequireProgram gives the path of a program that make deps installs. Where
// there is none it skips the test, and fails it instead where CI is set.
func RequireProgram(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		lacks(t, "needs a program that make deps installs: %v", err)
	}
	return path
}

// lacks skips a test, or fails it where CI is set.
func lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if ci, err := strconv.ParseBool(os.Getenv("CI")); err == nil && ci {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Shared makes a directory of the machine for hosts to share (see WithMount),
// gone when the test ends.
func (l *Lab) Shared(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(l.dir, "shared-") //nolint:usetesting // the test's own directory may be in memory
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(filepath.Clean(dir)); err != nil {
			t.Errorf("lab: %v", err)
		}
	})
	return dir
}
