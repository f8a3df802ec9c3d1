// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
)

// What a release can hold at most; beyond it the file is not one.
const (
	maxScript  = 1 << 20   // before the line #EOF#
	maxLayers  = 128       // Docker allows 127
	maxMembers = 10_000    // of docker save
	maxHeaders = 4_000_000 // of all layers
	maxEntries = 100_000   // of the index
	maxName    = 4096      // of a file, in bytes
)

// A member is a file in a tar.
type member struct {
	name   string
	offset int64 // in the release's file
	size   int64
	link   string // of a symbolic link
}

// scan makes the index of a dcos_generate_config.sh, or of its image alone, in one
// pass over its headers. key has the file's path, size and time.
func scan(ctx context.Context, f io.ReaderAt, key index, store indexStore) (*index, error) {
	alone, err := imageAlone(f, key.Size)
	if err != nil {
		return nil, err
	}
	image := member{size: key.Size}
	if !alone {
		payload, err := findPayload(f, key.Size)
		if err != nil {
			return nil, err
		}
		if image, err = findImage(ctx, f, payload, key.Size); err != nil {
			return nil, err
		}
	}
	members := map[string]member{}
	err = walk(ctx, io.NewSectionReader(f, image.offset, image.size), maxMembers, func(h *tar.Header, at int64) error {
		m := member{name: clean(h.Name), offset: image.offset + at, size: h.Size}
		if h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink {
			m.size, m.link = 0, clean(h.Linkname)
			if h.Typeflag == tar.TypeSymlink {
				m.link = clean(path.Join(path.Dir(m.name), h.Linkname)) //nolint:gosec // looked up in members, never opened
			}
		}
		if h.Typeflag != tar.TypeDir {
			members[m.name] = m
		}
		return nil
	})
	if alone && errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &Error{Reason: CutShort, Detail: fmt.Sprintf("its %d bytes end within the image", key.Size)}
	}
	if err != nil {
		return nil, damaged(err, "the image in it")
	}
	if alone && !endsAsTar(f, key.Size) {
		return nil, &Error{Reason: CutShort, Detail: fmt.Sprintf("its %d bytes end before the end of the image", key.Size)}
	}
	layers, err := readManifest(f, members)
	if err != nil {
		return nil, err
	}
	x := key
	return &x, x.addLayers(ctx, f, layers, store)
}

// imageAlone tells an image as docker save or skopeo write it, a tar, from a script
// that has one in it. An image that is compressed as a whole would have to be unpacked
// before anything in it can be found, which is for its owner to do once.
func imageAlone(f io.ReaderAt, size int64) (bool, error) {
	head := make([]byte, min(size, 512))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	for _, c := range []struct{ magic, name, unpack string }{
		{gzipMagic, "gzip", "gzip -dc FILE > IMAGE.tar"},
		{zstdMagic, "zstd", "zstd -d FILE -o IMAGE.tar"},
		{"\xfd7zXZ\x00", "xz", "xz -dc FILE > IMAGE.tar"},
		{"BZh", "bzip2", "bzip2 -dc FILE > IMAGE.tar"},
	} {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return false, &Error{Reason: Unsupported, Detail: fmt.Sprintf("all of it is compressed with %s; unpack it (%s) and name the tar",
				c.name, c.unpack)}
		}
	}
	const at = 257 // of the mark in a tar's header
	return len(head) == 512 && string(head[at:at+5]) == "ustar", nil
}

// endsAsTar reports whether a file ends with the two blocks of zeros that a tar ends with.
func endsAsTar(f io.ReaderAt, size int64) bool {
	end := make([]byte, 1024)
	_, err := f.ReadAt(end, max(0, size-int64(len(end))))
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Count(end, []byte{0}) == len(end)
}

