// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
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

// A cluster of the tests below is a master and an agent on hosts that other
// people use too.
type sharedHosts struct {
	bundle *bundle.Bundle
	hosts  []*sharedHost
}

type sharedHost struct {
	*lab.Host
	client *remote.Client
	opts   node.Options
	warned []node.Finding
	trips  []string // of the last operation
}

// shareHosts makes the hosts, a master and an agent; prepare is what other
// people do to each before DC/OS comes.
func shareHosts(t *testing.T, name string, prepare func(h *lab.Host, role node.Role), more ...string) *sharedHosts {
	t.Helper()
	l := lab.Require(t)
	s := &sharedHosts{}
	client, log := newClient(t, l), testLog(t)
	for i, role := range []node.Role{node.Master, node.Agent} {
		h := &sharedHost{Host: l.Host(t, fmt.Sprintf("%s-%d", name, i)), client: client}
		h.opts = node.Options{Role: role, Run: "test", Log: log.Scope(name, h.Name, ""), SkipChecks: []string{"leftovers"},
			Warn: func(f node.Finding) { h.warned = append(h.warned, f) }}
		prepare(h.Host, role)
		s.hosts = append(s.hosts, h)
	}
	s.bundle = build(t, openRelease(t, samplerelease.V22), staticSite(t, name, s.hosts[0].Host), more...)
	for _, h := range s.hosts {
		h.opts.Bundle = s.bundle
	}
	return s
}

// over does something over a connection of its own, which has the host's lock
// no longer than that.
func (h *sharedHost) over(t *testing.T, do func(conn node.Conn) error) error {
	t.Helper()
	conn := dial(t, h.client, h.Host)
	err := do(conn)
	h.trips = conn.trips
	if cerr := conn.Close(); cerr != nil {
		t.Error(cerr)
	}
	return err
}

func (h *sharedHost) install(t *testing.T) {
	t.Helper()
	err := h.over(t, func(conn node.Conn) error {
		state, err := node.Install(t.Context(), conn, h.opts)
		if err == nil {
			h.opts.MachineID = state.MachineID
		}
		return err
	})
	if err != nil {
		t.Fatalf("%+v", err)
	}
}

// uninstall gives what the warning says that stayed.
func (h *sharedHost) uninstall(t *testing.T) string {
	t.Helper()
	h.warned = nil
	if err := h.over(t, func(conn node.Conn) error { return node.Uninstall(t.Context(), conn, h.opts) }); err != nil {
		t.Fatalf("%+v", err)
	}
	h.opts.MachineID = ""
	var stayed []string
	for _, f := range h.warned {
		if f.Name == node.Stayed {
			stayed = append(stayed, f.Found)
		}
	}
	if len(stayed) > 1 {
		t.Errorf("said more than once: %q", stayed)
	}
	return strings.Join(stayed, "\n")
}

// names says which of the paths the text does not name.
func names(t *testing.T, text string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if !strings.Contains(text, p) {
			t.Errorf("%s is not named: %s", p, text)
		}
	}
}

// others is what other people have on a host wherever DC/OS goes.
const others = `set -e
mkdir -p /data/volumes /data/store /opt/dcos_install_tmp/packages /etc/mesosphere /var/lib/dcos/lost+found /var/lib/mesos/slave/mine \
  /var/log/mesos /etc/calico
echo theirs | tee /data/volumes/theirs /data/store/theirs /data/theirs /opt/dcos_install_tmp/theirs /etc/mesosphere/theirs \
  /var/lib/dcos/theirs /var/lib/mesos/theirs '/var/lib/mesos/slave/mine/two words' /var/log/mesos/theirs /etc/calico/theirs \
  /etc/profile.d/dcos.sh /etc/systemd/network/dcos.network /opt/dcos-prereqs.installed >/dev/null
`

// What DC/OS, its tasks and its packages write, as far as the sample release
// does not.
const written = `set -e
work=$(sed -n 's/^MESOS_WORK_DIR=//p' /opt/mesosphere/etc/mesos-slave-common)
mkdir -p $work/volumes/roles/kafka/1 /var/lib/mesos/slave/store/docker/layers /var/lib/mesos/isolators/docker/volume \
  /var/log/mesos/archive /etc/calico/confd $work/slaves/0a1b-S9/runs/1
echo x | tee $work/volumes/roles/kafka/1/x /var/lib/mesos/slave/store/docker/layers/x /var/log/mesos/archive/x /etc/calico/confd/x \
  /var/lib/dcos/cluster-id $work/slaves/0a1b-S9/runs/1/stdout >/dev/null
mount --bind $work $work
`

