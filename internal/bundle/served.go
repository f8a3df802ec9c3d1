// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A Serving is what a serve directory holds.
type Serving struct {
	Bundle  string // id of the bundle, empty if not all of it is there
	Cluster string // its cluster's name, empty if Serve made nothing there
}

// Served says what a directory serves that Serve may have written. It reads no
// release: a file that is not as it was written counts as not there.
func Served(dir string) (Serving, error) {
	s, err := openServer(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Serving{}, nil
	}
	if err != nil {
		return Serving{}, err
	}
	defer func() { _ = s.root.Close() }() // read only
	serving := Serving{s.Bundle, s.Cluster}
	for name, f := range s.Files {
		if !s.there(Artifact{Path: name, Size: f.Size, SHA256: f.SHA256}) {
			serving.Bundle = ""
		}
	}
	return serving, nil
}

// Unserve removes what Serve made: the files, and the directories that are
// empty then.
func Unserve(dir string) error {
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
	return s.drop(serveManifest)
}

// openServer opens a directory and reads its manifest, if it has one.
func openServer(dir string) (*server, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &server{root: root}
	text, err := root.ReadFile(serveManifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case err == nil && json.Unmarshal(text, &s.manifest) != nil:
		err = fmt.Errorf("%s is damaged; remove it to have the directory written anew", serveManifest)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if s.Files == nil {
		s.Files = map[string]servedFile{}
	}
	return s, nil
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
