// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build linux && (amd64 || arm64)

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A tracer follows processes by ptrace(2). It is one thread: the kernel lets no other one deal with what it follows,
// and frees all of it when the thread ends.
type tracer struct {
	asked   chan Effect
	answers chan Sentence
	ours    func(pid int) bool
	pids    map[int]bool // what is followed
	others  map[int]bool // systemd, and what it has started and may yet become what is to be followed
	killing bool
}

// shadow follows the first process that systemd starts and that is one of ours, and what it starts, until all have
// ended. What systemd starts is held from its birth on, so that nothing of it is missed. judge is called in the caller's
// goroutine: what it starts itself is none of the tracer's children.
func shadow(ctx context.Context, systemd int, ours func(pid int) bool, judge func(Effect) Sentence) error {
	t := &tracer{asked: make(chan Effect), answers: make(chan Sentence), ours: ours, pids: map[int]bool{}, others: map[int]bool{}}
	ended := make(chan error, 1)
	onThread(func() {
		err := t.wait(ctx, systemd)
		if err == nil {
			err = t.run()
		}
		ended <- err
	})
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

// onThread has f done by a thread that has started no process so far, and ends with f: who waits for what it follows must
// not be given the end of a process that others wait for.
func onThread(f func()) {
	found := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if started, err := os.ReadFile("/proc/thread-self/children"); err != nil || len(started) == 0 {
			close(found)
			f()
			return // locked, so that the thread ends
		}
		onThread(f) // on another one, since this one is held until that has begun
		runtime.UnlockOSThread()
		close(found)
	}()
	<-found
}

// wait waits until systemd has started what is to be followed, which stands still then, and lets go of all others.
func (t *tracer) wait(ctx context.Context, systemd int) error {
	if err := ptrace(unix.PTRACE_SEIZE, systemd, 0, tracing); err != nil {
		return fmt.Errorf("take process %d: %w", systemd, err)
	}
	t.others[systemd] = true
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD|unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return errors.New("the host has ended")
		case err != nil:
			return err
		case pid == 0:
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), t.letGo())
			case <-time.After(300 * time.Microsecond):
			}
			continue
		case !status.Stopped():
			delete(t.others, pid)
			continue
		}
		t.others[pid] = true
		started := eventOf(status) == unix.PTRACE_EVENT_EXEC
		if started && pid != systemd && t.ours(pid) {
			delete(t.others, pid)
			t.pids[pid] = true
			if err := t.letGo(); err != nil {
				return err
			}
			return t.proceed(unix.PTRACE_SYSCALL, pid, 0)
		}
		request := unix.PTRACE_CONT
		if started && !isExecutor(pid) {
			delete(t.others, pid)
			request = unix.PTRACE_DETACH
		}
		if err := t.proceed(request, pid, signalOf(status)); err != nil {
			return err
		}
	}
}

// isExecutor says whether a process runs the program that newer versions of systemd start services by, which takes its
// place in the service's group by itself.
func isExecutor(pid int) bool {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && filepath.Base(program) == "systemd-executor"
}

// letGo frees what is not followed. When it is done the host can end without the tracer.
func (t *tracer) letGo() error {
	for pid := range t.others {
		if err := ptrace(unix.PTRACE_INTERRUPT, pid, 0, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("stop process %d: %w", pid, err)
		}
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL|unix.WNOTHREAD, nil)
		for errors.Is(err, unix.EINTR) {
			_, err = unix.Wait4(pid, &status, unix.WALL|unix.WNOTHREAD, nil)
		}
		if err == nil && status.Stopped() {
			if err := t.proceed(unix.PTRACE_DETACH, pid, signalOf(status)); err != nil {
				return err
			}
		}
		delete(t.others, pid)
	}
	return nil
}

// proceed lets a process that stands still go on, unless it has ended.
func (t *tracer) proceed(request, pid int, signal uintptr) error {
	if err := ptrace(request, pid, 0, signal); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("let process %d go on: %w", pid, err)
	}
	return nil
}

// eventOf gives what a process that stands still has met, PTRACE_EVENT_…, 0 if it is none of these.
func eventOf(status unix.WaitStatus) int { return int(status) >> 16 }

// signalOf gives the signal for which a process stands still and which it has yet to get; 0 if it stands still for what
// has to do with tracing.
func signalOf(status unix.WaitStatus) uintptr {
	if s := status.StopSignal(); eventOf(status) == 0 && s != unix.SIGTRAP|0x80 {
		return uintptr(s)
	}
	return 0
}

// run follows what is followed to its end.
func (t *tracer) run() error {
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
		if !t.pids[pid] && !t.ours(pid) { // systemd started it right before it was let go
			if err := t.proceed(unix.PTRACE_DETACH, pid, signalOf(status)); err != nil {
				return err
			}
			continue
		}
		t.pids[pid] = true
		if status.StopSignal() == unix.SIGTRAP|0x80 && !t.killing {
			if e, ok := t.effect(pid); ok {
				t.asked <- e
				t.killing = <-t.answers == Kill
			}
		}
		if t.killing {
			for p := range t.pids {
				if err := unix.Kill(p, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
					return err
				}
			}
		}
		if err := t.proceed(unix.PTRACE_SYSCALL, pid, signalOf(status)); err != nil {
			return err
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
