// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what S3 calls an ETag
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// Nodes take what they fetch without a look at its sum, so a place must not have anything else than what was meant. S3
// itself refuses a body that has not the sum in its header; not all servers do that.

// confirmed says whether an answer tells that the server has got size bytes of a file from start on, whose SHA-256 is
// sum: it names the sum that it has checked, or an entity tag that is the content's MD5. A server that encrypts has
// other tags.
func confirmed(f bundle.Artifact, start, size int64, sum []byte, named, tag *string) (known bool, err error) {
	if aws.ToString(named) == base64.StdEncoding.EncodeToString(sum) {
		return true, nil
	}
	theirs, err := hex.DecodeString(strings.Trim(aws.ToString(tag), `"`))
	if err != nil || len(theirs) != md5.Size {
		return false, nil // it is no sum
	}
	in, err := f.Open() // what was sent from may not be read to its end yet
	if err != nil {
		return false, err
	}
	defer func() { _ = in.Close() }() // it was read
	body, ok := in.(io.ReadSeeker)
	if !ok {
		return false, errNotTwice
	}
	if _, err := body.Seek(start, io.SeekStart); err != nil {
		return false, err
	}
	own := md5.New() //nolint:gosec // not to keep anybody off
	if n, err := io.CopyN(own, body, size); err != nil {
		return false, fmt.Errorf("%d of %d bytes could be read: %w", n, size, err)
	}
	return bytes.Equal(own.Sum(nil), theirs), nil
}

// compare reads an object that was just written, and removes it unless it is what it should be.
func (s *s3Store) compare(ctx context.Context, f bundle.Artifact) error {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + f.Path)})
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) == f.SHA256 {
		return nil
	}
	return errors.Join(fmt.Errorf("what is there now is not what was sent (%d bytes of %d, SHA-256 %x): the server, or something before it, "+
		"has altered it, and did not look at its sum", n, f.Size, sum.Sum(nil)), s.Remove(context.WithoutCancel(ctx), []string{f.Path}))
}
