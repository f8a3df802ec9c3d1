// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
)

// A server that answers without end is given up, whatever part of the answer has
// none, and never held in memory.
func TestStatusFlood(t *testing.T) {
	t.Parallel()
	agent := `{"id":"S","hostname":"10.0.1.1","active":true},`
	for name, c := range map[string]struct {
		path, begin, again, want string
		by                       func(http.ResponseWriter) io.Writer // what it is written with; nil: the answer itself
	}{
		"an ensemble": {"/exhibitor/exhibitor/v1/cluster/status", "[", `{"hostname":"10.0.0.1","description":"serving"},`, "longer than 4 MiB",
			nil},
		"a text":      {metadata, `{"version":"`, "x", "longer than 4 MiB", nil},
		"agents":      {"/mesos/slaves", `{"slaves":[`, agent, "more than 200000 agents", nil},
		"one agent":   {"/mesos/slaves", `{"slaves":[{"id":"`, "x", "longer than 4 MiB", nil},
		"other lists": {"/mesos/slaves", `{"recovered_slaves":[`, agent, "longer than 16 MiB", nil},
		"packed":      {metadata, `{"version":"`, "x", "longer than 4 MiB", packed}, // a thousandth of that comes
		"headers":     {metadata, "HTTP/1.1 200 OK\r\n", "X: x\r\n", "headers exceeded", raw},
		"one header":  {metadata, "HTTP/1.1 200 OK\r\nX: ", "x", "headers exceeded", raw},
		"a status":    {metadata, "HTTP/1.1 200 ", "x", "headers exceeded", raw},
		"beginnings":  {metadata, "", "HTTP/1.1 103 Early Hints\r\n\r\n", "headers exceeded", raw},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{metadata: version, "/exhibitor/exhibitor/v1/cluster/status": ensemble}
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path != c.path {
					_, _ = io.WriteString(w, answers[req.URL.Path])
					return
				}
				to := io.Writer(w)
				if c.by != nil {
					to = c.by(w)
				}
				_, err := io.WriteString(to, c.begin)
				for many := strings.Repeat(c.again, (64<<10)/len(c.again)); err == nil; {
					_, err = io.WriteString(to, many)
				}
			}))
			defer web.Close()
			base, err := url.Parse(web.URL)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = (&fleet.StatusReader{URL: base, Transport: only(base.Host), MaxAnswer: 16 << 20}).Read(t.Context())
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v", err)
			}
			if grown := int64(after.Sys) - int64(before.Sys); grown > 256<<20 {
				t.Errorf("%d MiB of memory", grown>>20)
			}
		})
	}
}

// packed writes an answer that is to be unpacked.
func packed(w http.ResponseWriter) io.Writer {
	w.Header().Set("Content-Encoding", "gzip")
	return gzip.NewWriter(w)
}

// raw writes to the connection itself.
func raw(w http.ResponseWriter) io.Writer {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return io.Discard // which shows: nothing comes
	}
	return conn
}

// An answer may take long as long as something comes; one that stops is given up.
func TestStatusSilence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pause time.Duration
		want  string
	}{
		"slow":   {9 * time.Second, ""},
		"silent": {11 * time.Second, "nothing came for 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reader := &fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "m1"}, Transport: slowly{c.pause}}
				_, err := reader.Read(t.Context())
				if err == nil || !strings.Contains(err.Error(), cmp.Or(c.want, "/mesos/slaves answers 404")) {
					t.Errorf("have %v", err)
				}
			})
		})
	}
}

// slowly answers with the pieces of an answer, a pause before each.
type slowly struct{ pause time.Duration }

func (s slowly) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, found := map[string]string{metadata: version, "/exhibitor/exhibitor/v1/cluster/status": ensemble}[req.URL.Path]
	if !found {
		return &http.Response{StatusCode: http.StatusNotFound, Status: "404", Body: http.NoBody, Request: req}, nil
	}
	body, w := io.Pipe()
	go func() {
		for rest := answer; rest != ""; {
			piece := rest[:min(len(rest), len(answer)/3+1)]
			rest = rest[len(piece):]
			select {
			case <-time.After(s.pause):
				_, _ = io.WriteString(w, piece)
			case <-req.Context().Done():
				_ = w.CloseWithError(context.Cause(req.Context()))
				return
			}
		}
		_ = w.Close()
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: body, Request: req}, nil
}

// only reaches one server.
func only(address string) http.RoundTripper {
	return &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		if to != address {
			return nil, errors.New("connection refused")
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}}
}

