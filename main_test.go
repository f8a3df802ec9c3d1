// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built builds the provider, and returns its path.
func built(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "terraform-provider-dcos")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// TestHelp asks for help as a person does: all that can be called by hand is there.
func TestHelp(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider")
	}
	t.Parallel()
	binary := built(t)
	out, err := exec.Command(binary, "--help").CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"runlog", "--version", "--address", "--debug", "for Terraform to start"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in:\n%s", want, out)
		}
	}
	for _, name := range []string{"--version", "--address"} {
		if out, err := exec.Command(binary, name).CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}
