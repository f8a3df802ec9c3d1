// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// PrivateDirectory makes a directory that is this user's alone (0700), with what
// is missing above it, or makes one that is there already so. One that another
// user may write to, may have written to, or could put another one in the place
// of, is an error that says why: what is in it cannot be trusted. Who is root is
// trusted, and so is a group that has no other member than this user, where that
// can be known ([accountFiles]). A directory that cannot be made is none: who needs it
// finds out.
func PrivateDirectory(dir string) error { return privateDirectory(dir, systemAccounts) }

func privateDirectory(dir string, a accountFiles) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := onlyOurs(dir, a); err != nil {
		return err
	}
	if os.MkdirAll(dir, 0o700) != nil {
		return nil //nolint:nilerr // as said above
	}
	// Another may have been there first, in a directory where all may make some.
	if err := onlyOurs(dir, a); err != nil {
		return err
	}
	fi, err := os.Stat(dir)
	if err != nil || fi.Mode().Perm() == 0o700 || ownerOf(fi) != os.Geteuid() {
		return err
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // G302 is about files
}

// accountFiles is the directory with the files of users and groups: passwd(5),
// group(5) and nsswitch.conf(5).
type accountFiles string

const systemAccounts accountFiles = "/etc"

// onlyOurs walks a path as the kernel does and holds that nobody but root and us
// may write to a directory on the way, as far as there are any.
func onlyOurs(dir string, a accountFiles) error {
	root, err := a.judge("/", place{})
	if err != nil {
		return err
	}
	way := []place{root} // where we are, and what is above it
	todo := strings.Split(dir, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		at := way[len(way)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			way = way[:max(len(way)-1, 1)]
			continue
		}
		next := filepath.Join(at.path, part)
		fi, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrPermission):
			return nil // nothing can be read or made there
		case err != nil:
			return err
		case fi.Mode()&fs.ModeSymlink == 0:
			here, err := a.judge(next, at)
			if err != nil {
				return err
			}
			way = append(way, here)
			continue
		}
		if at.shared && !trusted(fi) {
			return &foreignError{next, fi}
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s: too many symbolic links", dir)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if strings.HasPrefix(target, "/") {
			way = way[:1]
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	if last := way[len(way)-1]; last.shared {
		return &openError{last.path, last.mode}
	}
	return nil
}

// A place is a directory on the way.
type place struct {
	path   string
	mode   fs.FileMode
	shared bool // all may make entries, of which each stays its owner's (the sticky bit)
	closed bool // nobody but root and us gets that far
}

// judge finds out whether a directory can be on the way.
func (a accountFiles) judge(path string, above place) (place, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return place{}, err
	}
	if !trusted(fi) {
		return place{}, &foreignError{path, fi}
	}
	here := place{path: path, mode: fi.Mode(), closed: above.closed}
	if !here.closed && fi.Mode().Perm()&0o022 != 0 && !a.onlyUserWrites(path, fi) {
		if here.shared = fi.Mode()&fs.ModeSticky != 0; !here.shared {
			return place{}, &openError{path, fi.Mode()}
		}
	}
	here.closed = here.closed || fi.Mode().Perm()&0o011 == 0
	return here, nil
}

func trusted(fi fs.FileInfo) bool {
	owner := ownerOf(fi)
	return owner == 0 || owner == os.Geteuid()
}

// ownerOf gives the id of a file's owner, -1 if it is not known.
func ownerOf(fi fs.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// A foreignError is something of another user's.
type foreignError struct {
	path string
	fi   fs.FileInfo
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("%s belongs to another user (id %d), who could put anything in its place", e.path, ownerOf(e.fi))
}

// An openError is a directory that others may write to.
type openError struct {
	path string
	mode fs.FileMode
}

func (e *openError) Error() string {
	return fmt.Sprintf("others may write to %s (%s)", e.path, e.mode)
}
