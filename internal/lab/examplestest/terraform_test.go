// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample"
	"github.com/dcos-install/terraform-provider-dcos/internal/provider"
)

// root is the tree's, as seen from this package.
const root = "../../.."

// requireTerraform gives the path of Terraform or OpenTofu.
func requireTerraform(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path
	}
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("neither terraform nor tofu is on PATH")
	}
	t.Skip("neither terraform nor tofu is on PATH")
	return ""
}

// source is the provider's address without the registry's host, for which
// Terraform and OpenTofu each have their own.
var source = strings.TrimPrefix(provider.Address, "registry.terraform.io/")

// pluginDirectory is where this test binary puts the provider; TestMain
// removes it.
func pluginDirectory() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("terraform-provider-dcos-examples-%d", os.Getpid()))
}

// builtProvider builds the provider, once.
var builtProvider = sync.OnceValues(func() (string, error) {
	dir := pluginDirectory()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "terraform-provider-dcos"), root).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the provider: %w: %s", err, out)
	}
	return dir, nil
})

// A workspace is a copy of an example, in which the real Terraform runs with
// the provider built from this tree.
type workspace struct {
	t   *testing.T
	dir string
	bin string
	env []string
}

// open copies an example and sets its variables.
func open(t *testing.T, example string, variables map[string]any) *workspace {
	t.Helper()
	plugins, err := builtProvider()
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{t: t, dir: t.TempDir(), bin: requireTerraform(t)}
	if err := os.CopyFS(w.dir, os.DirFS(filepath.Join(root, "examples", example))); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(variables, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	cli := filepath.Join(w.dir, "cli.tfrc")
	for path, content := range map[string]string{
		filepath.Join(w.dir, "terraform.tfvars.json"): string(text),
		cli: fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", source, plugins),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+cli, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_ACC=", "TF_LOG=")
	return w
}

// try runs terraform and gives all that it printed.
func (w *workspace) try(args ...string) (string, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.bin, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	w.t.Logf("terraform %s: %s", strings.Join(args, " "), time.Since(start).Round(100*time.Millisecond))
	return out.String(), err
}

// run runs terraform, which has to succeed.
func (w *workspace) run(args ...string) {
	w.t.Helper()
	if out, err := w.try(args...); err != nil {
		w.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (w *workspace) apply() {
	w.t.Helper()
	w.run("apply", "-auto-approve", "-no-color")
}

func (w *workspace) destroy() {
	w.t.Helper()
	w.run("destroy", "-auto-approve", "-no-color")
}

// unchanged fails unless a plan is empty.
func (w *workspace) unchanged() {
	w.t.Helper()
	if out, err := w.try("plan", "-no-color", "-detailed-exitcode"); err != nil {
		w.t.Fatalf("the plan is not empty: %v\n%s", err, out)
	}
}

// output reads an output.
func (w *workspace) output(name string, into any) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), w.bin, "output", "-json", name)
	cmd.Dir, cmd.Env = w.dir, w.env
	text, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		w.t.Fatalf("output %s: %v", name, err)
	}
}

// sampleRelease builds the sample release, or takes the one built before, and
// gives a copy: another test binary, of another version of the tree, may build
// it anew while a cluster stands on it.
func sampleRelease(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path, err := sample.Build(t.Context(), filepath.Join(dir, "terraform-provider-dcos-test"), sample.V22)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(mine, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return mine
}

// TestForm holds what every example is: formatted, explained, and with a
// README that says whom it is for and how to run, change and destroy it.
func TestForm(t *testing.T) {
	t.Parallel()
	bin := requireTerraform(t)
	mains, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.tf"))
	if err != nil || len(mains) < 5 {
		t.Fatalf("examples: %v, %v", mains, err)
	}
	for _, path := range mains {
		dir := filepath.Dir(path)
		if filepath.Base(dir) == "demo" {
			continue // a part of `make demo`, which explains it
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), bin, "fmt", "-check", "-diff", dir).Output(); err != nil {
				t.Errorf("not formatted: %v\n%s", err, out)
			}
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if errors.Is(err, fs.ErrNotExist) {
				t.Fatal("there is no README.md")
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"\nFor you if ", "\n## What it needs\n", "\n## Run it\n", "\n## Upgrade it", "\n## Destroy it\n"} {
				if !strings.Contains(string(readme), want) {
					t.Errorf("README.md has no %q", want)
				}
			}
			given := values(t, bin, string(readme))
			for name := range required(t, dir) {
				if !strings.Contains(given, "\n"+name+" ") {
					t.Errorf("README.md does not say what to give for the variable %s", name)
				}
			}
		})
	}
}

// values gives the variables' values that a README shows, which have to be in
// Terraform's own format.
func values(t *testing.T, bin, readme string) string {
	t.Helper()
	_, rest, _ := strings.Cut(readme, "<<'EOF'\n")
	text, _, found := strings.Cut(rest, "EOF\n")
	if !found {
		t.Fatal("README.md shows no values for the variables")
	}
	file := filepath.Join(t.TempDir(), "terraform.tfvars")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), bin, "fmt", "-check", "-diff", file).Output(); err != nil {
		t.Errorf("the values in README.md are not formatted: %v\n%s", err, out)
	}
	return "\n" + text
}

// required gives the variables of an example that have no default. Each
// variable and output must have a description.
func required(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range []string{"variables.tf", "outputs.tf"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split("\n"+string(text), "\n}\n") {
			head, body, found := strings.Cut(strings.TrimSpace(block), " {\n")
			if !found {
				continue
			}
			kind, name, _ := strings.Cut(head, " ")
			name = strings.Trim(name, `"`)
			if !strings.HasPrefix(body, "  description") {
				t.Errorf("%s %s of %s does not begin with a description", kind, name, file)
			}
			if kind == "variable" && !strings.Contains(body, "\n  default ") {
				names[name] = true
			}
		}
	}
	return names
}
