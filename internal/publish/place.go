// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Content is what a place is to serve.
type Content struct {
	Bundle  string // its id
	Cluster string // its cluster's name
	// Files are in an order in which none names one that comes after it.
	Files []bundle.Artifact
}

// ContentOf gives the content of a bundle's serve directory. For each version in
// upgradeFrom it has upgrade/ID/dcos_node_upgrade.sh too.
func ContentOf(ctx context.Context, b *bundle.Bundle, upgradeFrom ...string) (Content, error) {
	files, err := b.ServeDirectory(ctx, upgradeFrom...)
	return Content{Bundle: b.ID, Cluster: b.ClusterName, Files: files}, err
}

// A Place is where a serve directory is.
type Place interface {
	// Serve brings it up to date with a content. keep is how many of the bundles
	// that were there before keep the files that they alone need; nil: all of
	// them.
	Serve(ctx context.Context, c Content, keep *int) error
	// Served says what is served there.
	Served(ctx context.Context) (Serving, error)
	// Unserve removes what Serve made. left are the files that were used though
	// others had put them there, and that stay.
	Unserve(ctx context.Context) (left []string, err error)
}

// A Serving is what a place has.
type Serving struct {
	Bundle  string // id of the bundle, empty if not all of it is there
	Cluster string // its cluster's name, empty if Serve made nothing there
}

// A Store keeps files by name somewhere else. Names are slash-separated
// relative paths.
type Store interface {
	// Read gives the content of a small file; the error is fs.ErrNotExist if
	// there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// Stat gives what is there, of the names that are asked for.
	Stat(ctx context.Context, names []string) (map[string]Stored, error)
	// Sums gives the SHA-256, in hex, of the content of those files that are
	// there and may be read.
	Sums(ctx context.Context, names []string) (map[string]string, error)
	// Put stores files, each atomically, in any order. put is told of each
	// that is stored; calls do not overlap. What was stored before an error
	// stays.
	Put(ctx context.Context, files []bundle.Artifact, put func(name string, s Stored)) error
	// Remove removes files, which need not be there, and directories that are
	// empty then.
	Remove(ctx context.Context, names []string) error
}

// Stored is a file in a Store as it was when it was looked at. Equal values
// mean that it was not written to in between.
type Stored struct {
	Size int64 // notAFile for what is there and is no regular file
	Tag  string
}

// notAFile is the size of a directory, a link and whatever else is no regular
// file.
const notAFile = -1

// A storePlace is a serve directory in a Store.
type storePlace struct {
	store Store
	made  int  // how many of the directories in the path were made just now
	here  bool // it is on this machine: reading its files costs next to nothing
}

// NewPlace makes the place of a Store.
func NewPlace(store Store) Place { return &storePlace{store: store} }

// Serve stores what the store lacks: packages and tarballs first, side by
// side, then the package list that names them, then scripts, and at last the
// files that say which of it is the latest. So whoever fetches meanwhile finds
// all of the former bundle or all of this one. Files of others that are in the
// way are an error before anything is written.
func (p *storePlace) Serve(ctx context.Context, c Content, keep *int) error {
	m, err := p.manifest(ctx)
	if err != nil {
		return err
	}
	sizes := m.cutOff()
	for _, f := range c.Files {
		sizes[f.Path] = append(sizes[f.Path], f.Size)
	}
	there, err := p.find(ctx, m, sizes)
	if err != nil {
		return err
	}
	m.settle(there)
	missing, err := m.take(c.Files, there)
	if err != nil {
		return err
	}
	m.Bundle, m.Cluster = "", c.Cluster
	m.Directories = cmp.Or(p.made, m.Directories)
	needed := m.keep(c.Bundle, c.Files, keep)
	if err := p.save(ctx, m); err != nil {
		return err
	}
	for _, group := range inOrder(missing) {
		for batch := range batches(group) {
			if err := p.put(ctx, m, batch); err != nil {
				return err
			}
		}
	}
	if old := m.drop(needed); len(old) > 0 {
		if err := p.store.Remove(ctx, old); err != nil {
			return err
		}
	}
	m.Bundle = c.Bundle
	return p.save(ctx, m)
}

// batchSize is after how many bytes it is noted what is stored: so much at
// most is stored again after a run that was killed.
const batchSize = 64 << 20

// batches divides files, each batch with one file at least.
func batches(files []bundle.Artifact) iter.Seq[[]bundle.Artifact] {
	return func(yield func([]bundle.Artifact) bool) {
		for len(files) > 0 {
			n, size := 1, files[0].Size
			for n < len(files) && size+files[n].Size <= batchSize {
				size += files[n].Size
				n++
			}
			if !yield(files[:n]) {
				return
			}
			files = files[n:]
		}
	}
}

