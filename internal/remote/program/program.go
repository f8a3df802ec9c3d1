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
	stderr, itsStderr, err := os.Pipe()
	if err != nil {
		return nil, &Error{Program: name, Code: -1, Err: err}
	}
	out, tail := &bounded{most: most}, &tailWriter{}
	cmd := c.prepare(ctx)
	cmd.Stdout, cmd.Stderr = out, itsStderr
	// What it leaves behind may hold its output open for as long as it likes: then
	// nobody knows whether that is all. That of its errors does not matter.
	cmd.WaitDelay = 5 * grace
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.Copy(tail, stderr) // its end is all that there is to know
		_ = stderr.Close()           // nothing was written to it
	}()
	ran := make(chan error, 1)
	go func() {
		err := cmd.Run()
		_ = itsStderr.Close() // the program had its own
		ran <- err
	}()
	select {
	case err = <-ran:
	case <-ctx.Done():
		// What has left its group, and so lives on, is not waited for.
		select {
		case err = <-ran:
		case <-time.After(grace / 2):
			err = ctx.Err()
		}
	}
	if err == nil {
		return out.kept, nil
	}
	select {
	case <-said:
	case <-time.After(grace / 2):
	}
	e := &Error{Program: name, Code: -1, Stderr: tail.lines()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
	case out.over:
		e.Err = fmt.Errorf("it writes more than %d KiB", most>>10)
	case errors.As(err, &exit):
		e.Code = exit.ExitCode()
	case errors.Is(err, exec.ErrWaitDelay):
		e.Err = errors.New("what it started keeps its output open")
	default:
		e.Err = err
	}
	return nil, e
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
