// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remotetest

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// hearHangUps lets commands be ended by a terminal that hangs up, also where the
// tests run under nohup: sshd has a handler for the signal, so what it starts does not
// ignore it (execve(2)).
var hearHangUps = sync.OnceFunc(func() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // the tests go on ignoring it
	}
})

// ownSession gives a command a session of its own, as sshd does, with its
// stdin as the controlling terminal if it is one.
func ownSession(cmd *exec.Cmd, tty bool) {
	hearHangUps()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: tty}
}
