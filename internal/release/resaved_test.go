// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// An ociLayout is an OCI image layout that grows.
type ociLayout struct {
	t     *testing.T
	files files
}

func newLayout(t *testing.T) *ociLayout {
	t.Helper()
	return &ociLayout{t, files{"oci-layout": `{"imageLayoutVersion":"1.0.0"}`}}
}

// blob puts in a blob, and gives its descriptor.
func (o *ociLayout) blob(kind string, content []byte) map[string]any {
	o.files["blobs/sha256/"+sum(content)] = string(content)
	return map[string]any{"mediaType": kind, "digest": "sha256:" + sum(content), "size": len(content)}
}

// image puts in an image of layers, each packed by pack, and gives its descriptor.
func (o *ociLayout) image(layers []files, pack func([]byte) []byte) map[string]any {
	o.t.Helper()
	var diffIDs []string
	var descriptors []any
	for _, layer := range layers {
		content := layer.tar(o.t)
		diffIDs = append(diffIDs, "sha256:"+sum(content))
		descriptors = append(descriptors, o.blob("application/vnd.oci.image.layer.v1.tar", pack(content)))
	}
	config := o.blob("application/vnd.oci.image.config.v1+json",
		[]byte(mustJSON(o.t, map[string]any{"rootfs": map[string]any{"diff_ids": diffIDs}})))
	return o.blob("application/vnd.oci.image.manifest.v1+json",
		[]byte(mustJSON(o.t, map[string]any{"config": config, "layers": descriptors})))
}

// index writes the index, and gives all files.
func (o *ociLayout) index(manifests ...any) files {
	o.t.Helper()
	return o.files.with(files{"index.json": mustJSON(o.t, map[string]any{"manifests": manifests})})
}

func on(image map[string]any, os, architecture string) map[string]any {
	image["platform"] = map[string]string{"os": os, "architecture": architecture}
	return image
}

func asIs(content []byte) []byte { return content }

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(content)
	check(t, errors.Join(err, w.Close()))
	return packed.Bytes()
}

func zstandard(t *testing.T, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	check(t, err)
	return w.EncodeAll(content, nil)
}

// TestImageAlone opens the image by itself, as docker save and skopeo's docker-archive
// write it, and says of one that is cut short or compressed what it is.
func TestImageAlone(t *testing.T) {
	t.Parallel()
	image := dockerSave(t, layered()...)
	path, cache := write(t, image), t.TempDir()
	for _, opts := range []release.Options{{}, {CacheDirectory: cache}, {CacheDirectory: cache}, {CacheDirectory: cache, SHA256: sum(image)}} {
		looksWhole(t, open(t, path, opts))
	}
	refused(t, path, release.Options{SHA256: strings.Repeat("0", 64)}, release.Altered)
	for _, n := range []int{len(image) / 2, len(image) - 2000, len(image) - 1024, len(image) - 1} {
		refused(t, write(t, image[:n]), release.Options{CacheDirectory: cache, SHA256: strings.Repeat("1", 64)}, release.CutShort)
	}
	for want, packed := range map[string][]byte{
		"gzip -dc": zipped(t, image), "zstd -d": zstandard(t, image), "xz -dc": []byte("\xfd7zXZ\x00..."), "bzip2 -dc": []byte("BZh9..."),
	} {
		if text := refused(t, write(t, packed), release.Options{CacheDirectory: cache}, release.Unsupported); !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	refused(t, write(t, files{"a": "b"}.tar(t)), release.Options{}, release.NotARelease)
}

// TestIndexOfImages picks DC/OS's platform among the images of an index.
func TestIndexOfImages(t *testing.T) {
	t.Parallel()
	other := []files{{"etc/os-release": "ID=other\n"}}
	attested := func(o *ociLayout) map[string]any {
		d := on(o.image(other, asIs), "unknown", "unknown")
		d["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
		return d
	}
	for name, c := range map[string]struct {
		make func(o *ociLayout) files
		want release.Reason
	}{
		"the second is ours": {func(o *ociLayout) files {
			return o.index(on(o.image(other, asIs), "linux", "arm64"), on(o.image(layered(), asIs), "linux", "amd64"))
		}, ""},
		"an attestation first": {func(o *ociLayout) files { return o.index(attested(o), o.image(layered(), asIs)) }, ""},
		"in an index of its own": {func(o *ociLayout) files {
			inner := o.blob("application/vnd.oci.image.index.v1+json", []byte(mustJSON(t, map[string]any{"manifests": []any{
				attested(o), on(o.image(layered(), asIs), "linux", "amd64"), on(o.image(other, asIs), "linux", "arm64")}})))
			return o.index(inner)
		}, ""},
		"another platform": {func(o *ociLayout) files { return o.index(on(o.image(layered(), asIs), "linux", "arm64")) }, release.NotARelease},
		"two of ours": {func(o *ociLayout) files {
			return o.index(on(o.image(other, asIs), "linux", "amd64"), on(o.image(layered(), asIs), "linux", "amd64"))
		}, release.NotARelease},
		"attestations alone": {func(o *ociLayout) files { return o.index(attested(o)) }, release.NotARelease},
		"an index of itself": {func(o *ociLayout) files {
			return o.files.with(files{"index.json": `{"manifests":[{"digest":"x:../../index.json"}]}`})
		}, release.NotARelease},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := c.make(newLayout(t)).tar(t)
			for _, path := range []string{write(t, all), write(t, script(t, all))} {
				if c.want == "" {
					looksWhole(t, open(t, path, release.Options{CacheDirectory: t.TempDir()}))
				} else {
					refused(t, path, release.Options{CacheDirectory: t.TempDir()}, c.want)
				}
			}
		})
	}
}