// TestForeignData: what other people have in the directories that DC/OS is told
// to use, and in its own, is there after destroy as it was before.
func TestForeignData(t *testing.T) {
	t.Parallel()
	s := shareHosts(t, "foreign", func(h *lab.Host, role node.Role) {
		if role == node.Agent {
			shell(t, h, others)
		}
	}, "mesos_agent_work_dir", "/data")
	master, agent := s.hosts[0], s.hosts[1]
	master.install(t)
	artifacts, err := s.bundle.Artifacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	taken := "/opt/dcos_install_tmp/" + artifacts[0].Path
	// A file of theirs has the name of one of the bundle's.
	shell(t, agent.Host, "mkdir -p $(dirname "+taken+") && echo theirs >"+taken)
	before := snapshot(t, agent.Host)
	for range 2 { // what stayed does not keep DC/OS from being installed again
		agent.install(t)
		shell(t, agent.Host, written)
		said := agent.uninstall(t)
		names(t, said, "/data/volumes", "/data/store", "/data/theirs", "/opt/dcos_install_tmp/theirs", "/etc/mesosphere/theirs",
			"/var/lib/dcos/theirs", "/var/lib/mesos/theirs", "/var/lib/mesos/slave/mine", "/var/log/mesos/theirs", "/etc/calico/theirs")
		// To look, to take over what a killed run left, to drain, to remove, to verify; each with the lock's.
		if len(agent.trips) > 6 {
			t.Errorf("removed in %d round trips: %q", len(agent.trips), agent.trips)
		}
		wantNoTrace(t, before, agent.Host)
	}
}

// TestPlacesElsewhere: DC/OS's directories may be links, or mounts that are in
// no fstab. They stay so, and what they lead to is as empty as it was.
func TestPlacesElsewhere(t *testing.T) {
	t.Parallel()
	// pkgpanda's own uninstall ends with rm -rf /opt/mesosphere from 1.10 to 2.2 (pkgpanda/cli.py, pkgpanda/util.py): of a link it takes the
	// link and leaves the packages behind it; a mount it empties, and then fails with "Device or resource busy". Neither is followed here.
	const places = "for p in /opt/mesosphere /etc/mesosphere /var/lib/dcos /var/lib/mesos /data; do d=/srv/disk$(echo $p | tr / -); "
	s := shareHosts(t, "elsewhere", func(h *lab.Host, role node.Role) {
		if role == node.Master {
			shell(t, h, "set -e; "+places+"mkdir -p $d/lost+found; ln -s $d $p; done; echo theirs >/data/theirs")
		} else {
			shell(t, h, "set -e; "+places+"mkdir -p $d/lost+found $p; mount --bind $d $p; done; echo theirs >/data/theirs; "+
				"mkdir -p /var/lib/dcos/exhibitor /var/log/mesos; mount -t tmpfs none /var/lib/dcos/exhibitor; mount -t tmpfs none /var/log/mesos")
		}
	}, "mesos_agent_work_dir", "/data")
	befores := []*lab.Snapshot{}
	for _, h := range s.hosts {
		h.opts.SkipChecks = nil // neither lost+found nor an empty directory is state of a former DC/OS
		befores = append(befores, snapshot(t, h.Host))
	}
	cycles := 1
	if lab.Nightly {
		cycles = 2
	}
	for range cycles {
		for _, h := range s.hosts {
			h.install(t)
			if h.opts.Role == node.Agent {
				shell(t, h.Host, written)
			}
			shell(t, h.Host, "ls -d /srv/disk-opt-mesosphere/packages /srv/disk-etc-mesosphere/roles /srv/disk-var-lib-dcos/.before-install")
		}
		for i, h := range slices.Backward(s.hosts) {
			said := h.uninstall(t)
			if h.opts.Role == node.Agent {
				names(t, said, "/data/theirs")
			} else if said != "" {
				t.Errorf("stayed: %s", said)
			}
			wantNoTrace(t, befores[i], h.Host)
		}
	}

	// What it could not be installed in is said before anything is done.
	h := s.hosts[0]
	shell(t, h.Host, "rm /var/lib/mesos && ln -s /nowhere /var/lib/mesos && rm /var/lib/dcos && echo >/var/lib/dcos; rm /data; mkdir /data; "+
		"mount -t tmpfs -o ro none /data")
	h.opts.Role, h.opts.Bundle = node.Agent, build(t, openRelease(t, samplerelease.V22), staticSite(t, "elsewhere", s.hosts[1].Host),
		"mesos_agent_work_dir", "/data/of/mesos")
	err := h.over(t, func(conn node.Conn) error {
		_, err := node.Install(t.Context(), conn, h.opts)
		return err
	})
	if err == nil {
		t.Fatal("it was installed")
	}
	names(t, err.Error(), "/var/lib/mesos, a link that leads nowhere", "/var/lib/dcos, which is no directory",
		"/data/of/mesos on a file system that cannot be written to")
}

