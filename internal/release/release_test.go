// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// looksWhole checks that everything of smallRelease can be had.
func looksWhole(t *testing.T, r *release.Release) {
	t.Helper()
	if r.Version() != "2.2.1" || r.Commit() != commit || r.BootstrapID() != bootstrapID || r.Variant() != "" {
		t.Errorf("facts: version %q, commit %q, bootstrap %q, variant %q", r.Version(), r.Commit(), r.BootstrapID(), r.Variant())
	}
	if want := []string{"dcos-image--aaaa", "mesos--bbbb"}; !slices.Equal(r.Packages(), want) {
		t.Errorf("packages %q, want %q", r.Packages(), want)
	}
	for _, name := range []string{"dcos-config.yaml", "dcos-services.yaml"} {
		if text, err := r.Template(name); err != nil || string(text) != "# "+name+"\n" {
			t.Errorf("template %s: %q, %v", name, text, err)
		}
	}
	if text, err := r.Template("ip-detect/aws.sh"); err != nil || string(text) != "#!/bin/sh\n" {
		t.Errorf("template ip-detect/aws.sh: %q, %v", text, err)
	}
	if _, found, err := r.ExtraTemplate("dcos-config.yaml"); found || err != nil {
		t.Errorf("gen_extra: found %v, %v", found, err)
	}
	for _, name := range []string{
		"bootstrap/" + bootstrapID + ".bootstrap.tar.xz",
		"packages/mesos/mesos--bbbb.tar.xz",
		"packages/dcos-image/dcos-image--aaaa.tar.xz",
	} {
		want := smallRelease()["artifacts/"+name]
		a, err := r.Artifact(name)
		if err != nil {
			t.Error(err)
			continue
		}
		f, err := a.Open()
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := io.ReadAll(f)
		if err != nil || string(got) != want || a.Size != int64(len(want)) {
			t.Errorf("%s: %d bytes (size %d), want %d: %v", name, len(got), a.Size, len(want), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got, err := a.SHA256(t.Context()); err != nil || got != sum([]byte(want)) {
			t.Errorf("%s: sha256 %s, %v", name, got, err)
		}
	}
}

func open(t *testing.T, source string, opts release.Options) *release.Release {
	t.Helper()
	r, err := release.Open(t.Context(), source, opts)
	check(t, err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// refused opens a source, which must be refused for the reason, and gives what
// the error says.
func refused(t *testing.T, source string, opts release.Options, reason release.Reason) string {
	t.Helper()
	r, err := release.Open(t.Context(), source, opts)
	if err == nil {
		t.Errorf("%s was opened, want it refused as %q", source, reason)
		check(t, r.Close())
		return ""
	}
	var re *release.Error
	if !errors.As(err, &re) || re.Reason != reason {
		t.Errorf("got %v, want %q", err, reason)
	}
	return err.Error()
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	looksWhole(t, open(t, smallRelease().writeDir(t), release.Options{CacheDirectory: t.TempDir()}))
	looksWhole(t, open(t, smallRelease().writeDir(t), release.Options{}))
}

// The ways in which a release may say the same.
func TestPlaces(t *testing.T) {
	t.Parallel()
	moved := files{}
	const links = "opt/mesosphere/lib/python3.5/site-packages/gen/"
	for name, content := range smallRelease() {
		if rest, ok := strings.CutPrefix(name, genDir); ok {
			moved["opt/mesosphere/packages/other--x/gen/"+rest] = content
			moved[links+rest] = "-> ../../../../packages/other--x/gen/" + rest
			if strings.Contains(rest, "/") {
				moved[links+rest] = "-> ../" + moved[links+rest][3:]
			}
		} else if !strings.Contains(name, "python3.6/site-packages") {
			moved[name] = content
		}
	}
	calc := func(text string) files { return smallRelease().with(files{genDir + "calc.py": text}) }
	for name, f := range map[string]files{
		"through links in lib": moved,
		"version up to 1.11":   calc("entry = {'must': {\n        'dcos_version': '2.2.1',\n}}\n"),
		"double quotes":        calc(`entry = {"must": {"dcos_version" : "2.2.1"}}`),
		"constant alone":       calc(`DCOS_VERSION = "2.2.1"` + "\n"),
		"typed constant":       calc("V: str = '2.2.1'\nentry = {'must': {'dcos_version': V}}\n"),
		"version file": smallRelease().without(genDir +
			"calc.py").with(files{"opt/mesosphere/etc/dcos-version.json": `{"version": "2.2.1"}`}),
		"bootstrap id elsewhere": smallRelease().with(files{"installer_internal_wrapper": "export DCOS_IMAGE_COMMIT='" + commit + "'\n"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, f.writeDir(t), release.Options{})
			if r.Version() != "2.2.1" || r.Commit() != commit || r.BootstrapID() != bootstrapID {
				t.Errorf("version %q, commit %q, bootstrap %q", r.Version(), r.Commit(), r.BootstrapID())
			}
			if text, err := r.Template("ip-detect/aws.sh"); err != nil || string(text) != "#!/bin/sh\n" {
				t.Errorf("template: %q, %v", text, err)
			}
		})
	}
}

func TestDirectoryRefused(t *testing.T) {
	t.Parallel()
	refused(t, filepath.Join(t.TempDir(), "none"), release.Options{}, release.NotFound)
	refused(t, t.TempDir(), release.Options{}, release.NotARelease)
	refused(t, smallRelease().writeDir(t), release.Options{SHA256: strings.Repeat("0", 64)}, release.Unsupported)
	refused(t, smallRelease().without("artifacts/complete/complete.latest.json").writeDir(t), release.Options{}, release.Incomplete)
	refused(t, smallRelease().without("installer_internal_wrapper").writeDir(t), release.Options{}, release.Incomplete)
	refused(t, smallRelease().without(genDir+"dcos-config.yaml").writeDir(t), release.Options{}, release.Incomplete)
	refused(t, smallRelease().without(genDir+"calc.py").writeDir(t), release.Options{}, release.Incomplete)
	refused(t, smallRelease().with(files{"artifacts/complete/complete.latest.json": `{"packages": ["../../x"]}`}).writeDir(t),
		release.Options{}, release.Altered)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "dcos_generate_config.sh"), nil, 0o644))
	if text := refused(t, dir, release.Options{}, release.NotARelease); !strings.Contains(text, "name that file") {
		t.Errorf("no hint in %q", text)
	}
}

