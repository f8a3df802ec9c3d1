// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package samplerelease

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// Three masters behind a load balancer and two agents, installed by hand with
// the rendered dcos_install.sh, become one cluster.
func TestLoadBalancedCluster(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	masters := []string{"198.18.101.1", "198.18.101.2", "198.18.101.3"}
	lb, err := l.LoadBalancer(t.Context(), "sample-lb", lab.LoadBalancer{Backends: masters})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lb.Destroy(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	dir, _ := serve(t, V22, map[string]string{
		"bootstrap_url": "file://" + tmp, "cluster_name": "lab", "master_discovery": "master_http_loadbalancer",
		"exhibitor_address": lb.Address, "num_masters": "3", "exhibitor_storage_backend": "shared_filesystem",
		"exhibitor_fs_config_dir": "/srv/exhibitor", "oauth_enabled": "false", "weights": "web=2",
	})
	shared := l.Shared(t)
	install := func(name, role string, opts ...lab.Option) *lab.Host {
		h := l.Host(t, "sample-"+name, append(opts, lab.WithMount(dir, tmp))...)
		shell(t, h, "bash "+tmp+"/dcos_install.sh "+role+" 2>&1")
		return h
	}
	var hosts []*lab.Host
	for i, address := range masters {
		hosts = append(hosts, install("m"+string(rune('1'+i)), "master", lab.WithAddress(address), lab.WithMount(shared, "/srv/exhibitor")))
	}
	agent, public := install("a1", "slave"), install("p1", "slave_public")
	started := time.Now()
	var state masterState
	until(t, "both agents are registered", func() bool {
		state = masterState{}
		return ask(t, "http://"+lb.Address+":5050/state", &state) == nil && len(state.Slaves) == 2
	})
	t.Logf("settled %v after the last installation", time.Since(started).Round(time.Millisecond))
	if state.Flags["weights"] != "web=2" || state.Flags["cluster"] != "lab" {
		t.Errorf("the master runs with %v", state.Flags)
	}
	var status []struct {
		Description string
		IsLeader    bool
	}
	until(t, "three members serve", func() bool {
		serving, leaders := 0, 0
		if err := ask(t, "http://"+lb.Address+":8181/exhibitor/v1/cluster/status", &status); err != nil {
			return false
		}
		for _, s := range status {
			if s.Description == "serving" {
				serving++
			}
			if s.IsLeader {
				leaders++
			}
		}
		return serving == 3 && leaders == 1
	})
	for _, h := range append(slices.Clone(hosts), agent, public) {
		until(t, "the checks of "+h.Name+" pass", func() bool {
			_, err := h.Exec(t.Context(), "/opt/mesosphere/bin/dcos-shell", "dcos-check-runner", "check", "node-poststart")
			return err == nil
		})
	}
	got := shell(t, agent, "cat /opt/mesosphere/etc/dns_config /opt/mesosphere/etc/master_list 2>&1 || true")
	if strings.Contains(got, masters[0]) {
		t.Errorf("the agent's configuration has a master's address: %s", got)
	}

	// A task is a process on the agent until the agent is stopped gracefully.
	shell(t, hosts[0], `curl -fsS -XPOST localhost:8080/v2/apps -d '{"id": "work", "cmd": "exec sleep 98765"}'`)
	running := func() bool {
		_, err := agent.Exec(t.Context(), "pgrep", "-f", "^sleep 98765")
		return err == nil
	}
	until(t, "the task runs", running)
	shell(t, agent, "systemctl restart dcos-mesos-slave")
	until(t, "the agent is back", func() bool {
		var metrics map[string]float64
		return ask(t, "http://"+agent.Address+":5051/metrics/snapshot", &metrics) == nil && metrics["slave/registered"] == 1
	})
	if !running() {
		t.Error("the task did not outlive the agent's restart")
	}
	shell(t, agent, "systemctl kill -s SIGUSR1 dcos-mesos-slave; systemctl stop dcos-mesos-slave.socket dcos-mesos-slave")
	until(t, "the task ended", func() bool { return !running() })
	until(t, "only the public agent is left", func() bool {
		state = masterState{}
		return ask(t, "http://"+lb.Address+":5050/state", &state) == nil && len(state.Slaves) == 1 && state.Slaves[0].Hostname == public.Address
	})

	// The leader's power goes.
	for _, h := range hosts {
		if h.Address != state.Hostname {
			continue
		}
		if err := h.PowerCut(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	gone := state.Hostname
	until(t, "another master leads", func() bool {
		state = masterState{}
		return ask(t, "http://"+lb.Address+":5050/state", &state) == nil && state.Hostname != gone && len(state.Slaves) == 1
	})
}
