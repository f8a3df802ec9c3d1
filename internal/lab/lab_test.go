// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"os"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

func TestTry(t *testing.T) {
	l := lab.Require(t)
	s := time.Now()
	h := l.Host(t, "h1", lab.NotStarted())
	t.Log("create", time.Since(s))
	s = time.Now()
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("start", time.Since(s))
	s = time.Now()
	out, err := h.Shell(t.Context(), "systemctl is-system-running --wait; systemctl --failed; ip -br a; docker info")
	t.Log(out, err, time.Since(s))
	s = time.Now()
	a, err := h.Snapshot(t.Context())
	t.Log(err, time.Since(s))
	s = time.Now()
	b1, err := h.Snapshot(t.Context())
	t.Log(err, time.Since(s), len(b1.Entries))
	t.Log(lab.Diff(a, b1))
	f, _ := os.Create("/tmp/labtry/snap.txt")
	for k, v := range a.Entries {
		f.WriteString(k + " = " + v + "\n")
	}
	f.Close()
	s = time.Now()
	t.Log(h.Reboot(t.Context()), "reboot", time.Since(s))
	s = time.Now()
	t.Log(h.Stop(t.Context()), "stop", time.Since(s))
	s = time.Now()
	t.Log(h.Start(t.Context()), "start", time.Since(s))
	cmd := l.Command(t.Context(), "ssh", "-F", "none", "-i", l.Dir()+"/id", "-o", "UserKnownHostsFile="+l.KnownHostsFile(), "-o", "BatchMode=yes", "alice@"+h.Address, "sudo -n id")
	b, err := cmd.CombinedOutput()
	t.Log(string(b), err)
	s = time.Now()
	b1, err = h.Snapshot(t.Context())
	t.Log(err, time.Since(s), len(b1.Entries))
	for _, c := range lab.Diff(a, b1) {
		t.Log(c)
	}
	s = time.Now()
	t.Log(h.Destroy(t.Context()), "destroy", time.Since(s))
}