// What compressed data begin with.
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// findPayload gives the offset of what follows the line #EOF#.
func findPayload(f io.ReaderAt, size int64) (int64, error) {
	r := bufio.NewReader(io.NewSectionReader(f, 0, min(size, maxScript)))
	if start, err := r.Peek(2); err != nil || string(start) != "#!" {
		if size == 0 {
			return 0, &Error{Reason: CutShort, Detail: "the file is empty"}
		}
		first, _ := r.Peek(24) // fewer are as good
		return 0, &Error{Reason: NotARelease, Detail: fmt.Sprintf(
			"it starts with %q, dcos_generate_config.sh is a shell script and its image a tar", first)}
	}
	var offset int64
	var known bool
	for {
		line, err := r.ReadSlice('\n')
		offset += int64(len(line))
		if string(line) == "#EOF#\n" {
			return offset, nil
		}
		known = known || bytes.Contains(line, []byte("dcos-genconf"))
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // the rest of a long line is no line of its own, but cannot be the mark either
		}
		if err != nil {
			break
		}
	}
	if known && size < maxScript {
		return 0, &Error{Reason: CutShort, Detail: fmt.Sprintf("its %d bytes end before the line #EOF#", size)}
	}
	return 0, &Error{Reason: NotARelease, Detail: "it has no line #EOF#, after which dcos_generate_config.sh has its image"}
}

// findImage gives the image in the outer tar.
func findImage(ctx context.Context, f io.ReaderAt, payload, size int64) (member, error) {
	var image member
	found := errors.New("found")
	err := walk(ctx, io.NewSectionReader(f, payload, math.MaxInt64-payload), maxMembers, func(h *tar.Header, at int64) error {
		if h.Typeflag == tar.TypeReg && strings.HasSuffix(h.Name, ".tar") {
			image = member{name: h.Name, offset: payload + at, size: h.Size}
			return found
		}
		return nil
	})
	switch {
	case errors.Is(err, found):
	case err == nil && payload == size, errors.Is(err, io.ErrUnexpectedEOF):
		return member{}, &Error{Reason: CutShort, Detail: fmt.Sprintf("its %d bytes end before the image", size)}
	case err == nil:
		return member{}, &Error{Reason: NotARelease, Detail: "there is no image (dcos-genconf….tar) after the line #EOF#"}
	default:
		return member{}, damaged(err, "the tar after the line #EOF#")
	}
	// tar ends with two blocks of zeros after the padding of the last file.
	const block = 512
	padded := image.size
	if rest := image.size % block; rest > 0 {
		padded += block - rest
	}
	if end := image.offset + padded + 2*block; padded < 0 || end < 0 || end > size {
		return member{}, &Error{Reason: CutShort, Detail: fmt.Sprintf("the file has %d bytes of at least %d", size, max(end, image.size))}
	}
	return image, nil
}

// walk goes through a tar's headers. at is where a file's content starts in r;
// the content of a sparse file is not there in one piece.
func walk(ctx context.Context, r *io.SectionReader, limit int, visit func(h *tar.Header, at int64) error) error {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		if n > limit {
			return &Error{Reason: Altered, Detail: fmt.Sprintf("there are more than %d files in it", limit)}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(h.Name) > maxName || len(h.Linkname) > maxName {
			return &Error{Reason: Altered, Detail: fmt.Sprintf("a name in it is longer than %d bytes", maxName)}
		}
		at, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		for name := range h.PAXRecords {
			if strings.HasPrefix(name, "GNU.sparse.") {
				h.Typeflag = tar.TypeGNUSparse
			}
		}
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		if h.Size < 0 || h.Size > r.Size()-at {
			return io.ErrUnexpectedEOF
		}
		if err := visit(h, at); err != nil {
			return err
		}
	}
}

// damaged says what an error in a tar means for the release.
func damaged(err error, what string) error {
	var re *Error
	switch {
	case errors.As(err, &re), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, tar.ErrHeader):
		return &Error{Reason: Altered, Detail: what + " is damaged", Err: err}
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

// clean makes a path in a tar relative to the root.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// A layerRef is a layer as the image's manifest names it.
type layerRef struct {
	member
	diffID string
}

// readManifest gives the layers of an image, lowest first: those that docker
// save lists in manifest.json, or else those of an OCI layout's index.json.
func readManifest(f io.ReaderAt, members map[string]member) ([]layerRef, error) {
	var names []string
	var config string
	if _, ok := members["manifest.json"]; ok {
		var images []struct {
			Config string
			Layers []string
		}
		if err := readJSON(f, members, "manifest.json", &images); err != nil {
			return nil, err
		}
		if len(images) != 1 {
			return nil, &Error{Reason: NotARelease, Detail: fmt.Sprintf("there are %d images in it, not one", len(images))}
		}
		names, config = images[0].Layers, images[0].Config
	} else if _, ok := members["index.json"]; ok {
		var err error
		if names, config, err = readOCI(f, members); err != nil {
			return nil, err
		}
	} else {
		return nil, &Error{Reason: NotARelease, Detail: "there is no image that docker saved: it has neither manifest.json nor index.json"}
	}
	if len(names) > maxLayers {
		return nil, &Error{Reason: NotARelease, Detail: fmt.Sprintf("its image has %d layers", len(names))}
	}
	var diffIDs []string
	if config != "" {
		var c struct {
			RootFS struct {
				DiffIDs []string `json:"diff_ids"`
			} `json:"rootfs"`
		}
		if err := readJSON(f, members, config, &c); err != nil {
			return nil, err
		}
		diffIDs = c.RootFS.DiffIDs
	}
	layers := make([]layerRef, len(names))
	for i, name := range names {
		m, err := follow(members, name)
		if err != nil {
			return nil, err
		}
		layers[i].member = m
		if len(diffIDs) == len(names) && strings.HasPrefix(diffIDs[i], "sha256:") {
			layers[i].diffID = diffIDs[i]
		}
	}
	return layers, nil
}

// A descriptor is how an OCI image layout refers to a part of it.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Platform  *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

// blob is the name of the member.
func (d descriptor) blob() string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }

