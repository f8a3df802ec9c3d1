// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// uploadsAtOnce is how many files of one Upload travel side by side: more than
// one, since each costs three round trips in which the line would be idle.
const uploadsAtOnce = 4

// partsDirectory is where in the work directory files are until they have
// arrived, each under its own name: so all that belong into one directory get
// there by one command.
const partsDirectory = ".part"

// Upload puts files into the work directory, and gives the directory's path.
// It makes the directory on first need: mode 0700, owned by the user that is
// logged in, removed by Close and when the connection breaks.
//
// What the directory holds already, from an earlier call or from a run whose
// connection broke, is kept if its sha256 is right and continued if it is
// incomplete. Every file is verified on the host before it gets its name. Of
// the content no more than a few packets are in memory. progress, which may be
// nil, is told the bytes of these files that the host has, in all; calls do
// not overlap. A host that takes nothing for two minutes is given up.
func (c *Conn) Upload(ctx context.Context, files []File, progress func(sent int64)) (dir string, err error) {
	for _, f := range files {
		if err := f.check(); err != nil {
			return "", fmt.Errorf("uploading to %s: %w", c.host(), err)
		}
	}
	if err := c.uploading.acquire(ctx); err != nil {
		return "", fmt.Errorf("waiting to upload to %s: %w", c.host(), err)
	}
	defer c.uploading.release()
	if err := c.client.transfers.acquire(ctx); err != nil {
		return "", fmt.Errorf("waiting to upload to %s: %w", c.host(), err)
	}
	defer c.client.transfers.release()
	k, err := c.workDirectory(ctx)
	if err != nil {
		return "", err
	}
	u := &upload{conn: c, dir: k.dir, progress: progress}
	for i := range files {
		u.items = append(u.items, &item{File: &files[i]})
	}
	defer u.close(ctx)
	if k.dirty || u.nested() {
		if err := u.survey(ctx); err != nil {
			return "", err
		}
	}
	k.dirty = true
	for attempt := 1; len(u.pending()) > 0; attempt++ {
		if err := u.transfer(ctx); err != nil {
			return "", err
		}
		if err := u.verify(ctx, attempt); err != nil {
			return "", err
		}
	}
	return k.dir, nil
}

func (f *File) check() error {
	switch sum, err := hex.DecodeString(f.SHA256); {
	case !fs.ValidPath(f.Name) || f.Name == "." || strings.ContainsAny(f.Name, "\x00\r\n\\") ||
		slices.Contains([]string{partsDirectory, ".keeper"}, firstElement(f.Name)):
		return fmt.Errorf("%q is no name for a file in the work directory", f.Name)
	case !validOwner(f.Owner):
		return fmt.Errorf("%q is no owner for %s", f.Owner, f.Name)
	case f.Open == nil || f.Size < 0:
		return fmt.Errorf("%s has no content", f.Name)
	case err != nil || len(sum) != 32:
		return fmt.Errorf("%s has no sha256 sum", f.Name)
	}
	return nil
}

func firstElement(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

// validOwner takes "", "user", "user:group" and ":group".
func validOwner(owner string) bool {
	user, group, _ := strings.Cut(owner, ":")
	return checkUser(user) == nil && checkUser(group) == nil
}

// upload is one call of Upload.
type upload struct {
	conn     *Conn
	dir      string
	items    []*item
	progress func(int64)

	sftp *sftpSession // nil if the host has none

	sent atomic.Int64
}

// item is one file on its way.
type item struct {
	*File
	there   int64 // bytes that the host has
	resumed bool  // some of them from an earlier run
	arrived bool  // all of them, not compared yet
	done    bool
}

func (it *item) mode() string {
	mode := it.Mode.Perm()
	if mode == 0 {
		mode = 0o644
	}
	return fmt.Sprintf("%04o", mode)
}

func (it *item) sum() string { return strings.ToLower(it.SHA256) }

func (u *upload) pending() []*item {
	var items []*item
	for _, it := range u.items {
		if !it.done {
			items = append(items, it)
		}
	}
	return items
}

func (u *upload) nested() bool {
	for _, it := range u.items {
		if strings.Contains(it.Name, "/") {
			return true
		}
	}
	return false
}

func (u *upload) close(ctx context.Context) {
	if u.sftp != nil {
		u.sftp.close(ctx)
	}
}

// transfer sends what is missing of the pending items.
func (u *upload) transfer(ctx context.Context) error {
	if u.sftp == nil && !u.conn.withoutSFTP() {
		s, err := u.conn.openSFTP(ctx)
		if err != nil {
			return err
		}
		u.sftp = s
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploadsAtOnce)
	for _, it := range u.pending() {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := u.send(ctx, it); err != nil {
				return u.explain(ctx, it, err)
			}
			it.arrived = true
			return nil
		})
	}
	return group.Wait()
}

