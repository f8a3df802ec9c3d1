// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Bounds of the free text of one event, in bytes. Longer messages lose their
// end, longer tails their beginning.
const (
	MaxMessage = 1 << 10
	MaxTail    = 8 << 10
)

// maxLine bounds what Read accepts as one line.
const maxLine = 1 << 20

// Log is an open run log. It is safe for use by many goroutines, and several
// processes may write to the same file.
type Log struct {
	run      string
	redactor *Redactor
	path     string // empty: drops everything

	mu     sync.Mutex
	file   *os.File  // nil once it is closed
	most   int64     // bytes of one file
	n      int       // lines since the file was looked at
	looked time.Time // when it was
	wrote  bool      // anything
	hosts  int       // the sum of what was written of them
	moved  bool      // to a file that does not have the run yet
	torn   bool      // the last write failed, maybe in the middle of a line
	err    error     // the first failed write
}

// Open opens the run log at path for appending, making it (mode 0600) and its
// directory if needed. The redactor, which may be nil, is applied to all free
// text. With an empty path the log drops everything.
func Open(path string, r *Redactor) (*Log, error) {
	var id [6]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("making a run id: %w", err)
	}
	l := &Log{run: time.Now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(id[:]), redactor: r}
	if path == "" {
		return l, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("making the run log's directory: %w", err)
	}
	f, err := openAppend(path)
	if err != nil {
		return nil, fmt.Errorf("opening the run log: %w", err)
	}
	l.file, l.path, l.most = f, path, MaxFile
	l.fresh()
	return l, nil
}

// Run is the id of this run, the same in all its events.
func (l *Log) Run() string {
	if l == nil {
		return ""
	}
	return l.run
}

// Path is where the log is written, "" if nowhere.
func (l *Log) Path() string {
	if l == nil {
		return ""
	}
	return l.path
}

// Scope is the part of the log that concerns one host. Cluster, host and role
// may be empty.
func (l *Log) Scope(cluster, host, role string) *Scope {
	if l == nil {
		return nil
	}
	return &Scope{log: l, cluster: cluster, host: host, role: role}
}

// Write appends one event, completing its time and run. Its free text is
// redacted and bounded here and nowhere else.
func (l *Log) Write(e Event) {
	if l == nil || l.path == "" {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Run = l.run
	// Redact before cutting: a cut secret would not be recognised.
	e.Message = head(l.redactor.Redact(e.Message), MaxMessage)
	e.Tail = tail(l.redactor.Redact(e.Tail), MaxTail)
	b, err := json.Marshal(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.file != nil {
		err = l.put(e, b)
	}
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("writing the run log: %w", err)
	}
}

// put writes an event, and what has to come before it. The lock is held.
func (l *Log) put(e Event, text []byte) error {
	if l.n++; l.n >= lookEvery || time.Since(l.looked) > lookAfter {
		l.fresh()
	}
	var out []byte
	if l.torn {
		out = append(out, '\n') // half a line must not swallow this one
	}
	if l.moved {
		first, err := json.Marshal(Event{Time: e.Time, Run: l.run, Event: Continued, Hosts: l.hosts})
		if err != nil {
			return err
		}
		out = append(append(out, first...), '\n')
	}
	out = append(append(out, text...), '\n')
	if _, err := l.file.Write(out); err != nil {
		l.torn = true
		return err
	}
	l.wrote, l.moved, l.torn = true, false, false
	l.hosts += max(e.Hosts, 0)
	return nil
}

// Close closes the file and returns the first error of writing it.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.err
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
		l.file = nil
	}
	return err
}

// Scope reports the work on one host. A nil Scope drops everything.
type Scope struct {
	log                 *Log
	cluster, host, role string
}

// Stage starts a named part of the work and writes its Started event.
func (s *Scope) Stage(name string) *Stage {
	if s == nil {
		return nil
	}
	st := &Stage{scope: s, name: name, start: time.Now()}
	st.write(Event{Event: Started})
	return st
}

// Stage is one named part of the work on a host, between its Started and its
// Finished or Failed event. It is safe for use by several goroutines; after
// Finish or Fail everything is dropped. A nil Stage drops everything.
type Stage struct {
	scope *Scope
	name  string
	start time.Time

	mu    sync.Mutex
	bytes int64
	done  bool
}

// Progress reports that the stage goes on: in words, and with the bytes
// transferred so far (0 keeps the last value).
func (s *Stage) Progress(msg string, transferred int64) {
	s.end(Event{Event: Progress, Message: msg, Bytes: transferred}, false)
}

// Finish reports that the stage is done.
func (s *Stage) Finish() { s.end(Event{Event: Finished}, true) }

// Fail reports that the stage failed: why, with which exit code if there was
// one, and the last lines of its output.
func (s *Stage) Fail(err error, exit *int, tail string) {
	e := Event{Event: Failed, ExitCode: exit, Tail: tail}
	if err != nil {
		e.Message = err.Error()
	}
	s.end(e, true)
}

func (s *Stage) end(e Event, last bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	if s.done {
		s.mu.Unlock()
		return
	}
	s.done = last
	if e.Bytes > 0 {
		s.bytes = e.Bytes
	}
	e.Bytes = s.bytes
	s.mu.Unlock()
	e.Duration = time.Since(s.start)
	s.write(e)
}

func (s *Stage) write(e Event) {
	e.Cluster, e.Host, e.Role, e.Stage = s.scope.cluster, s.scope.host, s.scope.role, s.name
	s.scope.log.Write(e)
}

// Read gives the events of a run log in order. A line that is no event, such
// as one cut short when its writer was killed, is given as an error with its
// number, and reading goes on behind it.
func Read(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			text, err := readLine(br)
			if len(bytes.TrimSpace(text)) > 0 {
				var e Event
				lineErr := json.Unmarshal(text, &e)
				if lineErr != nil {
					e, lineErr = Event{}, fmt.Errorf("run log line %d: %w", n, lineErr)
				}
				if !yield(e, lineErr) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Event{}, fmt.Errorf("reading the run log: %w", err))
				return
			}
		}
	}
}

// readLine is ReadBytes with a bound: what is beyond maxLine is skipped, which
// makes the line unreadable as JSON.
func readLine(br *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := br.ReadSlice('\n')
		if len(text) < maxLine {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}

// head is at most the first n bytes of s, tail at most the last; neither cuts
// a character in two.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	i := len(s) - n
	// Prefer to begin with a whole line.
	if j := strings.IndexByte(s[i:], '\n'); j >= 0 && j < n/4 {
		i += j + 1
	}
	for i < len(s) && !utf8.RuneStart(s[i]) {
		i++
	}
	return "…" + s[i:]
}
