// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Directory is the place of a directory on this machine. Files are 0644,
// directories 0755. All access goes through an [os.Root], so that links lead
// nowhere else.
type Directory string

var _ Place = Directory("")

// Serve brings the directory up to date.
func (d Directory) Serve(ctx context.Context, c Content, keep *int) error {
	made := missingDirectories(string(d))
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return err
	}
	p, err := d.open()
	if err != nil {
		return err
	}
	defer func() { _ = p.root.Close() }() // nothing is written through it
	p.made = made
	return p.Serve(ctx, c, keep)
}

// Served says what the directory serves that Serve may have written.
func (d Directory) Served(ctx context.Context) (Serving, error) {
	p, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return Serving{}, nil
	}
	if err != nil {
		return Serving{}, err
	}
	defer func() { _ = p.root.Close() }() // read only
	return p.Served(ctx)
}

// Unserve removes what Serve made: the files, and the directories that are
// empty then.
func (d Directory) Unserve(ctx context.Context) (left []string, err error) {
	p, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := p.manifest(ctx)
	if err == nil {
		left, err = p.Unserve(ctx)
	}
	if err = errors.Join(err, p.root.Close()); err != nil {
		return nil, err
	}
	// A directory that is not empty stays, which Remove sees to.
	dir := string(d)
	for more := m.Directories; more > 0 && removeEmpty(dir) == nil; more-- {
		dir = filepath.Dir(dir)
	}
	return left, nil
}

// removeEmpty removes a directory with nothing in it. A link to one is none: it was
// there before.
func removeEmpty(dir string) error {
	fi, err := os.Lstat(dir)
	if err == nil && !fi.IsDir() {
		err = fmt.Errorf("%s is no directory", dir)
	}
	if err != nil {
		return err
	}
	return os.Remove(dir)
}

// missingDirectories counts the directories of a path that do not exist.
func missingDirectories(dir string) int {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0
	}
	missing := 0
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return missing
		}
		missing++
		dir = filepath.Dir(dir)
	}
}

// open opens the directory, which has to be there.
func (d Directory) open() (*directoryPlace, error) {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, err
	}
	return &directoryPlace{storePlace{store: &directoryStore{root}, here: true}, root}, nil
}

// A directoryPlace is a Directory that is open.
type directoryPlace struct {
	storePlace
	root *os.Root
}

// A directoryStore is a Store in a directory on this machine.
type directoryStore struct{ root *os.Root }

var _ Store = (*directoryStore)(nil)

// Read gives a file.
func (s *directoryStore) Read(_ context.Context, name string) ([]byte, error) {
	// Opening what is no file, such as a pipe, may wait forever.
	fi, err := s.root.Lstat(filepath.FromSlash(name))
	switch {
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular() || fi.Size() > maxManifest:
		return nil, damagedManifest(fmt.Sprintf(" (it is %s of %d bytes)", fi.Mode(), fi.Size()))
	}
	f, err := s.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	return text, errors.Join(err, f.Close())
}

// Stat looks at files. What cannot be looked at cannot be written either.
func (s *directoryStore) Stat(_ context.Context, names []string) (map[string]Stored, error) {
	there := map[string]Stored{}
	for _, name := range names {
		if fi, err := s.root.Lstat(filepath.FromSlash(name)); err == nil {
			there[name] = storedAs(fi)
		}
	}
	return there, nil
}

func storedAs(fi fs.FileInfo) Stored {
	if !fi.Mode().IsRegular() {
		return Stored{Size: notAFile}
	}
	return Stored{fi.Size(), timeTag(fi.ModTime().UnixNano())}
}

// timeTag is the tag of a file that was written to at a time, in nanoseconds.
func timeTag(at int64) string { return strconv.FormatInt(at, 10) }

