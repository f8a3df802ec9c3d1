// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/ec2"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/exhibitor"
)

// What is stored in a bucket of a real S3-compatible server, which checks signatures, is
// under the prefix itself; locks are beside it.
func TestS3(t *testing.T) {
	t.Parallel()
	store := s3mem.New()
	if err := store.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	signed := gofakes3.WithV4Auth(map[string]string{"AKID": "secret/with+signs"})
	web := httptest.NewServer(gofakes3.New(store, signed).Server())
	t.Cleanup(web.Close)
	keys := ec2.Keys{AccessKeyID: "AKID", SecretAccessKey: "secret/with+signs", Token: "of a role"}
	s3 := exhibitor.S3{
		Endpoint: web.URL, Region: "eu-central-1", Bucket: "bucket", Prefix: "dcos/main",
		Credentials: func(context.Context) (ec2.Keys, error) { return keys, nil },
	}
	holds(t, s3)
	object, err := store.GetObject(t.Context(), "bucket", "dcos/main", nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(object.Contents); err != nil || string(text) != "two" {
		t.Errorf("%q, %v", text, err)
	}
	// Another cluster in the same bucket.
	s3.Prefix = "dcos/main2"
	if text, version, err := s3.Load(t.Context()); len(text) > 0 || version != "" || err != nil {
		t.Errorf("under another prefix: %q, %q, %v", text, version, err)
	}
	// What may not be read is taken for nothing; what may not be written is an error.
	keys.SecretAccessKey = "another"
	if text, version, err := s3.Load(t.Context()); len(text) > 0 || version != "" || err != nil {
		t.Errorf("with a wrong secret: %q, %q, %v", text, version, err)
	}
	if _, err := s3.Store(t.Context(), []byte("three"), ""); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("with a wrong secret: %v", err)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	holds(t, exhibitor.Shared{Dir: t.TempDir()})
}

// holds holds that a storage, which is empty, keeps what the last one stored who knew
// what there was, and gives its lock to one at a time.
func holds(t *testing.T, s exhibitor.Storage) {
	t.Helper()
	ctx := t.Context()
	if text, version, err := s.Load(ctx); len(text) > 0 || version != "" || err != nil {
		t.Fatalf("nothing is stored, and it is %q, %q, %v", text, version, err)
	}
	first, err := s.Store(ctx, []byte("one"), "")
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	time.Sleep(1100 * time.Millisecond) // S3's versions are to the second
	second, err := s.Store(ctx, []byte("two"), first)
	if err != nil || second == "" || second == first {
		t.Fatalf("%q, %v", second, err)
	}
	for _, old := range []string{"", first} {
		if version, err := s.Store(ctx, []byte("three"), old); version != "" || err != nil {
			t.Errorf("stored over another's: %q, %v", version, err)
		}
	}
	if text, version, err := s.Load(ctx); string(text) != "two" || version != second || err != nil {
		t.Errorf("%q, %q, %v", text, version, err)
	}

	const settling, patience = 100 * time.Millisecond, 2 * time.Second
	free, err := s.Lock(ctx, settling, patience)
	if err != nil || free == nil {
		t.Fatal(err)
	}
	if again, err := s.Lock(ctx, settling, time.Second); again != nil || err != nil {
		t.Errorf("two have the lock, or %v", err)
	}
	if err := free(); err != nil {
		t.Error(err)
	}
	if free, err = s.Lock(ctx, settling, patience); err != nil || free == nil {
		t.Fatalf("it is not free again: %v", err)
	}
	if err := free(); err != nil {
		t.Error(err)
	}
}
