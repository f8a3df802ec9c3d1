// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// keptBundles is how many bundles a cache keeps. One process rarely has more
// clusters; the ones beyond are built again, which takes milliseconds.
const keptBundles = 32

// A Cache opens each release once and builds each bundle once, however many
// ask. It is safe for concurrent use.
type Cache struct {
	directory string
	flight    singleflight.Group

	mu         sync.Mutex
	generators map[string]*Generator
	bundles    map[string]*list.Element // of cachedBundle
	recent     *list.List               // most recently used first
	closed     bool
}

type cachedBundle struct {
	key    string
	bundle *Bundle
}

// NewCache gives a cache that keeps its files in cacheDirectory.
func NewCache(cacheDirectory string) *Cache {
	return &Cache{
		directory:  cacheDirectory,
		generators: map[string]*Generator{},
		bundles:    map[string]*list.Element{},
		recent:     list.New(),
	}
}

// Release gives the open release. The cache closes it.
func (c *Cache) Release(ctx context.Context, source, sum string) (*release.Release, error) {
	g, err := c.Generator(ctx, source, sum)
	if err != nil {
		return nil, err
	}
	return g.Release(), nil
}

// Generator gives the generator of a release.
func (c *Cache) Generator(ctx context.Context, source, sum string) (*Generator, error) {
	key := fmt.Sprintf("release %q %q %s", source, sum, stamp(source))
	find := func() (*Generator, bool) {
		g, ok := c.generators[key]
		return g, ok
	}
	return once(ctx, c, key, find, func() (*Generator, error) {
		rel, err := release.Open(ctx, source, release.Options{SHA256: sum, CacheDirectory: c.directory})
		if err != nil {
			return nil, err
		}
		g, err := NewGenerator(rel)
		if err != nil {
			return nil, errors.Join(err, rel.Close())
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return nil, errors.Join(errors.New("the cache is closed"), rel.Close())
		}
		c.generators[key] = g
		return g, nil
	})
}

// Bundle gives the bundle of an encoded recipe.
func (c *Cache) Bundle(ctx context.Context, recipe string, secrets map[string]string) (*Bundle, error) {
	r, err := DecodeRecipe(recipe)
	if err != nil {
		return nil, err
	}
	g, err := c.Generator(ctx, r.Release.Source, r.Release.SHA256)
	if err != nil {
		return nil, err
	}
	// The release's digest is in the key, so that a release that was replaced
	// at its place gives another bundle; secrets are in it by digest only.
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		part(h, fmt.Sprintf("%q", name), []byte(secrets[name]))
	}
	key := fmt.Sprintf("bundle %s %x %s", g.Release().Digest(), h.Sum(nil), recipe)
	find := func() (*Bundle, bool) {
		e, ok := c.bundles[key]
		if !ok {
			return nil, false
		}
		c.recent.MoveToFront(e)
		b, ok := e.Value.(cachedBundle)
		return b.bundle, ok
	}
	return once(ctx, c, key, find, func() (*Bundle, error) {
		b, err := g.Build(ctx, r.Site(secrets))
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bundles[key] = c.recent.PushFront(cachedBundle{key, b})
		for c.recent.Len() > keptBundles {
			if old, ok := c.recent.Remove(c.recent.Back()).(cachedBundle); ok {
				delete(c.bundles, old.key)
			}
		}
		return b, nil
	})
}

// once gives what is found, or else made by one of all who ask for the key.
func once[T any](ctx context.Context, c *Cache, key string, find func() (T, bool), produce func() (T, error)) (T, error) {
	lookup := func() (T, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return find()
	}
	for {
		if v, ok := lookup(); ok {
			return v, nil
		}
		done := c.flight.DoChan(key, func() (any, error) {
			if v, ok := lookup(); ok {
				return v, nil
			}
			return produce()
		})
		select {
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		case r := <-done:
			// The one who made it may have been interrupted; we were not.
			if r.Shared && ctx.Err() == nil && (errors.Is(r.Err, context.Canceled) || errors.Is(r.Err, context.DeadlineExceeded)) {
				continue
			}
			v, ok := r.Val.(T)
			if r.Err == nil && !ok {
				return v, fmt.Errorf("a %T is in the place of a %T", r.Val, v)
			}
			return v, r.Err
		}
	}
}

// stamp tells one file or directory at a place from another that was there
// before. An address has none.
func stamp(source string) string {
	path, err := filepath.Abs(source)
	if err != nil {
		return ""
	}
	fi, err := os.Stat(path)
	if err != nil {
		return "" // opening says what is wrong
	}
	return fmt.Sprintf("%d %d", fi.Size(), fi.ModTime().UnixNano())
}

// Close closes the releases.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	var errs []error
	for _, g := range c.generators {
		errs = append(errs, g.rel.Close())
	}
	clear(c.generators)
	clear(c.bundles)
	c.recent.Init()
	return errors.Join(errs...)
}
