// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
	// sftpLimit is how long the subsystem may take to start.
	sftpLimit = 30 * time.Second
)

// sftpSession is SFTP on a channel of its own.
type sftpSession struct {
	t      *transport
	ch     ssh.Channel
	client *sftp.Client
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noSFTP = true
	return nil, nil
}

func (t *transport) startSFTP(ctx context.Context) (*sftpSession, error) {
	ctx, cancel := context.WithTimeout(ctx, sftpLimit)
	defer cancel()
	ch, requests, err := t.openChannel(ctx, "session", nil)
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
	stop := context.AfterFunc(ctx, func() { _ = ch.Close() }) // its error is that it is closed
	defer stop()
	fail := func(err error) (*sftpSession, error) {
		_ = ch.Close() // as above
		return nil, err
	}
	ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(&struct{ Name string }{"sftp"}))
	if err != nil {
		return fail(err)
	}
	if !ok {
		return fail(errors.New("the subsystem is switched off"))
	}
	packet := smallPacket
	if strings.Contains(string(t.ssh.ServerVersion()), "OpenSSH") {
		packet = bigPacket
	}
	client, err := sftp.NewClientPipe(ch, ch, sftp.MaxPacketUnchecked(packet), sftp.MaxConcurrentRequestsPerFile(inFlight),
		sftp.UseConcurrentWrites(true))
	if err != nil {
		return fail(err)
	}
	return &sftpSession{t: t, ch: ch, client: client}, nil
}

// send writes r to a file from offset on. Requests go out in order, so a file
// that was cut off has no holes.
func (s *sftpSession) send(ctx context.Context, name string, offset int64, r io.Reader) error {
	// The library's calls end with their channel and in no other way.
	stop := context.AfterFunc(ctx, func() { _ = s.ch.Close() })
	defer stop()
	flags := os.O_WRONLY | os.O_CREATE
	if offset == 0 {
		flags |= os.O_TRUNC
	}
	f, err := s.client.OpenFile(name, flags)
	if err != nil {
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

func (s *sftpSession) close() {
	// Nothing is under way that could be lost.
	_ = s.ch.Close()
	_ = s.client.Close()
	s.t.leave()
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
	stop := context.AfterFunc(ctx, func() { _ = p.ch.Close() }) // its error is that it is closed
	defer stop()
	_, copyErr := io.CopyBuffer(onlyWriter{p.ch}, r, make([]byte, 2*smallPacket))
	if err := p.ch.CloseWrite(); err != nil && copyErr == nil {
		copyErr = err
	}
	select {
	case <-p.exited:
		p.drain(nil)
	case <-p.flooded:
		return &FloodError{Host: c.host(), Work: j.work, Most: mostSaid}
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

// onlyWriter hides a channel's other methods from io.Copy.
type onlyWriter struct{ io.Writer }
