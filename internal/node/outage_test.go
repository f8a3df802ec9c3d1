// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
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

// An outageConn tells when what comes before a script that takes its node out of
// service is done, and of each question that such a script asks.
type outageConn struct {
	fleet.Conn
	ready func()
	asked func(script string)
}

func (c *outageConn) Upload(ctx context.Context, files []remote.File, progress func(int64)) (string, error) {
	dir, err := c.Conn.Upload(ctx, files, progress)
	c.ready()
	return dir, err
}

func (c *outageConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	if strings.HasPrefix(s.Name, "gate+") {
		s.Stdout = io.MultiWriter(s.Stdout, &questions{asked: func() { c.asked(s.Name) }})
	}
	return c.Conn.Run(ctx, s)
}

type questions struct {
	line  []byte
	asked func()
}

func (q *questions) Write(p []byte) (int, error) {
	q.line = append(q.line, p...)
	for {
		line, rest, found := bytes.Cut(q.line, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if q.line = rest; string(line) == "ask=yes" {
			q.asked()
		}
	}
}

// TestGateAtTheOutage has another master's exhibitor die, or its ZooKeeper hang, when
// a master has its turn and its files are being transferred: it is not stopped before
// the ensemble can do without it, whether it is to be upgraded or removed, and though
// its connection breaks, or exhibitor has yet to notice. The masters have real
// ZooKeepers.
func TestGateAtTheOutage(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	var masters []*lab.Host
	for i := range 3 {
		masters = append(masters, l.Host(t, fmt.Sprintf("outage-m%d", i+1), lab.WithZooKeeper(quick)))
	}
	one, three := masters[0], masters[2]
	before := snapshot(t, one)
	site := staticSite(t, "outage", masters...)
	b, next := build(t, openRelease(t, samplerelease.V21), site), build(t, openRelease(t, samplerelease.V22), site)
	client, log := newClient(t, l), testLog(t)
	var mu sync.Mutex
	ready, asked, dials := func() {}, func(string) {}, 0 // of the first master
	hook := func(r func(), a func(string)) {
		mu.Lock()
		defer mu.Unlock()
		ready, asked, dials = r, a, 0
	}
	f := &fleet.Fleet{
		Turns: fleet.New(), Machines: fleet.NewMachines(t.TempDir(), time.Now), PinHostKeys: true, Log: log,
		Outages: outage.Open, Serves: outage.Serves,
		Dial: func(ctx context.Context, to remote.Target) (fleet.Conn, error) {
			conn, err := client.Dial(ctx, to)
			if err != nil || to.Address != one.Address {
				return conn, err
			}
			mu.Lock()
			defer mu.Unlock()
			dials++
			return &outageConn{conn, ready, asked}, nil
		},
	}
	hosts := make([]fleet.Host, 3)
	var wg sync.WaitGroup
	for i, m := range masters {
		wg.Go(func() {
			hosts[i] = fleet.Host{Target: remote.Target{Address: m.Address, HostKey: m.HostKey}, Role: node.Master, Cluster: "outage", Bundle: b}
			r, err := f.Bring(t.Context(), hosts[i], fleet.Terms{Kind: fleet.FirstInstall})
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
	// dies stops the third master's exhibitor, and waits for the first one to see it.
	dies := func() {
		if _, err := three.Shell(t.Context(), "systemctl stop dcos-exhibitor"); err != nil {
			t.Error(err)
		}
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(200 * time.Millisecond) {
			out, err := one.Shell(t.Context(), "curl -s http://127.0.0.1:8181/exhibitor/v1/cluster/status")
			if err == nil && strings.Contains(out, `"down"`) {
				return
			}
		}
		t.Error("nobody sees that an exhibitor is down")
	}
	// hangs has the third master's ZooKeeper answer nobody. Its exhibitor says that it
	// serves until it has been silent for 30 s.
	hangs := func() {
		if _, err := three.Shell(t.Context(), "kill -STOP $(cat /var/lib/dcos/exhibitor/zk.pid)"); err != nil {
			t.Error(err)
		}
		out, err := one.Shell(t.Context(), "curl -s http://127.0.0.1:8181/exhibitor/v1/cluster/status")
		if err != nil || strings.Count(out, `"serving"`) != 3 {
			t.Errorf("exhibitor has noticed already: %s, %v", out, err)
		}
	}
	// held begins something with the first master, during which harm is done to the
	// third one, and holds that nothing is stopped until so many questions
	// have been asked. With breaks the connection is cut at the second one.
	held := func(t *testing.T, harm func(), script string, questions int, breaks bool, do func() error) (done chan error) {
		t.Helper()
		done = make(chan error, 1)
		var once sync.Once
		asks := make(chan string, 1000)
		hook(func() { once.Do(harm) }, func(name string) { asks <- name })
		pids := mainPIDs(t, one)
		go func() { done <- do() }()
		for n := 1; n <= questions; n++ {
			select {
			case name := <-asks:
				if name != script {
					t.Errorf("question %d is that of %s", n, name)
				}
				if n == 2 && breaks {
					shell(t, one, "pkill -KILL -f '^sshd: .*@'")
				}
			case err := <-done:
				t.Fatalf("it did not wait: %v", err)
			case <-time.After(2 * time.Minute):
				t.Fatal("it does not ask")
			}
		}
		mu.Lock()
		if again := dials > 1; again != breaks {
			t.Errorf("it was connected to %d times", dials)
		}
		mu.Unlock()
		if now := mainPIDs(t, one); !maps.Equal(now, pids) {
			t.Errorf("services are not those that they were: %q", restarted(pids, now))
		}
		if out := shell(t, one, "systemctl is-active dcos-exhibitor dcos-mesos-master"); out != "active\nactive" {
			t.Errorf("it is %q", out)
		}
		return done
	}

	until(t, []string{"follower", "follower", "leader"}, masters...)
	keepZnode(t, one)
	watched := lab.WatchServers(t, 1, masters...)
	t.Run("upgrade", func(t *testing.T) {
		host := hosts[0]
		host.Bundle = next
		var result fleet.Result
		done := held(t, dies, "gate+activate", 5, true, func() (err error) {
			result, err = f.Bring(t.Context(), host, fleet.Terms{Kind: fleet.Change})
			return err
		})
		shell(t, three, "systemctl start dcos-exhibitor")
		if err := <-done; err != nil {
			t.Fatalf("%+v", err)
		}
		if drift := result.State.Drift(next, node.Master); len(drift) > 0 {
			t.Errorf("it is not what was wanted: %q", drift)
		}
		hosts[0] = host
	})

	t.Run("change", func(t *testing.T) {
		for _, m := range masters {
			m.SetPace(t, 1)
		}
		host := hosts[0]
		host.Bundle = build(t, openRelease(t, samplerelease.V22), site, "docker_remove_delay", "3hrs")
		until(t, []string{"follower", "follower", "leader"}, masters...)
		done := held(t, hangs, "gate+activate", 3, false, func() error {
			_, err := f.Bring(t.Context(), host, fleet.Terms{Kind: fleet.Change})
			return err
		})
		shell(t, three, "kill -CONT $(cat /var/lib/dcos/exhibitor/zk.pid)")
		for _, m := range masters {
			m.SetPace(t, quick)
		}
		if err := <-done; err != nil {
			t.Fatalf("%+v", err)
		}
		until(t, []string{"follower", "follower", "leader"}, masters...)
		wantZnode(t, masters...)
		hosts[0] = host
	})

	t.Run("removal", func(t *testing.T) {
		done := held(t, dies, "gate+uninstall", 4, false, func() error {
			_, err := f.Remove(t.Context(), hosts[0], fleet.Terms{})
			return err
		})
		watched()
		// The others go with the whole ensemble, and so does this one then.
		var wg sync.WaitGroup
		for _, h := range hosts[1:] {
			wg.Go(func() {
				if _, err := f.Remove(t.Context(), h, fleet.Terms{EnsembleGoes: true}); err != nil {
					t.Errorf("%+v", err)
				}
			})
		}
		if err := <-done; err != nil {
			t.Errorf("%+v", err)
		}
		wg.Wait()
		wantNoTrace(t, before, one)
	})
}