// send brings one item's part file to its full length.
func (u *upload) send(ctx context.Context, it *item) error {
	if it.arrived || it.there == it.Size && it.resumed {
		return nil
	}
	src, err := it.Open()
	if err != nil {
		return fmt.Errorf("opening it here: %w", err)
	}
	err = u.sendFrom(ctx, it, src)
	return errors.Join(err, src.Close())
}

func (u *upload) sendFrom(ctx context.Context, it *item, src io.Reader) error {
	offset := it.there
	if seeker, ok := src.(io.Seeker); ok && offset > 0 {
		if _, err := seeker.Seek(offset, io.SeekStart); err != nil {
			return fmt.Errorf("reading it here: %w", err)
		}
	} else if offset > 0 {
		if _, err := io.CopyN(io.Discard, src, offset); err != nil {
			return fmt.Errorf("reading it here: %w", err)
		}
	}
	r := &countingReader{ctx: ctx, pace: &u.conn.client.pace, r: src, left: it.Size - offset, add: func(n int) {
		it.there += int64(n)
		u.add(int64(n))
	}}
	target := path.Join(u.dir, partsDirectory, it.Name)
	err := errNoFile
	if u.sftp != nil && !u.conn.withoutSFTP() {
		err = u.sftp.send(ctx, target, offset, r)
	}
	if errors.Is(err, errNoFile) {
		// The directory is ours: SFTP is one that does not let us write (internal-sftp -R,
		// -P), or not there (a view of its own of the file system).
		u.conn.forgetSFTP()
		err = u.conn.catTo(ctx, target, offset, r)
	}
	switch {
	case r.err != nil:
		return fmt.Errorf("reading it here: %w", r.err)
	case err == nil && r.left > 0:
		return fmt.Errorf("it has %d bytes here, not %d", it.Size-r.left, it.Size)
	}
	return err
}

// explain makes an error of a failed transfer, and finds out what SFTP has no
// words for: that the disk is full.
func (u *upload) explain(ctx context.Context, it *item, err error) error {
	c := u.conn
	if ctx.Err() != nil {
		return fmt.Errorf("%s: uploading %s: %w", c.host(), it.Name, context.Cause(ctx))
	}
	var lost *LostError
	if errors.As(err, &lost) {
		return err
	}
	if t := c.primary(); !t.alive() {
		return c.lost(t, "the upload of "+it.Name, err)
	}
	res, dfErr := c.Run(ctx, Script{Name: "upload disk", Text: `df -Pk "$1"`, Args: []string{u.dir}, Timeout: 10 * time.Second})
	if errors.As(dfErr, &lost) {
		return c.lost(c.primary(), "the upload of "+it.Name, err) // SFTP tells it a moment earlier
	}
	if dfErr == nil {
		lines := tidyLines(string(res.Stdout), 1)
		if len(lines) == 1 {
			f := strings.Fields(lines[0])
			if len(f) >= 6 {
				if free, convErr := strconv.ParseInt(f[3], 10, 64); convErr == nil && free*1024 < it.Size {
					err = fmt.Errorf("no room: %s has %d MiB free on %s: %w", c.host(), free/1024, f[5], err)
				}
			}
		}
	}
	return &TransferError{Host: c.host(), File: it.Name, Err: err}
}

// add counts bytes and reports them.
func (u *upload) add(n int64) {
	u.sent.Add(n)
	if u.progress == nil {
		return
	}
	u.conn.progressMu.Lock()
	defer u.conn.progressMu.Unlock()
	u.progress(u.sent.Load())
}

// countingReader reads at most left bytes and keeps its own reader's error
// apart from those of who reads from it.
type countingReader struct {
	ctx  context.Context //nolint:containedctx // a Read has none of its own
	pace *pace
	r    io.Reader
	left int64
	add  func(n int)
	err  error
}

func (r *countingReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left, r.pace.most())])
	if n > 0 {
		r.left -= int64(n)
		r.add(n)
		if err := r.pace.wait(r.ctx, n); err != nil {
			return n, err
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
