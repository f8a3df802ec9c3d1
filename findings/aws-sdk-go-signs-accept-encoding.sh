#!/usr/bin/env bash
# aws-sdk-go-v2, service/s3 1.114.10: Accept-Encoding is among the headers that a request to S3 is signed with.
#
# The SDK sets "Accept-Encoding: identity" on each request, so that Go's HTTP client does not unpack answers by itself,
# and signs it with the rest. It is a header that proxies change: Google Cloud Storage's own front end appends to it
# before the signature is checked. What arrives is then not what was signed, and the answer, 403 SignatureDoesNotMatch,
# speaks of the key. The SDK for Go before it, and the one for Python, do not sign the header. It can be kept out with a
# signer of one's own around s3.Options.HTTPSignerV4 (https://github.com/aws/aws-sdk-go-v2/issues/1816).
#
# Seen: "signed: accept-encoding;amz-sdk-invocation-id;amz-sdk-request;host;x-amz-content-sha256;x-amz-date".
set -euo pipefail
command -v go >/dev/null || { echo "needs go"; exit 2; }
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir" && rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module example.com/probe

go 1.24

require (
	github.com/aws/aws-sdk-go-v2 v1.48.0
	github.com/aws/aws-sdk-go-v2/service/s3 v1.114.10
)
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
		signed, _, _ = strings.Cut(signed, ",")
		fmt.Println("signed:", signed)
	}))
	defer server.Close()
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
	})
	client := s3.New(s3.Options{Region: "us-east-1", Credentials: keys, BaseEndpoint: aws.String(server.URL), UsePathStyle: true})
	if _, err := client.HeadBucket(context.Background(), &s3.HeadBucketInput{Bucket: aws.String("bucket")}); err != nil {
		fmt.Println(err)
	}
}
GO
go mod tidy >/dev/null 2>&1
seen=$(go run .)
echo "$seen"
case $seen in
"signed: accept-encoding;"*) ;;
*)
  echo "this has changed"
  exit 1
  ;;
esac
