// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// wanted tells whether a release is ever asked for a file, so that an index
// holds some hundred entries and not the whole of Python.
func wanted(p string) bool {
	return p == "installer_internal_wrapper" || p == "dcos-version.json" || p == "release.json" ||
		p == "opt/mesosphere/etc/dcos-version.json" ||
		strings.HasPrefix(p, "artifacts/") || strings.HasPrefix(p, "gen_extra/") || strings.HasPrefix(p, "gen/") ||
		strings.HasPrefix(p, "opt/mesosphere/") && strings.Contains(p, "/gen/")
}

// wantedLink tells whether a link can be on the way to a wanted file.
func wantedLink(p string) bool {
	if wanted(p) || !strings.Contains(p, "/") || path.Dir(p) == "opt/mesosphere/active" {
		return true
	}
	switch base := path.Base(p); base {
	case "mesosphere", "packages", "active", "lib", "site-packages", "gen", "etc":
		return strings.HasPrefix(p, "opt/")
	default:
		return strings.HasPrefix(p, "opt/") && (strings.HasPrefix(base, "python") || strings.HasPrefix(base, "dcos-image"))
	}
}

// A scanner merges an image's layers into one tree.
type scanner struct {
	entries map[string]entry
	headers int // of all layers
}

// addLayers fills the index with the files of the layers.
func (x *index) addLayers(ctx context.Context, f io.ReaderAt, layers []layerRef, store indexStore) error {
	return x.addLayersIn(ctx, f, layers, store, maxInflated)
}

// addLayersIn is addLayers where the compressed ones have room for so many bytes, all together.
func (x *index) addLayersIn(ctx context.Context, f io.ReaderAt, layers []layerRef, store indexStore, room int64) error {
	s := &scanner{entries: map[string]entry{}}
	for i, ref := range layers {
		l := layer{Offset: ref.offset, Size: ref.size, DiffID: ref.diffID}
		r := io.NewSectionReader(f, ref.offset, ref.size)
		c, err := compressionOf(r)
		switch {
		case err != nil:
			return err
		case c != nil:
			inflated, err := store.inflate(ctx, r, c, room, &l)
			if err != nil {
				return damaged(err, fmt.Sprintf("layer %d of the image", i+1))
			}
			room -= l.Size
			err = s.add(ctx, i, io.NewSectionReader(inflated, 0, l.Size))
			if err = errors.Join(err, inflated.Close()); err != nil {
				return damaged(err, fmt.Sprintf("layer %d of the image", i+1))
			}
		default:
			if err := s.add(ctx, i, r); err != nil {
				return damaged(err, fmt.Sprintf("layer %d of the image", i+1))
			}
		}
		x.Layers = append(x.Layers, l)
	}
	for _, p := range slices.Sorted(maps.Keys(s.entries)) {
		e := s.entries[p]
		e.Path = p
		x.Entries = append(x.Entries, e)
	}
	return nil
}

