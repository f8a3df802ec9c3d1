// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/ec2"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/exhibitor"
)

// Members find each other in a bucket of a real S3-compatible server, which
// checks their signatures.
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
	join := func(hostname string) []string {
		t.Helper()
		members, err := s3.Join(t.Context(), hostname)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range members {
			names = append(names, m.Hostname)
		}
		return names
	}
	if got := join("10.0.0.1"); !slices.Equal(got, []string{"10.0.0.1"}) {
		t.Errorf("alone: %v", got)
	}
	if got := join("10.0.0.2"); !slices.Equal(got, []string{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("after another: %v", got)
	}
	if got := join("10.0.0.1"); !slices.Equal(got, []string{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("again: %v", got)
	}
	// Another cluster in the same bucket.
	s3.Prefix = "dcos/main2"
	if got := join("10.0.0.9"); !slices.Equal(got, []string{"10.0.0.9"}) {
		t.Errorf("under another prefix: %v", got)
	}
	keys.SecretAccessKey = "another"
	if _, err := s3.Join(t.Context(), "10.0.0.1"); err == nil || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("with a wrong secret: %v", err)
	}
}
