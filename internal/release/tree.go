// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxLinks is how many symbolic links one path may go through, as in Linux.
const maxLinks = 40

// maxSmallFile bounds what is read into memory: templates, scripts, lists.
const maxSmallFile = 16 << 20

// A node is what a tree has at a path.
type node struct {
	kind kind
	link string // of a link: its target
	file fileRef
}

type kind byte

const (
	nothing kind = iota
	directory
	regular
	link
)

// A fileRef is where a tree keeps a regular file.
type fileRef struct {
	path   string // resolved, slash-separated, from the root
	layer  int    // of an image
	offset int64  // of an image, in the layer's file
	size   int64
}

// A tree is the root file system of the installer's image. Paths are
// slash-separated, clean and relative to the root.
type tree interface {
	// lookup tells what is at the path, whose parents are no links.
	lookup(path string) (node, error)
	// names lists a directory whose path has no links, sorted.
	names(path string) ([]string, error)
	// open opens a regular file.
	open(f fileRef) (io.ReadSeekCloser, error)
	close() error
}

// resolve follows the links of a path. Absolute links start at the tree's
// root and ".." never leaves it, as if the tree were a root file system.
func resolve(t tree, name string) (string, node, error) {
	todo := strings.Split(name, "/")
	done := ""
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if done = path.Dir(done); done == "." {
				done = ""
			}
			continue
		}
		next := path.Join(done, part)
		n, err := t.lookup(next)
		if err != nil {
			return "", node{}, err
		}
		switch n.kind {
		case link:
			if links++; links > maxLinks {
				return "", node{}, fmt.Errorf("%s: too many symbolic links", name)
			}
			if strings.HasPrefix(n.link, "/") {
				done = ""
			}
			todo = append(strings.Split(n.link, "/"), todo...)
			if len(todo) > 4096 {
				return "", node{}, fmt.Errorf("%s: too many symbolic links", name)
			}
		case nothing:
			return next, node{}, nil
		case regular:
			if len(todo) > 0 {
				return next, node{}, nil
			}
			return next, n, nil
		case directory:
			done = next
		}
	}
	return done, node{kind: directory}, nil
}

// find gives the regular file at a path, or fs.ErrNotExist.
func find(t tree, name string) (fileRef, error) {
	_, n, err := resolve(t, name)
	if err != nil {
		return fileRef{}, err
	}
	if n.kind != regular {
		return fileRef{}, fmt.Errorf("/%s: %w", name, fs.ErrNotExist)
	}
	return n.file, nil
}

// read reads a small file.
func read(t tree, name string) ([]byte, fileRef, error) {
	ref, err := find(t, name)
	if err != nil {
		return nil, ref, err
	}
	if ref.size > maxSmallFile {
		return nil, ref, fmt.Errorf("/%s: %d bytes are too many for this file", name, ref.size)
	}
	f, err := t.open(ref)
	if err != nil {
		return nil, ref, err
	}
	content := make([]byte, ref.size)
	_, err = io.ReadFull(f, content)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, ref, fmt.Errorf("/%s: %w", name, err)
	}
	return content, ref, nil
}

// glob gives the paths that match the pattern, in order; each part of the
// pattern is one for path.Match. Links are followed.
func glob(t tree, pattern string) ([]string, error) {
	found := []string{""}
	for part := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, dir := range found {
			if !strings.ContainsAny(part, `*?[`) {
				next = append(next, path.Join(dir, part))
				continue
			}
			at, n, err := resolve(t, dir)
			if err != nil {
				return nil, err
			}
			if n.kind != directory {
				continue
			}
			names, err := t.names(at)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				if ok, err := path.Match(part, name); err != nil {
					return nil, err
				} else if ok {
					next = append(next, path.Join(dir, name))
				}
			}
		}
		found = next
	}
	var existing []string
	for _, p := range found {
		_, n, err := resolve(t, p)
		if err != nil {
			return nil, err
		}
		if n.kind != nothing {
			existing = append(existing, p)
		}
	}
	return existing, nil
}
