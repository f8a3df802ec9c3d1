// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReproducible builds the provider as .goreleaser.yml says, here and in
// another place, and holds that both are the same and know their version.
// (make reproducible does it for the whole release and with an empty cache.)
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider twice")
	}
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "else", "where")
	if err := os.CopyFS(filepath.Join(elsewhere, "internal"), os.DirFS("internal")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main.go", "orphan.go", "serve.go", "go.mod", "go.sum"} {
		if err := os.WriteFile(filepath.Join(elsewhere, name), read(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := buildRelease(t, "."), buildRelease(t, elsewhere)
	if !bytes.Equal(read(t, first), read(t, second)) {
		t.Error("two builds in two places differ")
	}
	out, err := exec.Command(first, "-version").CombinedOutput()
	if err != nil || string(out) != "terraform-provider-dcos 1.2.3\n" {
		t.Errorf("the version is %q, %v", out, err)
	}
}

// buildRelease builds version 1.2.3 of the source in a directory.
func buildRelease(t *testing.T, dir string) string {
	t.Helper()
	flags, linker, env := releaseList(t, "flags"), releaseList(t, "ldflags"), releaseList(t, "env")
	if !slices.Contains(flags, "-trimpath") || len(linker) != 1 || len(env) == 0 {
		t.Fatalf(".goreleaser.yml has other flags than this test can read: %v, %v, %v", flags, linker, env)
	}
	binary := filepath.Join(t.TempDir(), "terraform-provider-dcos")
	args := slices.Concat([]string{"build", "-o", binary}, flags,
		[]string{"-ldflags=" + strings.ReplaceAll(linker[0], "{{ .Version }}", "1.2.3"), "."})
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return binary
}

// releaseList gives a list of builds in .goreleaser.yml.
func releaseList(t *testing.T, name string) []string {
	t.Helper()
	_, rest, found := strings.Cut(string(read(t, ".goreleaser.yml")), "\n    "+name+":\n")
	if !found && name == "env" {
		_, rest, found = strings.Cut(string(read(t, ".goreleaser.yml")), "\n  - "+name+":\n")
	}
	if !found {
		t.Fatalf(".goreleaser.yml has no %s", name)
	}
	var items []string
	for line := range strings.Lines(rest) {
		item, ok := strings.CutPrefix(line, "      - ")
		if !ok {
			break
		}
		item, _, _ = strings.Cut(item, " #")
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

// TestManifest holds what the registry reads: the protocol that main serves.
func TestManifest(t *testing.T) {
	t.Parallel()
	var manifest struct {
		Version  int `json:"version"`
		Metadata struct {
			Protocols []string `json:"protocol_versions"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(read(t, "terraform-registry-manifest.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Version != 1 || !slices.Equal(manifest.Metadata.Protocols, []string{"6.0"}) {
		t.Errorf("the manifest says %+v; providerserver.Serve speaks protocol 6", manifest)
	}
}

// TestWorkflowsPinned holds that what runs in workflows and in our actions is
// pinned: an action by a commit with its version beside it, unless it is in this
// tree, a tool by a go.sum of ours.
func TestWorkflowsPinned(t *testing.T) {
	t.Parallel()
	workflows, err := filepath.Glob(".github/workflows/*.yml")
	if err != nil || len(workflows) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	actions, err := filepath.Glob(".github/actions/*/action.yml")
	if err != nil || len(actions) == 0 {
		t.Fatalf("no actions: %v", err)
	}
	pinned := regexp.MustCompile(`uses: ([\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/[\w./-]+)$`)
	for _, name := range slices.Concat(workflows, actions) {
		for line := range strings.Lines(string(read(t, name))) {
			line = strings.TrimRight(line, "\n")
			if strings.Contains(line, "uses:") && !pinned.MatchString(line) {
				t.Errorf("%s: %s: not pinned by commit", name, strings.TrimSpace(line))
			}
			if strings.Contains(line, "@latest") || strings.Contains(line, "curl") {
				t.Errorf("%s: %s: fetches what is not pinned", name, strings.TrimSpace(line))
			}
		}
	}
}

// TestDependabot holds that every module of the tree is kept current.
func TestDependabot(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(string(read(t, ".github/dependabot.yml")), "package-ecosystem: gomod\n")
	line, _, _ := strings.Cut(rest, "\n")
	list, _ := strings.CutPrefix(strings.TrimSpace(line), "directories: ")
	var have, want []string
	if err := json.Unmarshal([]byte(list), &have); err != nil {
		t.Fatalf("the modules' directories: %v: %q", err, line)
	}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "testdata" || name != "." && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if entry.Name() == "go.mod" && !strings.HasPrefix(path, "tools/terraform/stub/") { // those follow Terraform's version
			want = append(want, filepath.ToSlash(filepath.Join("/", filepath.Dir(path))))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("Dependabot is told of %v; the modules are %v", have, want)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
