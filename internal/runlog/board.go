// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package runlog

import "time"

// A Board adds up the events of one run: what each host is at, how long the
// stages take, what has failed and why. It holds a few words for each host, so
// that it can be kept for fifty thousand.
type Board struct {
	Run         string
	first, last time.Time
	toDo        int // hosts, as pools said
	hosts       map[string]*hostState
	stages      map[string]*stageState
	bad         int    // lines that could not be read
	headless    bool   // the log has lost the beginning of the run
	other       string // the last of the earlier runs that wrote during this one
}

// hostState is what a host is at.
type hostState struct {
	cluster, host, role string
	stage               string
	event               Kind
	since, began, last  time.Time // of the stage; of all work; the last event
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

// Add takes an event. One of a later run than those before begins anew; one of
// an earlier run is left out. Run ids begin with the time, so that they sort.
func (b *Board) Add(e Event) {
	if e.Run < b.Run {
		if !e.Time.Before(b.first) {
			b.other = max(b.other, e.Run)
		}
		return
	}
	if e.Run > b.Run {
		b.begin(e)
	}
	if e.Time.After(b.last) {
		b.last = e.Time
	}
	switch e.Event {
	case Started, Progress, Finished, Failed:
		b.toDo += max(e.Hosts, 0)
		if e.Host != "" {
			b.addHost(e)
		}
	case Continued:
		b.toDo = max(b.toDo, e.Hosts) // the sum of all until then
	}
}

// begin makes the board that of the run of an event, the first that is seen of
// it.
func (b *Board) begin(e Event) {
	before := *b
	*b = *NewBoard()
	b.Run, b.first, b.bad = e.Run, e.Time, before.bad
	b.headless = e.Event == Continued
	if before.Run != "" && !before.last.Before(e.Time) {
		b.other = before.Run
	}
}

// addHost takes an event of a host.
func (b *Board) addHost(e Event) {
	key := e.Cluster + "\x00" + e.Host
	h := b.hosts[key]
	if h == nil {
		h = &hostState{cluster: e.Cluster, host: e.Host, role: e.Role, began: e.Time}
		b.hosts[key] = h
	}
	st := b.stages[e.Stage]
	if st == nil {
		st = &stageState{name: e.Stage, first: e.Time}
		b.stages[e.Stage] = st
	}
	switch e.Event {
	case Started:
		b.move(h, st)
		h.since, h.message = e.Time, ""
	case Progress:
		if !h.at() || h.stage != e.Stage {
			b.move(h, st) // its start is not in the log
			h.since = e.Time.Add(-e.Duration)
		}
		if e.Message != "" {
			h.message = e.Message
		}
	case Finished, Failed:
		if h.at() && h.stage == e.Stage {
			st.atWork--
		}
		st.end(e)
		h.message = e.Message
	case Continued: // is of no host
	}
	h.stage, h.event, h.last = e.Stage, e.Event, e.Time
}

// move has a host at work at a stage, and no more at the one before: that may
// have no end in the log.
func (b *Board) move(h *hostState, to *stageState) {
	if h.at() {
		b.stages[h.stage].atWork--
	}
	to.atWork++
}

// end adds up how a stage ended on a host.
func (st *stageState) end(e Event) {
	st.bytes += e.Bytes
	if e.Event == Failed {
		st.failed++
		return
	}
	st.done++
	st.total += e.Duration
	st.longest = max(st.longest, e.Duration)
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