// platform is what the image is for; "" if nothing says it.
func (d descriptor) platform() string {
	if d.Platform == nil {
		return ""
	}
	return d.Platform.OS + "/" + d.Platform.Architecture
}

// attests reports whether it is no image but what a builder says of one.
func (d descriptor) attests() bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" || d.platform() == "unknown/unknown"
}

// releasePlatform is what DC/OS is built for.
const releasePlatform = "linux/amd64"

// ofRelease picks the image of an index that can be a release: that of DC/OS's platform,
// or the only one.
func ofRelease(manifests []descriptor) (descriptor, error) {
	images := slices.DeleteFunc(slices.Clone(manifests), descriptor.attests)
	of := func(platform string) []descriptor {
		return slices.DeleteFunc(slices.Clone(images), func(d descriptor) bool { return d.platform() != platform })
	}
	found := of(releasePlatform)
	if len(found) == 0 {
		found = of("")
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return descriptor{}, &Error{Reason: NotARelease, Detail: fmt.Sprintf("there are %d images in it, not one", len(found))}
	case len(images) > 0:
		var others []string
		for _, d := range images[:min(len(images), 5)] {
			others = append(others, fmt.Sprintf("%q", d.platform()))
		}
		return descriptor{}, &Error{Reason: NotARelease, Detail: fmt.Sprintf("it has an image for %s, DC/OS's is for %s",
			strings.Join(others, ", "), releasePlatform)}
	}
	return descriptor{}, &Error{Reason: NotARelease, Detail: "the image in it lists no layers"}
}

// readOCI finds the layers and the configuration of an OCI image layout.
func readOCI(f io.ReaderAt, members map[string]member) (layers []string, config string, err error) {
	at := "index.json"
	for range 4 { // an index may lead to an index
		var doc struct {
			Manifests []descriptor `json:"manifests"`
			Config    descriptor   `json:"config"`
			Layers    []descriptor `json:"layers"`
		}
		if err := readJSON(f, members, at, &doc); err != nil {
			return nil, "", err
		}
		if len(doc.Layers) > 0 {
			for _, l := range doc.Layers {
				layers = append(layers, l.blob())
			}
			return layers, doc.Config.blob(), nil
		}
		next, err := ofRelease(doc.Manifests)
		if err != nil {
			return nil, "", err
		}
		at = next.blob()
	}
	return nil, "", &Error{Reason: NotARelease, Detail: "the image in it lists no layers"}
}

// follow finds a member, through the links that docker save makes for layers
// which are equal.
func follow(members map[string]member, name string) (member, error) {
	at := clean(name)
	for range maxLinks {
		m, ok := members[at]
		if !ok {
			break
		}
		if m.link == "" {
			return m, nil
		}
		at = m.link
	}
	return member{}, &Error{Reason: Altered, Detail: fmt.Sprintf("%s is not in the image", name)}
}

func readJSON(f io.ReaderAt, members map[string]member, name string, v any) error {
	m, err := follow(members, name)
	if err != nil {
		return err
	}
	if m.size > maxSmallFile {
		return &Error{Reason: Altered, Detail: fmt.Sprintf("%s of the image has %d bytes", name, m.size)}
	}
	text := make([]byte, m.size)
	if _, err := f.ReadAt(text, m.offset); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return &Error{Reason: Altered, Detail: name + " of the image is not JSON", Err: err}
	}
	return nil
}
