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

// ImagesID is the name of all that KeepImage keeps.
func ImagesID() (string, error) {
	base, err := ImageID()
	if err != nil {
		return "", err
	}
	layer, err := layerID(zookeeperPackages())
	return base + "-" + layer, err
}

// KeepImage makes sure that the base image is there, and the layer of
// [WithZooKeeper]: it unpacks their archives, of which the second has a longer
// name, if they are there, and otherwise makes them, as the first hosts would,
// and the archives. Where each run has a new machine, the archives are what to
// keep between them, under [ImagesID].
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
// in which capabilities are, and what an overlay notes.
func tarFlags() []string {
	return []string{"--gzip", "--numeric-owner", "--xattrs", "--xattrs-include=*"}
}

func (im images) keep(ctx context.Context, archive string) error {
	if err := im.keepOne(ctx, archive, im.base, im.made); err != nil {
		return err
	}
	packages := zookeeperPackages()
	return im.keepOne(ctx, archive+".zookeeper",
		func(ctx context.Context, build func(dir string) error) (string, error) {
			return im.layer(ctx, packages, build)
		},
		func(ctx context.Context) (string, error) {
			lowers, err := im.lowers(ctx, packages)
			if err != nil {
				return "", err
			}
			return lowers[0], nil
		})
}

// keepOne keeps one image: unpacked is the one that is made by what it is given, made the
// one that is made of what it is.
func (im images) keepOne(ctx context.Context, archive string,
	unpacked func(ctx context.Context, build func(dir string) error) (string, error), made func(context.Context) (string, error),
) error {
	_, err := os.Stat(archive)
	switch {
	case err == nil:
		_, err := unpacked(ctx, func(dir string) error {
			args := append(tarFlags(), "--extract", "--preserve-permissions", "--file", archive, "--directory", filepath.Join(dir, "root"))
			return logged(im.command(ctx, "tar", args...), filepath.Join(dir, "unpack.log"))
		})
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	root, err := made(ctx)
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
