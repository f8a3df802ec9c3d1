// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const cgroupRoot = "/sys/fs/cgroup"

func (l *Lab) cgroupName() string { return l.namespaceName() }

// systemdMachine says whether the machine's process 1 is systemd, whose
// business cgroups then are.
func systemdMachine() bool { return exists("/run/systemd/system") }

// cgroups gives the cgroups to put a host in on a machine without systemd.
// They are only in the hierarchies that the host's systemd manages: the
// controllers of others (memory, cpu, pids on version 1) are left alone, so
// limits on this process go on counting the hosts.
func (l *Lab) cgroups(host string) ([]string, error) {
	if systemdMachine() {
		return nil, nil
	}
	name := filepath.Join(l.cgroupName(), host)
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil { // version 2: below our own
		text, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if own, ok := strings.CutPrefix(line, "0::"); ok {
				return []string{filepath.Join(cgroupRoot, strings.TrimSpace(own), name)}, nil
			}
		}
		return nil, errors.New("this process has no cgroup")
	}
	var dirs []string
	for _, hierarchy := range []string{"systemd", "unified"} {
		dir := filepath.Join(cgroupRoot, hierarchy)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			dirs = append(dirs, filepath.Join(dir, name))
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no cgroup hierarchy that systemd can use is mounted at %s", cgroupRoot)
	}
	return dirs, nil
}

// dropCgroups removes the cgroups of that name, and those in them, from every
// place where cgroups may have put them.
func dropCgroups(ctx context.Context, name string) error {
	if systemdMachine() {
		return nil // who removes a scope with its last process
	}
	tops := []string{filepath.Join(cgroupRoot, "systemd"), filepath.Join(cgroupRoot, "unified")}
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		tops = nil
		err := filepath.WalkDir(cgroupRoot, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && filepath.Base(path) == strings.Split(name, "/")[0] {
				tops = append(tops, filepath.Dir(path))
				return filepath.SkipDir
			}
			if errors.Is(err, fs.ErrNotExist) { // cgroups come and go
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, top := range tops {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(top, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, dir := range slices.Backward(dirs) {
			if err := dropCgroup(ctx, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropCgroup removes a cgroup without others in it. The kernel calls one busy for a moment after its last process has been
// killed and is no longer listed.
func dropCgroup(ctx context.Context, dir string) error {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var last error
	err := poll(limited, 5*time.Millisecond, func() (bool, error) {
		last = os.Remove(dir)
		switch {
		case last == nil, errors.Is(last, fs.ErrNotExist):
			return true, nil
		case errors.Is(last, syscall.EBUSY):
			return false, nil
		}
		return false, last
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return last
	}
	return err
}
