// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote

import (
	"context"
	"io"
	"net"
	"os"
)

// agentAddress is the socket of the running agent, "" if there is none.
func agentAddress() string { return os.Getenv("SSH_AUTH_SOCK") }

func dialAgent(ctx context.Context, address string) (io.ReadWriteCloser, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", address)
}
