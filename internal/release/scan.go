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

// scan makes the index of a file in one pass over its headers: a
// dcos_generate_config.sh, or the tar of an image. key has the file's path, size and time.
func scan(ctx context.Context, f io.ReaderAt, key index, store indexStore) (*index, error) {
	image, alone, err := findImage(ctx, f, key.Size)
	if err != nil {
		return nil, err
	}
	members, err := readMembers(ctx, f, image)
	if alone && errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &Error{Reason: CutShort, Detail: fmt.Sprintf("its %d bytes end within the image", key.Size)}
	}
	if err != nil {
		return nil, damaged(err, "the image in it")
	}
	return indexOf(ctx, f, key, members, store)
}

// indexOf makes the index of the image that the members are the files of.
func indexOf(ctx context.Context, f io.ReaderAt, key index, members map[string]member, store indexStore) (*index, error) {
	layers, err := readManifest(f, members)
	if err != nil {
		return nil, err
	}
	x := key
	return &x, x.addLayers(ctx, f, layers, store)
}

// readMembers reads the headers of an image's tar.
func readMembers(ctx context.Context, f io.ReaderAt, image member) (map[string]member, error) {
	members := map[string]member{}
	err := walk(ctx, io.NewSectionReader(f, image.offset, image.size), maxMembers, func(h *tar.Header, at int64) error {
		m := member{name: clean(h.Name), offset: image.offset + at, size: h.Size}
		if m.name == "installer_internal_wrapper" || strings.HasPrefix(m.name, "artifacts/complete/") {
			return &Error{Reason: NotARelease, Detail: "it is a tar with the root file system of the image; unpack it, and name the directory"}
		}
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
	return members, err
}

// findImage gives the image's tar in a file, which may be all of it.
func findImage(ctx context.Context, f io.ReaderAt, size int64) (image member, alone bool, err error) {
	start := make([]byte, min(size, tarBlock))
	if _, err := f.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return member{}, false, err
	}
	if !bytes.HasPrefix(start, []byte("#!")) && isTar(start) {
		end := make([]byte, min(size, 2*tarBlock))
		if _, err := f.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
			return member{}, false, err
		}
		if len(bytes.Trim(end, "\x00")) > 0 {
			return member{}, false, &Error{Reason: CutShort, Detail: fmt.Sprintf("its %d bytes end before the end of the image's tar", size)}
		}
		return member{size: size}, true, nil
	}
	payload, err := findPayload(f, size)
	if err != nil {
		return member{}, false, err
	}
	image, err = imageBehind(ctx, f, payload, size)
	return image, false, err
}

// tarBlock is what the size of everything in a tar is a multiple of.
const tarBlock = 512

// isTar reports whether a block is the first one of a tar, of which all forms in
// use have this mark.
func isTar(block []byte) bool {
	const mark = 257
	return len(block) == tarBlock && string(block[mark:mark+5]) == "ustar"
}

// findPayload gives the offset of what follows the line #EOF#.
func findPayload(f io.ReaderAt, size int64) (int64, error) {
	r := bufio.NewReader(io.NewSectionReader(f, 0, min(size, maxScript)))
	if start, err := r.Peek(2); err != nil || string(start) != "#!" {
		if size == 0 {
			return 0, &Error{Reason: CutShort, Detail: "the file is empty"}
		}
		first, _ := r.Peek(24) // fewer are as good
		return 0, &Error{Reason: NotARelease, Detail: fmt.Sprintf(
			"it starts with %q; dcos_generate_config.sh is a shell script, and an image that was saved is a tar", first)}
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

// imageBehind gives the image in the tar that follows the line #EOF#.
func imageBehind(ctx context.Context, f io.ReaderAt, payload, size int64) (member, error) {
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
	padded := image.size
	if rest := image.size % tarBlock; rest > 0 {
		padded += tarBlock - rest
	}
	if end := image.offset + padded + 2*tarBlock; padded < 0 || end < 0 || end > size {
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
	names, config, err := readNames(f, members)
	if err != nil {
		return nil, err
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
