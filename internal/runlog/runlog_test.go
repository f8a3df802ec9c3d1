// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

func open(t *testing.T, path string, r *runlog.Redactor) *runlog.Log {
	t.Helper()
	l, err := runlog.Open(path, r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t *testing.T, l *runlog.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// read gives the events of a file and the errors in it.
func read(t *testing.T, path string) (events []runlog.Event, bad []error) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range runlog.Read(bytes.NewReader(b)) {
		if err != nil {
			bad = append(bad, err)
		} else {
			events = append(events, e)
		}
	}
	return events, bad
}

func TestStages(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "run.log")
	l := open(t, path, nil)
	scope := l.Scope("prod", "10.0.0.1", "master")
	st := scope.Stage("transfer")
	st.Progress("half", 50)
	st.Progress("", 0)
	st.Finish()
	st.Finish()
	st.Progress("late", 1)
	code := 3
	scope.Stage("install").Fail(errors.New("no room"), &code, "last\nlines")
	closeLog(t, l)

	events, bad := read(t, path)
	if len(bad) > 0 {
		t.Error(bad)
	}
	for i := range events {
		if events[i].Run != l.Run() || time.Since(events[i].Time) > time.Minute || events[i].Duration > time.Minute {
			t.Errorf("event %+v", events[i])
		}
		events[i].Time, events[i].Run, events[i].Duration = time.Time{}, "", 0
	}
	e := func(stage string, kind runlog.Kind) runlog.Event {
		return runlog.Event{Cluster: "prod", Host: "10.0.0.1", Role: "master", Stage: stage, Event: kind}
	}
	want := []runlog.Event{e("transfer", runlog.Started), e("transfer", runlog.Progress), e("transfer", runlog.Progress),
		e("transfer", runlog.Finished), e("install", runlog.Started), e("install", runlog.Failed)}
	want[1].Message = "half"
	want[1].Bytes, want[2].Bytes, want[3].Bytes = 50, 50, 50
	want[5].Message, want[5].Tail, want[5].ExitCode = "no room", "last\nlines", &code
	if d := cmp.Diff(want, events); d != "" {
		t.Error(d)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDurationIsInSeconds(t *testing.T) {
	t.Parallel()
	e := runlog.Event{Time: time.Unix(0, 0), Stage: "s", Event: runlog.Finished, Duration: 1500 * time.Millisecond}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"time":"1970-01-01T00:00:00Z","run":"","stage":"s","event":"finished","duration":1.5}`; string(b) != want {
		t.Errorf("have %s", b)
	}
	var back runlog.Event
	if err := json.Unmarshal(b, &back); err != nil || back.Duration != e.Duration {
		t.Errorf("have %+v, %v", back, err)
	}
}

// Nobody needs to ask whether there is a log.
func TestNilDoesNothing(t *testing.T) {
	t.Parallel()
	var l *runlog.Log
	var r *runlog.Redactor
	l.Write(runlog.Event{})
	st := l.Scope("", "", "").Stage("s")
	st.Progress("", 1)
	st.Fail(nil, nil, "")
	st.Finish()
	r.Add("secret")
	if r.Redact("secret") != "secret" || l.Close() != nil || l.Run() != "" {
		t.Error("a nil one does something")
	}
	drop := open(t, "", nil)
	drop.Scope("", "", "").Stage("s").Finish()
	closeLog(t, drop)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.log")
	r := runlog.NewRedactor()
	r.Add("s3cr3t-value")
	l := open(t, path, r)
	long := strings.Repeat("é", runlog.MaxMessage)
	lines := strings.Repeat("a line of output\n", 2*runlog.MaxTail/16) + "the end s3cr3t-value"
	l.Scope("", "h", "").Stage("s").Fail(errors.New(long), nil, lines)
	closeLog(t, l)
	events, _ := read(t, path)
	e := events[len(events)-1]
	if len(e.Message) > runlog.MaxMessage+4 || !strings.HasPrefix(long, strings.TrimSuffix(e.Message, "…")) ||
		strings.Contains(e.Message, "\ufffd") {
		t.Errorf("message of %d bytes", len(e.Message))
	}
	if len(e.Tail) > runlog.MaxTail+4 || !strings.HasSuffix(e.Tail, "the end "+runlog.Redacted) || !strings.HasPrefix(e.Tail, "…a line") {
		t.Errorf("tail of %d bytes: %.40q … %.40q", len(e.Tail), e.Tail, e.Tail[len(e.Tail)-40:])
	}
}

// Goroutines and processes write to one file, and every line stays whole.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	if path := os.Getenv("RUNLOG_WRITER"); path != "" {
		writeMany(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "run.log")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestManyWriters$")
			cmd.Env = append(os.Environ(), "RUNLOG_WRITER="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Go(func() { writeMany(t, path) })
	wg.Wait()
	events, bad := read(t, path)
	if len(bad) > 0 || len(events) != 4*8*3*20 {
		t.Errorf("%d events, %v", len(events), bad)
	}
	runs := map[string]bool{}
	for _, e := range events {
		runs[e.Run] = true
	}
	if len(runs) != 4 {
		t.Errorf("%d runs", len(runs))
	}
}

func writeMany(t *testing.T, path string) {
	t.Helper()
	l := open(t, path, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				st := l.Scope("c", fmt.Sprint(i), "agent").Stage("s")
				st.Progress(strings.Repeat("x", 100*j), 1)
				st.Finish()
			}
		})
	}
	wg.Wait()
	closeLog(t, l)
}

func TestReadBrokenLines(t *testing.T) {
	t.Parallel()
	text := `{"time":"2026-11-22T17:00:00Z","run":"r","event":"started","future":[1]}` + "\n\n" +
		`{"time":"2026-11-22T17:00` + "\n" + "[]\n{}\n" + strings.Repeat("x", 2<<20) + "\n" +
		`{"time":"2026-11-22T17:00:01Z","run":"r","event":"finished"}`
	var kinds []string
	for e, err := range runlog.Read(strings.NewReader(text)) {
		if err != nil {
			kinds = append(kinds, strings.SplitAfter(err.Error(), ":")[0])
		} else {
			kinds = append(kinds, string(e.Event))
		}
	}
	want := []string{"started", "run log line 3:", "run log line 4:", "run log line 5:", "run log line 6:", "finished"}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Error(d)
	}
	for _, err := range runlog.Read(strings.NewReader(text)) { // a reader may stop at any time
		if err != nil {
			t.Error(err)
		}
		break
	}
	for _, err := range runlog.Read(brokenReader{}) {
		if err == nil {
			t.Error("no error from a reader that fails")
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestRedact(t *testing.T) {
	t.Parallel()
	r := runlog.NewRedactor()
	if r.Redact("nothing known") != "nothing known" {
		t.Error("it redacts what it does not know")
	}
	r.Add("abc")
	r.Add("")
	r.Add("hunter2")
	r.Add("hunter2-longer")
	r.Add(`quo"te<d> va'lue`)
	key := "-----BEGIN PRIVATE KEY-----\nMIIabcdefgh\r\nSecondLine==\n-----END PRIVATE KEY-----\n"
	r.Add(key)
	b64 := base64.StdEncoding.EncodeToString([]byte("hunter2"))
	for in, want := range map[string]string{
		"abc":                           "abc", // too short to be worth it
		"pw=hunter2.":                   "pw=(redacted).",
		"hunter2-longer hunter2-":       "(redacted) (redacted)-",
		"hunter2hunter2":                "(redacted)(redacted)",
		b64:                             "(redacted)==",
		strings.TrimRight(b64, "="):     "(redacted)",
		key:                             "(redacted)",
		"at MIIabcdefgh and":            "at (redacted) and",
		"SecondLine==":                  "(redacted)",
		"-----BEGIN PRIVATE KEY-----":   "-----BEGIN PRIVATE KEY-----",
		`x "quo\"te<d> va'lue" y`:       `x "(redacted)" y`,
		`"quo\"te\u003cd\u003e va'lue"`: `"(redacted)"`,
		`'quo"te<d> va'\''lue'`:         `'(redacted)'`,
		`quo\"te\<d\>\ va\'lue`:         `(redacted)`,
	} {
		if have := r.Redact(in); have != want {
			t.Errorf("%q: have %q, want %q", in, have, want)
		}
	}
	jsonKey, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	if have := r.Redact(string(jsonKey)); strings.Contains(have, "MIIabcdefgh") || strings.Contains(have, "SecondLine") {
		t.Errorf("have %s", have)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			secret := fmt.Sprintf("secret-number-%d", i)
			r.Add(secret)
			if r.Redact(secret) != runlog.Redacted {
				t.Errorf("%s is readable", secret)
			}
		})
	}
	wg.Wait()
}

func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "a ", " b")
	f.Add("two\nlines", "", "'")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < 8 || strings.Contains(runlog.Redacted, secret) { //nolint:gocritic // a part of the mark cannot be redacted
			return
		}
		r := runlog.NewRedactor()
		r.Add(secret)
		if have := r.Redact(before + secret + after); strings.Contains(have, secret) && !strings.Contains(before+after, secret) &&
			!strings.Contains(before+runlog.Redacted+after, secret) {
			// What is left may meet what stands around it by chance only.
			if strings.Count(have, secret) >= strings.Count(before+secret+after, secret) {
				t.Errorf("%q is readable in %q", secret, have)
			}
		}
	})
}
