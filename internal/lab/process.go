// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stat is what /proc/PID/stat says of a process.
type stat struct {
	state string
	start string // in clock ticks since the machine's boot
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The command is in parentheses and may have any character in it, so the rest is counted from the last one.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("read /proc/%d/stat: unknown form", pid)
	}
	return stat{fields[0], fields[19]}, nil
}

// process identifies a process, also after its end, when another may have its id.
type process struct {
	PID   int    `json:"pid,omitempty"`
	Start string `json:"start,omitempty"`
}

func processOf(pid int) (process, error) {
	s, err := readStat(pid)
	return process{pid, s.start}, err
}

// alive says whether the process is there. A zombie is not: who is to reap it
// may take seconds to do so.
func (p process) alive() bool {
	s, err := readStat(p.PID)
	return err == nil && s.start == p.Start && s.state != "Z" && s.state != "X"
}

// alive says whether some process with that id is there.
func alive(pid int) bool {
	p, err := processOf(pid)
	return err == nil && p.alive()
}

// hasArgument says whether arg is one of the process's own arguments.
func hasArgument(pid int, arg string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	for a := range bytes.SplitSeq(text, []byte{0}) {
		if string(a) == arg {
			return true
		}
	}
	return false
}

func children(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var pids []int
	for f := range bytes.FieldsSeq(text) {
		if n, err := strconv.Atoi(string(f)); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// isInit says whether a process is process 1 of a process namespace below ours.
func isInit(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "NSpid:"); ok {
			ids := strings.Fields(rest)
			return len(ids) > 1 && ids[len(ids)-1] == "1"
		}
	}
	return false
}

// allProcesses gives the ids of all processes of the machine.
func allProcesses() ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(dirs))
	for _, d := range dirs {
		if n, err := strconv.Atoi(filepath.Base(d)); err == nil {
			pids = append(pids, n)
		}
	}
	return pids, nil
}

// poll asks until the answer is yes, an error, or ctx's end.
func poll(ctx context.Context, every time.Duration, ask func() (bool, error)) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}
