// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"io"
	"os"
)

// agentAddress is the named pipe of the agent that comes with Windows, or what
// SSH_AUTH_SOCK names.
func agentAddress() string {
	if s := os.Getenv("SSH_AUTH_SOCK"); s != "" {
		return s
	}
	return `\\.\pipe\openssh-ssh-agent`
}

func dialAgent(address string) (io.ReadWriteCloser, error) {
	return os.OpenFile(address, os.O_RDWR, 0)
}
