// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package adminrouter is the sample's stand-in for Admin Router: one door to
// the services of a node. On masters it listens on 80 and 443, on agents on
// 61001.
//
// With authentication on (oauth_enabled) it answers 401 on masters to all but
// the metadata, as the real one does to who has not logged in.
//
// Left out: a way to log in, and the way to services of frameworks and of agents.
//
// Compared: never with the real one run beside it.
package adminrouter

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// Config says where the services behind the door are.
type Config struct {
	Host        host.Host
	Auth        bool // ask for a login
	Mesos       string
	Marathon    string
	Exhibitor   string
	Diagnostics string
	// DiagnosticsSocket is used in place of Diagnostics where it is set.
	DiagnosticsSocket string
}

// Main is the dcos-adminrouter service, and dcos-adminrouter-agent.
func Main(ctx context.Context, h host.Host, args []string) error {
	if len(args) > 0 && args[0] == "agent" {
		ln, err := host.Listen(ctx, "tcp", ":61001")
		if err != nil {
			return err
		}
		return host.Serve(ctx, ln,
			Agent(Config{Host: h, Mesos: "http://127.0.0.1:5051", DiagnosticsSocket: filepath.Join(h.RunDir, "dcos-diagnostics.sock")}))
	}
	handler := Master(Config{
		Host: h, Auth: h.Getenv("ADMINROUTER_ACTIVATE_AUTH_MODULE") == "true",
		Mesos: "http://127.0.0.1:5050", Marathon: "http://127.0.0.1:8080", Exhibitor: "http://127.0.0.1:8181",
		Diagnostics: "http://127.0.0.1:1050",
	})
	plain, err := host.Listen(ctx, "tcp", ":80")
	if err != nil {
		return err
	}
	cert, err := certificate()
	if err != nil {
		return err
	}
	inner, err := host.Listen(ctx, "tcp", ":443")
	if err != nil {
		return errors.Join(err, plain.Close())
	}
	secure := tls.NewListener(inner, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	ended := make(chan error, 1)
	go func() { ended <- host.Serve(ctx, secure, handler) }()
	err = host.Serve(ctx, plain, handler)
	return errors.Join(err, <-ended)
}

// certificate makes a self-signed certificate, as Admin Router does when it
// has no other.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "dcos-sample"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Master is the door of a master.
func Master(c Config) http.Handler {
	mux := http.NewServeMux()
	c.metadata(mux)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if _, err := w.Write([]byte("<!DOCTYPE html><title>DC/OS</title>This is a sample of DC/OS; it has no user interface.\n")); err != nil {
			log.Printf("answer: %v", err)
		}
	})
	mux.Handle("/exhibitor/", c.protect(proxy(c.Exhibitor, func(path string) string {
		// Both forms are in use: with the prefix as exhibitor's own, and twice.
		if strings.HasPrefix(path, "/exhibitor/exhibitor/") {
			return strings.TrimPrefix(path, "/exhibitor")
		}
		return path
	}, nil)))
	mux.Handle("/mesos/", c.protect(follow(c.Mesos, "/mesos")))
	marathon := c.protect(proxy(c.Marathon, strip("/service/marathon"), nil))
	mux.Handle("/service/marathon/", marathon)
	mux.Handle("/marathon/", c.protect(proxy(c.Marathon, strip("/marathon"), nil)))
	mux.Handle("/system/health/", c.protect(proxy(c.Diagnostics, nil, nil)))
	return mux
}

// Agent is the door of an agent. It asks for no login.
func Agent(c Config) http.Handler {
	mux := http.NewServeMux()
	c.metadata(mux)
	mux.Handle("/system/health/", proxy("http://diagnostics", nil, &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.DiagnosticsSocket)
		},
	}))
	return mux
}

// metadata serves what is open to everybody.
func (c Config) metadata(mux *http.ServeMux) {
	for path, name := range map[string]string{
		"/dcos-metadata/dcos-version.json":     "dcos-version.json",
		"/dcos-metadata/ui-config.json":        "ui-config.json",
		"/pkgpanda/active.buildinfo.full.json": "../active.buildinfo.full.json",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			text, err := os.ReadFile(c.Host.Etc(name))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if _, err := w.Write(text); err != nil {
				log.Printf("answer: %v", err)
			}
		})
	}
	mux.Handle("GET /metadata", c.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ip, err := c.Host.IP(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		id, err := os.ReadFile(c.Host.State("cluster-id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		host.JSON(w, http.StatusOK, map[string]any{"PUBLIC_IPV4": ip, "CLUSTER_ID": strings.TrimSpace(string(id))})
	})))
}

func (c Config) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.Auth {
			w.Header().Set("WWW-Authenticate", "oauthjwt")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func strip(prefix string) func(string) string {
	return func(path string) string { return strings.TrimPrefix(path, prefix) }
}

// proxy passes requests on; path changes the request's path.
func proxy(to string, path func(string) string, transport http.RoundTripper) http.Handler {
	target, err := url.Parse(to)
	if err != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		if path != nil {
			r.Out.URL.Path, r.Out.URL.RawPath = path(r.In.URL.Path), ""
		}
		r.SetURL(target)
	}}
}

// follow passes requests on to the leading master: the local one says by a
// redirect who that is.
func follow(local, prefix string) http.Handler {
	asker := &http.Client{Timeout: 2 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, local+"/redirect", nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := asker.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		resp.Body.Close()
		leader, err := resp.Location()
		if err != nil {
			http.Error(w, "no leading master", http.StatusServiceUnavailable)
			return
		}
		proxy(leader.String(), strip(prefix), nil).ServeHTTP(w, r)
	})
}
