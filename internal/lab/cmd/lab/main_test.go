// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

func TestHelp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"help"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(labCommands(), hostCommands()...) {
		if !strings.Contains(out.String(), "\n  "+c.name) {
			t.Errorf("help is silent about %s", c.name)
		}
	}
	for _, args := range [][]string{{"dance"}, {"-dance"}, {"reboot"}, {"exec", "h1"}, {"up", "h1"}, {"proxy", "-fault"}, {"release", "1.2"}} {
		var misuse usageError
		if err := run(t.Context(), args, &out); !errors.As(err, &misuse) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "17": 17, "64K": 64 << 10, "10m": 10 << 20, "2G": 2 << 30} {
		if got, err := size(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "K", "-1", "1T", "1.5G"} {
		if got, err := size(text); err == nil {
			t.Errorf("%s: %d", text, got)
		}
	}
}

// A user's way through a host's life.
func TestSession(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	do := func(args ...string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"-lab", l.Name()}, args...), &out)
		return out.String(), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := do(args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	up := must("up")
	for _, want := range []string{l.KeyFile(), l.KnownHostsFile(), lab.UserNoPassword} {
		if !strings.Contains(up, want) {
			t.Errorf("up does not say how its hosts are reached: %s is not in\n%s", want, up)
		}
	}
	must("create", "-address", "198.18.66.6", "-disk", "256M", "h1")
	if out := must("list"); !strings.Contains(out, "h1") || !strings.Contains(out, "198.18.66.6") {
		t.Errorf("list:\n%s", out)
	}
	if out := must("exec", "h1", "hostname"); out != "h1\n" {
		t.Errorf("exec: %q", out)
	}
	var exit *exec.ExitError
	if _, err := do("exec", "h1", "sh", "-c", "exit 7"); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exec of what fails: %v", err)
	}
	before := filepath.Join(t.TempDir(), "before")
	if err := os.WriteFile(before, []byte(must("snapshot", "h1")), 0o600); err != nil {
		t.Fatal(err)
	}
	must("diff", before, "h1")
	must("exec", "h1", "touch", "/opt/left")
	if out, err := do("diff", before, "h1"); err == nil || !strings.HasPrefix(out, "added: file /opt/left ") {
		t.Errorf("diff: %v\n%s", err, out)
	}
	must("fill-disk", "-leave", "1M", "h1")
	if _, err := do("exec", "h1", "sh", "-c", "head -c 4M /dev/zero >/opt/left 2>/dev/null"); err == nil {
		t.Error("the disk is not full")
	}
	must("free-disk", "h1")
	must("cut", "-refuse", "h1")
	must("reboot", "h1")
	if out := must("list"); !strings.Contains(out, "on, refuses") {
		t.Errorf("list:\n%s", out)
	}
	must("rejoin", "h1")
	must("power-cut", "h1")
	if out := must("list"); !strings.Contains(out, "off") {
		t.Errorf("list:\n%s", out)
	}
	must("start", "h1")
	must("stop", "h1")
	must("destroy", "h1")
	if _, err := do("start", "h1"); err == nil {
		t.Error("a host that is gone has started")
	}
}
