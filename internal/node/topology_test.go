// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

func TestChangeTopology(t *testing.T) {
	t.Parallel()
	balanced := map[string]string{
		"master_discovery": "master_http_loadbalancer", "exhibitor_address": "lb", "num_masters": "3",
		"exhibitor_storage_backend": "aws_s3", "s3_bucket": "b", "s3_prefix": "p",
	}
	static := map[string]string{
		"master_discovery": "static", "master_list": `["10.0.0.1", "10.0.0.2", "10.0.0.3"]`, "exhibitor_storage_backend": "static",
	}
	for name, c := range map[string]struct {
		role   node.Role
		from   map[string]string
		change map[string]string
		want   string // "": it can be done
	}{
		"nothing":                  {node.Master, balanced, nil, ""},
		"a load balancer's name":   {node.Master, balanced, map[string]string{"exhibitor_address": "other"}, ""},
		"one master's address":     {node.Master, static, map[string]string{"master_list": `["10.0.0.1","10.0.0.2","10.0.0.4"]`}, ""},
		"what does not concern it": {node.Agent, static, map[string]string{"gc_delay": "3days"}, ""},
		"more masters": {node.Master, balanced, map[string]string{"num_masters": "5"},
			"3 masters; DC/OS does not support changing that to 5 masters"},
		"more in the list": {node.Agent, static, map[string]string{"master_list": `["10.0.0.1"]`},
			"3 masters; DC/OS does not support changing that to 1 master "},
		"discovery": {node.Agent, balanced, static, "master_http_loadbalancer; DC/OS does not support changing that to static"},
		"the backend": {node.Master, static, map[string]string{"exhibitor_storage_backend": "shared_filesystem",
			"exhibitor_fs_config_dir": "/x"}, "the backend static; DC/OS does not support changing that to shared_filesystem"},
		"an agent's backend":        {node.Agent, static, map[string]string{"exhibitor_storage_backend": "agent_only_group_no_exhibitor"}, ""},
		"the bucket":                {node.Master, balanced, map[string]string{"s3_bucket": "c"}, "s3_bucket c"},
		"what nobody knows (list)":  {node.Master, map[string]string{"master_discovery": "static"}, static, ""},
		"what nobody knows (state)": {node.Master, map[string]string{}, balanced, ""},
	} {
		to := maps.Clone(c.from)
		maps.Copy(to, c.change)
		err := node.ChangeTopology(c.role, node.TopologyOf(c.from), node.TopologyOf(to))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Hint(), "new cluster")):
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}
