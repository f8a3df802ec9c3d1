// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"io"
	"os"
	"syscall"
)

// agentAddress is the named pipe of the agent that comes with Windows, or what
// SSH_AUTH_SOCK names.
func agentAddress() string {
	if s := os.Getenv("SSH_AUTH_SOCK"); s != "" {
		return s
	}
	return `\\.\pipe\openssh-ssh-agent`
}

// dialAgent opens the pipe, which is refused at once if the agent is busy. Only
// what is opened for asynchronous calls has calls that end with it (os.NewFile).
func dialAgent(_ context.Context, address string) (io.ReadWriteCloser, error) {
	return os.OpenFile(address, os.O_RDWR|syscall.FILE_FLAG_OVERLAPPED, 0)
}
