// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package pkgpanda

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Systemd is how the services are stopped and started.
type Systemd struct {
	// Run runs systemctl; nil = services are neither stopped nor started.
	Run func(ctx context.Context, args ...string) error
	// Block waits for what was started and stopped.
	Block bool
}

// Systemctl runs the systemctl command.
func Systemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

const (
	// stagedSuffix is how a unit is called until the swap puts it in place.
	stagedSuffix = ".unit.new"
	target       = "dcos.target"
	// targetText is the whole of dcos.target; what it wants is in the
	// directory beside it.
	targetText = "[Install]\nWantedBy=multi-user.target\n"
	// unitMissing is systemctl's exit code for units that are not loaded.
	unitMissing = 5
)

// reserved units belong to the installer; no package may bring them.
var reserved = []string{target, "dcos-download.service", "dcos-setup.service"}

func (in *Install) unitDir() string { return filepath.Dir(in.Wants) }

// units are the names in a wants directory.
func units(wants string) ([]string, error) {
	entries, err := os.ReadDir(wants)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if slices.Contains(reserved, e.Name()) {
			return nil, fmt.Errorf("a package brings the unit %s, whose name is reserved", e.Name())
		}
		names = append(names, e.Name())
	}
	return names, err
}

// removeStaged removes the units that an activation staged and never placed.
func (in *Install) removeStaged() error {
	entries, err := os.ReadDir(in.unitDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), stagedSuffix) {
			continue
		}
		if err := in.step("remove %s", e.Name()); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(in.unitDir(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// stageUnits copies the units of the new set beside their final place and
// points their links there, so that systemd never needs the install root to
// read a unit.
func (in *Install) stageUnits() error {
	wants := in.Wants + ".new"
	names, err := units(wants)
	if err != nil {
		return err
	}
	for _, name := range names {
		link := filepath.Join(wants, name)
		text, err := os.ReadFile(link)
		if err != nil {
			return err
		}
		info, err := os.Stat(link)
		if err != nil {
			return err
		}
		final := filepath.Join(in.unitDir(), name)
		if err := in.write(final+stagedSuffix, text, info.Mode().Perm()); err != nil {
			return err
		}
		if err := os.Remove(link); err != nil {
			return err
		}
		if err := os.Symlink(final, link); err != nil {
			return err
		}
	}
	return nil
}

// placeUnits moves the staged units to their final place, where nothing may
// be left of others.
func (in *Install) placeUnits() error {
	if err := in.removeUnits(); err != nil {
		return err
	}
	names, err := units(in.Wants)
	if err != nil {
		return err
	}
	for _, name := range names {
		final := filepath.Join(in.unitDir(), name)
		if err := in.rename(final+stagedSuffix, final); err != nil {
			return err
		}
	}
	return nil
}

func (in *Install) removeUnits() error {
	names, err := units(in.Wants)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(in.unitDir(), name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := in.step("remove %s", name); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// stopUnits stops all units that the wants directory names and whose files are
// there: with none of them it fails.
func (in *Install) stopUnits(ctx context.Context) error {
	if in.Systemd.Run == nil {
		return nil
	}
	if _, err := os.Stat(in.Wants); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever active
	}
	names, err := units(in.Wants)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(in.Wants, name))
		return err != nil
	})
	if err := in.step("stop the units"); err != nil {
		return err
	}
	args := append([]string{"stop"}, names...)
	if !in.Systemd.Block {
		args = append(args, "--no-block")
	}
	err = in.Systemd.Run(ctx, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == unitMissing {
		fmt.Fprintln(in.Out, err)
		return nil
	}
	return err
}

// writeTarget makes dcos.target, which brings all units up at boot.
func (in *Install) writeTarget() error {
	if in.Wants == "" {
		return nil
	}
	if err := os.MkdirAll(in.unitDir(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(in.unitDir(), target), []byte(targetText), 0o644)
}

// StartTarget enables and starts dcos.target.
func (in *Install) StartTarget(ctx context.Context, block bool) error {
	if in.Systemd.Run == nil || in.Wants == "" {
		return nil
	}
	start := []string{"start", target}
	if !block {
		start = append(start, "--no-block")
	}
	for _, args := range [][]string{{"daemon-reload"}, {"enable", target, "--no-reload"}, start} {
		if err := in.step("systemctl %s", args[0]); err != nil {
			return err
		}
		if err := in.Systemd.Run(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}
