// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Notes are lines in files of ten minutes each, one line a machine and file:
//
//	UNIX_MILLISECONDS KIND MACHINE_ID BOOT_ID SITE ADDRESS PORT/VIA
//
// with "-" for what is not known, and without /VIA where nothing was in between.
// Processes append to the file of now, each with one write, so that they need no
// lock, and nobody writes to an older file, so that one whose time is over can be
// removed. A line that is not as it should be, such as the half of one at the
// end, does not count.
const (
	noteLife = time.Hour
	noteFile = 10 * time.Minute
	// maxNotes bounds one file. It holds more than three hundred thousand
	// machines.
	maxNotes = 32 << 20
	noteName = ".notes"
)

// Kinds of notes.
const (
	noteSeen     = "seen"
	noteRecorded = "recorded"
	noteGone     = "gone"
)

// notes are those of one cluster.
type notes struct {
	dir, prefix string
	now         func() time.Time
	swept       bool
	offsets     map[string]int64 // how far each file was read
	complete    int64            // up to this file nothing comes any more, and all is read
	machines    map[string]notedMachine
	byID        map[string][]string // addresses, by machine id
}

// A notedMachine is what the notes say of an address.
type notedMachine struct {
	Machine
	kind string    // of the last note
	at   time.Time // of the last note
	seen time.Time // when it was looked at; zero if it was not
}

func newNotes(dir, cluster string, now func() time.Time) *notes {
	return &notes{
		dir: dir, prefix: fmt.Sprintf("%x", sha256.Sum256([]byte(cluster)))[:16], now: now,
		offsets: map[string]int64{}, machines: map[string]notedMachine{}, byID: map[string][]string{},
	}
}

// number is that of the file that belongs to a time.
func number(t time.Time) int64 { return t.UnixMilli() / noteFile.Milliseconds() }

func (n *notes) path(number int64) string {
	return filepath.Join(n.dir, n.prefix+"-"+strconv.FormatInt(number, 10)+noteName)
}

// add notes something of machines, unless the file of now has it already.
func (n *notes) add(kind string, machines []Machine) error {
	now := n.now()
	file := n.path(number(now))
	errs := n.read(file)
	var lines []byte
	for _, it := range machines {
		if !notable(it.Address) || kind != noteGone && !notable(it.ID) {
			continue
		}
		was := n.machines[it.Address]
		same := was.ID == it.ID && was.Site == it.Site && number(was.at) == number(now) &&
			(kind == noteRecorded && was.kind != noteGone ||
				kind == was.kind && was.BootID == it.BootID && was.Port == it.Port && was.Via == it.Via)
		if same && kind != noteGone {
			continue
		}
		found := notedMachine{Machine: it, kind: kind, at: now.Truncate(time.Millisecond)}
		lines = append(lines, found.line()...)
		n.take(found)
	}
	if len(lines) == 0 {
		return errs
	}
	return errors.Join(errs, n.append(file, lines))
}

