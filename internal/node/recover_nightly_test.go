// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// recoverWatch stands in front of the commands with which recover.sh changes the host, where sudo looks first: they are
// written down, and the one whose number is in at waits, or ends the script.
const recoverWatch = `set -e
cat >/usr/local/sbin/watch-recover <<'END'
#!/bin/sh
me=${0##*/}
case "$me $*" in *" /opt/mesosphere/"* | *" /etc/systemd/system/"* | 'systemctl daemon-reload')
	if [ -e /run/recover/at ]; then
		echo "$me $*" >>/run/recover/calls
		if [ "$(wc -l </run/recover/calls)" = "$(cat /run/recover/at)" ]; then
			rm /run/recover/at
			: >/run/recover/held
			if [ -e /run/recover/kill ]; then kill -9 $PPID; fi
			while [ -e /run/recover/held ]; do sleep 0.02; done
		fi
	fi ;;
esac
exec /usr/bin/$me "$@"
END
chmod 755 /usr/local/sbin/watch-recover
for c in mv rm cp rmdir systemctl; do ln -s watch-recover /usr/local/sbin/$c; done`

// A brokenRecovery is a way in which recover.sh comes to its end.
type brokenRecovery struct {
	name   string
	kill   bool
	strike func(ctx context.Context, h *lab.Host) error
	mend   func(ctx context.Context, h *lab.Host) error
}

// TestRecoverBrokenOff ends activations of packages in both halves of their swap, and then what puts that right, at
// commands with which it changes the host, twice in a row: by a kill, a power cut, a disk that is full. The plan never says
// more than there is to do, the apply after it converges, and what the node keeps is what it was.
func TestRecoverBrokenOff(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	lane := &swapLane{T: t, h: l.Host(t, "recover", lab.WithDisk(1<<30)), client: newClient(t, l), role: node.Master,
		end: ending{name: "killed", brk: "kill"}, stride: 7} // all of them take half an hour
	if *swapStride > 0 {
		lane.stride = *swapStride
	}
	lane.site = staticSite(t, "recover", lane.h)
	lane.rel = func(more ...string) *bundle.Bundle { return build(t, rel, lane.site, more...) }
	lane.prepare()
	shell(t, lane.h, recoverWatch)
	ways := []brokenRecovery{
		{name: "power cut", strike: func(ctx context.Context, h *lab.Host) error { return errors.Join(h.PowerCut(ctx), h.Start(ctx)) }},
		{name: "killed", kill: true},
		{name: "disk full", strike: func(ctx context.Context, h *lab.Host) error {
			if err := h.FillDisk(ctx, 0); err != nil {
				return err
			}
			_, err := h.Shell(ctx, "rm /run/recover/held")
			return err
		}, mend: func(ctx context.Context, h *lab.Host) error { return h.FreeDisk(ctx) }},
	}
	tried := map[string]int{}
	for _, half := range []string{"rename bin to bin.old", "rename lib.new to lib"} {
		n := lane.stepOf(half)
		calls := lane.recovery(n)
		t.Logf("%s: to recover takes\n%s", half, strings.Join(calls, "\n"))
		for i, way := range ways {
			for at := 1 + i; at <= len(calls); at += lane.stride {
				if got := lane.activate(n); !strings.HasPrefix(got, half) {
					t.Fatalf("the activation was ended before %q", got)
				}
				lane.points++
				for _, k := range []int{at, max(1, at/2)} { // twice
					lane.breakRecovery(way, k)
				}
				lane.converge(fmt.Sprintf("%q, recovery ended (%s) before %q", half, way.name, calls[at-1]), nil)
				tried[way.name]++
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("ended recoveries: %v; %s", tried, lane.counts())
	if lane.converged != lane.points || len(tried) != len(ways) {
		t.Errorf("%d of %d converged", lane.converged, lane.points)
	}
}

// stepOf gives the number of the step of an activation which begins so. The other bundle is active then.
func (l *swapLane) stepOf(begins string) int {
	steps := strings.Split(shell(l.T, l.h, ". /opt/mesosphere/environment.export; mkdir -p /run/dcos-sample; cd /run/dcos-sample; : >steps; "+
		"pkgpanda activate "+strings.Join(l.other.PackageIDs, " ")+" >out; cat steps; rm steps"), "\n")
	l.is, l.other = l.other, l.is
	n := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, begins) })
	if n < 0 {
		l.Fatalf("%q is none of the steps %q", begins, steps)
	}
	return n + 1
}

// recovery ends an activation, has it put right, and gives the commands of recover.sh for it.
func (l *swapLane) recovery(n int) []string {
	if l.activate(n) == "" {
		l.Fatal("the activation was not ended")
	}
	shell(l.T, l.h, "mkdir -p /run/recover; rm -f /run/recover/*; echo 100000 >/run/recover/at")
	l.converge("a recovery that is only watched", nil)
	l.converged--
	calls := strings.Split(shell(l.T, l.h, "cat /run/recover/calls; rm /run/recover/at"), "\n")
	last := slices.IndexFunc(calls, func(c string) bool { return strings.Contains(c, "/install_progress ") })
	if last < 5 {
		l.Fatalf("these commands are not recover.sh's: %q", calls)
	}
	return calls[:last+1]
}

// breakRecovery has an apply put the node right, and ends that before one of its commands.
func (l *swapLane) breakRecovery(way brokenRecovery, at int) {
	t := l.T
	shell(t, l.h, fmt.Sprintf("mkdir -p /run/recover; rm -f /run/recover/*; echo %d >/run/recover/at", at))
	if way.kill {
		shell(t, l.h, ": >/run/recover/kill")
	}
	ended := make(chan error, 1)
	go func() {
		conn, err := l.client.Dial(t.Context(), remote.Target{Address: l.h.Address, HostKey: l.h.HostKey})
		if err == nil {
			defer conn.Close() // the host was cut off
			opts := l.options(l.is)
			opts.Redial = nil
			_, err = node.Upgrade(t.Context(), conn, opts)
		}
		ended <- err
	}()
	if !way.kill && l.held(ended) {
		if err := way.strike(t.Context(), l.h); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		t.Logf("%s before command %d: %v", way.name, at, err)
	case <-time.After(5 * time.Minute):
		t.Fatalf("%s before command %d: the apply does not end", way.name, at)
	}
	if way.mend != nil {
		if err := way.mend(t.Context(), l.h); err != nil {
			t.Fatal(err)
		}
	}
	shell(t, l.h, "rm -rf /run/recover")
}

// held waits until recover.sh waits at its command. It reports whether it does: a second recovery has less to do.
func (l *swapLane) held(ended chan error) bool {
	for range 3000 {
		if shell(l.T, l.h, "test ! -e /run/recover/held || echo yes") == "yes" {
			return true
		}
		select {
		case err := <-ended:
			ended <- err
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	l.Fatal("recover.sh does not come to its command")
	return false
}
