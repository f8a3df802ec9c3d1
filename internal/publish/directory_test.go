// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

const testBootstrap = "fedcba9876543210fedcba9876543210fedcba98"

// testContent looks like the serve directory of a bundle: more comes where
// upgrade scripts do.
func testContent(id, list string, more ...bundle.Artifact) Content {
	files := []bundle.Artifact{
		bundle.NewArtifact("bootstrap/"+testBootstrap+".bootstrap.tar.xz", []byte(strings.Repeat("bootstrap", 99))),
		bundle.NewArtifact("package_lists/"+list+".package_list.json", []byte(`["`+list+`"]`)),
		bundle.NewArtifact("packages/dcos-config/dcos-config--setup_1.tar.xz", []byte("configuration")),
		bundle.NewArtifact("packages/dcos-image/dcos-image--aaaa.tar.xz", []byte("image")),
		bundle.NewArtifact("packages/mesos/mesos--bbbb.tar.xz", []byte(strings.Repeat("mesos", 700))),
		bundle.NewArtifact("bootstrap/"+testBootstrap+".active.json", []byte(`["dcos-image--aaaa"]`)),
	}
	return Content{Bundle: id, Cluster: "demo", Files: append(append(files, more...),
		bundle.NewArtifact("cluster-package-info.json", []byte("{}")),
		bundle.NewArtifact("dcos_install.sh", []byte("#!/bin/sh\n# "+list+"\n")),
		bundle.NewArtifact("bootstrap.latest", []byte(testBootstrap)),
		bundle.NewArtifact("cluster-package-list.latest", []byte(list)),
	)}
}

// without gives a content without the files below a directory.
func without(c Content, directory string) Content {
	c.Files = slices.DeleteFunc(slices.Clone(c.Files), func(f bundle.Artifact) bool { return strings.HasPrefix(f.Path, directory+"/") })
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unserve takes all of ours away, where nothing of others' was used.
func unserve(t testing.TB, place Place) {
	t.Helper()
	if left, err := place.Unserve(t.Context()); err != nil || len(left) > 0 {
		t.Fatalf("left: %v (%v)", left, err)
	}
}

// none is how many former bundles are kept where only the present one counts.
var none = 0

// listing gives the paths below a directory with modes and contents.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		if d.IsDir() {
			found[name+"/"] = fmt.Sprintf("%o", fi.Mode().Perm())
			return nil
		}
		content, err := os.ReadFile(path)
		found[name] = fmt.Sprintf("%o %s", fi.Mode().Perm(), content)
		return err
	}))
	return found
}

func TestServe(t *testing.T) {
	t.Parallel()
	c := testContent("one", "abcd")
	dir := filepath.Join(t.TempDir(), "deep", "serve")
	place := Directory(dir)
	must(t, place.Serve(t.Context(), c, &none))
	got := listing(t, dir)
	want := []string{
		manifestName,
		"bootstrap.latest",
		"bootstrap/",
		"bootstrap/" + testBootstrap + ".active.json",
		"bootstrap/" + testBootstrap + ".bootstrap.tar.xz",
		"cluster-package-info.json",
		"cluster-package-list.latest",
		"dcos_install.sh",
		"package_lists/",
		"package_lists/abcd.package_list.json",
		"packages/",
		"packages/dcos-config/",
		"packages/dcos-config/dcos-config--setup_1.tar.xz",
		"packages/dcos-image/",
		"packages/dcos-image/dcos-image--aaaa.tar.xz",
		"packages/mesos/",
		"packages/mesos/mesos--bbbb.tar.xz",
	}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	for name, want := range map[string]string{
		"bootstrap/":                        "755",
		"bootstrap.latest":                  "644 " + testBootstrap,
		"packages/mesos/mesos--bbbb.tar.xz": "644 " + strings.Repeat("mesos", 700),
	} {
		if got[name] != want {
			t.Errorf("%s: %.200q, want %q", name, got[name], want)
		}
	}

	// A second time nothing is written, even what was not changed is not touched.
	before, err := os.Stat(filepath.Join(dir, "packages/mesos/mesos--bbbb.tar.xz"))
	must(t, err)
	must(t, place.Serve(t.Context(), c, &none))
	after, err := os.Stat(filepath.Join(dir, "packages/mesos/mesos--bbbb.tar.xz"))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("a file that was there was written again")
	}

	// What was altered is put right, what others put there stays, what is not
	// needed any more goes.
	must(t, os.WriteFile(filepath.Join(dir, "packages/mesos/mesos--bbbb.tar.xz"), []byte("altered"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "packages/mesos/theirs"), []byte("theirs"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, nextName("dcos_install.sh")), []byte("left over"), 0o600))
	const upgrade = "upgrade/0123/dcos_node_upgrade.sh"
	other := without(testContent("two", "ef01", bundle.NewArtifact(upgrade, []byte("upgrade"))), "packages/dcos-image")
	must(t, place.Serve(t.Context(), other, &none))
	want = slices.DeleteFunc(want, func(name string) bool {
		return strings.HasPrefix(name, "packages/dcos-image/")
	})
	want[slices.Index(want, "package_lists/abcd.package_list.json")] = "package_lists/ef01.package_list.json"
	want = append(want, "packages/mesos/theirs", "upgrade/", filepath.Dir(upgrade)+"/", upgrade)
	slices.Sort(want)
	got2 := listing(t, dir)
	if names := slices.Sorted(maps.Keys(got2)); !slices.Equal(names, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if got2["packages/mesos/mesos--bbbb.tar.xz"] != got["packages/mesos/mesos--bbbb.tar.xz"] || got2["packages/mesos/theirs"] != "600 theirs" {
		t.Error("the files are not what they should be")
	}

	// Back again it is as it was.
	must(t, os.Remove(filepath.Join(dir, "packages/mesos/theirs")))
	must(t, place.Serve(t.Context(), c, &none))
	got3 := listing(t, dir)
	delete(got, manifestName)
	delete(got3, manifestName)
	if !maps.Equal(got, got3) {
		t.Errorf("got\n%v\nwant\n%v", slices.Sorted(maps.Keys(got3)), slices.Sorted(maps.Keys(got)))
	}
}

