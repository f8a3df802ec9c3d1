// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package samplerelease gives tests and the demo the sample releases of DC/OS
// that internal/lab/sample makes, whose documentation says what they are.
//
// That is a module of its own, which this one does not know: it is compiled
// and run only where there is no release of its sources yet. Who needs no
// release never waits for it.
package samplerelease

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A Version of the sample release. Its first two numbers are the line of
// DC/OS that it stands for.
type Version string

// The versions there are.
const (
	V21 Version = "2.1.100"
	V22 Version = "2.2.100"
)

const (
	// modulePath is where the module that makes releases is, below the root of the tree.
	modulePath = "internal/lab/sample"
	// unusedRelease is how long a release of other sources is kept after its last use: long enough to go back and
	// forth between two states of the tree.
	unusedRelease = 14 * 24 * time.Hour
	// endsWithin is how long the command may take to end once it was told to.
	endsWithin = 10 * time.Second
)

// Directory returns the directory in which tests, the demo and the lab keep
// their releases, below the user's cache directory.
func Directory() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "terraform-provider-dcos-test"), err
}

// Kept returns the path of the release in [Directory], as [Build] does.
func Kept(ctx context.Context, version Version) (string, error) {
	dir, err := Directory()
	if err != nil {
		return "", err
	}
	return Build(ctx, dir, version)
}

// Build returns the path of a release's dcos_generate_config.sh below dir, where
// releases are kept, and makes it if there is none of the present sources yet.
// The same release as a directory is at [Image] of that path. It has to run
// within the tree, or its program has to lie there. Builds of one version in several goroutines and processes
// wait for one another. What is at the path never changes; it is removed when a
// later version of the tree builds a release and nobody has asked for this one
// for two weeks.
func Build(ctx context.Context, dir string, version Version) (path string, err error) {
	source, err := moduleDirectory()
	if err != nil {
		return "", err
	}
	id, err := key(source)
	if err != nil {
		return "", err
	}
	final := filepath.Join(dir, string(version)+"-"+id)
	path = filepath.Join(final, "dcos_generate_config.sh")
	if used(final) == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "."+string(version)+".lock"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if used(final) == nil {
		return path, nil
	}
	if err := prune(dir, version); err != nil {
		return "", err
	}
	if err := build(ctx, source, final, version); err != nil {
		return "", fmt.Errorf("build sample release %s: %w", version, err)
	}
	return path, nil
}

// Image returns the directory with the unpacked root file system of the image
// in the release whose path Build returned.
func Image(path string) string {
	return filepath.Join(filepath.Dir(path), "image")
}

// used notes that a release is in use; an error says that it is not there.
func used(dir string) error {
	now := time.Now()
	return os.Chtimes(dir, now, now)
}

// partPattern names where a version is being built.
func partPattern(version Version) string { return ".build-" + string(version) + "-*" }

// prune removes a version's releases that nobody has used for long, and what
// builds have left that were killed. The caller holds the version's lock.
func prune(dir string, version Version) error {
	parts, err := filepath.Glob(filepath.Join(dir, partPattern(version)))
	if err != nil {
		return err
	}
	releases, err := filepath.Glob(filepath.Join(dir, string(version)+"-*"))
	if err != nil {
		return err
	}
	for _, r := range releases {
		info, err := os.Stat(r)
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) > unusedRelease {
			parts = append(parts, r)
		}
	}
	for _, p := range parts {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

// build makes the release beside final and puts it there.
func build(ctx context.Context, source, final string, version Version) (err error) {
	tmp, err := os.MkdirTemp(filepath.Dir(final), partPattern(version))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	program, next := filepath.Join(tmp, "release"), filepath.Join(tmp, "next")
	if err := command(ctx, source, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/release"); err != nil {
		return err
	}
	if err := command(ctx, source, program, string(version), next); err != nil {
		return err
	}
	if err := used(next); err != nil {
		return err
	}
	return os.Rename(next, final)
}

// command runs a program in the sample's module, for this machine and without
// the network: nothing that a release is made of has to be fetched.
func command(ctx context.Context, source, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = endsWithin
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(string(text)))
	}
	return nil
}

// key identifies everything that a release is made of: the module's files but
// those of its tests, and Go.
func key(source string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOARCH)
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6]), err
}

// moduleDirectory finds the sample's module from the working directory, which
// is that of the package in a test and the root of the tree in a command.
func moduleDirectory() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, dir := range []string{dir, filepath.Dir(program)} {
		for ; ; dir = filepath.Dir(dir) {
			source := filepath.Join(dir, modulePath)
			if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
				return source, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fmt.Errorf("there is no %s above the working directory or the program: run this within the provider's tree", modulePath)
}
