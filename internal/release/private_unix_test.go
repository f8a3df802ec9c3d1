// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// TestPrivateDirectory holds which directories may be believed.
func TestPrivateDirectory(t *testing.T) {
	t.Parallel()
	const other = 4711 // a user who is not us
	for name, c := range map[string]struct {
		prepare func(t *testing.T, top string) // makes what is there before, in a directory of mode 0755
		dir     string                         // below it
		says    string                         // "": it may be believed
		root    bool                           // takes root to prepare
	}{
		"missing":      {nil, "a/cache", "", false},
		"ours":         {making("cache", 0o755), "cache", "", false},
		"others write": {making("cache", 0o757), "cache", "others may write", false},
		"others write above": {making("open", 0o777), "open/a/cache", "others may write",
			false},
		"missing in a sticky directory": {making("tmp", 0o777|os.ModeSticky), "tmp/cache", "", false},
		"a sticky directory itself":     {making("tmp", 0o777|os.ModeSticky), "tmp", "others may write", false},
		"where nobody else gets": {func(t *testing.T, top string) {
			t.Helper()
			making("home", 0o700)(t, top)
			making("home/cache", 0o777)(t, top)
		}, "home/cache/releases", "", false},
		"through a link": {func(t *testing.T, top string) {
			t.Helper()
			making("real", 0o755)(t, top)
			check(t, os.Symlink("../"+filepath.Base(top)+"/./real", filepath.Join(top, "link")))
		}, "link/cache", "", false},
		"through a link to where others write": {func(t *testing.T, top string) {
			t.Helper()
			making("real", 0o777)(t, top)
			check(t, os.Symlink(filepath.Join(top, "real"), filepath.Join(top, "link")))
		}, "link/cache", "others may write", false},
		"through a relative link to where others write": {func(t *testing.T, top string) {
			t.Helper()
			making("real", 0o777)(t, top)
			check(t, os.Symlink("../"+filepath.Base(top)+"/./real", filepath.Join(top, "link")))
		}, "link/cache", "others may write", false},
		"links in a circle": {func(t *testing.T, top string) {
			t.Helper()
			check(t, os.Symlink("link", filepath.Join(top, "link")))
		}, "link/cache", "too many", false},
		"a file in the way": {func(t *testing.T, top string) {
			t.Helper()
			check(t, os.WriteFile(filepath.Join(top, "file"), nil, 0o600))
		}, "file/cache", "", false},
		"another's":       {givenAway("cache", other), "cache", "another user (id 4711)", true},
		"another's above": {givenAway("home", other), "home/cache", "another user (id 4711)", true},
		"another's in a sticky directory": {func(t *testing.T, top string) {
			t.Helper()
			making("tmp", 0o777|os.ModeSticky)(t, top)
			givenAway("tmp/cache", other)(t, top)
		}, "tmp/cache", "another user (id 4711)", true},
		"another's link in a sticky directory": {func(t *testing.T, top string) {
			t.Helper()
			making("tmp", 0o777|os.ModeSticky)(t, top)
			making("real", 0o700)(t, top)
			check(t, os.Symlink("../real", filepath.Join(top, "tmp/link")))
			check(t, os.Lchown(filepath.Join(top, "tmp/link"), other, other))
		}, "tmp/link/cache", "another user (id 4711)", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.root && os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			top := openDirectory(t)
			if c.prepare != nil {
				c.prepare(t, top)
			}
			dir := filepath.Join(top, c.dir)
			err := release.PrivateDirectory(dir)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				return
			}
			check(t, err)
			if fi, err := os.Stat(dir); err == nil && fi.Mode().Perm() != 0o700 {
				t.Errorf("its mode is %v", fi.Mode())
			}
			check(t, release.PrivateDirectory(dir)) // again
			// What was missing above it is as much this user's alone.
			if fi, err := os.Stat(filepath.Join(top, "a")); err == nil && fi.Mode().Perm() != 0o700 {
				t.Errorf("the mode of what was made above it is %v", fi.Mode())
			}
		})
	}
}

// openDirectory makes a directory that others may look into, unlike t.TempDir.
func openDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "dcos-release-") //nolint:usetesting // as said above
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	check(t, os.Chmod(dir, 0o755))
	return dir
}

func making(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, top string) {
		t.Helper()
		check(t, os.Mkdir(filepath.Join(top, name), 0o700))
		check(t, os.Chmod(filepath.Join(top, name), mode))
	}
}

func givenAway(name string, to int) func(*testing.T, string) {
	return func(t *testing.T, top string) {
		t.Helper()
		making(name, 0o700)(t, top)
		check(t, os.Chown(filepath.Join(top, name), to, to))
	}
}

// A release is not opened by what somebody else may have put into the cache.
func TestUnsafeCache(t *testing.T) {
	t.Parallel()
	path, cache := write(t, script(t, dockerSave(t, layered()...))), openDirectory(t)
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
	check(t, os.Chmod(filepath.Join(cache, "releases"), 0o777))
	refused(t, path, release.Options{CacheDirectory: cache}, release.UnsafeCache)
	refused(t, "http://127.0.0.1:9/", release.Options{CacheDirectory: cache}, release.UnsafeCache)
	looksWhole(t, open(t, path, release.Options{}))
}
