// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

// What proves that a node is of a cluster, and what does not.
func TestMembership(t *testing.T) {
	t.Parallel()
	static := map[string]string{"master_discovery": "static", "master_list": `["10.0.0.2", "10.0.0.1"]`, "exhibitor_storage_backend": "static"}
	balanced := map[string]string{"master_discovery": "master_http_loadbalancer", "exhibitor_address": "lb", "num_masters": "3"}
	const one, two = "10.0.0.1 200 id-1", "10.0.0.2 200 id-1"
	listed := [2]string{"masters", `["10.0.0.1", "10.0.0.2"]`}
	for name, c := range map[string]struct {
		args  map[string]string
		facts [][2]string
		alter func(*State)
		want  string // of the error; "" is none
	}{
		"listed masters":    {args: static, facts: [][2]string{listed, {"asked", one}, {"asked", two}}},
		"one is down":       {args: static, facts: [][2]string{listed, {"asked", one}, {"asked", "10.0.0.2 000"}}},
		"a master's own id": {args: static, facts: [][2]string{listed, {"cluster_id", "id-1\n"}, {"asked", one}}},
		"another's noted": {args: static, facts: [][2]string{listed, {"cluster_id", "id-0"}, {"asked", one}},
			want: "what was seen before is of id-0"},
		"two ids": {args: static, facts: [][2]string{listed, {"asked", one}, {"asked", "10.0.0.2 200 id-2"}}, want: "id id-2"},
		"only its own word": {args: static, facts: [][2]string{listed, {"cluster_id", "id-1"}, {"asked", "10.0.0.1 401"}},
			want: "10.0.0.1 (401)"},
		"it finds none":  {args: static, facts: [][2]string{listed, {"cluster_id", "id-1"}}, want: "it finds no masters"},
		"other masters":  {args: static, facts: [][2]string{{"masters", `["10.0.0.1","10.0.0.3"]`}, {"asked", one}}, want: "its masters are"},
		"fewer masters":  {args: static, facts: [][2]string{{"masters", `["10.0.0.1"]`}, {"asked", one}}, want: "its masters are"},
		"nothing listed": {args: static, facts: [][2]string{{"asked", one}}, want: "can be compared"},
		"garbled":        {args: static, facts: [][2]string{{"masters", `10.0.0.1`}, {"asked", one}}, want: "can be compared"},
		"balancer": {args: balanced, facts: [][2]string{
			{"given_config", "\"cluster_name\": |-\n  a\n\"exhibitor_address\": |-\n  lb\n"}, {"asked", one}}},
		"another balancer":  {args: balanced, facts: [][2]string{{"given_config", "exhibitor_address: lb2\n"}, {"asked", one}}, want: "at lb2"},
		"no balancer":       {args: balanced, facts: [][2]string{{"asked", one}}, want: "can be compared"},
		"another discovery": {args: balanced, alter: func(s *State) { s.Topology.Discovery = "static" }, want: "finds its masters by static"},
		"an unknown discovery": {args: static, facts: [][2]string{listed, {"asked", one}}, alter: func(s *State) { s.Topology.Discovery = "" },
			want: "can be compared"},
		"another cluster": {args: static, alter: func(s *State) { s.Cluster = "b" }, want: `of the cluster "b"`},
		"no name":         {args: static, alter: func(s *State) { s.Cluster = "" }, want: `of the cluster ""`},
		"another role":    {args: static, alter: func(s *State) { s.Role = PublicAgent }, want: "role public_agent"},
		"half of it":      {args: static, alter: func(s *State) { s.Installed = Partial }, want: "unfinished or broken"},
		"another's": {args: static, alter: func(s *State) { s.Claim = &Claim{ID: "x", Holder: "dcos_node"} },
			want: "another resource has this node: dcos_node"},
		"ours":            {args: static, facts: [][2]string{listed, {"asked", one}}, alter: func(s *State) { s.Claim = &Claim{ID: "mine"} }},
		"a later version": {args: static, alter: func(s *State) { s.Version = "2.2.5" }, want: "cannot be downgraded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &frame{}
			if _, err := f.Write(form("member", c.facts...)); err != nil {
				t.Fatal(err)
			}
			s := &State{Installed: Complete, Role: Agent, Roles: []string{"slave"}, Cluster: "a", Version: "2.2.0", ActivePackages: []string{"p--1"},
				Topology: Topology{Discovery: c.args["master_discovery"]}}
			if c.alter != nil {
				c.alter(s)
			}
			b := &bundle.Bundle{ClusterName: "a", Version: "2.2.1", Arguments: maps.Clone(c.args)}
			id, err := parseMembership(f, s).Prove("10.0.0.9", b, Agent, "mine")
			var no *NotMemberError
			switch {
			case c.want == "" && (err != nil || id != "id-1"):
				t.Errorf("%q, %v", id, err)
			case c.want != "" && (!errors.As(err, &no) || !strings.Contains(err.Error(), c.want) || no.Hint() == "" || id != ""):
				t.Errorf("%q, %v", id, err)
			}
		})
	}
}
