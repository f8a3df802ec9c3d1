// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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
)

// TestInterruptions interrupts a master's installation where TestFaultMatrix
// does not; the next one goes on, and the last removal leaves nothing. What strikes every night only is held without
// a host: TestTakenUp, TestBrokenOff, TestFollow.
func TestInterruptions(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	h := l.Host(t, "interrupted")
	before := snapshot(t, h)
	b := build(t, rel, staticSite(t, "interrupted", h))
	client, log := newClient(t, l), testLog(t)
	options := func() node.Options {
		return node.Options{Role: node.Master, Bundle: b, Run: "test", Log: log.Scope(b.ClusterName, h.Name, "master")}
	}
	install := func(t *testing.T) *node.State {
		t.Helper()
		conn := dial(t, client, h)
		defer conn.Close()
		state, err := node.Install(t.Context(), conn, options())
		if err != nil {
			t.Fatalf("the next installation: %+v", err)
		}
		if drift := state.Drift(b, node.Master); len(drift) > 0 || state.Owner != nil {
			t.Errorf("drift %q, owner %v", drift, state.Owner)
		}
		installedBy(t, h, b, "master")
		t.Logf("went on in %d round trips: %s", len(conn.trips), strings.Join(conn.trips, ", "))
		if len(conn.trips) > 12 {
			t.Errorf("%d round trips", len(conn.trips))
		}
		return state
	}
	remove := func(t *testing.T, opts node.Options) {
		t.Helper()
		conn := dial(t, client, h)
		if err := node.Uninstall(t.Context(), conn, opts); err != nil {
			t.Fatalf("%+v", err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		wantNoTrace(t, before, h)
	}

	scripts := []string{"apply"}
	if lab.Nightly {
		scripts = []string{"place", "apply", "follow", "finish"}
	}
	for _, script := range scripts {
		t.Run("interrupt in "+script, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			conn := &struckConn{Conn: dial(t, client, h), script: script, hit: func() { cancel(context.Canceled) }}
			opts := options()
			var known node.State
			opts.OnChange = func(s node.State) { known = s }
			if _, err := node.Install(ctx, conn, opts); err == nil && script != "finish" {
				t.Fatal("it was not interrupted")
			}
			conn.Close()
			if known.MachineID == "" {
				t.Error("nobody was told of a change")
			}
			if script == "follow" {
				// What is half there can be removed as well as finished.
				remove(t, node.Options{MachineID: known.MachineID})
			}
			state := install(t)
			remove(t, node.Options{MachineID: state.MachineID})
		})
	}

	t.Run("killed in finish", func(t *testing.T) {
		// With the directories of what was transferred only half removed.
		const script = `case $1 in */packages) kill -KILL $PPID;; esac`
		shell(t, h, "mount -t tmpfs none /mnt && printf '#!/bin/sh\n%s\n' '"+script+"' >/mnt/rmdir && chmod +x /mnt/rmdir && mount --bind "+
			"/mnt/rmdir /usr/bin/rmdir")
		conn := dial(t, client, h)
		_, err := node.Install(t.Context(), conn, options())
		conn.Close()
		shell(t, h, "umount /usr/bin/rmdir /mnt")
		var stage *node.StageError
		if !errors.As(err, &stage) || stage.Doing != "removing what was transferred" {
			t.Fatalf("%+v", err)
		}
		state := install(t)
		remove(t, node.Options{MachineID: state.MachineID})
	})

	t.Run("connection lost behind apply", func(t *testing.T) {
		// A run that was killed before it noted anything has left this.
		shell(t, h, "mkdir -m 0700 "+node.StagingDirectory)
		// What it has written, while there is no DC/OS yet, is not the host's own when it is written again.
		const dropIn = "/run/systemd/system/dcos-download.service.d"
		shell(t, h, "mkdir -p "+dropIn+" && printf '[Service]\\nExecStartPre=/bin/false\\n' >"+dropIn+"/fail.conf")
		conn := &lostConn{Conn: dial(t, client, h), script: "apply"}
		opts := options()
		opts.Redial = func(context.Context) (node.Conn, error) { return dial(t, client, h), nil }
		var stage *node.StageError
		if _, err := node.Install(t.Context(), conn, opts); !errors.As(err, &stage) || !strings.Contains(stage.Doing, "dcos-download.service") {
			t.Fatalf("%+v", err)
		}
		if got := shell(t, h, "ls -d /etc/rexray/config.yml /opt/mesosphere/active 2>/dev/null || true"); got != "/etc/rexray/config.yml" {
			t.Errorf("it got to %q", got)
		}
		shell(t, h, "rm -r "+dropIn)
		state := install(t)
		if isThere(h, node.StagingDirectory) {
			t.Errorf("%s is left", node.StagingDirectory)
		}
		remove(t, node.Options{MachineID: state.MachineID})
	})
}

// A lostConn breaks once, when a script has ended.
type lostConn struct {
	node.Conn
	script string
	once   sync.Once
}

func (c *lostConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	res, err := c.Conn.Run(ctx, s)
	if strings.Contains(s.Name, c.script) {
		c.once.Do(func() {
			c.Close()
			err = &remote.LostError{Host: c.Target().Address, Work: s.Name, Err: io.ErrUnexpectedEOF}
		})
	}
	return res, err
}

// TestInterruptedChanges interrupts a master's upgrade and removal where
// TestFaultMatrix does not; in all of their scripts, TestTakenUp does without a host.
func TestInterruptedChanges(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	h := l.Host(t, "changing")
	before := snapshot(t, h)
	site := staticSite(t, "changing", h)
	client, log := newClient(t, l), testLog(t)
	opts := node.Options{Role: node.Master, Bundle: build(t, rel, site), Run: "test", Log: log.Scope("changing", h.Name, "master")}
	conn := dial(t, client, h)
	state, err := node.Install(t.Context(), conn, opts)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	conn.Close()
	opts.MachineID = state.MachineID

	// struck runs do while the named script is struck.
	struck := func(script string, strike func(cancel func()), do func(context.Context, node.Conn) error) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		conn := &struckConn{Conn: dial(t, client, h), script: script, hit: func() { strike(cancel) }}
		defer conn.Close()
		return do(ctx, conn)
	}
	interrupt := func(cancel func()) { cancel() }
	cutPower := func(func()) {
		if err := errors.Join(h.PowerCut(t.Context()), h.Start(t.Context())); err != nil {
			t.Error(err)
		}
	}
	type strike struct {
		script string
		strike func(cancel func())
	}
	upgrades := []strike{{"activate", interrupt}, {"apply", interrupt}, {"postflight", cutPower}}
	if lab.Nightly {
		upgrades = append(upgrades, strike{"place", interrupt}, strike{"postflight", interrupt}, strike{"finish", interrupt})
	}
	for i, c := range upgrades {
		t.Run(fmt.Sprintf("upgrade %d in %s", i, c.script), func(t *testing.T) {
			opts := opts
			opts.Bundle = build(t, rel, site, "docker_remove_delay", fmt.Sprintf("%dhrs", i+2))
			err := struck(c.script, c.strike, func(ctx context.Context, conn node.Conn) error {
				_, err := node.Upgrade(ctx, conn, opts)
				return err
			})
			t.Logf("it said: %v", err)
			conn := dial(t, client, h)
			defer conn.Close()
			state, err := node.Upgrade(t.Context(), conn, opts)
			if err != nil {
				t.Fatalf("the next upgrade: %+v", err)
			}
			if drift := state.Drift(opts.Bundle, node.Master); len(drift) > 0 || state.Owner != nil {
				t.Errorf("drift %q, owner %v", drift, state.Owner)
			}
			installedBy(t, h, opts.Bundle, "master")
		})
	}
	for _, c := range []strike{{"uninstall", interrupt}, {"uninstall", cutPower}, {"verify", interrupt}} {
		err := struck(c.script, c.strike, func(ctx context.Context, conn node.Conn) error { return node.Uninstall(ctx, conn, opts) })
		t.Logf("%s said: %v", c.script, err)
	}
	conn = dial(t, client, h)
	if err := node.Uninstall(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	wantNoTrace(t, before, h)
}

// TestFailingSetup: the error comes when the unit fails, with what it said.
func TestFailingSetup(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "failing")
	b := build(t, openRelease(t, samplerelease.V22), staticSite(t, "failing", h))
	// pkgpanda makes no users where this file is, and misses them. Preflight would say so, were it asked.
	shell(t, h, "mkdir -p /etc/mesosphere && touch /etc/mesosphere/manual_host_users")
	before := snapshot(t, h)
	conn := dial(t, newClient(t, l), h)
	begun := time.Now()
	_, err := node.Install(t.Context(), conn, node.Options{Role: node.Master, Bundle: b, SkipChecks: []string{"users"}})
	var stage *node.StageError
	if !errors.As(err, &stage) {
		t.Fatalf("%v", err)
	}
	if stage.Stage != "install" || !strings.Contains(stage.Doing, "dcos-setup.service") || !strings.Contains(stage.Journal, "dcos_") ||
		time.Since(begun) > node.DefaultSetupTimeout/4 {
		t.Errorf("after %v: %+v", time.Since(begun), stage)
	}
	state, err := node.Inspect(t.Context(), conn)
	if err != nil || state.Installed != node.Partial || state.Owner == nil || state.Owner.Cluster != "failing" ||
		state.Owner.Step != "install" {
		t.Errorf("%+v, %v", state, err)
	}
	// Another bundle of the cluster starts again, of another cluster not.
	other := build(t, openRelease(t, samplerelease.V22), staticSite(t, "another", h))
	var foreign *node.ForeignError
	if _, err := node.Install(t.Context(), conn, node.Options{Role: node.Master, Bundle: other}); !errors.As(err, &foreign) ||
		foreign.Cluster != "failing" {
		t.Errorf("%v", err)
	}
	if err := node.Uninstall(t.Context(), conn, node.Options{MachineID: state.MachineID}); err != nil {
		t.Fatalf("%+v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	wantNoTrace(t, before, h)
}

// journalEnd is where a host's journal ends now.
func journalEnd(t *testing.T, h *lab.Host) string {
	t.Helper()
	return shell(t, h, "journalctl -q --no-pager -n 0 --show-cursor | sed -n 's/^-- cursor: //p'")
}

// startedOnce wants a master to have left its ensemble once at most since then.
func startedOnce(t *testing.T, h *lab.Host, cursor string) {
	t.Helper()
	const starts = "journalctl -q --no-pager -u dcos-exhibitor --after-cursor '%s' | grep -c 'systemd.*: Started ' || true"
	if n := shell(t, h, fmt.Sprintf(starts, cursor)); n != "0" && n != "1" {
		t.Errorf("exhibitor was started %s times", n)
	}
}

// TestRepair puts right what somebody did to a node.
func TestRepair(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	var opt []lab.Option
	if lab.Nightly { // each start of a Java runtime takes its time
		opt = append(opt, lab.WithZooKeeper(1))
	}
	h := l.Host(t, "repaired", opt...)
	before := snapshot(t, h)
	site := staticSite(t, "repaired", h)
	b := build(t, rel, site)
	client, log := newClient(t, l), testLog(t)
	conn := dial(t, client, h)
	opts := node.Options{Role: node.Master, Bundle: b, Log: log.Scope(b.ClusterName, h.Name, "master")}
	state, err := node.Install(t.Context(), conn, opts)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	opts.MachineID = state.MachineID
	kept := keepData(t, h)
	// A unit that has to be started anew: pkgpanda does not stop what has lost its link.
	anew := map[string]string{"units lost with their links": "dcos-exhibitor.service"}
	for _, c := range []struct{ name, harm, drift string }{
		{"role gone", "rm /etc/mesosphere/roles/master", "gives the node its role"},
		{"setup file edited", "echo http://elsewhere >/etc/mesosphere/setup-flags/repository-url", "repository-url differs"},
		{"unit disabled", "systemctl disable -q dcos-setup", "dcos-setup.service is not enabled"},
		{"unit stopped", "systemctl stop dcos-net", "dcos-net.service is stopped"},
		{"timer stopped", "systemctl stop dcos-gen-resolvconf.timer", "dcos-gen-resolvconf.timer is stopped"},
		{"package swapped", `cd /opt/mesosphere && id=$(readlink active/marathon) && cp -a $id ${id}x && . ` +
			`./environment.export && pkgpanda swap $(basename $id)x`, "package marathon--"},
		{"packages lost that the package manager is in", "cd /opt/mesosphere/active && rm -r $(readlink sample-runtime dcos-image)",
			"package sample-runtime--"},
		{"unit file lost", "rm /etc/systemd/system/dcos-marathon.service", "dcos-marathon.service is missing"},
		{"units lost with their links", "cd /etc/systemd/system && for u in net exhibitor; do rm dcos-$u.service *wants/dcos-$u.service; done",
			"dcos-exhibitor.service is missing or empty; DC/OS's file dcos-net.service is missing"},
		{"units lost with their links, and stopped", "systemctl stop dcos-exhibitor; cd /etc/systemd/system; " +
			"rm dcos-exhibitor.service *wants/dcos-exhibitor.service", "dcos-exhibitor.service is missing"},
		{"role and unit file lost", "rm /etc/mesosphere/roles/master /etc/systemd/system/dcos-marathon.service",
			"dcos-marathon.service is missing"},
		{"all unit files lost, and the variables", "cd /etc/systemd/system && rm $(ls dcos.target.wants) && cd /opt/mesosphere && " +
			": >environment && rm environment.export*", "environment is missing or empty; DC/OS's file environment.export is missing"},
		{"never set up again", "touch /opt/mesosphere/bootstrap", "never set up completely: its programs are installed again"},
		{"deleted by hand", "rm -rf /opt/mesosphere", "files are gone or incomplete: its programs are installed again"},
		{"uninstalled by hand", ". /opt/mesosphere/environment.export && pkgpanda uninstall", "files are gone or incomplete: its programs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shell(t, h, "set -e\n"+c.harm)
			state, err := node.Inspect(t.Context(), conn, node.Paths(b)...)
			if err != nil {
				t.Fatal(err)
			}
			if drift := strings.Join(state.Drift(b, node.Master), "; "); !strings.Contains(drift, c.drift) {
				t.Fatalf("drift: %q", drift)
			}
			conn.reset()
			ran := mainPIDs(t, h)
			if strings.Contains(c.drift, "programs") {
				unplanned, worse := opts, &node.WorseError{}
				unplanned.Foreseen = func(string) bool { return false }
				if _, err := node.Upgrade(t.Context(), conn, unplanned); !errors.As(err, &worse) || len(conn.trips) != 2 {
					t.Errorf("in no plan: %v; %q", err, conn.trips)
				}
				conn.reset()
			}
			cursor := journalEnd(t, h)
			if state, err = node.Upgrade(t.Context(), conn, opts); err != nil {
				t.Fatalf("%+v", err)
			}
			startedOnce(t, h, cursor)
			t.Logf("%d round trips: %s", len(conn.trips), strings.Join(conn.trips, ", "))
			if drift := state.Drift(b, node.Master); len(drift) > 0 {
				t.Errorf("still: %q", drift)
			}
			if slices.ContainsFunc(conn.trips, func(s string) bool { return strings.Contains(s, "uninstall") }) {
				t.Errorf("it was uninstalled: %q", conn.trips)
			}
			installedBy(t, h, b, "master")
			wantData(t, h, kept)
			if again := restarted(ran, mainPIDs(t, h)); anew[c.name] != "" && !slices.Contains(again, anew[c.name]) {
				t.Errorf("%s runs on with what it had: restarted were %q", anew[c.name], again)
			}
		})
	}

	t.Run("an activation that was ended", func(t *testing.T) {
		ids := strings.Join(b.PackageIDs, " ")
		const activate = ". /opt/mesosphere/environment.export; mkdir -p /run/dcos-sample; cd /run/dcos-sample; "
		steps := strings.Split(shell(t, h, activate+": >steps; pkgpanda activate "+ids+" >out; cat steps; rm steps"), "\n")
		for _, at := range []string{
			"rename bin to bin.old",              // no unit has a file
			"rename active.buildinfo.full.json ", // nothing says what is active
			"rename lib.new to lib",              // the package manager cannot run
			"remove install_progress",            // all is there, and setup fails
		} {
			n := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, at) })
			if n < 0 {
				t.Fatalf("%q is none of the steps %q", at, steps)
			}
			// As many steps as before: the second of two activations removes what the first has left.
			shell(t, h, activate+fmt.Sprintf("echo '%d kill' >break; pkgpanda activate %s >out 2>&1 || test ! -e break", n+1, ids))
			state, err := node.Inspect(t.Context(), conn, node.Paths(b)...)
			if err != nil {
				t.Fatal(err)
			}
			if drift := strings.Join(state.Drift(b, node.Master), "; "); !state.SwapUnfinished || !strings.Contains(drift, "was interrupted") ||
				strings.Contains(drift, "again") {
				t.Errorf("%s: drift: %q", at, drift)
			}
			cursor := journalEnd(t, h)
			if state, err = node.Upgrade(t.Context(), conn, opts); err != nil {
				t.Fatalf("%s: %+v", at, err)
			}
			if drift := state.Drift(b, node.Master); len(drift) > 0 || state.SwapUnfinished {
				t.Errorf("%s: %q", at, drift)
			}
			startedOnce(t, h, cursor)
			wantData(t, h, kept)
		}
	})

	t.Run("a set that the package manager refuses", func(t *testing.T) {
		next := build(t, rel, site, changed...)
		const twice = "/opt/mesosphere/active/check-time/bin/marathon" // another package brings it, too
		shell(t, h, "mkdir -p $(dirname "+twice+") && touch "+twice)
		bad := opts
		bad.Bundle = next
		ran := mainPIDs(t, h)
		for range 2 {
			_, err := node.Upgrade(t.Context(), conn, bad)
			var back *node.RollbackError
			if !errors.As(err, &back) || back.Rollback != nil || !back.Untouched || !strings.Contains(back.Reason(), "were not touched") {
				t.Fatalf("%+v", err)
			}
			var stage *node.StageError
			if !errors.As(err, &stage) || strings.Count(stage.Journal, "have /opt/mesosphere/bin.new/marathon") != 1 ||
				strings.Contains(stage.Journal, "systemd[1]") {
				t.Errorf("the journal of this activation, and nothing else, is wanted:\n%s", stage.Journal)
			}
			if names := restarted(ran, mainPIDs(t, h)); len(names) > 0 {
				t.Errorf("restarted: %q", names)
			}
		}
		state, err := node.Inspect(t.Context(), conn, node.Paths(b)...)
		if err != nil {
			t.Fatal(err)
		}
		if drift := state.Drift(b, node.Master); len(drift) > 0 || state.Owner != nil {
			t.Errorf("it is not what it was: %q, %+v", drift, state.Owner)
		}
		shell(t, h, "rm "+twice)
	})

	t.Run("configuration packages of other templates", func(t *testing.T) {
		// The ids stay when a template is corrected. One is active, the other was fetched once.
		next := build(t, rel, site, changed...)
		for i, b := range []*bundle.Bundle{b, next, b} {
			file := "/opt/mesosphere/packages/" + configOf(b) + "/etc/ui-config.json"
			want := shell(t, h, "cat /opt/mesosphere/active/dcos-config/etc/ui-config.json")
			shell(t, h, fmt.Sprintf("mkdir -p $(dirname %[1]s) && echo {} >$(dirname %[1]s)/../pkginfo.json && echo '{}' >%[1]s", file))
			o := opts
			o.Bundle = b
			conn.reset()
			state, err := node.Upgrade(t.Context(), conn, o)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if drift := state.Drift(b, node.Master); len(drift) > 0 {
				t.Errorf("%d: %q", i, drift)
			}
			if got := shell(t, h, "cat "+file+" /opt/mesosphere/etc/ui-config.json"); got != want+"\n"+want {
				t.Errorf("%d: %s; want %s, twice", i, got, want)
			}
			conn.reset()
			if _, err := node.Upgrade(t.Context(), conn, o); err != nil || len(conn.trips) != 2 {
				t.Errorf("%d: then there is still something to do: %q, %v", i, conn.trips, err)
			}
		}
		wantData(t, h, kept)
	})

	t.Run("another cluster's", func(t *testing.T) {
		other := node.Options{Role: node.Master, Bundle: build(t, rel, staticSite(t, "another", h))}
		var foreign *node.ForeignError
		_, err := node.Install(t.Context(), conn, other)
		if !errors.As(err, &foreign) || foreign.Cluster != "repaired" || foreign.Version != "2.2.100" || foreign.Role != node.Master ||
			!strings.Contains(foreign.Hint(), "import") {
			t.Errorf("%v", err)
		}
	})

	t.Run("an upgrade that fails", func(t *testing.T) {
		bad := opts
		bad.Bundle = build(t, rel, site, "master_list", `["198.18.0.1"]`) // this master is not in it
		bad.PostflightTimeout = 30 * time.Second
		_, err := node.Upgrade(t.Context(), conn, bad)
		var back *node.RollbackError
		if !errors.As(err, &back) || back.Rollback != nil || !strings.Contains(err.Error(), "exhibitor") {
			t.Fatalf("%v", err)
		}
		state, err := node.Inspect(t.Context(), conn, node.Paths(b)...)
		if err != nil {
			t.Fatal(err)
		}
		if drift := state.Drift(b, node.Master); len(drift) > 0 || state.Owner != nil {
			t.Errorf("it is not what it was: %q, %+v", drift, state.Owner)
		}
	})

	shell(t, h, "rm -r /run/dcos-sample") // this test's own
	if err := node.Uninstall(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	wantNoTrace(t, before, h)
}

