// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile takes an exclusive lock that all processes of the machine respect.
// It ends with unlock, or with the process. The holder may remove the file.
func lockFile(path string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		for {
			if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		unlock := func() { _ = f.Close() /* closing is what unlocks; nothing was written */ }
		mine, err := f.Stat()
		if err == nil {
			// The former holder may have removed the file while we waited for it: then it guards nothing any more.
			if now, serr := os.Stat(path); serr == nil && os.SameFile(mine, now) {
				return unlock, nil
			}
		}
		unlock()
		if err != nil {
			return nil, err
		}
	}
}

// mountOverlay mounts an overlay; lowers are given topmost first.
func mountOverlay(source string, lowers []string, upper, work, target string) error {
	data := "lowerdir=" + strings.Join(lowers, ":") + ",upperdir=" + upper + ",workdir=" + work
	if len(data) >= os.Getpagesize() {
		return fmt.Errorf("mount overlay on %s: the paths of its %d layers are too long", target, len(lowers))
	}
	if err := unix.Mount(source, target, "overlay", 0, data); err != nil {
		return fmt.Errorf("mount overlay on %s: %w", target, err)
	}
	return nil
}

func bindMount(source, target string) error {
	return unix.Mount(source, target, "", unix.MS_BIND, "")
}

func mountProc(target string) error { return unix.Mount("proc", target, "proc", 0, "") }

// unmount unmounts target if something is mounted there. A file system that
// is still in use is detached: it goes when its last user does.
func unmount(target string) error {
	err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", target, err)
	}
	return nil
}

// fileID identifies a file on this machine.
type fileID struct{ dev, ino uint64 }

func fileIDOf(path string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileID{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return fileID{st.Dev, st.Ino}, nil
}

// ownerOfFile gives the user and group that a file belongs to.
func ownerOfFile(path string) (uid, gid int, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return int(st.Uid), int(st.Gid), nil
}

func statOf(info fs.FileInfo) fileStat {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileStat{}
	}
	return fileStat{int(st.Uid), int(st.Gid), st.Rdev, st.Ctim.Nano()}
}

// onOverlay says whether path is on an overlay file system, on which another
// overlay cannot put its upper directory.
func onOverlay(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return st.Type == unix.OVERLAYFS_SUPER_MAGIC, nil
}

// freeBytes is how much root may still write to the file system of path.
func freeBytes(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bfree) * st.Bsize, nil
}

// allocate takes blocks for a part of a file, without writing them.
func allocate(path string, offset, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, offset, size)
	return errors.Join(err, f.Close())
}

func isDiskFull(err error) bool { return errors.Is(err, unix.ENOSPC) }

// inNamespace runs fn on a thread that has entered the network namespace at
// path for that time. fn must not start goroutines that are to be in it too.
//
// The thread goes back afterwards rather than end: the end of a thread ends
// the processes that it has started for others with a parent-death signal, as
// terraform-exec does with Terraform.
func inNamespace(path string, fn func() error) error {
	if inside, err := insideNamespace(path); err != nil || inside {
		if err != nil {
			return err
		}
		return fn()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("open network namespace: %w", err)
			return
		}
		defer home.Close()
		if err = enterNamespace(path); err == nil {
			err = fn()
			if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
				done <- errors.Join(err, fmt.Errorf("leave network namespace %s: %w", path, back))
				return // still locked: a thread in the wrong namespace must end
			}
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

func enterNamespace(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	return nil
}

// insideNamespace says whether this thread is in the network namespace at path.
func insideNamespace(path string) (bool, error) {
	want, err := fileIDOf(path)
	if err != nil {
		return false, err
	}
	have, err := fileIDOf("/proc/thread-self/ns/net")
	return have == want, err
}

// execInNamespace replaces this process by a command in the network
// namespace at path. It keeps its process id.
func execInNamespace(path, command string, argv, env []string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // reached on failure alone
	if err := enterNamespace(path); err != nil {
		return err
	}
	return syscall.Exec(command, argv, env)
}

// detach makes cmd outlive this process, its terminal and its process group.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// killGroup makes the end of cmd's context end all its children too.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

func terminate(pid int) error { return ignoreGone(syscall.Kill(pid, syscall.SIGTERM)) }
func kill(pid int) error      { return ignoreGone(syscall.Kill(pid, syscall.SIGKILL)) }

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
