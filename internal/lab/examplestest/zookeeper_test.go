// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestZooKeeper(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	zookeeper := l.Host(t, "zookeeper", lab.WithPackages("zookeeperd"))
	cli := func(command string) string {
		return onHost(t, zookeeper, "/usr/share/zookeeper/bin/zkCli.sh -server 127.0.0.1:2181 "+command+" 2>&1 || :")
	}
	s := newSite(t, l, "zookeeper", 0)
	s.remember()
	tf := open(t, "zookeeper", s.variables(map[string]any{
		"load_balancer": s.balancer().Address, "zookeeper_hosts": []string{zookeeper.Address + ":2181"}, "zookeeper_path": "/dcos/lab",
	}))

	tf.Apply()
	whole(t, address(tf), 3, 1)
	members := cli("ls /dcos/lab/members")
	for _, h := range s.masters {
		if !strings.Contains(members, h.Address) {
			t.Errorf("%s is not in ZooKeeper: %s", h.Name, members)
		}
	}
	tf.NoChanges()

	tf.Destroy()
	s.clean()
}
