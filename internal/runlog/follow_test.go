// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// screen is what a terminal gets.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// all gives everything that has been shown.
func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until something has been shown.
func (s *screen) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		text := s.all()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("not seen: %s in %s", want, text)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// It follows a log that does not exist yet, that grows, and that is put aside
// in the middle.
func TestCommandFollows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &screen{}
	done := make(chan int, 1)
	go func() {
		c := runlog.Command{Args: []string{"--follow", path}, Stdout: s, Stderr: io.Discard, Getenv: func(string) string { return "" },
			Terminal: true, Now: time.Now}
		done <- c.Run(ctx)
	}()
	log, err := runlog.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	log.Scope("c", "one", "agent").Stage("install").Finish()
	s.await(t, "1 of 1 hosts done")
	if err := os.Rename(path, runlog.Old(path, 1)); err != nil {
		t.Fatal(err)
	}
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	log.Scope("c", "two", "agent").Stage("install").Finish()
	closeLog(t, log)
	s.await(t, "2 of 2 hosts done")
	stop()
	if code := <-done; code != 0 {
		t.Errorf("code %d", code)
	}
	if !strings.Contains(s.all(), "\x1b[H") {
		t.Error("the terminal is not drawn in place")
	}
}

// follow begins to follow a log on a terminal, within a bubble of synctest. What
// it gives waits for the next round and gives what is on the screen then.
func follow(t *testing.T, path string, size func() (columns, rows int)) (next func() []string) {
	t.Helper()
	s := &screen{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		c := runlog.Command{
			Args: []string{"--follow", path}, Stdout: s, Stderr: io.Discard, Getenv: func(string) string { return "" },
			Terminal: true, Now: time.Now, Size: size,
		}
		done <- c.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != 0 {
			t.Errorf("code %d", code)
		}
	})
	synctest.Wait()
	return func() []string {
		time.Sleep(time.Second)
		synctest.Wait()
		frames := strings.Split(s.all(), "\x1b[H")
		text := strings.NewReplacer("\x1b[K", "", "\x1b[J", "").Replace(frames[len(frames)-1])
		return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
}

// expect looks for a text in the next table.
func expect(t *testing.T, next func() []string, want string) {
	t.Helper()
	if lines := next(); !strings.Contains(lines[0], want) {
		t.Errorf("not seen: %s in %s", want, strings.Join(lines, "\n"))
	}
}

// add does what a writer does that has a file open.
func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// finished is the line of a host that is done.
func finished(t *testing.T, host string) string {
	t.Helper()
	return string(lines(t, event("r", host, runlog.Finished, 0)))
}

// Writers that have not seen a rotation yet go on in the old file, and are
// followed there for a while; what they write there comes before what they
// write in the new one.
func TestFollowsTheOldFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		old := runlog.Old(path, 1)
		add(t, path, finished(t, "a"))
		next := follow(t, path, nil)
		putAside(t, path)
		add(t, path, finished(t, "b"))
		expect(t, next, "2 of 2 hosts done")
		add(t, path, finished(t, "c"))
		add(t, old, string(lines(t, event("r", "c", runlog.Started, 0))))
		expect(t, next, "3 of 3 hosts done, 0 at work")
		add(t, old, finished(t, "d"))
		expect(t, next, "4 of 4 hosts done")
		add(t, old, finished(t, "late"))
		expect(t, next, "4 of 4 hosts done")
	})
}

// So it is for the files that are old when it begins.
func TestFollowsTheOldFileFromTheBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		add(t, runlog.Old(path, 3), finished(t, "a"))
		add(t, runlog.Old(path, 1), finished(t, "b"))
		add(t, path, finished(t, "c"))
		next := follow(t, path, nil)
		add(t, runlog.Old(path, 1), finished(t, "d"))
		expect(t, next, "4 of 4 hosts done")
	})
}

// Files that come and go between two looks are not missed.
func TestFollowsManyRotations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		log := open(t, path, nil)
		defer closeLog(t, log)
		log.Bound(1)
		next := follow(t, path, nil)
		hosts := 0
		for range 3 {
			for range runlog.MaxOld {
				log.Scope("c", fmt.Sprintf("h%d", hosts), "agent").Stage("install").Finish()
				hosts++
				if err := log.Reopen(); err != nil {
					t.Fatal(err)
				}
			}
			expect(t, next, fmt.Sprintf(": %d of %[1]d hosts done", hosts))
		}
	})
}

// Half a line that is left at the end of a file takes nothing from the next.
func TestFollowsAfterHalfALine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		add(t, path, finished(t, "a")+`{"time":"2026-01-0`)
		next := follow(t, path, nil)
		putAside(t, path)
		add(t, path, finished(t, "b"))
		expect(t, next, "2 of 2 hosts done")
	})
}

func TestFollowsATruncatedFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		add(t, path, finished(t, "a")+finished(t, "b")+`{"time":"2026-01-0`)
		next := follow(t, path, nil)
		expect(t, next, "2 of 2 hosts done")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		add(t, path, finished(t, "c"))
		expect(t, next, "3 of 3 hosts done")
		add(t, path, finished(t, "d"))
		expect(t, next, "4 of 4 hosts done")
	})
}

// A terminal is asked for its size each time; one that does not say has forty
// lines of any length.
func TestFollowFitsTheTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		var text strings.Builder
		for i := range 20 {
			e := event("r", fmt.Sprintf("h%d", i), runlog.Failed, i)
			e.Message = strings.Repeat(string(rune('a'+i)), 90)
			text.Write(lines(t, e))
		}
		add(t, path, text.String())
		var mu sync.Mutex
		var columns, rows int
		next := follow(t, path, func() (int, int) {
			mu.Lock()
			defer mu.Unlock()
			return columns, rows
		})
		for _, c := range []struct{ columns, rows, wide, high int }{
			{0, 0, 125, 40}, {60, 20, 60, 19}, {50, 30, 50, 29}, {0, 30, 125, 29}, {50, 0, 50, 40}, {1, 1, 1, 1},
		} {
			mu.Lock()
			columns, rows = c.columns, c.rows
			mu.Unlock()
			lines := next()
			wide := 0
			for _, line := range lines {
				wide = max(wide, len([]rune(line)))
			}
			if len(lines) != c.high || wide != c.wide {
				t.Errorf("%d columns, %d rows: %d and %d: %s", c.columns, c.rows, wide, len(lines), strings.Join(lines, "\n"))
			}
		}
		next = follow(t, path, nil)
		if lines := next(); len(lines) != 40 {
			t.Errorf("%d lines", len(lines))
		}
	})
}
