// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dcos-install/terraform-provider-dcos"

// mayImport is the house plan: what each package under internal/ may import of ours, tests aside.
// Straight down, no step back up: only provider knows Terraform, only remote knows SSH, only config
// knows what a parameter means.
var mayImport = map[string][]string{
	"provider": {"provider", "fleet", "node", "outage", "publish", "bundle", "config", "render", "release", "remote", "packed", "runlog"},
	"takeover": {"config", "fleet", "node", "remote"},
	"fleet":    {"node", "outage", "remote", "bundle", "runlog"},
	"node":     {"remote", "bundle", "runlog"},
	"publish":  {"bundle", "remote"},
	"bundle":   {"release", "config", "render"},
	"config":   {"render"},
	"remote":   {"runlog"},
	"release":  {"runlog"},
	"render":   {"runlog"},
	"outage":   {},
	"packed":   {},
	"runlog":   {},
}

// TestImports holds the house plan.
func TestImports(t *testing.T) {
	eachGoFile(t, func(path string, file *ast.File) {
		room := roomOf(path)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, ok := strings.CutPrefix(imported, module+"/internal/")
			if !ok {
				continue
			}
			theirs, _, _ := strings.Cut(ours, "/")
			switch {
			case inSample(path):
				if !inSample("internal/" + ours) {
					t.Errorf("%s imports %s: the sample is a module of its own, which uses nothing of the provider's", path, imported)
				}
			case theirs == room, room == "lab":
			case theirs == "lab":
				if !strings.HasSuffix(path, "_test.go") {
					t.Errorf("%s imports %s: internal/lab is for tests and the demo", path, imported)
				}
			case strings.HasSuffix(path, "_test.go"):
			case room == "":
				if theirs != "provider" && theirs != "runlog" && theirs != "takeover" {
					t.Errorf("%s imports %s: main knows the provider, the run log and takeover alone", path, imported)
				}
			default:
				allowed, known := mayImport[room]
				if !known {
					t.Errorf("%s: internal/%s is not in the house plan; add it here and to CONTRIBUTING.md", path, room)
				} else if !slices.Contains(allowed, theirs) {
					t.Errorf("%s imports %s: internal/%s may import %v", path, imported, room, allowed)
				}
			}
		}
	})
}

// TestModules keeps the product's module, which users build, free of the sample's.
func TestModules(t *testing.T) {
	product, double := string(read(t, "go.mod")), string(read(t, "internal/lab/sample/go.mod"))
	if strings.Contains(product, "internal/lab/sample") || strings.Contains(product, "replace") {
		t.Error("go.mod knows another module of this tree")
	}
	if _, rest, _ := strings.Cut(double, "\n"); strings.Contains(rest, module) || strings.Contains(rest, "replace") {
		t.Error("internal/lab/sample/go.mod knows another module of this tree")
	}
}

// TestForeignImports keeps Terraform in internal/provider, SSH in internal/remote, ZooKeeper in internal/outage and
// object stores in internal/publish.
func TestForeignImports(t *testing.T) {
	only := map[string]string{
		"github.com/hashicorp/terraform-plugin": "provider",
		"golang.org/x/crypto/ssh":               "remote",
		"github.com/pkg/sftp":                   "remote",
		"github.com/go-zookeeper/zk":            "outage",
		"github.com/aws/":                       "publish",
	}
	eachGoFile(t, func(path string, file *ast.File) {
		room := roomOf(path)
		if room == "" || room == "lab" || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, spec := range file.Imports {
			for prefix, owner := range only {
				if strings.HasPrefix(spec.Path.Value, `"`+prefix) && room != owner {
					t.Errorf("%s imports %s: only internal/%s may", path, spec.Path.Value, owner)
				}
			}
		}
	})
}

// TestHabits keeps what a linter does not: the licence line, no init functions, no package called util.
func TestHabits(t *testing.T) {
	eachGoFile(t, func(path string, file *ast.File) {
		if name := file.Name.Name; name == "util" || name == "utils" || name == "common" || name == "helpers" {
			t.Errorf("%s: package %s says nothing of what is in it", path, name)
		}
		if len(file.Comments) == 0 || !strings.Contains(file.Comments[0].Text(), "SPDX-License-Identifier: MPL-2.0") {
			t.Errorf("%s: the first comment must be the licence header", path)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init functions run in an order nobody sees; make it a value or a constructor", path)
			}
		}
	})
}

// TestDirectives wants each directive to name linters that are on: nolintlint says nothing of those that are off,
// where a directive tells a reader of a check that nobody makes.
func TestDirectives(t *testing.T) {
	text, err := os.ReadFile(".golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "\n  enable:\n")
	list, _, _ = strings.Cut(list, "\n  settings:\n")
	var on []string
	for _, m := range regexp.MustCompile(`(?m)^    - (\w+)`).FindAllStringSubmatch(list, -1) {
		on = append(on, m[1])
	}
	directive := regexp.MustCompile(`^//nolint:([\w,]+)`)
	seen := 0
	eachGoFile(t, func(path string, file *ast.File) {
		for _, group := range file.Comments {
			for _, c := range group.List {
				m := directive.FindStringSubmatch(c.Text)
				if m == nil {
					continue
				}
				seen++
				for name := range strings.SplitSeq(m[1], ",") {
					if !slices.Contains(on, name) {
						t.Errorf("%s: %s: the linter %s is off", path, c.Text, name)
					}
				}
			}
		}
	})
	if len(on) < 20 || seen == 0 {
		t.Fatalf("read %d linters and %d directives", len(on), seen)
	}
}

// roomOf is the first folder below internal/, or "" for the root.
func roomOf(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	if len(parts) > 1 && parts[0] == "internal" {
		return parts[1]
	}
	return ""
}

// inSample reports whether a path is of the sample's module, internal/lab/sample.
func inSample(path string) bool {
	return strings.HasPrefix(filepath.ToSlash(path)+"/", "internal/lab/sample/")
}

// eachGoFile parses every Go file of the module and of the sample's, the tools' modules aside.
func eachGoFile(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "tools" || name == "testdata" || name != "." && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		seen++
		visit(path, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 2 {
		t.Fatalf("saw %d Go files: not run from the root of the tree?", seen)
	}
}
