// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package objectstore is an S3-compatible server for the lab: the one that is
// behind rclone's `serve s3`, with buckets in memory. It checks signatures
// (AWS version 4) against the access keys that it was told of; a request
// without one is refused.
//
// Left out: policies (a key opens every bucket), and regions.
//
// Compared: never with Amazon's own.
package objectstore

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// Store is a server's content. It is a handler for path-style requests.
type Store struct {
	backend *s3mem.Backend
	server  *gofakes3.GoFakeS3
	handler http.Handler
}

var _ http.Handler = (*Store)(nil)

// New makes an empty store that nobody has a key to.
func New() *Store {
	backend := s3mem.New()
	// With no key at all the server would let everybody in.
	server := gofakes3.New(backend, gofakes3.WithV4Auth(map[string]string{rand.Text(): rand.Text()}))
	return &Store{backend, server, server.Server()}
}

// Allow lets an access key in.
func (s *Store) Allow(id, secret string) { s.server.AddAuthKeys(map[string]string{id: secret}) }

// Forbid takes an access key back.
func (s *Store) Forbid(id string) { s.server.DelAuthKeys([]string{id}) }

// ServeHTTP answers a request to S3.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// CreateBucket makes a bucket.
func (s *Store) CreateBucket(ctx context.Context, name string) error {
	return s.backend.CreateBucket(ctx, name)
}

// BucketExists says whether there is a bucket of that name.
func (s *Store) BucketExists(ctx context.Context, name string) (bool, error) {
	return s.backend.BucketExists(ctx, name)
}

// Keys gives the keys of a bucket's objects.
func (s *Store) Keys(ctx context.Context, bucket string) ([]string, error) {
	list, err := s.backend.ListBucket(ctx, bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, object := range list.Contents {
		keys = append(keys, object.Key)
	}
	return keys, nil
}

// Object gives an object's content.
func (s *Store) Object(ctx context.Context, bucket, key string) ([]byte, error) {
	object, err := s.backend.GetObject(ctx, bucket, key, nil)
	if err != nil {
		return nil, err
	}
	defer object.Contents.Close()
	return io.ReadAll(object.Contents)
}

// DeleteBucket removes a bucket, which has to be empty unless force is set.
func (s *Store) DeleteBucket(ctx context.Context, name string, force bool) error {
	if force {
		keys, err := s.Keys(ctx, name)
		if err != nil {
			return err
		}
		if result, err := s.backend.DeleteMulti(ctx, name, keys...); err != nil || len(result.Error) > 0 {
			return errors.Join(err, result.AsError())
		}
	}
	return s.backend.DeleteBucket(ctx, name)
}
