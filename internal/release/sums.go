// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"
)

// sums remembers the digests of a release's files, in memory and in a file of
// the cache directory, which has one line for each: digest, stamp, path. Lines
// are only ever appended, in one write each, so that processes may share it;
// a line that is damaged or out of date is as good as none.
type sums struct {
	file string // "": memory only

	mu     sync.Mutex
	known  map[string]string // stamp + " " + path → digest
	flight singleflight.Group
}

// stamper is a tree that can tell whether a file changed.
type stamper interface {
	stamp(ref fileRef) (string, error)
}

// hasher is a tree that hashes many of its files in one go.
type hasher interface {
	// group names the files that are hashed together with ref.
	group(ref fileRef) string
	// hashAll gives the digests of the group by path.
	hashAll(ctx context.Context, ref fileRef) (map[string]string, error)
}

// newSums reads the digests that are kept for a source.
func newSums(cacheDirectory, source string) *sums {
	s := &sums{known: map[string]string{}}
	if cacheDirectory == "" {
		return s
	}
	s.file = filepath.Join(cacheDirectory, CachePart, "sums", cacheKey(source)+".txt")
	text, err := os.ReadFile(s.file)
	if err != nil {
		return s // not there yet, or not readable: worked out again
	}
	for line := range strings.Lines(string(text)) {
		line, whole := strings.CutSuffix(line, "\n")
		digest, key, ok := strings.Cut(line, " ")
		if _, err := hex.DecodeString(digest); whole && ok && err == nil && len(digest) == 2*sha256.Size {
			s.known[key] = digest
		}
	}
	return s
}

func (s *sums) get(key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, ok := s.known[key]
	return sum, ok
}

func (s *sums) put(found map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines strings.Builder
	for key, sum := range found {
		if s.known[key] != sum && !strings.Contains(key, "\n") {
			fmt.Fprintf(&lines, "%s %s\n", sum, key)
		}
		s.known[key] = sum
	}
	if s.file == "" || lines.Len() == 0 {
		return
	}
	// Keeping digests saves time and is no part of the result, so a cache
	// directory that cannot be written to is no error.
	if err := os.MkdirAll(filepath.Dir(s.file), 0o700); err != nil {
		return
	}
	f, err := os.OpenFile(s.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString(lines.String()) // as above
	_ = f.Close()                        // as above
}

// of gives the digest of a file of the tree.
func (s *sums) of(ctx context.Context, t tree, ref fileRef) (string, error) {
	stamp := ""
	if st, ok := t.(stamper); ok {
		var err error
		if stamp, err = st.stamp(ref); err != nil {
			return "", err
		}
	}
	key := stamp + " " + ref.path
	if sum, ok := s.get(key); ok {
		return sum, nil
	}
	group := ref.path
	h, many := t.(hasher)
	if many {
		group = h.group(ref)
	}
	for {
		_, err, shared := s.flight.Do(group, func() (any, error) {
			if _, ok := s.get(key); ok {
				return nil, nil
			}
			if !many {
				sum, err := hashFile(ctx, t, ref)
				if err == nil {
					s.put(map[string]string{key: sum})
				}
				return nil, err
			}
			all, err := h.hashAll(ctx, ref)
			if err != nil {
				return nil, err
			}
			found := make(map[string]string, len(all))
			for path, sum := range all {
				found[stamp+" "+path] = sum
			}
			s.put(found)
			return nil, nil
		})
		// Another's interruption is not ours.
		if err != nil && shared && ctx.Err() == nil && errors.Is(err, context.Canceled) {
			continue
		}
		if err != nil {
			return "", err
		}
		if sum, ok := s.get(key); ok {
			return sum, nil
		}
		return "", fmt.Errorf("%s was not among the files that were read", ref.path)
	}
}

func hashFile(ctx context.Context, t tree, ref fileRef) (string, error) {
	f, err := t.open(ref)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	err = copyContext(ctx, h, f, ref.size)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return hexSum(h), nil
}

// A contextReader reads while the context lasts.
type contextReader struct {
	ctx context.Context //nolint:containedctx // a Read has none of its own
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// copyContext copies exactly n bytes while the context lasts.
func copyContext(ctx context.Context, w io.Writer, r io.Reader, n int64) error {
	buf := make([]byte, min(max(n, 1), 256<<10))
	done, err := io.CopyBuffer(w, io.LimitReader(contextReader{ctx, r}, n), buf)
	if err == nil && done < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// cacheKey names what belongs to a source in the cache directory.
func cacheKey(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:16])
}
