// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// layered splits smallRelease into layers as the Dockerfile does, above a
// system that the release does not look at.
func layered() []files {
	layers := []files{
		{"etc/os-release": "ID=alpine\n", "bin/sh": "-> busybox", "bin/busybox": "x", "bin/ash": "=> bin/busybox"},
		{}, {}, {}, {}, {},
	}
	for name, content := range smallRelease() {
		switch {
		case strings.HasPrefix(name, "opt/"):
			layers[1][name] = content
		case strings.HasPrefix(name, "artifacts/packages/"):
			layers[4][name] = content
		case strings.HasSuffix(name, ".bootstrap.tar.xz"):
			layers[3][name] = content
		case strings.HasPrefix(name, "artifacts/"):
			layers[5][name] = content
		default:
			layers[2][name] = content
		}
	}
	return layers
}

func TestScript(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	path, cache := write(t, content), t.TempDir()
	for _, opts := range []release.Options{
		{},
		{CacheDirectory: cache},
		{CacheDirectory: cache}, // by the index
		{CacheDirectory: cache, SHA256: sum(content)},
		{CacheDirectory: cache, SHA256: strings.ToUpper(sum(content))},
	} {
		looksWhole(t, open(t, path, opts))
	}
	refused(t, path, release.Options{CacheDirectory: cache, SHA256: strings.Repeat("0", 64)}, release.Altered)
	refused(t, path, release.Options{SHA256: strings.Repeat("0", 64)}, release.Altered)
	refused(t, path, release.Options{SHA256: "none"}, release.Altered)
	if a, b := open(t, path, release.Options{}).Digest(), open(t, smallRelease().writeDir(t), release.Options{}).Digest(); a != b {
		t.Errorf("the script has the digest %s, the same as a directory %s", a, b)
	}
}

// planted gives the index in a cache directory another name for an artifact, as
// one would who can write there.
func planted(t *testing.T, cache string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(cache, "releases", "index", "*.json"))
	check(t, err)
	if len(paths) != 1 {
		t.Fatalf("the indexes are %q", paths)
	}
	text, err := os.ReadFile(paths[0])
	check(t, err)
	_, body, _ := bytes.Cut(text, []byte("\n"))
	other := bytes.Replace(body, []byte("mesos--bbbb"), []byte("mesos--cccc"), 1)
	if bytes.Equal(body, other) {
		t.Fatal("the artifact is not in the index")
	}
	check(t, os.WriteFile(paths[0], append([]byte(sum(other)+"\n"), other...), 0o600))
}

// A release that was opened once is opened again by its index alone, unless its
// sha256 is expected: then nothing counts but its bytes.
func TestIndexIsUsed(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	path, cache := write(t, content), t.TempDir()
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
	planted(t, cache)
	if _, err := open(t, path, release.Options{CacheDirectory: cache}).Artifact("packages/mesos/mesos--cccc.tar.xz"); err != nil {
		t.Errorf("the index was not used: %v", err)
	}
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache, SHA256: sum(content)}))

	fi, err := os.Stat(path)
	check(t, err)
	// A file that changed is read anew, whatever its time says, and so is one whose index is damaged.
	check(t, os.WriteFile(path, bytes.ReplaceAll(content, []byte("manifest.json"), []byte("MANIFEST.JSON")), 0o755))
	check(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
	refused(t, path, release.Options{CacheDirectory: cache}, release.Altered)
	check(t, os.WriteFile(path, content, 0o755))
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
	check(t, filepath.WalkDir(cache, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			text, err := os.ReadFile(p)
			check(t, err)
			text[len(text)/2] ^= 1
			check(t, os.WriteFile(p, text, 0o644))
		}
		return err
	}))
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
}

