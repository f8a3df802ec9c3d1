// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// largeRelease has as many files as a real one, if not as many bytes: 20,000
// in the installer's tree, 90 packages.
func largeRelease(b *testing.B) string {
	b.Helper()
	layers := layered()
	system, packages := files{}, files{}
	for i := range 20_000 {
		system[fmt.Sprintf("opt/mesosphere/packages/p%d--x/lib/module%d/file%d.py", i%80, i%500, i)] = "pass\n"
	}
	for i := range 90 {
		packages[fmt.Sprintf("artifacts/packages/p%d/p%d--x.tar.xz", i, i)] = strings.Repeat("payload ", 128<<10)
	}
	return write(b, script(b, dockerSave(b, append([]files{system, packages}, layers...)...)))
}

func openAndClose(b *testing.B, path string, opts release.Options) {
	b.Helper()
	r, err := release.Open(b.Context(), path, opts)
	check(b, err)
	check(b, r.Close())
}

func BenchmarkOpen(b *testing.B) {
	path := largeRelease(b)
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			openAndClose(b, path, release.Options{})
		}
	})
	b.Run("cached", func(b *testing.B) {
		cache := b.TempDir()
		openAndClose(b, path, release.Options{CacheDirectory: cache})
		b.ReportAllocs()
		for b.Loop() {
			openAndClose(b, path, release.Options{CacheDirectory: cache})
		}
	})
	b.Run("expected", func(b *testing.B) {
		content, err := os.ReadFile(path)
		check(b, err)
		opts := release.Options{CacheDirectory: b.TempDir(), SHA256: sum(content)}
		b.SetBytes(int64(len(content)))
		b.ReportAllocs()
		for b.Loop() {
			openAndClose(b, path, opts)
		}
	})
	b.Run("directory", func(b *testing.B) {
		dir := smallRelease().writeDir(b)
		b.ReportAllocs()
		for b.Loop() {
			openAndClose(b, dir, release.Options{})
		}
	})
}
