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
// is about to do is on disk before it does it. Resume goes on with it only as
// long as all of the new set is at .new.
func (in *Install) swap(ctx context.Context, archive bool) error {
	for _, path := range in.swapped() {
		if _, err := os.Stat(path + ".new"); err != nil {
			return fmt.Errorf("cannot swap the active packages: %w", err)
		}
	}
	if archive {
		if err := in.archive(ctx); err != nil {
			return err
		}
	}
	if err := in.record(progress{Stage: stageMoveNew, Extension: ".new"}); err != nil {
		return err
	}
	for _, path := range in.swapped() {
		if err := in.rename(path+".new", path); err != nil {
			return err
		}
	}
	if in.Wants != "" {
		if err := in.placeUnits(); err != nil {
			return err
		}
	}
	if err := in.step("remove install_progress"); err != nil {
		return err
	}
	return os.Remove(in.path("install_progress"))
}

// archive stops the services of the current set and moves it to .old.
func (in *Install) archive(ctx context.Context) error {
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
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if err := in.rename(path, path+".old"); err != nil {
			return err
		}
	}
	return nil
}

// rename is a step of the swap.
func (in *Install) rename(from, to string) error {
	if err := in.step("rename %s to %s", filepath.Base(from), filepath.Base(to)); err != nil {
		return err
	}
	return os.Rename(from, to)
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
	if err := in.step("write install_progress.new: %s", p.Stage); err != nil {
		return err
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return in.rename(path+".new", path)
}
