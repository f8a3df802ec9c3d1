// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// shown is a board of some events, line by line.
func shown(t *testing.T, v runlog.View, events ...runlog.Event) []string {
	t.Helper()
	board := runlog.NewBoard()
	for _, e := range events {
		board.Add(e)
	}
	var out bytes.Buffer
	if err := board.Write(&out, v); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// heading is what stands above the tables.
func heading(lines []string) string {
	text, _, _ := strings.Cut(strings.Join(lines, "\n"), "\n\n")
	return text
}

// event is one of a host at so many seconds.
func event(run, host string, kind runlog.Kind, at int) runlog.Event {
	return runlog.Event{Run: run, Host: host, Role: "agent", Stage: "install", Event: kind, Time: epoch.Add(time.Duration(at) * time.Second)}
}

// ofPool is what a pool says at its beginning.
func ofPool(run string, hosts int) runlog.Event {
	return runlog.Event{Run: run, Stage: "pool", Event: runlog.Started, Hosts: hosts, Time: epoch}
}

// alternating are three processes that write to one log, of which the last but
// one ends before the last begins.
func alternating() []runlog.Event {
	return []runlog.Event{
		event("1", "a", runlog.Started, 0),
		event("2", "b", runlog.Started, 1),
		event("2", "b", runlog.Finished, 2),
		event("3", "c", runlog.Started, 3),
		event("1", "a", runlog.Finished, 3),
		event("3", "c", runlog.Finished, 5),
		event("3", "d", runlog.Started, 5),
		event("1", "e", runlog.Started, 6),
	}
}

// Lines of other runs between those of the last one take nothing from it, and
// it is said that they are there.
func TestBoardOfRunsThatAlternate(t *testing.T) {
	t.Parallel()
	const others = "\nrun 1 writes to this log too: --run shows it"
	events := alternating()
	want := "run 3, 2.0s: 1 of 2 hosts done, 1 at work, 0 failed, 0.5 hosts/s"
	if d := cmp.Diff(want+others, heading(shown(t, runlog.View{}, events...))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, heading(shown(t, runlog.View{}, append(events[1:4:4], events[5:7]...)...))); d != "" {
		t.Errorf("earlier runs that have ended: %s", d)
	}
	old := event("2", "b", runlog.Finished, 2)
	if have := heading(shown(t, runlog.View{}, events[3], old)); strings.Contains(have, "--run") {
		t.Errorf("a line from before that stands behind: %s", have)
	}
	// The line of the other may come first and be the later one.
	late := event("2", "b", runlog.Finished, 4)
	if have := heading(shown(t, runlog.View{}, late, events[3], events[4])); !strings.HasSuffix(have,
		"\nrun 2 writes to this log too: --run shows it") {
		t.Error(have)
	}
}

func TestCommandOfRunsThatAlternate(t *testing.T) {
	t.Parallel()
	events := alternating()
	path := logOf(t, events...)
	if out, _, code := command(t, "--run", "1", path); code != 0 ||
		heading(strings.Split(out, "\n")) != "run 1, 6.0s: 1 of 2 hosts done, 1 at work, 0 failed, 0.2 hosts/s" {
		t.Errorf("%d: %s", code, out)
	}
	for run, want := range map[string][]runlog.Event{
		"":  {events[3], events[5], events[6]},
		"1": {events[0], events[4], events[7]},
	} {
		out, _, code := command(t, "--json", "--run", run, path)
		var have []runlog.Event
		for e, err := range runlog.Read(strings.NewReader(out)) {
			if err != nil {
				t.Error(err)
			}
			have = append(have, e)
		}
		if d := cmp.Diff(want, have); code != 0 || d != "" {
			t.Errorf("%q: %d: %s", run, code, d)
		}
	}
}

// logOf writes a run log.
func logOf(t *testing.T, events ...runlog.Event) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(path, lines(t, events...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines are events as they stand in a log.
func lines(t *testing.T, events ...runlog.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.Bytes()
}

// What a run may take yet is said only where it can be known.
func TestTimeLeft(t *testing.T) {
	t.Parallel()
	// Two done, one minute each; one failed; two at work.
	work := []runlog.Event{
		event("r", "a", runlog.Started, 0), event("r", "a", runlog.Finished, 60),
		event("r", "b", runlog.Started, 30), event("r", "b", runlog.Finished, 90),
		event("r", "c", runlog.Started, 90), event("r", "c", runlog.Failed, 91),
		event("r", "d", runlog.Started, 91), event("r", "e", runlog.Started, 100),
	}
	with := func(hosts int, events ...runlog.Event) []runlog.Event {
		return append([]runlog.Event{ofPool("r", hosts)}, events...)
	}
	rate := ", 0.0 hosts/s"
	for name, c := range map[string]struct {
		view   runlog.View
		events []runlog.Event
		want   string
	}{
		"a pool": {runlog.View{}, with(10, work...), "run r, 1m40s: 2 of 10 hosts done, 2 at work, 1 failed" + rate +
			", about 3m0s left"},
		"fast": {runlog.View{}, []runlog.Event{event("r", "a", runlog.Started, 0), event("r", "a", runlog.Finished, 2),
			event("r", "b", runlog.Failed, 2)}, "run r, 2.0s: 1 of 2 hosts done, 0 at work, 1 failed, 0.5 hosts/s"},
		"all begun": {runlog.View{}, with(5, work...), "run r, 1m40s: 2 of 5 hosts done, 2 at work, 1 failed" + rate +
			", about 30s left"},
		"looked back at": {runlog.View{Final: true}, with(10, work...), "run r, 1m40s: 2 of 10 hosts done, 2 at work, 1 failed" + rate},
		"no pool":        {runlog.View{}, work, "run r, 1m40s: 2 of 5 hosts done, 2 at work, 1 failed" + rate},
		"none at work":   {runlog.View{}, with(10, work[:4]...), "run r, 1m30s: 2 of 10 hosts done, 0 at work, 0 failed" + rate},
		"none done":      {runlog.View{}, with(10, work[4:]...), "run r, 1m40s: 0 of 10 hosts done, 2 at work, 1 failed"},
		"a while ago": {runlog.View{Now: epoch.Add(220 * time.Second)}, with(10, work...),
			"run r, 3m40s: 2 of 10 hosts done, 2 at work, 1 failed" + rate + ", about 3m0s left"},
		"silent": {runlog.View{Now: epoch.Add(820 * time.Second)}, with(10, work...),
			"run r, 1m40s: 2 of 10 hosts done, 2 at work, 1 failed" + rate + ", last event 12m0s ago"},
		"silent, none done": {runlog.View{Now: epoch.Add(820 * time.Second)}, work[4:],
			"run r, 10s: 0 of 3 hosts done, 2 at work, 1 failed, last event 12m0s ago"},
	} {
		if d := cmp.Diff(c.want, heading(shown(t, c.view, c.events...))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Where the beginning is gone, a host has been at a stage for as long as its
// progress says, and a total is no further host to work on.
func TestBoardWithoutTheBeginning(t *testing.T) {
	t.Parallel()
	progress := event("r", "a", runlog.Progress, 50)
	progress.Duration = 40 * time.Second
	total := runlog.Event{Run: "r", Event: runlog.Continued, Hosts: 9, Time: epoch.Add(50 * time.Second)}
	have := shown(t, runlog.View{}, total, progress, total, event("r", "b", runlog.Kind("future"), 51))
	if d := cmp.Diff("run r, 1.0s: 0 of 9 hosts done, 1 at work, 0 failed\nthe beginning of this run is no longer in the log",
		heading(have)); d != "" {
		t.Error(d)
	}
	if last := strings.Fields(have[len(have)-1]); len(last) != 4 || last[0] != "a" || last[3] != "41s" {
		t.Errorf("%q", have)
	}
	if have := heading(shown(t, runlog.View{}, ofPool("r", 9), total)); strings.Contains(have, "beginning") ||
		!strings.Contains(have, "of 9 hosts") {
		t.Error(have)
	}
}

// Nothing that a host says commands the terminal or moves a column.
func TestBoardIsPlainText(t *testing.T) {
	t.Parallel()
	failed := event("r", "a\x1b[2J", runlog.Failed, 1)
	failed.Message = "\r\n red \x1b[31malert\x07\tand\r\u009b1m back\x7f\nmore"
	text := strings.Join(shown(t, runlog.View{}, failed), "\n")
	if want := "failed: red  [31malert  and  1m back\n"; !strings.Contains(text, want) {
		t.Errorf("%q", text)
	}
	for _, r := range text {
		if r != '\n' && (r < ' ' || r >= 0x7f && r <= 0x9f) {
			t.Errorf("%q in %q", r, text)
		}
	}
}

// A table has no more lines and no longer ones than the terminal.
func TestBoardFits(t *testing.T) {
	t.Parallel()
	var events []runlog.Event
	for i := range 20 {
		e := event("r", fmt.Sprintf("hôte-%d", i), runlog.Failed, 1)
		e.Message = strings.Repeat("é", 40)
		events = append(events, e)
	}
	whole := shown(t, runlog.View{}, events...)
	if have := shown(t, runlog.View{Rows: len(whole), Columns: 100}, events...); cmp.Diff(whole, have) != "" {
		t.Errorf("cut without need: %s", cmp.Diff(whole, have))
	}
	have := shown(t, runlog.View{Rows: 10, Columns: 40}, events...)
	if len(have) != 10 || have[9] != "…" {
		t.Errorf("%q", have)
	}
	cut := 0
	for _, line := range have {
		n := len([]rune(line))
		if n > 40 {
			t.Errorf("%d characters: %s", n, line)
		}
		if n == 40 && strings.HasSuffix(line, "é…") {
			cut++
		}
	}
	if cut == 0 {
		t.Errorf("%q", have)
	}
	// The head is broken rather than cut: what is asked most stands at its end.
	if d := cmp.Diff("run r, 0s: 0 of 20 hosts done,\n  0 at work, 20 failed", heading(have)); d != "" {
		t.Error(d)
	}
}