// The token is for Admin Router at url: wherever and however that sends a request
// on, nobody else gets it.
func TestStatusToken(t *testing.T) {
	t.Parallel()
	elsewhere := newTokens(t, false)
	secure := newTokens(t, true)
	schemeless := func(address string) string {
		_, rest, _ := strings.Cut(address, "//")
		return "//" + rest
	}
	for name, c := range map[string]struct {
		to    func(router *url.URL) string // where the request is sent on to
		given bool
	}{
		"another port":            {func(*url.URL) string { return elsewhere.URL }, false},
		"another scheme":          {func(*url.URL) string { return secure.URL }, false},
		"another host":            {func(u *url.URL) string { return "http://localhost:" + u.Port() + "/elsewhere" }, false},
		"another port, no scheme": {func(*url.URL) string { return schemeless(elsewhere.URL) }, false},
		"another host, no scheme": {func(u *url.URL) string { return "//localhost:" + u.Port() + "/elsewhere" }, false},
		"its name as that of a user": {func(u *url.URL) string {
			return "http://" + u.Hostname() + "@localhost:" + u.Port() + "/elsewhere"
		}, false},
		"another path": {func(u *url.URL) string { return "http://" + u.Host + "/elsewhere" }, true},
		"a path alone": {func(*url.URL) string { return "/elsewhere" }, true},
	} {
		for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			t.Run(fmt.Sprintf("%s, %d", name, code), func(t *testing.T) {
				router := newTokens(t, false)
				router.to, router.code = c.to(router.url), code
				reader := fleet.StatusReader{URL: router.url, Token: ofTheCluster, Transport: secure.Client().Transport}
				_, err := reader.Read(t.Context())
				if err == nil || strings.Contains(err.Error(), "the token was not given to it") == c.given {
					t.Errorf("have %v", err)
				}
				given := slices.Concat(router.take(), elsewhere.take(), secure.take())
				if len(given) == 0 || slices.Contains(given, !c.given) || router.withheld {
					t.Errorf("the token was given: %v; withheld from Admin Router: %v", given, router.withheld)
				}
			})
		}
	}
}

// Nor does whom a proxy brings it to instead, as where url is http and the cluster is
// behind a name that only the proxy knows.
func TestStatusTokenByProxy(t *testing.T) {
	t.Parallel()
	proxy := newTokens(t, false)
	proxy.to, proxy.code = "http://another.test/elsewhere", http.StatusTemporaryRedirect
	reader := fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "router.test"}, Token: ofTheCluster,
		Transport: &http.Transport{Proxy: http.ProxyURL(proxy.url)}}
	_, err := reader.Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "http://another.test/elsewhere") || !strings.Contains(err.Error(), "was not given to it") {
		t.Errorf("have %v", err)
	}
	if given := proxy.take(); len(given) == 0 || slices.Contains(given, true) || !proxy.brought {
		t.Errorf("the token was given: %v; to Admin Router: %v", given, proxy.brought)
	}
}

// Who is the one at url is told by scheme, host and port, however they are written.
func TestStatusTokenOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, to string
		given   bool
	}{
		{"https://r.test:8443", "http://r.test:8443/elsewhere", false},
		{"http://r.test:443", "https://r.test/elsewhere", false},
		{"https://r.test", "http://r.test/elsewhere", false},
		{"https://r.test", "https://r.test:8443/elsewhere", false},
		{"https://r.test", "https://r.test.other.test/elsewhere", false},
		{"https://r.test", "https://r.test:443/elsewhere", true},
		{"http://r.test:80", "HTTP://R.test/elsewhere", true},
		{"http://[::1]", "http://[::1]:80/elsewhere", true},
	} {
		base, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		var given []bool // at the end of the way
		withheld := false
		reader := fleet.StatusReader{URL: base, Token: ofTheCluster, Transport: answering(func(req *http.Request) *http.Response {
			has := req.Header.Get("Authorization") != ""
			resp := &http.Response{StatusCode: http.StatusTemporaryRedirect, Body: http.NoBody, Request: req,
				Header: http.Header{"Location": {c.to}}}
			if req.URL.Path == "/elsewhere" {
				given = append(given, has)
				resp.StatusCode = http.StatusUnauthorized
			} else if req.URL.Host == base.Host {
				withheld = withheld || !has
			}
			return resp
		})}
		if _, err := reader.Read(t.Context()); err == nil || len(given) == 0 || slices.Contains(given, !c.given) || withheld {
			t.Errorf("%s to %s: the token was given: %v, withheld: %v (%v)", c.url, c.to, given, withheld, err)
		}
	}
}

// answering answers requests.
type answering func(*http.Request) *http.Response

// RoundTrip answers.
func (a answering) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }

// ofTheCluster is a token.
const ofTheCluster = "of the cluster"

// tokens is a server that notes whether each request brought the token. It sends all
// on, but what asks for /elsewhere, which it refuses.
type tokens struct {
	*httptest.Server
	url  *url.URL
	to   string // "": it refuses all
	code int

	mu       sync.Mutex
	given    []bool // by what was refused
	withheld bool   // by something that was sent on
	brought  bool   // likewise
}

func newTokens(t *testing.T, secure bool) *tokens {
	t.Helper()
	s := &tokens{}
	start := httptest.NewServer
	if secure {
		start = httptest.NewTLSServer
	}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		has := req.Header.Get("Authorization") == "token="+ofTheCluster
		if s.to == "" || req.URL.Path == "/elsewhere" {
			s.given = append(s.given, has)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.withheld, s.brought = s.withheld || !has, s.brought || has
		w.Header().Set("Location", s.to)
		w.WriteHeader(s.code)
	}))
	t.Cleanup(s.Close)
	var err error
	if s.url, err = url.Parse(s.URL); err != nil {
		t.Fatal(err)
	}
	return s
}

// take gives what was noted since the last time.
func (s *tokens) take() []bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := s.given
	s.given = nil
	return given
}
