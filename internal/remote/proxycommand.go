// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"fmt"
	"net"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote/program"
)

// proxyCommand is how a command that is the connection is called in messages. What
// is in it may be nobody's business.
const proxyCommand = "proxy command"

// A ProxyCommandError says that the connection through a command did not come about,
// or ended.
type ProxyCommandError struct {
	Err   error // what became of the connection
	Ended error // how the command ended, with the end of its error output
}

func (e *ProxyCommandError) Error() string { return fmt.Sprintf("%v; %v", e.Err, e.Ended) }
func (e *ProxyCommandError) Unwrap() error { return e.Err }

// Kind is KindUnreachable.
func (*ProxyCommandError) Kind() Kind { return KindUnreachable }

// Hint says how to find out more.
func (e *ProxyCommandError) Hint() string {
	return "Run the command by hand, with the host's name and port in the places of %h and %p: it has to show an SSH server's greeting " +
		"(SSH-2.0-...). It runs without a terminal, so it cannot ask for anything, and without the variables of Terraform and the provider " +
		"(TF_..., DCOS_...)."
}

// runProxy starts the command that is the connection to an endpoint.
func (c *Client) runProxy(e *endpoint) (net.Conn, error) {
	command := program.Shell(e.command)
	command.Env = c.environment()
	stream, err := command.Stream(proxyCommand)
	if err != nil {
		return nil, err // a nil *Stream is no nil net.Conn
	}
	return stream, nil
}

// throughProxy adds to an error of a connection how the command ended that it went
// through, if it did.
func throughProxy(nc net.Conn, err error) error {
	stream, ok := nc.(*program.Stream)
	if !ok {
		return err
	}
	return &ProxyCommandError{Err: err, Ended: stream.Ended()}
}
