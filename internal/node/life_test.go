// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// TestLife takes a master and an agent through everything that happens to a
// node, on real hosts.
func TestLife(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel21, rel22 := openRelease(t, samplerelease.V21), openRelease(t, samplerelease.V22)
	master, agent := l.Host(t, "life-m1"), l.Host(t, "life-a1")
	site := staticSite(t, "a life", master)
	b := build(t, rel21, site)
	artifacts, err := b.Artifacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, client := testLog(t), newClient(t, l)
	type member struct {
		h      *lab.Host
		role   node.Role
		conn   *counted
		before *lab.Snapshot
		opts   node.Options
		state  *node.State
	}
	members := []*member{{h: master, role: node.Master}, {h: agent, role: node.Agent}}
	for _, m := range members {
		m.before = snapshot(t, m.h)
		m.conn = dial(t, client, m.h)
		m.opts = node.Options{Role: m.role, Bundle: b, Run: "test", Log: log.Scope(b.ClusterName, m.h.Name, string(m.role))}
	}
	for _, m := range members {
		changes := 0
		m.opts.OnChange = func(s node.State) {
			changes++
			if s.MachineID == "" || isThere(m.h, "/opt/dcos_install_tmp/.owner") {
				t.Errorf("%s: told of a change too late, or of nothing: %+v", m.h.Name, s)
			}
		}
		state, err := node.Install(t.Context(), m.conn, m.opts)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		if changes != 1 || state.Installed != node.Complete || state.Role != m.role || state.Version != "2.1.100" ||
			state.DetectedIP != m.h.Address ||
			!slices.Equal(state.ActivePackages, b.PackageIDs) || state.ConfigPackageID != "dcos-config--setup_"+b.ConfigID ||
			state.PackageListID != b.PackageListID || state.Owner != nil {
			t.Errorf("%s: after %d changes: %+v", m.h.Name, changes, state)
		}
		m.state = state
		m.opts.MachineID = state.MachineID
		installedBy(t, m.h, b, m.role.OnDisk())
		t.Logf("%s: installed:\n%s", m.h.Name, m.conn.table())
		if len(m.conn.trips) > 8 {
			t.Errorf("%s: installed in %d round trips", m.h.Name, len(m.conn.trips))
		}
		if slices.ContainsFunc(m.conn.trips, func(s string) bool { return s == fmt.Sprintf("upload of %d", len(artifacts)) }) {
			t.Errorf("packages that are in the bootstrap tarball were pushed too: %q", m.conn.trips)
		}
	}
	if got := agents(t, master); !slices.Equal(got, []string{agent.Address}) {
		t.Errorf("registered agents: %q", got)
	}

	t.Run("nothing to do", func(t *testing.T) {
		for _, m := range members {
			opts := m.opts
			opts.OnChange = func(node.State) { t.Errorf("%s: is changed", m.h.Name) }
			pid := shell(t, m.h, "systemctl show -p MainPID dcos-net.service")
			for name, again := range map[string]func() (*node.State, error){
				"install": func() (*node.State, error) { return node.Install(t.Context(), m.conn, opts) },
				"upgrade": func() (*node.State, error) { return node.Upgrade(t.Context(), m.conn, opts) },
			} {
				m.conn.reset()
				state, err := again()
				if err != nil {
					t.Fatal(err)
				}
				if d := state.Drift(b, m.role); len(d) > 0 {
					t.Errorf("%s: %s: drift %q", m.h.Name, name, d)
				}
				if len(m.conn.trips) > 2 {
					t.Errorf("%s: %s in %d round trips: %q", m.h.Name, name, len(m.conn.trips), m.conn.trips)
				}
			}
			if now := shell(t, m.h, "systemctl show -p MainPID dcos-net.service"); now != pid {
				t.Errorf("%s: services were restarted", m.h.Name)
			}
		}
	})

	t.Run("a service with a socket is stopped, and the socket", func(t *testing.T) {
		m := members[1]
		const unit, socket = "dcos-mesos-slave.service", "dcos-mesos-slave.socket"
		if trigger := shell(t, m.h, "systemctl show -p TriggeredBy --value "+unit); !strings.Contains(trigger, socket) {
			t.Fatalf("%s has no socket: %q", unit, trigger)
		}
		// While its service runs, systemd does not start a socket.
		for _, stopped := range [][]string{{unit}, {socket}, {unit, socket}} {
			shell(t, m.h, "systemctl stop "+strings.Join(stopped, " "))
			state, err := node.Inspect(t.Context(), m.conn)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, u := range stopped {
				want = append(want, "unit "+u+" is stopped")
			}
			if drift := state.Drift(b, m.role); !slices.Equal(drift, want) {
				t.Errorf("drift: %q, want %q", drift, want)
			}
			if _, err := node.Upgrade(t.Context(), m.conn, m.opts); err != nil {
				t.Fatalf("%+v", err)
			}
			if got := shell(t, m.h, "systemctl is-active "+unit+" "+socket); got != "active\nactive" {
				t.Errorf("%q were stopped: now they are %q", stopped, got)
			}
		}
	})

	t.Run("another configuration", func(t *testing.T) {
		changed := build(t, rel21, site, "gc_delay", "3days")
		for _, m := range members {
			m.opts.Bundle, m.opts.OnChange = changed, nil
			state, err := node.Inspect(t.Context(), m.conn, node.Paths(changed)...)
			if err != nil {
				t.Fatal(err)
			}
			drift := strings.Join(state.Drift(changed, m.role), "\n")
			if !strings.Contains(drift, "dcos-config--setup_"+changed.ConfigID) || !strings.Contains(drift, "cluster-package-list differs") {
				t.Errorf("%s: drift: %s", m.h.Name, drift)
			}
			m.conn.reset()
			ran := mainPIDs(t, m.h)
			if state, err = node.Upgrade(t.Context(), m.conn, m.opts); err != nil {
				t.Fatalf("%+v", err)
			}
			t.Logf("%s: changed:\n%s", m.h.Name, m.conn.table())
			// It is a setting of agents, so that masters' services go on.
			var want []string
			if m.role == node.Agent {
				want = []string{"dcos-mesos-slave.service"}
			}
			if got := restarted(ran, mainPIDs(t, m.h)); !slices.Equal(got, want) {
				t.Errorf("%s: %q were restarted, want %q", m.h.Name, got, want)
			}
			if units, all := node.Restarts(b, changed, m.role); all || len(units) > 0 != (m.role == node.Agent) {
				t.Errorf("%s: the plan is to restart %q (all: %v)", m.h.Name, units, all)
			}
			if d := state.Drift(changed, m.role); len(d) > 0 {
				t.Errorf("%s: drift %q", m.h.Name, d)
			}
			installedBy(t, m.h, changed, m.role.OnDisk())
		}
		if got := mesosFlag(t, agent, 5051, "gc_delay"); got != "3days" {
			t.Errorf("the agent's gc_delay is %q", got)
		}
	})

	credentials := func(user string) []string {
		return []string{"cluster_docker_credentials_enabled", "true", "cluster_docker_credentials_dcos_owned", "false",
			"cluster_docker_credentials_write_to_etc", "true", "cluster_docker_credentials",
			fmt.Sprintf(`{"auths": {"registry.example": {"auth": %q}}}`, user)}
	}
	const slave = "dcos-mesos-slave.service"
	// onceStarted fails unless the agent's service is started once meanwhile.
	// It reads the credentials, which are a setup file, and what names that.
	onceStarted := func(t *testing.T, user string, meanwhile func()) {
		t.Helper()
		started := func() int { return strings.Count(shell(t, agent, "journalctl -q -o cat -u "+slave), "Started ") }
		before := started()
		meanwhile()
		if got := started() - before; got != 1 {
			t.Errorf("%s was started %d times", slave, got)
		}
		if text := shell(t, agent, "cat /etc/mesosphere/docker_credentials"); !strings.Contains(text, user) {
			t.Errorf("the credentials are %s", text)
		}
	}

	t.Run("other credentials", func(t *testing.T) {
		changed := build(t, rel21, site, append(credentials("jane"), "gc_delay", "3days")...)
		onceStarted(t, "jane", func() {
			for _, m := range members {
				m.opts.Bundle = changed
				ran := mainPIDs(t, m.h)
				state, err := node.Upgrade(t.Context(), m.conn, m.opts)
				if err != nil {
					t.Fatalf("%+v", err)
				}
				var want []string
				if m.role == node.Agent {
					want = []string{slave}
				}
				if got := restarted(ran, mainPIDs(t, m.h)); !slices.Equal(got, want) || len(state.Drift(changed, m.role)) > 0 {
					t.Errorf("%s: %q were restarted, want %q; drift %q", m.h.Name, got, want, state.Drift(changed, m.role))
				}
			}
		})
	})

	t.Run("another version", func(t *testing.T) {
		next := build(t, rel22, site, credentials("john")...)
		for _, m := range members {
			m.opts.Bundle = next
			var state *node.State
			var err error
			upgrade := func() {
				if state, err = node.Upgrade(t.Context(), m.conn, m.opts); err != nil {
					t.Fatalf("%+v", err)
				}
			}
			if m.role == node.Agent {
				onceStarted(t, "john", upgrade)
			} else {
				upgrade()
			}
			if state.Version != "2.2.100" || len(state.Drift(next, m.role)) > 0 {
				t.Errorf("%s: version %s, drift %q", m.h.Name, state.Version, state.Drift(next, m.role))
			}
			installedBy(t, m.h, next, m.role.OnDisk())
			editedSecret(t, m.conn, m.opts, m.role)
		}
		if got := agents(t, master); !slices.Equal(got, []string{agent.Address}) {
			t.Errorf("registered agents: %q", got)
		}
		back := members[1].opts
		back.Bundle = b
		if _, err := node.Upgrade(t.Context(), members[1].conn, back); err == nil || !strings.Contains(err.Error(), "downgraded") {
			t.Errorf("going back: %v", err)
		}
	})

	t.Run("another role", func(t *testing.T) {
		opts := members[1].opts
		opts.Role = node.PublicAgent
		var role *node.RoleError
		if _, err := node.Upgrade(t.Context(), members[1].conn, opts); !errors.As(err, &role) {
			t.Errorf("%v", err)
		}
	})

	t.Run("uninstall", func(t *testing.T) {
		for _, m := range slices.Backward(members) {
			m.conn.reset()
			for range 2 { // once more does no harm
				if err := node.Uninstall(t.Context(), m.conn, m.opts); err != nil {
					t.Fatalf("%+v", err)
				}
			}
			t.Logf("%s: removed, twice:\n%s", m.h.Name, m.conn.table())
			if m.role == node.Agent {
				if got := agents(t, master); len(got) != 0 {
					t.Errorf("still registered: %q", got)
				}
			}
			if err := m.conn.Close(); err != nil {
				t.Error(err)
			}
			wantNoTrace(t, m.before, m.h)
		}
	})
}

// editedSecret edits a file whose content is not to be known by who looks at
// the host, and has it put right.
func editedSecret(t *testing.T, conn node.Conn, opts node.Options, role node.Role) {
	t.Helper()
	const path = "/etc/mesosphere/docker_credentials"
	sealed := *opts.Bundle
	sealed.SetupFiles = opts.Bundle.SealedFiles(func(bundle.File) bool { return false })
	drift := func(want ...string) {
		t.Helper()
		state, err := node.Inspect(t.Context(), conn, node.Paths(&sealed)...)
		if err != nil {
			t.Fatal(err)
		}
		if got := state.Drift(&sealed, role); !slices.Equal(got, want) {
			t.Errorf("drift %q, want %q", got, want)
		}
	}
	drift()
	if _, err := conn.Run(t.Context(), remote.Script{Name: "edit", Root: true, Text: "echo '{}' >" + path}); err != nil {
		t.Fatal(err)
	}
	drift(path + " differs")
	if _, err := node.Upgrade(t.Context(), conn, opts); err != nil {
		t.Fatalf("%+v", err)
	}
	drift()
}
