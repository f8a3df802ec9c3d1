// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package program

import (
	"cmp"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes a program the first of a session, and so of a process group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// endGroup asks the processes of a program's group to end, or makes them. The
// program must not have been waited for.
func endGroup(p *os.Process, force bool) error {
	sig := syscall.SIGTERM
	if force {
		sig = syscall.SIGKILL
	}
	return syscall.Kill(-p.Pid, sig)
}

// Shell is a command line for the user's shell, as ssh runs a ProxyCommand
// (sshconnect.c, ssh_proxy_connect).
func Shell(line string) Command {
	return Command{Path: cmp.Or(os.Getenv("SHELL"), "/bin/sh"), Args: []string{"-c", "exec " + line}}
}
