// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var writeDoubles = flag.Bool("write-doubles", false, "write the table of doubles in CONTRIBUTING.md")

// A double is a package of the lab that stands in for something real.
type double struct {
	leftOut, compared string   // paragraphs of the package's comment, without their first words
	answers           []string // the patterns of its HTTP handlers
}

// TestDoubles wants each package of the lab that answers in the place of something real to say in its comment what it
// leaves out and what it was compared with, when and how; and CONTRIBUTING.md to have that, and its handlers, as a table.
func TestDoubles(t *testing.T) {
	doubles := findDoubles(t)
	dated := regexp.MustCompile(`^never |\b20\d\d-\d\d\b|^each service as its package says`)
	rows := 0
	var table strings.Builder
	table.WriteString("| double | answers | leaves out | compared with the real thing |\n|---|---|---|---|\n")
	for _, dir := range slices.Sorted(maps.Keys(doubles)) {
		d := doubles[dir]
		service := strings.HasPrefix(dir, "internal/lab/sample/services/") && !strings.HasSuffix(dir, "/host")
		switch {
		case !service && len(d.answers) == 0 && d.leftOut == "" && d.compared == "":
			continue
		case d.leftOut == "" || d.compared == "":
			t.Errorf(`%s: the package's comment has to have paragraphs that begin with "Left out:" and "Compared:"`, dir)
		case !dated.MatchString(d.compared):
			t.Errorf("%s: Compared: has to say in which month, or that it never was: %s", dir, d.compared)
		}
		rows++
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", strings.TrimPrefix(dir, "internal/"), code(d.answers), d.leftOut, d.compared)
	}
	if rows < 14 || len(doubles["internal/lab/sample/services/mesos"].answers) < 30 {
		t.Fatalf("found %d doubles, and of Mesos the handlers %q", rows, doubles["internal/lab/sample/services/mesos"].answers)
	}
	compareDoubles(t, table.String())
}

// findDoubles reads the packages of the lab, by directory.
func findDoubles(t *testing.T) map[string]*double {
	t.Helper()
	doubles := map[string]*double{}
	eachGoFile(t, func(path string, file *ast.File) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasPrefix(dir, "internal/lab") || strings.HasSuffix(path, "_test.go") {
			return
		}
		d := doubles[dir]
		if d == nil {
			d = &double{}
			doubles[dir] = d
		}
		d.answers = append(d.answers, handlers(file)...)
		for paragraph := range strings.SplitSeq(file.Doc.Text(), "\n\n") {
			paragraph = strings.Join(strings.Fields(paragraph), " ")
			if text, ok := strings.CutPrefix(paragraph, "Left out: "); ok {
				d.leftOut = text
			}
			if text, ok := strings.CutPrefix(paragraph, "Compared: "); ok {
				d.compared = text
			}
		}
	})
	for _, d := range doubles {
		slices.Sort(d.answers)
		d.answers = slices.Compact(d.answers)
	}
	return doubles
}

// compareDoubles compares the table in CONTRIBUTING.md with what it has to be, or writes it.
func compareDoubles(t *testing.T, table string) {
	t.Helper()
	const begin, end = "<!-- doubles: go test . -run TestDoubles -write-doubles -->\n", "<!-- end of doubles -->\n"
	before, rest, found := strings.Cut(string(read(t, "CONTRIBUTING.md")), begin)
	had, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("CONTRIBUTING.md lacks %q or %q", begin, end)
	}
	if *writeDoubles {
		if err := os.WriteFile("CONTRIBUTING.md", []byte(before+begin+table+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, want := strings.Split(had, "\n"), strings.Split(table, "\n")
	for _, row := range want {
		if !slices.Contains(have, row) {
			t.Errorf("CONTRIBUTING.md lacks this row (go test . -run TestDoubles -write-doubles writes it): %s", row)
		}
	}
	for _, row := range have {
		if !slices.Contains(want, row) {
			t.Errorf("CONTRIBUTING.md has a row that no double has: %s", row)
		}
	}
}

// code is a list in a cell of a table.
func code(list []string) string {
	if len(list) == 0 {
		return "—"
	}
	return "`" + strings.Join(list, "`, `") + "`"
}

// handlers gives the patterns that a file's functions give to ServeMux.Handle and HandleFunc. A name in a pattern
// stands for what it is bound to in the same function: by range over a literal, or by calls of a function that is made
// there; or for a constant of the file.
func handlers(file *ast.File) []string {
	constants := map[string][]string{}
	for _, decl := range file.Decls {
		if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || len(v.Values) == 0 {
					continue
				}
				for i, name := range v.Names[:len(v.Values)] {
					constants[name.Name] = texts(nil, v.Values[i])
				}
			}
		}
	}
	var found []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		bound := bindings(f)
		for name, values := range constants {
			if _, ok := bound[name]; !ok {
				bound[name] = values
			}
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Handle" || s.Sel.Name == "HandleFunc") {
				found = append(found, texts(bound, call.Args[0])...)
			}
			return true
		})
	}
	return found
}

// bindings gives the texts that names are bound to in a function.
func bindings(f *ast.FuncDecl) map[string][]string {
	bound, made := map[string][]string{}, map[string]string{} // made: a function's first parameter
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RangeStmt:
			list, ok := n.X.(*ast.CompositeLit)
			if !ok {
				break
			}
			name := n.Value
			if _, ok := list.Type.(*ast.MapType); ok {
				name = n.Key
			}
			if name, ok := name.(*ast.Ident); ok {
				for _, e := range list.Elts {
					if pair, ok := e.(*ast.KeyValueExpr); ok {
						e = pair.Key
					}
					bound[name.Name] = append(bound[name.Name], texts(nil, e)...)
				}
			}
		case *ast.AssignStmt:
			name, isName := n.Lhs[0].(*ast.Ident)
			if lit, ok := n.Rhs[0].(*ast.FuncLit); ok && isName && lit.Type.Params.NumFields() > 0 {
				made[name.Name] = lit.Type.Params.List[0].Names[0].Name
			}
		case *ast.CallExpr:
			if name, ok := n.Fun.(*ast.Ident); ok && made[name.Name] != "" && len(n.Args) > 0 {
				bound[made[name.Name]] = append(bound[made[name.Name]], texts(nil, n.Args[0])...)
			}
		}
		return true
	})
	return bound
}

// texts gives what an expression may be: a text, a name that is bound to some, or some joined.
func texts(bound map[string][]string, e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{text}
		}
	case *ast.Ident:
		if values := bound[e.Name]; len(values) > 0 {
			return values
		}
		return []string{"{" + e.Name + "}"}
	case *ast.BinaryExpr:
		var all []string
		for _, left := range texts(bound, e.X) {
			for _, right := range texts(bound, e.Y) {
				all = append(all, left+right)
			}
		}
		return all
	}
	return nil
}
