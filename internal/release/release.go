// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// Options say how a release is opened.
type Options struct {
	// SHA256 is the expected digest of dcos_generate_config.sh, in hex. Empty:
	// not checked. A directory has none.
	SHA256 string
	// CacheDirectory keeps downloads, indexes and digests. Empty: nothing is
	// kept, and an http source cannot be opened.
	CacheDirectory string
	// HTTP is the client for http sources; nil means http.DefaultClient.
	HTTP *http.Client
}

// A Release is an open release. It is safe for concurrent use.
type Release struct{}

// Open opens the release at source: a path of dcos_generate_config.sh, a
// directory with the image's root file system, or an http(s) address.
// What is wrong with the release is an [*Error].
func Open(ctx context.Context, source string, opts Options) (*Release, error) {
	return nil, errors.New("provisional")
}

// Source gives the source as it was given to Open, without credentials.
func (r *Release) Source() string { return "" }

// Version gives the version, such as "2.2.1".
func (r *Release) Version() string { return "" }

// Commit gives the commit that the release was built from.
func (r *Release) Commit() string { return "" }

// BootstrapID gives the id of the nodes' bootstrap tarball.
func (r *Release) BootstrapID() string { return "" }

// Variant gives the variant; it is empty for the open one.
func (r *Release) Variant() string { return "" }

// Packages gives the ids of the release's packages in the release's order.
func (r *Release) Packages() []string { return nil }

// Template gives a file of the generator, by its path below gen/
// ("dcos-config.yaml", "ip-detect/aws.sh").
func (r *Release) Template(name string) ([]byte, error) { return nil, errors.New("provisional") }

// ExtraTemplate gives a file of gen_extra/, which a rebuilt release may have.
func (r *Release) ExtraTemplate(name string) (content []byte, found bool, err error) {
	return nil, false, errors.New("provisional")
}

// Digest identifies what can be rendered from the release: it covers version,
// commit, ids and templates, not the payload of the packages, which their ids
// stand for.
func (r *Release) Digest() string { return "" }

// An Artifact is a file that nodes fetch.
type Artifact struct {
	Path string // below bootstrap_url: "packages/NAME/ID.tar.xz"
	Size int64
	r    *Release
}

// Artifact finds the artifact with the given path ("bootstrap/ID.bootstrap.tar.xz",
// "packages/NAME/ID.tar.xz").
func (r *Release) Artifact(path string) (*Artifact, error) { return nil, errors.New("provisional") }

// Open opens the artifact for reading. Any number of readers may be open.
func (a *Artifact) Open() (io.ReadSeekCloser, error) { return nil, errors.New("provisional") }

// SHA256 gives the artifact's digest in hex. It is worked out once per file
// and cache directory.
func (a *Artifact) SHA256(ctx context.Context) (string, error) {
	return "", errors.New("provisional")
}

// Close releases the file. Readers that are still open fail afterwards.
func (r *Release) Close() error { return nil }