// keepData puts onto a master what nobody else may touch, an app of Marathon's
// among it, and gives what [dataOf] sees of it. Where there is no ZooKeeper, a file
// stands for a znode.
func keepData(t *testing.T, h *lab.Host) string {
	t.Helper()
	file := "echo a znode >/var/lib/dcos/exhibitor/zookeeper/snapshot/version-2/snapshot.1"
	if h.HasZooKeeper() {
		keepZnode(t, h)
		file = ""
	}
	shell(t, h, `curl -fsS -H 'Content-Type: application/json' -d '{"id": "/kept", "cmd": "sleep 1000", "instances": 0}' \
	http://127.0.0.1:8080/v2/apps >/dev/null
mkdir -p /var/lib/dcos/exhibitor/zookeeper/snapshot/version-2 /var/lib/dcos/mesos/master/replicated_log
`+file+`
chown -R --reference=/var/lib/dcos/exhibitor /var/lib/dcos/exhibitor/*
echo an entry >/var/lib/dcos/mesos/master/replicated_log/CURRENT
[ -s /var/lib/dcos/cluster-id ] || echo 0b5ad2d0-6ab4-4c55-8d05-b6a2a5a3c7a1 >/var/lib/dcos/cluster-id
sync`)
	return dataOf(t, h)
}

// dataOf gives sums of what a master keeps, by path, the znode, and Marathon's app.
func dataOf(t *testing.T, h *lab.Host) string {
	t.Helper()
	snapshot := "exhibitor/zookeeper/snapshot/version-2/snapshot.1"
	if h.HasZooKeeper() { // its files are its own business
		wantZnode(t, h)
		snapshot = ""
	}
	return shell(t, h, "cd /var/lib/dcos && "+
		"sha256sum cluster-id "+snapshot+" mesos/master/replicated_log/CURRENT && "+
		"stat -c '%U %a %n' exhibitor "+snapshot+" && "+
		// Marathon has a moment yet where it has just been started.
		"curl -fsS --retry 30 --retry-delay 1 --retry-all-errors http://127.0.0.1:8080/v2/apps/kept | grep -o '\"cmd\": *\"[^\"]*\"'")
}

// wantData holds that the data is what it was.
func wantData(t *testing.T, h *lab.Host, kept string) {
	t.Helper()
	if now := dataOf(t, h); now != kept {
		t.Errorf("%s: what it keeps is\n%s\nand was\n%s", h.Name, now, kept)
	}
}
