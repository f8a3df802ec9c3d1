// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package lab

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// An image that was kept in an archive is the one that was made, and is not
// made again.
func TestImageArchive(t *testing.T) {
	t.Parallel()
	l := Require(t)
	archive := filepath.Join(t.TempDir(), "image.tar.gz")
	if err := l.images.keep(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
	// Nothing can be fetched from within the lab's network.
	elsewhere := images{filepath.Join(l.Shared(t), "images"), l.namespace()}
	if err := elsewhere.keep(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
	id, err := ImageID()
	if err != nil {
		t.Fatal(err)
	}
	files := func(im images) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `find . -printf '%P %y %m %U:%G %l %TY-%Tm-%Td %TH:%TM\n' | sort
find . -type f -print0 | sort -z | xargs -0 sha256sum`)
		cmd.Dir = filepath.Join(im.dir, id, "root")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before, after := files(l.images), files(elsewhere)
	if len(before) < 100_000 { // some thousand files
		t.Errorf("an image of %d bytes of names", len(before))
	}
	if before != after {
		t.Error("the image from the archive is another")
	}
}
