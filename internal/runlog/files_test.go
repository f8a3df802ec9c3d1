// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// In the middle of a rotation a name is missing, and a file may be found by two.
func TestCommandReadsInTheMiddleOfARotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there []int // numbers of the files
		twice bool
		want  string
	}{
		"a gap":       {there: []int{0, 2, 4}, want: "3 of 3 hosts done"},
		"no new file": {there: []int{1, 2}, want: "2 of 2 hosts done"},
		"found twice": {there: []int{0, 2}, twice: true, want: "2 of 2 hosts done"},
	} {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		for _, n := range c.there {
			file := runlog.Old(path, n)
			if n == 0 {
				file = path
			}
			add(t, file, finished(t, strings.Repeat("h", n+1)))
		}
		if c.twice {
			if err := os.Link(path, runlog.Old(path, 1)); err != nil {
				t.Fatal(err)
			}
		}
		out, errs, code := command(t, path)
		if code != 0 || !strings.Contains(out, c.want) || !strings.Contains(out, "install  0        "+c.want[:1]+" ") {
			t.Errorf("%s: %d: %s%s", name, code, errs, out)
		}
	}
}

// Between two names that are looked for there may be two rotations: what was the
// newest file is then also found behind one that is newer.
func TestCommandReadsOverTwoRotations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	add(t, path, finished(t, "first"))
	add(t, runlog.Old(path, 1), finished(t, "second"))
	if err := os.Link(path, runlog.Old(path, 2)); err != nil {
		t.Fatal(err)
	}
	out, errs, code := command(t, "--json", path)
	if want := finished(t, "first") + finished(t, "second"); code != 0 || out != want {
		t.Errorf("%d: %s%s", code, errs, out)
	}
}

// What is read while files are put aside is all that was written until then,
// nothing twice and nothing left out.
func TestCommandReadsDuringRotations(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		log := open(t, path, nil)
		log.Bound(12 << 10)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range 500 {
				log.Write(runlog.Event{Host: "h", Stage: "s", Event: runlog.Progress, Bytes: int64(n)})
			}
		}()
		for more := true; more; {
			select {
			case <-done:
				more = false
			default:
			}
			out, errs, code := command(t, "--json", path)
			if code != 0 {
				t.Fatalf("%d: %s", code, errs)
			}
			n := int64(0)
			for e, err := range runlog.Read(strings.NewReader(out)) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Event == runlog.Continued {
					continue
				}
				if e.Bytes != n {
					t.Fatalf("%d where %d is due", e.Bytes, n)
				}
				n++
			}
			if !more && n != 500 {
				t.Errorf("%d lines at the end", n)
			}
		}
		closeLog(t, log)
		if files, _ := filepath.Glob(path + "*"); len(files) < 4 || len(files) > runlog.MaxOld {
			t.Errorf("%d files", len(files))
		}
	}
}
