// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// An ending is how an activation of packages comes to its end, at one of its
// steps. The sample's package manager does what break says in the step's place.
type ending struct {
	name, brk string
	disk      bool // the host needs a disk of its own
	// strike does to the host what ends the activation, which waits for it.
	strike func(ctx context.Context, h *lab.Host) error
	// mend ends what strike has done, after the host was looked at.
	mend func(ctx context.Context, h *lab.Host) error
}

func endings() []ending {
	reboot := func(ctx context.Context, h *lab.Host) error { return errors.Join(h.PowerCut(ctx), h.Start(ctx)) }
	return []ending{
		{name: "killed", brk: "kill"},
		{name: "killed, rebooted", brk: "hold", strike: reboot},
		{name: "power cut", brk: "empty", strike: reboot}, // what was not made sure to be on disk is empty
		{name: "disk full", brk: "hold", disk: true,
			strike: func(ctx context.Context, h *lab.Host) error {
				if err := h.FillDisk(ctx, 0); err != nil {
					return err
				}
				_, err := h.Shell(ctx, "rm /run/dcos-sample/held; while kill -0 $(cat /run/dcos-sample/pid) 2>/dev/null; do sleep 0.02; done")
				return err
			},
			mend: func(ctx context.Context, h *lab.Host) error { return h.FreeDisk(ctx) }},
	}
}

var swapStride = flag.Int("swap-stride", 0, "TestSwapPoints tries every so many steps one; 0: every night all, else a few")

// TestSwapPoints ends activations of packages at their steps: each write, each
// rename, each unit file, each marker. After each, the plan says what there is
// to do, an apply converges, as a repair and as the change that was under way
// in turn, nothing is uninstalled, and what the node keeps is what it was. It is
// every step, end and role every night, and some steps of power cuts otherwise;
// TestRepair kills at some more.
func TestSwapPoints(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	roles, ends, stride := []node.Role{node.Master}, endings()[2:3], 23
	site := map[string]string{}
	if lab.Nightly {
		roles, ends, stride = append(roles, node.Agent), endings(), 1
		master := l.Host(t, "swap") // the agents'
		site = staticSite(t, "swap", master)
		if _, err := node.Install(t.Context(), dial(t, newClient(t, l), master),
			node.Options{Role: node.Master, Bundle: build(t, rel, site)}); err != nil {
			t.Fatalf("%+v", err)
		}
	}
	if *swapStride > 0 {
		stride = *swapStride
	}
	var mu sync.Mutex
	var table []string
	t.Run("lanes", func(t *testing.T) {
		for i, role := range roles {
			for j, end := range ends {
				t.Run(fmt.Sprintf("%s %s", role, end.name), func(t *testing.T) {
					t.Parallel()
					var options []lab.Option
					if end.disk {
						options = append(options, lab.WithDisk(1<<30))
					}
					lane := &swapLane{T: t, h: l.Host(t, fmt.Sprintf("swap-%d-%d", i, j), options...), client: newClient(t, l), role: role, end: end,
						site: site, stride: stride}
					if role == node.Master {
						lane.site = staticSite(t, "swap", lane.h) // an ensemble of its own
					}
					lane.rel = func(more ...string) *bundle.Bundle { return build(t, rel, lane.site, more...) }
					lane.run()
					mu.Lock()
					defer mu.Unlock()
					table = append(table, lane.counts())
				})
			}
		}
	})
	slices.Sort(table)
	t.Logf("ends of an activation, by role and kind:\n%s", strings.Join(table, "\n"))
}

// A swapLane is a host on which activations are ended in one way.
type swapLane struct {
	*testing.T
	h      *lab.Host
	client *remote.Client
	role   node.Role
	end    ending
	site   map[string]string
	rel    func(more ...string) *bundle.Bundle
	log    *runlog.Scope

	is, other *bundle.Bundle // what the node has, and what it is about to get
	id        string
	kept      string
	stride    int // from step to step that is tried
	points    int
	converged int
	said      map[string]int
}

func (l *swapLane) run() {
	l.prepare()
	for n := 1; !l.Failed() && l.point(n); n += l.stride {
	}
	if l.points*l.stride < 50 {
		l.Errorf("only %d points were tried", l.points)
	}
}

// prepare installs the node, which has had the packages of both bundles then.
func (l *swapLane) prepare() {
	t := l.T
	l.said, l.log = map[string]int{}, testLog(t).Scope("swap", l.h.Name, string(l.role))
	l.is, l.other = l.rel(), l.rel(changed...)
	for _, b := range []*bundle.Bundle{l.is, l.other, l.is} { // both have been there, so that the packages of both are
		conn := dial(t, l.client, l.h)
		do := node.Upgrade
		if l.id == "" {
			do = node.Install
		}
		state, err := do(t.Context(), conn, l.options(b))
		if err != nil {
			t.Fatalf("%+v", err)
		}
		l.id = state.MachineID
		conn.Close()
	}
	l.kept = l.data()
}

func (l *swapLane) options(b *bundle.Bundle) node.Options {
	return node.Options{Role: l.role, Bundle: b, Run: "swap", MachineID: l.id, Log: l.log, Foreseen: func(string) bool { return false },
		PostflightTimeout: time.Minute,
		Redial: func(ctx context.Context) (node.Conn, error) {
			return l.client.Dial(ctx, remote.Target{Address: l.h.Address, HostKey: l.h.HostKey})
		}}
}

