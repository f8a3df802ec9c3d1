// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"bytes"
	"context"
	"encoding/json"
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

// S3 is a bucket. Each member has an object in it whose key begins with the
// prefix. Like exhibitor's, the objects stay when DC/OS goes.
type S3 struct {
	Endpoint, Region, Bucket, Prefix string
	Credentials                      func(context.Context) (ec2.Keys, error)
}

// Join writes this member's object and reads all.
func (s S3) Join(ctx context.Context, hostname string) ([]Member, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	key := s.Prefix + "." + hostname + memberSuffix
	before, err := s.member(ctx, key)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(renewed(before, hostname, time.Now()))
	if err != nil {
		return nil, err
	}
	if _, err := s.do(ctx, http.MethodPut, key, nil, text); err != nil {
		return nil, err
	}
	listing, err := s.do(ctx, http.MethodGet, "", url.Values{"list-type": {"2"}, "prefix": {s.Prefix + "."}}, nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Contents []struct{ Key string }
	}
	if err := xml.Unmarshal(listing, &list); err != nil {
		return nil, fmt.Errorf("list bucket %s: %w", s.Bucket, err)
	}
	var all []Member
	for _, object := range list.Contents {
		m, err := s.member(ctx, object.Key)
		if err != nil {
			return nil, err
		}
		if m != nil {
			all = append(all, *m)
		}
	}
	return all, nil
}

// member reads a member's object, nil if there is none.
func (s S3) member(ctx context.Context, key string) (*Member, error) {
	text, err := s.do(ctx, http.MethodGet, key, nil, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m Member
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &m, nil
}

// do sends a signed request; without a key it is about the bucket. What is
// not there is an error of os.ErrNotExist.
func (s S3) do(ctx context.Context, method, key string, query url.Values, body []byte) ([]byte, error) {
	keys, err := s.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials for S3: %w", err)
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, err
	}
	u.Path = "/" + s.Bucket + "/" + key
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	ec2.Sign(req, body, keys, s.Region, "s3", time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound && key != "":
		return nil, fmt.Errorf("%s: %w", key, os.ErrNotExist)
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s %s: %s: %s", method, u.Path, resp.Status, text)
	}
	return text, nil
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