// Sums reads files.
func (s *directoryStore) Sums(ctx context.Context, names []string) (map[string]string, error) {
	sums := map[string]string{}
	for _, name := range names {
		f, err := s.root.Open(filepath.FromSlash(name))
		if err != nil {
			continue // it may not be read, or has gone
		}
		sum := sha256.New()
		_, err = io.Copy(sum, contextReader{ctx, f})
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		sums[name] = hex.EncodeToString(sum.Sum(nil))
	}
	return sums, nil
}

// Put writes files, one after the other.
func (s *directoryStore) Put(ctx context.Context, files []bundle.Artifact, put func(string, Stored)) error {
	for _, f := range files {
		stored, err := s.put(ctx, f)
		if err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
		put(f.Path, stored)
	}
	return nil
}

// put writes a file under another name and then gives it its own.
func (s *directoryStore) put(ctx context.Context, f bundle.Artifact) (Stored, error) {
	if err := s.mkdir(path.Dir(f.Path)); err != nil {
		return Stored{}, err
	}
	in, err := f.Open()
	if err != nil {
		return Stored{}, err
	}
	name, next := filepath.FromSlash(f.Path), filepath.FromSlash(nextName(f.Path))
	sum := sha256.New()
	err = s.copy(ctx, next, in, sum)
	if err = errors.Join(err, in.Close()); err == nil && hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		err = errors.New("what was read is not what was announced")
	}
	if err == nil {
		err = s.root.Rename(next, name)
	}
	if err != nil {
		_ = s.root.Remove(next) // the first error is the one to tell
		return Stored{}, err
	}
	fi, err := s.root.Lstat(name)
	if err != nil {
		return Stored{}, err
	}
	return storedAs(fi), nil
}

// mkdir makes a directory and those above it, for everyone to read.
func (s *directoryStore) mkdir(dir string) error {
	name := filepath.FromSlash(dir)
	if fi, err := s.root.Stat(name); err == nil && fi.IsDir() {
		return nil
	}
	if parent := path.Dir(dir); parent != dir {
		if err := s.mkdir(parent); err != nil {
			return err
		}
	}
	if err := s.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return s.root.Chmod(name, 0o755)
}

// nextName gives the name that a file has until it is whole. It is fixed, so
// that what a killed run left of it can be found, and nobody else's.
func nextName(name string) string { return path.Join(path.Dir(name), ".terraform-provider-dcos.new") }

// create makes a file that is not there yet: what a killed run left goes, and
// what somebody else puts in its place meanwhile, such as a link, is not written
// to.
func (s *directoryStore) create(name string) (*os.File, error) {
	if err := s.unlink(filepath.ToSlash(name)); err != nil {
		return nil, err
	}
	return s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

func (s *directoryStore) copy(ctx context.Context, name string, in io.Reader, sum hash.Hash) error {
	out, err := s.create(name)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	_, err = io.CopyBuffer(io.MultiWriter(out, sum), contextReader{ctx, in}, buf)
	if err == nil {
		err = out.Chmod(0o644) // whatever the umask: a web server has to read it
	}
	if err == nil {
		err = out.Sync() // a name must not survive a power cut that its content does not
	}
	return errors.Join(err, out.Close())
}

// A contextReader reads while the context lasts.
type contextReader struct {
	ctx context.Context //nolint:containedctx // a Read has none of its own
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Remove removes files, and the directories that are empty then.
func (s *directoryStore) Remove(_ context.Context, names []string) error {
	for _, name := range names {
		dir, base := path.Split(name)
		for _, gone := range []string{name, nextName(name), dir + formerNext + base} {
			if err := s.unlink(gone); err != nil {
				return err
			}
		}
		// A directory that is not empty stays, which Remove sees to.
		for at := path.Dir(name); at != "." && s.root.Remove(filepath.FromSlash(at)) == nil; {
			at = path.Dir(at)
		}
	}
	return nil
}

// formerNext is what a version before put before the name of a file until it was
// whole.
const formerNext = ".new-"

// unlink removes a file that may be there.
func (s *directoryStore) unlink(name string) error {
	err := s.root.Remove(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
