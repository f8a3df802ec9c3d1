// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// squeeze compresses by a name of internal/release's compressions.
func squeeze(t testing.TB, by string, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	var err error
	switch by {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "xz":
		w, err = xz.NewWriter(&buf)
	case "zstd":
		w, err = zstd.NewWriter(&buf)
	}
	check(t, err)
	_, err = w.Write(content)
	check(t, errors.Join(err, w.Close()))
	return buf.Bytes()
}

// An ociLayout collects the parts of an OCI image.
type ociLayout struct {
	t     testing.TB
	files files
}

func newLayout(t testing.TB) *ociLayout {
	return &ociLayout{t, files{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}}
}

func (o *ociLayout) blob(content []byte) string {
	o.files["blobs/sha256/"+sum(content)] = string(content)
	return "sha256:" + sum(content)
}

// image adds an image, whose layers may be compressed, and returns the digest of its manifest.
func (o *ociLayout) image(by string, layers ...files) string {
	var ids []string
	var descriptors []any
	for _, l := range layers {
		content := l.tar(o.t)
		ids = append(ids, "sha256:"+sum(content))
		if by != "" {
			content = squeeze(o.t, by, content)
		}
		descriptors = append(descriptors, map[string]string{"digest": o.blob(content)})
	}
	config := o.blob([]byte(mustJSON(o.t, map[string]any{"rootfs": map[string]any{"diff_ids": ids}})))
	return o.blob([]byte(mustJSON(o.t, map[string]any{"config": map[string]string{"digest": config}, "layers": descriptors})))
}

// entry is what an index says of a manifest. platform is "os/architecture" or empty.
func entry(digest, platform string) map[string]any {
	e := map[string]any{"digest": digest}
	if system, arch, ok := strings.Cut(platform, "/"); ok {
		e["platform"] = map[string]string{"os": system, "architecture": arch}
	}
	return e
}

// index ends the layout with an index of these entries.
func (o *ociLayout) index(entries ...map[string]any) files {
	return o.files.with(files{"index.json": mustJSON(o.t, map[string]any{"manifests": entries})})
}

// oci is a layout with one image.
func oci(t testing.TB, by string) files {
	o := newLayout(t)
	return o.index(entry(o.image(by, layered()...), ""))
}

// untar is a tar's tree again.
func untar(t testing.TB, save func(testing.TB, ...files) []byte) string {
	t.Helper()
	return savedFiles(t, save(t, layered()...)).writeDir(t)
}

// severalImages is what docker buildx exports: attestations, and images for other platforms, around the right one.
func severalImages(t testing.TB) files {
	o := newLayout(t)
	other := layered()
	other[0] = files{"installer_internal_wrapper": "another's"}
	attest := o.image("", files{"in-toto": "{}"})
	byAnnotation := entry(attest, "")
	byAnnotation["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	inner := o.blob([]byte(mustJSON(t, map[string]any{"manifests": []any{
		entry(attest, "unknown/unknown"), byAnnotation, entry(o.image("", other[0]), "linux/arm64"),
		entry(o.image("", layered()...), "linux/amd64"), entry("sha256:"+strings.Repeat("1", 64), "windows/amd64"),
	}})))
	return o.index(entry(inner, ""))
}