// put stores files and notes them, also those that are done when one fails.
func (p *storePlace) put(ctx context.Context, m *manifest, files []bundle.Artifact) error {
	sums := map[string]string{}
	for _, f := range files {
		sums[f.Path] = f.SHA256
	}
	err := p.store.Put(ctx, files, func(name string, s Stored) {
		m.Files[name] = servedFile{SHA256: sums[name], Size: s.Size, Tag: s.Tag}
	})
	// What is stored is not to be sent again, also after an interruption.
	return errors.Join(err, p.save(context.WithoutCancel(ctx), m))
}

// found is what is there under a name.
type found struct {
	Stored
	SHA256 string // of its content; empty for one that was not looked for
}

// find looks for files, each of which may have one of the sizes, in bytes. The
// content of one that was not written to since it was noted is known, and that
// of one of another size does not matter; the others are read.
func (p *storePlace) find(ctx context.Context, m *manifest, sizes map[string][]int64) (map[string]found, error) {
	if len(sizes) == 0 {
		return nil, nil
	}
	there, err := p.store.Stat(ctx, slices.Sorted(maps.Keys(sizes)))
	if err != nil {
		return nil, err
	}
	all := map[string]found{}
	var unknown []string
	for name, s := range there {
		all[name] = found{s, m.known(name, s)}
		if all[name].SHA256 == "" && s.Size != notAFile && slices.Contains(sizes[name], s.Size) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return all, nil
	}
	slices.Sort(unknown)
	sums, err := p.store.Sums(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for name, sum := range sums {
		all[name] = found{there[name], sum}
	}
	return all, nil
}

// inOrder groups files so that none names one of a later group.
func inOrder(files []bundle.Artifact) [][]bundle.Artifact {
	var groups [4][]bundle.Artifact
	for _, f := range files {
		at := 2 // scripts and the index
		switch {
		case strings.HasPrefix(f.Path, "packages/"), strings.HasPrefix(f.Path, "bootstrap/"):
			at = 0
		case strings.HasPrefix(f.Path, "package_lists/"):
			at = 1
		case strings.HasSuffix(f.Path, ".latest"):
			at = 3
		}
		groups[at] = append(groups[at], f)
	}
	return slices.DeleteFunc(groups[:], func(g []bundle.Artifact) bool { return len(g) == 0 })
}

// Served says what is served there. It reads no release: a file that is not as
// it was stored counts as not there.
func (p *storePlace) Served(ctx context.Context) (Serving, error) {
	m, err := p.manifest(ctx)
	if err != nil {
		return Serving{}, err
	}
	serving := Serving{m.Bundle, m.Cluster}
	noted := maps.Clone(m.Files)
	maps.Copy(noted, m.Others)
	sizes := map[string][]int64{}
	for name, f := range noted {
		sizes[name] = nil
		if p.here {
			sizes[name] = []int64{f.Size}
		}
	}
	there, err := p.find(ctx, m, sizes)
	if err != nil {
		return Serving{}, err
	}
	for name, f := range noted {
		if f.SHA256 == "" || there[name].SHA256 != f.SHA256 {
			serving.Bundle = ""
		}
	}
	return serving, nil
}

// Unserve removes what Serve made, the manifest last: what is left over of an
// interrupted run must be known to the next one as ours.
func (p *storePlace) Unserve(ctx context.Context) ([]string, error) {
	m, err := p.manifest(ctx)
	if err != nil || m.Cluster == "" {
		return nil, err
	}
	sizes := m.cutOff()
	for name := range m.Others {
		sizes[name] = nil
	}
	there, err := p.find(ctx, m, sizes)
	if err != nil {
		return nil, err
	}
	left := m.settle(there)
	for name := range m.Others {
		if _, ok := there[name]; ok {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	if len(m.Files) > 0 {
		if err := p.store.Remove(ctx, slices.Sorted(maps.Keys(m.Files))); err != nil {
			return nil, err
		}
	}
	return left, p.store.Remove(ctx, []string{manifestName})
}

// manifest reads the manifest; an empty one stands for none.
func (p *storePlace) manifest(ctx context.Context) (*manifest, error) {
	text, err := p.store.Read(ctx, manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return readManifest([]byte("{}"))
	}
	if err != nil {
		return nil, err
	}
	return readManifest(text)
}

func (p *storePlace) save(ctx context.Context, m *manifest) error {
	text, err := m.text()
	if err != nil {
		return err
	}
	return p.store.Put(ctx, []bundle.Artifact{bundle.NewArtifact(manifestName, text)}, func(string, Stored) {})
}
