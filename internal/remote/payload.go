// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// blocks are for feed: a block with room for its size before it and for the
// end behind it.
var blocks = sync.Pool{New: func() any { return new([blockRoom + payloadBlock + len(payloadEnd)]byte) }}

const (
	// payloadBlock is how much of a payload goes out at once.
	payloadBlock = 32 << 10
	// startMost is how much is sent before the script's first sign: less than
	// the smallest window that servers open with (dropbear's 24 KiB), so that
	// nothing waits for a shell that does not read.
	startMost = 20 << 10
	// blockRoom is enough for a block's size and a newline.
	blockRoom  = 8
	payloadEnd = "0\n"
)

// payloadOf gives the whole input of a script whose input is in memory and
// short, as feed sends it: what is known at once need not wait for the script's
// first sign.
func payloadOf(s *Script) []byte {
	n := payloadBlock + 1
	switch in := s.Stdin.(type) {
	case *strings.Reader:
		n = in.Len()
	case *bytes.Reader:
		n = in.Len()
	case *bytes.Buffer:
		n = in.Len()
	}
	if n > payloadBlock {
		return nil
	}
	b := make([]byte, 0, blockRoom+n+len(payloadEnd))
	if n > 0 {
		b = append(strconv.AppendInt(b, int64(n), 10), '\n')
		b = b[:len(b)+n]
		_, _ = io.ReadFull(s.Stdin, b[len(b)-n:]) // readers of memory do not fail
	}
	return append(b, payloadEnd...)
}

// feed sends a payload in blocks, each with its size before it. What the reader
// gives goes out at once, for a script may wait for it before there is more.
func (p *process) feed(r io.Reader) error {
	buf, _ := blocks.Get().(*[blockRoom + payloadBlock + len(payloadEnd)]byte)
	defer blocks.Put(buf)
	for {
		n, err := r.Read(buf[blockRoom : blockRoom+payloadBlock])
		over := errors.Is(err, io.EOF)
		from, to := blockRoom, blockRoom+n
		if n > 0 {
			size := strconv.AppendInt(nil, int64(n), 10)
			from -= len(size) + 1
			copy(buf[from:], append(size, '\n'))
		}
		if over {
			to += copy(buf[to:], payloadEnd)
		}
		// A script that has ended takes no more, which shows elsewhere.
		if to > from && p.put(buf[from:to]) != nil || over {
			return nil // as above
		}
		if err != nil {
			return err
		}
	}
}

// printed is a payload in blocks as lines for printer: an equals sign, and what printf
// makes the same bytes of.
func printed(payload []byte) []byte {
	var out []byte
	for {
		size, rest, _ := bytes.Cut(payload, []byte("\n"))
		n, err := strconv.Atoi(string(size))
		if err != nil || n == 0 || n > len(rest) {
			return append(out, payloadEnd...)
		}
		out = appendPrinted(out, rest[:n])
		payload = rest[n:]
	}
}

// printedLine is how many bytes there are in a line of printed: with four for each it is
// as long as a line may be anywhere (POSIX, LINE_MAX).
const printedLine = 500

func appendPrinted(out, content []byte) []byte {
	for line := range slices.Chunk(content, printedLine) {
		out = append(out, '=')
		for _, c := range line {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == ' ' || c == '.' || c == '/' || c == '=' || c == ':' || c == ',' || c == '_' {
				out = append(out, c)
			} else {
				out = append(out, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			}
		}
		out = append(out, '\n')
	}
	return out
}

// feedPrinted is feed for a host without dd.
func (p *process) feedPrinted(r io.Reader) error {
	buf := make([]byte, printedLine)
	var out []byte
	for {
		n, err := r.Read(buf)
		over := errors.Is(err, io.EOF)
		out = appendPrinted(out[:0], buf[:n])
		if over {
			out, err = append(out, payloadEnd...), nil
		}
		if p.put(out) != nil || over || err != nil {
			return err // that it takes no more shows elsewhere
		}
	}
}
