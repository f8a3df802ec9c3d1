// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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

// A meetingConn keeps the first question of a script that takes its node out of
// service from being answered until others ask as well: all have seen their
// ensemble by then, as it was before.
type meetingConn struct {
	fleet.Conn
	meet func()
}

func (c *meetingConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	if strings.HasPrefix(s.Name, "gate+") {
		s.Stdout = &holding{to: s.Stdout, before: c.meet}
	}
	return c.Conn.Run(ctx, s)
}

// holding passes lines on, after it has waited before the one that asks.
type holding struct {
	to     io.Writer
	line   []byte
	before func()
}

func (h *holding) Write(p []byte) (int, error) {
	h.line = append(h.line, p...)
	for {
		line, rest, found := bytes.Cut(h.line, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if string(line) == "ask=yes" {
			h.before()
		}
		if _, err := fmt.Fprintf(h.to, "%s\n", line); err != nil {
			return 0, err
		}
		h.line = rest
	}
}

// TestTwoProcesses has two processes with nothing in common but the ensemble
// upgrade one master each, at once: both see three of three serve when they ask.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	var masters []*lab.Host
	for i := range 3 {
		masters = append(masters, l.Host(t, fmt.Sprintf("processes-m%d", i+1), lab.WithZooKeeper(quick)))
	}
	site := staticSite(t, "processes", masters...)
	b, next := build(t, openRelease(t, samplerelease.V21), site), build(t, openRelease(t, samplerelease.V22), site)
	client, log := newClient(t, l), testLog(t)
	var mu sync.Mutex
	asking, all := 0, make(chan struct{})
	meet := func() {
		mu.Lock()
		if asking++; asking == 2 {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
		case <-time.After(15 * time.Second): // less than the script waits
			t.Error("the other one does not ask")
		}
	}
	process := func() *fleet.Fleet {
		return &fleet.Fleet{
			Turns: fleet.New(), Machines: fleet.NewMachines(t.TempDir(), time.Now), Outages: outage.Open, Serves: outage.Serves,
			PinHostKeys: true, Log: log,
			Dial: func(ctx context.Context, to remote.Target) (fleet.Conn, error) {
				conn, err := client.Dial(ctx, to)
				if err != nil {
					return nil, err
				}
				return &meetingConn{conn, sync.OnceFunc(meet)}, nil
			},
		}
	}
	first := process()
	hosts := make([]fleet.Host, 3)
	var wg sync.WaitGroup
	for i, m := range masters {
		wg.Go(func() {
			hosts[i] = fleet.Host{Target: remote.Target{Address: m.Address, HostKey: m.HostKey}, Role: node.Master, Cluster: "processes", Bundle: b}
			r, err := first.Bring(t.Context(), hosts[i], fleet.Terms{Kind: fleet.FirstInstall})
			if err != nil {
				t.Errorf("%+v", err)
				return
			}
			hosts[i].MachineID, hosts[i].DetectedIP, hosts[i].Claim = r.State.MachineID, r.State.DetectedIP, r.Claim
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for begun := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		h, err := node.MasterHealth(t.Context(), dial(t, client, masters[0]))
		if err == nil && h.Serving() == 3 && h.Unwell() == "" {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("the ensemble is not well: %+v, %v", h, err)
		}
	}

	keepZnode(t, masters[0])
	watched := lab.WatchServers(t, 1, masters...)
	errs := make([]error, 2)
	for i := range errs {
		f, host := process(), hosts[i]
		host.Bundle = next
		wg.Go(func() {
			r, err := f.Bring(t.Context(), host, fleet.Terms{Kind: fleet.Change,
				Warn: func(f node.Finding) { t.Errorf("%s: warned of %s", host.Address(), f) }})
			if err == nil && len(r.State.Drift(next, node.Master)) > 0 {
				err = errors.New("it is not what was wanted")
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("%+v", err)
	}
	if watched() < 1 {
		t.Error("no master was seen to be out: that is no test")
	}
	wantZnode(t, masters...)
}
