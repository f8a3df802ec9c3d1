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
)

// A Board adds up the events of one run: what each host is at, how long the
// stages take, what has failed and why. It holds a few words for each host, so
// that it can be kept for fifty thousand.
type Board struct {
	Run         string
	first, last time.Time
	toDo        int // hosts, as pools said
	hosts       map[string]*hostState
	stages      map[string]*stageState
	bad         int // lines that could not be read
}

// hostState is what a host is at.
type hostState struct {
	cluster, host, role string
	stage               string
	event               Kind
	since, began        time.Time // of the stage; of all work
	message             string
}

// stageState adds up a stage.
type stageState struct {
	name           string
	first          time.Time
	atWork         int
	done, failed   int
	bytes          int64
	total, longest time.Duration
}

// NewBoard makes an empty board.
func NewBoard() *Board {
	return &Board{hosts: map[string]*hostState{}, stages: map[string]*stageState{}}
}

// Add takes an event. One of a later run than those before begins anew.
func (b *Board) Add(e Event) {
	if e.Run != b.Run {
		bad := b.bad
		*b = *NewBoard()
		b.Run, b.bad = e.Run, bad
	}
	if b.first.IsZero() {
		b.first = e.Time
	}
	if e.Time.After(b.last) {
		b.last = e.Time
	}
	if e.Hosts > 0 {
		b.toDo += e.Hosts
	}
	if e.Host == "" {
		return
	}
	h := b.hosts[e.Cluster+"\x00"+e.Host]
	if h == nil {
		h = &hostState{cluster: e.Cluster, host: e.Host, role: e.Role, began: e.Time}
		b.hosts[e.Cluster+"\x00"+e.Host] = h
	}
	st := b.stages[e.Stage]
	if st == nil {
		st = &stageState{name: e.Stage, first: e.Time}
		b.stages[e.Stage] = st
	}
	switch e.Event {
	case Started:
		if h.at() {
			b.stages[h.stage].atWork-- // it has no end in the log
		}
		st.atWork++
		h.stage, h.since, h.message = e.Stage, e.Time, ""
	case Progress:
		if e.Message != "" {
			h.message = e.Message
		}
		if h.stage == e.Stage && h.at() {
			return
		}
		h.stage = e.Stage
		st.atWork++
	case Finished, Failed:
		if h.at() && h.stage == e.Stage {
			st.atWork--
		}
		h.stage = e.Stage
		st.bytes += e.Bytes
		if e.Event == Finished {
			st.done++
			st.total += e.Duration
			st.longest = max(st.longest, e.Duration)
			h.message = ""
		} else {
			st.failed++
			h.message = e.Message
		}
	}
	h.event = e.Event
}

// at says whether the host is at work.
func (h *hostState) at() bool { return h.event == Started || h.event == Progress }

// counts says how many hosts are at work, done and failed.
func (b *Board) counts() (atWork, done, failed int) {
	for _, h := range b.hosts {
		switch {
		case h.at():
			atWork++
		case h.event == Failed:
			failed++
		default:
			done++
		}
	}
	return atWork, done, failed
}

// Bad notes a line that could not be read.
func (b *Board) Bad() { b.bad++ }

// View is how a board is shown.
type View struct {
	Rows  int       // lines that there is room for; 0: no bound
	Now   time.Time // of a run that is going on; zero: the time of its last event
	Final bool      // the run is looked back at: no time is left
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
	text := out.String()
	if v.Rows > 0 {
		lines := strings.SplitAfter(text, "\n")
		if len(lines) > v.Rows {
			text = strings.Join(lines[:v.Rows-1], "") + "…\n"
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

func (b *Board) now(v View) time.Time {
	if v.Now.IsZero() || v.Now.Before(b.last) {
		return b.last
	}
	return v.Now
}

func (b *Board) head(out *strings.Builder, v View) {
	atWork, done, failed := b.counts()
	elapsed := b.now(v).Sub(b.first)
	all := max(b.toDo, len(b.hosts))
	fmt.Fprintf(out, "run %s, %s: %d of %d hosts done, %d at work, %d failed", b.Run, clock(elapsed), done, all, atWork, failed)
	if ended := done + failed; ended > 0 && elapsed > 0 {
		rate := float64(ended) / elapsed.Seconds()
		fmt.Fprintf(out, ", %.1f hosts/s", rate)
		if left := all - ended; left > 0 && !v.Final {
			fmt.Fprintf(out, ", about %s left", clock(time.Duration(float64(left)/rate*float64(time.Second))))
		}
	}
	out.WriteString("\n")
	if b.bad > 0 {
		fmt.Fprintf(out, "lines of the log that could not be read: %d\n", b.bad)
	}
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
			since, said := clock(b.now(v).Sub(h.since)), h.message
			switch h.event {
			case Finished:
				since, said = "-", "done"
			case Failed:
				since, said = "-", "failed: "+h.message
			case Started, Progress:
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", h.host, h.role, h.stage, since, oneLine(said))
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

// oneLine is the first line of a text, not too long for a table.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
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
