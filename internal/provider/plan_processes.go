// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Terraform starts a process for each provider block, so a plan in which a node
// goes from one alias to another is two plans to them. A planExchange is what the
// processes of one run of Terraform tell each other, in files that each appends
// to its own of, one JSON object a line. It is as short-lived as the run.
//
// Terraform goes through a configuration more than once in a run, and ends all
// processes of one time before it starts those of the next. So what says something
// while this process is there is another provider block's, in the same plan. Of what
// was over before, only the block's settings can tell.
type planExchange struct {
	dir    string
	realm  string        // the beginning of the names of files whose processes can be seen from here
	prefix string        // of the files of this run
	own    string        // the file of this process
	by     planProcess   // this process
	since  time.Duration // since boot, when it was there
	block  string        // tells the provider block from others
	swept  bool
	read   map[string]int64     // how far each other file was read
	met    map[planProcess]bool // who has said something since
}

// A planProcess is a process.
type planProcess struct {
	PID  int    `json:"process"`
	Born string `json:"born"` // as processStart has it
}

const (
	planSuffix = ".plan"
	// planDirectory is the part of the cache that the files are in.
	planDirectory = "plans"
	// planLife is when a file is of a run that is over.
	planLife = 24 * time.Hour
	// tick is what processStart counts in (USER_HZ).
	tick = time.Second / 100
)

// CookieKey is the environment variable that Terraform sets for the providers that
// it starts, but not for those that run already (terraform-plugin-go, tf6server.Serve).
const CookieKey = "TF_PLUGIN_MAGIC_COOKIE"

// newPlanExchange keeps its files in a directory. It is nil where nothing tells
// the run of Terraform: each process is then alone with what it plans, and the
// claims on the hosts decide.
func newPlanExchange(dir, block string, getenv func(string) string) *planExchange {
	if dir == "" || getenv(CookieKey) == "" {
		return nil
	}
	return runExchange(dir, block, os.Getppid())
}

// runExchange is that of a provider block in the run that a process is.
func runExchange(dir, block string, run int) *planExchange {
	began, err := processStart(run)
	born, ownErr := processStart(os.Getpid())
	now, clockErr := sinceBoot()
	if err != nil || ownErr != nil || clockErr != nil {
		return nil
	}
	x := &planExchange{dir: dir, realm: realm(), by: planProcess{os.Getpid(), born}, since: now, block: block, read: map[string]int64{},
		met: map[planProcess]bool{}}
	if ticks, err := strconv.ParseInt(born, 10, 64); err == nil { // the provider block was read somewhat later
		x.since = min(now, time.Duration(ticks+1)*tick)
	}
	x.prefix = fmt.Sprintf("%s%d-%s.", x.realm, run, began)
	x.own = filepath.Join(dir, x.prefix+newPlanID()+planSuffix)
	return x
}

// realm stands for the processes that can be seen from here, in names of files: those
// of one PID namespace since one boot. Containers may have one cache directory.
func realm() string {
	// Where one of the two is missing, it is so for all.
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", boot, namespace))
	return hex.EncodeToString(sum[:4]) + "."
}

// place says where a line was planned: here for what an earlier process of this
// provider block has planned, which does not count.
func (x *planExchange) place(l planLine) elsewhere {
	switch born, err := processStart(l.PID); {
	case err == nil && born == l.Born, x.met[l.planProcess]:
		return beside
	case l.Block == x.block:
		return here
	}
	return finished
}

// processStart tells processes with one id apart: it gives when one was started,
// in ticks since boot (proc(5), /proc/pid/stat, field 22). It fails where there
// is no /proc.
func processStart(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name, in brackets, may have blanks and brackets in it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const start = 22 - 3
	if len(fields) <= start {
		return "", fmt.Errorf("/proc/%d/stat has %d fields behind the name", pid, len(fields))
	}
	return fields[start], nil
}

// A planLine is what a process says of one host of its plan.
type planLine struct {
	planProcess

	Block    string        `json:"block"`
	At       time.Duration `json:"at"` // since boot
	Resource string        `json:"id,omitempty"`
	Way      string        `json:"way,omitempty"`
	Machine  string        `json:"machine,omitempty"`
	Address  string        `json:"address,omitempty"`
	Holder   string        `json:"holder,omitempty"`
	Role     node.Role     `json:"role,omitempty"`
	Cluster  string        `json:"cluster,omitempty"`
	Had      bool          `json:"had,omitempty"`
	Comes    bool          `json:"comes,omitempty"`
	Goes     bool          `json:"goes,omitempty"`
	Left     bool          `json:"left,omitempty"`
	Given    bool          `json:"given,omitempty"`
	Done     bool          `json:"done,omitempty"` // its node is gone
	Ends     bool          `json:"ends,omitempty"` // of a cluster: nothing of it stays
}

// say tells the others.
func (x *planExchange) say(lines []planLine) (err error) {
	if x == nil || len(lines) == 0 {
		return nil
	}
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return err
	}
	if !x.swept {
		x.swept = true
		if err := x.sweep(); err != nil {
			return err
		}
	}
	now, err := sinceBoot()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	for i := range lines {
		lines[i].planProcess, lines[i].Block, lines[i].At = x.by, x.block, now
		if err := to.Encode(lines[i]); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(x.own, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(text.Bytes())
	return err
}

// hear gives what the others have said since, in order.
func (x *planExchange) hear() ([]planLine, error) {
	if x == nil {
		return nil, nil
	}
	files, err := os.ReadDir(x.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lines []planLine
	for _, f := range files {
		file := filepath.Join(x.dir, f.Name())
		if file == x.own || !strings.HasPrefix(f.Name(), x.prefix) {
			continue
		}
		text, readErr := x.news(file)
		err = errors.Join(err, readErr)
		for line := range bytes.Lines(text) {
			var l planLine
			if lineErr := json.Unmarshal(line, &l); lineErr != nil { // the half of one, on a full disk
				err = errors.Join(err, fmt.Errorf("%s: %w", file, lineErr))
				continue
			}
			x.met[l.planProcess] = x.met[l.planProcess] || l.At > x.since
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b planLine) int { return cmp.Compare(a.At, b.At) })
	return lines, err
}

// news gives the whole lines that have come to a file since it was read last.
func (x *planExchange) news(file string) (text []byte, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err = io.ReadAll(io.NewSectionReader(f, x.read[file], 1<<30))
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	x.read[file] += int64(len(text))
	return text, err
}

// planName is what the files are called. Nothing else in the directory is ours.
var planName = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+-[0-9]+\.[A-Z2-7]{16}\.plan$`)

// sweep removes the files of runs that are over: of those whose processes cannot be
// seen from here, the old ones.
func (x *planExchange) sweep() error {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.Type().IsRegular() || !planName.MatchString(e.Name()) || x.live(e.Name(), info.ModTime()) {
			continue
		}
		if err := os.Remove(filepath.Join(x.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// live reports whether a file's run of Terraform may be under way still.
func (x *planExchange) live(name string, changed time.Time) bool {
	if strings.HasPrefix(name, x.prefix) {
		return true
	}
	if time.Since(changed) > planLife {
		return false
	}
	name, near := strings.CutPrefix(name, x.realm)
	if !near {
		return true
	}
	run, _, _ := strings.Cut(name, ".")
	pid, born, _ := strings.Cut(run, "-")
	n, err := strconv.Atoi(pid)
	if err != nil {
		return false
	}
	now, err := processStart(n)
	return err == nil && now == born
}
