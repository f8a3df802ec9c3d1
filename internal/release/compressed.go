// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const (
	// maxInflated bounds what a compressed file, or all compressed layers of an
	// image, may become.
	maxInflated = 16 << 30
	// maxWindow is how far back zstd may look, which is held in memory: as much as
	// its own command takes without being asked.
	maxWindow = 128 << 20
)

// A compression is a way to write a file or a layer smaller.
type compression struct {
	name  string
	magic []byte // that it starts with
	open  func(r io.Reader) (io.ReadCloser, error)
}

var compressions = []compression{
	{"gzip", []byte{0x1f, 0x8b}, func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}, func(r io.Reader) (io.ReadCloser, error) {
		x, err := xz.NewReader(r)
		return io.NopCloser(x), err
	}},
	{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}},
}

// compressionOf returns how what can be read is compressed; nil if it is not.
func compressionOf(r io.ReaderAt) (*compression, error) {
	start := make([]byte, 6)
	n, err := r.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for i := range compressions {
		if bytes.HasPrefix(start[:n], compressions[i].magic) {
			return &compressions[i], nil
		}
	}
	return nil, nil
}

// inflateTo unpacks what may have limit bytes, and returns its digest and size.
func (c *compression) inflateTo(ctx context.Context, w io.Writer, r io.Reader, limit int64) (sum string, size int64, err error) {
	unpacked, err := c.open(bufio.NewReaderSize(contextReader{ctx, r}, 256<<10))
	if err != nil {
		return "", 0, c.damaged(ctx, err)
	}
	h := sha256.New()
	out := &writer{to: io.MultiWriter(w, h)}
	size, err = io.Copy(out, io.LimitReader(contextReader{ctx, unpacked}, limit+1))
	err = errors.Join(err, unpacked.Close())
	switch {
	case out.err != nil:
		return "", 0, out.err
	case err != nil:
		return "", 0, c.damaged(ctx, err)
	case size > limit:
		return "", 0, &Error{Reason: Altered, Detail: fmt.Sprintf("what its %s has in it is more than %d bytes", c.name, int64(maxInflated))}
	}
	return hexSum(h), size, nil
}

// damaged says what an error of unpacking means for the release.
func (c *compression) damaged(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Error{Reason: CutShort, Detail: "its " + c.name + " ends too early", Err: err}
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &Error{Reason: Unsupported,
			Detail: fmt.Sprintf("its zstd looks back more than %d bytes; compress it without --long or --ultra", maxWindow)}
	}
	return &Error{Reason: Altered, Detail: "its " + c.name + " is damaged", Err: err}
}

// A writer remembers its error, to tell a full disk from what is read.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.err = errors.Join(w.err, err)
	return n, err
}

// unpack gives the unpacked form of a compressed file, which it takes over, from
// the cache directory. What was unpacked there before is used if the file has the
// same size and times as then, unless all has to be made of its bytes anew.
func (s indexStore) unpack(ctx context.Context, f *os.File, c *compression, anew bool) (*os.File, error) {
	u, err := s.unpackTo(ctx, f, c, anew)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		return nil, errors.Join(closeErr, u.Close())
	}
	return u, err
}

func (s indexStore) unpackTo(ctx context.Context, f *os.File, c *compression, anew bool) (_ *os.File, err error) {
	if s.cacheDirectory == "" {
		return nil, &Error{Reason: Unsupported,
			Detail: "it is compressed with " + c.name + ", which takes a cache directory to unpack it; unpack it first"}
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.cacheDirectory, CachePart, "unpacked")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	prefix := cacheKey(f.Name()) + "-"
	name := filepath.Join(dir, prefix+cacheKey(fmt.Sprintf("%d %d %d", fi.Size(), fi.ModTime().UnixNano(), changeTime(fi))))
	if !anew {
		if u, err := os.Open(name); err == nil {
			return u, nil
		}
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // the first error is the one to tell
		}
	}()
	_, _, err = c.inflateTo(ctx, tmp, io.NewSectionReader(f, 0, fi.Size()), maxInflated)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	// What the file was before is of no use any more.
	there, _ := os.ReadDir(dir) // what is not removed only takes room
	for _, o := range there {
		if strings.HasPrefix(o.Name(), prefix) && o.Name() != filepath.Base(name) {
			_ = os.Remove(filepath.Join(dir, o.Name())) // as above
		}
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return nil, err
	}
	return os.Open(name)
}
