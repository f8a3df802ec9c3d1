// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// breakpoints is where tests say on a host where an activation is to end.
const breakpoints = "/run/dcos-sample"

// A breakpoint is what tests can do to an activation at one of its lasting
// steps, which are numbered from 1. The file "break" in dir says it, and is gone
// when it was obeyed: the number of a step, and what happens in its place.
//
//   - kill: the activation is killed.
//   - hold: it waits for as long as the file "held" is there, so that a test can
//     do to the host what it likes.
//   - empty: as hold, but what the activation has written and not made sure to
//     be on disk is empty: a power cut takes that much from a file system that
//     keeps names in order and gives data a place later (ext4, XFS).
//
// Where there is a file "steps", the name of each step is added to it.
type breakpoint struct {
	dir string
	in  *Install
	n   int
}

func (b *breakpoint) step(what string) error {
	b.n++
	if f, err := os.OpenFile(filepath.Join(b.dir, "steps"), os.O_APPEND|os.O_WRONLY, 0); err == nil {
		_, err := fmt.Fprintln(f, what)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	path := filepath.Join(b.dir, "break")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var n int
	var how string
	if _, err := fmt.Sscan(string(text), &n, &how); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n != b.n {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	switch how {
	case "kill":
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		select {}
	case "empty":
		if err := b.in.lose(); err != nil {
			return err
		}
	}
	return hold(filepath.Join(b.dir, "held"))
}

// lose empties what was written, wherever the swap has moved it to by now.
func (in *Install) lose() error {
	for _, path := range in.written {
		moved := strings.Replace(strings.TrimSuffix(path, stagedSuffix), ".new", "", 1)
		for _, path := range []string{path, moved} {
			if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if err := os.Truncate(path, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// hold waits for as long as the file that it makes is there.
func hold(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	for {
		switch _, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		time.Sleep(time.Millisecond)
	}
}
