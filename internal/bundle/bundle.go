// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// A Bundle is everything that is rendered for one cluster. It is read only
// and safe for concurrent use. Its artifacts can be read while its release is
// open.
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

	rel      *release.Release
	tarballs []func() ([]byte, error) // of ConfigPackages, each made once

	artifacts    *kept[[]Artifact]
	bootstrapped *kept[[]string]
	accounts     *kept[[]Account]
}

// A Generator renders sites through the templates of one release. It is safe
// for concurrent use; a second site costs less than the first.
type Generator struct {
	rel   *release.Release
	facts config.Facts
	line  string
	set   *templateSet
}

// NewGenerator reads the release's templates. A release of a line that is not
// known is a [*release.Error].
func NewGenerator(rel *release.Release) (*Generator, error) {
	line := config.LineOf(rel.Version())
	if line == "" {
		return nil, &release.Error{Source: rel.Source(), Reason: release.UnknownLine,
			Detail: fmt.Sprintf("its version is %s; the lines that can be rendered are %s", rel.Version(), strings.Join(config.Lines(), ", "))}
	}
	texts := map[string][]string{}
	for _, name := range templateNames {
		text, err := rel.Template(name)
		if err != nil {
			return nil, err
		}
		texts[name] = []string{string(text)}
		if extra, found, err := rel.ExtraTemplate(name); err != nil {
			return nil, err
		} else if found {
			texts[name] = append(texts[name], string(extra))
		}
	}
	set, err := parseTemplates(texts)
	if err != nil {
		return nil, fmt.Errorf("reading the templates of release %s: %w", rel.Source(), err)
	}
	extra, _, err := rel.ExtraTemplate("calc.py")
	if err != nil {
		return nil, err
	}
	return &Generator{rel: rel, line: line, set: set, facts: config.Facts{
		Version: rel.Version(), Commit: rel.Commit(), BootstrapID: rel.BootstrapID(),
		Variant: rel.Variant(), Packages: rel.Packages(), Extra: extra,
	}}, nil
}

// Release gives the release that the generator renders from.
func (g *Generator) Release() *release.Release { return g.rel }

// Line gives the line of the release.
func (g *Generator) Line() string { return g.line }

// Resolve works out the arguments of a site, which may have unknown values.
// What is wrong with the site is in the resolution.
func (g *Generator) Resolve(site config.Site) (*config.Resolution, error) {
	res, err := config.Resolve(site, g.facts, g.set.target)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", g.rel.Source(), err)
	}
	if len(res.Unknown) > 0 && res.Err() == nil {
		// What is known may already break what will be rendered.
		res.Errors = g.set.probe(res)
	}
	return res, nil
}

// Build renders a site. A site that the release's rules refuse is a
// [*config.ValidationError], one that has unknown values an [*UnknownError].
func (g *Generator) Build(ctx context.Context, site config.Site) (*Bundle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	res, err := g.Resolve(site)
	if err != nil {
		return nil, err
	}
	if err := res.Err(); err != nil {
		return nil, err
	}
	if len(res.Unknown) > 0 {
		return nil, &UnknownError{res.Unknown}
	}
	r, err := renderConfig(g.set, res, site)
	if err != nil {
		return nil, err
	}
	b := &Bundle{
		ClusterName: res.Arguments["cluster_name"], Version: g.rel.Version(), Line: g.line,
		ConfigID: r.ConfigID, PackageListID: r.PackageListID, PackageIDs: r.PackageIDs,
		BootstrapID:    r.Arguments["bootstrap_id"],
		ConfigPackages: r.Packages, SetupFiles: r.SetupFiles, Units: r.Units,
		Arguments: r.Arguments, UserArguments: r.UserArguments, Secret: res.Secret, Warnings: slices.Concat(res.Warnings, r.Warnings),
		rel: g.rel, artifacts: &kept[[]Artifact]{}, bootstrapped: &kept[[]string]{}, accounts: &kept[[]Account]{},
	}
	for _, p := range b.ConfigPackages {
		b.tarballs = append(b.tarballs, sync.OnceValues(func() ([]byte, error) { return tarball(p) }))
	}
	b.ID = b.contentID()
	return b, nil
}

// Build renders a site through the release's templates; see [Generator.Build].
func Build(ctx context.Context, rel *release.Release, site config.Site) (*Bundle, error) {
	g, err := NewGenerator(rel)
	if err != nil {
		return nil, err
	}
	return g.Build(ctx, site)
}

// An UnknownError says that a site cannot be rendered yet.
type UnknownError struct {
	Parameters []string // sorted
}

// Error implements error.
func (e *UnknownError) Error() string {
	return "the configuration cannot be rendered yet: not known are " + strings.Join(e.Parameters, ", ")
}

// contentID hashes everything that reaches a node.
func (b *Bundle) contentID() string {
	h := sha256.New()
	part(h, "release", []byte(b.rel.Digest()))
	part(h, "bootstrap", []byte(b.BootstrapID))
	part(h, "packages", []byte(strings.Join(b.PackageIDs, "\n")))
	for _, p := range b.ConfigPackages {
		part(h, "package", []byte(p.ID))
		hashFiles(h, p.Files)
	}
	part(h, "setup", nil)
	hashFiles(h, b.SetupFiles)
	for _, u := range b.Units {
		part(h, fmt.Sprintf("unit %q %q %t %t", u.Name, u.Command, u.Enable, u.NoBlock), []byte(u.Content))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashFiles(h hash.Hash, files []File) {
	for _, f := range files {
		part(h, fmt.Sprintf("%q %o", f.Path, f.Mode&fs.ModePerm), f.Content)
	}
}

// part adds a named part to a hash, with its length, so that no two sequences
// of parts look alike.
func part(h hash.Hash, name string, content []byte) {
	fmt.Fprintf(h, "%s %d\n", name, len(content))
	h.Write(content)
}

// Files gives the sha256 (hex) of every rendered file. The keys are the
// package's name and the path in it ("dcos-config/etc/mesos-master"), and
// absolute paths for setup files and units.
func (b *Bundle) Files() map[string]string {
	files := map[string]string{}
	for _, p := range b.ConfigPackages {
		for _, f := range p.Files {
			files[p.Name+f.Path] = hexSum(f.Content)
		}
	}
	for _, f := range b.SetupFiles {
		files[f.Path] = hexSum(f.Content)
	}
	for _, u := range b.Units {
		if u.Content != "" {
			files[unitDirectory+u.Name] = hexSum([]byte(u.Content))
		}
	}
	return files
}

const unitDirectory = "/etc/systemd/system/"

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// packageName gives the name in a package id.
func packageName(id string) string {
	name, _, _ := strings.Cut(id, "--")
	return name
}

// configPackage finds one of the bundle's own packages by its id.
func (b *Bundle) configPackage(id string) int {
	return slices.IndexFunc(b.ConfigPackages, func(p Package) bool { return p.ID == id })
}
