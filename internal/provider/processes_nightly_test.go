// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// An operators is two operators with a state each, who share nothing but the cluster:
// one has two of its masters, the other the third.
type operators struct {
	lab     *lab.Lab
	masters []*lab.Host
	dirs    []*terraform.Dir
	has     [][]int // masters by operator
}

func newOperators(t *testing.T) *operators {
	t.Helper()
	o := &operators{lab: requireAcceptance(t), has: [][]int{{0, 2}, {1}}}
	for i := range 3 {
		o.masters = append(o.masters, o.lab.Host(t, fmt.Sprintf("operators-m%d", i+1), lab.WithZooKeeper(10)))
	}
	for range o.has {
		tf := terraform.New(t)
		tf.Env = append(tf.Env, "DCOS_CACHE_DIRECTORY="+t.TempDir()) // two computers
		o.dirs = append(o.dirs, tf)
	}
	return o
}

// configure writes what both have. Another resolver is a change that restarts all of
// DC/OS.
func (o *operators) configure(t *testing.T, version samplerelease.Version, resolver string) {
	t.Helper()
	var addresses []string
	for _, m := range o.masters {
		addresses = append(addresses, m.Address)
	}
	for i, tf := range o.dirs {
		var own strings.Builder
		for _, n := range o.has[i] {
			fmt.Fprintf(&own, "    m%d = %q\n", n+1, addresses[n])
		}
		tf.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user        = %q
    private_key = file(%q)
  }
  run_log = "run.jsonl"
}

resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "operators"
  master_discovery          = "static"
  master_list               = %s
  exhibitor_storage_backend = "static"
  resolvers                 = [%q]
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
}

