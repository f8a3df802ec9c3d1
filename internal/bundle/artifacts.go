// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/render"
)

// An Artifact is a file that a node fetches from bootstrap_url.
type Artifact struct {
	Path   string // below bootstrap_url: "packages/NAME/ID.tar.xz"
	Size   int64
	SHA256 string // hex
	Open   func() (io.ReadCloser, error)
}

// Artifacts gives everything that a node fetches below bootstrap_url, sorted
// by path: the bootstrap tarball, the package list, and all packages of the
// cluster. Those of the release are streamed from it. They are worked out once
// for all nodes.
func (b *Bundle) Artifacts(ctx context.Context) ([]Artifact, error) {
	list, err := b.artifacts.get(func() ([]Artifact, error) { return b.listArtifacts(ctx) })
	return slices.Clone(list), err
}

// kept is what a bundle works out the first time that somebody asks for it; a
// nil one works it out each time. An error is not kept.
type kept[T any] struct {
	mu    sync.Mutex
	known bool
	value T
}

func (k *kept[T]) get(work func() (T, error)) (value T, err error) {
	if k == nil {
		return work()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known {
		if k.value, err = work(); err != nil {
			return value, err
		}
		k.known = true
	}
	return k.value, nil
}

func (b *Bundle) listArtifacts(ctx context.Context) ([]Artifact, error) {
	artifacts := make([]Artifact, len(b.PackageIDs), len(b.PackageIDs)+2)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	put := func(to *Artifact, produce func() (Artifact, error)) {
		group.Go(func() (err error) {
			*to, err = produce()
			return err
		})
	}
	for i, id := range b.PackageIDs {
		path := packagePath(id)
		if at := b.configPackage(id); at >= 0 {
			put(&artifacts[i], func() (Artifact, error) { return b.ownArtifact(path, at) })
		} else {
			put(&artifacts[i], func() (Artifact, error) { return b.releaseArtifact(ctx, path) })
		}
	}
	var bootstrap Artifact
	put(&bootstrap, func() (Artifact, error) { return b.releaseArtifact(ctx, bootstrapPath(b.BootstrapID)) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	artifacts = append(artifacts, bootstrap, NewArtifact(b.packageListPath(), b.packageList()))
	slices.SortFunc(artifacts, func(a, b Artifact) int { return strings.Compare(a.Path, b.Path) })
	return artifacts, nil
}

func bootstrapPath(id string) string { return "bootstrap/" + id + ".bootstrap.tar.xz" }

func packagePath(id string) string { return "packages/" + packageName(id) + "/" + id + ".tar.xz" }

func (b *Bundle) packageListPath() string {
	return "package_lists/" + b.PackageListID + ".package_list.json"
}

// packageList is the text that the package list's id names: one line, written
// as Python writes a list.
func (b *Bundle) packageList() []byte {
	quoted := make([]string, len(b.PackageIDs))
	for i, id := range b.PackageIDs {
		quoted[i] = render.QuoteJSON(id)
	}
	return []byte("[" + strings.Join(quoted, ", ") + "]")
}

// releaseArtifact gives an artifact that the release has.
func (b *Bundle) releaseArtifact(ctx context.Context, path string) (Artifact, error) {
	a, err := b.rel.Artifact(path)
	if err != nil {
		return Artifact{}, err
	}
	sum, err := a.SHA256(ctx)
	if err != nil {
		return Artifact{}, err
	}
	return Artifact{Path: path, Size: a.Size, SHA256: sum, Open: func() (io.ReadCloser, error) { return a.Open() }}, nil
}

// ownArtifact gives the tarball of one of the bundle's own packages.
func (b *Bundle) ownArtifact(path string, at int) (Artifact, error) {
	content, err := b.tarballs[at]()
	if err != nil {
		return Artifact{}, fmt.Errorf("packing %s: %w", b.ConfigPackages[at].ID, err)
	}
	return NewArtifact(path, content), nil
}

// NewArtifact gives a file of what is in memory.
func NewArtifact(path string, content []byte) Artifact {
	return Artifact{Path: path, Size: int64(len(content)), SHA256: hexSum(content), Open: func() (io.ReadCloser, error) {
		return seekable{bytes.NewReader(content)}, nil
	}}
}

// A seekable is content in memory that can be read again from any place, as
// files of a release can.
type seekable struct{ *bytes.Reader }

// Close has nothing to close.
func (seekable) Close() error { return nil }
