// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// Many writers, in many logs as many processes have them, fill files that are
// put aside: no line is lost within the bound, none is torn, and no more files
// stay than may.
func TestRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	const logs, writers, lines = 4, 4, 150
	var wg sync.WaitGroup
	for range logs {
		log, err := runlog.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		log.Bound(64 << 10)
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				scope := log.Scope("c", fmt.Sprintf("h%d", w), "agent")
				for range lines {
					scope.Stage("install").Fail(fmt.Errorf("%s", strings.Repeat("x", 100)), nil, "")
				}
			})
		}
		wg.Go(func() {
			writing.Wait()
			closeLog(t, log)
		})
	}
	wg.Wait()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 || len(files) > 1+runlog.MaxOld {
		t.Errorf("%d files: %v", len(files), files)
	}
	n := 0
	for _, name := range files {
		events, bad := read(t, name)
		if len(bad) > 0 {
			t.Errorf("%s: %v", name, bad[0])
		}
		for _, e := range events {
			if e.Event != runlog.Continued {
				n++
			}
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		// Each log may write some lines more before it looks, and again while the
		// one that rotates waits for a processor.
		if most := int64(16 * 64 << 10); info.Size() > most {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
	if n != logs*writers*lines*2 && len(files) <= runlog.MaxOld {
		t.Errorf("%d events of %d", n, logs*writers*lines*2)
	}
}

// pool writes what a pool says at its beginning.
func pool(log *runlog.Log, hosts int) {
	log.Write(runlog.Event{Stage: "pool", Event: runlog.Started, Hosts: hosts})
}

// putAside does what another process does when it rotates.
func putAside(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, runlog.Old(path, 1)); err != nil {
		t.Fatal(err)
	}
}

// first gives the first event of a file, or none where there is no file.
func first(t *testing.T, path string) runlog.Event {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return runlog.Event{}
	}
	events, _ := read(t, path)
	return events[0]
}

// A run that has filled all files is still one of so many hosts, and the table
// says that its beginning is gone.
func TestRunOutlivesItsBeginning(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	log := open(t, path, nil)
	log.Bound(4 << 10)
	pool(log, 15000)
	pool(log, 5000)
	begins, oldest := first(t, path), runlog.Old(path, runlog.MaxOld)
	for i := 0; first(t, oldest).Event == "" || first(t, oldest) == begins; i++ {
		log.Scope("c", fmt.Sprintf("h%d", i), "agent").Stage("install").Finish()
	}
	pool(log, 7)
	closeLog(t, log)
	for n := range runlog.MaxOld {
		name := path
		if n > 0 {
			name = runlog.Old(path, n)
		}
		e := first(t, name)
		if e.Time.IsZero() {
			t.Errorf("%s: no time", name)
		}
		e.Time = time.Time{}
		if d := cmp.Diff(runlog.Event{Run: log.Run(), Event: runlog.Continued, Hosts: 20000}, e); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	out, errs, code := command(t, path)
	if code != 0 || !strings.Contains(out, " of 20007 hosts done") ||
		!strings.Contains(out, "\nthe beginning of this run is no longer in the log\n") {
		t.Errorf("%d: %s%s", code, errs, out)
	}
}

// A log also says so when another process has put the file aside, but not
// before it has anything to go on with; and nobody misses a beginning that is
// there.
func TestContinuesInAFileOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	log := open(t, path, nil)
	putAside(t, path)
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	pool(log, 0)
	if e := first(t, path); e.Event != runlog.Started {
		t.Errorf("a log that begins begins with %s", e.Event)
	}
	putAside(t, path)
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	pool(log, 3)
	closeLog(t, log)
	events, bad := read(t, path)
	if len(events) != 2 || len(bad) > 0 || events[0].Event != runlog.Continued || events[0].Hosts != 0 || events[1].Hosts != 3 {
		t.Errorf("%+v, %v", events, bad)
	}
	if out, _, _ := command(t, path); strings.Contains(out, "beginning") || !strings.Contains(out, "0 of 3 hosts") {
		t.Error(out)
	}
}

// A writer that has little to say sees a rotation within a second.
func TestLooksAfterASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		log := open(t, path, nil)
		defer closeLog(t, log)
		pool(log, 1)
		putAside(t, path)
		time.Sleep(time.Second)
		pool(log, 1)
		if e := first(t, path); e.Event != "" {
			t.Errorf("it looks with each line: %+v", e)
		}
		time.Sleep(time.Millisecond)
		pool(log, 1)
		if e := first(t, path); e.Event != runlog.Continued || e.Hosts != 2 {
			t.Errorf("%+v", e)
		}
	})
}

// A rotation that fails is not tried with every line, which takes some system
// calls, but with the next look.
func TestFailedRotationWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		log := open(t, path, nil)
		defer closeLog(t, log)
		log.Bound(1)
		pool(log, 1)
		mark := path + ".rotating"
		if err := os.Mkdir(mark, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := log.Reopen(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(mark); err != nil {
			t.Fatal(err)
		}
		old := runlog.Old(path, 1)
		pool(log, 1)
		if e := first(t, old); e.Event != "" {
			t.Error("it is tried with the next line")
		}
		time.Sleep(time.Second + time.Millisecond)
		pool(log, 1)
		if e := first(t, old); e.Event != runlog.Started {
			t.Error("it is not tried any more")
		}
	})
}

// Where a name is free the older files stay where they are: or else a rotation
// that fails at its last step would move them out, one each time.
func TestRotationFillsAGap(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(runlog.Old(path, 2), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := open(t, path, nil)
	log.Bound(1)
	pool(log, 1)
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	closeLog(t, log)
	if e := first(t, runlog.Old(path, 1)); e.Event != runlog.Started {
		t.Errorf("%+v", e)
	}
	if text, err := os.ReadFile(runlog.Old(path, 2)); err != nil || string(text) != "old" {
		t.Errorf("%s, %v", text, err)
	}
}