// add puts a layer on top of those before it. Names that start with .wh. are
// AUFS whiteouts, as images have them: .wh.NAME removes NAME of the layers
// below, .wh..wh..opq everything below in its directory.
func (s *scanner) add(ctx context.Context, number int, r *io.SectionReader) error {
	// What the layers below have, with all directories on the way.
	below := map[string]bool{}
	for p := range s.entries {
		for ; p != "." && !below[p]; p = path.Dir(p) {
			below[p] = true
		}
	}
	gone, emptied := map[string]bool{}, map[string]bool{}
	entries := map[string]entry{}
	hard := map[string]string{}
	err := walk(ctx, r, maxHeaders-s.headers, func(h *tar.Header, at int64) error {
		s.headers++
		p := clean(h.Name)
		dir, base := path.Split(p)
		dir = strings.TrimSuffix(dir, "/")
		if base == ".wh..wh..opq" {
			emptied[dir] = below[dir] || dir == ""
			return nil
		}
		if name, ok := strings.CutPrefix(base, ".wh."); ok {
			if name = path.Join(dir, name); below[name] {
				gone[name] = true
			}
			return nil
		}
		if _, file := s.entries[p]; below[p] && (h.Typeflag != tar.TypeDir || file) {
			gone[p] = true
		}
		delete(entries, p) // a tar may have a name twice; the later one counts
		delete(hard, p)
		switch h.Typeflag {
		case tar.TypeReg:
			if !wanted(p) {
				return nil
			}
			entries[p] = entry{Layer: number, Offset: at, Size: h.Size}
		case tar.TypeGNUSparse:
			if wanted(p) {
				return &Error{Reason: Unsupported, Detail: "/" + p + " is a sparse file"}
			}
		case tar.TypeSymlink:
			if wantedLink(p) && h.Linkname != "" {
				entries[p] = entry{Layer: number, Link: h.Linkname}
			}
		case tar.TypeLink:
			if wanted(p) {
				hard[p] = clean(h.Linkname)
			}
		}
		if len(entries)+len(hard)+len(s.entries) > maxEntries {
			return &Error{Reason: Altered, Detail: fmt.Sprintf("there are more than %d artifacts and templates in it", maxEntries)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.addHard(entries, hard)
	for p := range s.entries {
		if hidden(p, gone, emptied) {
			delete(s.entries, p)
		}
	}
	maps.Copy(s.entries, entries)
	return nil
}

// addHard adds a layer's hard links, by name and target, to its entries.
func (s *scanner) addHard(entries map[string]entry, hard map[string]string) {
	for p, target := range hard {
		// Both names are made by the same command in a release's image, so
		// the other one is wanted too; if not, the file counts as missing.
		e, ok := entries[target]
		if !ok {
			e, ok = s.entries[target]
		}
		if ok {
			entries[p] = e
		}
	}
}

// hidden tells whether a layer takes away what the layers below have at p.
func hidden(p string, gone, emptied map[string]bool) bool {
	if len(gone) == 0 && len(emptied) == 0 {
		return false
	}
	if gone[p] {
		return true
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if gone[dir] || emptied[dir] {
			return true
		}
	}
	return emptied[""]
}

// inflate unpacks a compressed layer into the cache directory, unless it is
// there, and opens it. It completes the layer's fields. room is how large it may be.
func (s indexStore) inflate(ctx context.Context, r io.Reader, c *compression, room int64, l *layer) (_ *os.File, err error) {
	if s.cacheDirectory == "" {
		return nil, &Error{Reason: Unsupported, Detail: "the layers of its image are compressed, which takes a cache directory to unpack them"}
	}
	dir := s.layerPath("")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if f, err := s.inflatedBefore(ctx, room, l); f != nil || err != nil {
		return f, err
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // the first error is the one to tell
		}
	}()
	sum, size, err := c.inflateTo(ctx, tmp, r, room)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	if l.DiffID != "" && l.DiffID != "sha256:"+sum {
		return nil, &Error{Reason: Altered, Detail: fmt.Sprintf("its digest is sha256:%s, the image says %s", sum, l.DiffID)}
	}
	l.Size, l.Checked, l.Inflated = size, true, sum+".tar"
	if err := os.Rename(tmp.Name(), filepath.Join(dir, l.Inflated)); err != nil {
		return nil, err
	}
	return os.Open(filepath.Join(dir, l.Inflated))
}

// inflatedBefore opens an unpacked layer that is there already, if it has the
// digest that the image gives. It completes the layer's fields.
func (s indexStore) inflatedBefore(ctx context.Context, room int64, l *layer) (*os.File, error) {
	digest, ok := strings.CutPrefix(l.DiffID, "sha256:")
	if !ok || digest != filepath.Base(digest) {
		return nil, nil
	}
	f, err := os.Open(s.layerPath(digest + ".tar"))
	if err != nil {
		return nil, nil //nolint:nilerr // then it is unpacked
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() <= room {
		var sum string
		if sum, err = hashWhole(ctx, f, fi.Size()); err == nil && sum == digest {
			l.Size, l.Checked, l.Inflated = fi.Size(), true, digest+".tar"
			return f, nil
		}
	}
	// Only an interruption keeps it from being unpacked again.
	return nil, errors.Join(ctx.Err(), f.Close())
}
