// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"golang.org/x/net/ipv4"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestMetadata holds that the metadata service answers as an instance's metadata_options say.
func TestMetadata(t *testing.T) {
	t.Parallel()
	text := func(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
	block := func(pairs ...any) values {
		kinds, content := map[string]tftypes.Type{}, map[string]tftypes.Value{}
		for i := 0; i < len(pairs); i += 2 {
			name, _ := pairs[i].(string)
			kind := tftypes.Type(tftypes.String)
			if _, number := pairs[i+1].(int); number {
				kind = tftypes.Number
			}
			kinds[name], content[name] = kind, tftypes.NewValue(kind, pairs[i+1])
		}
		of := tftypes.Object{AttributeTypes: kinds}
		return values{"iam_instance_profile": text("p"), "metadata_options": tftypes.NewValue(tftypes.List{ElementType: of},
			[]tftypes.Value{tftypes.NewValue(of, content)})}
	}
	for name, c := range map[string]struct {
		instance         values
		without, put     int // what is answered without a token, and for one
		with, ttl, wrong int // with it, how far it went, and with another's
	}{
		"no options":     {values{"iam_instance_profile": text("p")}, 200, 200, 200, 1, 401},
		"optional":       {block("http_tokens", "optional", "http_put_response_hop_limit", 2), 200, 200, 200, 2, 401},
		"required":       {block("http_tokens", "required", "http_put_response_hop_limit", 3), 401, 200, 200, 3, 401},
		"required alone": {block("http_tokens", "required"), 401, 200, 200, 1, 401},
		"off":            {block("http_endpoint", "disabled", "http_tokens", "optional"), 403, 403, 403, 0, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := &Cloud{hosts: map[string]*lab.Host{"i-1": {Address: "127.0.0.1"}}, objects: map[string]map[string]values{
				"aws_instance": {"i-1": c.instance}, "aws_iam_instance_profile": {"p": {"role": text("its-role")}},
			}}
			var ttl atomic.Int64
			service := cloud.metadata()
			web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				service.ServeHTTP(w, r)
				if conn, ok := r.Context().Value(connection{}).(net.Conn); ok && r.Method == http.MethodPut {
					if n, err := ipv4.NewConn(conn).TTL(); err == nil {
						ttl.Store(int64(n))
					}
				}
			}))
			web.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
				return context.WithValue(ctx, connection{}, conn)
			}
			web.Start()
			defer web.Close()
			ask := func(method, path, header, value string) (int, string) {
				req, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if header != "" {
					req.Header.Set(header, value)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return resp.StatusCode, strings.TrimSpace(string(body))
			}
			const role, header = "/latest/meta-data/iam/security-credentials/", "X-aws-ec2-metadata-token"
			without, said := ask(http.MethodGet, role, "", "")
			put, token := ask(http.MethodPut, "/latest/api/token", header+"-ttl-seconds", "60")
			went := int(ttl.Load())
			if put != http.StatusOK {
				went = 0
			}
			with, _ := ask(http.MethodGet, role, header, token)
			wrong, _ := ask(http.MethodGet, role, header, "another")
			if without != c.without || put != c.put || with != c.with || went != c.ttl || wrong != c.wrong {
				t.Errorf("without %d, put %d over %d hops, with %d, wrong %d; want %+v", without, put, went, with, wrong, c)
			}
			if without == http.StatusOK && said != "its-role" {
				t.Errorf("the role is %q", said)
			}
		})
	}
}
