// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// maxNoise bounds what is kept of what comes before a script, in bytes.
	maxNoise = 16 << 10
	// mostNoise bounds what may come before it at all: no banner, message of the
	// day or profile says as much.
	mostNoise = 1 << 20
)

// buffers are for reading from channels. A connection that waits holds none of
// them for long: scripts are short or silent.
var buffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// stream takes one output stream of a process: first noise up to the line
// with the mark, then what the script writes.
type stream struct {
	mark   string
	to     io.Writer // nil: nowhere
	begun  func()    // called when the mark has come; may be nil
	prompt string    // looked for in the noise
	asked  func(n int)
	most   int64  // bytes that may come, noise aside
	flood  func() // called when more has come than may; nothing is read any more then

	taken atomic.Int64 // bytes that have come

	mu      sync.Mutex
	stopped bool
	past    bool // the mark has come
	noise   []byte
	noisy   int64 // bytes of noise that have come
	prompts int
}

// copy reads until the stream ends. Errors of the reader are ends: what they
// mean shows in the exit code that is missing.
func (s *stream) copy(r io.Reader) {
	buf, _ := buffers.Get().(*[8 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 && !s.admit(s.taken.Add(int64(n)), n) {
			s.flood()
			return
		}
		if n > 0 {
			s.take(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// admit reports whether n more bytes may come, of which taken is the sum.
func (s *stream) admit(taken int64, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past {
		return taken-s.noisy <= s.most
	}
	s.noisy += int64(n) // in the last piece of it, a part of the script's own
	return s.noisy <= mostNoise
}

// stop makes sure that nothing is written any more once it returns.
func (s *stream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *stream) take(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	if !s.past {
		p = s.skip(p)
	}
	if len(p) > 0 && s.to != nil {
		if _, err := s.to.Write(p); err != nil {
			// A reader of live output that is gone must not stop the work.
			s.to = nil
		}
	}
}

// skip gives what of p is behind the mark.
func (s *stream) skip(p []byte) []byte {
	fresh := len(s.noise)
	s.noise = append(s.noise, p...)
	at := bytes.Index(s.noise, []byte(s.mark))
	for at >= 0 {
		rest := s.noise[at+len(s.mark):]
		line := bytes.TrimPrefix(rest, []byte("\r"))
		if len(line) > 0 && line[0] == '\n' {
			after := bytes.Clone(line[1:])
			s.noise, s.past = s.noise[:at], true
			if s.begun != nil {
				s.begun()
			}
			return after
		}
		if len(line) == 0 {
			break
		}
		next := bytes.Index(rest, []byte(s.mark))
		if next < 0 {
			break
		}
		at += len(s.mark) + next
	}
	if s.prompt != "" {
		from := max(fresh-len(s.prompt)+1, 0) // one may have come in pieces
		if n := bytes.Count(s.noise[from:], []byte(s.prompt)); n > 0 {
			s.prompts += n
			s.asked(s.prompts)
		}
	}
	// Keep the end: that is where the mark and the reasons come.
	if len(s.noise) > 2*maxNoise {
		s.noise = append(s.noise[:0], s.noise[len(s.noise)-maxNoise:]...)
	}
	return nil
}

// echoes reports whether the noise has in it what is only in a process's input: the lines
// that have its word.
func (s *stream) echoes(word string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Contains(s.noise, []byte("<<\"."+word+"\"")) || bytes.Contains(s.noise, []byte("\n"+word+"\n"))
}

// said is the noise in readable form: without control characters, prompts and
// empty lines, at most the last lines. whose is the user whose password was asked
// for, if the prompt said so.
func (s *stream) said() (lines []string, whose string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(s.noise)
	for s.prompt != "" {
		before, after, found := strings.Cut(text, s.prompt)
		if !found {
			break
		}
		if name, rest, ok := strings.Cut(after, promptEnd); ok && strings.HasSuffix(s.prompt, promptMark) && !strings.ContainsAny(name, " \r\n") {
			after = rest
			if checkUser(name) == nil {
				whose = name
			}
		}
		text = before + "\n" + after
	}
	return tidyLines(text, 5), whose
}

// withoutEach replaces what of lines is part of a text, as far as it is not short: what
// was to be run says nothing of why it was not.
func withoutEach(lines []string, text string) []string {
	const short = 16
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		var b strings.Builder
		for line != "" {
			n := 0
			if len(line) >= short && strings.Contains(text, line[:short]) {
				for n = short; n < len(line) && strings.Contains(text, line[:n+1]); {
					n++
				}
			}
			if n > 0 {
				b.WriteString("…")
			} else {
				n = 1
				b.WriteByte(line[0])
			}
			line = line[n:]
		}
		out = append(out, strings.ReplaceAll(b.String(), "……", "…"))
	}
	return out
}

// tidyLines gives the last n lines of text that have anything to read in them.
func tidyLines(text string, n int) []string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return '\n'
		}
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	var lines []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return lines
}

// ending passes on what comes before the end of a script's output, takes the exit
// code that is in the end, and drops what comes behind it.
type ending struct {
	to    io.Writer
	end   string
	ended func() // called when the end has come

	over bool
	held []byte // what may be the beginning of the end
	word []byte // what has come of the code
	done bool
	code int // valid once ended is called; -1 if it is none
}

func (e *ending) Write(p []byte) (int, error) {
	n := len(p)
	if e.over {
		e.read(p)
		return n, nil
	}
	if len(e.held) == 0 && bytes.IndexByte(p, e.end[0]) < 0 {
		return e.to.Write(p)
	}
	p = append(e.held, p...)
	e.held = nil
	if i := bytes.Index(p, []byte(e.end)); i >= 0 {
		e.over = true
		defer e.read(p[i+len(e.end):])
		p = p[:i]
	} else {
		p = p[:len(p)-e.hold(p)]
	}
	if len(p) == 0 {
		return n, nil
	}
	_, err := e.to.Write(p)
	return n, err
}

// read takes the code, of three digits at most and a dot.
func (e *ending) read(p []byte) {
	if e.done {
		return
	}
	e.word = append(e.word, p[:min(len(p), 4)]...)
	digits, _, dot := bytes.Cut(e.word, []byte("."))
	if !dot && len(e.word) < 4 {
		return
	}
	e.done = true
	code, err := strconv.ParseUint(string(digits), 10, 8)
	if e.code = int(code); err != nil || !dot {
		e.code = -1
	}
	e.ended()
}

// hold keeps what of p may be the beginning of the end, and gives its length.
func (e *ending) hold(p []byte) int {
	for n := min(len(e.end)-1, len(p)); n > 0; n-- {
		if bytes.HasSuffix(p, []byte(e.end[:n])) {
			e.held = bytes.Clone(p[len(p)-n:])
			return n
		}
	}
	return 0
}

// release lets go of what was held: it is not the end.
func (e *ending) release() {
	if len(e.held) > 0 {
		_, _ = e.to.Write(e.held) // as in stream.take
		e.held = nil
	}
}

// output keeps what a script writes: all of it up to max bytes, of more the
// first and the last half.
type output struct {
	max   int
	copy  io.Writer
	head  []byte
	tail  []byte // a ring once it is full
	at    int    // where the ring begins
	total int64
}

func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	if o.copy != nil {
		if _, err := o.copy.Write(p); err != nil {
			o.copy = nil
		}
	}
	o.total += int64(n)
	if room := o.max - o.max/2 - len(o.head); room > 0 {
		k := min(room, len(p))
		o.head = append(o.head, p[:k]...)
		p = p[k:]
	}
	half := o.max / 2
	if over := len(p) - half; over > 0 {
		o.at, o.tail = 0, o.tail[:0]
		p = p[over:]
	}
	if room := half - len(o.tail); room > 0 {
		k := min(room, len(p))
		o.tail = append(o.tail, p[:k]...)
		p = p[k:]
	}
	for len(p) > 0 {
		k := copy(o.tail[o.at:], p)
		o.at = (o.at + k) % half
		p = p[k:]
	}
	return n, nil
}

func (o *output) truncated() bool { return o.total > int64(o.max) }

// bytes gives what was kept.
func (o *output) bytes() []byte {
	if len(o.tail) == 0 {
		return o.head
	}
	return slices.Concat(o.head, o.tail[o.at:], o.tail[:o.at])
}

// last gives the last lines for a message, redacted. Where the middle was not
// kept the line that begins behind it is not shown: half a secret would not be
// recognised.
func (o *output) last(redact func(string) string) string {
	b := o.bytes()
	if o.truncated() {
		_, b, _ = bytes.Cut(b[len(o.head):], []byte("\n"))
	}
	return lastLines(redact(string(b)))
}

// clip is the beginning of what a host said, for a message.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// maxLast bounds what a message shows of output, in bytes.
const maxLast = 4 << 10

// lastLines gives the last lines of a text that is redacted.
func lastLines(text string) string {
	text = strings.Join(tidyLines(text, 10), "\n")
	if len(text) > maxLast {
		text = "…" + strings.ToValidUTF8(text[len(text)-maxLast:], "")
	}
	return text
}