// An interrupted run leaves nothing that the next one takes for another's.
func TestServeInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	files := testContent("a", "abcd").Files
	for i, f := range files {
		files[i].Open = func() (io.ReadCloser, error) {
			if i == 4 {
				cancel()
			}
			return f.Open()
		}
	}
	if err := Directory(dir).Serve(ctx, Content{Bundle: "a", Cluster: "demo", Files: files}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for name := range listing(t, dir) {
		if strings.HasSuffix(name, ".new") {
			t.Errorf("%s was left", name)
		}
	}
	must(t, Directory(dir).Serve(t.Context(), without(testContent("b", "none"), "packages"), &none))
	for name := range listing(t, dir) {
		if strings.HasPrefix(name, "packages/") {
			t.Errorf("%s was left", name)
		}
	}
}

// What is served is known without the release, and taken away without a trace.
func TestServed(t *testing.T) {
	t.Parallel()
	c := testContent("one", "abcd")
	above := t.TempDir()
	dir := filepath.Join(above, "srv", "www")
	place := Directory(dir)
	served := func(want Serving) {
		t.Helper()
		if got, err := place.Served(t.Context()); err != nil || got != want {
			t.Errorf("%+v is served, want %+v (%v)", got, want, err)
		}
	}
	served(Serving{})
	must(t, place.Serve(t.Context(), c, &none))
	served(Serving{"one", "demo"})
	now := time.Now()
	must(t, os.Chtimes(filepath.Join(dir, "dcos_install.sh"), now, now))
	served(Serving{"one", "demo"})
	must(t, os.WriteFile(filepath.Join(dir, "dcos_install.sh"), []byte("altered"), 0o644))
	served(Serving{"", "demo"})
	must(t, place.Serve(t.Context(), c, &none))
	served(Serving{"one", "demo"})
	must(t, os.Remove(filepath.Join(dir, "bootstrap.latest")))
	served(Serving{"", "demo"})

	// Another bundle that cannot be written whole leaves none that is whole.
	must(t, place.Serve(t.Context(), testContent("two", "abcd"), &none))
	must(t, os.Remove(filepath.Join(dir, "cluster-package-list.latest")))
	must(t, os.Mkdir(filepath.Join(dir, "cluster-package-list.latest"), 0o755))
	if err := place.Serve(t.Context(), c, &none); err == nil {
		t.Error("a directory was replaced by a file")
	}
	served(Serving{"", "demo"})
	must(t, os.Remove(filepath.Join(dir, "cluster-package-list.latest")))
	must(t, place.Serve(t.Context(), c, &none))

	must(t, os.WriteFile(filepath.Join(dir, "packages", "theirs"), []byte("theirs"), 0o600))
	unserve(t, place)
	if got := slices.Sorted(maps.Keys(listing(t, above))); !slices.Equal(got,
		[]string{"srv/", "srv/www/", "srv/www/packages/", "srv/www/packages/theirs"}) {
		t.Errorf("%v is left", got)
	}
	must(t, os.RemoveAll(filepath.Join(above, "srv")))
	must(t, place.Serve(t.Context(), c, &none))
	unserve(t, place)
	unserve(t, place)
	if got := listing(t, above); len(got) > 0 {
		t.Errorf("%v is left", got)
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	serve := func(dir string) error { return Directory(dir).Serve(t.Context(), testContent("one", "abcd"), nil) }
	outside := t.TempDir()
	dir := t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(dir, "packages")))
	if err := serve(dir); err == nil {
		t.Error("a link out of the directory was followed")
	}
	if found := listing(t, outside); len(found) > 0 {
		t.Errorf("files were written outside: %v", found)
	}
	dir = t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, manifestName), 0o755))
	if err := serve(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

// Who may write to a directory may have written the manifest in it.
func TestManifestOfOthers(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		`?`:  false,
		`{}`: true,
		`{"files":{"a/b.c--d_e+f@g:h":{}},"bundles":[{"id":"x","files":["a"]}]}`: true,
		`{"files":{"../a":{}}}`:                                   false,
		`{"files":{"a/../../b":{}}}`:                              false,
		`{"files":{"/etc/passwd":{}}}`:                            false,
		`{"files":{"a\nb":{}}}`:                                   false,
		`{"files":{"a\u0000b":{}}}`:                               false,
		`{"files":{"a\u0085b":{}}}`:                               false,
		`{"files":{"a\\..\\b":{}}}`:                               false,
		`{"files":{"-rf":{}}}`:                                    false,
		`{"files":{".":{}}}`:                                      false,
		`{"files":{"":{}}}`:                                       false,
		`{"files":{"` + manifestName + `":{}}}`:                   false,
		`{"files":{},"bundles":[{"id":"x","files":["../../a"]}]}`: false,
		`{"files":{},"others":{"../../a":{}}}`:                    false,
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, manifestName), []byte(text), 0o644))
		_, err := Directory(dir).Served(t.Context())
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := Directory(dir).Unserve(t.Context()); good != (err == nil) {
			t.Errorf("%s: taken away: %v", text, err)
		}
	}
}

