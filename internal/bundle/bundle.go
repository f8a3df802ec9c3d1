// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"io"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// A Bundle is everything that is rendered for one cluster. It is read only
// and safe for concurrent use.
type Bundle struct {
	// ID is the bundle's content: equal ids mean equal bytes on the nodes.
	ID          string
	ClusterName string
	Version     string // of the release
	Line        string

	ConfigID      string
	PackageListID string
	BootstrapID   string
	PackageIDs    []string // all cluster packages, sorted

	ConfigPackages []Package // dcos-config, dcos-metadata and, if there is one, the check package
	SetupFiles     []File
	Units          []Unit

	// Arguments and UserArguments hold secrets.
	Arguments     map[string]string
	UserArguments map[string]string
	Secret        map[string]bool // the parameters whose values are secret
	Warnings      []config.Problem
}

// A Generator renders sites through the templates of one release. It is safe
// for concurrent use; a second site costs less than the first.
type Generator struct{}

// NewGenerator reads the release's templates.
func NewGenerator(rel *release.Release) (*Generator, error) { return nil, errors.New("provisional") }

// Release gives the release that the generator renders from.
func (g *Generator) Release() *release.Release { return nil }

// Resolve works out the arguments of a site, which may have unknown values.
// What is wrong with the site is in the resolution.
func (g *Generator) Resolve(site config.Site) (*config.Resolution, error) {
	return nil, errors.New("provisional")
}

// Build renders a site. A site that the release's rules refuse is a
// [*config.ValidationError], one that has unknown values an [*UnknownError].
func (g *Generator) Build(ctx context.Context, site config.Site) (*Bundle, error) {
	return nil, errors.New("provisional")
}

// Build renders a site through the release's templates; see [Generator.Build].
func Build(ctx context.Context, rel *release.Release, site config.Site) (*Bundle, error) {
	return nil, errors.New("provisional")
}

// An UnknownError says that a site cannot be rendered yet.
type UnknownError struct {
	Parameters []string // sorted
}

// Error implements error.
func (e *UnknownError) Error() string { return "provisional" }

// An Artifact is a file that a node fetches from bootstrap_url.
type Artifact struct {
	Path   string // below bootstrap_url: "packages/NAME/ID.tar.xz"
	Size   int64
	SHA256 string // hex
	Open   func() (io.ReadCloser, error)
}

// Artifacts gives everything that a node fetches below bootstrap_url, sorted
// by path: the bootstrap tarball, the package list, and all packages of the
// cluster. Those of the release are streamed from it.
func (b *Bundle) Artifacts(ctx context.Context) ([]Artifact, error) {
	return nil, errors.New("provisional")
}

// Files gives the sha256 (hex) of every rendered file. The keys are the
// package's name and the path in it ("dcos-config/etc/mesos-master"), and
// absolute paths for setup files and units.
func (b *Bundle) Files() map[string]string { return nil }

// ConfigYAML gives a config.yaml from which DC/OS's own generator would read
// the same arguments. It holds secrets.
func (b *Bundle) ConfigYAML() string { return "" }

// InstallScript gives the dcos_install.sh of the bundle.
func (b *Bundle) InstallScript() []byte { return nil }

// UpgradeScript gives the script that upgrades a node from the given version
// by hand.
func (b *Bundle) UpgradeScript(fromVersion string) []byte { return nil }

// Serve writes the serve directory: what a web server at bootstrap_url has to
// offer. Each file is replaced atomically; files of an earlier Serve that this
// bundle does not need are removed, files of others are left alone.
func (b *Bundle) Serve(ctx context.Context, dir string) error { return errors.New("provisional") }
