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
)

// An imageTree is the image in a dcos_generate_config.sh, or one alone, read in place.
type imageTree struct {
	idx      *index
	file     container
	verified bool             // all of the file is what was expected
	inflated map[int]*os.File // layers that are compressed in the file
}

var (
	_ tree    = (*imageTree)(nil)
	_ stamper = (*imageTree)(nil)
	_ hasher  = (*imageTree)(nil)
)

// openFile takes over a file that was opened by its absolute path. known is its
// sha256, if this process has read all of it already.
func openFile(ctx context.Context, f *os.File, known string, opts Options) (*Release, error) {
	verified := opts.SHA256 != ""
	if verified {
		// All that is used is what these bytes say, and nothing that was noted before.
		if err := expect(ctx, f, known, opts.SHA256); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	c, err := compressionOf(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if c != nil {
		if f, err = (indexStore{opts.CacheDirectory}).unpack(ctx, f, c, verified); err != nil {
			return nil, err
		}
	}
	return openContainer(ctx, oneFile{f}, verified, opts)
}

// openContainer takes over what an image is read from, by the index that is kept for it or else by making one.
func openContainer(ctx context.Context, f container, verified bool, opts Options) (*Release, error) {
	t, facts, err := openImage(ctx, f, verified, opts)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return newRelease(t, facts, newSums(opts.CacheDirectory, f.Name()), newAccounts(opts.CacheDirectory, f.Name()))
}

func openImage(ctx context.Context, f container, verified bool, opts Options) (*imageTree, *facts, error) {
	key, err := f.key()
	if err != nil {
		return nil, nil, err
	}
	store := indexStore{opts.CacheDirectory}
	t := &imageTree{file: f, verified: verified, inflated: map[int]*os.File{}}
	keep := false
	if !verified {
		t.idx = store.load(key)
	}
	if t.idx == nil {
		if t.idx, err = f.scan(ctx, key, store); err != nil {
			return nil, nil, err
		}
		keep = !t.verified
	}
	facts, err := t.begin(ctx, store, &keep)
	if err != nil {
		return nil, nil, errors.Join(err, t.closeInflated())
	}
	if keep {
		store.save(t.idx)
	}
	return t, facts, nil
}

// expect reads a whole file, unless its sha256 is known, and holds that it is the
// expected one.
func expect(ctx context.Context, f *os.File, known, want string) error {
	key, err := oneFile{f}.key()
	if err != nil {
		return err
	}
	if known == "" {
		if known, err = hashWhole(ctx, f, key.Size); err != nil {
			return err
		}
	}
	if known == want {
		return nil
	}
	// A file that is no release, or the beginning of one, is said to be that; what is compressed is not unpacked to find out.
	var re *Error
	if c, err := compressionOf(f); c != nil || err != nil {
		return errors.Join(err, sumMismatch(known, want))
	}
	if _, err := scan(ctx, f, key, indexStore{}); errors.As(err, &re) && (re.Reason == CutShort || re.Reason == NotARelease) {
		return err
	}
	return sumMismatch(known, want)
}

// begin opens what is needed beside the file itself, reads the facts, and
// checks the layers that they come from unless that was done before or the
// whole file is known to be right.
func (t *imageTree) begin(ctx context.Context, store indexStore, changed *bool) (*facts, error) {
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
		if l.Checked || l.DiffID == "" || t.verified {
			continue
		}
		if _, err := t.hashLayer(ctx, i, nil); err != nil {
			return nil, err
		}
		l.Checked, *changed = true, true
	}
	return facts, nil
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
	now, err := t.file.key()
	if err != nil {
		return err
	}
	if now.Size != t.idx.Size || now.ModTime != t.idx.ModTime {
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
	return fmt.Sprintf("%d %d %d", t.idx.Size, t.idx.ModTime, t.idx.Changed), nil
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
// layer's digest, and the whole file is not known to be right, it reads the layer
// from end to end and checks it.
func (t *imageTree) hashLayer(ctx context.Context, i int, files []entry) (map[string]string, error) {
	l := t.idx.Layers[i]
	r, base := t.layer(i)
	whole := sha256.New()
	check := l.DiffID != "" && !t.verified
	at := int64(0)
	upTo := func(end int64, to ...io.Writer) error {
		if check {
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
	if got := "sha256:" + hexSum(whole); check && got != l.DiffID {
		return nil, &Error{Reason: Altered, Detail: fmt.Sprintf("layer %d of the image has the digest %s, the image says %s", i+1, got, l.DiffID)}
	}
	return sums, nil
}

// A section is a part of a file that others read too.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }
