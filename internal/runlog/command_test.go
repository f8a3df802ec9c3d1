// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// recorded writes a log of a run of so many hosts, in which every hundredth
// fails and every fiftieth is still at work, after one of an earlier run.
func recorded(t *testing.T, hosts int) string {
	t.Helper()
	var b bytes.Buffer
	write := func(e runlog.Event) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	write(runlog.Event{Run: "before", Host: "old", Stage: "install", Event: runlog.Started, Time: epoch.Add(-time.Hour)})
	write(runlog.Event{Run: "now", Cluster: "prod", Role: "agent", Stage: "pool", Event: runlog.Started, Hosts: hosts + 1, Time: epoch})
	for i := range hosts {
		at := epoch.Add(time.Duration(i) * 100 * time.Millisecond)
		e := runlog.Event{Run: "now", Cluster: "prod", Host: fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250), Role: "agent"}
		stage := func(name string, d time.Duration, last runlog.Event) {
			e.Stage, e.Event, e.Time, e.Duration = name, runlog.Started, at, 0
			write(e)
			if last.Event == "" {
				return
			}
			at = at.Add(d)
			last.Run, last.Cluster, last.Host, last.Role, last.Stage, last.Time, last.Duration = e.Run, e.Cluster, e.Host, e.Role, name, at, d
			write(last)
		}
		stage("connect", 30*time.Millisecond, runlog.Event{Event: runlog.Finished})
		stage("transfer", 2*time.Second, runlog.Event{Event: runlog.Finished, Bytes: 20 << 20})
		switch {
		case i%100 == 1:
			stage("install", time.Second,
				runlog.Event{Event: runlog.Failed, Message: fmt.Sprintf("%s: install: running dcos-setup: failed (exit code %d)\nmore", e.Host, i)})
		case i%50 == 2:
			stage("install", 0, runlog.Event{})
		default:
			stage("install", 40*time.Second, runlog.Event{Event: runlog.Finished})
		}
	}
	b.WriteString(`{"time":"2026-01-0`) // cut short
	path := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := runlog.Command{Args: args, Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" },
		Now: func() time.Time { return epoch.Add(time.Minute) }}
	code = c.Run(t.Context())
	return out.String(), errs.String(), code
}

func TestCommandShowsFewAndMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5, 50000} {
		path := recorded(t, n)
		for _, how := range []string{"", "--summary"} {
			args := []string{path}
			name := fmt.Sprintf("table-%d.txt", n)
			if how != "" {
				args, name = []string{how, path}, fmt.Sprintf("summary-%d.txt", n)
			}
			out, errs, code := command(t, args...)
			if code != 0 || errs != "" {
				t.Fatalf("%d: %s", code, errs)
			}
			golden(t, name, out)
		}
	}
}

func TestCommandWritesJSON(t *testing.T) {
	t.Parallel()
	path := recorded(t, 5)
	out, _, code := command(t, "--json", path)
	if code != 0 {
		t.Fatal(code)
	}
	n := 0
	for e, err := range runlog.Read(strings.NewReader(out)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; e.Run != "now" {
			t.Errorf("an event of %s", e.Run)
		}
	}
	if n != 1+5*6-1 {
		t.Errorf("%d events", n)
	}
	if out, _, _ := command(t, "--json", "--run", "before", path); strings.Count(out, "\n") != 1 {
		t.Errorf("%s", out)
	}
}

func TestCommandRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"a", "b"}, {"--follow", "--json", "a"}, {"--summary", "--json", "a"}, {"--wrong", "a"}} {
		if out, errs, code := command(t, args...); code != 2 || out != "" || !strings.Contains(errs, "Usage") {
			t.Errorf("%v: code %d, %q, %q", args, code, out, errs)
		}
	}
	if _, errs, code := command(t, filepath.Join(t.TempDir(), "none")); code != 1 || !strings.Contains(errs, "none") {
		t.Errorf("code %d: %s", code, errs)
	}
}