// TestForeignDataWithoutARecord: of a node that was taken over, or installed by
// a version that kept another record, what has DC/OS's names goes, all of it,
// and nothing else.
func TestForeignDataWithoutARecord(t *testing.T) {
	t.Parallel()
	s := shareHosts(t, "unrecorded", func(*lab.Host, node.Role) {}, "mesos_agent_work_dir", "/data")
	s.hosts[0].install(t)
	agent := s.hosts[1]
	before := snapshot(t, agent.Host)
	const older = "rm " + node.RecordDirectory + "/list" // what such a version reads is there
	const none = "rm -rf " + node.RecordDirectory
	const clone = "sed -i 's/^begin .*/begin 0123/' " + node.RecordDirectory + "/list"
	all, both := []string{older}, []string{none}
	if lab.Nightly {
		all, both = []string{older, clone, none}, []string{none, older}
	}
	for _, spoil := range all {
		// Nobody else has anything there: no trace is left all the same.
		agent.install(t)
		shell(t, agent.Host, spoil)
		if said := agent.uninstall(t); said != "" {
			t.Errorf("after %s: stayed: %s", spoil, said)
		}
		if spoil != none { // nobody knows how the host's settings were
			wantNoTrace(t, before, agent.Host)
		}
	}
	theirs := []string{"/data/volumes/theirs", "/data/store/theirs", "/data/theirs", "/opt/dcos_install_tmp/theirs", "/etc/mesosphere/theirs",
		"/var/lib/dcos/theirs", "/var/lib/mesos/theirs", "/var/log/mesos/theirs"}
	shell(t, agent.Host, others+"rm -r /var/lib/mesos/slave /etc/profile.d/dcos.sh /etc/systemd/network/dcos.network "+
		"/opt/dcos-prereqs.installed /etc/calico")
	for _, spoil := range both {
		agent.install(t)
		// What DC/OS's own installer, or who installs by hand, has put there.
		shell(t, agent.Host, "cd /opt/dcos_install_tmp && mkdir -p bootstrap package_lists packages/mesos && "+
			"touch dcos_install.sh bootstrap.latest cluster-package-info.json bootstrap/1.bootstrap.tar.xz "+
			"package_lists/1.package_list.json packages/mesos/mesos--1.tar.xz\n"+written+spoil)
		said := agent.uninstall(t)
		names(t, said, "/data/volumes", "/data/store", "/data/theirs", "/opt/dcos_install_tmp/theirs", "/etc/mesosphere/theirs",
			"/var/lib/dcos/theirs", "/var/lib/mesos/theirs", "/var/log/mesos/theirs")
		if got := shell(t, agent.Host, "cat "+strings.Join(theirs, " ")+" | sort | uniq -c"); got != fmt.Sprint(len(theirs), " theirs") {
			t.Errorf("of others' there is %q", got)
		}
		got := shell(t, agent.Host, "find /data /var/lib/dcos /var/lib/mesos /etc/mesosphere /var/log/mesos /opt/dcos_install_tmp "+
			"/opt/mesosphere -type f ! -name theirs 2>/dev/null || true; ls -d /opt/mesosphere /data/meta /data/volumes/roles 2>/dev/null || true")
		if got != "" {
			t.Errorf("left behind:\n%s", got)
		}
	}
}