// A sha256 is that of the bytes which are used, each time that a release is
// opened, and not of what was there when it was noted.
func TestPinIsOfTheBytes(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	altered := bytes.ReplaceAll(content, []byte("mesosmesos"), []byte("mesosMesos"))
	path, cache := write(t, content), t.TempDir()
	opts := release.Options{CacheDirectory: cache, SHA256: sum(content)}
	looksWhole(t, open(t, path, opts))
	fi, err := os.Stat(path)
	check(t, err)
	check(t, os.WriteFile(path, altered, 0o755))
	check(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
	if text := refused(t, path, opts, release.Altered); !strings.Contains(text, sum(altered)) {
		t.Errorf("the error does not name the digest: %s", text)
	}
	check(t, os.WriteFile(path, content, 0o755))
	check(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
	looksWhole(t, open(t, path, opts))
}

// A cache directory that cannot be used costs time, nothing else.
func TestUnusableCache(t *testing.T) {
	t.Parallel()
	cache := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(cache, nil, 0o644))
	looksWhole(t, open(t, write(t, script(t, dockerSave(t, layered()...))), release.Options{CacheDirectory: cache}))
	looksWhole(t, open(t, smallRelease().writeDir(t), release.Options{CacheDirectory: cache}))
}

// Upper layers change what lower ones have.
func TestLayers(t *testing.T) {
	t.Parallel()
	const calc = genDir + "calc.py"
	old := smallRelease().with(files{
		calc:                               "DCOS_VERSION = '1.0.0'\n",
		"gen_extra/calc.py":                "import gone\n",
		"gen_extra/dcos-config.yaml":       "gone",
		"artifacts/packages/mesos/old":     "gone",
		"artifacts/packages/other/old":     "gone",
		"artifacts/complete/old":           "gone",
		"artifacts/complete/becomes-a-dir": "gone",
	}).without("artifacts/packages/mesos/mesos--bbbb.tar.xz")
	r := open(t, write(t, script(t, dockerSave(t, old,
		files{
			".wh.gen_extra":                               "",
			"artifacts/packages/mesos/.wh..wh..opq":       "",
			"artifacts/packages/mesos/mesos--bbbb.tar.xz": smallRelease()["artifacts/packages/mesos/mesos--bbbb.tar.xz"],
			calc:                                   smallRelease()[calc],
			"artifacts/complete/.wh.old":           "",
			"artifacts/complete/becomes-a-dir":     "/",
			"artifacts/complete/becomes-a-dir/new": "there",
			"artifacts/packages/mesos/hard":        "=> artifacts/packages/mesos/mesos--bbbb.tar.xz",
		},
		files{"artifacts/packages/other": "-> mesos", "gen_extra/back": "there"},
	))), release.Options{})
	looksWhole(t, r)
	for name, want := range map[string]int64{
		"packages/mesos/old":         -1,
		"packages/other/old":         -1,
		"packages/other/hard":        3500,
		"packages/mesos/hard":        3500,
		"complete/old":               -1,
		"complete/becomes-a-dir":     -1,
		"complete/becomes-a-dir/new": 5,
	} {
		a, err := r.Artifact(name)
		switch {
		case err != nil && want >= 0:
			t.Error(err)
		case err == nil && a.Size != want:
			t.Errorf("%s: size %d, want %d", name, a.Size, want)
		case err == nil:
			if s, err := a.SHA256(t.Context()); err != nil || len(s) != 64 {
				t.Errorf("%s: sha256 %q, %v", name, s, err)
			}
		}
	}
	if _, found, err := r.ExtraTemplate("back"); !found || err != nil {
		t.Errorf("gen_extra/back: found %v, %v", found, err)
	}
}

// The layouts that docker save has had since, and skopeo's.
func TestOtherLayouts(t *testing.T) {
	t.Parallel()
	blobs := files{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}
	blob := func(content []byte) string {
		blobs["blobs/sha256/"+sum(content)] = string(content)
		return "sha256:" + sum(content)
	}
	var diffIDs, paths []string
	var descriptors, zipped []any
	for _, layer := range layered() {
		content := layer.tar(t)
		id := blob(content)
		diffIDs = append(diffIDs, id)
		paths = append(paths, "blobs/sha256/"+id[7:])
		descriptors = append(descriptors, map[string]string{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": id})
		var gz bytes.Buffer
		w := gzip.NewWriter(&gz)
		_, err := w.Write(content)
		check(t, errors.Join(err, w.Close()))
		zipped = append(zipped, map[string]string{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": blob(gz.Bytes())})
	}
	config := blob([]byte(mustJSON(t, map[string]any{"rootfs": map[string]any{"diff_ids": diffIDs}})))
	oci := func(layers []any) files {
		manifest := blob([]byte(mustJSON(t, map[string]any{"config": map[string]string{"digest": config}, "layers": layers})))
		inner := blob([]byte(mustJSON(t, map[string]any{"manifests": []any{map[string]string{"digest": manifest}}})))
		return files{"index.json": mustJSON(t, map[string]any{"manifests": []any{map[string]string{"digest": inner}}})}
	}
	plain, compressed := oci(descriptors), oci(zipped)
	docker25 := plain.with(files{"manifest.json": mustJSON(t, []any{map[string]any{"Config": "blobs/sha256/" + config[7:], "Layers": paths}})})
	linked := files{"a/layer.tar": string(smallRelease().tar(t)), "b/layer.tar": "-> ../a/layer.tar",
		"manifest.json": mustJSON(t, []any{map[string]any{"Layers": []string{"b/layer.tar"}}})}
	for name, f := range map[string]files{"docker 25": docker25, "oci": plain, "oci, compressed": compressed, "linked layer": linked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := script(t, f.with(blobs).tar(t))
			path, cache := write(t, content), t.TempDir()
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			if name == "oci, compressed" {
				// Unpacked layers are used again if they are what the image says.
				layers, err := filepath.Glob(filepath.Join(cache, "releases", "layers", "*.tar"))
				check(t, err)
				if len(layers) == 0 {
					t.Error("no layer was unpacked")
				}
				pinned := release.Options{CacheDirectory: cache, SHA256: sum(content)}
				before := inodes(t, layers)
				looksWhole(t, open(t, path, pinned))
				if now := inodes(t, layers); !slices.EqualFunc(now, before, os.SameFile) {
					t.Error("layers were unpacked again")
				}
				for _, l := range layers {
					text, err := os.ReadFile(l)
					check(t, err)
					check(t, os.WriteFile(l, bytes.ReplaceAll(text, []byte("mesosmesos"), []byte("mesosMesos")), 0o600))
				}
				looksWhole(t, open(t, path, pinned))
				refused(t, path, release.Options{}, release.Unsupported)
				check(t, os.RemoveAll(filepath.Join(cache, "releases", "layers")))
				looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			}
		})
	}
}

// inodes are files as they are now.
func inodes(t *testing.T, paths []string) []os.FileInfo {
	t.Helper()
	found := make([]os.FileInfo, len(paths))
	for i, p := range paths {
		fi, err := os.Stat(p)
		check(t, err)
		found[i] = fi
	}
	return found
}

// However much of the end is missing, it is noticed, and called that.
func TestCutShort(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	mark := bytes.Index(content, []byte("#EOF#\n"))
	for _, n := range []int{0, 100, mark, mark + 6, mark + 100, mark + 6 + 512, mark + 4000, len(content) / 2, len(content) - 2000,
		len(content) - 1025, len(content) - 1} {
		refused(t, write(t, content[:n]), release.Options{SHA256: strings.Repeat("1", 64)}, release.CutShort)
	}
}

func TestAltered(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	for name, at := range map[string]int{
		"template":       bytes.Index(content, []byte("# dcos-config.yaml\n")),
		"layer's header": bytes.Index(content, []byte("installer_internal_wrapper")),
		"image's header": bytes.Index(content, []byte("manifest.json")),
	} {
		altered := bytes.Clone(content)
		altered[at] ^= 0x20
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, write(t, altered), release.Options{CacheDirectory: t.TempDir()}, release.Altered)
			if text := refused(t, write(t, altered), release.Options{SHA256: sum(content)}, release.Altered); !strings.Contains(text, sum(content)) {
				t.Errorf("the error does not name the digests: %s", text)
			}
		})
	}

	// What is altered in an artifact is found when its digest is asked for.
	altered := bytes.Replace(content, []byte("mesosmesos"), []byte("mesosMesos"), 1)
	r := open(t, write(t, altered), release.Options{CacheDirectory: t.TempDir()})
	a, err := r.Artifact("packages/mesos/mesos--bbbb.tar.xz")
	check(t, err)
	var re *release.Error
	if sum, err := a.SHA256(t.Context()); !errors.As(err, &re) || re.Reason != release.Altered || re.Source == "" {
		t.Errorf("the altered artifact has the digest %s, %v", sum, err)
	}
}

