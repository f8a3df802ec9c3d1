// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
)

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
	b := testBundle(t, "2.2.1")
	dir := filepath.Join(t.TempDir(), "deep", "serve")
	must(t, b.Serve(t.Context(), dir))
	got := listing(t, dir)
	want := []string{
		serveManifest,
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
	for name, start := range map[string]string{
		"bootstrap/":                           "755",
		"bootstrap.latest":                     "644 " + testBootstrap,
		"cluster-package-list.latest":          "644 abcd",
		"package_lists/abcd.package_list.json": `644 ["dcos-config--setup_1", "dcos-image--aaaa", "mesos--bbbb"]`,
		"packages/mesos/mesos--bbbb.tar.xz":    "644 " + strings.Repeat("mesos", 700),
		"cluster-package-info.json": "644 {\n  \"dcos-config\":{\n    \"filename\":\"packages/dcos-config/dcos-config--setup_1.tar.xz\",\n" +
			"    \"id\":\"dcos-config--setup_1\"\n  },\n",
	} {
		if !strings.HasPrefix(got[name], start) {
			t.Errorf("%s: %.200q, want %q", name, got[name], start)
		}
	}

	// A second time nothing is written, even what was not changed is not touched.
	before, err := os.Stat(filepath.Join(dir, "packages/mesos/mesos--bbbb.tar.xz"))
	must(t, err)
	must(t, b.Serve(t.Context(), dir))
	after, err := os.Stat(filepath.Join(dir, "packages/mesos/mesos--bbbb.tar.xz"))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("a file that was there was written again")
	}

	// What was altered is put right, what others put there stays, what is not
	// needed any more goes.
	must(t, os.WriteFile(filepath.Join(dir, "packages/mesos/mesos--bbbb.tar.xz"), []byte("altered"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "packages/mesos/theirs"), []byte("theirs"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, ".new-dcos_install.sh"), []byte("left over"), 0o600))
	other := testBundle(t, "2.2.1")
	other.PackageListID = "ef01"
	other.PackageIDs = []string{"dcos-config--setup_1", "mesos--bbbb"}
	must(t, other.Serve(t.Context(), dir, "2.1.2"))
	want = slices.DeleteFunc(want, func(name string) bool {
		return strings.HasPrefix(name, "packages/dcos-image/")
	})
	want[slices.Index(want, "package_lists/abcd.package_list.json")] = "package_lists/ef01.package_list.json"
	upgrade := b.UpgradePath("2.1.2")
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
	must(t, b.Serve(t.Context(), dir))
	got3 := listing(t, dir)
	delete(got, serveManifest)
	delete(got3, serveManifest)
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
	b := testBundle(t, "2.2.1")
	root, err := os.OpenRoot(dir)
	must(t, err)
	files, err := b.served(ctx, nil)
	must(t, err)
	for i, f := range files {
		files[i].Open = func() (io.ReadCloser, error) {
			if i == 4 {
				cancel()
			}
			return f.Open()
		}
	}
	s := &server{root: root, manifest: manifest{Files: map[string]servedFile{}}}
	if err := s.write(ctx, files, s.keep("a", files, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	must(t, root.Close())
	for name := range listing(t, dir) {
		if strings.Contains(name, ".new-") {
			t.Errorf("%s was left", name)
		}
	}
	empty := testBundle(t, "2.2.1")
	empty.PackageIDs, empty.PackageListID = nil, "none"
	must(t, empty.Serve(t.Context(), dir))
	for name := range listing(t, dir) {
		if strings.HasPrefix(name, "packages/") {
			t.Errorf("%s was left", name)
		}
	}
}

// What is served is known without the release, and taken away without a trace.
func TestServed(t *testing.T) {
	t.Parallel()
	b := testBundle(t, "2.2.1")
	b.ID, b.ClusterName = "one", "demo"
	above := t.TempDir()
	dir := filepath.Join(above, "srv", "www")
	served := func(want Serving) {
		t.Helper()
		if got, err := Served(dir); err != nil || got != want {
			t.Errorf("%+v is served, want %+v (%v)", got, want, err)
		}
	}
	served(Serving{})
	must(t, b.Serve(t.Context(), dir))
	served(Serving{"one", "demo"})
	now := time.Now()
	must(t, os.Chtimes(filepath.Join(dir, "dcos_install.sh"), now, now))
	served(Serving{"one", "demo"})
	must(t, os.WriteFile(filepath.Join(dir, "dcos_install.sh"), []byte("altered"), 0o644))
	served(Serving{"", "demo"})
	must(t, b.Serve(t.Context(), dir))
	served(Serving{"one", "demo"})
	must(t, os.Remove(filepath.Join(dir, "bootstrap.latest")))
	served(Serving{"", "demo"})

	// Another bundle that cannot be written whole leaves none that is whole.
	next := testBundle(t, "2.2.1")
	next.ID, next.ClusterName = "two", "demo"
	must(t, next.Serve(t.Context(), dir))
	must(t, os.Remove(filepath.Join(dir, "cluster-package-list.latest")))
	must(t, os.Mkdir(filepath.Join(dir, "cluster-package-list.latest"), 0o755))
	if err := b.Serve(t.Context(), dir); err == nil {
		t.Error("a directory was replaced by a file")
	}
	served(Serving{"", "demo"})
	must(t, os.Remove(filepath.Join(dir, "cluster-package-list.latest")))
	must(t, b.Serve(t.Context(), dir))

	must(t, os.WriteFile(filepath.Join(dir, "packages", "theirs"), []byte("theirs"), 0o600))
	must(t, Unserve(dir))
	if got := slices.Sorted(maps.Keys(listing(t, above))); !slices.Equal(got,
		[]string{"srv/", "srv/www/", "srv/www/packages/", "srv/www/packages/theirs"}) {
		t.Errorf("%v is left", got)
	}
	must(t, os.RemoveAll(filepath.Join(above, "srv")))
	must(t, b.Serve(t.Context(), dir))
	must(t, Unserve(dir))
	must(t, Unserve(dir))
	if got := listing(t, above); len(got) > 0 {
		t.Errorf("%v is left", got)
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, serveManifest), []byte("?"), 0o644))
	if err := testBundle(t, "2.2.1").Serve(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
	b := testBundle(t, "2.2.1")
	b.PackageIDs = append(b.PackageIDs, "none--x")
	if err := b.Serve(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "none--x") {
		t.Errorf("got %v", err)
	}
	outside := t.TempDir()
	dir = t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(dir, "packages")))
	if err := testBundle(t, "2.2.1").Serve(t.Context(), dir); err == nil {
		t.Error("a link out of the directory was followed")
	}
	if found := listing(t, outside); len(found) > 0 {
		t.Errorf("files were written outside: %v", found)
	}
}

