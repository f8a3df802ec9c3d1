// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// mountDisk mounts a disk of the host's own, on which its files are kept:
// ext4 in a sparse file.
func (h *Host) mountDisk(ctx context.Context, size int64) error {
	if err := os.MkdirAll(h.disk(), 0o755); err != nil {
		return err
	}
	if mounted, err := isMountPoint(h.disk()); err != nil || mounted {
		return err
	}
	image := filepath.Join(h.dir, "disk.ext4")
	if !exists(image) {
		part := image + ".part"
		// No blocks are kept back for root: what is full must be full for DC/OS too.
		err := run(ctx, "", []string{"mkfs.ext4", "-q", "-F", "-m", "0", part, strconv.FormatInt(size>>10, 10) + "k"})
		if err == nil {
			err = os.Rename(part, image)
		}
		if err != nil {
			return err
		}
	}
	return run(ctx, "", []string{"mount", "-t", "ext4", "-o", "loop", image, h.disk()})
}

// FillDisk leaves about so many bytes free on the disk of a host that was
// made WithDisk. What takes the rest is not to be seen in the host.
func (h *Host) FillDisk(ctx context.Context, leave int64) error {
	if err := h.FreeDisk(ctx); err != nil {
		return err
	}
	if err := h.takeDisk(leave); err != nil {
		return fmt.Errorf("fill the disk of host %s: %w", h.Name, err)
	}
	return nil
}

// takeDisk goes in steps: the file system's own bookkeeping takes some of the
// space too, which nobody can say beforehand.
func (h *Host) takeDisk(leave int64) error {
	const step = 4 << 20
	for taken := int64(0); ; {
		free, err := freeBytes(h.disk())
		if err != nil || free <= leave {
			return err
		}
		more := min(step, free-leave)
		err = allocate(h.ballast(), taken, more)
		if isDiskFull(err) {
			return nil
		}
		if err != nil {
			return err
		}
		taken += more
	}
}

// FreeDisk undoes FillDisk.
func (h *Host) FreeDisk(context.Context) error {
	s, err := h.spec()
	if err != nil {
		return err
	}
	if s.Disk == 0 {
		return fmt.Errorf("host %s has no disk of its own (see WithDisk)", h.Name)
	}
	if err := os.Remove(h.ballast()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (h *Host) ballast() string { return filepath.Join(h.disk(), "ballast") }

// isMountPoint says whether something is mounted at path.
func isMountPoint(path string) (bool, error) {
	own, err := fileIDOf(path)
	if err != nil {
		return false, err
	}
	above, err := fileIDOf(filepath.Dir(path))
	return own.dev != above.dev, err
}
