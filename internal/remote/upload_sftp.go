// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const (
	// bigPacket is what OpenSSH's server takes in one request: 256 KiB with
	// its header (sftp-common.h, SFTP_MAX_MSG_LENGTH). Others promise 32 KiB
	// (draft-ietf-secsh-filexfer-02, section 3).
	bigPacket   = 256<<10 - 1024
	smallPacket = 32 << 10
	// inFlight is how many requests are under way for one file: enough for
	// the channel's window, which is what limits a long way.
	inFlight = 64
)

// sftpSession is SFTP on a channel of its own.
type sftpSession struct {
	t      *transport
	ch     ssh.Channel
	client *sftp.Client
	pulse  *pulse
}

func (c *Conn) withoutSFTP() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noSFTP
}

// openSFTP starts the subsystem. It gives nil, and remembers it, if the host
// has none that works: switched off, or its login shell writes into it.
func (c *Conn) openSFTP(ctx context.Context) (*sftpSession, error) {
	s, err := onSession(ctx, c, func(t *transport) (*sftpSession, error) { return t.startSFTP(ctx) })
	if err == nil {
		return s, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: starting SFTP: %w", c.host(), context.Cause(ctx))
	}
	if t := c.primary(); !t.alive() {
		return nil, c.lost(t, "the start of SFTP", err)
	}
	c.forgetSFTP()
	return nil, nil
}

// forgetSFTP has what follows travel without SFTP.
func (c *Conn) forgetSFTP() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noSFTP = true
}

// errNoFile says that SFTP does not make the file that it was asked to, nothing of which
// has been sent.
var errNoFile = errors.New("it cannot be made there")

// startSFTP starts the subsystem. One that does not get ready is left to itself,
// since its server may not agree to an end (OpenSSH's waits for the subsystem's):
// it is one for a connection, and ends with it.
func (t *transport) startSFTP(ctx context.Context) (*sftpSession, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.limits.sftp, errNoSFTP)
	defer cancel()
	ch, requests, err := t.openSession(ctx)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(requests)
	go func() {
		// The subsystem has nothing to say there, but its window must not fill.
		if n, _ := io.CopyN(io.Discard, ch.Stderr(), mostSaid); n == mostSaid {
			_ = ch.Close() // it sends without end, and the session with it
		}
	}()
	s := &sftpSession{t: t, ch: ch, pulse: &pulse{}}
	ready := make(chan error, 1)
	go func() { ready <- s.begin() }()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		go ch.Close() // it may have to wait itself
		return nil, err
	}
	return s, nil
}

// errNoSFTP says that the subsystem did not get ready.
var errNoSFTP = errors.New("SFTP does not get ready")

// begin waits until the subsystem is ready, without a limit.
func (s *sftpSession) begin() error {
	ok, err := s.ch.SendRequest("subsystem", true, ssh.Marshal(&struct{ Name string }{"sftp"}))
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the subsystem is switched off")
	}
	packet := smallPacket
	if strings.Contains(string(s.t.ssh.ServerVersion()), "OpenSSH") {
		packet = bigPacket
	}
	s.client, err = sftp.NewClientPipe(beating{s.ch, s.pulse}, beating{s.ch, s.pulse}, sftp.MaxPacketUnchecked(packet),
		sftp.MaxConcurrentRequestsPerFile(inFlight), sftp.UseConcurrentWrites(true))
	return err
}

// send writes r to a file from offset on. Requests go out in order, so a file
// that was cut off has no holes.
func (s *sftpSession) send(ctx context.Context, name string, offset int64, r io.Reader) error {
	ctx, stop := s.pulse.watch(ctx, s.t.limits.quiet)
	defer stop()
	// The library's calls end with their channel and in no other way.
	defer s.t.guard(ctx, "the upload of "+path.Base(name), func() { _ = s.ch.Close() })()
	flags := os.O_WRONLY | os.O_CREATE
	if offset == 0 {
		flags |= os.O_TRUNC
	}
	err := s.write(name, flags, offset, s.pulse.pausing(r))
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (s *sftpSession) write(name string, flags int, offset int64, r io.Reader) error {
	f, err := s.client.OpenFile(name, flags)
	var status *sftp.StatusError
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.As(err, &status):
		return fmt.Errorf("making the file: %w: %w", errNoFile, err)
	case err != nil:
		return fmt.Errorf("making the file: %w", err)
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	_, err = f.ReadFromWithConcurrency(r, inFlight)
	return errors.Join(err, f.Close())
}

// close ends the session, and waits a moment for the host to agree, unless ctx is
// done: servers that allow few count it until then.
func (s *sftpSession) close(ctx context.Context) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = s.ch.Close() // nothing is under way that could be lost
		_ = s.client.Close()
	}()
	timer := time.NewTimer(s.t.limits.grace)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	case <-ctx.Done():
	}
	s.t.leave()
}

