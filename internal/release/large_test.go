// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// A sparseFile leaves out blocks of zeros, so that a large file costs no disk.
type sparseFile struct{ *os.File }

var zeros = make([]byte, 1<<20)

func (f sparseFile) Write(p []byte) (int, error) {
	if len(p) > 0 && len(p) <= len(zeros) && bytes.Equal(p, zeros[:len(p)]) {
		_, err := f.Seek(int64(len(p)), io.SeekCurrent)
		return len(p), err
	}
	return f.File.Write(p)
}

// wrap makes a tar of small files and one that has the size of content and is
// read from it, behind head.
func wrap(t *testing.T, to string, head []byte, small files, name string, size int64, content io.Reader) int64 {
	t.Helper()
	f, err := os.Create(to)
	check(t, err)
	_, err = f.Write(head)
	check(t, err)
	w := tar.NewWriter(sparseFile{f})
	for _, n := range slices.Sorted(maps.Keys(small)) {
		check(t, w.WriteHeader(&tar.Header{Name: n, Mode: 0o644, Size: int64(len(small[n]))}))
		_, err = io.WriteString(w, small[n])
		check(t, err)
	}
	check(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Format: tar.FormatGNU}))
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(content, size), make([]byte, len(zeros)))
	check(t, err)
	check(t, w.Close())
	end, err := f.Seek(0, io.SeekCurrent)
	check(t, err)
	check(t, f.Truncate(end))
	check(t, f.Close())
	return end
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A large release takes no more memory than a small one, to open, to hash
// and to read. It does not run beside others, which allocate as well: what is
// counted is the process's.
func TestLargeRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a file of 500 MB, if a sparse one")
	}
	const size = 500_000_000
	const name = "artifacts/bootstrap/" + bootstrapID + ".bootstrap.tar.xz"
	dir := t.TempDir()
	again := func(path string) *os.File {
		f, err := os.Open(path)
		check(t, err)
		t.Cleanup(func() { check(t, f.Close()) })
		return f
	}
	plain := smallRelease().without(name, "opt/mesosphere/active/dcos-image", "opt/mesosphere/lib/python3.6/site-packages/gen/calc.py")
	layer, image, path := filepath.Join(dir, "layer"), filepath.Join(dir, "image"), filepath.Join(dir, "dcos_generate_config.sh")
	n := wrap(t, layer, nil, plain, name, size, zeroReader{})
	n = wrap(t, image, nil, files{"manifest.json": `[{"Layers":["a/layer.tar"]}]`}, "a/layer.tar", n, again(layer))
	wrap(t, path, []byte("#!/bin/bash\n#EOF#\n"), nil, "dcos-genconf.tar", n, again(image))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := open(t, path, release.Options{CacheDirectory: t.TempDir()})
	a, err := r.Artifact("bootstrap/" + bootstrapID + ".bootstrap.tar.xz")
	check(t, err)
	digest, err := a.SHA256(t.Context())
	check(t, err)
	runtime.ReadMemStats(&after)
	if a.Size != size || len(digest) != 64 {
		t.Errorf("size %d, digest %s", a.Size, digest)
	}
	f, err := a.Open()
	check(t, err)
	last := make([]byte, 3)
	_, err = f.Seek(-2, io.SeekEnd)
	check(t, err)
	if got, err := io.ReadFull(f, last); got != 2 || err != io.ErrUnexpectedEOF {
		t.Errorf("read %d bytes at the end, %v", got, err)
	}
	check(t, f.Close())
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%s were allocated", fmt.Sprint(grown>>20, " MiB"))
	}
}
