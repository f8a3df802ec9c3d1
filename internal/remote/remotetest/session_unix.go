// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remotetest

import (
	"os/exec"
	"syscall"
)

// ownSession gives a command a session of its own, as sshd does, with its
// stdin as the controlling terminal if it is one.
func ownSession(cmd *exec.Cmd, tty bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: tty}
}
