// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package program runs programs of this machine for a connection: ssh -G, which
// says what a client configuration means, KnownHostsCommand, and the
// ProxyCommand that is the connection.
//
// Each is the first of a process group and a session of its own: it has no
// terminal to ask anything on, a Ctrl-C in Terraform's does not reach it before
// the connection has been ended in order, and what it starts ends with it.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// grace is how long a program has to end once it has been asked to.
	grace = 2 * time.Second
	// leave is how long one that has closed its output has to end by itself first.
	leave = 200 * time.Millisecond
	// mostStderr is how much of the end of the error output is kept.
	mostStderr = 4 << 10
	// mostLines are those of it that an error shows.
	mostLines = 10
)

// A Command is a program with its arguments.
type Command struct {
	Path string
	Args []string // without the program's name
	Env  []string // see Environment; nil: this process's
}

// Environment is this process's without what may hold a secret of the provider:
// its own variables, all of Terraform's, and those whose value isSecret.
func Environment(isSecret func(value string) bool) []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "DCOS_") || strings.HasPrefix(name, "TF_") || isSecret(value)
	})
}

// An Error says that a program did not do what it was run for.
type Error struct {
	Program string // what was run, without its arguments
	Code    int    // its exit code; -1 if it had none
	Stderr  string // the last lines of its error output
	Err     error  // why it was not started, or was ended; nil if it ended by itself
}

func (e *Error) Error() string {
	msg := ""
	switch {
	case e.Err != nil:
		msg = fmt.Sprintf("%s: %v", e.Program, e.Err)
	case e.Code >= 0:
		msg = fmt.Sprintf("%s: exit code %d", e.Program, e.Code)
	default:
		msg = e.Program + " was ended by a signal"
	}
	if e.Stderr != "" {
		msg += ": " + e.Stderr
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// prepare makes what os/exec starts, which ends with ctx.
func (c Command) prepare(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...) //nolint:gosec // it is the user's own configuration that names it
	cmd.Env = c.Env
	cmd.Cancel = func() error { return endGroup(cmd.Process, true) }
	ownGroup(cmd)
	return cmd
}

// Output runs a program that reads nothing, and gives all that it writes, which may
// be most bytes. When ctx is done the program and all that it started are ended,
// and it comes back within two seconds whatever becomes of them.
// Errors are *Error.
func (c Command) Output(ctx context.Context, most int) ([]byte, error) {
	name := baseName(c.Path)
	out, tail := &bounded{most: most}, &tailWriter{}
	r, err := c.start(ctx, out, tail)
	if err != nil {
		return nil, &Error{Program: name, Code: -1, Err: err}
	}
	over := false
	select {
	case <-r.all:
		over = out.over
	case <-ctx.Done():
		over = true
	}
	if over {
		// It may have ended and others of its group not. It is not waited for yet, so
		// its process id is nobody else's.
		_ = endGroup(r.cmd.Process, true)
	}
	ran := make(chan error, 2)
	go func() { ran <- r.cmd.Wait() }()
	late := context.AfterFunc(ctx, func() { // what has left its group, and so lives on, is not waited for
		time.Sleep(grace / 2)
		closeAll(r.stdout, r.stderr)
		ran <- ctx.Err()
	})
	err = <-ran
	late()
	if err == nil && !over {
		return out.kept, nil
	}
	select {
	case <-r.said:
	case <-time.After(grace / 4):
	}
	e := &Error{Program: name, Code: -1, Stderr: tail.lines()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
	case over:
		e.Err = fmt.Errorf("it writes more than %d KiB", most>>10)
	case errors.As(err, &exit):
		e.Code = exit.ExitCode()
	default:
		e.Err = err
	}
	return nil, e
}

// running is a program whose output is read aside.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr *os.File
	all, said      chan struct{} // closed at the end of either
}

// start starts a program. What it leaves behind may hold its output open for as long as
// it likes: then nobody knows whether that is all. That of its errors does not matter.
func (c Command) start(ctx context.Context, out, tail io.Writer) (*running, error) {
	stdout, itsStdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, itsStderr, err := os.Pipe()
	if err != nil {
		closeAll(stdout, itsStdout)
		return nil, err
	}
	cmd := c.prepare(ctx)
	cmd.Stdout, cmd.Stderr = itsStdout, itsStderr
	err = cmd.Start()
	closeAll(itsStdout, itsStderr) // the program has its own
	if err != nil {
		closeAll(stdout, stderr)
		return nil, err
	}
	return &running{cmd, stdout, stderr, aside(out, stdout), aside(tail, stderr)}, nil
}

// aside copies until the end, which the channel tells.
func aside(to io.Writer, from *os.File) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(to, from) // who writes tells what is wrong
		closeAll(from)
	}()
	return ended
}

// closeAll closes ends of pipes, to which nothing was written here.
func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

func baseName(path string) string {
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		return path[i+1:]
	}
	return path
}

// bounded keeps most bytes, and fails when more come. It is no bytes.Buffer, whose
// ReadFrom would know no bound.
type bounded struct {
	kept []byte
	most int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.kept)+len(p) > b.most {
		b.over = true
		return 0, errors.New("too much")
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// tailWriter keeps the end of what is written.
type tailWriter struct {
	mu  sync.Mutex
	end []byte
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, p...)
	if over := len(w.end) - mostStderr; over > 0 {
		w.end = slices.Delete(w.end, 0, over)
	}
	return len(p), nil
}

// lines are the last ones, in one.
func (w *tailWriter) lines() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(w.end)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.ToValidUTF8(strings.Join(lines[max(0, len(lines)-mostLines):], "; "), "?")
}
