// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Bounds of a run log on disk: a file that has reached MaxFile is put aside as
// NAME.1, the one that was there as NAME.2 and so on; what is beyond MaxOld
// goes.
const (
	MaxFile = 64 << 20
	MaxOld  = 5
)

// staleRotation is how old the mark of a rotation may be before its maker
// counts as dead: a rotation is a handful of renames.
const staleRotation = 10 * time.Second

// A writer looks whether the file has to be put aside, or another process has
// done so, after so many lines, or with the first one after so long.
const (
	lookEvery = 64
	lookAfter = time.Second
)

// Old names the nth older file of a run log, from 1 on.
func Old(path string, n int) string { return fmt.Sprintf("%s.%d", path, n) }

// fresh makes sure that the log writes to the file that has the name, and
// that this file is not full. What goes wrong leaves the log as it was until
// the next look: a full file is better than none. The lock is held.
func (l *Log) fresh() {
	l.n, l.looked = 0, time.Now()
	mine, err := l.file.Stat()
	if err != nil {
		return
	}
	named, err := os.Stat(l.path)
	if err == nil && os.SameFile(mine, named) && (named.Size() < l.most || !rotate(l.path, l.most)) {
		return
	}
	f, err := openAppend(l.path)
	if err != nil {
		return
	}
	// Every line that was written has reached the file already.
	_ = l.file.Close()
	l.file, l.moved, l.torn = f, l.wrote, false
}

// rotate puts a file aside, unless another process does so at the same time
// or has just done it. Making a directory is the one thing that succeeds for
// exactly one of many, on any system.
func rotate(path string, most int64) bool {
	mark := path + ".rotating"
	err := os.Mkdir(mark, 0o700)
	if errors.Is(err, fs.ErrExist) {
		if made, statErr := os.Stat(mark); statErr == nil && time.Since(made.ModTime()) > staleRotation {
			_ = os.Remove(mark) // whoever looks next tries again
		}
		return false
	}
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(mark) }() // nobody can do more about it
	if named, err := os.Stat(path); err != nil || named.Size() < most {
		return err == nil
	}
	// Only as far as to the first name that is free: a rotation that fails again
	// and again must not move the older files out one by one.
	free := 1
	for free < MaxOld && exists(Old(path, free)) {
		free++
	}
	for n := free; n > 1; n-- {
		if err := os.Rename(Old(path, n-1), Old(path, n)); err != nil {
			return false
		}
	}
	return os.Rename(path, Old(path, 1)) == nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
