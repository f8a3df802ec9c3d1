// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// View is how a board is shown.
type View struct {
	Rows    int       // lines that there is room for; 0: no bound
	Columns int       // characters that a line has room for; 0: no bound
	Now     time.Time // of a run that is going on; zero: the time of its last event
	Final   bool      // the run is looked back at: no time is left
}

// fewHosts is how many hosts get a line each.
const fewHosts = 25

// Write shows the board: each host where they are few, else the stages, then
// the hosts that have been at a stage for longest; and the failures by cause.
func (b *Board) Write(w io.Writer, v View) error {
	var out strings.Builder
	if b.Run == "" {
		out.WriteString("nothing in the run log yet\n")
	} else {
		b.head(&out, v)
		b.stageTable(&out)
		few := len(b.hosts) <= fewHosts
		b.hostTable(&out, v, few)
		b.failures(&out, v)
	}
	_, err := io.WriteString(w, v.fit(out.String()))
	return err
}

// fit cuts a text to the room that there is.
func (v View) fit(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if v.Rows > 0 && len(lines) > v.Rows {
		lines = append(lines[:v.Rows-1], "…")
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(cut(strings.Map(printable, line), v.Columns) + "\n")
	}
	return out.String()
}

// cut is a line without what has no room.
func cut(line string, columns int) string {
	if columns <= 0 || utf8.RuneCountInString(line) <= columns {
		return line
	}
	runes := []rune(strings.TrimRight(line, " ")) // a table's last column may be empty
	if len(runes) > columns {
		runes = append(runes[:columns-1], '…')
	}
	return string(runes)
}

// printable is a blank for a character that would command the terminal.
func printable(r rune) rune {
	if r < 0x20 || r >= 0x7f && r <= 0x9f {
		return ' '
	}
	return r
}

func (b *Board) now(v View) time.Time {
	if v.Now.IsZero() || v.Now.Before(b.last) {
		return b.last
	}
	return v.Now
}

// silence is how long a live view may have no news before it says so: a run
// that was killed looks like one that waits.
const silence = 2 * time.Minute

// head says how the run goes as a whole.
func (b *Board) head(out *strings.Builder, v View) {
	atWork, done, failed := b.counts()
	silent := b.now(v).Sub(b.last)
	elapsed := b.now(v).Sub(b.first)
	if silent > silence {
		elapsed = b.last.Sub(b.first)
	}
	parts := []string{
		fmt.Sprintf("run %s, %s: %d of %d hosts done", b.Run, clock(elapsed), done, b.all()),
		fmt.Sprintf("%d at work", atWork),
		fmt.Sprintf("%d failed", failed),
	}
	if done > 0 && elapsed > 0 {
		parts = append(parts, fmt.Sprintf("%.1f hosts/s", float64(done)/elapsed.Seconds()))
	}
	if silent > silence {
		parts = append(parts, fmt.Sprintf("last event %s ago", clock(silent)))
	} else if left := b.left(atWork, done); left > 0 && !v.Final {
		parts = append(parts, fmt.Sprintf("about %s left", clock(left)))
	}
	v.list(out, parts)
	b.notes(out)
}

// list writes parts with commas between, on more than one line where one is too
// short: what comes last is what is asked most.
func (v View) list(out *strings.Builder, parts []string) {
	line := parts[0]
	for _, part := range parts[1:] {
		if room := v.Columns - len(", ,"); v.Columns > 0 && utf8.RuneCountInString(line+part) > room {
			out.WriteString(line + ",\n")
			line = "  " + part
			continue
		}
		line += ", " + part
	}
	out.WriteString(line + "\n")
}

// notes says what else one should know of the log.
func (b *Board) notes(out *strings.Builder) {
	if b.headless {
		out.WriteString("the beginning of this run is no longer in the log\n")
	}
	if b.other != "" {
		fmt.Fprintf(out, "run %s writes to this log too: --run shows it\n", b.other)
	}
	if b.bad > 0 {
		fmt.Fprintf(out, "lines of the log that could not be read: %d\n", b.bad)
	}
}

// all is how many hosts there are to work on, as far as is known.
func (b *Board) all() int { return max(b.toDo, len(b.hosts)) }