// Whatever an image was saved as, it is the release.
func TestSavedAgain(t *testing.T) {
	t.Parallel()
	save := dockerSave(t, layered()...)
	attested := newLayout(t)
	one := attested.image("zstd", layered()...)
	onlyOne := attested.index(entry(attested.image("", files{"a": "b"}), "unknown/unknown"), entry(one, "linux/arm64"))
	twoNames := newLayout(t)
	both := twoNames.image("", layered()...)
	several := severalImages(t)
	list := func(names ...string) string {
		var images []any
		for _, n := range names {
			images = append(images, map[string]any{"Config": n, "Layers": []string{n}})
		}
		return mustJSON(t, images)
	}
	bundle := files{"config.json": "{}", "umoci.json": "{}"}
	for name, content := range smallRelease() {
		bundle["rootfs/"+name] = content
	}
	for name, path := range map[string]string{
		"image alone":                         write(t, save),
		"image alone, oci":                    write(t, oci(t, "").tar(t)),
		"image alone, oci, gzip":              write(t, oci(t, "gzip").tar(t)),
		"image alone, oci, zstd":              write(t, oci(t, "zstd").tar(t)),
		"image alone, oci, xz":                write(t, oci(t, "xz").tar(t)),
		"script, oci, zstd":                   write(t, script(t, oci(t, "zstd").tar(t))),
		"script, several images":              write(t, script(t, several.tar(t))),
		"image compressed, gzip":              write(t, squeeze(t, "gzip", save)),
		"image compressed, xz":                write(t, squeeze(t, "xz", save)),
		"image compressed, zstd":              write(t, squeeze(t, "zstd", save)),
		"image compressed, with zstd layers":  write(t, squeeze(t, "gzip", oci(t, "zstd").tar(t))),
		"script compressed":                   write(t, squeeze(t, "xz", script(t, save))),
		"directory, oci":                      oci(t, "").writeDir(t),
		"directory, oci, zstd":                oci(t, "zstd").writeDir(t),
		"directory, what docker saved":        untar(t, dockerSave),
		"directory, several images":           several.writeDir(t),
		"directory, several in manifest.json": several.with(files{"manifest.json": list("a", "b")}).writeDir(t),
		"directory, attested":                 onlyOne.writeDir(t),
		"directory, two names for it":         twoNames.index(entry(both, ""), entry(both, "")).writeDir(t),
		"directory, umoci":                    bundle.writeDir(t),
		"directory, umoci's rootfs":           filepath.Join(bundle.writeDir(t), "rootfs"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := t.TempDir()
			for range 2 { // by what is kept the second time
				looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			}
			text, err := os.ReadFile(path)
			if err != nil {
				refused(t, path, release.Options{CacheDirectory: cache, SHA256: strings.Repeat("0", 64)}, release.Unsupported)
				return // a directory has no sum
			}
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache, SHA256: sum(text)}))
			refused(t, path, release.Options{CacheDirectory: cache, SHA256: strings.Repeat("0", 64)}, release.Altered)
		})
	}
}

// What cannot be opened says how it could be.
func TestSavedRefused(t *testing.T) {
	t.Parallel()
	save := dockerSave(t, layered()...)
	arm := newLayout(t)
	for _, platform := range []string{"linux/arm64", "linux/s390x"} {
		arm.files[platform] = arm.image("", files{platform: ""}, smallRelease())
	}
	far := squeezeFar(t, save)
	missing := oci(t, "")
	for name := range missing {
		if strings.HasPrefix(name, "blobs/") && strings.Contains(missing[name], "dcos-image--aaaa") {
			delete(missing, name)
		}
	}
	cached := func() release.Options { return release.Options{CacheDirectory: t.TempDir()} }
	for name, c := range map[string]struct {
		path   string
		opts   release.Options
		reason release.Reason
		says   string
	}{
		"no image for the platform": {arm.index(entry(arm.files["linux/arm64"], "linux/arm64"), entry(arm.files["linux/s390x"], "linux/s390x")).
			writeDir(t), cached(), release.NotARelease, "not one for linux/amd64"},
		"skopeo's dir": {files{"manifest.json": `{"schemaVersion": 2}`, "version": ""}.writeDir(t), cached(), release.Unsupported,
			"docker-archive:"},
		"root file system":   {write(t, smallRelease().tar(t)), cached(), release.NotARelease, "unpack it"},
		"another tar":        {write(t, files{"a": "b"}.tar(t)), cached(), release.NotARelease, "no manifest.json"},
		"no cache":           {write(t, squeeze(t, "zstd", save)), release.Options{}, release.Unsupported, "unpack it first"},
		"no cache for zstd":  {oci(t, "zstd").writeDir(t), release.Options{}, release.Unsupported, "cache directory"},
		"zstd of far":        {write(t, far), cached(), release.Unsupported, "--long"},
		"a blob is missing":  {missing.writeDir(t), cached(), release.Altered, "is not in the image"},
		"cut short":          {write(t, save[:len(save)/2]), cached(), release.CutShort, "end before the end"},
		"cut short by a bit": {write(t, save[:len(save)-1024]), cached(), release.CutShort, "end before the end"},
		"gzip cut short":     {write(t, cut(squeeze(t, "gzip", save))), cached(), release.CutShort, "gzip ends too early"},
		"xz cut short":       {write(t, cut(squeeze(t, "xz", save))), cached(), release.CutShort, "xz ends too early"},
		"zstd cut short":     {write(t, cut(squeeze(t, "zstd", save))), cached(), release.CutShort, "zstd ends too early"},
		"gzip of something":  {write(t, squeeze(t, "gzip", []byte("hello"))), cached(), release.NotARelease, "it starts with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text := refused(t, c.path, c.opts, c.reason); !strings.Contains(text, c.says) {
				t.Errorf("%q does not say %q", text, c.says)
			}
		})
	}
}

