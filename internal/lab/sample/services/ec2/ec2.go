// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package ec2 is what the sample's services know of the machine that they run on where it is one of Amazon's: what the
// services of DC/OS that ask for it can do, and no more. That is version 1 of the instance metadata service alone,
// without a token. Exhibitor has the AWS SDK for Java 1.10.16 (DC/OS 1.10) or 1.11.221 (1.11 to 2.2; gradle.properties
// of dcos/exhibitor at the commits in packages/exhibitor/buildinfo.json), of which 1.11.678 is the first with version
// 2; REX-Ray 0.11.2 and 0.11.4 ask by themselves (libstorage/drivers/storage/ebs/utils/utils.go) and have the SDK for
// Go 1.12.46 (Gopkg.lock), of which 1.25.38 is the first.
//
// Left out: the rest of the metadata.
//
// Compared: by reading, in 2026-11: the versions of the SDKs in their sources, as the comment says. None was run.
package ec2

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"time"
)

// Keys are credentials of AWS.
type Keys struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
	Token           string `json:"Token"` // of an instance's role
}

// metadata is the instance metadata service.
const metadata = "http://169.254.169.254/latest/"

// Fact asks the instance metadata service, version 1, for what is at a path: "dynamic/instance-identity/document".
func Fact(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the instance metadata service answers %s for %s", resp.Status, path)
	}
	return text, err
}

// RoleKeys asks for the keys of the instance's role.
func RoleKeys(ctx context.Context) (Keys, error) {
	const roles = "meta-data/iam/security-credentials/"
	role, err := Fact(ctx, roles)
	if err != nil {
		return Keys{}, err
	}
	text, err := Fact(ctx, roles+strings.TrimSpace(string(role)))
	if err != nil {
		return Keys{}, err
	}
	var keys Keys
	if err := json.Unmarshal(text, &keys); err != nil {
		return Keys{}, err
	}
	if cmp.Or(keys.AccessKeyID, keys.SecretAccessKey) == "" {
		return Keys{}, errors.New("the instance's role has no keys")
	}
	return keys, nil
}

// Sign adds AWS's signature, version 4, to a request to one of its services.
func Sign(req *http.Request, body []byte, keys Keys, region, service string, now time.Time) {
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
	scope := strings.Join([]string{day, region, service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, sum([]byte(canonical.String()))}, "\n")
	key := []byte("AWS4" + keys.SecretAccessKey)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		keys.AccessKeyID, scope, signed, hex.EncodeToString(mac(key, text))))
}