// A pulse shows whether a host takes what it is sent.
type pulse struct {
	last   atomic.Int64 // monotonic time of the last sign
	pauses atomic.Int64 // for which the host has nothing to do
}

func (p *pulse) beat()               { p.last.Store(int64(time.Since(epoch))) }
func (p *pulse) idle() time.Duration { return time.Since(epoch) - time.Duration(p.last.Load()) }

// watch gives a context that ends when there has been no sign for as long.
func (p *pulse) watch(ctx context.Context, quiet time.Duration) (_ context.Context, stop func()) {
	ctx, giveUp := context.WithCancelCause(ctx)
	p.beat()
	var mu sync.Mutex
	mu.Lock()
	defer mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(quiet, func() {
		mu.Lock()
		defer mu.Unlock()
		idle := p.idle()
		switch {
		case p.pauses.Load() > 0:
			timer.Reset(quiet)
		case idle < quiet:
			timer.Reset(quiet - idle)
		default:
			giveUp(fmt.Errorf("the host has taken nothing for %s", quiet))
		}
	})
	return ctx, func() {
		timer.Stop()
		giveUp(nil)
	}
}

// pausing is r, whose reader has nothing for the host while it waits.
func (p *pulse) pausing(r io.Reader) io.Reader { return &pausing{r, p} }

type pausing struct {
	r io.Reader
	p *pulse
}

func (r *pausing) Read(b []byte) (int, error) {
	r.p.pauses.Add(1)
	defer func() {
		r.p.beat()
		r.p.pauses.Add(-1)
	}()
	return r.r.Read(b)
}

// beating is a channel all of whose calls that end are signs.
type beating struct {
	ssh.Channel
	p *pulse
}

func (b beating) Read(p []byte) (int, error) {
	n, err := b.Channel.Read(p)
	b.p.beat()
	return n, err
}

func (b beating) Write(p []byte) (int, error) {
	n, err := b.Channel.Write(p)
	b.p.beat()
	return n, err
}

// catTo is send without SFTP: the content is the standard input of a cat.
func (c *Conn) catTo(ctx context.Context, name string, offset int64, r io.Reader) error {
	how := ">"
	if offset > 0 {
		how = ">>"
	}
	errs := &output{max: 4 << 10}
	j := &job{conn: c, work: "an upload", out: io.Discard, errs: errs}
	j.text = func(b *bytes.Buffer, _ bool) { b.WriteString("umask 077;exec cat " + how + quote(name) + "\n") }
	if err := j.begin(ctx, false); err != nil {
		return err
	}
	p := j.p
	defer p.finish()
	copyErr := p.copyFrom(ctx, r)
	limit := time.NewTimer(p.t.limits.quiet) // to write it all down
	defer limit.Stop()
	select {
	case <-p.exited:
		p.drain(ctx, nil)
	case <-p.flooded:
		return &FloodError{Host: c.host(), Work: j.work, Most: mostSaid}
	case <-limit.C:
		return fmt.Errorf("cat has not ended within %s", p.t.limits.quiet)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	switch code := p.exitCode(); {
	case code > 0:
		return fmt.Errorf("cat ended with exit code %d: %s", code, errs.last(c.redact))
	case code < 0:
		return c.lost(p.t, "an upload", copyErr)
	}
	return copyErr
}

// copyFrom gives the process all of r as its input.
func (p *process) copyFrom(ctx context.Context, r io.Reader) error {
	buf := make([]byte, 2*smallPacket)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := p.write(ctx, buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			closeErr := p.closeInput(ctx)
			if errors.Is(err, io.EOF) {
				return closeErr
			}
			return err
		}
	}
}

// closeInput says that there is no more input.
func (p *process) closeInput(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.t.limits.quiet)
	defer cancel()
	defer p.t.guard(ctx, "the input of "+p.work, p.hangUp)()
	return p.ch.CloseWrite()
}