// append writes lines with one write.
func (n *notes) append(file string, lines []byte) (err error) {
	if n.dir == "" {
		return nil
	}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	if !n.swept {
		n.swept = true
		if err := n.sweep(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || info.Size() > maxNotes {
		return err
	}
	if _, err := f.Write(lines); err != nil {
		return err
	}
	// What is ours alone need not be read: others may have written before it
	// since the file was read, or between the two looks at its size.
	if before := info.Size(); before == n.offsets[file] {
		if info, err = f.Stat(); err == nil && info.Size() == before+int64(len(lines)) {
			n.offsets[file] = info.Size()
		}
	}
	return err
}

// sweep removes the files of all clusters whose time is over.
func (n *notes) sweep() error {
	entries, err := os.ReadDir(n.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), noteName)
		at, err := strconv.ParseInt(name[strings.LastIndexByte(name, '-')+1:], 10, 64)
		if !ok || err != nil || at >= number(n.now().Add(-noteLife)) {
			continue
		}
		if err := os.Remove(filepath.Join(n.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// with gives what the notes of the last hour say of machines with an id.
func (n *notes) with(id string) ([]notedMachine, error) {
	now := n.now()
	var errs error
	for i := max(number(now.Add(-noteLife)), n.complete+1); i <= number(now); i++ {
		err := n.read(n.path(i))
		// Who took the time a moment ago may still write to the file before this one's.
		if errs = errors.Join(errs, err); errs == nil && i < number(now)-1 {
			n.complete = i
		}
	}
	var found []notedMachine
	for _, address := range n.byID[id] {
		it := n.machines[address]
		if now.Sub(it.at) > noteLife {
			continue
		}
		if now.Sub(it.seen) > noteLife {
			it.seen = time.Time{}
		}
		found = append(found, it)
	}
	return found, errs
}

// read takes in what has come to a file since it was read last.
func (n *notes) read(file string) error {
	if n.dir == "" {
		return nil
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Size() == n.offsets[file] {
		return err
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.NewSectionReader(f, n.offsets[file], 2*maxNotes))
	if err != nil {
		return err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	n.offsets[file] += int64(len(text))
	for line := range strings.Lines(string(text)) {
		if found, ok := parseNote(line); ok && found.at.Before(n.now().Add(time.Minute)) { // a clock may have been wrong
			n.take(found)
		}
	}
	return nil
}

// take takes in a note. Files may be read in any order: the later note counts.
func (n *notes) take(found notedMachine) {
	was, known := n.machines[found.Address]
	if known && found.at.Before(was.at) {
		return
	}
	same := found.ID == was.ID && found.Site == was.Site && was.kind != noteGone
	switch {
	case found.kind == noteSeen:
		found.seen = found.at
	case found.kind == noteRecorded && same:
		found.seen, found.BootID = was.seen, was.BootID
		found.Port, found.Via = was.Port, was.Via
	case found.kind == noteGone: // the node, not the machine
		found.seen, found.Port, found.Via = was.seen, was.Port, was.Via
	}
	if was.ID != found.ID {
		n.byID[was.ID] = slices.DeleteFunc(n.byID[was.ID], func(a string) bool { return a == found.Address })
		if len(n.byID[was.ID]) == 0 {
			delete(n.byID, was.ID)
		}
		if found.ID != "" {
			n.byID[found.ID] = append(n.byID[found.ID], found.Address)
		}
	}
	n.machines[found.Address] = found
}

// notable says whether a text can be a field of a note.
func notable(text string) bool {
	return text != "" && text != "-" && !strings.ContainsAny(text, " \t\r\n\v\f")
}

func (it notedMachine) line() string {
	field := func(s string) string {
		if !notable(s) {
			return "-"
		}
		return s
	}
	way := ""
	if it.Port > 0 {
		way = strings.TrimSuffix(fmt.Sprintf("%d/%s", it.Port, it.Via), "/")
	}
	return fmt.Sprintf("%d %s %s %s %s %s %s\n", it.at.UnixMilli(), it.kind, field(it.ID), field(it.BootID), field(it.Site), it.Address,
		field(way))
}

func parseNote(line string) (notedMachine, bool) {
	p := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(p) != 7 || !slices.Contains([]string{noteSeen, noteRecorded, noteGone}, p[1]) || !notable(p[5]) {
		return notedMachine{}, false
	}
	ms, err := strconv.ParseInt(p[0], 10, 64)
	if err != nil {
		return notedMachine{}, false
	}
	for i := range p {
		if p[i] == "-" {
			p[i] = ""
		}
	}
	it := notedMachine{Machine: Machine{ID: p[2], BootID: p[3], Site: p[4], Address: p[5]}, kind: p[1], at: time.UnixMilli(ms)}
	if port, via, _ := strings.Cut(p[6], "/"); port != "" {
		if it.Port, err = strconv.Atoi(port); err != nil {
			return notedMachine{}, false
		}
		it.Via = via
	}
	return it, (it.ID == "") == (it.kind == noteGone)
}
