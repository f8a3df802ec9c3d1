// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A Topology is what a cluster was built on and cannot change while it runs:
// how its masters are found, how many there are, and where exhibitor keeps
// what makes them one ensemble. What is not known is empty.
type Topology struct {
	Discovery string // master_http_loadbalancer or static
	Masters   int
	Backend   string // the value of exhibitor_storage_backend
	Place     string // where in the backend; what exactly depends on it
}

// agentsOnly is the backend of a configuration for nodes that have no exhibitor.
const agentsOnly = "agent_only_group_no_exhibitor"

// TopologyOf reads a site's parameters, given or resolved: those that matter
// here have no defaults.
func TopologyOf(args map[string]string) Topology {
	t := Topology{Discovery: args["master_discovery"], Backend: args["exhibitor_storage_backend"]}
	if n, err := strconv.Atoi(args["num_masters"]); err == nil {
		t.Masters = n
	} else if t.Discovery == "static" {
		t.Masters = listed(args["master_list"])
	}
	t.Place = placeIn(t.Backend, func(name string) string { return args[name] })
	return t
}

// listed counts the entries of a JSON list.
func listed(text string) int {
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return 0 // nobody knows
	}
	return len(list)
}

// placeIn words where in a backend an ensemble's state is. The hosts of a
// ZooKeeper are left out: they may move while the state stays.
func placeIn(backend string, parameter func(name string) string) string {
	names := map[string][]string{
		"aws_s3": {"s3_bucket", "s3_prefix"}, "shared_filesystem": {"exhibitor_fs_config_dir"},
		"zookeeper": {"exhibitor_zk_path"}, "azure": {"exhibitor_azure_prefix"},
	}[backend]
	var parts []string
	for _, name := range names {
		if v := parameter(name); v != "" {
			parts = append(parts, name+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}

// parseTopology reads what inspect.sh took from DC/OS's own configuration: the
// values of its environment files under their names there, and two files.
func parseTopology(f *frame) Topology {
	set := map[string]string{}
	for _, line := range f.all("setting") {
		name, value, _ := strings.Cut(line, "=")
		set[name] = value
	}
	t := Topology{
		Discovery: map[string]string{"exhibitor_uri": "master_http_loadbalancer", "master_list": "static"}[set["MASTER_SOURCE"]],
		Backend: map[string]string{
			"AWS_S3": "aws_s3", "SHARED_FS": "shared_filesystem", "STATIC": "static", "ZK": "zookeeper", "AZURE": "azure",
		}[set["EXHIBITOR_BACKEND"]],
	}
	variables := map[string]string{
		"s3_bucket": "AWS_S3_BUCKET", "s3_prefix": "AWS_S3_PREFIX", "exhibitor_fs_config_dir": "EXHIBITOR_FSCONFIGDIR",
		"exhibitor_zk_path": "ZK_CONFIG_ZPATH", "exhibitor_azure_prefix": "AZURE_PREFIX",
	}
	t.Place = placeIn(t.Backend, func(name string) string { return set[variables[name]] })
	if n, err := strconv.Atoi(f.trimmed("master_count")); err == nil {
		t.Masters = n
	} else if f.has("master_list") {
		t.Masters = listed(f.get("master_list"))
	}
	return t
}

// A TopologyError says what a running cluster cannot change, and what was
// wanted.
type TopologyError struct {
	Parameter string // which is it
	Reason    string
}

func (e *TopologyError) Error() string { return e.Reason }

// Kind is KindTopology.
func (*TopologyError) Kind() remote.Kind { return KindTopology }

// Hint says what to do.
func (e *TopologyError) Hint() string {
	return "Put " + e.Parameter +
		" back to what it was. To have it otherwise, build a new cluster: destroy the nodes, apply the change, and install them anew"
}

// ChangeTopology says why a node with a role cannot go from one topology to
// another in place; nil if it can, or if nothing is known that speaks against it.
func ChangeTopology(role Role, from, to Topology) *TopologyError {
	switch {
	case from.Discovery != "" && to.Discovery != "" && from.Discovery != to.Discovery:
		return &TopologyError{"master_discovery",
			fmt.Sprintf("the cluster finds its masters by %s; DC/OS does not support changing that to %s while the cluster runs: "+
				"nodes that were changed and nodes that were not would look for different masters", from.Discovery, to.Discovery)}
	case from.Masters > 0 && to.Masters > 0 && from.Masters != to.Masters:
		parameter := "num_masters"
		if to.Discovery == "static" {
			parameter = "the number of addresses in master_list"
		}
		return &TopologyError{parameter,
			fmt.Sprintf("the cluster has %s; DC/OS does not support changing that to %s while it runs: the quorum of Mesos's replicated log "+
				"and exhibitor's ensemble would differ from master to master", masters(from.Masters), masters(to.Masters))}
	case role != Master && (from.Backend == agentsOnly || to.Backend == agentsOnly):
		return nil // agents have no exhibitor
	case from.Backend != "" && to.Backend != "" && from.Backend != to.Backend:
		return &TopologyError{"exhibitor_storage_backend",
			fmt.Sprintf("exhibitor keeps the ensemble's state in the backend %s; DC/OS does not support changing that to %s "+
				"while the cluster runs: the first master with another backend would begin an ensemble of its own", from.Backend, to.Backend)}
	case from.Backend == to.Backend && from.Place != "" && to.Place != "" && from.Place != to.Place:
		return &TopologyError{"the exhibitor backend's place",
			fmt.Sprintf("exhibitor keeps the ensemble's state in %s (%s); DC/OS does not support moving it to %s while the cluster runs: "+
				"the first master that looks there would begin an ensemble of its own", from.Backend, from.Place, to.Place)}
	}
	return nil
}

func masters(n int) string {
	if n == 1 {
		return "1 master"
	}
	return fmt.Sprintf("%d masters", n)
}