// The same package has the same bytes, whatever the order of its files, and
// is what tar and xz expect.
func TestTarball(t *testing.T) {
	t.Parallel()
	p := testBundle(t, "2.2.1").ConfigPackages[0]
	content, err := tarball(p)
	must(t, err)
	slices.Reverse(p.Files)
	again, err := tarball(p)
	must(t, err)
	if !bytes.Equal(content, again) {
		t.Error("two tarballs of the same package differ")
	}
	// These bytes may only change on purpose: nodes have packages by id, and
	// a published tarball must not differ from the one before.
	const want = "a48959520d9a39daf104f20580087b59db6ad3d94f9ba111d2178e3f04b3ba26"
	if got := hexSum(content); got != want {
		t.Errorf("sha256 %s, want %s", got, want)
	}

	r, err := xz.NewReader(bytes.NewReader(content))
	must(t, err)
	var got []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		text, err := io.ReadAll(tr)
		must(t, err)
		got = append(got, fmt.Sprintf("%s %c %o %d:%d %q %d %q", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Uname, h.ModTime.Year(), text))
	}
	wantFiles := []string{
		`. 5 755 0:0 "" 2017 ""`,
		`./bin 5 755 0:0 "" 2017 ""`,
		`./bin/x 0 755 0:0 "" 2017 ""`,
		`./etc 5 755 0:0 "" 2017 ""`,
		`./etc/a 0 644 0:0 "" 2017 "A\n"`,
		`./etc_master 5 755 0:0 "" 2017 ""`,
		`./etc_master/secret 0 600 0:0 "" 2017 "B\n"`,
	}
	if !slices.Equal(got, wantFiles) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantFiles, "\n"))
	}
	if path, err := exec.LookPath("xz"); err == nil {
		cmd := exec.CommandContext(t.Context(), path, "--test", "-")
		cmd.Stdin = bytes.NewReader(content)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("xz: %v\n%s", err, out)
		}
	}
	for _, path := range []string{"etc/a", "/../a", "/", "", "/etc/a/", "/bin"} {
		bad := Package{Files: []File{{Path: path}, {Path: "/bin/x"}, {Path: "/bin"}}}
		if _, err := tarball(bad); err == nil {
			t.Errorf("%q was packed", path)
		}
	}
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	b := testBundle(t, "2.2.1")
	artifacts, err := b.Artifacts(t.Context())
	must(t, err)
	var paths []string
	for _, a := range artifacts {
		paths = append(paths, a.Path)
		for range 2 {
			r, err := a.Open()
			must(t, err)
			content, err := io.ReadAll(r)
			must(t, errors.Join(err, r.Close()))
			if int64(len(content)) != a.Size || hexSum(content) != a.SHA256 {
				t.Errorf("%s is not what it says", a.Path)
			}
		}
	}
	want := []string{
		"bootstrap/" + testBootstrap + ".bootstrap.tar.xz",
		"package_lists/abcd.package_list.json",
		"packages/dcos-config/dcos-config--setup_1.tar.xz",
		"packages/dcos-image/dcos-image--aaaa.tar.xz",
		"packages/mesos/mesos--bbbb.tar.xz",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("got %q", paths)
	}
}
