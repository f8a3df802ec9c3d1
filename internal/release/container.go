// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// A container is what an image is read from, as if it were one file.
type container interface {
	io.ReaderAt
	io.Closer
	Name() string
	// key describes it as it is now: path, size and times.
	key() (index, error)
	// scan makes the index.
	scan(ctx context.Context, key index, store indexStore) (*index, error)
}

var _, _ container = oneFile{}, (*fileSet)(nil)

// oneFile is dcos_generate_config.sh, or the tar of an image.
type oneFile struct{ *os.File }

func (f oneFile) key() (index, error) {
	fi, err := f.Stat()
	if err != nil {
		return index{}, err
	}
	return index{Path: f.Name(), Size: fi.Size(), ModTime: fi.ModTime().UnixNano(), Changed: changeTime(fi)}, nil
}

func (f oneFile) scan(ctx context.Context, key index, store indexStore) (*index, error) {
	return scan(ctx, f, key, store)
}

// A fileSet is a directory with an image's files: an OCI layout, or what was in a
// tar that docker saved. Its files are read as if they stood one after the other.
type fileSet struct {
	dir     string
	files   []*os.File
	starts  []int64 // of files, ascending
	size    int64
	members map[string]member
}

// maxFiles is how many files of an image are kept open at a time.
const maxFiles = 1000

// isFileSet reports whether a directory has an image's files and not what is in the image.
func isFileSet(root *os.Root) bool {
	has := func(name string) bool {
		fi, err := root.Lstat(name)
		return err == nil && fi.Mode().IsRegular()
	}
	return (has("manifest.json") || has("index.json")) && !has("installer_internal_wrapper")
}

// openFileSet opens the files of a directory. All are opened through its root, so
// that none is outside.
func openFileSet(root *os.Root, dir string) (_ *fileSet, err error) {
	s := &fileSet{dir: dir, members: map[string]member{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type().IsRegular():
			return s.add(root, name)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := root.Readlink(filepath.FromSlash(name))
			if err == nil {
				s.members[name] = member{name: name, link: clean(path.Join(path.Dir(name), filepath.ToSlash(target)))}
			}
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *fileSet) add(root *os.Root, name string) error {
	if len(s.files) == maxFiles {
		return &Error{Reason: NotARelease, Detail: fmt.Sprintf("the directory of the image has more than %d files", maxFiles)}
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	s.files, s.starts = append(s.files, f), append(s.starts, s.size)
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return &Error{Reason: Altered, Detail: name + " changed while the directory was opened"}
	}
	s.members[name] = member{name: name, offset: s.size, size: fi.Size()}
	s.size += fi.Size()
	return nil
}

// ReadAt implements io.ReaderAt.
func (s *fileSet) ReadAt(p []byte, at int64) (n int, err error) {
	i, found := slices.BinarySearch(s.starts, at)
	if !found {
		i--
	}
	for ; n < len(p) && i >= 0 && i < len(s.files); i++ {
		end := s.size
		if i+1 < len(s.starts) {
			end = s.starts[i+1]
		}
		from := at + int64(n)
		part := p[n : n+int(min(int64(len(p)-n), max(0, end-from)))]
		got, err := s.files[i].ReadAt(part, from-s.starts[i])
		if n += got; got < len(part) {
			return n, errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Name returns the directory.
func (s *fileSet) Name() string { return s.dir }

// Close closes the files.
func (s *fileSet) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// key has the newest times of all files, of which the time of change cannot be set
// back: whatever file is written to, the key is another.
func (s *fileSet) key() (index, error) {
	key := index{Path: s.dir}
	for _, f := range s.files {
		fi, err := f.Stat()
		if err != nil {
			return index{}, err
		}
		key.Size += fi.Size()
		key.ModTime = max(key.ModTime, fi.ModTime().UnixNano())
		key.Changed = max(key.Changed, changeTime(fi))
	}
	return key, nil
}

func (s *fileSet) scan(ctx context.Context, key index, store indexStore) (*index, error) {
	return indexOf(ctx, s, key, s.members, store)
}
