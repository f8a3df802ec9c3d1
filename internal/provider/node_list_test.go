// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// A knownNode is what a cluster says of one of its nodes.
type knownNode struct {
	address string
	master  bool
	public  bool
	well    bool
	bare    bool // of an agent: it says as little as it may
}

// knownNodes are three masters, of which the last is down, and agents, of which every other
// one is public and one is not active. The last one is at an address of version 6.
func knownNodes(agents int) []knownNode {
	nodes := []knownNode{}
	for i := range 3 {
		nodes = append(nodes, knownNode{address: fmt.Sprintf("10.0.0.%d", 10+i), master: true, well: i < 2})
	}
	for i := range agents {
		nodes = append(nodes, knownNode{address: fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250), public: i%2 == 1, well: i != 4})
	}
	return append(nodes, knownNode{address: "fd00::21", well: true, bare: true})
}

// runningCluster is a web server that answers as the Admin Router of a cluster does, as far as
// lists of nodes need it; its answers are in the form of those that internal/fleet's tests
// have from the sample's services.
func runningCluster(t *testing.T, nodes []knownNode) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(path string, v any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			if err := json.NewEncoder(w).Encode(v); err != nil {
				t.Error(err)
			}
		})
	}
	answer("/dcos-metadata/dcos-version.json", map[string]string{"version": "2.2.1"})
	ensemble, slaves := []map[string]any{}, []map[string]any{}
	for i, n := range nodes {
		if n.master {
			status := "serving"
			if !n.well {
				status = "down"
			}
			ensemble = append(ensemble, map[string]any{"hostname": n.address, "description": status, "isLeader": i == 0})
			continue
		}
		attributes := map[string]any{}
		if n.public {
			attributes["public_ip"] = "true"
		}
		slave := map[string]any{"id": fmt.Sprintf("S%d", i), "hostname": n.address, "active": n.well}
		if !n.bare {
			slave["attributes"], slave["version"] = attributes, "1.11.0"
		}
		slaves = append(slaves, slave)
	}
	answer("/exhibitor/exhibitor/v1/cluster/status", ensemble)
	// Of an agent that has registered anew the former registration may still be known.
	for _, id := range []string{"older", "A"} { // in the order of ids it comes after that, or before
		again := maps.Clone(slaves[0])
		again["id"], again["active"], again["attributes"] = id, false, map[string]any{"public_ip": "true"}
		slaves = append(slaves, again)
	}
	answer("/mesos/slaves", map[string]any{"slaves": slaves})
	answer("/mesos/flags", map[string]any{"flags": map[string]string{"cluster": "prod"}})
	mux.HandleFunc("GET /mesos/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "//10.0.0.10:5050", http.StatusTemporaryRedirect)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// A queried is what terraform query -json prints of one node.
type queried struct {
	Name     string         `json:"display_name"`
	Identity map[string]any `json:"identity"`
	Resource map[string]any `json:"resource_object"`
}

// query runs terraform query, which has to succeed, and returns what is found.
func query(t *testing.T, tf *terraform.Dir, args ...string) []queried {
	t.Helper()
	var found []queried
	for line := range strings.Lines(tf.Run(append([]string{"query", "-json"}, args...)...)) {
		var event struct {
			Found *queried `json:"list_resource_found"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if event.Found != nil {
			found = append(found, *event.Found)
		}
	}
	return found
}

func requireQuery(t *testing.T, tf *terraform.Dir) {
	t.Helper()
	if !tf.Version().Query() {
		t.Skip("this client has no lists (terraform query): Terraform has from 1.14 on, OpenTofu has none")
	}
}

// Masters come first, each kind by address; a list stops where it is told to, and shows
// what a filter leaves.
func TestNodeList(t *testing.T) {
	t.Parallel()
	tf := terraform.New(t)
	requireQuery(t, tf)
	cluster := runningCluster(t, knownNodes(5000))
	tf.Write("main.tf", terraform.RequiredProviders+`provider "dcos" {}`)
	list := func(block, config string) []queried {
		t.Helper()
		tf.Write("nodes.tfquery.hcl", fmt.Sprintf("list \"dcos_node\" \"all\" {\n  provider = dcos\n%s  config {\n    url = %q\n%s  }\n}\n",
			block, cluster.URL, config))
		return query(t, tf)
	}
	all := list("  limit = 10000\n", "")
	names := make([]string, len(all))
	for i, q := range all {
		names[i] = q.Name
	}
	want := []string{"master 10.0.0.10 (serving) of prod, DC/OS 2.2.1", "master 10.0.0.11 (serving) of prod, DC/OS 2.2.1",
		"master 10.0.0.12 (down) of prod, DC/OS 2.2.1", "agent 10.1.0.1 (active) of prod, DC/OS 2.2.1",
		"public_agent 10.1.0.10 (active) of prod, DC/OS 2.2.1"}
	if len(all) != 5004 || !slices.Equal(names[:len(want)], want) || names[5003] != "agent fd00::21 (active) of prod, DC/OS 2.2.1" ||
		!slices.Contains(names, "agent 10.1.0.5 (not active) of prod, DC/OS 2.2.1") {
		t.Errorf("%d nodes, the first are %q", len(all), names[:min(len(names), len(want))])
	}
	if all[0].Identity["address"] != "10.0.0.10" || all[0].Identity["port"] != nil || all[0].Resource != nil {
		t.Errorf("%+v", all[0])
	}
	some := list("  limit = 4\n  include_resource = true\n", "    role = \"public_agent\"\n")
	if len(some) != 4 || some[0].Resource["role"] != "public_agent" || some[0].Resource["address"] != some[0].Identity["address"] ||
		some[0].Resource["ssh"] != nil || some[0].Resource["dcos_version"] != "2.2.1" {
		t.Errorf("%+v", some)
	}
}

// The configuration that is generated of a list is planned as it is: the nodes are imported,
// and nothing is changed.
func TestNodeListTaken(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	requireQuery(t, s.tf)
	roles := []string{"master", "agent", "public_agent"}
	known, resources := []knownNode{}, ""
	for i, role := range roles {
		known = append(known, knownNode{address: simhosts.Address(i), master: i == 0, public: i == 2, well: true})
		resources += fmt.Sprintf("resource \"dcos_node\" %q {\n  address = %q\n  role = %q\n  bundle = dcos_cluster_config.test.bundle\n}\n",
			role, simhosts.Address(i), role)
	}
	s.masters = 1
	s.configure("", resources)
	s.tf.Apply()
	_, since := s.worked("install", 0)
	cluster := runningCluster(t, known)
	for _, role := range roles {
		s.tf.Run("state", "rm", "dcos_node."+role)
	}
	s.configure("", "")
	s.tf.Write("nodes.tfquery.hcl", fmt.Sprintf("list \"dcos_node\" \"all\" {\n  provider = dcos\n  include_resource = true\n"+
		"  config {\n    url = %q\n  }\n}\n", cluster.URL))
	s.tf.Run("query", "-no-color", "-generate-config-out=generated.tf")
	if out := s.tf.Apply(); !strings.Contains(out, "3 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("the nodes were not only imported:\n%s", out)
	}
	s.tf.NoChanges()
	for _, stage := range []string{"install", "upgrade", "uninstall"} {
		if got, _ := s.worked(stage, since); len(got) > 0 {
			t.Errorf("%s on %v", stage, got)
		}
	}
}

// What a list cannot do it says at the attribute that it is about, and shows nothing.
func TestNodeListRefused(t *testing.T) {
	t.Parallel()
	tf := terraform.New(t)
	requireQuery(t, tf)
	silent := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(silent.Close)
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(closed.Close)
	tf.Write("main.tf", terraform.RequiredProviders+`provider "dcos" {}`)
	for _, c := range []struct{ config, want string }{
		{"", "Give url (Admin Router on a master"},
		{`url = "ftp://a"`, "Invalid URL"},
		{fmt.Sprintf("url = %q\n role = \"slave\"", silent.URL), `value must be one of`},
		{fmt.Sprintf("url = %q\n timeout = \"soon\"", silent.URL), `"soon"`},
		{fmt.Sprintf("url = %q\n timeout = \"3s\"", silent.URL), "Cluster Not Read"},
		{fmt.Sprintf("url = %q\n timeout = \"3s\"", closed.URL), "api_token"},
		{`ssh = { address = "ops@10.0.0.11" }`, "the user has an attribute of its own"},
		{`ssh = { address = "" }`, "at least 1"},
	} {
		tf.Write("nodes.tfquery.hcl", "list \"dcos_node\" \"all\" {\n  provider = dcos\n  config {\n"+c.config+"\n  }\n}\n")
		out, err := tf.Try("query", "-no-color")
		if err == nil || !strings.Contains(flat(out), c.want) {
			t.Errorf("%s: %v\n%s\n%s is needed", c.config, err, out, c.want)
		}
	}
}
