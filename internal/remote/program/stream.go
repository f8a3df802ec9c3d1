// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package program

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// A Stream is a program whose standard input and output are a connection. It
// ends with the connection: Close asks the process group to end and makes it,
// two seconds later.
type Stream struct {
	label  string
	cmd    *exec.Cmd
	in     *os.File // what the program reads
	out    *os.File // what it writes
	stderr tailWriter

	closing sync.Once
	over    atomic.Bool   // it has closed its end
	reading sync.Mutex    // held by who reads out
	quiet   chan struct{} // nobody holds its error output any more
	ended   chan struct{} // it has been waited for
}

var _ net.Conn = (*Stream)(nil)

// Stream starts a program. label is how it is called in messages.
func (c Command) Stream(label string) (*Stream, error) {
	s := &Stream{label: label, cmd: c.prepare(context.Background()), quiet: make(chan struct{}), ended: make(chan struct{})}
	var pipes []*os.File
	pipe := func() (r, w *os.File, err error) {
		if r, w, err = os.Pipe(); err == nil {
			pipes = append(pipes, r, w)
		}
		return r, w, err
	}
	fail := func(err error) (*Stream, error) {
		for _, f := range pipes {
			_ = f.Close() // nothing was written
		}
		return nil, &Error{Program: label, Code: -1, Err: err}
	}
	itsIn, in, err := pipe()
	if err != nil {
		return fail(err)
	}
	out, itsOut, err := pipe()
	if err != nil {
		return fail(err)
	}
	stderr, itsStderr, err := pipe()
	if err != nil {
		return fail(err)
	}
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = itsIn, itsOut, itsStderr
	if err := s.cmd.Start(); err != nil {
		return fail(err)
	}
	for _, f := range []*os.File{itsIn, itsOut, itsStderr} {
		_ = f.Close() // the program has its own
	}
	s.in, s.out = in, out
	go func() {
		_, _ = io.Copy(&s.stderr, stderr) // its end is all that there is to know
		_ = stderr.Close()                // nothing was written to it
		close(s.quiet)
	}()
	return s, nil
}

func (s *Stream) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	n, err := s.out.Read(p)
	s.look(err)
	return n, err
}

// look notes from an error that the program has closed its end.
func (s *Stream) look(err error) {
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.over.Store(true)
	}
}

// Over says that the program has closed its input or output, as it does when it
// ends.
func (s *Stream) Over() bool { return s.over.Load() }

func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.in.Write(p)
	s.look(err)
	return n, err
}

// Close ends the program; it does not wait for it.
func (s *Stream) Close() error {
	s.closing.Do(func() {
		_ = s.in.Close() // what was written is the program's
		if !s.Over() {
			s.stop()
		}
		go s.end()
	})
	return nil
}

// stop tells the program to end, and whoever reads that it has.
func (s *Stream) stop() {
	// It is not waited for yet, so its process id is nobody else's.
	_ = endGroup(s.cmd.Process, false) // it may have ended
	_ = s.out.SetReadDeadline(time.Unix(1, 0))
}

// end sees to it that nothing is left of the group. A program that has closed its
// output is most likely about to end by itself, and its exit code says more than our
// signal.
func (s *Stream) end() {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	if s.Over() {
		time.Sleep(leave)
		s.stop()
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.reading.Lock() // whoever read has had its error
		defer s.reading.Unlock()
		_ = s.out.SetReadDeadline(time.Now().Add(grace))
		_, _ = io.Copy(io.Discard, s.out)
	}()
	for silent, quiet := drained, s.quiet; silent != nil || quiet != nil; {
		select {
		case <-silent:
			silent = nil
		case <-quiet:
			quiet = nil
		case <-deadline.C:
			silent, quiet = nil, nil
		}
	}
	_ = endGroup(s.cmd.Process, true) // as above
	_ = s.cmd.Wait()                  // its state is looked at by Ended
	close(s.ended)
	_ = s.out.Close() // all was read
}

// Ended closes the stream and says how the program ended, with what it had to
// say. It waits for that for as long as a program has to end.
func (s *Stream) Ended() error {
	_ = s.Close() // it gives no error
	late := time.NewTimer(2 * grace)
	defer late.Stop()
	select {
	case <-s.ended:
	case <-late.C:
		return &Error{Program: s.label, Code: -1, Err: errors.New("it does not end"), Stderr: s.stderr.lines()}
	}
	return &Error{Program: s.label, Code: s.cmd.ProcessState.ExitCode(), Stderr: s.stderr.lines()}
}

// LocalAddr and RemoteAddr are the program's name: it has no address.
func (s *Stream) LocalAddr() net.Addr  { return address(s.label) }
func (s *Stream) RemoteAddr() net.Addr { return address(s.label) }

// SetDeadline is net.Conn's.
func (s *Stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline is net.Conn's.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.out.SetReadDeadline(t) }

// SetWriteDeadline is net.Conn's.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.in.SetWriteDeadline(t) }

type address string

func (address) Network() string  { return "command" }
func (a address) String() string { return string(a) }
