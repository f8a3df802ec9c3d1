// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A dirTree is a directory with the image's root file system. All access goes
// through an [os.Root], so that nothing outside the directory can be reached
// even if links change while we read.
type dirTree struct {
	root *os.Root
}

var _ tree = (*dirTree)(nil)

func openDir(dir string) (*dirTree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &dirTree{root}, nil
}

// unpacked takes over a directory and returns the root file system in it, if it is
// what umoci unpacks an image to: config.json and rootfs.
func (t *dirTree) unpacked(dir string) (*dirTree, string, error) {
	const rootfs = "rootfs"
	config, err := t.root.Lstat("config.json")
	if err != nil || !config.Mode().IsRegular() {
		return t, dir, nil //nolint:nilerr // then it is another form
	}
	if fi, err := t.root.Lstat(rootfs); err != nil || !fi.IsDir() {
		return t, dir, nil //nolint:nilerr // as above
	}
	root, err := t.root.OpenRoot(rootfs)
	if err = errors.Join(err, t.close()); err != nil {
		return nil, "", err
	}
	return &dirTree{root}, filepath.Join(dir, rootfs), nil
}

func (t *dirTree) lookup(path string) (node, error) {
	name := filepath.FromSlash(path)
	fi, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return node{}, nil
	case err != nil:
		return node{}, err
	case fi.Mode().IsRegular():
		return node{kind: regular, file: fileRef{path: path, size: fi.Size()}}, nil
	case fi.IsDir():
		return node{kind: directory}, nil
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := t.root.Readlink(name)
		if err != nil {
			return node{}, err
		}
		return node{kind: link, link: filepath.ToSlash(target)}, nil
	}
	return node{}, nil // a device or a socket is nothing that a release has
}

func (t *dirTree) names(path string) ([]string, error) {
	if path == "" {
		path = "."
	}
	entries, err := fs.ReadDir(t.root.FS(), path) // sorted
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (t *dirTree) open(ref fileRef) (io.ReadSeekCloser, error) {
	f, err := t.root.Open(filepath.FromSlash(ref.path))
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() != ref.size {
		err = fmt.Errorf("%s changed while it was in use: %d bytes, %d before", ref.path, fi.Size(), ref.size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (t *dirTree) close() error { return t.root.Close() }

// stamp tells one content of a file from another, without reading it.
func (t *dirTree) stamp(ref fileRef) (string, error) {
	fi, err := t.root.Stat(filepath.FromSlash(ref.path))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %d %d", fi.Size(), fi.ModTime().UnixNano(), changeTime(fi)), nil
}