// data is what the node keeps.
func (l *swapLane) data() string {
	switch {
	case l.role != node.Master:
		return shell(l.T, l.h, `mkdir -p /var/lib/mesos/slave/volumes/roles/x
[ -s /var/lib/mesos/slave/volumes/roles/x/file ] || echo data >/var/lib/mesos/slave/volumes/roles/x/file
cat /var/lib/mesos/slave/volumes/roles/x/file; readlink /var/lib/mesos/slave/meta/slaves/latest`)
	case l.kept == "":
		return keepData(l.T, l.h)
	}
	return dataOf(l.T, l.h)
}

// activate activates the other bundle's packages, which ends at the step of the
// number: it gives its name, "" if there is none and all are active now.
func (l *swapLane) activate(n int) string {
	out := shell(l.T, l.h, fmt.Sprintf(`mkdir -p /run/dcos-sample && cd /run/dcos-sample && rm -f held && echo '%d %s' >break && : >steps
set +e
. /opt/mesosphere/environment.export
setsid pkgpanda activate %s >out 2>&1 </dev/null &
echo $! >pid
while kill -0 $! 2>/dev/null && [ ! -e held ]; do sleep 0.02; done
if [ ! -e break ]; then tail -n 1 steps
elif [ "$(basename "$(readlink /opt/mesosphere/active/dcos-config)")" = %s ]; then echo all
else cat out
fi
rm -f break steps`, n, l.end.brk, strings.Join(l.other.PackageIDs, " "), configOf(l.other)))
	if out == "all" {
		return ""
	}
	if strings.Contains(out, "\n") || out == "" {
		l.Fatalf("the activation has failed by itself: %s", out)
	}
	return out
}

func configOf(b *bundle.Bundle) string {
	return b.PackageIDs[slices.IndexFunc(b.PackageIDs, func(id string) bool { return strings.HasPrefix(id, "dcos-config--") })]
}

// point ends an activation at one step, and has the node put right. It reports
// whether there was such a step.
func (l *swapLane) point(n int) bool {
	t := l.T
	at := l.activate(n)
	if at == "" {
		return false
	}
	l.points++
	if l.end.strike != nil {
		if err := l.end.strike(t.Context(), l.h); err != nil {
			t.Fatalf("%s before %q: %v", l.end.name, at, err)
		}
	}
	l.converge(at, l.end.mend)
	return true
}

// converge looks at the host, then mends it, if there is something to be mended, and has the node put right.
func (l *swapLane) converge(at string, mend func(context.Context, *lab.Host) error) {
	t := l.T
	conn := dial(t, l.client, l.h)
	defer conn.Close()
	state, err := node.Inspect(t.Context(), conn, node.Paths(l.is)...)
	if mend != nil {
		if err := mend(t.Context(), l.h); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatalf("%s before %q: looking at the host: %+v", l.end.name, at, err)
	}
	words := state.Drift(l.is, l.role)
	plan := strings.Join(words, "; ")
	l.said[l.gist(words)]++
	if !state.Up || strings.Contains(plan, "anew") || strings.Contains(plan, "again") {
		t.Errorf("%s before %q: once up: %v; the plan says %q", l.end.name, at, state.Up, plan)
	}
	if l.points%2 == 0 {
		l.is, l.other = l.other, l.is // the change that was under way is applied, not repaired
	}
	state, err = node.Upgrade(t.Context(), conn, l.options(l.is))
	if err != nil {
		t.Errorf("%s before %q, where the plan says %q: %+v", l.end.name, at, plan, err)
		return
	}
	if drift := state.Drift(l.is, l.role); len(drift) > 0 || state.Owner != nil || state.Installed != node.Complete {
		t.Errorf("%s before %q: drift %q, owner %v", l.end.name, at, drift, state.Owner)
	}
	if slices.ContainsFunc(conn.trips, func(s string) bool { return strings.Contains(s, "uninstall") || strings.Contains(s, "reset") }) {
		t.Errorf("%s before %q: %q", l.end.name, at, conn.trips)
	}
	// What no one reads at once could be found broken much later. What was staged goes with the next activation.
	if out := shell(t, l.h, "cd /opt/mesosphere && find environment environment.export active.buildinfo.full.json "+
		"etc/dcos-service-configuration.json active/*/pkginfo.json /etc/systemd/system/dcos* ! -name '*.new' -type f -empty; "+
		"ls -d install_progress 2>/dev/null || true"); out != "" {
		t.Errorf("%s before %q: empty, or left: %s", l.end.name, at, out)
	}
	if now := l.data(); now != l.kept {
		t.Errorf("%s before %q: it keeps\n%s\nand kept\n%s", l.end.name, at, now, l.kept)
	}
	l.converged++
}

// gist is of which kind a plan is.
func (l *swapLane) gist(words []string) string {
	var kinds []string
	for _, w := range words {
		kind := "units stopped or failed"
		switch {
		case strings.Contains(w, "interrupted"):
			kind = "activation interrupted"
		case strings.HasPrefix(w, "package"):
			kind = "packages differ"
		case strings.Contains(w, "missing or empty"):
			kind = "files lost"
		case !strings.HasPrefix(w, "unit"):
			kind = w
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return "nothing to do"
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " + ")
}

func (l *swapLane) counts() string {
	var said []string
	for _, words := range slices.Sorted(maps.Keys(l.said)) {
		said = append(said, fmt.Sprintf("%d %s", l.said[words], words))
	}
	return fmt.Sprintf("%-12s %-18s %3d points, %3d converged with what the node keeps; plans: %s", l.role, l.end.name, l.points, l.converged,
		strings.Join(said, ", "))
}
