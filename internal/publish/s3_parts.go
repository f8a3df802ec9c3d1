// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// putParts stores a large object in parts, one after the other; other objects
// travel beside it. There is nothing under its name before all parts are there.
func (s *s3Store) putParts(ctx context.Context, f bundle.Artifact, body io.ReadSeeker) (Stored, error) {
	key := aws.String(s.prefix + f.Path)
	upload, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: key, ContentType: aws.String(contentType(f.Path)), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return Stored{}, err
	}
	parts, known, err := s.sendParts(ctx, f, body, upload)
	if err != nil {
		// Parts that lie about cost money. An interrupted run takes them away too.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, abort := s.client.AbortMultipartUpload(clean, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: key, UploadId: upload.UploadId})
		return Stored{}, errors.Join(err, abort)
	}
	out, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return Stored{}, err
	}
	if !known {
		err = s.compare(ctx, f)
	}
	return Stored{f.Size, aws.ToString(out.ETag)}, err
}

// sendParts sends the parts, each signed by its own hash, and holds that
// together they are the file. known says that the server has confirmed each.
func (s *s3Store) sendParts(
	ctx context.Context, f bundle.Artifact, body io.ReadSeeker, upload *s3.CreateMultipartUploadOutput,
) (parts []types.CompletedPart, known bool, err error) {
	whole := sha256.New()
	known = true
	for at, number := int64(0), int32(1); at < f.Size; at, number = at+s.part, number+1 {
		part := &filePart{from: body, start: at, size: min(s.part, f.Size-at)}
		own := sha256.New()
		if n, err := io.Copy(io.MultiWriter(whole, own), part); err != nil || n != part.size {
			return nil, false, errors.Join(err, fmt.Errorf("%d of %d bytes could be read", at+n, f.Size))
		}
		if _, err := part.Seek(0, io.SeekStart); err != nil {
			return nil, false, err
		}
		sum := own.Sum(nil)
		out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &s.bucket, Key: aws.String(s.prefix + f.Path), UploadId: upload.UploadId, PartNumber: &number, Body: part,
			ContentLength:  &part.size,
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
		}, func(o *s3.Options) { o.APIOptions = append(o.APIOptions, signed(hex.EncodeToString(sum))) })
		if err != nil {
			return nil, false, err
		}
		if known {
			if known, err = confirmed(f, at, part.size, sum, out.ChecksumSHA256, out.ETag); err != nil {
				return nil, false, err
			}
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumSHA256: out.ChecksumSHA256})
	}
	if sum := hex.EncodeToString(whole.Sum(nil)); sum != f.SHA256 {
		return nil, false, fmt.Errorf("it has changed: its SHA-256 is %s, not %s", sum, f.SHA256)
	}
	return parts, known, nil
}

// A filePart is a part of a file. Unlike an io.SectionReader it needs no file
// that is read at several places at once.
type filePart struct {
	from            io.ReadSeeker
	start, size, at int64
}

// Read reads on.
func (s *filePart) Read(p []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if _, err := s.from.Seek(s.start+s.at, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := s.from.Read(p[:min(int64(len(p)), s.size-s.at)])
	s.at += int64(n)
	return n, err
}

// Seek goes to a place in it.
func (s *filePart) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("a place before the beginning")
	}
	s.at = offset
	return offset, nil
}
