// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// requireFleet skips a test that takes many minutes, which make test-fleet
// runs.
func requireFleet(t *testing.T) {
	t.Helper()
	if os.Getenv("DCOS_TEST_FLEET") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI runs this by make test-fleet, with DCOS_TEST_FLEET set")
		}
		t.Skip("many minutes on many real hosts: make test-fleet runs it")
	}
	terraform.Require(t)
}

// span is when a stage was at work on a host.
type span struct {
	host, role string
	from, to   time.Time
}

// spans gives when a stage was at work on hosts, after so many events.
func (s *testSite) spans(stage string, after int) []span { return spansOf(s.events()[after:], stage) }

func spansOf(events []runlog.Event, stage string) (list []span) {
	open := map[string]int{}
	for _, e := range events {
		if e.Stage != stage {
			continue
		}
		switch i, ok := open[e.Host]; {
		case e.Event == runlog.Started:
			open[e.Host] = len(list)
			list = append(list, span{e.Host, e.Role, e.Time, time.Now()})
		case ok && (e.Event == runlog.Finished || e.Event == runlog.Failed):
			list[i].to = e.Time
		}
	}
	return list
}

// inOrder holds that masters were changed one at a time, and agents after
// them.
func (s *testSite) inOrder(after int) {
	s.t.Helper()
	list := s.spans("upgrade", after)
	if len(list) != len(s.nodes()) {
		s.t.Errorf("%d of %d nodes were changed", len(list), len(s.nodes()))
	}
	changedInOrder(s.t, list)
}

func changedInOrder(t *testing.T, list []span) {
	t.Helper()
	for i, a := range list {
		for _, b := range list[i+1:] {
			overlap := a.from.Before(b.to) && b.from.Before(a.to)
			if a.role == "master" && b.role == "master" && overlap {
				t.Errorf("the masters %s and %s were changed at once", a.host, b.host)
			}
			if a.role != "master" && b.role == "master" {
				t.Errorf("the agent %s was changed before the master %s", a.host, b.host)
			}
		}
	}
}

// removedInOrder holds that no master was removed before an agent.
func removedInOrder(t *testing.T, list []span) {
	t.Helper()
	for i, r := range list {
		if r.role == "master" && slices.ContainsFunc(list[i:], func(later span) bool { return later.role != "master" }) {
			t.Errorf("the master %s was removed before an agent", r.host)
		}
	}
}

// A pulse does one thing over and over, and notes for how long it did not work.
type pulse struct {
	name    string
	tries   int
	failed  map[string]int
	longest time.Duration
}