resource "dcos_node" "master" {
  for_each = {
%s  }
  address = each.value
  role    = "master"
  bundle  = dcos_cluster_config.test.bundle
}
`, lab.UserNoPassword, o.lab.KeyFile(), sampleRelease(t, version), list(addresses), resolver, own.String()))
	}
}

// both has them run Terraform at the same time.
func (o *operators) both(t *testing.T, args ...string) {
	t.Helper()
	var wg sync.WaitGroup
	for i, tf := range o.dirs {
		wg.Go(func() {
			out, err := tf.Try(append(slices.Clone(args), "-auto-approve", "-no-color")...)
			if err != nil || strings.Contains(out, "No Lock Of The Ensemble") {
				t.Errorf("%s by operator %d: %v\n%s", args[0], i+1, err, out)
			}
		})
	}
	wg.Wait()
}

// atOnce has both change their masters, and counts who is out.
func (o *operators) atOnce(t *testing.T, parallelism string) {
	t.Helper()
	watched := lab.WatchServers(t, 1, o.masters...)
	o.both(t, "apply", parallelism)
	if watched() < 1 {
		t.Error("no master was seen to be out: that is no test")
	}
	for _, tf := range o.dirs {
		tf.NoChanges()
	}
}

// An applying is an apply that goes on beside the test.
type applying struct {
	tf    *terraform.Dir
	cmd   *exec.Cmd
	out   strings.Builder
	seen  int           // events from before it
	ended chan struct{} // closed when it has
	err   error         // then
}

func startApply(t *testing.T, tf *terraform.Dir, args ...string) *applying {
	t.Helper()
	a := &applying{tf: tf, ended: make(chan struct{}), seen: len(eventsIn(tf.Path))}
	a.cmd = tf.Command(t.Context(), append([]string{"apply", "-auto-approve", "-no-color"}, args...)...)
	a.cmd.Stdout, a.cmd.Stderr = &a.out, &a.out
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		a.err = a.cmd.Wait()
		close(a.ended)
	}()
	return a
}

// until waits for an event of it.
func (a *applying) until(t *testing.T, otherwise string, there func(runlog.Event) bool) runlog.Event {
	t.Helper()
	limit, tick := time.After(5*time.Minute), time.NewTicker(5*time.Millisecond) // some stages are over soon
	defer tick.Stop()
	for {
		events := eventsIn(a.tf.Path)[a.seen:]
		if i := slices.IndexFunc(events, there); i >= 0 {
			return events[i]
		}
		select {
		case <-tick.C:
		case <-a.ended:
			t.Fatalf("%s; it came to its end (%v):\n%s", otherwise, a.err, a.out.String())
		case <-limit:
			t.Fatalf("%s in time", otherwise)
		}
	}
}

// dies has the first operator change masters, and stops the exhibitor of the other's
// master while files are being transferred to the first of them. Terraform stands
// still until the ensemble knows.
func (o *operators) dies(t *testing.T, parallelism string) {
	t.Helper()
	const stays = "the master stays in service for now"
	tf, other := o.dirs[0], o.masters[o.has[1][0]]
	watched := lab.WatchServers(t, 1, o.masters...)
	defer watched()
	a := startApply(t, tf, parallelism)
	host := a.until(t, "no transfer began", func(e runlog.Event) bool {
		return e.Stage == "transfer" && e.Event == runlog.Started
	}).Host
	whileStill(t, a, func() {
		for _, e := range eventsIn(tf.Path)[a.seen:] {
			if e.Stage == "transfer" && e.Event == runlog.Finished {
				t.Error("the transfer had come to its end: that is no test")
			}
		}
		if out, err := other.Shell(t.Context(), "systemctl stop dcos-exhibitor"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		one := o.masters[slices.IndexFunc(o.masters, func(h *lab.Host) bool { return h.Address == host })]
		await(t, "nobody sees that an exhibitor is down", func() error {
			says, err := one.Shell(t.Context(), "curl -s http://127.0.0.1:8181/exhibitor/v1/cluster/status")
			if err == nil && !strings.Contains(says, `"down"`) {
				err = errors.New(says)
			}
			return err
		})
	})
	defer func() { // however it ends: what comes next needs all three
		if out, err := other.Shell(t.Context(), "systemctl start dcos-exhibitor"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if <-a.ended; a.err != nil {
			t.Errorf("%v\n%s", a.err, a.out.String())
		}
		tf.NoChanges()
	}()
	e := a.until(t, "it did not come to the outage", func(e runlog.Event) bool {
		return e.Host == host && (strings.Contains(e.Message, stays) || e.Stage == "upgrade" && e.Event == runlog.Finished)
	})
	if e.Event == runlog.Finished {
		t.Errorf("%s was taken out of service while another master's exhibitor was dead", host)
	}
}

// whileStill does something while the provider of an apply stands still.
func whileStill(t *testing.T, a *applying, do func()) {
	t.Helper()
	if err := terraform.SignalProvider(a.cmd.Process, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := terraform.SignalProvider(a.cmd.Process, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	do()
}

// TestAccTwoProcesses has two operators install at the same time, and change their
// masters at the same time, which the lock in the ensemble's own ZooKeeper puts in
// order; internal/node's TestTwoProcesses has both ask at the same moment. And it has
// an exhibitor die when one of them is about to change a master, which waits for it.
func TestAccTwoProcesses(t *testing.T) {
	t.Parallel()
	o := newOperators(t)
	before, err := snapshots(t.Context(), o.masters)
	if err != nil {
		t.Fatal(err)
	}
	o.configure(t, samplerelease.V21, "192.0.2.53")
	if o.both(t, "apply"); t.Failed() {
		t.FailNow()
	}
	whole := func() { // each part begins with three of three
		t.Helper()
		await(t, "the ensemble is not whole", func() error { return o.serve(t) })
	}
	for i, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
		whole()
		t.Run("an exhibitor dies, "+parallelism, func(t *testing.T) {
			o.configure(t, samplerelease.V21, fmt.Sprintf("192.0.2.%d", 54+i))
			o.dies(t, parallelism)
		})
		whole()
		t.Run("a change at once, "+parallelism, func(t *testing.T) {
			o.configure(t, samplerelease.V21, fmt.Sprintf("192.0.2.%d", 64+i))
			o.atOnce(t, parallelism)
		})
	}
	whole()
	t.Run("an upgrade at once", func(t *testing.T) {
		o.configure(t, samplerelease.V22, "192.0.2.65")
		o.atOnce(t, "-parallelism=10")
	})
	for _, tf := range o.dirs {
		tf.Env = append(tf.Env, "DCOS_ALLOW_ENSEMBLE_LOSS=true")
	}
	o.both(t, "destroy")
	after, err := snapshots(t.Context(), o.masters)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range o.masters {
		for _, c := range lab.Diff(before[m.Name], after[m.Name]) {
			t.Errorf("%s: left: %s", m.Name, c)
		}
	}
}

// serve tells which masters' ZooKeepers do not serve, by what each says of itself.
func (o *operators) serve(t *testing.T) error {
	t.Helper()
	for _, m := range o.masters {
		says, err := m.Shell(t.Context(), "curl -s http://127.0.0.1:8181/exhibitor/v1/cluster/status")
		if err == nil && strings.Count(says, `"serving"`) != len(o.masters) {
			err = fmt.Errorf("%s says %s", m.Name, says)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
