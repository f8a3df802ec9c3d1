// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build linux && (amd64 || arm64)

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A tracer follows processes by ptrace(2). It is one thread: the kernel lets no other one deal with what it follows,
// and frees all of it when the thread ends.
type tracer struct {
	asked   chan Effect
	answers chan Sentence
	pids    map[int]bool
	killing bool
}

// shadow follows a process and what it starts until all have ended. judge is called in the caller's goroutine: what it
// starts itself is none of the tracer's children.
func shadow(first int, judge func(Effect) Sentence) error {
	t := &tracer{asked: make(chan Effect), answers: make(chan Sentence), pids: map[int]bool{}}
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends here
		ended <- t.run(first)
	}()
	for {
		select {
		case e := <-t.asked:
			t.answers <- judge(e)
		case err := <-ended:
			return err
		}
	}
}

const tracing = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC

func ptrace(request, pid int, address, data uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), address, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// seize takes a process, and what it has started already.
func (t *tracer) seize(pid int) error {
	err := ptrace(unix.PTRACE_SEIZE, pid, 0, tracing)
	if errors.Is(err, unix.ESRCH) || t.pids[pid] {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take process %d: %w", pid, err)
	}
	t.pids[pid] = true
	if err := ptrace(unix.PTRACE_INTERRUPT, pid, 0, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	for _, child := range children(pid) {
		if err := t.seize(child); err != nil {
			return err
		}
	}
	return nil
}

func (t *tracer) run(first int) error {
	if err := t.seize(first); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return err
		}
		if !status.Stopped() {
			delete(t.pids, pid)
			continue
		}
		t.pids[pid] = true
		signal := uintptr(0)
		switch s := status.StopSignal(); {
		case s == unix.SIGTRAP|0x80:
			if e, ok := t.effect(pid); ok && !t.killing {
				t.asked <- e
				t.killing = <-t.answers == Kill
			}
		case int(status)>>16 == 0: // nothing that has to do with tracing
			signal = uintptr(s)
		}
		if t.killing {
			for p := range t.pids {
				if err := unix.Kill(p, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
					return err
				}
			}
		}
		if err := ptrace(unix.PTRACE_SYSCALL, pid, 0, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("let process %d go on: %w", pid, err)
		}
	}
}

// syscallInfo is struct ptrace_syscall_info at the entry of a system call, ptrace(2).
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	_    uint32    // architecture
	_, _ uint64    // instruction and stack pointers
	nr   uint64    // of the call
	args [6]uint64 // its arguments
	_    [8]uint8  // room for what other stops have
}

const (
	requestSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	atEntry            = 1      // PTRACE_SYSCALL_INFO_ENTRY
	none               = -1     // an argument that a call does not have
)

// A fileCall says which argument of a system call is what.
type fileCall struct {
	name                 string
	dir, path, toDir, to int
	flags                int
}

// effect tells what a process that stands at the entry of a system call is about to do.
func (t *tracer) effect(pid int) (Effect, bool) {
	var info syscallInfo
	if ptrace(requestSyscallInfo, pid, unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info))) != nil || info.op != atEntry {
		return Effect{}, false
	}
	if info.nr == unix.SYS_EXECVE {
		return Effect{Call: "exec", Path: strings.Join(words(pid, info.args[1]), " ")}, true
	}
	call, ok := fileCalls()[info.nr]
	if !ok {
		return Effect{}, false
	}
	e := Effect{Call: call.name, Path: pathOf(pid, info.args, call.dir, call.path)}
	if call.to != none {
		e.To = pathOf(pid, info.args, call.toDir, call.to)
	}
	switch {
	case call.name == "open" && call.flags != none && info.args[call.flags]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) == 0:
		return Effect{}, false
	case call.name == "unlink" && call.flags != none && info.args[call.flags]&unix.AT_REMOVEDIR != 0:
		e.Call = "rmdir"
	}
	return e, true
}

// pathOf gives a path among a call's arguments, from the process's root.
func pathOf(pid int, args [6]uint64, dir, path int) string {
	name := text(pid, args[path])
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	at := "cwd"
	if dir != none && int32(args[dir]) != unix.AT_FDCWD {
		at = fmt.Sprintf("fd/%d", int32(args[dir]))
	}
	top, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, at))
	if err != nil {
		top = "?"
	}
	return filepath.Join(top, name)
}

// words reads a list of texts of a process.
func words(pid int, at uint64) []string {
	var all []string
	for len(all) < 100 {
		pointer := memory(pid, at, 8)
		if len(pointer) < 8 {
			break
		}
		address := *(*uint64)(unsafe.Pointer(&pointer[0]))
		if address == 0 {
			break
		}
		all = append(all, text(pid, address))
		at += 8
	}
	return all
}

// text reads a text of a process, which ends with a zero.
func text(pid int, at uint64) string {
	var all []byte
	page := uint64(os.Getpagesize())
	for len(all) < unix.PathMax {
		part := memory(pid, at, page-at%page)
		if i := bytes.IndexByte(part, 0); i >= 0 || len(part) == 0 {
			return string(append(all, part[:max(i, 0)]...))
		}
		all = append(all, part...)
		at += uint64(len(part))
	}
	return string(all)
}

// memory reads from a process, nothing if there is nothing.
func memory(pid int, at, size uint64) []byte {
	buf := make([]byte, size)
	local := unix.Iovec{Base: &buf[0]}
	local.SetLen(len(buf))
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(buf)}}, 0)
	if err != nil {
		return nil
	}
	return buf[:n]
}
