// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package examplestest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// balancer makes a load balancer in front of the masters.
func (s *site) balancer() *lab.Host {
	s.t.Helper()
	var masters []string
	for _, h := range s.masters {
		masters = append(masters, h.Address)
	}
	h, err := s.lab.LoadBalancer(s.t.Context(), s.prefix+"-lb", lab.LoadBalancer{Backends: masters})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := h.Destroy(context.Background()); err != nil {
			s.t.Errorf("lab: %v", err)
		}
	})
	return h
}

func TestOnPremStatic(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Require(t), "static", 1)
	s.remember()
	tf := open(t, "onprem-static", s.variables(nil))

	tf.Apply()
	whole(t, address(tf), 3, 2)
	for _, h := range s.masters {
		if list := onHost(t, s.agents[0], "cat /opt/mesosphere/etc/master_list"); !strings.Contains(list, h.Address) {
			t.Errorf("the agent's list of masters has no %s: %s", h.Address, list)
		}
	}
	tf.NoChanges()

	tf.Destroy()
	s.clean()
}

func TestSharedFilesystem(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	shared := l.Shared(t)
	s := newSite(t, l, "sharedfs", 1, lab.WithMount(shared, exhibitorDir))
	s.remember()
	tf := open(t, "shared-filesystem", s.variables(map[string]any{"load_balancer": s.balancer().Address}))

	tf.Apply()
	whole(t, address(tf), 3, 2)
	members, err := os.ReadFile(filepath.Join(shared, "exhibitor.properties"))
	if err != nil {
		t.Error(err)
	}
	for _, h := range s.masters {
		if !strings.Contains(string(members), h.Address) {
			t.Errorf("%s is not in the shared directory: %s", h.Name, members)
		}
	}
	tf.NoChanges()

	tf.Destroy()
	s.clean(exhibitorDir)
}

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
	members := cli("get /dcos/lab/configs/config")
	for _, h := range s.masters {
		if !strings.Contains(members, h.Address) {
			t.Errorf("%s is not in ZooKeeper: %s", h.Name, members)
		}
	}
	tf.NoChanges()

	tf.Destroy()
	s.clean()
}
