// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A web answers requests by host, port and path, and notes what it was asked.
type web struct {
	answers map[string]string
	token   string // without it Admin Router answers 401 to all but metadata
	asked   []string
}

// RoundTrip answers.
func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	at := req.URL.Host + req.URL.Path
	w.asked = append(w.asked, at)
	rec := httptest.NewRecorder()
	answer, ok := w.answers[at]
	switch {
	case !ok:
		return nil, errors.New("connection refused")
	case w.token != "" && req.URL.Port() == "" && req.URL.Path != metadata && req.Header.Get("Authorization") != "token="+w.token:
		rec.WriteHeader(http.StatusUnauthorized)
	case req.URL.Port() != "" && req.Header.Get("Authorization") != "":
		return nil, errors.New("the token went to a service")
	case answer[0] == '/':
		rec.Header().Set("Location", answer)
		rec.WriteHeader(http.StatusTemporaryRedirect)
	default:
		if _, err := rec.WriteString(answer); err != nil {
			return nil, err
		}
	}
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

const (
	metadata = "/dcos-metadata/dcos-version.json"
	ensemble = `[{"hostname":"10.0.0.2","description":"serving","isLeader":true},` +
		`{"hostname":"10.0.0.1","description":"serving"},{"hostname":"10.0.0.3","description":"down"}]`
	slaves = `{"slaves":[{"id":"S1","hostname":"10.0.1.2","active":true,"version":"1.11.0","attributes":{"public_ip":"true"}},` +
		`{"id":"S0","hostname":"10.0.1.1","active":false}]}`
	version = `{"version":"2.2.1","dcos-variant":"open","dcos-image-commit":"abc","bootstrap-id":"def"}`
)

func TestStatus(t *testing.T) {
	t.Parallel()
	router := map[string]string{
		"lb" + metadata: version,
		"lb/exhibitor/exhibitor/v1/cluster/status": ensemble,
		"lb/mesos/slaves":                          slaves,
		"lb/mesos/redirect":                        "//10.0.0.1:5050",
	}
	direct := map[string]string{
		"lb:8181/exhibitor/v1/cluster/status": ensemble,
		"10.0.0.1:5050/slaves":                slaves,
		"10.0.0.1:5050/redirect":              "//10.0.0.1:5050",
	}
	both := map[string]string{}
	for _, m := range []map[string]string{router, direct} {
		for k, v := range m {
			both[k] = v
		}
	}
	want := &fleet.Status{Known: fleet.AllParts,
		Version: "2.2.1", Variant: "open", ImageCommit: "abc", BootstrapID: "def", Leader: "10.0.0.1",
		Masters: []node.EnsembleMaster{{Address: "10.0.0.1", Status: "serving"},
			{Address: "10.0.0.2", Status: "serving", ZooKeeperLeader: true}, {Address: "10.0.0.3", Status: "down"}},
		Agents: []fleet.AgentStatus{{ID: "S0", Address: "10.0.1.1"},
			{ID: "S1", Address: "10.0.1.2", Public: true, Active: true, MesosVersion: "1.11.0"}},
	}
	tests := map[string]struct {
		web    web
		token  string
		avoids string // an address that is not asked
	}{
		"through Admin Router":           {web: web{answers: router}, avoids: "10.0.0.1:5050/slaves"},
		"with a login":                   {web: web{answers: router, token: "tok"}, token: "tok"},
		"without one, from the services": {web: web{answers: both, token: "tok"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "lb"}, Token: test.token, Transport: &test.web}
			got, err := r.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !got.Health().Quorum() {
				t.Error("two of three are no quorum")
			}
			if slices.Contains(test.web.asked, test.avoids) {
				t.Errorf("%s was asked", test.avoids)
			}
		})
	}

	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		r := fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "lb"}, Transport: &web{answers: router, token: "tok"}}
		_, err := r.Read(t.Context())
		var refused *fleet.StatusError
		if !errors.As(err, &refused) || !refused.Login {
			t.Errorf("a login is asked for, and the error is %v", err)
		}
	})
	t.Run("as far as it can be read", func(t *testing.T) {
		t.Parallel()
		half := maps.Clone(router)
		delete(half, "lb/mesos/slaves")
		delete(half, "lb/mesos/redirect")
		r := fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "lb"}, Transport: &web{answers: half}}
		s, err := r.Read(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the agents that Mesos knows") {
			t.Errorf("the error is %v", err)
		}
		if s == nil || s.Known != fleet.PartVersion|fleet.PartMasters || len(s.Masters) != 3 {
			t.Errorf("known is %+v", s)
		}
	})
	t.Run("not DC/OS", func(t *testing.T) {
		t.Parallel()
		r := fleet.StatusReader{URL: &url.URL{Scheme: "http", Host: "lb"}, Transport: &web{answers: map[string]string{"lb" + metadata: "<html>"}}}
		if s, err := r.Read(t.Context()); err == nil {
			t.Errorf("a page is taken for DC/OS: %+v", s)
		}
	})
}
