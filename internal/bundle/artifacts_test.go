// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// serveDirectory gives the files of a serve directory: names, in order, and
// contents, which are what they are said to be.
func serveDirectory(t *testing.T, b *Bundle, upgradeFrom ...string) (names []string, content map[string]string) {
	t.Helper()
	files, err := b.ServeDirectory(t.Context(), upgradeFrom...)
	must(t, err)
	content = map[string]string{}
	for _, f := range files {
		r, err := f.Open()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, errors.Join(err, r.Close()))
		if int64(len(text)) != f.Size || hexSum(text) != f.SHA256 {
			t.Errorf("%s is not what it says", f.Path)
		}
		content[f.Path] = string(text)
		names = append(names, f.Path)
	}
	return names, content
}

// The serve directory is what DC/OS's generator writes, and nothing in it names
// what comes after it.
func TestServeDirectory(t *testing.T) {
	t.Parallel()
	b := testBundle(t, "2.2.1")
	names, content := serveDirectory(t, b, "2.1.2")
	upgrade := b.UpgradePath("2.1.2")
	if want := []string{
		"bootstrap/" + testBootstrap + ".bootstrap.tar.xz",
		"package_lists/abcd.package_list.json",
		"packages/dcos-config/dcos-config--setup_1.tar.xz",
		"packages/dcos-image/dcos-image--aaaa.tar.xz",
		"packages/mesos/mesos--bbbb.tar.xz",
		"bootstrap/" + testBootstrap + ".active.json",
		upgrade,
		"cluster-package-info.json",
		"dcos_install.sh",
		"bootstrap.latest",
		"cluster-package-list.latest",
	}; !slices.Equal(names, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	for name, start := range map[string]string{
		"bootstrap.latest":                     testBootstrap,
		"cluster-package-list.latest":          "abcd",
		"package_lists/abcd.package_list.json": `["dcos-config--setup_1", "dcos-image--aaaa", "mesos--bbbb"]`,
		"packages/mesos/mesos--bbbb.tar.xz":    strings.Repeat("mesos", 700),
		"cluster-package-info.json": "{\n  \"dcos-config\":{\n    \"filename\":\"packages/dcos-config/dcos-config--setup_1.tar.xz\",\n" +
			"    \"id\":\"dcos-config--setup_1\"\n  },\n",
	} {
		if !strings.HasPrefix(content[name], start) {
			t.Errorf("%s: %.200q, want %q", name, content[name], start)
		}
	}
	b.PackageIDs = append(b.PackageIDs, "none--x")
	if _, err := b.ServeDirectory(t.Context()); err == nil || !strings.Contains(err.Error(), "none--x") {
		t.Errorf("got %v", err)
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
