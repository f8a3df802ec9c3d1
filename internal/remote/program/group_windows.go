// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package program

import (
	"cmp"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// ownGroup makes a program the first of a process group, whose command line is
// the interpreter's to take apart.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
	if strings.HasSuffix(strings.ToLower(cmd.Path), "cmd.exe") {
		cmd.SysProcAttr.CmdLine = `"` + cmd.Path + `" ` + strings.Join(cmd.Args[1:], " ")
	}
}

// endGroup ends a program and all that it started. Windows has no way to ask
// those that have no window.
func endGroup(p *os.Process, _ bool) error {
	return exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(p.Pid)).Run() //nolint:gosec // a number
}

// Shell is a command line for the system's interpreter.
func Shell(line string) Command {
	return Command{Path: cmp.Or(os.Getenv("ComSpec"), `C:\Windows\System32\cmd.exe`), Args: []string{"/d", "/c", line}}
}
