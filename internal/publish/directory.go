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
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Directory is the place of a directory on this machine. Files are 0644,
// directories 0755.
//
// Each file is replaced atomically, and none before everything that it names is
// there. Files of an earlier Serve that are not needed any more are removed;
// files of others are left alone. All access goes through an [os.Root], so that
// links lead nowhere else.
type Directory string

var _ Place = Directory("")

// Serve brings the directory up to date.
func (d Directory) Serve(ctx context.Context, c Content, keep *int) error {
	dir := string(d)
	missing := missingDirectories(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s, err := openServer(dir)
	if err != nil {
		return err
	}
	defer func() { _ = s.root.Close() }() // nothing is written through it
	if missing > 0 {
		s.Directories = missing
	}
	// Until all is there, the directory serves nothing whole.
	s.Bundle, s.Cluster = "", c.Cluster
	if err := s.write(ctx, c.Files, s.keep(c.Bundle, c.Files, keep)); err != nil {
		return err
	}
	s.Bundle = c.Bundle
	return s.save()
}

// A server writes a serve directory.
type server struct {
	root *os.Root
	*manifest
}

func (s *server) write(ctx context.Context, files []bundle.Artifact, needed map[string]bool) error {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.there(f) {
			if err := s.unlink(nextName(f.Path)); err != nil {
				return err
			}
			continue
		}
		// Noted before it is made: what an interrupted run leaves must be
		// known to the next one as ours.
		if _, ok := s.Files[f.Path]; !ok {
			s.Files[f.Path] = servedFile{}
			if err := s.save(); err != nil {
				return err
			}
		}
		if err := s.put(ctx, f); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
	}
	for _, old := range slices.Sorted(maps.Keys(s.Files)) {
		if needed[old] {
			continue
		}
		if err := s.remove(old); err != nil {
			return err
		}
		delete(s.Files, old)
	}
	return s.save()
}

// there tells whether a file has its content already. Of a file that was not
// written to since we made it, that is known without reading it.
func (s *server) there(f bundle.Artifact) bool {
	name := filepath.FromSlash(f.Path)
	fi, err := s.root.Lstat(name)
	if err != nil || !fi.Mode().IsRegular() || fi.Size() != f.Size {
		return false
	}
	m, ours := s.Files[f.Path]
	if ours && m.ModTime == fi.ModTime().UnixNano() && m.Size == fi.Size() {
		return m.SHA256 == f.SHA256
	}
	in, err := s.root.Open(name)
	if err != nil {
		return false
	}
	h := sha256.New()
	_, err = io.Copy(h, in)
	if err = errors.Join(err, in.Close()); err != nil || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return false
	}
	if ours {
		s.Files[f.Path] = servedFile{SHA256: f.SHA256, Size: f.Size, ModTime: fi.ModTime().UnixNano()}
	}
	return true
}

// put writes a file under another name and then gives it its own.
func (s *server) put(ctx context.Context, f bundle.Artifact) error {
	if err := s.mkdir(path.Dir(f.Path)); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
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
		return err
	}
	fi, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	s.Files[f.Path] = servedFile{SHA256: f.SHA256, Size: f.Size, ModTime: fi.ModTime().UnixNano()}
	return nil
}

// mkdir makes a directory and those above it, for everyone to read.
func (s *server) mkdir(dir string) error {
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
// that what a killed run left of it can be found.
func nextName(name string) string {
	dir, base := path.Split(name)
	return dir + ".new-" + base
}

// create makes a file that is not there yet: what a killed run left goes, and
// what somebody else puts in its place meanwhile, such as a link, is not written
// to.
func (s *server) create(name string) (*os.File, error) {
	if err := s.unlink(filepath.ToSlash(name)); err != nil {
		return nil, err
	}
	return s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

func (s *server) copy(ctx context.Context, name string, in io.Reader, sum hash.Hash) error {
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

// remove removes a file of ours and the directories that it leaves empty.
func (s *server) remove(name string) error {
	if err := errors.Join(s.unlink(name), s.unlink(nextName(name))); err != nil {
		return err
	}
	// A directory that is not empty stays, which Remove sees to.
	dir := path.Dir(name)
	for dir != "." && s.root.Remove(filepath.FromSlash(dir)) == nil {
		dir = path.Dir(dir)
	}
	return nil
}

// unlink removes a file that may be there.
func (s *server) unlink(name string) error {
	err := s.root.Remove(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// save writes the manifest.
func (s *server) save() error {
	text, err := s.text()
	if err != nil {
		return err
	}
	const next = manifestName + ".new"
	out, err := s.create(next)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return s.root.Rename(next, manifestName)
}
