// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// root is the tree's, as seen from this package.
const root = "../../.."

// open copies an example and sets its variables.
func open(t *testing.T, example string, variables map[string]any) *terraform.Dir {
	t.Helper()
	d := terraform.New(t)
	if err := os.CopyFS(d.Path, os.DirFS(filepath.Join(root, "examples", example))); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(variables, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	d.Write("terraform.tfvars.json", string(text))
	return d
}

// sampleRelease builds the sample release, or takes the one built before, and
// gives a copy: another test binary, of another version of the tree, may build
// it anew while a cluster stands on it.
func sampleRelease(t *testing.T) string {
	t.Helper()
	path, err := samplerelease.Kept(t.Context(), samplerelease.V22)
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
	bin := terraform.Require(t)
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
			if out, err := exec.CommandContext(t.Context(), bin, "fmt", "-check", "-diff", "-recursive", dir).Output(); err != nil {
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
			parts(t, dir)
		})
	}
}

// parts holds that the modules of an example can be called from elsewhere: what they take and give is described, and none
// configures a provider, with which it could be called neither by for_each nor by depends_on.
func parts(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "main.tf" {
			required(t, filepath.Dir(file))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains("\n"+string(text), "\nprovider \"") {
			t.Errorf("%s configures a provider", file)
		}
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