func TestEnterprise(t *testing.T) {
	t.Parallel()
	for text, refuse := range map[string]bool{
		"entry = {'must': {'a': 'b'}, # lambda\n 'default': {'c': '''def f(): import x'''}}\n": false,
		"":                                       false,
		"import gen.calc\nentry = {}\n":          true,
		"entry = {'must': {'a': lambda b: b}}\n": true,
		"def f(x):\n    return x\nentry = {'must': {'a': f}}": true,
		"entry = dict(must={})":                               true,
	} {
		dir := smallRelease().with(files{"gen_extra/calc.py": text}).writeDir(t)
		if refuse {
			refused(t, dir, release.Options{}, release.Enterprise)
		} else {
			open(t, dir, release.Options{})
		}
	}
	ee := strings.ReplaceAll(smallRelease()["installer_internal_wrapper"], "VARIANT=", "VARIANT=ee")
	f := smallRelease().with(files{
		"installer_internal_wrapper":                 ee,
		"artifacts/complete/ee.complete.latest.json": smallRelease()["artifacts/complete/complete.latest.json"],
	})
	refused(t, f.writeDir(t), release.Options{}, release.Enterprise)
}

// Links of a directory are those of a root file system, and never lead out.
func TestDirectoryLinks(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	check(t, os.WriteFile(outside, []byte("secret"), 0o600))
	up := strings.Repeat("../", 40)
	r := open(t, smallRelease().with(files{
		"artifacts/packages/a/abs":    "-> " + outside,
		"artifacts/packages/a/up":     "-> " + up + outside[1:],
		"artifacts/packages/a/loop":   "-> loop",
		"artifacts/packages/a/inside": "-> /" + up + "artifacts/packages/mesos/mesos--bbbb.tar.xz",
		"artifacts/packages/b":        "-> /artifacts/packages/mesos",
	}).writeDir(t), release.Options{})
	for _, name := range []string{"packages/a/abs", "packages/a/up", "packages/a/loop", "packages/none", "../installer_internal_wrapper"} {
		if a, err := r.Artifact(name); err == nil {
			t.Errorf("%s was found: %d bytes", name, a.Size)
		}
	}
	for _, name := range []string{"packages/a/inside", "packages/b/mesos--bbbb.tar.xz"} {
		if a, err := r.Artifact(name); err != nil || a.Size != 3500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	digest := func(f files) string { return open(t, f.writeDir(t), release.Options{}).Digest() }
	base := digest(smallRelease())
	if again := digest(smallRelease()); again != base {
		t.Errorf("the same release has digests %s and %s", base, again)
	}
	for name, f := range map[string]files{
		"template":  smallRelease().with(files{genDir + "cloud-config.yaml": "x"}),
		"gen_extra": smallRelease().with(files{"gen_extra/dcos-config.yaml": "x"}),
		"version":   smallRelease().with(files{genDir + "calc.py": "DCOS_VERSION = '2.2.2'\n"}),
	} {
		if digest(f) == base {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

// A directory's digests are kept, and worked out again when a file changes.
func TestDirectorySums(t *testing.T) {
	t.Parallel()
	dir, cache := smallRelease().writeDir(t), t.TempDir()
	looksWhole(t, open(t, dir, release.Options{CacheDirectory: cache}))
	const name = "packages/mesos/mesos--bbbb.tar.xz"
	check(t, os.WriteFile(filepath.Join(dir, "artifacts", name), []byte("another"), 0o644))
	for range 2 {
		a, err := open(t, dir, release.Options{CacheDirectory: cache}).Artifact(name)
		check(t, err)
		if got, err := a.SHA256(t.Context()); err != nil || got != sum([]byte("another")) {
			t.Errorf("sha256 of the changed file: %s, %v", got, err)
		}
	}
}