// beat tries until the context ends.
func (p *pulse) beat(ctx context.Context, try func(context.Context) error) {
	p.failed = map[string]int{}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for {
		err := try(ctx)
		if ctx.Err() != nil {
			return
		}
		p.tries++
		now := time.Now()
		p.longest = max(p.longest, now.Sub(last))
		if err == nil {
			last = now
		} else {
			p.failed[err.Error()]++
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// maxGap is how long a cluster that is upgraded may keep its clients waiting:
// a change of leader.
const maxGap = 5 * time.Second

// underUse does work while clients read and write through the load balancer,
// and judges how long they had to wait. How long one waits beside them that
// reads what nobody changes is this machine's doing.
func (s *testSite) underUse(work func()) {
	s.t.Helper()
	client := http.Client{Timeout: maxGap, Transport: &http.Transport{DisableKeepAlives: true}}
	do := func(ctx context.Context, method, url, body string) error {
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return errors.New(strings.Map(func(r rune) rune { // numbers of ports make no two errors alike
				if r >= '0' && r <= '9' {
					return -1
				}
				return r
			}, err.Error()))
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 300 {
			return errors.New(resp.Status)
		}
		return nil
	}
	balancer := "http://" + s.balancer.Address
	still := "defaults\n mode http\n timeout client 10s\nfrontend still\n bind *:9999\n http-request return status 200\n"
	if err := s.balancer.WriteFile("/etc/haproxy/still.cfg", []byte(still), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.balancer.Shell(s.t.Context(), "systemd-run --quiet --unit=still haproxy -f /etc/haproxy/still.cfg"); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	beats := []*pulse{{name: "reads of /mesos/state"}, {name: "writes of an app"}, {name: "reads of what does not change"}}
	n := 0
	tries := []func(context.Context) error{
		func(ctx context.Context) error { return do(ctx, http.MethodGet, balancer+":5050/state", "") },
		func(ctx context.Context) error {
			n++
			apps := balancer + "/service/marathon/v2/apps"
			if err := do(ctx, http.MethodPost, apps, fmt.Sprintf(`{"id": "client-%d", "cmd": "sleep 1", "instances": 0}`, n)); err != nil {
				return err
			}
			return do(ctx, http.MethodDelete, fmt.Sprintf("%s/client-%d", apps, n), "")
		},
		func(ctx context.Context) error { return do(ctx, http.MethodGet, balancer+":9999/", "") },
	}
	var wg sync.WaitGroup
	for i, b := range beats {
		wg.Go(func() { b.beat(ctx, tries[i]) })
	}
	work()
	cancel()
	wg.Wait()
	beside := beats[len(beats)-1]
	for _, b := range beats {
		failed := 0
		for _, count := range b.failed {
			failed += count
		}
		s.t.Logf("%s: %d, of which %d failed %v; the longest time without was %v (goal: %v)", b.name, b.tries, failed, b.failed,
			b.longest.Round(10*time.Millisecond), maxGap)
		if b != beside && b.longest > maxGap+beside.longest {
			s.t.Errorf("%s: none for %v", b.name, b.longest)
		}
		if b.tries-failed < 20 {
			s.t.Errorf("%s: that is no measure", b.name)
		}
	}
}

// TestAccFleetUpgrade upgrades three masters and six agents under clients that
// read and write through the load balancer all the time; and once more with a
// master that breaks half-way.
func TestAccFleetUpgrade(t *testing.T) {
	requireFleet(t)
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 3, 6, 0)
	ten := "-parallelism=10"
	s.step("install", func(*testing.T) {
		s.configure(siteOptions{version: sample.V21})
		s.tf.Apply(ten)
		s.whole()
	})
	s.step("upgrade", func(*testing.T) {
		s.configure(siteOptions{})
		seen := len(s.events())
		s.underUse(func() { s.tf.Apply(ten) })
		s.inOrder(seen)
		s.whole()
		s.tf.NoChanges()
	})
	s.step("a master breaks half-way", func(t *testing.T) {
		s.configure(siteOptions{parameters: `gc_delay = "3days"`,
			ssh: fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"20s\"", lab.UserNoPassword, s.lab.KeyFile())})
		seen := len(s.events())
		var out strings.Builder
		cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color", ten)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The second one to be changed is struck as it is.
		var broken *lab.Host
		awaitFor(t, 10*time.Minute, "no second master is being changed", func() error {
			list := s.spans("upgrade", seen)
			if len(list) < 2 {
				return fmt.Errorf("%d were begun", len(list))
			}
			broken = s.masters[slices.IndexFunc(s.masters, func(h *lab.Host) bool { return h.Address == list[1].host })]
			return nil
		})
		if err := broken.PowerCut(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("apply succeeded:\n%s", out.String())
		}
		t.Log(out.String())
		if got := s.spans("upgrade", seen); len(got) != 2 {
			t.Errorf("%d nodes were touched: %v", len(got), got)
		}
		mentions(t, out.String(), broken.Address)
		if err := broken.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := broken.WaitSSH(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.tf.Apply(ten)
		s.whole()
		s.tf.NoChanges()
	})
	s.step("destroy", func(*testing.T) {
		s.tf.Destroy(ten)
		s.clean(s.nodes()...)
	})
}
