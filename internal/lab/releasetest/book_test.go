// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package releasetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// A book is what was checked, what came of it, and what could not be checked.
type book struct {
	t     *testing.T
	mu    sync.Mutex
	order []string
	rows  map[string]map[string]*count // by what, and where
	where []string
	// faults are those of one kind together: at which points, and the evidence of the first.
	kinds  []string
	faults map[string]*fault
	said   map[string]map[string]int // by what: what plans said, and how often
	not    []string
}

type count struct{ well, all int }

type fault struct {
	at       []string
	evidence string
}

func newBook(t *testing.T) *book {
	return &book{t: t, rows: map[string]map[string]*count{}, faults: map[string]*fault{}, said: map[string]map[string]int{}}
}

// check counts a check: of what, where ("master"), that it holds or the error why it does not, which names the kind of
// fault in its first line and has the evidence in what follows. It gives whether it holds.
func (b *book) check(what, where, at string, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rows[what] == nil {
		b.order, b.rows[what] = append(b.order, what), map[string]*count{}
	}
	if !slices.Contains(b.where, where) {
		b.where = append(b.where, where)
	}
	c := b.rows[what][where]
	if c == nil {
		c = &count{}
		b.rows[what][where] = c
	}
	c.all++
	if err == nil {
		c.well++
		return true
	}
	kind, evidence, _ := strings.Cut(err.Error(), "\n")
	kind = what + ", " + where + ": " + kind
	f := b.faults[kind]
	if f == nil {
		f = &fault{evidence: evidence}
		b.faults[kind], b.kinds = f, append(b.kinds, kind)
	}
	f.at = append(f.at, at)
	b.t.Logf("FAULT %s (%s)\n%s", kind, at, indent(evidence))
	return false
}

// says notes what a plan said in words.
func (b *book) says(what, words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.said[what] == nil {
		b.said[what] = map[string]int{}
	}
	b.said[what][words]++
}

// unchecked notes what could not be checked, and why.
func (b *book) unchecked(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(b.not, text) {
		b.not = append(b.not, text)
	}
}

// String is the table.
func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "checked\t%s\n", strings.Join(b.where, "\t"))
	well, all := 0, 0
	for _, what := range b.order {
		fmt.Fprint(w, what)
		for _, where := range b.where {
			if c := b.rows[what][where]; c == nil {
				fmt.Fprint(w, "\t-")
			} else {
				fmt.Fprintf(w, "\t%d of %d", c.well, c.all)
				well, all = well+c.well, all+c.all
			}
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		b.t.Error(err)
	}
	fmt.Fprintf(&out, "%d of %d checks hold.\n", well, all)
	for _, what := range b.order {
		if len(b.said[what]) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\nWhat plans said after %s:\n", what)
		words := make([]string, 0, len(b.said[what]))
		for text := range b.said[what] {
			words = append(words, text)
		}
		slices.SortFunc(words, func(x, y string) int { return b.said[what][y] - b.said[what][x] })
		for _, text := range words {
			fmt.Fprintf(&out, "%5d  %s\n", b.said[what][text], text)
		}
	}
	fmt.Fprintf(&out, "\nNot checked:\n")
	for _, text := range b.not {
		fmt.Fprintf(&out, "  - %s\n", text)
	}
	if len(b.kinds) > 0 {
		fmt.Fprintf(&out, "\nFaults:\n")
	}
	for i, kind := range b.kinds {
		f := b.faults[kind]
		fmt.Fprintf(&out, "%3d. %s\n     %d times: %s\n%s", i+1, kind, len(f.at), shown(f.at), indent(f.evidence))
	}
	return out.String()
}

// shown is a list, or its beginning.
func shown(list []string) string {
	const most = 8
	if len(list) > most {
		return strings.Join(list[:most], "; ") + fmt.Sprintf("; and %d more", len(list)-most)
	}
	return strings.Join(list, "; ")
}

// indent is a text as evidence is shown.
func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			out.WriteString("     | " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return out.String()
}