// TestPackedLayers opens images whose layers are packed with gzip or zstd, and refuses
// those that are damaged, are not what the image says, or ask for too much memory.
func TestPackedLayers(t *testing.T) {
	t.Parallel()
	pack := map[string]func([]byte) []byte{
		"gzip": func(b []byte) []byte { return zipped(t, b) },
		"zstd": func(b []byte) []byte { return zstandard(t, b) },
	}
	for name, packed := range pack {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, cache := newLayout(t), t.TempDir()
			path := write(t, o.index(o.image(layered(), packed)).tar(t))
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			looksWhole(t, open(t, path, release.Options{CacheDirectory: cache}))
			refused(t, path, release.Options{}, release.Unsupported) // nowhere to unpack them
			for what, spoil := range map[string]func([]byte) []byte{
				"cut short":    func(b []byte) []byte { return b[:len(b)*2/3] },
				"altered":      func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 0x55; return b },
				"another file": func([]byte) []byte { return packed(files{"a": "b"}.tar(t)) },
				"a window of two terabytes": func(b []byte) []byte {
					if name == "gzip" {
						return b[:4]
					}
					return append([]byte("\x28\xb5\x2f\xfd\x00\xf8"), b[6:]...)
				},
			} {
				o := newLayout(t)
				path := write(t, o.index(o.image(layered(), func(b []byte) []byte { return spoil(packed(b)) })).tar(t))
				if text := refused(t, path, release.Options{CacheDirectory: t.TempDir()}, release.Altered); !strings.Contains(text, "layer 1") &&
					!strings.Contains(text, "compressed layer") && !strings.Contains(text, "digest") {
					t.Errorf("%s: %s", what, text)
				}
			}
		})
	}
}

// TestImageDirectories says of the directories in which tools keep images how they are
// made to open; what umoci unpacks opens by itself.
func TestImageDirectories(t *testing.T) {
	t.Parallel()
	o := newLayout(t)
	layout := o.index(o.image(layered(), asIs))
	bundle := files{"config.json": "{}"}
	for name, content := range smallRelease() {
		bundle["rootfs/"+name] = content
	}
	unpacked := bundle.writeDir(t)
	for want, dir := range map[string]string{
		"tar -C":              layout.writeDir(t),
		"skopeo copy dir:":    files{"manifest.json": "{}", "version": "Directory Transport Version: 1.1\n"}.writeDir(t),
		"name that directory": unpacked,
	} {
		if text := refused(t, dir, release.Options{}, release.Unsupported); !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	looksWhole(t, open(t, filepath.Join(unpacked, "rootfs"), release.Options{}))
	looksWhole(t, open(t, write(t, layout.tar(t)), release.Options{})) // what the error says
}