func cut(b []byte) []byte { return b[:len(b)/2] }

// squeezeFar is zstd that looks back farther than is held in memory.
func squeezeFar(t testing.TB, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(256<<20), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	check(t, err)
	_, err = w.Write(content[:512])
	check(t, errors.Join(err, w.Flush())) // so that the size is not known at the start, and the window is written
	_, err = w.Write(content[512:])
	check(t, errors.Join(err, w.Close()))
	return buf.Bytes()
}

// A directory's links do not lead out of it, and what is written to while it is
// open gives no mixture.
func TestFileSetIsClosed(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "layer.tar")
	check(t, os.WriteFile(outside, smallRelease().tar(t), 0o600))
	up := strings.Repeat("../", 40)
	for _, target := range []string{outside, up + outside[1:]} {
		dir := files{"manifest.json": `[{"Layers": ["a/layer.tar"]}]`, "a/layer.tar": "-> " + target}.writeDir(t)
		refused(t, dir, release.Options{}, release.Altered)
	}
	for _, name := range []string{outside, up + outside[1:]} {
		refused(t, files{"manifest.json": mustJSON(t, []any{map[string]any{"Layers": []string{name}}})}.writeDir(t),
			release.Options{}, release.Altered)
	}
	inside := files{"manifest.json": `[{"Layers": ["a/layer.tar"]}]`, "a/layer.tar": "-> ../b/layer.tar",
		"b/layer.tar": string(smallRelease().tar(t))}
	dir, cache := inside.writeDir(t), t.TempDir()
	r := open(t, dir, release.Options{CacheDirectory: cache})
	looksWhole(t, r)
	altered := bytes.ReplaceAll([]byte(inside["b/layer.tar"]), []byte("2.2.1"), []byte("2.2.0"))
	check(t, os.WriteFile(filepath.Join(dir, "b/layer.tar"), append(altered, zeros[:512]...), 0o600))
	if _, err := r.Template("dcos-config.yaml"); err == nil {
		t.Error("a changed file was read")
	}
	if v := open(t, dir, release.Options{CacheDirectory: cache}).Version(); v != "2.2.0" {
		t.Errorf("what was kept of the directory was used: %s", v)
	}
}

// A compressed file is unpacked once, once more when it is another, and anew for a
// sum; of those before nothing stays.
func TestUnpackedIsKept(t *testing.T) {
	t.Parallel()
	content := squeeze(t, "gzip", dockerSave(t, layered()...))
	path, cache := write(t, content), t.TempDir()
	opts := release.Options{CacheDirectory: cache}
	kept := func() []string {
		paths, err := filepath.Glob(filepath.Join(cache, "releases", "unpacked", "*"))
		check(t, err)
		if len(paths) != 1 {
			t.Fatalf("kept are %q", paths)
		}
		return paths
	}
	looksWhole(t, open(t, path, opts))
	first := kept()
	before := inodes(t, first)
	looksWhole(t, open(t, path, opts))
	if !slices.EqualFunc(before, inodes(t, kept()), os.SameFile) {
		t.Error("it was unpacked again")
	}
	text, err := os.ReadFile(first[0])
	check(t, err)
	check(t, os.WriteFile(first[0], bytes.ReplaceAll(text, []byte("2.2.1"), []byte("2.2.0")), 0o600))
	refused(t, path, opts, release.Altered)
	looksWhole(t, open(t, path, release.Options{CacheDirectory: cache, SHA256: sum(content)}))
	check(t, os.WriteFile(path, squeeze(t, "xz", dockerSave(t, layered()...)), 0o600))
	looksWhole(t, open(t, path, opts))
	if now := kept(); now[0] == first[0] {
		t.Error("what the file was before is kept")
	}
}