// left is how long the run may go on yet: as many hosts at a time as now, each
// as long as those that are done took, and half of that for those at work. It
// is 0 where nothing can be said: without a pool nobody knows how many come.
func (b *Board) left(atWork, done int) time.Duration {
	if b.toDo == 0 || atWork == 0 || done == 0 {
		return 0
	}
	var took time.Duration
	for _, h := range b.hosts {
		if h.event == Finished {
			took += h.last.Sub(h.began)
		}
	}
	toCome := float64(b.all()-len(b.hosts)) + float64(atWork)/2
	return time.Duration(float64(took) / float64(done) * toCome / float64(atWork))
}

// table lines columns up.
func table(out *strings.Builder, write func(w io.Writer)) {
	out.WriteString("\n")
	tw := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	write(tw)
	_ = tw.Flush() // a strings.Builder never fails
}

func (b *Board) stageTable(out *strings.Builder) {
	stages := slices.SortedFunc(maps.Values(b.stages), func(x, y *stageState) int {
		return cmp.Or(x.first.Compare(y.first), strings.Compare(x.name, y.name))
	})
	table(out, func(w io.Writer) {
		fmt.Fprintf(w, "STAGE\tAT WORK\tDONE\tFAILED\tMEAN\tLONGEST\tBYTES\n")
		for _, s := range stages {
			mean := time.Duration(0)
			if s.done > 0 {
				mean = s.total / time.Duration(s.done)
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", s.name, s.atWork, s.done, s.failed, clock(mean), clock(s.longest), size(s.bytes))
		}
	})
}

// slowest is how many of many hosts are shown.
const slowest = 8

func (b *Board) hostTable(out *strings.Builder, v View, few bool) {
	var hosts []*hostState
	for _, h := range b.hosts {
		if few || h.at() {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) == 0 {
		return
	}
	if few {
		slices.SortFunc(hosts, func(x, y *hostState) int { return cmp.Or(x.began.Compare(y.began), strings.Compare(x.host, y.host)) })
	} else {
		slices.SortFunc(hosts, func(x, y *hostState) int { return cmp.Or(x.since.Compare(y.since), strings.Compare(x.host, y.host)) })
		hosts = hosts[:min(slowest, len(hosts))]
	}
	table(out, func(w io.Writer) {
		if few {
			fmt.Fprintf(w, "HOST\tROLE\tSTAGE\tFOR\t\n")
		} else {
			fmt.Fprintf(w, "LONGEST AT WORK\tROLE\tSTAGE\tFOR\t\n")
		}
		for _, h := range hosts {
			since, said := clock(b.now(v).Sub(h.since)), oneLine(h.message)
			switch h.event {
			case Finished:
				since, said = "-", "done"
			case Failed:
				since, said = "-", "failed: "+said
			case Started, Progress, Continued:
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", h.host, h.role, h.stage, since, said)
		}
	})
}

var anyNumber = regexp.MustCompile(`\b[0-9a-f]{12,}\b|[0-9]+(\.[0-9]+)*`)

// failures lists why hosts failed, with counts.
func (b *Board) failures(out *strings.Builder, v View) {
	causes := map[string][]string{}
	for _, h := range b.hosts {
		if h.event == Failed {
			cause := h.stage + ": " + anyNumber.ReplaceAllString(strings.ReplaceAll(oneLine(h.message), h.host, "HOST"), "N")
			causes[cause] = append(causes[cause], h.host)
		}
	}
	if len(causes) == 0 {
		return
	}
	sorted := slices.SortedFunc(maps.Keys(causes), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(causes[y]), len(causes[x])), strings.Compare(x, y))
	})
	out.WriteString("\nFAILED\n")
	const most, names = 15, 5
	for i, cause := range sorted {
		if i == most && !v.Final {
			fmt.Fprintf(out, "and %d more causes\n", len(sorted)-most)
			break
		}
		hosts := causes[cause]
		slices.Sort(hosts)
		shown := strings.Join(hosts[:min(names, len(hosts))], ", ")
		if len(hosts) > names {
			shown += fmt.Sprintf(" and %d more", len(hosts)-names)
		}
		fmt.Fprintf(out, "%6d  %s\n        %s\n", len(hosts), cause, shown)
	}
}

// oneLine is the first line of a text, fit for a table: not too long, and
// without a TAB, which would begin a column.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = strings.TrimSpace(strings.Map(printable, s))
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// clock is a duration as a table has it.
func clock(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// size is a number of bytes as a table has it.
func size(n int64) string {
	switch {
	case n == 0:
		return "-"
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}
