// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package adminrouter_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/adminrouter"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// echo says which service was asked, and for what.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", name, r.URL.Path) })
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func testHost(t *testing.T) host.Host {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"etc/dcos-version.json": `{"version": "1"}`, "bin/detect_ip": "#!/bin/sh\necho 10.0.0.1\n",
		"cluster-id": "the-id\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return host.Host{Root: dir, StateDir: dir, RunDir: dir, Getenv: func(string) string { return "" }}
}

func TestMaster(t *testing.T) {
	t.Parallel()
	leader := serve(t, echo("leader"))
	local := http.NewServeMux()
	local.HandleFunc("/redirect", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", strings.TrimPrefix(leader, "http:"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	c := adminrouter.Config{
		Host: testHost(t), Mesos: serve(t, local),
		Marathon: serve(t, echo("marathon")), Exhibitor: serve(t, echo("exhibitor")), Diagnostics: serve(t, echo("diagnostics")),
	}
	for _, tt := range []struct {
		path, want string
		open       bool // to who has not logged in
	}{
		{"/dcos-metadata/dcos-version.json", `{"version": "1"}`, true},
		{"/", "sample", true},
		{"/metadata", `"CLUSTER_ID":"the-id","PUBLIC_IPV4":"10.0.0.1"`, false},
		{"/exhibitor/v1/cluster/status", "exhibitor /exhibitor/v1/cluster/status", false},
		{"/exhibitor/exhibitor/v1/cluster/status", "exhibitor /exhibitor/v1/cluster/status", false},
		{"/mesos/state", "leader /state", false},
		{"/service/marathon/v2/apps", "marathon /v2/apps", false},
		{"/system/health/v1/nodes", "diagnostics /system/health/v1/nodes", false},
	} {
		for _, auth := range []bool{false, true} {
			c.Auth = auth
			w := httptest.NewRecorder()
			adminrouter.Master(c).ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.path, nil))
			if auth && !tt.open {
				if w.Code != http.StatusUnauthorized {
					t.Errorf("%s without a login: %d", tt.path, w.Code)
				}
				continue
			}
			if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, tt.want) {
				t.Errorf("%s: %d %s, want %q", tt.path, w.Code, body, tt.want)
			}
		}
	}
}

func TestMasterWithoutLeader(t *testing.T) {
	t.Parallel()
	none := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no leader", http.StatusServiceUnavailable)
	}))
	w := httptest.NewRecorder()
	adminrouter.Master(adminrouter.Config{Host: testHost(t), Mesos: none}).ServeHTTP(w,
		httptest.NewRequest(http.MethodGet, "/mesos/state", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// An agent's door reaches dcos-diagnostics by its socket.
func TestAgent(t *testing.T) {
	t.Parallel()
	h := testHost(t)
	socket := filepath.Join(h.RunDir, "d.sock")
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(echo("diagnostics"))
	s.Listener.Close()
	s.Listener = ln
	s.Start()
	t.Cleanup(s.Close)
	url := serve(t, adminrouter.Agent(adminrouter.Config{Host: h, DiagnosticsSocket: socket}))
	resp, err := http.Get(url + "/system/health/v1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "diagnostics /system/health/v1" {
		t.Errorf("%s, %v", body, err)
	}
}
