// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample

import (
	"bytes"
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
)

// releaseFiles describe the packages and templates:
//
//   - packages/NAME: the files of the package NAME; `links` lists links, one a
//     line: path, blank, target. @PKG@ stands for the package's place on a
//     host, @VERSION@ for its version in versions.json.
//   - templates: the generator's templates.
//   - LINE/packages, LINE/dcos-config.yaml, LINE/versions.json: what only that
//     line has.
//
//go:embed release
var releaseFiles embed.FS

// A pack is a package of the release.
type pack struct {
	name, id string
	files    tree
	tarball  []byte
}

// bootstrapPackages are those in the bootstrap tarball.
var bootstrapPackages = []string{"dcos-image", "sample-runtime"}

// packages makes all packages of a version, sorted by name.
func packages(ctx context.Context, version Version, program []byte) ([]*pack, error) {
	line := version.line()
	versions := map[string]string{}
	text, err := releaseFiles.ReadFile("release/" + line + "/versions.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &versions); err != nil {
		return nil, fmt.Errorf("versions.json of %s: %w", line, err)
	}
	var all []*pack
	for _, dir := range []string{"release/packages", "release/" + line + "/packages"} {
		entries, err := releaseFiles.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			files, err := packageFiles(path.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			all = append(all, &pack{name: e.Name(), files: files})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	for _, p := range all {
		switch p.name {
		case "sample-runtime":
			p.files.program("bin/dcos-sample", program)
		case "dcos-image":
			if err := generator(p.files, version); err != nil {
				return nil, err
			}
		}
		if err := p.finish(versions[p.name]); err != nil {
			return nil, err
		}
	}
	errs := make([]error, len(all))
	var packing sync.WaitGroup
	for i, p := range all {
		packing.Go(func() { p.tarball, errs[i] = p.files.tarXZ(ctx) })
	}
	packing.Wait()
	return all, errors.Join(errs...)
}

// packageFiles reads one package's directory.
func packageFiles(dir string) (tree, error) {
	t := tree{}
	err := fs.WalkDir(releaseFiles, dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := releaseFiles.ReadFile(p)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, dir+"/")
		switch {
		case name == "links":
			for line := range strings.Lines(string(text)) {
				link, target, _ := strings.Cut(strings.TrimSpace(line), " ")
				t.symlink(link, target)
			}
		case strings.HasPrefix(name, "bin/"):
			t.program(name, text)
		default:
			t.file(name, text)
		}
		return nil
	})
	return t, err
}

// finish gives the package its id, by its content, and puts what depends on
// the id into its files.
func (p *pack) finish(version string) error {
	buildinfo, err := json.MarshalIndent(map[string]any{"name": p.name, "sample": true, "version": version}, "", "  ")
	if err != nil {
		return err
	}
	p.files.file("buildinfo.full.json", append(buildinfo, '\n'))
	h := sha1.New()
	for _, name := range p.files.names() {
		e := p.files.entry(name)
		fmt.Fprintf(h, "%s %o %s %d\n", name, e.mode, e.link, len(e.content))
		h.Write(e.content)
	}
	p.id = p.name + "--" + hex.EncodeToString(h.Sum(nil))
	for name, e := range p.files {
		if strings.Contains(name, "dcos.target.wants") {
			e.content = bytes.ReplaceAll(e.content, []byte("@PKG@"), []byte("/opt/mesosphere/packages/"+p.id))
			e.content = bytes.ReplaceAll(e.content, []byte("@VERSION@"), []byte(version))
			p.files[name] = e
		}
	}
	return nil
}

// sitePackages is where a release's Python packages are, below its package.
const sitePackages = "lib/python3.6/site-packages"

// generator puts the templates, and the file that holds the version, where a
// release has its generator.
func generator(t tree, version Version) error {
	entries, err := releaseFiles.ReadDir("release/templates")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := releaseFiles.ReadFile("release/templates/" + e.Name())
		if err != nil {
			return err
		}
		if extra, err := releaseFiles.ReadFile("release/" + version.line() + "/" + e.Name()); err == nil {
			text = append(text, extra...)
		}
		t.file(path.Join(sitePackages, "gen", e.Name()), text)
	}
	calc, err := releaseFiles.ReadFile("release/calc.py")
	if err != nil {
		return err
	}
	t.file(path.Join(sitePackages, "gen/calc.py"), bytes.ReplaceAll(calc, []byte("@DCOS_VERSION@"), []byte(version)))
	t.file(path.Join(sitePackages, "gen/__init__.py"), nil)
	return nil
}
