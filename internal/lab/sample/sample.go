// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/pkgpanda"
)

// A Version of the sample release. Its first two numbers are the line of
// DC/OS that it stands for.
type Version string

// The versions there are.
const (
	V21 Version = "2.1.100"
	V22 Version = "2.2.100"
)

func (v Version) line() string {
	return string(v[:strings.LastIndexByte(string(v), '.')])
}

// commit stands for the commit of DC/OS that the version was built from.
func (v Version) commit() string {
	sum := sha1.Sum([]byte("sample " + v))
	return hex.EncodeToString(sum[:])
}

// Names below the directory of one built release.
const (
	installerName = "dcos_generate_config.sh"
	imageName     = "image"
)

// Build makes the release in dir, which must not be there: dir/dcos_generate_config.sh,
// and the same as a directory, dir/image, the unpacked root file system of the
// image. The same sources, with the same Go, make the same bytes. It has to
// run within this module, whose program for the hosts it compiles.
func Build(ctx context.Context, dir string, version Version) error {
	if version != V21 && version != V22 {
		return fmt.Errorf("sample release %q is not known: there are %s and %s", version, V21, V22)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	program, err := buildProgram(ctx)
	if err != nil {
		return err
	}
	im, err := makeImage(ctx, version, program)
	if err != nil {
		return err
	}
	if err := im.merge().write(filepath.Join(dir, imageName)); err != nil {
		return err
	}
	return writeInstaller(filepath.Join(dir, installerName), im)
}

// makeImage builds the packages, the bootstrap tarball and the image around
// them.
func makeImage(ctx context.Context, version Version, program []byte) (*image, error) {
	packs, err := packages(ctx, version, program)
	if err != nil {
		return nil, err
	}
	var ids, active []string
	artifacts := tree{}
	bootstrap := []*pack{}
	for _, p := range packs {
		ids = append(ids, p.id)
		artifacts.file("artifacts/packages/"+p.name+"/"+p.id+".tar.xz", p.tarball)
		for _, name := range bootstrapPackages {
			if p.name == name {
				bootstrap, active = append(bootstrap, p), append(active, p.id)
			}
		}
	}
	root, err := bootstrapTree(ctx, bootstrap)
	if err != nil {
		return nil, err
	}
	tarball, err := root.tarXZ(ctx)
	if err != nil {
		return nil, err
	}
	id := listHash(active)
	activeJSON, err := json.Marshal(active)
	if err != nil {
		return nil, err
	}
	complete, err := json.MarshalIndent(map[string]any{"bootstrap": id, "packages": ids}, "", "  ")
	if err != nil {
		return nil, err
	}
	one := func(name string, content []byte) tree { t := tree{}; t.file(name, content); return t }
	installed, wrapper, extra := tree{}, tree{}, tree{}
	installed.graft("opt/mesosphere", root)
	wrapper.program("installer_internal_wrapper", wrapperScript(version, id))
	extra.dir("gen_extra")
	base := tree{}
	base.file("etc/alpine-release", []byte("3.4.6\n"))
	base.file("etc/os-release", []byte("NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.4.6\n"))
	base.file("var/cache/apk/APKINDEX.tar.gz", []byte("sample"))
	return &image{
		repository: "mesosphere/dcos-genconf",
		tag:        version.commit()[:18] + "-" + id[:18],
		entrypoint: []string{"/installer_internal_wrapper"},
		layers: []layer{
			{files: base, made: "base system"},
			{files: tree{}, removed: []string{"var/cache/apk/APKINDEX.tar.gz"}, made: "tools"},
			{files: installed, made: "installer's bootstrap tarball"},
			{files: wrapper, made: "wrapper"},
			{files: one("artifacts/bootstrap/"+id+".bootstrap.tar.xz", tarball), made: "bootstrap"},
			{files: artifacts, made: "packages"},
			{files: one("artifacts/bootstrap/"+id+".active.json", activeJSON), made: "active packages"},
			{files: one("artifacts/bootstrap/bootstrap.latest", []byte(id)), made: "latest bootstrap"},
			{files: one("artifacts/complete/complete.latest.json", append(complete, '\n')), made: "latest complete set"},
			{files: extra, made: "gen_extra"},
		},
	}, nil
}

// bootstrapTree is the install root with only the packages of the bootstrap
// tarball active, made by the package manager itself.
func bootstrapTree(ctx context.Context, packs []*pack) (tree, error) {
	dir, err := os.MkdirTemp("", "dcos-sample-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "opt/mesosphere")
	repo := pkgpanda.Repository{Path: filepath.Join(root, "packages")}
	var ids []string
	for _, p := range packs {
		ids = append(ids, p.id)
		if err := p.files.write(filepath.Join(repo.Path, p.id)); err != nil {
			return nil, err
		}
	}
	loaded, err := repo.LoadAll(ids)
	if err != nil {
		return nil, err
	}
	install := &pkgpanda.Install{Root: root, ShownRoot: "/opt/mesosphere", Out: &bytes.Buffer{}}
	if err := install.Activate(ctx, loaded); err != nil {
		return nil, err
	}
	all, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	t := tree{}
	for name, e := range all {
		if name, ok := strings.CutPrefix(name, "opt/mesosphere/"); ok {
			t[name] = e.normal()
		}
	}
	// The marker by which setup knows that there is something to do.
	t.file("bootstrap", nil)
	return t, nil
}

// listHash is DC/OS's hash of a list of texts: of the sorted items' hashes,
// joined by commas.
func listHash(items []string) string {
	items = append([]string{}, items...)
	sort.Strings(items)
	for i, item := range items {
		sum := sha1.Sum([]byte(item))
		items[i] = hex.EncodeToString(sum[:])
	}
	sum := sha1.Sum([]byte(strings.Join(items, ",")))
	return hex.EncodeToString(sum[:])
}
