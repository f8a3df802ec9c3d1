// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
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
	for name, c := range map[string]struct{ path, begin, again, want string }{
		"an ensemble": {"/exhibitor/exhibitor/v1/cluster/status", "[", `{"hostname":"10.0.0.1","description":"serving"},`, "longer than 4 MiB"},
		"a text":      {metadata, `{"version":"`, "x", "longer than 4 MiB"},
		"agents":      {"/mesos/slaves", `{"slaves":[`, agent, "more than 200000 agents"},
		"one agent":   {"/mesos/slaves", `{"slaves":[{"id":"`, "x", "longer than 4 MiB"},
		"other lists": {"/mesos/slaves", `{"recovered_slaves":[`, agent, "longer than 16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{metadata: version, "/exhibitor/exhibitor/v1/cluster/status": ensemble}
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path != c.path {
					_, _ = io.WriteString(w, answers[req.URL.Path])
					return
				}
				_, err := io.WriteString(w, c.begin)
				for many := strings.Repeat(c.again, (64<<10)/len(c.again)); err == nil; {
					_, err = io.WriteString(w, many)
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

// The token is for Admin Router at url: wherever that sends a request on to,
// nobody else gets it.
func TestStatusToken(t *testing.T) {
	t.Parallel()
	const token = "of the cluster"
	var mu sync.Mutex
	given := map[string]bool{} // by host and scheme
	answer := func(w http.ResponseWriter, req *http.Request) {
		scheme := "http"
		if req.TLS != nil {
			scheme = "https"
		}
		mu.Lock()
		defer mu.Unlock()
		given[scheme+"://"+req.Host] = given[scheme+"://"+req.Host] || req.Header.Get("Authorization") != ""
		w.WriteHeader(http.StatusUnauthorized)
	}
	plain, secure := httptest.NewServer(http.HandlerFunc(answer)), httptest.NewTLSServer(http.HandlerFunc(answer))
	defer plain.Close()
	defer secure.Close()
	for name, c := range map[string]struct {
		to    func(router *url.URL) string // where the request is sent on to
		given bool
	}{
		"another port":   {func(*url.URL) string { return plain.URL }, false},
		"another scheme": {func(*url.URL) string { return secure.URL }, false},
		"another host":   {func(u *url.URL) string { return "http://localhost:" + u.Port() + "/elsewhere" }, false},
		"another path":   {func(u *url.URL) string { return "http://" + u.Host + "/elsewhere" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var router *httptest.Server
			router = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/elsewhere" {
					answer(w, req)
					return
				}
				if req.Header.Get("Authorization") != "token="+token {
					t.Error("Admin Router does not get the token")
				}
				base, err := url.Parse(router.URL)
				if err != nil {
					t.Error(err)
				}
				http.Redirect(w, req, c.to(base), http.StatusFound)
			}))
			defer router.Close()
			base, err := url.Parse(router.URL)
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&fleet.StatusReader{URL: base, Token: token, Transport: secure.Client().Transport}).Read(t.Context())
			if err == nil || strings.Contains(err.Error(), "the token was not given to it") == c.given {
				t.Errorf("have %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for at, has := range given {
				if has != c.given {
					t.Errorf("%s: token given: %v", at, has)
				}
			}
			if len(given) != 1 {
				t.Errorf("asked: %v", given)
			}
			clear(given)
		})
	}
}
