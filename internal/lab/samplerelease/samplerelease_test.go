// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package samplerelease

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// get gives a release's path. They are kept between runs.
func get(t *testing.T, version Version) string {
	t.Helper()
	path, err := Kept(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The provider's own reader takes both forms for the same release.
func TestReadable(t *testing.T) {
	t.Parallel()
	path := get(t, V22)
	var templates [2]string
	for i, source := range []string{path, Image(path)} {
		r, err := release.Open(t.Context(), source, release.Options{CacheDirectory: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if r.Version() != string(V22) {
			t.Errorf("%s: version %s", source, r.Version())
		}
		text, err := r.Template("dcos-config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		templates[i] = string(text)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if templates[0] == "" || templates[0] != templates[1] {
		t.Error("the two forms have different templates")
	}
}

// What packages ask of a host's users is read from the release, in both its forms, and the second time from what was kept of it.
func TestAccounts(t *testing.T) {
	t.Parallel()
	path := get(t, V22)
	cache := t.TempDir()
	var all [3]map[release.Account]bool
	for i, source := range []string{path, Image(path), path} {
		r, err := release.Open(t.Context(), source, release.Options{CacheDirectory: cache})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = map[release.Account]bool{}
		for _, id := range r.Packages() {
			a, err := r.Account(t.Context(), id)
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
			all[i][a] = true
		}
		if _, err := r.Account(t.Context(), "none--1"); err == nil {
			t.Error("a package that is not there has an account")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for i, got := range all {
		if !maps.Equal(got, all[0]) || !got[release.Account{User: "dcos_exhibitor"}] || !got[release.Account{}] {
			t.Errorf("%d: %v", i, got)
		}
	}
	kept, err := filepath.Glob(filepath.Join(cache, "releases", "accounts", "*.txt"))
	if err != nil || len(kept) != 2 {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

// What is there is not built again, and what cannot be built leaves nothing.
func TestBuild(t *testing.T) {
	t.Parallel()
	first := get(t, V21)
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if second := get(t, V21); second != first {
		t.Errorf("the second build is %s, the first %s", second, first)
	}
	after, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("the release was built again")
	}
	dir := t.TempDir()
	if _, err := Build(t.Context(), dir, "9.9.9"); err == nil || !strings.Contains(err.Error(), "2.1.100 and 2.2.100") {
		t.Errorf("a version that there is not: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != ".9.9.9.lock" {
		t.Errorf("it left %v, %v, want the lock alone", left, err)
	}
}

// A release is one of all the module's sources but its tests.
func TestKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keyOf := func() string {
		t.Helper()
		k, err := key(dir)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write("go.mod", "module sample\n")
	write("services/a/a.go", "package a\n")
	write("release/templates/x.yaml", "x")
	seen := map[string]string{keyOf(): "at first"}
	for _, change := range [][2]string{
		{"services/a/a.go", "package a // changed\n"}, {"services/a/b.go", "package a\n"},
		{"release/templates/x.yaml", "y"}, {"go.mod", "module sample\n\ngo 1.26.0\n"},
	} {
		write(change[0], change[1])
		k := keyOf()
		if before, ok := seen[k]; ok {
			t.Errorf("after %s changed, the key is the one from %s", change[0], before)
		}
		seen[k] = change[0]
	}
	before := keyOf()
	write("services/a/a_test.go", "package a\n")
	if keyOf() != before {
		t.Error("a test is no part of a release")
	}
}

// What nobody has used for long goes, and what killed builds of the version
// left; other versions and the tree's own releases stay.
func TestPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		"2.2.100-old": unusedRelease + time.Hour, "2.2.100-new": unusedRelease - time.Hour, "2.1.100-old": unusedRelease + time.Hour,
		".build-2.2.100-1": time.Hour, ".build-2.1.100-1": time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(path, "image"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir, V22); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got, want := strings.Join(left, " "), ".build-2.1.100-1 2.1.100-old 2.2.100-new"; got != want {
		t.Errorf("left: %s, want %s", got, want)
	}
}
