// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Command sshservers is an SSH server made of a library that others build theirs
// of: sshservers gliderlabs|wish ADDRESS. It lets everybody in and runs what it is
// asked to run by sh, as such servers do by the examples in their documentation:
// in the server's own process group, and not before its input has ended does the
// library give the exit code to the client.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"

	"github.com/charmbracelet/ssh"
	"github.com/charmbracelet/wish"
	gliderlabs "github.com/gliderlabs/ssh"
)

// session is what both libraries call one.
type session interface {
	io.ReadWriter
	Stderr() io.ReadWriter
	RawCommand() string
	Exit(code int) error
}

func handle(s session) {
	cmd := exec.Command("/bin/sh", "-c", s.RawCommand())
	cmd.Stdout, cmd.Stderr = s, s.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil {
		log.Print(err)
		return
	}
	if err := cmd.Start(); err != nil {
		log.Print(err)
		return
	}
	go func() {
		_, _ = io.Copy(in, s)
		_ = in.Close()
	}()
	code := 0
	if err := cmd.Wait(); err != nil {
		code = 255
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
	}
	_ = s.Exit(code)
}

func serve(library, address string) error {
	switch library {
	case "gliderlabs":
		return gliderlabs.ListenAndServe(address, func(s gliderlabs.Session) { handle(s) },
			gliderlabs.PublicKeyAuth(func(gliderlabs.Context, gliderlabs.PublicKey) bool { return true }))
	case "wish":
		server, err := wish.NewServer(wish.WithAddress(address), wish.WithHostKeyPath("/run/wish_key"),
			wish.WithPublicKeyAuth(func(ssh.Context, ssh.PublicKey) bool { return true }),
			wish.WithMiddleware(func(ssh.Handler) ssh.Handler { return func(s ssh.Session) { handle(s) } }))
		if err != nil {
			return err
		}
		return server.ListenAndServe()
	}
	return fmt.Errorf("no library %q", library)
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: sshservers gliderlabs|wish ADDRESS")
	}
	log.Fatal(serve(os.Args[1], os.Args[2]))
}
