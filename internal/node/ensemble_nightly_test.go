// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// TestRealTimes has a static ensemble of real ZooKeepers, with exhibitor's real times:
// another leads when the leader goes, it comes back, there is no quorum with two of
// three out, and all are upgraded, one at a time. It tells how long each takes.
func TestRealTimes(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	var masters []*lab.Host
	for i := range 3 {
		masters = append(masters, l.Host(t, fmt.Sprintf("times-m%d", i+1), lab.WithZooKeeper(1)))
	}
	whole := []string{"follower", "follower", "leader"}
	site := staticSite(t, "times", masters...)
	b, next := build(t, openRelease(t, samplerelease.V21), site), build(t, openRelease(t, samplerelease.V22), site)
	client, log := newClient(t, l), testLog(t)
	f := &fleet.Fleet{
		Turns: fleet.New(), Machines: fleet.NewMachines(t.TempDir(), time.Now), PinHostKeys: true, Log: log,
		Outages: outage.Open, Serves: outage.Serves,
		Dial: func(ctx context.Context, to remote.Target) (fleet.Conn, error) { return client.Dial(ctx, to) },
	}
	hosts := make([]fleet.Host, 3)
	all := func(what string, do func(i int) error) {
		t.Helper()
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range masters {
			wg.Go(func() {
				if err := do(i); err != nil {
					t.Errorf("%+v", err)
				}
			})
		}
		wg.Wait()
		t.Logf("%s: %.1f s", what, time.Since(begun).Seconds())
	}
	tell := func(what string, took time.Duration) { t.Helper(); t.Logf("%s: %.1f s", what, took.Seconds()) }
	all("all masters are installed", func(i int) error {
		m := masters[i]
		hosts[i] = fleet.Host{Target: remote.Target{Address: m.Address, HostKey: m.HostKey}, Role: node.Master, Cluster: "times", Bundle: b}
		r, err := f.Bring(t.Context(), hosts[i], fleet.Terms{Kind: fleet.FirstInstall})
		if err == nil {
			hosts[i].MachineID, hosts[i].DetectedIP, hosts[i].Claim = r.State.MachineID, r.State.DetectedIP, r.Claim
		}
		return err
	})
	tell("then all serve after", until(t, whole, masters...))
	keepZnode(t, masters[0])

	leader := leading(t, masters...)
	others := slices.DeleteFunc(slices.Clone(masters), func(h *lab.Host) bool { return h == leader })
	health := func(h *lab.Host) node.Health {
		t.Helper()
		of, err := node.MasterHealth(t.Context(), dial(t, client, h))
		if err != nil {
			t.Fatal(err)
		}
		return of
	}
	says := func(h *lab.Host, serving int) time.Duration {
		t.Helper()
		begun := time.Now()
		soon(t, fmt.Sprintf("waiting for exhibitor to say that %d serve", serving), func() (any, error) {
			if of := health(h); of.Serving() != serving {
				return nil, fmt.Errorf("%+v", of)
			}
			return nil, nil
		})
		return time.Since(begun)
	}
	tell("exhibitor sees that all serve after", says(others[0], 3))
	shell(t, leader, "systemctl stop dcos-exhibitor")
	tell("another one leads after", until(t, []string{"follower", "leader"}, others...))
	if of := health(others[0]); of.RiskWithout(others[0].Address) == "" || !slices.Equal(of.Down(), []string{leader.Address}) {
		t.Errorf("with one out: %+v", of)
	}
	shell(t, leader, "systemctl start --no-block dcos-exhibitor")
	tell("the one that led follows after", until(t, whole, masters...))
	tell("its exhibitor sees that after", says(others[0], 3))
	wantZnode(t, masters...)

	for _, h := range others {
		shell(t, h, "systemctl stop dcos-exhibitor")
	}
	tell("without a quorum the last one serves no more after", until(t, []string{""}, leader))
	tell("its exhibitor sees that after", says(leader, 0))
	for _, h := range others {
		shell(t, h, "systemctl start --no-block dcos-exhibitor")
	}
	tell("all serve again after", until(t, whole, masters...))
	tell("exhibitor sees that after", says(leader, 3))
	wantZnode(t, masters...)

	watched := lab.WatchServers(t, 1, masters...)
	all("all masters are upgraded", func(i int) error {
		hosts[i].Bundle = next
		r, err := f.Bring(t.Context(), hosts[i], fleet.Terms{Kind: fleet.Change})
		if err == nil && len(r.State.Drift(next, node.Master)) > 0 {
			err = errors.New("it is not what was wanted")
		}
		return err
	})
	watched()
	tell("then all serve after", until(t, whole, masters...))
	wantZnode(t, masters...)
}
