// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// terraformPath finds the Terraform or OpenTofu to test with: the one that
// TF_ACC_TERRAFORM_PATH names, else the one on PATH.
func terraformPath() (string, error) {
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("terraform"); err == nil {
		return path, nil
	}
	return exec.LookPath("tofu")
}

// requireTerraform skips a test where there is no Terraform. In CI that is a
// failure.
func requireTerraform(t testing.TB) string {
	t.Helper()
	path, err := terraformPath()
	switch {
	case err == nil:
		// plugin-testing would download one otherwise.
		if os.Getenv("TF_ACC_TERRAFORM_PATH") == "" {
			t.Fatal("TestMain did not set TF_ACC_TERRAFORM_PATH")
		}
	case os.Getenv("CI") == "true":
		t.Fatalf("neither terraform nor tofu is on PATH: %v", err)
	default:
		t.Skip("neither terraform nor tofu is on PATH")
	}
	return path
}

// pluginDirectory is where this test binary puts the provider that it builds;
// TestMain removes it.
func pluginDirectory() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("terraform-provider-dcos-test-%d", os.Getpid()))
}

// builtProvider builds the provider once per test binary and gives the
// directory it is in.
var builtProvider = sync.OnceValues(func() (string, error) {
	dir := pluginDirectory()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "terraform-provider-dcos"), "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the provider: %w: %s", err, out)
	}
	return dir, nil
})

// A terraformDir is a directory with a configuration, in which the real
// terraform runs with the provider built from this tree.
type terraformDir struct {
	t   testing.TB
	Dir string
	bin string
	env []string
}

// newTerraformDir makes one.
func newTerraformDir(t testing.TB) *terraformDir {
	t.Helper()
	bin := requireTerraform(t)
	plugins, err := builtProvider()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cli := filepath.Join(dir, "cli.tfrc")
	text := fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", source, plugins)
	if err := os.WriteFile(cli, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &terraformDir{t: t, Dir: dir, bin: bin, env: append(os.Environ(),
		"TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_ACC=", "TF_LOG=")}
}

// source is the provider's address without the registry's host, for which
// Terraform and OpenTofu each have their own.
var source = strings.TrimPrefix(Address, "registry.terraform.io/")

// requiredProviders is the beginning of each configuration.
const requiredProviders = `terraform {
  required_providers {
    dcos = { source = "dcos-install/dcos" }
  }
}
`

// Write puts a file into the directory.
func (d *terraformDir) Write(name, content string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.Dir, name), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// Command prepares a call of terraform.
func (d *terraformDir) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.bin, args...)
	cmd.Dir = d.Dir
	cmd.Env = d.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Minute
	return cmd
}

// Try runs terraform and gives all that it printed.
func (d *terraformDir) Try(args ...string) (string, error) {
	d.t.Helper()
	var out bytes.Buffer
	cmd := d.Command(d.t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	d.t.Logf("terraform %s: %s", strings.Join(args, " "), time.Since(start).Round(100*time.Millisecond))
	return out.String(), err
}

// Run runs terraform, which has to succeed.
func (d *terraformDir) Run(args ...string) string {
	d.t.Helper()
	out, err := d.Try(args...)
	if err != nil {
		d.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Apply applies.
func (d *terraformDir) Apply(args ...string) string {
	d.t.Helper()
	return d.Run(append([]string{"apply", "-auto-approve", "-no-color"}, args...)...)
}

// Destroy destroys.
func (d *terraformDir) Destroy(args ...string) string {
	d.t.Helper()
	return d.Run(append([]string{"destroy", "-auto-approve", "-no-color"}, args...)...)
}

// A plannedChange is one resource's part of a plan.
type plannedChange struct {
	Address string `json:"address"`
	Change  struct {
		Actions []string       `json:"actions"`
		Before  map[string]any `json:"before"`
		After   map[string]any `json:"after"`
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

// Plan plans and gives the changes that are not "no-op", by address.
func (d *terraformDir) Plan(args ...string) map[string]plannedChange {
	d.t.Helper()
	d.Run(append([]string{"plan", "-no-color", "-out=plan.bin"}, args...)...)
	var plan struct {
		Changes []plannedChange `json:"resource_changes"`
	}
	cmd := d.Command(d.t.Context(), "show", "-json", "plan.bin")
	text, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("terraform show: %v", err)
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		d.t.Fatal(err)
	}
	changes := map[string]plannedChange{}
	for _, c := range plan.Changes {
		if len(c.Change.Actions) != 1 || c.Change.Actions[0] != "no-op" {
			changes[c.Address] = c
		}
	}
	return changes
}

// NoChanges fails unless a plan is empty.
func (d *terraformDir) NoChanges(args ...string) {
	d.t.Helper()
	out, err := d.Try(append([]string{"plan", "-no-color", "-detailed-exitcode"}, args...)...)
	if err != nil {
		d.t.Fatalf("the plan is not empty: %v\n%s", err, out)
	}
}
