// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// TestAccFleetPoolFaults is the fault matrix on a pool of twelve hosts: in each
// stage of their lives a third of them is struck at once, in each life by other
// faults, or Terraform itself is. What apply says names the hosts that are not
// done; one more does these alone and converges, and so does destroy.
func TestAccFleetPoolFaults(t *testing.T) {
	t.Parallel()
	s := newPoolSite(t, 12, lab.WithDisk(1<<30))
	// A host that is gone is noticed within seconds.
	ssh := fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"12s\"\nkeepalive_interval = \"3s\"", lab.UserNoPassword,
		s.lab.KeyFile())
	all := make([]int, len(s.hosts))
	for i := range all {
		all[i] = i
	}
	s.pools("max_failures = \"100%\"\nmax_unavailable = \"100%\"\ntimeouts = { create = \"2m\", update = \"2m\", delete = \"2m\" }",
		map[string][]int{"a": all})
	stages := []struct{ command, stage, parameters string }{
		{"apply", "install", ""},
		{"apply", "upgrade", `gc_delay = "3days"`},
		{"destroy", "uninstall", `gc_delay = "3days"`},
	}
	faults := poolFaults()
	full, killed, interrupted := faults[len(faults)-1], terraformFaults()["killed -9"], terraformFaults()["interrupted"]
	lives := []struct {
		name   string
		at     []int                         // the hosts that are struck first, in each stage the next ones
		faults []poolFault                   // that strike them
		whole  []func(*testing.T, *exec.Cmd) // what strikes Terraform itself, in each stage
	}{
		{name: "hosts", at: []int{0, 4, 8, 11}, faults: faults[:4]},
		{name: "connections", at: []int{1, 5, 6, 10}, faults: faults[4:8]},
		{name: "disks", at: []int{2, 3, 7, 9}, faults: []poolFault{full, full, full, full}},
		{name: "killed first", whole: []func(*testing.T, *exec.Cmd){killed, interrupted, killed}},
		{name: "interrupted first", whole: []func(*testing.T, *exec.Cmd){interrupted, killed, interrupted}},
	}
	s.tf.Apply("-target=dcos_node.master")
	for _, life := range lives {
		s.step(life.name, func(t *testing.T) {
			var table strings.Builder
			for i, stage := range stages {
				s.configure(siteOptions{parameters: stage.parameters, ssh: ssh})
				if stage.stage == "upgrade" {
					s.tf.Apply("-target=dcos_node.master")
				}
				args := []string{stage.command, "-target=dcos_node_pool.a", "-auto-approve", "-no-color"}
				struck := map[*lab.Host]poolFault{}
				for k, n := range life.at {
					struck[s.hosts[(n+i)%len(s.hosts)]] = life.faults[k]
				}
				var whole func(*testing.T, *exec.Cmd)
				if life.whole != nil {
					whole = life.whole[i]
				}
				out, err := s.strike(struck, whole, stage.stage, args)
				said := saidOf(out)
				for n, h := range s.hosts {
					if f, ok := struck[h]; ok {
						fmt.Fprintf(&table, "%-10s %-16s %s\n", stage.stage, f.name, cmp.Or(said[n], "went on and succeeded"))
					} else if whole == nil && said[n] != "" {
						t.Errorf("%s: %s was not struck, but failed: %s", stage.stage, h.Name, said[n])
					}
				}
				if whole == nil && (err != nil) != (len(said) > 0) {
					t.Errorf("%s: %v, of the hosts %v:\n%s", stage.stage, err, said, out)
				}
				if whole != nil {
					fmt.Fprintf(&table, "%-10s %-16s %s\n", stage.stage, "terraform", saidBy(out))
					if err == nil {
						t.Errorf("%s came to its end though it was struck in %s:\n%s", stage.command, stage.stage, out)
					}
				}
				seen := len(s.events())
				again := s.tf.Run(args...)
				for _, address := range s.begun(stage.stage, seen) {
					n := slices.IndexFunc(s.hosts, func(h *lab.Host) bool { return h.Address == address })
					if _, ok := struck[s.hosts[max(n, 0)]]; whole == nil && !ok {
						t.Errorf("%s: %s was not struck, but the next %s began with it:\n%s\n%s", stage.stage, address, stage.command, out, again)
					}
				}
				if stage.command == "destroy" {
					s.clean(s.hosts...)
					continue
				}
				s.serving(all...)
				s.nothingStaleIn(s.hosts...)
				s.tf.NoChanges("-target=dcos_node_pool.a")
			}
			t.Logf("the next apply or destroy converged\n%s", table.String())
		})
	}
	s.destroyed()
}

// A poolFault is what happens to a host, and what ends it.
type poolFault struct {
	name         string
	strike, mend func(context.Context, *lab.Host) error
}

