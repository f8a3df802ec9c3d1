// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/pkgpanda"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// buildDir is where the releases of this test run are; TestMain makes and
// removes it.
var buildDir string

func build(t *testing.T, version sample.Version) string {
	t.Helper()
	p, err := sample.Build(t.Context(), buildDir, version)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// readTar gives an archive's entries by name; a directory's content is nil.
func readTar(t *testing.T, text []byte) (files map[string][]byte, links map[string]string) {
	t.Helper()
	files, links = map[string][]byte{}, map[string]string{}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, links
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeSymlink:
			links[name] = h.Linkname
		case tar.TypeReg:
			if files[name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func unxz(t *testing.T, text []byte) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "xz", "-dc")
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The script is followed by a tar archive with the image as docker save writes
// it, and the directory is what its layers make.
func TestInstaller(t *testing.T) {
	t.Parallel()
	p := build(t, sample.V22)
	script, payload, ok := bytes.Cut(readFile(t, p), []byte("\n#EOF#\n"))
	if !ok || !bytes.HasPrefix(script, []byte("#!/bin/bash\n")) {
		t.Fatalf("no script and mark: %.100q", script)
	}
	outer, _ := readTar(t, payload)
	if len(outer) != 1 {
		t.Fatalf("%d files in the payload, want 1", len(outer))
	}
	for name, saved := range outer {
		if !strings.HasPrefix(name, "dcos-genconf.") || !strings.HasSuffix(name, ".tar") {
			t.Errorf("the payload is called %s", name)
		}
		outer = map[string][]byte{"image": saved}
	}
	saved, _ := readTar(t, outer["image"])
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(saved["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("manifest.json: %v, %s", err, saved["manifest.json"])
	}
	m := manifest[0]
	if want := "mesosphere/dcos-genconf:"; len(m.RepoTags) != 1 || !strings.HasPrefix(m.RepoTags[0], want) {
		t.Errorf("tags %v, want %s...", m.RepoTags, want)
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(saved[m.Config], &config); err != nil || m.Config != sum(saved[m.Config])+".json" {
		t.Fatalf("%s: %v", m.Config, err)
	}
	merged := map[string]string{}
	for i, name := range m.Layers {
		if got := "sha256:" + sum(saved[name]); got != config.RootFS.DiffIDs[i] {
			t.Errorf("layer %d is %s, the configuration says %s", i, got, config.RootFS.DiffIDs[i])
		}
		files, links := readTar(t, saved[name])
		for name, text := range files {
			if hidden, ok := strings.CutPrefix(path.Base(name), ".wh."); ok {
				delete(merged, path.Join(path.Dir(name), hidden))
				continue
			}
			merged[name] = sum(text)
		}
		for name, to := range links {
			merged[name] = "-> " + to
		}
	}
	image := sample.Image(p)
	onDisk := map[string]string{}
	err := filepath.WalkDir(image, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(image, p)
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(p)
			onDisk[name] = "-> " + to
			return err
		}
		onDisk[name] = sum(readFile(t, p))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range merged {
		if merged[name] != onDisk[name] {
			t.Errorf("%s is %s in the layers and %q in the directory", name, merged[name], onDisk[name])
		}
	}
	if len(onDisk) != len(merged) {
		t.Errorf("%d files in the directory, %d in the layers", len(onDisk), len(merged))
	}
}

// The artifacts belong together as those of a release do.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	for _, version := range []sample.Version{sample.V21, sample.V22} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			image := sample.Image(build(t, version))
			var complete struct {
				Bootstrap string
				Packages  []string
			}
			if err := json.Unmarshal(readFile(t, image+"/artifacts/complete/complete.latest.json"), &complete); err != nil {
				t.Fatal(err)
			}
			if got := string(readFile(t, image+"/artifacts/bootstrap/bootstrap.latest")); got != complete.Bootstrap {
				t.Errorf("bootstrap.latest = %q, complete.latest.json has %q", got, complete.Bootstrap)
			}
			var active []string
			if err := json.Unmarshal(readFile(t, image+"/artifacts/bootstrap/"+complete.Bootstrap+".active.json"), &active); err != nil {
				t.Fatal(err)
			}
			if !slices.IsSorted(complete.Packages) {
				t.Errorf("the packages are not sorted: %v", complete.Packages)
			}
			for _, id := range complete.Packages {
				parsed, err := pkgpanda.ParseID(id)
				if err != nil {
					t.Fatal(err)
				}
				files, _ := readTar(t, unxz(t, readFile(t, fmt.Sprintf("%s/artifacts/packages/%s/%s.tar.xz", image, parsed.Name, id))))
				var info pkgpanda.Info
				if err := json.Unmarshal(files["pkginfo.json"], &info); err != nil {
					t.Errorf("%s: %v", id, err)
				}
				for name, text := range files {
					if strings.Contains(name, "dcos.target.wants") && bytes.ContainsRune(text, '@') {
						t.Errorf("%s: %s has something that was not replaced:\n%s", id, name, text)
					}
				}
			}
			files, links := readTar(t, unxz(t, readFile(t, image+"/artifacts/bootstrap/"+complete.Bootstrap+".bootstrap.tar.xz")))
			if _, ok := files["bootstrap"]; !ok {
				t.Error("the bootstrap tarball lacks its marker")
			}
			for _, id := range active {
				parsed, err := pkgpanda.ParseID(id)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := links["active/"+parsed.Name], "/opt/mesosphere/packages/"+id; got != want {
					t.Errorf("active/%s points to %q, want %q", parsed.Name, got, want)
				}
			}
			if got := links["bin/pkgpanda"]; !strings.HasPrefix(got, "/opt/mesosphere/packages/dcos-image--") {
				t.Errorf("bin/pkgpanda points to %q", got)
			}
			if text := files["environment"]; !bytes.Contains(text, []byte("PATH=/opt/mesosphere/bin:")) {
				t.Errorf("environment: %s", text)
			}
		})
	}
}

// The provider's own reader takes both forms for the same release.
func TestReadable(t *testing.T) {
	t.Parallel()
	p := build(t, sample.V22)
	var templates [2]string
	for i, source := range []string{p, sample.Image(p)} {
		r, err := release.Open(t.Context(), source, release.Options{CacheDirectory: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if r.Version() != string(sample.V22) {
			t.Errorf("%s: version %s", source, r.Version())
		}
		text, err := r.Template("dcos-config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		templates[i] = string(text)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if templates[0] == "" || templates[0] != templates[1] {
		t.Error("the two forms have different templates")
	}
}

// The same sources make the same bytes; what is there is not built again.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	first := build(t, sample.V21)
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if build(t, sample.V21) != first {
		t.Error("the second build is somewhere else")
	}
	after, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("the release was built again")
	}
	second, err := sample.Build(t.Context(), t.TempDir(), sample.V21)
	if err != nil {
		t.Fatal(err)
	}
	if sum(readFile(t, first)) != sum(readFile(t, second)) {
		t.Error("two builds have different bytes")
	}
	if sum(readFile(t, first)) == sum(readFile(t, build(t, sample.V22))) {
		t.Error("two versions have the same bytes")
	}
	if _, err := sample.Build(t.Context(), t.TempDir(), "9.9.9"); err == nil {
		t.Error("a version that there is not is built")
	}
}
