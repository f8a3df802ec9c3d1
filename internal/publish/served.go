// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Served says what the directory serves that Serve may have written. It reads no
// release: a file that is not as it was written counts as not there.
func (d Directory) Served(context.Context) (Serving, error) {
	s, err := openServer(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return Serving{}, nil
	}
	if err != nil {
		return Serving{}, err
	}
	defer func() { _ = s.root.Close() }() // read only
	serving := Serving{s.Bundle, s.Cluster}
	for name, f := range s.Files {
		if !s.there(bundle.Artifact{Path: name, Size: f.Size, SHA256: f.SHA256}) {
			serving.Bundle = ""
		}
	}
	return serving, nil
}

// Unserve removes what Serve made: the files, and the directories that are
// empty then.
func (d Directory) Unserve(context.Context) error {
	dir := string(d)
	s, err := openServer(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.unserve()
	if err = errors.Join(err, s.root.Close()); err != nil {
		return err
	}
	// A directory that is not empty stays, which Remove sees to.
	for left := s.Directories; left > 0 && os.Remove(dir) == nil; left-- {
		dir = filepath.Dir(dir)
	}
	return nil
}

// unserve removes the files, the manifest last: what is left over of an
// interrupted run must be known to the next one as ours.
func (s *server) unserve() error {
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if err := s.remove(name); err != nil {
			return err
		}
	}
	return s.unlink(manifestName)
}

// openServer opens a directory and reads its manifest, if it has one.
func openServer(dir string) (*server, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &server{root: root}
	if s.manifest, err = readManifestIn(root); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// readManifestIn reads the manifest of a directory; an empty one stands for none.
func readManifestIn(root *os.Root) (*manifest, error) {
	// Opening what is no file, such as a pipe, may wait forever.
	fi, err := root.Lstat(manifestName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &manifest{Files: map[string]servedFile{}}, nil
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular() || fi.Size() > maxManifest:
		return nil, damagedManifest(fmt.Sprintf(" (it is %s of %d bytes)", fi.Mode(), fi.Size()))
	}
	f, err := root.Open(manifestName)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return readManifest(text)
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
