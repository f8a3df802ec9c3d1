// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// TestEnsemble installs a load-balanced site one node at a time, agents first:
// the order that is hardest on whoever waits for others. Its masters have real
// ZooKeepers, in an ensemble that exhibitor makes. Then all masters are
// upgraded at once, and the coordinator keeps the ensemble alive. One of them
// dies, and another machine takes its place.
func TestEnsemble(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V21)
	shared := l.Shared(t)
	pace := quick
	if lab.Nightly {
		pace = 1 // its real times
	}
	mount := lab.WithMount(shared, "/srv/exhibitor")
	var masters []*lab.Host
	var addresses []string
	for i := range 3 {
		h := l.Host(t, fmt.Sprintf("ensemble-m%d", i+1), mount, lab.WithZooKeeper(pace))
		masters = append(masters, h)
		addresses = append(addresses, h.Address)
	}
	agent, public := l.Host(t, "ensemble-a1"), l.Host(t, "ensemble-p1")
	balancer, err := l.LoadBalancer(t.Context(), "ensemble-lb", lab.LoadBalancer{Backends: addresses})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := balancer.Destroy(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	site := map[string]string{
		"cluster_name": "ensemble", "master_discovery": "master_http_loadbalancer", "exhibitor_address": balancer.Address, "num_masters": "3",
		"exhibitor_storage_backend": "shared_filesystem", "exhibitor_fs_config_dir": "/srv/exhibitor",
		"resolvers": `["198.18.0.1"]`, "bootstrap_url": "file:///opt/dcos_install_tmp",
	}
	b := build(t, rel, site)
	client, log := newClient(t, l), testLog(t)
	type member struct {
		*lab.Host
		before *lab.Snapshot
		opts   node.Options
	}
	var members []*member
	add := func(h *lab.Host, role node.Role) {
		members = append(members,
			&member{h, snapshot(t, h), node.Options{Role: role, Bundle: b, Log: log.Scope(b.ClusterName, h.Name, string(role))}})
	}
	add(agent, node.Agent)
	for _, m := range masters {
		add(m, node.Master)
	}
	add(public, node.PublicAgent)
	for _, m := range members {
		begun := time.Now()
		conn := dial(t, client, m.Host)
		state, err := node.Install(t.Context(), conn, m.opts)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		m.opts.MachineID = state.MachineID
		t.Logf("%s: installed in %v", m.Name, time.Since(begun).Round(100*time.Millisecond))
	}
	health := func() node.Health {
		t.Helper()
		h, err := node.MasterHealth(t.Context(), dial(t, client, masters[0]))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	// The master that came last serves, and the others are still being started again by their exhibitors to take it in.
	first := dial(t, client, masters[0])
	allServe := func(names ...string) {
		t.Helper()
		soon(t, "waiting for the ensemble", func() (node.Health, error) {
			h, err := node.MasterHealth(t.Context(), first)
			if err == nil && (h.Unwell(names...) != "" || len(h.Masters) != 3 || h.Serving() != 3 || h.Agents != 2) {
				err = fmt.Errorf("%+v: %s", h, h.Unwell(names...))
			}
			return h, err
		})
	}
	allServe(addresses...)
	if got := agents(t, masters[0]); len(got) != 2 || !slices.Contains(got, agent.Address) || !slices.Contains(got, public.Address) {
		t.Errorf("registered: %q", got)
	}
	for _, h := range []*lab.Host{agent, public} {
		for _, m := range masters {
			if out := shell(t, h, "grep -rlFw '"+m.Address+"' /opt/mesosphere/packages/dcos-config--* /etc/mesosphere || true"); out != "" {
				t.Errorf("%s knows %s: %s", h.Name, m.Name, out)
			}
		}
	}

	keepZnode(t, masters[0])

	next := build(t, openRelease(t, samplerelease.V22), site)
	t.Run("all masters are upgraded at once", func(t *testing.T) {
		until(t, []string{"follower", "follower", "leader"}, masters...)
		// One that has yet to take in the last one that came serves, and is about to be started again by its exhibitor.
		for _, h := range masters {
			soon(t, "waiting for the ensemble of "+h.Name, func() (any, error) {
				servers := serversOf(t, h)
				for _, other := range masters {
					if !strings.Contains(servers, other.Address+":") {
						return nil, fmt.Errorf("%s is not among the servers\n%s", other.Address, servers)
					}
				}
				return nil, nil
			})
		}
		until(t, []string{"follower", "follower", "leader"}, masters...)
		watched := lab.WatchServers(t, 1, masters...)
		reader := readAllTheTime(t, "http://"+balancer.Address+":5050/state", "leader")
		beside := readAllTheTime(t, "http://"+agent.Address+":5051/metrics/snapshot", "slave/registered")
		c := fleet.New()
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for i, m := range members {
			if m.opts.Role != node.Master {
				continue
			}
			gate := func(wrong func(h node.Health, names ...string) string) func(ctx context.Context) error {
				return func(ctx context.Context) error {
					h, err := node.MasterHealth(ctx, dial(t, client, m.Host))
					if err != nil {
						return err
					}
					if reason := wrong(h, m.Address); reason != "" {
						return errors.New(reason)
					}
					return nil
				}
			}
			wg.Go(func() {
				opts := m.opts
				opts.Bundle = next
				opts.Ensemble.Exists = true
				m.opts.Bundle = next
				turn := fleet.Turn{Cluster: "ensemble", Host: m.Name, Role: node.Master, Kind: fleet.Change,
					Before: gate(node.Health.RiskWithout), After: gate(node.Health.Unwell)}
				err := c.Do(t.Context(), turn, func(ctx context.Context) error {
					mu.Lock()
					order = append(order, fmt.Sprint("begin ", i))
					mu.Unlock()
					conn := dial(t, client, m.Host)
					_, err := node.Upgrade(ctx, conn, opts)
					err = errors.Join(err, conn.Close())
					mu.Lock()
					order = append(order, fmt.Sprint("end ", i))
					mu.Unlock()
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", m.Name, err)
				}
			})
		}
		wg.Wait()
		watched()
		reader.judge(t, beside)
		for pair := range slices.Chunk(order, 2) {
			if len(pair) != 2 || strings.TrimPrefix(pair[0], "begin ") != strings.TrimPrefix(pair[1], "end ") {
				t.Errorf("not one at a time: %q", order)
			}
		}
		if h := health(); h.Unwell(addresses...) != "" || h.Serving() != 3 {
			t.Errorf("%+v: %s", h, h.Unwell(addresses...))
		}
		wantZnode(t, masters...)
	})

	if lab.Nightly { // a change waits for TestAWSELB, which replaces one of an ensemble in S3
		other := l.Host(t, "ensemble-m4", mount, lab.WithZooKeeper(pace))
		t.Run("a master is replaced", func(t *testing.T) {
			gone := masters[2]
			if err := gone.Cut(t.Context(), lab.BlackHole); err != nil {
				t.Fatal(err)
			}
			// Exhibitor waits ten seconds for a master to which it has no connection any more, and is waited for.
			for range 2 {
				if h := health(); len(h.Masters) != 3 || !slices.Equal(h.Down(), []string{gone.Address}) {
					t.Errorf("with a dead master: %+v", h)
				}
			}
			m := &member{other, snapshot(t, other), members[3].opts}
			m.opts.Bundle, m.opts.MachineID, m.opts.Log = next, "", log.Scope(b.ClusterName, other.Name, string(node.Master))
			conn := dial(t, client, other)
			state, err := node.Install(t.Context(), conn, m.opts)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			m.opts.MachineID = state.MachineID
			members = slices.Replace(members, 3, 4, m)
			left := []*lab.Host{masters[0], masters[1], other}
			until(t, []string{"follower", "follower", "leader"}, left...)
			wantZnode(t, left...)
			want := fmt.Sprintf("server.1=%s:2888:3888\nserver.2=%s:2888:3888\nserver.4=%s:2888:3888",
				masters[0].Address, masters[1].Address, other.Address)
			for _, h := range left { // each looks at what the ensemble is now and then
				soon(t, "waiting for the ensemble of "+h.Name, func() (any, error) {
					if got := serversOf(t, h); got != want {
						return nil, fmt.Errorf("the servers are\n%s\nand not\n%s", got, want)
					}
					return nil, nil
				})
			}
			until(t, []string{"follower", "follower", "leader"}, left...)
			allServe(other.Address)
		})
	}

	t.Run("destroy", func(t *testing.T) {
		var wg sync.WaitGroup
		for _, m := range members {
			wg.Go(func() {
				conn := dial(t, client, m.Host)
				if err := node.Uninstall(t.Context(), conn, m.opts); err != nil {
					t.Errorf("%+v", err)
				}
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				wantNoTrace(t, m.before, m.Host)
			})
		}
		wg.Wait()
		if left, err := filepath.Glob(filepath.Join(shared, "*")); err == nil {
			t.Logf("what the masters shared is not the nodes' to remove: %q", left)
		}
	})
}

// A reader is a client that reads through the load balancer all the time.
type reader struct {
	cancel  context.CancelFunc
	done    chan struct{}
	reads   int
	failed  map[string]int
	longest time.Duration // without a read that succeeded
	when    time.Time     // that gap began
}

// maxGap is how long a cluster that is upgraded may keep its clients waiting.
const maxGap = 5 * time.Second

// readAllTheTime begins to read JSON with the member named.
func readAllTheTime(t *testing.T, url, member string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{cancel: cancel, done: make(chan struct{}), failed: map[string]int{}}
	client := &http.Client{Timeout: maxGap, Transport: &http.Transport{DisableKeepAlives: true}}
	read := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		var answer map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			return err
		}
		if answer[member] == nil || answer[member] == "" {
			return errors.New("no " + member)
		}
		return nil
	}
	go func() {
		defer close(r.done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		last := time.Now()
		for {
			err := read()
			if ctx.Err() != nil {
				return
			}
			r.reads++
			now := time.Now()
			if gap := now.Sub(last); gap > r.longest {
				r.longest, r.when = gap, last
			}
			if err == nil {
				last = now
			} else {
				r.failed[err.Error()]++
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return r
}

// stop ends it.
func (r *reader) stop() {
	r.cancel()
	<-r.done
}

// judge says how it was, beside another client that read what nobody changed:
// how long that one had to wait is this machine's doing, which has to run a
// dozen hosts, and says nothing of the cluster.
func (r *reader) judge(t *testing.T, beside *reader) {
	t.Helper()
	r.stop()
	beside.stop()
	failed := r.failures()
	t.Logf("a client read %d times through the load balancer while all masters changed: %d reads failed %v; "+
		"the longest time without a read was %v (goal: %v), from %s on; beside it, of what did not change, %v",
		r.reads, failed, r.failed, r.longest.Round(10*time.Millisecond), maxGap, r.when.Format(time.TimeOnly),
		beside.longest.Round(10*time.Millisecond))
	if r.longest > maxGap+beside.longest {
		t.Errorf("for %v no read succeeded", r.longest)
	}
	if min(r.reads, beside.reads-beside.failures()) < 20 {
		t.Errorf("that is no measure: %d reads; beside them %d, of which %v failed", r.reads, beside.reads, beside.failed)
	}
}

func (r *reader) failures() int {
	n := 0
	for _, of := range r.failed {
		n += of
	}
	return n
}
