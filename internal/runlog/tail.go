// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
)

// keptRounds is for how many more rounds a file that was put aside is read: a
// writer that has not looked yet goes on in it for up to lookAfter.
const keptRounds = 2

// A tailer reads what comes to the end of a log, round by round, and to the
// files that take its place.
type tailer struct {
	path  string
	files []*logFile // oldest first
}

// each gives the lines that have come since the last round.
func (t *tailer) each(line func([]byte)) error {
	if err := t.goOn(); err != nil {
		return err
	}
	// A writer that has gone on to a newer file writes to no older one. So with
	// the end of the newest taken first, what is read of it never comes before
	// what its writer wrote earlier.
	for _, f := range slices.Backward(t.files) {
		if err := f.measure(); err != nil {
			return err
		}
	}
	for _, f := range t.files {
		if err := f.drain(line); err != nil {
			return err
		}
	}
	t.letGo()
	return nil
}

// goOn opens the files that are newer than those it has.
func (t *tailer) goOn() error {
	if n := len(t.files); n > 0 {
		named, err := os.Stat(t.path)
		if err != nil || os.SameFile(t.files[n-1].info, named) {
			return nil //nolint:nilerr // between two renames it has no name
		}
	}
	all, err := openAll(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it will come
	}
	if err != nil {
		return err
	}
	newer := t.newer(all)
	closeAll(all[:len(all)-len(newer)])
	t.files = append(t.files, newer...)
	return nil
}

// newer is what of all files of the log is newer than those it has. Where none
// of these is left, only the newest is: the others may have been read before.
func (t *tailer) newer(all []*logFile) []*logFile {
	if len(t.files) == 0 {
		return all
	}
	for i, f := range slices.Backward(all) {
		if find(t.files, f.info) >= 0 {
			return all[i+1:]
		}
	}
	return all[len(all)-1:]
}

// letGo closes the files that have been old for long enough. Half a line at the
// end of one goes with it.
func (t *tailer) letGo() {
	if len(t.files) == 0 {
		return
	}
	newest := t.files[len(t.files)-1]
	t.files = slices.DeleteFunc(t.files, func(f *logFile) bool {
		if f != newest {
			f.rounds++
		}
		if f.rounds <= keptRounds {
			return false
		}
		_ = f.file.Close() // it was only read
		return true
	})
}

func (t *tailer) close() { closeAll(t.files) }

// measure says up to where the file is to be read now. One that is shorter than
// before was truncated, and all of it is new.
func (f *logFile) measure() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if f.end = info.Size(); f.end < f.at {
		f.at, f.rest = 0, nil
	}
	return nil
}

// drain gives the lines up to there.
func (f *logFile) drain(line func([]byte)) error {
	part := io.NewSectionReader(f.file, f.at, f.end-f.at)
	buf := make([]byte, min(256<<10, f.end-f.at))
	for f.at < f.end {
		n, err := part.Read(buf)
		f.at += int64(n)
		f.rest = append(f.rest, buf[:n]...)
		f.lines(line)
		if errors.Is(err, io.EOF) {
			return nil // truncated just now
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lines gives the whole lines of what was read.
func (f *logFile) lines(line func([]byte)) {
	for {
		i := bytes.IndexByte(f.rest, '\n')
		if i < 0 {
			break
		}
		if text := bytes.TrimSpace(f.rest[:i]); len(text) > 0 {
			line(text)
		}
		f.rest = f.rest[i+1:]
	}
	if len(f.rest) > maxLine {
		f.rest = nil
	}
}
