// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"io"
	"path"
	"strings"
)

// An Artifact is a file that nodes fetch.
type Artifact struct {
	Path string // below bootstrap_url: "packages/NAME/ID.tar.xz"
	Size int64

	r   *Release
	ref fileRef
}

// Artifact finds the artifact with the given path ("bootstrap/ID.bootstrap.tar.xz",
// "packages/NAME/ID.tar.xz").
func (r *Release) Artifact(name string) (*Artifact, error) {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	ref, err := find(r.tree, "artifacts/"+name)
	if err != nil {
		return nil, r.wrap(err, name)
	}
	return &Artifact{Path: name, Size: ref.size, r: r, ref: ref}, nil
}

// Open opens the artifact for reading. Any number of readers may be open.
func (a *Artifact) Open() (io.ReadSeekCloser, error) {
	f, err := a.r.tree.open(a.ref)
	if err != nil {
		return nil, a.r.wrap(err, a.Path)
	}
	return f, nil
}

// SHA256 gives the artifact's digest in hex. It is worked out once per file
// and cache directory.
func (a *Artifact) SHA256(ctx context.Context) (string, error) {
	sum, err := a.r.sums.of(ctx, a.r.tree, a.ref)
	if err != nil {
		return "", a.r.wrap(err, a.Path)
	}
	return sum, nil
}
