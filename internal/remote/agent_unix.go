// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote

import (
	"io"
	"net"
	"os"
)

// agentAddress is the socket of the running agent, "" if there is none.
func agentAddress() string { return os.Getenv("SSH_AUTH_SOCK") }

func dialAgent(address string) (io.ReadWriteCloser, error) { return net.Dial("unix", address) }
