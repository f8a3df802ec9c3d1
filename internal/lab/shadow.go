// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
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
// and asks judge before each of their effects, while the process stands still. It needs nothing in the host, and changes
// nothing there. It returns when all of them have ended, however that came about, or when ctx is done before there is
// one; then it returns ctx's error.
//
// What a process does within its first millisecond may be missed: a shell or an interpreter has not read its script
// by then.
func (h *Host) Shadow(ctx context.Context, unit string, judge func(Effect) Sentence) error {
	first := 0
	err := poll(ctx, 300*time.Microsecond, func() (bool, error) {
		first = h.unitProcess(unit)
		return first != 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s on host %s: %w", unit, h.Name, err)
	}
	if err := shadow(first, judge); err != nil {
		return fmt.Errorf("follow %s on host %s: %w", unit, h.Name, err)
	}
	return nil
}

// unitProcess gives the process, as it is known here, that systemd has started for a unit; 0 if there is none.
func (h *Host) unitProcess(unit string) int {
	for _, pid := range children(h.leader()) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err == nil && strings.Contains(string(text), "/"+unit+"\n") {
			return pid
		}
	}
	return 0
}
