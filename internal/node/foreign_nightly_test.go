// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package node_test

import (
	"context"
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
