// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// A seedTar makes a small tar of pairs of name and content.
func seedTar(pairs ...string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i+1 < len(pairs); i += 2 {
		h := &tar.Header{Name: pairs[i], Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(pairs[i+1]))}
		if target, ok := strings.CutPrefix(pairs[i+1], "-> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		}
		if w.WriteHeader(h) == nil && h.Size > 0 {
			_, _ = io.WriteString(w, pairs[i+1])
		}
	}
	_ = w.Close()
	return buf.Bytes()
}

// FuzzScan opens hostile files: whatever the headers say, nothing panics, and
// what the index says lies within the file.
func FuzzScan(f *testing.F) {
	layer := seedTar("installer_internal_wrapper", "x", "artifacts/complete/complete.latest.json", "{}",
		"opt/mesosphere/lib/python3.6/site-packages/gen/calc.py", "-> ../../x", "artifacts/.wh.a", "", "artifacts/b/.wh..wh..opq", "")
	image := seedTar("a/layer.tar", string(layer), "b/layer.tar", "-> ../a/layer.tar", "c.json",
		`{"rootfs":{"diff_ids":["sha256:00","sha256:11"]}}`,
		"manifest.json", `[{"Config":"c.json","Layers":["a/layer.tar","b/layer.tar"]}]`)
	oci := seedTar("index.json", `{"manifests":[{"digest":"sha256:1"}]}`, "blobs/sha256/1",
		`{"config":{"digest":"sha256:3"},"layers":[{"digest":"sha256:2"}]}`,
		"blobs/sha256/2", string(layer), "blobs/sha256/3", `{}`)
	script := func(image []byte) []byte {
		return append([]byte("#!/bin/bash\n# dcos-genconf\n#EOF#\n"), seedTar("dcos-genconf.1-2.tar", string(image))...)
	}
	f.Add(script(image))
	f.Add(script(oci))
	f.Add(script(layer))
	f.Add(image)
	f.Add(layer)
	f.Add(seedTar("index.json", `{"manifests":[{"digest":"sha256:9","platform":{"os":"unknown","architecture":"unknown"}},`+
		`{"digest":"sha256:1","platform":{"os":"linux","architecture":"amd64"}},{"digest":"sha256:1"}]}`, "blobs/sha256/1",
		`{"config":{"digest":"sha256:3"},"layers":[{"digest":"sha256:2"}]}`, "blobs/sha256/2", string(layer), "blobs/sha256/3", `{}`))
	f.Add(script(image)[:2000])
	f.Add([]byte("#!/bin/sh\n#EOF#\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		key := index{Path: "/x", Size: int64(len(data)), ModTime: 1}
		x, err := scan(ctx, bytes.NewReader(data), key, indexStore{})
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("it takes too long")
		}
		if err != nil {
			return
		}
		x.Format = indexFormat
		if !x.plausible(key) {
			t.Fatalf("the index leads out of the file: %+v", x)
		}
		tree := &memoryTree{&imageTree{idx: x}, data}
		if _, err := readFacts(tree); err == nil {
			t.Log("a release")
		}
	})
}

// A memoryTree reads an image from memory.
type memoryTree struct {
	*imageTree
	data []byte
}

func (t *memoryTree) open(ref fileRef) (io.ReadSeekCloser, error) {
	at := t.idx.Layers[ref.layer].Offset + ref.offset
	return section{io.NewSectionReader(bytes.NewReader(t.data), at, ref.size)}, nil
}

