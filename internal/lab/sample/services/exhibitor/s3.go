// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"
)

// S3 is a bucket. Each member has an object in it whose key begins with the
// prefix. Like exhibitor's, the objects stay when DC/OS goes.
type S3 struct {
	Endpoint, Region, Bucket, Prefix string
	Credentials                      func(context.Context) (Keys, error)
}

// Keys are credentials of AWS.
type Keys struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
	Token           string `json:"Token"` // of an instance's role
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
	sign(req, body, keys, s.Region, time.Now())
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

// sign adds AWS's signature, version 4, to a request to S3.
func sign(req *http.Request, body []byte, keys Keys, region string, now time.Time) {
	sum := func(b []byte) string {
		h := sha256.Sum256(b)
		return hex.EncodeToString(h[:])
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stamp := now.UTC().Format("20060102T150405Z")
	day := stamp[:8]
	headers := map[string]string{"host": req.URL.Host, "x-amz-content-sha256": sum(body), "x-amz-date": stamp}
	if keys.Token != "" {
		headers["x-amz-security-token"] = keys.Token
	}
	names := make([]string, 0, len(headers))
	for name, value := range headers {
		names = append(names, name)
		if name != "host" {
			req.Header.Set(name, value)
		}
	}
	sort.Strings(names)
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", req.Method, req.URL.EscapedPath(), req.URL.RawQuery)
	for _, name := range names {
		fmt.Fprintf(&canonical, "%s:%s\n", name, headers[name])
	}
	signed := strings.Join(names, ";")
	fmt.Fprintf(&canonical, "\n%s\n%s", signed, headers["x-amz-content-sha256"])
	scope := strings.Join([]string{day, region, "s3", "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, sum([]byte(canonical.String()))}, "\n")
	key := []byte("AWS4" + keys.SecretAccessKey)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		keys.AccessKeyID, scope, signed, hex.EncodeToString(mac(key, text))))
}

// explicitKeys reads exhibitor.properties.
func explicitKeys(text string) Keys {
	var keys Keys
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

// metadata is the instance metadata service of EC2.
const metadata = "http://169.254.169.254/latest/"

// roleKeys asks the instance metadata service (IMDSv2) for the keys of the
// instance's role.
func roleKeys(ctx context.Context) (Keys, error) {
	ask := func(method, path, header, value string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, method, metadata+path, nil)
		if err != nil {
			return "", err
		}
		req.Header.Set(header, value)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s answers %s", path, resp.Status)
		}
		return string(text), err
	}
	token, err := ask(http.MethodPut, "api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	if err != nil {
		return Keys{}, err
	}
	const roles = "meta-data/iam/security-credentials/"
	role, err := ask(http.MethodGet, roles, "X-aws-ec2-metadata-token", token)
	if err != nil {
		return Keys{}, err
	}
	text, err := ask(http.MethodGet, roles+strings.TrimSpace(role), "X-aws-ec2-metadata-token", token)
	if err != nil {
		return Keys{}, err
	}
	var keys Keys
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return Keys{}, err
	}
	if cmp.Or(keys.AccessKeyID, keys.SecretAccessKey) == "" {
		return Keys{}, errors.New("the instance's role has no keys")
	}
	return keys, nil
}
