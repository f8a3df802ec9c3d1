// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// An imageTree is the image in a dcos_generate_config.sh, read in place.
type imageTree struct {
	idx      *index
	file     *os.File
	modTime  time.Time
	inflated map[int]*os.File // layers that are compressed in the file
}

var (
	_ tree    = (*imageTree)(nil)
	_ stamper = (*imageTree)(nil)
	_ hasher  = (*imageTree)(nil)
)

// openFile takes over a dcos_generate_config.sh that was opened by its absolute
// path, by the index that is kept for it or else by making one. known is the
// file's sha256 if that is known already.
func openFile(ctx context.Context, f *os.File, known string, opts Options) (*Release, error) {
	t, facts, err := openImage(ctx, f, f.Name(), known, opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return newRelease(t, facts, newSums(opts.CacheDirectory, f.Name()))
}

func openImage(ctx context.Context, f *os.File, path, known string, opts Options) (*imageTree, *facts, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	store := indexStore{opts.CacheDirectory}
	key := index{Path: path, Size: fi.Size(), ModTime: fi.ModTime().UnixNano()}
	idx, changed := store.load(key), false
	if idx == nil {
		if idx, err = scan(ctx, f, key, store); err != nil {
			return nil, nil, explain(ctx, err, f, opts.SHA256)
		}
		changed = true
	}
	if idx.SHA256 == "" && known != "" {
		idx.SHA256, changed = known, true
	}
	if opts.SHA256 != "" && idx.SHA256 != opts.SHA256 {
		if idx.SHA256 == "" {
			if idx.SHA256, err = hashWhole(ctx, f, fi.Size()); err != nil {
				return nil, nil, err
			}
			changed = true
		}
		if idx.SHA256 != opts.SHA256 {
			return nil, nil, sumMismatch(idx.SHA256, opts.SHA256)
		}
	}
	t := &imageTree{idx: idx, file: f, modTime: fi.ModTime(), inflated: map[int]*os.File{}}
	facts, err := t.begin(ctx, store, opts.SHA256 != "", &changed)
	if err != nil {
		return nil, nil, errors.Join(err, t.closeInflated())
	}
	if changed {
		store.save(idx)
	}
	return t, facts, nil
}

// begin opens what is needed beside the file itself, reads the facts, and
// checks the layers that they come from unless that was done before or the
// whole file is known to be right.
func (t *imageTree) begin(ctx context.Context, store indexStore, verified bool, changed *bool) (*facts, error) {
	for i, l := range t.idx.Layers {
		if l.Inflated == "" {
			continue
		}
		f, err := os.Open(store.layerPath(l.Inflated))
		if err != nil {
			return nil, err
		}
		t.inflated[i] = f
	}
	facts, err := readFacts(t)
	if err != nil {
		return nil, err
	}
	for _, i := range facts.layers {
		l := &t.idx.Layers[i]
		if l.Checked || l.DiffID == "" || verified {
			continue
		}
		if _, err := t.hashLayer(ctx, i, nil); err != nil {
			return nil, err
		}
		l.Checked, *changed = true, true
	}
	return facts, nil
}

// explain puts a failed check of the whole file before what went wrong in
// reading it: a damaged header is a symptom.
func explain(ctx context.Context, err error, f *os.File, want string) error {
	var re *Error
	if want == "" || errors.As(err, &re) && (re.Reason == CutShort || re.Reason == NotARelease) {
		return err
	}
	fi, statErr := f.Stat()
	if statErr != nil {
		return err
	}
	got, hashErr := hashWhole(ctx, f, fi.Size())
	if hashErr == nil && got != want {
		return sumMismatch(got, want)
	}
	return err
}

func sumMismatch(got, want string) error {
	return &Error{Reason: Altered, Detail: fmt.Sprintf("its sha256 is %s, expected was %s", got, want)}
}

func hashWhole(ctx context.Context, f *os.File, size int64) (string, error) {
	h := sha256.New()
	if err := copyContext(ctx, h, io.NewSectionReader(f, 0, size), size); err != nil {
		return "", err
	}
	return hexSum(h), nil
}

// at gives the place of a path among the entries, or of the first one after it.
func (t *imageTree) at(path string) (int, bool) {
	return slices.BinarySearchFunc(t.idx.Entries, path, func(e entry, p string) int { return strings.Compare(e.Path, p) })
}

func (t *imageTree) lookup(path string) (node, error) {
	if i, ok := t.at(path); ok {
		e := t.idx.Entries[i]
		if e.Link != "" {
			return node{kind: link, link: e.Link}, nil
		}
		return node{kind: regular, file: fileRef{path: path, layer: e.Layer, offset: e.Offset, size: e.Size}}, nil
	}
	i, _ := t.at(path + "/")
	if i < len(t.idx.Entries) && strings.HasPrefix(t.idx.Entries[i].Path, path+"/") {
		return node{kind: directory}, nil
	}
	return node{}, nil
}

func (t *imageTree) names(path string) ([]string, error) {
	prefix := path + "/"
	if path == "" {
		prefix = ""
	}
	var names []string
	start, _ := t.at(prefix)
	for _, e := range t.idx.Entries[start:] {
		rest, ok := strings.CutPrefix(e.Path, prefix)
		if !ok {
			break
		}
		name, _, _ := strings.Cut(rest, "/")
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (t *imageTree) open(ref fileRef) (io.ReadSeekCloser, error) {
	if err := t.unchanged(); err != nil {
		return nil, err
	}
	r, base := t.layer(ref.layer)
	return section{io.NewSectionReader(r, base+ref.offset, ref.size)}, nil
}

// layer gives the file that a layer is in, and where it starts there.
func (t *imageTree) layer(i int) (file io.ReaderAt, start int64) {
	if f := t.inflated[i]; f != nil {
		return f, 0
	}
	return t.file, t.idx.Layers[i].Offset
}

// unchanged finds out whether the file was written to since it was opened.
func (t *imageTree) unchanged() error {
	fi, err := t.file.Stat()
	if err != nil {
		return err
	}
	if fi.Size() != t.idx.Size || !fi.ModTime().Equal(t.modTime) {
		return &Error{Reason: Altered, Detail: "the file was written to while it was in use"}
	}
	return nil
}

func (t *imageTree) closeInflated() error {
	var errs []error
	for _, f := range t.inflated {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (t *imageTree) close() error { return errors.Join(t.closeInflated(), t.file.Close()) }

func (t *imageTree) stamp(fileRef) (string, error) {
	return fmt.Sprintf("%d %d", t.idx.Size, t.idx.ModTime), nil
}

func (t *imageTree) group(ref fileRef) string { return fmt.Sprintf("layer %d", ref.layer) }

// hashAll hashes a layer and all artifacts in it, in one pass.
func (t *imageTree) hashAll(ctx context.Context, ref fileRef) (map[string]string, error) {
	if err := t.unchanged(); err != nil {
		return nil, err
	}
	var files []entry
	for _, e := range t.idx.Entries {
		if e.Layer == ref.layer && e.Link == "" && strings.HasPrefix(e.Path, "artifacts/") {
			files = append(files, e)
		}
	}
	return t.hashLayer(ctx, ref.layer, files)
}

// hashLayer gives the digests of files in a layer. If the image gives the
// layer's digest, it reads the layer from end to end and checks it.
func (t *imageTree) hashLayer(ctx context.Context, i int, files []entry) (map[string]string, error) {
	l := t.idx.Layers[i]
	r, base := t.layer(i)
	whole := sha256.New()
	at := int64(0)
	upTo := func(end int64, to ...io.Writer) error {
		if l.DiffID != "" {
			to = append(to, whole)
		}
		from := at
		if at = end; len(to) == 0 {
			return nil
		}
		return copyContext(ctx, io.MultiWriter(to...), io.NewSectionReader(r, base+from, end-from), end-from)
	}
	sums := map[string]string{}
	slices.SortFunc(files, func(a, b entry) int { return int(min(1, max(-1, a.Offset-b.Offset))) })
	for n := 0; n < len(files); {
		e, h := files[n], sha256.New()
		if e.Offset < at { // hard links share their bytes; nothing else can overlap in a tar
			return nil, &Error{Reason: Altered, Detail: "files overlap in a layer"}
		}
		if err := upTo(e.Offset); err != nil {
			return nil, err
		}
		if err := upTo(e.Offset+e.Size, h); err != nil {
			return nil, err
		}
		sum := hexSum(h)
		for ; n < len(files) && files[n].Offset == e.Offset && files[n].Size == e.Size; n++ {
			sums[files[n].Path] = sum
		}
	}
	if err := upTo(l.Size); err != nil {
		return nil, err
	}
	if got := "sha256:" + hexSum(whole); l.DiffID != "" && got != l.DiffID {
		return nil, &Error{Reason: Altered, Detail: fmt.Sprintf("layer %d of the image has the digest %s, the image says %s", i+1, got, l.DiffID)}
	}
	return sums, nil
}

// A section is a part of a file that others read too.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }
