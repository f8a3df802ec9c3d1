// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ImageID is the name of the base image: another one for another definition.
func ImageID() (string, error) { return baseImage().id() }

// KeepImage makes sure that the base image is there: it unpacks the archive if
// there is one, and otherwise makes the image, as the first host would, and
// the archive of it. Where each run has a new machine, the archive is what to
// keep between them, under [ImageID].
func KeepImage(ctx context.Context, archive string) error {
	if err := Check(); err != nil {
		return err
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	return images{filepath.Join(cache, "images"), "/proc/self/ns/net"}.keep(ctx, archive)
}

// tarFlags keep what a system's files have: owners by number and attributes,
// in which capabilities are.
func tarFlags() []string {
	return []string{"--gzip", "--numeric-owner", "--xattrs", "--xattrs-include=*"}
}

func (im images) keep(ctx context.Context, archive string) error {
	_, err := os.Stat(archive)
	switch {
	case err == nil:
		_, err := im.base(ctx, func(dir string) error {
			args := append(tarFlags(), "--extract", "--preserve-permissions", "--file", archive, "--directory", filepath.Join(dir, "root"))
			return logged(im.command(ctx, "tar", args...), filepath.Join(dir, "unpack.log"))
		})
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	root, err := im.made(ctx)
	if err != nil {
		return err
	}
	// Whole or not at all under its name.
	part := archive + ".part"
	cmd := im.command(ctx, "tar", append(tarFlags(), "--create", "--file", part, "--directory", root, ".")...)
	if err := logged(cmd, archive+".log"); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return errors.Join(os.Remove(archive+".log"), os.Rename(part, archive))
}
