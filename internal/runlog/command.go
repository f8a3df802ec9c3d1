// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

const usage = `Usage: terraform-provider-dcos runlog [--follow | --summary | --json] [FILE]

Shows the last run of a run log: what each stage and host is at, how fast it goes,
what failed and why. FILE is the provider's run_log; without it, $DCOS_RUN_LOG.

  --follow   go on showing it until interrupted: a table that is renewed in place
             on a terminal, one every ten seconds in a pipe
  --summary  look back at the run as a whole, with all causes of failures
  --json     its events as they are in the file, one JSON object a line
  --run ID   another run than the last one
`

// How often a live table is renewed.
const (
	terminalInterval = time.Second
	pipeInterval     = 10 * time.Second
)

// A Command is one call of "terraform-provider-dcos runlog".
type Command struct {
	Args           []string // behind the name
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Terminal       bool // Stdout is one
	Now            func() time.Time
}

// Run runs it until it is done, or the context is, and gives the exit code.
func (c Command) Run(ctx context.Context) int {
	flags := flag.NewFlagSet("runlog", flag.ContinueOnError)
	flags.SetOutput(c.Stderr)
	flags.Usage = func() { fmt.Fprint(c.Stderr, usage) }
	follow := flags.Bool("follow", false, "")
	summary := flags.Bool("summary", false, "")
	asJSON := flags.Bool("json", false, "")
	run := flags.String("run", "", "")
	if err := flags.Parse(c.Args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	path := c.Getenv("DCOS_RUN_LOG")
	if flags.NArg() > 0 {
		path = flags.Arg(0)
	}
	if path == "" || flags.NArg() > 1 || *follow && (*summary || *asJSON) || *summary && *asJSON {
		fmt.Fprint(c.Stderr, usage)
		return 2
	}
	var err error
	switch {
	case *follow:
		err = c.follow(ctx, path, *run)
	case *asJSON:
		err = c.json(path, *run)
	default:
		err = c.once(path, *run, View{Final: *summary})
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(c.Stderr, "terraform-provider-dcos runlog: %v\n", err)
		return 1
	}
	return 0
}

// once shows the log as it is.
func (c Command) once(path, run string, v View) error {
	board := NewBoard()
	if err := eachFile(path, func(r io.Reader) error { board.read(r, run); return nil }); err != nil {
		return err
	}
	return board.Write(c.Stdout, v)
}

// read takes the events of a run, or of the last one.
func (b *Board) read(r io.Reader, run string) {
	for e, err := range Read(r) {
		switch {
		case err != nil:
			b.Bad()
		case run == "" || e.Run == run:
			b.Add(e)
		}
	}
}

// json writes the events of a run. The last run is known only at the end, so
// the log is read twice.
func (c Command) json(path, run string) error {
	if run == "" {
		last := NewBoard()
		if err := eachFile(path, func(r io.Reader) error { last.read(r, ""); return nil }); err != nil {
			return err
		}
		run = last.Run
	}
	out := bufio.NewWriter(c.Stdout)
	err := eachFile(path, func(r io.Reader) error {
		for e, err := range Read(r) {
			if err != nil || e.Run != run {
				continue // a line that was cut short is no event
			}
			text, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := out.Write(append(text, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, out.Flush())
}

// eachFile reads a run log with the older files of it, oldest first.
func eachFile(path string, read func(io.Reader) error) error {
	names := []string{path}
	for n := 1; n <= MaxOld; n++ {
		if _, err := os.Stat(Old(path, n)); err != nil {
			break
		}
		names = append([]string{Old(path, n)}, names...)
	}
	for _, name := range names {
		if err := readFile(name, read); err != nil {
			return err
		}
	}
	return nil
}

func readFile(name string, read func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = read(f)
	return errors.Join(err, f.Close())
}

// follow shows the log again and again. It begins with what is there.
func (c Command) follow(ctx context.Context, path, run string) error {
	board := NewBoard()
	for n := MaxOld; n > 0; n-- {
		if err := readFile(Old(path, n), func(r io.Reader) error { board.read(r, run); return nil }); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	t := &tailer{path: path}
	defer t.close()
	interval := pipeInterval
	if c.Terminal {
		interval = terminalInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var shown time.Time
	for {
		err := t.each(func(line []byte) {
			var e Event
			switch {
			case json.Unmarshal(line, &e) != nil:
				board.Bad()
			case run == "" || e.Run == run:
				board.Add(e)
			}
		})
		if err != nil {
			return err
		}
		if c.Terminal || board.last.After(shown) || shown.IsZero() {
			if err := c.show(board); err != nil {
				return err
			}
			shown = board.last
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// show writes the table, in place on a terminal.
func (c Command) show(board *Board) error {
	v := View{Now: c.Now()}
	if !c.Terminal {
		if err := board.Write(c.Stdout, v); err != nil {
			return err
		}
		_, err := io.WriteString(c.Stdout, "\n")
		return err
	}
	v.Rows = 40
	if n, err := strconv.Atoi(c.Getenv("LINES")); err == nil && n > 3 {
		v.Rows = n - 1
	}
	var screen bytes.Buffer
	if err := board.Write(&screen, v); err != nil {
		return err
	}
	// To the top; each line to its end; what is below: so that nothing flickers.
	text := bytes.ReplaceAll(screen.Bytes(), []byte("\n"), []byte("\x1b[K\n"))
	_, err := fmt.Fprintf(c.Stdout, "\x1b[H%s\x1b[J", text)
	return err
}

// A tailer reads what comes to the end of a file, and of the one that takes
// its place.
type tailer struct {
	path string
	file *os.File
	rest []byte // of a line that has not come whole
}

func (t *tailer) each(line func([]byte)) error {
	for {
		if t.file == nil {
			f, err := os.Open(t.path)
			if errors.Is(err, os.ErrNotExist) {
				return nil // it will come
			}
			if err != nil {
				return err
			}
			t.file = f
		}
		if err := t.drain(line); err != nil {
			return err
		}
		mine, err := t.file.Stat()
		if err != nil {
			return err
		}
		named, err := os.Stat(t.path)
		if err != nil || os.SameFile(mine, named) {
			return nil //nolint:nilerr // between two renames it has no name
		}
		if err := t.drain(line); err != nil { // the last that came before it was put aside
			return err
		}
		t.close()
	}
}

func (t *tailer) drain(line func([]byte)) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := t.file.Read(buf)
		t.rest = append(t.rest, buf[:n]...)
		for {
			i := bytes.IndexByte(t.rest, '\n')
			if i < 0 {
				break
			}
			if text := bytes.TrimSpace(t.rest[:i]); len(text) > 0 {
				line(text)
			}
			t.rest = t.rest[i+1:]
		}
		if len(t.rest) > maxLine {
			t.rest = nil
		}
		if errors.Is(err, io.EOF) || n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tailer) close() {
	if t.file != nil {
		_ = t.file.Close() // it was only read
		t.file = nil
	}
}
