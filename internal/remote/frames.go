// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxFrame bounds one frame; the encoder makes none above 4096 bytes.
const maxFrame = 16 << 10

var errGarbled = errors.New("the terminal's output is garbled")

// frames takes apart what the encoder in shell.go puts together on a terminal,
// a frame to a line or more: "%O:", base64 in lines and "." for stdout, "%E:"
// for stderr, and "%X:17." for the exit code. Lines between frames (a broadcast
// message) are skipped; anything else within a frame makes the whole output
// invalid.
type frames struct {
	stdout, stderr io.Writer
	exit           func(code int)

	state byte   // what is expected: '%', a letter, ':', content, or the end of a line
	kind  byte   // of the frame that has begun
	body  []byte // what has come of it
	err   error
}

const (
	atPercent = '%'
	atKind    = 'K'
	atColon   = ':'
	atContent = 'C'
	atLineEnd = 'L'
)

func newFrames(stdout, stderr io.Writer, exit func(code int)) *frames {
	return &frames{stdout: stdout, stderr: stderr, exit: exit, state: atPercent}
}

// Write never fails: what is wrong shows in finish.
func (f *frames) Write(p []byte) (int, error) {
	for _, c := range p {
		if f.err != nil {
			break
		}
		f.next(c)
	}
	return len(p), nil //nolint:nilerr // see above
}

func (f *frames) next(c byte) {
	newline := c == '\n' || c == '\r'
	switch f.state {
	case atContent:
		switch {
		case newline:
		case c == '.':
			f.err = f.complete()
			f.body, f.state = f.body[:0], atLineEnd
		case !isBase64(c) || len(f.body) >= maxFrame:
			f.err = errGarbled
		default:
			f.body = append(f.body, c)
		}
	case atPercent:
		switch {
		case c == '%':
			f.state = atKind
		case !newline:
			f.state = atLineEnd
		}
	case atKind:
		f.kind, f.state = c, atColon
		if c != 'O' && c != 'E' && c != 'X' {
			f.state = atLineEnd
		}
	case atColon:
		f.state = atContent
		if c != ':' {
			f.state = atLineEnd
		}
	}
	if newline && f.state != atContent {
		f.state = atPercent
	}
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

func (f *frames) complete() error {
	if f.kind == 'X' {
		code, err := strconv.Atoi(string(f.body))
		if err != nil || code < 0 || code > 255 {
			return fmt.Errorf("%w: exit code %q", errGarbled, f.body)
		}
		f.exit(code)
		return nil
	}
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(f.body)))
	n, err := base64.StdEncoding.Decode(plain, f.body)
	if err != nil {
		return fmt.Errorf("%w: %w", errGarbled, err)
	}
	to := f.stdout
	if f.kind == 'E' {
		to = f.stderr
	}
	if _, err := to.Write(plain[:n]); err != nil {
		return fmt.Errorf("keeping output: %w", err)
	}
	return nil
}

// finish reports whether the frames were whole up to the end.
func (f *frames) finish() error {
	if f.err == nil && f.state == atContent {
		return fmt.Errorf("%w: it ends within a frame", errGarbled)
	}
	return f.err
}
