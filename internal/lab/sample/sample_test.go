// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package sample_test

import (
	"archive/tar"
	"bytes"
	"context"
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
	"sync"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/pkgpanda"
)

// buildDir is where the releases of this test run are; TestMain makes and
// removes it.
var buildDir string

// builds make each version once.
var builds = map[sample.Version]func() (string, error){
	sample.V21: sync.OnceValues(func() (string, error) { return into(filepath.Join(buildDir, string(sample.V21)), sample.V21) }),
	sample.V22: sync.OnceValues(func() (string, error) { return into(filepath.Join(buildDir, string(sample.V22)), sample.V22) }),
}

func into(dir string, version sample.Version) (string, error) {
	return dir, sample.Build(context.Background(), dir, version)
}

// build gives the directory of a version's release.
func build(t *testing.T, version sample.Version) string {
	t.Helper()
	dir, err := builds[version]()
	if err != nil {
		t.Fatal(err)
	}
	return dir
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
	dir := build(t, sample.V22)
	script, payload, ok := bytes.Cut(readFile(t, dir+"/dcos_generate_config.sh"), []byte("\n#EOF#\n"))
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
	image := dir + "/image"
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
			image := build(t, version) + "/image"
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

// The same sources make the same bytes, each version its own.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	installer := func(dir string) string { return sum(readFile(t, dir+"/dcos_generate_config.sh")) }
	again, err := into(filepath.Join(t.TempDir(), "again"), sample.V21)
	if err != nil {
		t.Fatal(err)
	}
	first := installer(build(t, sample.V21))
	if installer(again) != first {
		t.Error("two builds have different bytes")
	}
	if installer(build(t, sample.V22)) == first {
		t.Error("two versions have the same bytes")
	}
}

// What cannot be built says so, and nothing that is there is overwritten.
func TestRefused(t *testing.T) {
	t.Parallel()
	if _, err := into(filepath.Join(t.TempDir(), "new"), "9.9.9"); err == nil || !strings.Contains(err.Error(), "2.1.100 and 2.2.100") {
		t.Errorf("a version that there is not: %v", err)
	}
	if _, err := into(t.TempDir(), sample.V22); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a directory that is there: %v", err)
	}
}
