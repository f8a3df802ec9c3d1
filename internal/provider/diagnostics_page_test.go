// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDiagnosticsPage holds that the page of all messages has each that the
// code may give, and no other, and that a test expects each.
func TestDiagnosticsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "templates", "guides", "diagnostics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(string(page), -1) {
		if documented[m[1]] {
			t.Errorf("%q is on the page twice", m[1])
		}
		documented[m[1]] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	var tests strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			for _, summary := range summaries(t, file) {
				given[summary] = file
			}
		} else if file != "diagnostics_page_test.go" {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	if len(given) < 40 {
		t.Errorf("only %d messages were found in the code", len(given))
	}
	expected := tests.String()
	for summary, file := range given {
		if !documented[summary] {
			t.Errorf("%q (%s) is not on the page", summary, file)
		}
		if !strings.Contains(expected, strings.TrimPrefix(summary, "N of M ")) && !slices.Contains(unreachable, summary) {
			t.Errorf("no test expects %q (%s)", summary, file)
		}
	}
	for summary := range documented {
		if given[summary] == "" {
			t.Errorf("%q is on the page and nowhere in the code", summary)
		}
	}
}

// unreachable are what no test can bring about: faults, and a machine without a free port.
var unreachable = []string{"Fault In The Provider", "Provider Not Configured", "Tunnel Not Opened"}

// summaries finds the titles of messages in a file: the first text with a
// capital that goes into a diagnostic, and what becomes a hostFailure's
// summary.
func summaries(t *testing.T, file string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	take := func(expressions ...ast.Expr) bool {
		for _, e := range expressions {
			literal, ok := e.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			// A pool's titles count its hosts.
			text = strings.Replace(text, "%s of %s ", "N of M Hosts ", 1)
			if title.MatchString(strings.TrimPrefix(text, "N of M ")) {
				found = append(found, text)
				return true
			}
		}
		return false
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			take(n.Args...)
		case *ast.AssignStmt:
			for _, name := range n.Lhs {
				if strings.HasSuffix(strings.ToLower(nameOf(name)), "summary") {
					take(n.Rhs...)
				}
			}
			if len(n.Lhs) == 2 && nameOf(n.Lhs[0]) == "summary" {
				take(n.Rhs[0])
			}
		case *ast.KeyValueExpr:
			if key := nameOf(n.Key); key == "summary" || stageTitle(n) {
				take(n.Value)
			}
		case *ast.ReturnStmt:
			take(n.Results...)
		}
		return true
	})
	return found
}

// title is how summaries are written: two words or more, each with a capital.
var title = regexp.MustCompile(`^(Interrupted|[A-Z][\w/'-]*(,? [A-Z][\w/'-]*)+)$`)

// stageTitle tells an entry of the table of stages' titles.
func stageTitle(n *ast.KeyValueExpr) bool {
	key, ok := n.Key.(*ast.BasicLit)
	return ok && key.Kind == token.STRING
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
