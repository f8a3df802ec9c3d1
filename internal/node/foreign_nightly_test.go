// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package node_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// TestForeignDataOfAKilledRun: the record is made with the first change, and a
// run that goes on with a killed one does not take what that made for others'.
func TestForeignDataOfAKilledRun(t *testing.T) {
	t.Parallel()
	s := shareHosts(t, "killed", func(h *lab.Host, role node.Role) {
		if role == node.Agent {
			shell(t, h, others)
		}
	}, "mesos_agent_work_dir", "/data")
	s.hosts[0].install(t)
	agent := s.hosts[1]
	before := snapshot(t, agent.Host)
	for _, script := range []string{"apply", "follow", "postflight"} { // the record is there, DC/OS is not; it is on its way; it is there
		ctx, cancel := context.WithCancel(t.Context())
		opts := agent.opts
		opts.OnChange = func(s node.State) { agent.opts.MachineID = s.MachineID }
		err := agent.over(t, func(conn node.Conn) error {
			_, err := node.Install(ctx, &struckConn{Conn: conn, script: script, hit: cancel}, opts)
			return err
		})
		if err == nil {
			t.Errorf("%s: it was not ended", script)
		}
		cancel()
		if shell(t, agent.Host, "ls "+node.RecordDirectory+"/list") == "" {
			t.Errorf("%s: there is no record", script)
		}
		agent.install(t)
		shell(t, agent.Host, written)
		names(t, agent.uninstall(t), "/data/volumes", "/data/store", "/opt/dcos_install_tmp/theirs")
		wantNoTrace(t, before, agent.Host)
	}
}

// TestMountedMeanwhile: nothing goes from a disk that somebody mounts in one of
// DC/OS's directories while that is removed.
func TestMountedMeanwhile(t *testing.T) {
	t.Parallel()
	s := shareHosts(t, "meanwhile", func(*lab.Host, node.Role) {}, "mesos_agent_work_dir", "/data")
	master, agent := s.hosts[0], s.hosts[1]
	master.install(t)
	// One that was mounted before stays where it is, in a directory that somebody chose. (One inside of the mount that
	// Mesos makes of its work directory goes with that.)
	agent.install(t)
	shell(t, agent.Host, "mkdir /data/disk /data/empty; mount -t tmpfs none /data/disk; echo theirs >/data/disk/theirs")
	names(t, agent.uninstall(t), "/data/disk", "/data/empty")
	if got := shell(t, agent.Host, "cat /data/disk/theirs; cd /data; echo *"); got != "theirs\ndisk empty" {
		t.Errorf("in the work directory there is %q", got)
	}

	before := shell(t, master.Host, "ls -d /var/lib/dcos/exhibitor")
	// In front of the one that is meant to remove it, where sudo looks first.
	shell(t, master.Host, `set -e
cat >/usr/local/sbin/rm <<'END'
#!/bin/sh
case "$*" in *" /var/lib/dcos/exhibitor") if [ ! -e /run/mounted ]; then
	mkdir -p /var/lib/dcos/exhibitor/disk; mount -t tmpfs none /var/lib/dcos/exhibitor/disk
	echo theirs >/var/lib/dcos/exhibitor/disk/theirs; : >/run/mounted
fi ;; esac
exec /bin/rm "$@"
END
chmod 755 /usr/local/sbin/rm`)
	err := master.over(t, func(conn node.Conn) error { return node.Uninstall(t.Context(), conn, master.opts) })
	var left *node.LeftoverError
	if !errors.As(err, &left) || !slices.ContainsFunc(left.Left, func(l string) bool { return strings.HasPrefix(l, before) }) {
		t.Errorf("left: %v", err)
	}
	if got := shell(t, master.Host, "cat /run/mounted /var/lib/dcos/exhibitor/disk/theirs"); got != "theirs" {
		t.Errorf("on the disk there is %q", got)
	}
	shell(t, master.Host, "umount /var/lib/dcos/exhibitor/disk; rm /usr/local/sbin/rm")
	if said := master.uninstall(t); said != "" {
		t.Errorf("stayed: %s", said)
	}
}
