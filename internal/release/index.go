// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
)

// indexFormat changes whenever an index that was written before must not be
// used any more: its form, or what scan puts into it.
const indexFormat = 2

// An index says where the files of an image lie in a dcos_generate_config.sh.
type index struct {
	Format  int     `json:"format"`
	Path    string  `json:"path"` // absolute
	Size    int64   `json:"size"`
	ModTime int64   `json:"mod_time"`    // nanoseconds
	Changed int64   `json:"change_time"` // nanoseconds, 0 if it is not known
	Layers  []layer `json:"layers"`      // lowest first
	Entries []entry `json:"entries"`     // sorted by path; only what a release is asked for
}

// A layer is one of the image's layers.
type layer struct {
	Offset   int64  `json:"offset"`             // of the tar, in the release's file
	Size     int64  `json:"size"`               // of the tar, uncompressed
	DiffID   string `json:"diff_id,omitempty"`  // "sha256:…", what the image says of the tar
	Inflated string `json:"inflated,omitempty"` // name of the tar in the cache directory, if it is compressed in the file
	Checked  bool   `json:"checked,omitempty"`  // the tar was found to have its DiffID
}

// An entry is a file or a link of the image.
type entry struct {
	Path   string `json:"p"`
	Layer  int    `json:"n,omitempty"`
	Offset int64  `json:"o,omitempty"` // from the start of the layer's tar
	Size   int64  `json:"s,omitempty"`
	Link   string `json:"l,omitempty"` // of a symbolic link: its target
}

// plausible tells whether an index can be used for the file that key describes.
func (x *index) plausible(key index) bool {
	if x.Format != indexFormat || x.Path != key.Path || x.Size != key.Size || x.ModTime != key.ModTime || x.Changed != key.Changed {
		return false
	}
	for _, l := range x.Layers {
		if l.Offset < 0 || l.Size < 0 || l.Inflated == "" && l.Size > x.Size-l.Offset ||
			l.Inflated != filepath.Base(l.Inflated) && l.Inflated != "" {
			return false
		}
	}
	for i, e := range x.Entries {
		if e.Layer < 0 || e.Layer >= len(x.Layers) || e.Offset < 0 || e.Size < 0 ||
			e.Size > x.Layers[e.Layer].Size-e.Offset || i > 0 && x.Entries[i-1].Path >= e.Path {
			return false
		}
	}
	return true
}

// An indexStore keeps indexes and inflated layers in a cache directory. An
// index only saves time, so one that cannot be kept or read is none.
type indexStore struct{ cacheDirectory string }

func (s indexStore) path(release string) string {
	return filepath.Join(s.cacheDirectory, CachePart, "index", cacheKey(release)+".json")
}

func (s indexStore) layerPath(name string) string {
	return filepath.Join(s.cacheDirectory, CachePart, "layers", name)
}

// load gives the index of a file, nil if there is none that can be used. The
// first line of an index is the digest of the rest.
func (s indexStore) load(key index) *index {
	if s.cacheDirectory == "" {
		return nil
	}
	text, err := os.ReadFile(s.path(key.Path))
	if err != nil {
		return nil
	}
	sum, body, _ := bytes.Cut(text, []byte("\n"))
	if actual := sha256.Sum256(body); hex.EncodeToString(actual[:]) != string(sum) {
		return nil
	}
	x := &index{}
	if json.Unmarshal(body, x) != nil || !x.plausible(key) {
		return nil
	}
	for _, l := range x.Layers {
		if l.Inflated == "" {
			continue
		}
		if fi, err := os.Stat(s.layerPath(l.Inflated)); err != nil || fi.Size() != l.Size {
			return nil
		}
	}
	return x
}

func (s indexStore) save(x *index) {
	if s.cacheDirectory == "" {
		return
	}
	x.Format = indexFormat
	body, err := json.Marshal(x)
	if err != nil {
		return // cannot happen with these types; then there is no index
	}
	sum := sha256.Sum256(body)
	text := append([]byte(hex.EncodeToString(sum[:])+"\n"), body...)
	_ = writeAtomically(s.path(x.Path), text) // saves time only, see indexStore
}

// writeAtomically writes a file so that readers find the old or the new one.
func writeAtomically(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	_, err = f.Write(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
