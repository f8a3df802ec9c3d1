// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// A logFile is a file of a run log that is being read.
type logFile struct {
	file   *os.File
	info   os.FileInfo
	at     int64  // up to where it has been read
	end    int64  // up to where it is read in this round
	rest   []byte // of a line that has not come whole
	rounds int    // in which it was no longer the newest
}

// openAll opens the files of a run log, oldest first. A rotation at the same
// time gives each file a higher number. Looked for from the newest on, all are
// found: some twice, of which the second time says how old they are among the
// others; and a name may be missing for a moment.
func openAll(path string) ([]*logFile, error) {
	var files []*logFile
	var missing error
	for n := range 1 + MaxOld {
		name := path
		if n > 0 {
			name = Old(path, n)
		}
		f, err := openFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if n == 0 {
				missing = err
			}
		case err != nil:
			closeAll(files)
			return nil, err
		default:
			files = append(without(files, f.info), f)
		}
	}
	if len(files) == 0 {
		return nil, missing
	}
	slices.Reverse(files)
	return files, nil
}

func openFile(name string) (*logFile, error) {
	f, err := openRead(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &logFile{file: f, info: info}, nil
}

// find gives the place of a file among others, or -1.
func find(files []*logFile, info os.FileInfo) int {
	return slices.IndexFunc(files, func(f *logFile) bool { return os.SameFile(f.info, info) })
}

// without closes the file among others that is the same, if there is one.
func without(files []*logFile, info os.FileInfo) []*logFile {
	i := find(files, info)
	if i < 0 {
		return files
	}
	closeAll(files[i : i+1])
	return slices.Delete(files, i, i+1)
}

func closeAll(files []*logFile) {
	for _, f := range files {
		_ = f.file.Close() // it was only read
	}
}

// events gives what is in the files to a function, up to its first error. A
// line that is no event comes with an error of its own.
func events(files []*logFile, take func(Event, error) error) error {
	for _, f := range files {
		for e, err := range Read(f.file) {
			if err := take(e, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewind has the files read once more.
func rewind(files []*logFile) error {
	for _, f := range files {
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading the run log again: %w", err)
		}
	}
	return nil
}