// A file that is written to while it is open must not give a mixture.
func TestWrittenWhileOpen(t *testing.T) {
	t.Parallel()
	path := write(t, script(t, dockerSave(t, layered()...)))
	r := open(t, path, release.Options{})
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	check(t, err)
	_, err = f.WriteString("more")
	check(t, errors.Join(err, f.Close()))
	if _, err := r.Template("dcos-config.yaml"); err == nil {
		t.Error("a changed file was read")
	}
}

func TestNotARelease(t *testing.T) {
	t.Parallel()
	noManifest := smallRelease().tar(t)
	for name, content := range map[string][]byte{
		"a web page":         []byte("<!DOCTYPE html>\n"),
		"another script":     []byte("#!/bin/sh\necho hello\n"),
		"another archive":    append([]byte("#!/bin/sh\n#EOF#\n"), files{"a.txt": "b"}.tar(t)...),
		"no image in it":     script(t, noManifest),
		"an image of others": script(t, dockerSave(t, files{"etc/passwd": ""})),
		"an empty image":     script(t, dockerSave(t)),
		"long lines":         append([]byte("#!"), bytes.Repeat([]byte("a"), 3<<20)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, write(t, content), release.Options{}, release.NotARelease)
		})
	}
	if _, err := release.Open(t.Context(), os.DevNull, release.Options{}); err == nil {
		t.Error("a device was opened")
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := open(t, write(t, script(t, dockerSave(t, layered()...))), release.Options{})
	a, err := r.Artifact("packages/mesos/mesos--bbbb.tar.xz")
	check(t, err)
	cancel()
	if _, err := a.SHA256(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := a.SHA256(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := release.Open(ctx, r.Source(), release.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
