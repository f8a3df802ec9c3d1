// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The stages of a swap, as install_progress names them.
const (
	stageArchive = "archive"  // the current set is being moved to .old
	stageMoveNew = "move_new" // the new set is being moved into place
)

type progress struct {
	Stage     string `json:"stage"`
	Extension string `json:"extension"`
}

// swap exchanges the current set for the one at .new. The services of the
// current one are stopped; starting the new ones is the caller's work. What it
// is about to do is on disk before it does it, so that Resume can go on.
func (in *Install) swap(ctx context.Context, archive bool) error {
	for _, path := range in.swapped() {
		_, err := os.Lstat(path + ".new")
		if _, done := os.Lstat(path); err != nil && (archive || done != nil) {
			return fmt.Errorf("cannot swap the active packages: %w", err)
		}
	}
	if archive {
		if err := in.record(progress{Stage: stageArchive, Extension: ".new"}); err != nil {
			return err
		}
		if in.Wants != "" {
			if err := in.stopUnits(ctx); err != nil {
				return err
			}
			if err := in.removeUnits(); err != nil {
				return err
			}
		}
		for _, path := range in.swapped() {
			if err := move(path, path+".old"); err != nil {
				return err
			}
		}
	}
	if err := in.record(progress{Stage: stageMoveNew, Extension: ".new"}); err != nil {
		return err
	}
	for _, path := range in.swapped() {
		if err := move(path+".new", path); err != nil {
			return err
		}
	}
	if in.Wants != "" {
		if err := in.placeUnits(); err != nil {
			return err
		}
	}
	return os.Remove(in.path("install_progress"))
}

// Resume goes on with a swap that was interrupted, and tells whether there was
// one.
func (in *Install) Resume(ctx context.Context) (bool, error) {
	text, err := os.ReadFile(in.path("install_progress"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var p progress
	if err := json.Unmarshal(text, &p); err != nil {
		return false, fmt.Errorf("install_progress: %w", err)
	}
	switch p.Stage {
	case stageArchive, stageMoveNew:
		return true, in.swap(ctx, p.Stage == stageArchive)
	}
	return false, fmt.Errorf("install_progress names the unknown stage %q", p.Stage)
}

func (in *Install) record(p progress) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	path := in.path("install_progress")
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// move renames from to to. It replaces what an interrupted swap left at to,
// and a from that is not there has been moved before.
func move(from, to string) error {
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}
