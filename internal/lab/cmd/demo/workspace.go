// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// workspace is the directory that Terraform runs in: a copy of examples/demo, the variables that fit the lab, the
// provider built from this tree and a CLI configuration that names it, so that no `terraform init` is needed.
type workspace struct {
	dir string // absolute
	tf  string // path of terraform or tofu
}

const (
	workspaceDir = ".demo"
	exampleDir   = "examples/demo"
)

// openWorkspace finds Terraform and gives the workspace, which may not be there yet.
func openWorkspace() (*workspace, error) {
	if _, err := os.Stat(filepath.Join(exampleDir, "main.tf")); err != nil {
		return nil, fmt.Errorf("run this from the root of the tree: %w", err)
	}
	tf := os.Getenv("TF")
	for _, name := range []string{"terraform", "tofu"} {
		if tf == "" {
			tf, _ = exec.LookPath(name) // not found: tf stays empty
		}
	}
	if tf == "" {
		return nil, errors.New("neither terraform nor tofu is on PATH: install one of them and run this again " +
			"(https://developer.hashicorp.com/terraform/install, https://opentofu.org/docs/intro/install)")
	}
	dir, err := filepath.Abs(workspaceDir)
	return &workspace{dir: dir, tf: tf}, err
}

func (w *workspace) path(name string) string { return filepath.Join(w.dir, name) }

// applied says whether the workspace has a state with resources in it.
func (w *workspace) applied() (bool, error) {
	text, err := os.ReadFile(w.path("terraform.tfstate"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var state struct {
		Resources []json.RawMessage `json:"resources"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return false, fmt.Errorf("read the demo's state: %w", err)
	}
	return len(state.Resources) > 0, nil
}

// forgetState drops the state of a cluster whose hosts are gone with it.
func (w *workspace) forgetState() error {
	for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup", ".terraform.tfstate.lock.info"} {
		if err := os.Remove(w.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// write makes or renews the workspace for the topology.
func (w *workspace) write(ctx context.Context, l *lab.Lab, demo *lab.Demo) error {
	if err := os.MkdirAll(w.path("bin"), 0o700); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", w.path("bin/terraform-provider-dcos"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the provider: %w", err)
	}
	address, err := exec.CommandContext(ctx, w.path("bin/terraform-provider-dcos"), "-address").Output()
	if err != nil {
		return fmt.Errorf("ask the provider for its address: %w", err)
	}

	// Without the registry's host, for which Terraform and OpenTofu each have their own.
	_, source, _ := strings.Cut(strings.TrimSpace(string(address)), "/")

	key, err := l.PrivateKey()
	if err != nil {
		return err
	}
	variables, err := json.MarshalIndent(map[string]any{
		"release":              releaseName(from),
		"load_balancer":        demo.LoadBalancer.Address,
		"masters":              addresses(demo.Masters),
		"agents":               addresses(demo.Agents),
		"public_agents":        addresses(demo.PublicAgents),
		"ssh_user":             lab.UserNoPassword,
		"ssh_private_key_file": w.path("id"),
		"known_hosts_file":     w.path("known_hosts"),
	}, "", "  ")
	if err != nil {
		return err
	}
	files := map[string]string{
		"id":                    string(key),
		"known_hosts":           l.KnownHosts(),
		"demo.auto.tfvars.json": string(variables) + "\n",
		"cli.tfrc": fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", source,
			w.path("bin")),
		filepath.Base(w.wrapper()): w.wrapperScript(l),
	}
	examples, err := filepath.Glob(filepath.Join(exampleDir, "*.tf"))
	if err != nil {
		return err
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[filepath.Base(path)] = string(text)
	}
	for name, text := range files {
		mode := fs.FileMode(0o600)
		if name == filepath.Base(w.wrapper()) {
			mode = 0o700
		}
		if err := os.WriteFile(w.path(name), []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

func addresses(hosts []*lab.Host) map[string]string {
	byName := map[string]string{}
	for _, h := range hosts {
		byName[h.Name] = h.Address
	}
	return byName
}

// wrapper is the command that runs Terraform in the workspace and in the lab's network; users are told of it.
func (w *workspace) wrapper() string { return w.path(filepath.Base(w.tf)) }

func (w *workspace) wrapperScript(l *lab.Lab) string {
	command := l.Command(context.Background(), w.tf) // only its words are taken; it is not run
	words := make([]string, len(command.Args))
	for i, word := range command.Args {
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return fmt.Sprintf(`#!/bin/sh
# Runs %s on the demo's configuration, with the provider built from this tree, in the network of the test hosts.
cd '%s' || exit
unset TF_LOG TF_CLI_ARGS
export TF_CLI_CONFIG_FILE='%s' CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
exec %s "$@"
`, filepath.Base(w.tf), w.dir, w.path("cli.tfrc"), strings.Join(words, " "))
}

// terraform runs Terraform in the workspace, its output on ours. It has a process group of its own, so that an
// interrupt from the terminal reaches it once, through us, and it ends in good order: a second one would kill it.
func (w *workspace) terraform(ctx context.Context, args ...string) error {
	if info, err := os.Stdout.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("NO_COLOR") != "" {
		args = append(args, "-no-color")
	}
	command := exec.CommandContext(ctx, w.wrapper(), args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(w.tf), args[0], err)
	}
	return nil
}
