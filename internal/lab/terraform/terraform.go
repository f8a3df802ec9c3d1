// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// RequiredProviders is the beginning of each configuration.
const RequiredProviders = `terraform {
  required_providers {
    dcos = { source = "dcos-install/dcos" }
  }
}
`

// limit is when a call of Terraform hangs.
const limit = 20 * time.Minute

// A Dir is a directory with a configuration, in which the real Terraform runs
// with the provider built from this tree.
type Dir struct {
	T    testing.TB // may be set to that of a subtest
	Path string
	Bin  string   // of Terraform or OpenTofu
	Env  []string // in which it runs
}

// New makes an empty one.
func New(t testing.TB) *Dir {
	t.Helper()
	d := &Dir{T: t, Path: t.TempDir(), Bin: Require(t)}
	address, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cli := filepath.Join(d.Path, "cli.tfrc")
	d.Write("cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", WithoutRegistry(address),
		plugins()))
	d.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_ACC=", "TF_LOG=")
	return d
}

// Write puts a file into the directory.
func (d *Dir) Write(name, content string) {
	d.T.Helper()
	if err := os.WriteFile(filepath.Join(d.Path, name), []byte(content), 0o600); err != nil {
		d.T.Fatal(err)
	}
}

// Command prepares a call of terraform.
func (d *Dir) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.Bin, args...)
	cmd.Dir = d.Path
	cmd.Env = d.Env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Minute
	return cmd
}

// Try runs terraform and gives all that it printed.
func (d *Dir) Try(args ...string) (string, error) {
	d.T.Helper()
	ctx, cancel := context.WithTimeout(d.T.Context(), limit)
	defer cancel()
	var out bytes.Buffer
	cmd := d.Command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	d.T.Logf("terraform %s: %s", strings.Join(args, " "), time.Since(start).Round(100*time.Millisecond))
	return out.String(), err
}

// Run runs terraform, which has to succeed.
func (d *Dir) Run(args ...string) string {
	d.T.Helper()
	out, err := d.Try(args...)
	if err != nil {
		d.T.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Apply applies.
func (d *Dir) Apply(args ...string) string {
	d.T.Helper()
	return d.Run(append([]string{"apply", "-auto-approve", "-no-color"}, args...)...)
}

// Destroy destroys.
func (d *Dir) Destroy(args ...string) string {
	d.T.Helper()
	return d.Run(append([]string{"destroy", "-auto-approve", "-no-color"}, args...)...)
}

// A Change is one resource's part of a plan.
type Change struct {
	Address string `json:"address"`
	Change  struct {
		Actions []string       `json:"actions"`
		Before  map[string]any `json:"before"`
		After   map[string]any `json:"after"`
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

// Plan plans and gives the changes that are not "no-op", by address.
func (d *Dir) Plan(args ...string) map[string]Change {
	d.T.Helper()
	d.Run(append([]string{"plan", "-no-color", "-out=plan.bin"}, args...)...)
	var plan struct {
		Changes []Change `json:"resource_changes"`
	}
	cmd := d.Command(d.T.Context(), "show", "-json", "plan.bin")
	text, err := cmd.Output()
	if err != nil {
		d.T.Fatalf("terraform show: %v", err)
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		d.T.Fatal(err)
	}
	changes := map[string]Change{}
	for _, c := range plan.Changes {
		if len(c.Change.Actions) != 1 || c.Change.Actions[0] != "no-op" {
			changes[c.Address] = c
		}
	}
	return changes
}

// NoChanges fails unless a plan is empty.
func (d *Dir) NoChanges(args ...string) {
	d.T.Helper()
	out, err := d.Try(append([]string{"plan", "-no-color", "-detailed-exitcode"}, args...)...)
	if err != nil {
		d.T.Fatalf("the plan is not empty: %v\n%s", err, out)
	}
}

// Output reads an output of the configuration.
func (d *Dir) Output(name string, into any) {
	d.T.Helper()
	text, err := d.Command(d.T.Context(), "output", "-json", name).Output()
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		d.T.Fatalf("output %s: %v", name, err)
	}
}