// poolFaults are what can happen to a host. The last one is a full disk.
func poolFaults() []poolFault {
	shell := func(script string) func(context.Context, *lab.Host) error {
		return func(ctx context.Context, h *lab.Host) error {
			_, err := h.Shell(ctx, script)
			return err
		}
	}
	rejoin := func(ctx context.Context, h *lab.Host) error { return h.Rejoin(ctx) }
	start := func(ctx context.Context, h *lab.Host) error { return h.Start(ctx) }
	return []poolFault{
		{"refused", func(ctx context.Context, h *lab.Host) error { return h.Cut(ctx, lab.Refuse) }, rejoin},
		{"power cut", func(ctx context.Context, h *lab.Host) error { return h.PowerCut(ctx) }, start},
		{"rebooted", func(ctx context.Context, h *lab.Host) error { return h.Reboot(ctx) }, nil},
		{"sudo withdrawn", shell("mv /etc/sudoers.d/lab /etc/sudoers.d/.lab"), shell("mv /etc/sudoers.d/.lab /etc/sudoers.d/lab")},
		{"network gone", func(ctx context.Context, h *lab.Host) error { return h.Cut(ctx, lab.BlackHole) }, rejoin},
		{"sshd restarted", shell("systemctl restart ssh"), nil},
		{"connection cut", shell("pkill -KILL -u alice sshd || true"), nil},
		{"shut down", func(ctx context.Context, h *lab.Host) error { return h.Stop(ctx) }, start},
		{"disk full", func(ctx context.Context, h *lab.Host) error { return h.FillDisk(ctx, 0) },
			func(ctx context.Context, h *lab.Host) error { return h.FreeDisk(ctx) }},
	}
}

// strike runs terraform, lets faults happen to hosts as they get into a stage,
// or to terraform itself when a third of the hosts are there, mends them, and
// gives what terraform said.
func (s *poolSite) strike(struck map[*lab.Host]poolFault, whole func(*testing.T, *exec.Cmd), stage string, args []string) (string, error) {
	s.t.Helper()
	seen := len(s.events())
	var out strings.Builder
	cmd := s.tf.Command(s.t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	awaitFor(s.t, 10*time.Minute, "not all hosts got into the stage "+stage, func() error {
		begun := s.begun(stage, seen)
		for h := range struck {
			if !slices.Contains(begun, h.Address) {
				return errors.New(h.Name + " did not")
			}
		}
		if len(begun) < len(s.hosts)/3 {
			return fmt.Errorf("%d did", len(begun))
		}
		return nil
	})
	var strikes sync.WaitGroup
	for h, f := range struck {
		strikes.Go(func() {
			if err := f.strike(s.t.Context(), h); err != nil {
				s.t.Errorf("%s, %s: %v", f.name, h.Name, err)
			}
		})
	}
	if whole != nil {
		whole(s.t, cmd)
	}
	strikes.Wait()
	err := cmd.Wait()
	s.t.Logf("%s with %d hosts struck in %s: %v after %s", args[0], len(struck), stage, err, time.Since(begin).Round(100*time.Millisecond))
	for h, f := range struck {
		if f.mend != nil {
			if err := f.mend(s.t.Context(), h); err != nil {
				s.t.Errorf("mending %s, %s: %v", f.name, h.Name, err)
			}
		}
		if err := h.WaitSSH(s.t.Context()); err != nil {
			s.t.Error(err)
		}
	}
	return out.String(), err
}

// poolCauses is a cause in the error of a pool, with the names of its hosts.
var poolCauses = regexp.MustCompile(`\d+ hosts?: (.+?) (h\d+(?:, h\d+)*)(?: |$)`)

// saidOf gives what terraform said of each host that failed, by its number.
func saidOf(out string) map[int]string {
	_, failed, _ := strings.Cut(flat(out), "Error: ")
	said := map[int]string{}
	for _, m := range poolCauses.FindAllStringSubmatch(failed, -1) {
		for name := range strings.SplitSeq(m[2], ", ") {
			if n, err := strconv.Atoi(strings.TrimPrefix(name, "h")); err == nil {
				said[n] = short(m[1])
			}
		}
	}
	return said
}

// saidBy is what terraform said of itself, in short.
func saidBy(out string) string {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(strings.TrimLeft(line, "│╷╵ ")); strings.HasPrefix(line, "Error: ") {
			return line
		}
	}
	return "nothing"
}

// Hosts that hang hold up no other of their pool, and end by themselves: one that takes
// connections and says nothing, and one that lets in and starts no process.
func TestNodePoolHangingHosts(t *testing.T) {
	t.Parallel()
	const n, mute, stuck = 12, 2, 5
	s := newSimSite(t, simhosts.Options{Mute: simhosts.Address(mute), Stuck: simhosts.Address(stuck)})
	s.configure("", pool("a", s.hosts(0, n), `max_failures = "100%"`))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil {
		t.Fatalf("apply succeeded:\n%s", out)
	}
	mentions(t, out, fmt.Sprintf("2 of %d Hosts Failed", n), fmt.Sprintf("h%d: %s (agent)", mute, simhosts.Address(mute)),
		fmt.Sprintf("h%d: %s (agent)", stuck, simhosts.Address(stuck)))
	nodes, ok := s.state()["nodes"].(map[string]any)
	if !ok || len(nodes) != n {
		t.Fatalf("%d nodes in state", len(nodes))
	}
	for i := range n {
		want := "done"
		if i == mute || i == stuck {
			want = poolFailed
		}
		name := fmt.Sprintf("h%d", i)
		if o, ok := nodes[name].(map[string]any); !ok || o["status"] != want {
			t.Errorf("%s is not %s: %v", name, want, nodes[name])
		}
	}
	s.fleet.Mend()
	s.tf.Apply()
	s.tf.NoChanges()
	if got := s.fleet.Count().Installed; got != n {
		t.Errorf("%d installed", got)
	}
}
