// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/ec2"
)

// S3 is an object in a bucket, whose key is the prefix itself.
type S3 struct {
	Endpoint, Region, Bucket, Prefix string
	Credentials                      func(context.Context) (ec2.Keys, error)
}

// bucketLock is how the keys of locks begin. They are not below the prefix: the option
// that would say how they begin is one that DC/OS does not give, and exhibitor takes the
// word null for it.
const bucketLock = "null-lock-"

// Load gets the object. Its version is when it was stored, to the second. As exhibitor
// does, it takes what it may not read for what is not there.
func (s S3) Load(ctx context.Context) (text []byte, version string, err error) {
	text, header, err := s.do(ctx, http.MethodGet, s.Prefix, nil, nil)
	if missing(err) {
		return nil, "", nil
	}
	return text, header.Get("Last-Modified"), err
}

func missing(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// Store puts the object.
func (s S3) Store(ctx context.Context, text []byte, version string) (string, error) {
	_, header, err := s.do(ctx, http.MethodHead, s.Prefix, nil, nil)
	if err != nil && !missing(err) {
		return "", err
	}
	if err == nil && header.Get("Last-Modified") != version {
		return "", nil
	}
	if _, _, err := s.do(ctx, http.MethodPut, s.Prefix, nil, text); err != nil {
		return "", err
	}
	_, header, err = s.do(ctx, http.MethodHead, s.Prefix, nil, nil)
	return header.Get("Last-Modified"), err
}

// Lock has an object in the bucket.
func (s S3) Lock(ctx context.Context, settling, patience time.Duration) (func() error, error) {
	return pseudoLock{
		prefix: bucketLock,
		put: func(ctx context.Context, name string) error {
			_, _, err := s.do(ctx, http.MethodPut, name, nil, []byte("lock"))
			return err
		},
		remove: func(ctx context.Context, name string) error {
			_, _, err := s.do(ctx, http.MethodDelete, name, nil, nil)
			return err
		},
		list: func(ctx context.Context) ([]string, error) {
			listing, _, err := s.do(ctx, http.MethodGet, "", url.Values{"list-type": {"2"}, "prefix": {bucketLock}}, nil)
			if err != nil {
				return nil, err
			}
			var list struct {
				Contents []struct{ Key string }
			}
			if err := xml.Unmarshal(listing, &list); err != nil {
				return nil, fmt.Errorf("list bucket %s: %w", s.Bucket, err)
			}
			var keys []string
			for _, object := range list.Contents {
				keys = append(keys, object.Key)
			}
			return keys, nil
		},
	}.lock(ctx, settling, patience)
}

// do sends a signed request; without a key it is about the bucket. What is
// not there is an error of os.ErrNotExist, what is forbidden one of os.ErrPermission.
func (s S3) do(ctx context.Context, method, key string, query url.Values, body []byte) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	keys, err := s.Credentials(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("credentials for S3: %w", err)
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, nil, err
	}
	u.Path = "/" + s.Bucket + "/" + key
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	ec2.Sign(req, body, keys, s.Region, "s3", time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, nil, err
	case resp.StatusCode == http.StatusNotFound && key != "":
		return nil, nil, fmt.Errorf("%s: %w", key, os.ErrNotExist)
	case resp.StatusCode == http.StatusForbidden:
		return nil, nil, fmt.Errorf("%s %s: %s: %s (%w)", method, u.Path, resp.Status, text, os.ErrPermission)
	case resp.StatusCode/100 != 2:
		return nil, nil, fmt.Errorf("%s %s: %s: %s", method, u.Path, resp.Status, text)
	}
	return text, resp.Header, nil
}

// explicitKeys reads exhibitor.properties.
func explicitKeys(text string) ec2.Keys {
	var keys ec2.Keys
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "com.netflix.exhibitor.s3.access-key-id":
			keys.AccessKeyID = value
		case "com.netflix.exhibitor.s3.access-secret-key":
			keys.SecretAccessKey = value
		}
	}
	return keys
}
