// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// S3 says where in an S3-compatible object store a serve directory is.
// Credentials come from where the AWS command line has them.
type S3 struct {
	Bucket    string
	Prefix    string // before every name; a slash is put after it
	Region    string // "": as configured for the AWS command line
	Endpoint  string // "": AWS's
	PathStyle bool   // the bucket is in the path, not in the host name
	Profile   string // "": as configured for the AWS command line
	PartSize  int64  // larger files travel in parts of this size; 0: 512 MiB. S3 takes no less than 5 MiB
}

// s3PartSize is far below the 5 GiB that S3 takes at once, and 10,000 parts of
// it, which is how many S3 takes, are 5 TiB: the largest object there is.
const s3PartSize = 512 << 20

// s3AtOnce is how many objects travel side by side.
const s3AtOnce = 8

// s3Store is a Store in S3. Writing an object replaces it atomically.
type s3Store struct {
	client *s3.Client
	bucket string
	prefix string
	part   int64
}

// NewS3 makes a Store. It asks nobody anything yet.
func NewS3(ctx context.Context, where S3) (Store, error) {
	var options []func(*config.LoadOptions) error
	if where.Region != "" {
		options = append(options, config.WithRegion(where.Region))
	}
	if where.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(where.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" && where.Endpoint != "" {
		cfg.Region = "us-east-1" // others than AWS take any
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPSignerV4 = lenientSigner{o.HTTPSignerV4}
		o.UsePathStyle = where.PathStyle
		if where.Endpoint != "" {
			o.BaseEndpoint = aws.String(where.Endpoint)
		}
		// Other servers know no checksums in trailers. The body's hash is
		// signed, and confirm holds that it was looked at.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	prefix := strings.Trim(where.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &s3Store{client, where.Bucket, prefix, cmp.Or(where.PartSize, s3PartSize)}, nil
}

// A lenientSigner leaves Accept-Encoding out of the signature, which the SDK has in it: Google Cloud Storage and many a proxy change that
// header on the way, and then what arrives is not what was signed (github.com/aws/aws-sdk-go-v2/issues/1816).
type lenientSigner struct{ s3.HTTPSignerV4 }

// SignHTTP signs a request.
func (s lenientSigner) SignHTTP(ctx context.Context, keys aws.Credentials, r *http.Request, hash, service, region string, at time.Time,
	options ...func(*v4.SignerOptions),
) error {
	const header = "Accept-Encoding"
	if accepted, found := r.Header[header]; found {
		defer func() { r.Header[header] = accepted }()
		r.Header.Del(header)
	}
	return s.HTTPSignerV4.SignHTTP(ctx, keys, r, hash, service, region, at, options...)
}

// Read gives an object.
func (s *s3Store) Read(ctx context.Context, name string) ([]byte, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)})
	var none *types.NoSuchKey
	switch {
	case errors.As(err, &none):
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case err != nil:
		return nil, s.explain("reading", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(out.Body, maxManifest+1))
	if err == nil && len(text) > maxManifest {
		err = s.explain("reading", name, errors.New("it is too long"))
	}
	return text, errors.Join(err, out.Body.Close())
}

// Stat lists the objects below the prefix.
func (s *s3Store) Stat(ctx context.Context, names []string) (map[string]Stored, error) {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	there := map[string]Stored{}
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.explain("listing", "", err)
		}
		for _, object := range page.Contents {
			name := strings.TrimPrefix(aws.ToString(object.Key), s.prefix)
			if wanted[name] {
				there[name] = Stored{aws.ToInt64(object.Size), aws.ToString(object.ETag)}
			}
		}
	}
	return there, nil
}

// Sums reads objects, side by side. Other than their ETag, which depends on how
// they got there, their content says whether they are equal.
func (s *s3Store) Sums(ctx context.Context, names []string) (map[string]string, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s3AtOnce)
	var mu sync.Mutex
	sums := map[string]string{}
	for _, name := range names {
		group.Go(func() error {
			out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)})
			if err != nil {
				return s.explain("reading", name, err)
			}
			sum := sha256.New()
			_, err = io.Copy(sum, out.Body)
			if err = errors.Join(err, out.Body.Close()); err != nil {
				return s.explain("reading", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			sums[name] = hex.EncodeToString(sum.Sum(nil))
			return nil
		})
	}
	return sums, group.Wait()
}

// Put stores objects side by side.
func (s *s3Store) Put(ctx context.Context, files []bundle.Artifact, put func(string, Stored)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s3AtOnce)
	var mu sync.Mutex
	for _, f := range files {
		group.Go(func() error {
			stored, err := s.put(ctx, f)
			if err != nil {
				return s.explain("writing", f.Path, err)
			}
			mu.Lock()
			defer mu.Unlock()
			put(f.Path, stored)
			return nil
		})
	}
	return group.Wait()
}

var errNotTwice = errors.New("it cannot be read twice")

func (s *s3Store) put(ctx context.Context, f bundle.Artifact) (Stored, error) {
	in, err := f.Open()
	if err != nil {
		return Stored{}, err
	}
	defer func() { _ = in.Close() }() // it was read
	body, ok := in.(io.ReadSeeker)
	if !ok {
		return Stored{}, errNotTwice
	}
	if f.Size > s.part {
		return s.putParts(ctx, f, body)
	}
	sum, err := hex.DecodeString(f.SHA256)
	if err != nil {
		return Stored{}, err
	}
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
		Bucket:         &s.bucket, Key: aws.String(s.prefix + f.Path), Body: body, ContentLength: &f.Size,
		ContentType: aws.String(contentType(f.Path)),
	}, func(o *s3.Options) { o.APIOptions = append(o.APIOptions, signed(f.SHA256)) })
	if err != nil {
		return Stored{}, err
	}
	stored := Stored{f.Size, aws.ToString(out.ETag)}
	known, err := confirmed(f, 0, f.Size, sum, out.ChecksumSHA256, out.ETag)
	if err == nil && !known {
		err = s.compare(ctx, f)
	}
	return stored, err
}

// signed signs a body by a hash that is known already, so that it is read once
// only. The server refuses a body that is another.
func signed(sum string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		_, err := stack.Finalize.Swap((&v4.ComputePayloadSHA256{}).ID(), middleware.FinalizeMiddlewareFunc((&v4.ComputePayloadSHA256{}).ID(),
			func(ctx context.Context, in middleware.FinalizeInput,
				next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, sum), in)
			}))
		return err
	}
}

// Remove removes objects.
func (s *s3Store) Remove(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s3AtOnce)
	for _, name := range names {
		group.Go(func() error {
			_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)})
			return s.explain("removing", name, err)
		})
	}
	return group.Wait()
}

// explain says what was being done, without the request's own words, which
// have the host name and ids in them twice.
func (s *s3Store) explain(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	at := "s3://" + s.bucket + "/" + s.prefix + name
	var api smithy.APIError
	if errors.As(err, &api) {
		more := ""
		if api.ErrorCode() == "SignatureDoesNotMatch" {
			more = ". Either the secret key is not that of the access key id, or what was signed is not what arrived: a proxy or a gateway on the " +
				"way changes the request's host, path or headers"
		}
		return fmt.Errorf("%s %s: %s: %s%s", doing, at, api.ErrorCode(), strings.TrimSuffix(api.ErrorMessage(), "."), more)
	}
	return fmt.Errorf("%s %s: %w", doing, at, err)
}

// contentType is what a browser should take a file for.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".sh", ".latest":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
