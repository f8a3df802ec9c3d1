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
// made again; neither is the layer with a ZooKeeper.
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
	base, err := ImageID()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := layerID(zookeeperPackages())
	if err != nil {
		t.Fatal(err)
	}
	files := func(im images, id string) string {
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
	for id, least := range map[string]int{base: 100_000, layer: 20_000} { // some thousand files, some hundred
		before, after := files(l.images, id), files(elsewhere, id)
		if len(before) < least {
			t.Errorf("%s: an image of %d bytes of names", id, len(before))
		}
		if before != after {
			t.Errorf("%s: the image from the archive is another", id)
		}
	}
}
