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

	// Size is that of the terminal now. Nil, or zeros: not known.
	Size func() (columns, rows int)
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
	files, err := openAll(path)
	if err != nil {
		return err
	}
	defer closeAll(files)
	board := NewBoard()
	if err := events(files, board.taker(run)); err != nil {
		return err
	}
	return board.Write(c.Stdout, v)
}

// taker takes the events of a run, or of the last one.
func (b *Board) taker(run string) func(Event, error) error {
	return func(e Event, err error) error {
		switch {
		case err != nil:
			b.Bad()
		case run == "" || e.Run == run:
			b.Add(e)
		}
		return nil
	}
}

// json writes the events of a run. The last run is known only at the end, so
// the log is read twice.
func (c Command) json(path, run string) error {
	files, err := openAll(path)
	if err != nil {
		return err
	}
	defer closeAll(files)
	if run == "" {
		last := NewBoard()
		if err := errors.Join(events(files, last.taker("")), rewind(files)); err != nil {
			return err
		}
		run = last.Run
	}
	out := bufio.NewWriter(c.Stdout)
	err = events(files, func(e Event, err error) error {
		if err != nil || e.Run != run {
			return nil //nolint:nilerr // a line that was cut short is no event
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	})
	return errors.Join(err, out.Flush())
}

// follow shows the log again and again. It begins with what is there.
func (c Command) follow(ctx context.Context, path, run string) error {
	board := NewBoard()
	take := board.taker(run)
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
			err := json.Unmarshal(line, &e)
			_ = take(e, err) // it never fails
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
	v.Columns, v.Rows = c.size()
	var screen bytes.Buffer
	if err := board.Write(&screen, v); err != nil {
		return err
	}
	// To the top; each line anew, from its beginning, since the cursor stays on
	// the last character of a full one; what is below: so that nothing flickers.
	text := bytes.ReplaceAll(screen.Bytes(), []byte("\n"), []byte("\n\x1b[K"))
	_, err := fmt.Fprintf(c.Stdout, "\x1b[H\x1b[K%s\x1b[J", text)
	return err
}

// unknownRows is how many lines are shown on a terminal that does not say how
// many it has.
const unknownRows = 40

// size is the room on the terminal: the cursor takes the last line.
func (c Command) size() (columns, rows int) {
	if c.Size != nil {
		columns, rows = c.Size()
	}
	if rows <= 0 {
		return columns, unknownRows
	}
	return columns, max(1, rows-1)
}
