// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Options say how a release is opened.
type Options struct {
	// SHA256 is the expected digest of dcos_generate_config.sh, in hex. Empty:
	// not checked. A directory has none.
	SHA256 string
	// CacheDirectory keeps downloads, indexes and digests, in a directory that
	// has to be this user's alone ([PrivateDirectory]). Empty: nothing is kept,
	// and an http source cannot be opened.
	CacheDirectory string
	// HTTP is the client for http sources; nil means http.DefaultClient.
	HTTP *http.Client
}

// CachePart is the directory in a cache directory that is for releases.
const CachePart = "releases"

// A Release is an open release. It is safe for concurrent use.
type Release struct {
	source string
	tree   tree
	facts  *facts
	digest string
	sums   *sums
	// accounts are what packages ask of hosts.
	accounts *accounts
}

// Open opens the release at source: the path of a file or directory in one of the
// package's forms, or an http(s) address of a file.
// What is wrong with the release is an [*Error].
func Open(ctx context.Context, source string, opts Options) (*Release, error) {
	display := displaySource(source)
	r, err := open(ctx, source, opts)
	if err == nil {
		r.source = display
		return r, nil
	}
	var re *Error
	if !errors.As(err, &re) && errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Source: display, Reason: NotFound, Err: err}
	}
	return nil, sourced(err, display, "")
}

func open(ctx context.Context, source string, opts Options) (*Release, error) {
	opts.SHA256 = strings.ToLower(strings.TrimSpace(opts.SHA256))
	if opts.SHA256 != "" {
		if sum, err := hex.DecodeString(opts.SHA256); err != nil || len(sum) != sha256.Size {
			return nil, &Error{Reason: Altered, Detail: "the expected sha256 is not 64 hexadecimal digits"}
		}
	}
	if opts.CacheDirectory != "" {
		if err := PrivateDirectory(filepath.Join(opts.CacheDirectory, CachePart)); err != nil {
			return nil, &Error{Reason: UnsafeCache, Err: err}
		}
	}
	if isAddress(source) {
		f, sum, err := download(ctx, source, opts)
		if err != nil {
			return nil, err
		}
		return openFile(ctx, f, sum, opts)
	}
	source, err := filepath.Abs(strings.TrimPrefix(source, "file://"))
	if err != nil {
		return nil, err
	}
	fi, err := os.Stat(source)
	switch {
	case err != nil:
		return nil, err
	case fi.Mode().IsRegular():
		f, err := os.Open(source)
		if err != nil {
			return nil, err
		}
		return openFile(ctx, f, "", opts)
	case !fi.IsDir():
		return nil, &Error{Reason: NotARelease, Detail: "it is neither a file nor a directory"}
	case opts.SHA256 != "":
		return nil, &Error{Reason: Unsupported, Detail: "a directory has no sha256; leave it out, or name dcos_generate_config.sh"}
	}
	return openDirectory(ctx, source, opts)
}

func openDirectory(ctx context.Context, dir string, opts Options) (*Release, error) {
	t, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	if isFileSet(t.root) {
		s, err := openFileSet(t.root, dir)
		if err = errors.Join(err, t.close()); err != nil {
			return nil, err
		}
		return openContainer(ctx, s, false, opts)
	}
	if t, dir, err = t.unpacked(dir); err != nil {
		return nil, err
	}
	f, err := readFacts(t)
	var re *Error
	if errors.As(err, &re) && re.Reason == NotARelease {
		const script = "dcos_generate_config.sh"
		if _, statErr := os.Stat(filepath.Join(dir, script)); statErr == nil {
			re.Detail += "; if " + script + " in it is the release, name that file"
		}
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return newRelease(t, f, newSums(opts.CacheDirectory, dir), newAccounts(opts.CacheDirectory, dir))
}

func newRelease(t tree, f *facts, s *sums, a *accounts) (*Release, error) {
	r := &Release{tree: t, facts: f, sums: s, accounts: a}
	var err error
	if r.digest, err = r.computeDigest(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return r, nil
}

// Source gives the source as it was given to Open, without credentials.
func (r *Release) Source() string { return r.source }

// Version gives the version, such as "2.2.1".
func (r *Release) Version() string { return r.facts.version }

// Commit gives the commit that the release was built from.
func (r *Release) Commit() string { return r.facts.commit }

// BootstrapID gives the id of the nodes' bootstrap tarball.
func (r *Release) BootstrapID() string { return r.facts.bootstrapID }

// Variant gives the variant; it is empty for the open one.
func (r *Release) Variant() string { return r.facts.variant }

// Packages gives the ids of the release's packages in the release's order.
func (r *Release) Packages() []string { return slices.Clone(r.facts.packages) }

// Template gives a file of the generator, by its path below gen/
// ("dcos-config.yaml", "ip-detect/aws.sh").
func (r *Release) Template(name string) ([]byte, error) {
	content, _, err := read(r.tree, path.Join(r.facts.gen, path.Join("/", name)))
	if err != nil {
		return nil, r.wrap(err, fmt.Sprintf("template %s", name))
	}
	return content, nil
}

// ExtraTemplate gives a file of gen_extra/, which a rebuilt release may have.
func (r *Release) ExtraTemplate(name string) (content []byte, found bool, err error) {
	content, _, err = read(r.tree, path.Join("gen_extra", path.Join("/", name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, r.wrap(err, "gen_extra/"+name)
	}
	return content, true, nil
}

// Digest identifies what can be rendered from the release: it covers version,
// commit, ids and templates, not the payload of the packages, which their ids
// stand for.
func (r *Release) Digest() string { return r.digest }

// computeDigest hashes what the digest covers, each part with its length.
func (r *Release) computeDigest() (string, error) {
	h := sha256.New()
	add := func(name string, content []byte) {
		fmt.Fprintf(h, "%s %d\n", name, len(content))
		h.Write(content)
	}
	add("version", []byte(r.facts.version))
	add("commit", []byte(r.facts.commit))
	add("bootstrap", []byte(r.facts.bootstrapID))
	add("variant", []byte(r.facts.variant))
	add("packages", []byte(strings.Join(r.facts.packages, "\n")))
	for _, name := range templateNames {
		content, err := r.Template(name)
		if err != nil {
			return "", err
		}
		add("gen/"+name, content)
		if content, found, err := r.ExtraTemplate(name); err != nil {
			return "", err
		} else if found {
			add("gen_extra/"+name, content)
		}
	}
	if content, found, err := r.ExtraTemplate("calc.py"); err != nil {
		return "", err
	} else if found {
		add("gen_extra/calc.py", content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// wrap makes an error of this release's.
func (r *Release) wrap(err error, what string) error {
	var re *Error
	if !errors.As(err, &re) && errors.Is(err, fs.ErrNotExist) {
		return &Error{Source: r.source, Reason: Incomplete, Detail: what + " is not in it", Err: err}
	}
	return sourced(err, r.source, what)
}

// Close releases the file. Readers that are still open fail afterwards.
func (r *Release) Close() error { return r.tree.close() }