// Nor is believed what it says of the directories that were made: a link is none.
func TestManifestCountsDirectories(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	target, link := filepath.Join(top, "real"), filepath.Join(top, "link")
	must(t, os.Mkdir(target, 0o755))
	must(t, os.Symlink(target, link))
	must(t, os.WriteFile(filepath.Join(target, manifestName), []byte(`{"cluster":"demo","directories":9,"files":{}}`), 0o644))
	if left, err := Directory(link).Unserve(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left is %v, %v", left, err)
	}
	for _, name := range []string{link, target} {
		if _, err := os.Lstat(name); err != nil {
			t.Error(err)
		}
	}
}

// What a version before noted of a file on this machine is known, so that none is
// read again.
func TestFormerManifest(t *testing.T) {
	t.Parallel()
	m, err := readManifest([]byte(`{"cluster":"demo","files":{"a":{"sha256":"x","size":1,"mod_time":5}}}`))
	must(t, err)
	if known := m.known("a", Stored{1, timeTag(5)}); known != "x" {
		t.Errorf("it is known as %q", known)
	}
	if known := m.known("a", Stored{1, timeTag(6)}); known != "" {
		t.Errorf("one that was written to since is known as %q", known)
	}
}

// A link in the place of a name that a file has until it is whole is not written
// to, even if it leads to a file in the directory. One in the place of a file is
// in the way, unless the name is ours.
func TestServeLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// It has what is to be in the file, and is a link all the same.
	must(t, os.WriteFile(filepath.Join(dir, "theirs"), []byte(testBootstrap), 0o600))
	link := func(names ...string) {
		t.Helper()
		for _, name := range names {
			must(t, os.Symlink("theirs", filepath.Join(dir, name)))
		}
	}
	serve := func() error { return Directory(dir).Serve(t.Context(), testContent("one", "abcd"), nil) }
	link(nextName("dcos_install.sh"), "bootstrap.latest")
	if err := serve(); err == nil || !strings.Contains(err.Error(), "(bootstrap.latest)") {
		t.Errorf("got %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "bootstrap.latest")))
	must(t, serve())
	must(t, os.Remove(filepath.Join(dir, "bootstrap.latest")))
	link(nextName("dcos_install.sh"), "bootstrap.latest")
	must(t, serve())
	if got := listing(t, dir); got["theirs"] != "600 "+testBootstrap || got["bootstrap.latest"] != "644 "+testBootstrap {
		t.Errorf("theirs is %q, bootstrap.latest %q", got["theirs"], got["bootstrap.latest"])
	}
}