// FuzzLayers merges layers whose headers are right and whose names are not:
// each byte of the input chooses one of the names below, a type, and when to
// begin the next layer.
func FuzzLayers(f *testing.F) {
	names := []string{"artifacts", "artifacts/a", "artifacts/a/b", "artifacts/.wh.a", "artifacts/a/.wh..wh..opq", ".wh.artifacts",
		"../artifacts/a",
		"/gen_extra/x", "gen_extra", "opt/mesosphere/active/p", "opt/mesosphere/lib", ".", "", ".wh.", "artifacts//a/./b", "gen/../gen/y"}
	types := []byte{tar.TypeReg, tar.TypeSymlink, tar.TypeLink, tar.TypeDir, tar.TypeChar, tar.TypeFifo}
	f.Add([]byte{0, 1, 2, 3, 255, 17, 34, 51})
	f.Add([]byte("artifacts and more"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var layers [][]byte
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for i, b := range data {
			if b == 255 {
				_ = w.Close()
				layers = append(layers, bytes.Clone(buf.Bytes()))
				buf.Reset()
				w = tar.NewWriter(&buf)
				continue
			}
			h := &tar.Header{Name: names[int(b)%len(names)], Typeflag: types[int(b)/len(names)%len(types)], Linkname: names[i%len(names)]}
			if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir {
				h.Linkname = ""
			}
			_ = w.WriteHeader(h) // a header that tar refuses is no input
		}
		_ = w.Close()
		var file bytes.Buffer
		var refs []layerRef
		for _, l := range append(layers, buf.Bytes()) {
			refs = append(refs, layerRef{member: member{offset: int64(file.Len()), size: int64(len(l))}})
			file.Write(l)
		}
		if len(refs) > maxLayers {
			return
		}
		key := index{Format: indexFormat, Path: "/x", Size: int64(file.Len())}
		x := key
		if err := x.addLayers(t.Context(), bytes.NewReader(file.Bytes()), refs, indexStore{}); err != nil {
			return
		}
		if !x.plausible(key) {
			t.Fatalf("the index is not sound: %+v", x)
		}
		tree := &imageTree{idx: &x}
		for _, name := range append(names, "artifacts/a/b/c", "opt/mesosphere/active/p/x") {
			at, n, err := resolve(tree, name)
			if err == nil && n.kind == regular && at != n.file.path {
				t.Errorf("%s is at %s, the file at %s", name, at, n.file.path)
			}
			if strings.Contains("/"+at+"/", "/../") {
				t.Errorf("%s leads to %s", name, at)
			}
		}
	})
}

// FuzzFacts reads hostile texts.
func FuzzFacts(f *testing.F) {
	f.Add("export DCOS_IMAGE_COMMIT=1\nexport BOOTSTRAP_ID='2'\n", `{"bootstrap":"2","packages":["a--b"]}`,
		"V = '2.2.1'\nentry = {'must': {'dcos_version': V}}", "entry = {'a': '''b''', # c\n}")
	f.Add("", "", "", "def f(): pass")
	f.Add("", "null", `"dcos_version": x`, "'\\")
	f.Fuzz(func(t *testing.T, wrapper, complete, calc, extra string) {
		tree := &textTree{map[string]string{
			"installer_internal_wrapper": wrapper, "artifacts/complete/complete.latest.json": complete,
			"gen/calc.py": calc, "gen/dcos-config.yaml": "x", "gen_extra/calc.py": extra,
		}}
		facts, err := readFacts(tree)
		if err != nil {
			return
		}
		if !versionRE.MatchString(facts.version) || facts.commit == "" || strings.ContainsAny(facts.commit+facts.bootstrapID, "/ \n") {
			t.Errorf("%+v", facts)
		}
	})
}

// A textTree has its files in memory.
type textTree struct{ files map[string]string }

func (t *textTree) lookup(path string) (node, error) {
	if text, ok := t.files[path]; ok {
		return node{kind: regular, file: fileRef{path: path, size: int64(len(text))}}, nil
	}
	for name := range t.files {
		if strings.HasPrefix(name, path+"/") {
			return node{kind: directory}, nil
		}
	}
	return node{}, nil
}

func (t *textTree) names(string) ([]string, error) { return nil, nil }
func (t *textTree) open(ref fileRef) (io.ReadSeekCloser, error) {
	return section{io.NewSectionReader(strings.NewReader(t.files[ref.path]), 0, ref.size)}, nil
}
func (t *textTree) close() error { return nil }
