// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// A frame is what scripts print: lines of KEY=VALUE, where the value consists
// of harmless characters, or KEY:BASE64. Each script's part starts with a
// line begin=NAME and ends with end=NAME. A frame takes a script's standard
// output as it comes.
type frame struct {
	on      func(key, value string) // called for each line, may be nil
	lines   []frameLine
	pending []byte
	kept    int      // bytes of lines
	flood   func()   // called when more comes than is kept; may be nil
	open    []string // scripts that have begun and not ended
	ended   []string
	err     error         // the first line that is none
	latency time.Duration // from the call to its result's first line, at most
	start   time.Time
}

type frameLine struct{ key, value string }

// lineCost is what a line takes besides its texts, in bytes: many are short.
const lineCost = 64

const (
	// maxFrame bounds what a frame keeps, in bytes; a script that prints more is at
	// fault, or the host.
	maxFrame = 8 << 20
	// maxPrinted bounds all that a script prints, with what only matters as it
	// comes: the journal of hours.
	maxPrinted = 64 << 20
)

// Write takes output. It never fails, so that a script is not ended for what
// it prints; what was wrong shows in check.
func (f *frame) Write(p []byte) (int, error) {
	if f.latency == 0 && !f.start.IsZero() {
		f.latency = time.Since(f.start)
	}
	n := len(p)
	for f.kept+len(f.pending) <= maxFrame {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			f.pending = append(f.pending, p...)
			return n, nil
		}
		f.line(string(append(f.pending, p[:i]...)))
		f.pending, p = f.pending[:0], p[i+1:]
	}
	f.pending = nil
	f.fail(fmt.Errorf("it is longer than %d MiB", maxFrame>>20))
	if f.flood != nil {
		f.flood()
	}
	return n, nil
}

func (f *frame) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *frame) line(text string) {
	key, value, err := parseLine(text)
	if err != nil {
		f.fail(err)
		return
	}
	switch key {
	case "begin":
		f.open = append(f.open, value)
		f.kept += 2 * (len(value) + lineCost)
	case "end":
		if n := len(f.open); n == 0 || f.open[n-1] != value {
			f.fail(fmt.Errorf("script %q ends without having begun", value))
			return
		}
		f.open = f.open[:len(f.open)-1] // what it took is counted with its beginning
		f.ended = append(f.ended, value)
	default:
		if len(f.open) == 0 {
			f.fail(fmt.Errorf("%q outside of a script's result", key))
			return
		}
		switch key {
		case "progress", "lines", "cursor":
			// These only matter as they come, and there may be many.
		default:
			f.lines = append(f.lines, frameLine{key, value})
			f.kept += len(key) + len(value) + lineCost
		}
		if f.on != nil {
			f.on(key, value)
		}
	}
}

func parseLine(text string) (key, value string, err error) {
	i := strings.IndexAny(text, "=:")
	if i <= 0 {
		return "", "", fmt.Errorf("%q is not a line of a result", clip(text, 60))
	}
	key, value = text[:i], text[i+1:]
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return "", "", fmt.Errorf("%q is not a line of a result", clip(text, 60))
		}
	}
	if text[i] == ':' {
		b, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return "", "", fmt.Errorf("the value of %s is cut short or garbled", key)
		}
		value = string(b)
	}
	return key, value, nil
}

// check says whether the results of the scripts are whole.
func (f *frame) check(scripts ...string) error {
	if f.err != nil {
		return f.err
	}
	if len(bytes.TrimSpace(f.pending)) > 0 {
		return fmt.Errorf("the result ends within a line")
	}
	for _, s := range scripts {
		found := false
		for _, e := range f.ended {
			found = found || e == s
		}
		if !found {
			return fmt.Errorf("the result of %s has no end", s)
		}
	}
	return nil
}

// get gives the last value of a key, "" if there is none.
func (f *frame) get(key string) string {
	for i := len(f.lines) - 1; i >= 0; i-- {
		if f.lines[i].key == key {
			return f.lines[i].value
		}
	}
	return ""
}

// trimmed is get without the blanks around the value: files end in newlines.
func (f *frame) trimmed(key string) string { return strings.TrimSpace(f.get(key)) }

func (f *frame) has(key string) bool {
	for _, l := range f.lines {
		if l.key == key {
			return true
		}
	}
	return false
}

func (f *frame) yes(key string) bool { return f.get(key) == "yes" }

// all gives every value of a key.
func (f *frame) all(key string) []string {
	var v []string
	for _, l := range f.lines {
		if l.key == key {
			v = append(v, l.value)
		}
	}
	return v
}

// clip shortens s to about n bytes, from its end.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// tail gives about the last n bytes of s, from the beginning of a line.
func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	if i := strings.IndexByte(s, '\n'); i >= 0 && i < len(s)-1 {
		s = s[i+1:]
	}
	return "…\n" + strings.ToValidUTF8(s, "")
}
