// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// An Effect is what a process of a host is about to do to it: a system call that changes the tree of files, opens a
// file to write it, or starts a program.
type Effect struct {
	Call string // rename, unlink, rmdir, mkdir, symlink, link, open, exec
	Path string // as the process sees it; of exec the words of the command, with a blank between them
	To   string // of rename and link: the new path
}

// String gives the effect as a line.
func (e Effect) String() string {
	if e.To != "" {
		return e.Call + " " + e.Path + " to " + e.To
	}
	return e.Call + " " + e.Path
}

// A Sentence is what becomes of an effect.
type Sentence int

// Sentences.
const (
	Let  Sentence = iota // it happens
	Kill                 // before it happens, the process ends, and all that were started with it
)

// Shadow waits until a unit of the host is started by systemd, follows its first process and all that this one starts,
// from their first instruction on, and asks judge before each of their effects, while the process stands still. It needs
// nothing in the host, and changes nothing there. It returns when all of them have ended, however that came about, or
// when ctx is done before there is one; then it returns ctx's error.
func (h *Host) Shadow(ctx context.Context, unit string, judge func(Effect) Sentence) error {
	ours := func(pid int) bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		return err == nil && strings.Contains(string(text), "/"+unit+"\n")
	}
	if err := shadow(ctx, h.leader(), ours, judge); err != nil {
		return fmt.Errorf("follow %s on host %s: %w", unit, h.Name, err)
	}
	return nil
}
