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
	"strings"
	"testing"
	"time"

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

// A release that was opened once is opened again by its index alone: here the
// headers are gone.
func TestIndexIsUsed(t *testing.T) {
	t.Parallel()
	content := script(t, dockerSave(t, layered()...))
	path, cache := write(t, content), t.TempDir()
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
	fi, err := os.Stat(path)
	check(t, err)
	ruined := bytes.ReplaceAll(content, []byte("manifest.json"), []byte("MANIFEST.JSON"))
	check(t, os.WriteFile(path, ruined, 0o755))
	check(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
	refused(t, path, release.Options{}, release.Altered)

	// A file that changed is read anew, and so is one whose index is damaged.
	check(t, os.Chtimes(path, time.Now(), fi.ModTime().Add(time.Second)))
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
			path, cache := write(t, script(t, f.with(blobs).tar(t))), t.TempDir()
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			if name == "oci, compressed" {
				refused(t, path, release.Options{}, release.Unsupported)
				check(t, os.RemoveAll(filepath.Join(cache, "releases", "layers")))
				looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			}
		})
	}
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
