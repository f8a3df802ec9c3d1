// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

const ours = "c"

// A computer is one on which processes come and go; its clock is the test's.
type computer struct {
	t   *testing.T
	dir string
	mu  sync.Mutex
	now time.Time
}

func newComputer(t *testing.T) *computer {
	t.Parallel()
	return &computer{t: t, dir: filepath.Join(t.TempDir(), "machines"), now: time.Unix(1_700_000_000, 0)}
}

// process is a new process there.
func (c *computer) process() *fleet.Machines { return fleet.NewMachines(c.dir, c.clock) }

func (c *computer) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *computer) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *computer) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Error(err)
	}
}

// twin gives the twin that a new process knows.
func (c *computer) twin(it fleet.Machine) *node.Twin {
	c.t.Helper()
	peers, err := c.process().Meet(ours, it)
	c.ok(err)
	return peers.Twin
}

func machine(address, id string) fleet.Machine {
	return fleet.Machine{Address: address, ID: id, BootID: "boot-" + address, Site: "s"}
}

// TestTwinOfAnotherProcess finds the clone of a node that only an earlier
// process has seen, and says how long ago that was.
func TestTwinOfAnotherProcess(t *testing.T) {
	c := newComputer(t)
	c.ok(c.process().Seen(ours, machine("10.0.0.1", "m1")))
	seen := c.clock()
	c.pass(40 * time.Minute)
	twin := c.twin(machine("10.0.0.2", "m1"))
	if twin == nil || twin.Address != "10.0.0.1" || twin.BootID != "boot-10.0.0.1" || !twin.Seen.Equal(seen) {
		t.Fatalf("the twin is %+v", twin)
	}
	for name, other := range map[string]fleet.Machine{
		"itself": machine("10.0.0.1", "m1"), "another id": machine("10.0.0.2", "m2"),
		"a cluster of the same name": {Address: "10.0.0.2", ID: "m1", Site: "elsewhere"},
	} {
		if twin := c.twin(other); twin != nil {
			t.Errorf("%s has the twin %+v", name, twin)
		}
	}
	if twin := c.twin(fleet.Machine{Address: "10.0.0.2", ID: "m1"}); twin == nil {
		t.Error("one of which nobody knows which cluster it is of is not taken for one of this")
	}
	c.pass(21 * time.Minute)
	if twin := c.twin(machine("10.0.0.2", "m1")); twin != nil {
		t.Errorf("a note of more than an hour ago counts: %+v", twin)
	}
}

// TestRecorded takes a state's word for a node that nobody looked at, and
// keeps what is better known.
func TestRecorded(t *testing.T) {
	c := newComputer(t)
	c.ok(c.process().Recorded(ours, machine("10.0.0.1", "m1")))
	if twin := c.twin(machine("10.0.0.2", "m1")); twin == nil || !twin.Seen.IsZero() {
		t.Fatalf("the twin is %+v", twin)
	}
	plan := c.process()
	c.ok(plan.Seen(ours, machine("10.0.0.1", "m1")))
	seen := c.clock()
	c.pass(50 * time.Minute)
	c.ok(c.process().Recorded(ours, machine("10.0.0.1", "m1")))
	if twin := c.twin(machine("10.0.0.2", "m1")); twin == nil || !twin.Seen.Equal(seen) {
		t.Fatalf("the twin is %+v", twin)
	}
	c.pass(50 * time.Minute)
	if twin := c.twin(machine("10.0.0.2", "m1")); twin == nil || !twin.Seen.IsZero() {
		t.Fatalf("one that was looked at long ago is %+v", twin)
	}
}

// TestNoTwin lets machines and addresses change as they do in a cluster's life.
func TestNoTwin(t *testing.T) {
	m1at2 := machine("10.0.0.2", "m1")
	for name, life := range map[string]func(c *computer){
		"removed":           func(c *computer) { c.ok(c.process().Gone(ours, "10.0.0.1")) },
		"another machine":   func(c *computer) { c.ok(c.process().Seen(ours, machine("10.0.0.1", "m9"))) },
		"as a state has it": func(c *computer) { c.ok(c.process().Recorded(ours, machine("10.0.0.1", "m9"))) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newComputer(t)
			c.ok(c.process().Seen(ours, machine("10.0.0.1", "m1")))
			c.pass(time.Second)
			life(c)
			if twin := c.twin(m1at2); twin != nil {
				t.Errorf("there is a twin: %+v", twin)
			}
		})
	}
	t.Run("in the same apply", func(t *testing.T) {
		c := newComputer(t)
		c.ok(c.process().Seen(ours, machine("10.0.0.1", "m1")))
		apply := c.process()
		if peers, err := apply.Meet(ours, machine("10.0.0.1", "m9")); err != nil || peers.Twin != nil {
			t.Fatalf("%+v, %v", peers, err)
		}
		if peers, err := apply.Meet(ours, m1at2); err != nil || peers.Twin != nil {
			t.Errorf("the machine that was at another node's address before is its twin: %+v, %v", peers, err)
		}
	})
	t.Run("the address changes", func(t *testing.T) {
		c := newComputer(t)
		c.ok(c.process().Seen(ours, machine("10.0.0.1", "m1")))
		apply := c.process()
		c.ok(apply.Gone(ours, "10.0.0.1"))
		if peers, err := apply.Meet(ours, m1at2); err != nil || peers.Twin != nil {
			t.Errorf("%+v, %v", peers, err)
		}
	})
}

// TestMeet has the first of two clones within one process.
func TestMeet(t *testing.T) {
	c := newComputer(t)
	apply := c.process()
	first, second := machine("10.0.0.1", "m1"), machine("10.0.0.2", "m1")
	first.Master = true
	for range 2 { // once in the plan's refresh, once in the apply
		if peers, err := apply.Meet(ours, first); err != nil || peers.Twin != nil || peers.Master {
			t.Fatalf("the first has %+v, %v", peers, err)
		}
	}
	peers, err := apply.Meet(ours, second)
	if err != nil || peers.Twin == nil || peers.Twin.Address != first.Address || !peers.Master {
		t.Errorf("the second has %+v, %v", peers, err)
	}
	if _, err := os.Stat(c.dir); err == nil {
		t.Error("one that is only about to become a node is noted")
	}
}

// TestNotesOfManyProcesses has processes note at the same time, into files
// that nobody else may read, with rubbish between.
func TestNotesOfManyProcesses(t *testing.T) {
	c := newComputer(t)
	var wg sync.WaitGroup
	const processes, each = 8, 200
	for p := range processes {
		wg.Go(func() {
			m := c.process()
			for i := range each {
				c.ok(m.Seen(ours, machine(fmt.Sprintf("10.0.%d.%d", p, i), fmt.Sprintf("m%d-%d", p, i))))
			}
		})
	}
	wg.Wait()
	files := c.files()
	if len(files) != 1 {
		t.Fatalf("there are %v", files)
	}
	f, err := os.OpenFile(files[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("rubbish\n1700000000000 seen m1 b s 10.0.0.1 more\n99999999999999 gone - - - 10.0.0.0\n" +
		"1700000000000 seen m0-0 b"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for p := range processes {
		for i := range each {
			if i%50 > 0 {
				continue
			}
			if twin := c.twin(machine("10.9.9.9", fmt.Sprintf("m%d-%d", p, i))); twin == nil || twin.Address != fmt.Sprintf("10.0.%d.%d", p, i) {
				t.Errorf("of the machine %d of process %d this is known: %+v", i, p, twin)
			}
		}
	}
	for path, want := range map[string]os.FileMode{files[0]: 0o600, c.dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestNotesStaySmall plans a big cluster over and over.
func TestNotesStaySmall(t *testing.T) {
	c := newComputer(t)
	const hosts = 1_000
	all := make([]fleet.Machine, hosts)
	for i := range all {
		all[i] = machine(fmt.Sprintf("10.0.%d.%d", i/250, i%250), fmt.Sprintf("%032x", i))
	}
	size := func() (bytes int64) {
		for _, path := range c.files() {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			bytes += info.Size()
		}
		return bytes
	}
	for range 50 { // as many plans in eight minutes
		c.ok(c.process().Seen(ours, all...))
		c.pass(4 * time.Second)
	}
	one := size()
	if most := int64(hosts * 150); one > most {
		t.Errorf("the notes of ten minutes have %d bytes, more than %d", one, most)
	}
	for range 40 { // and for hours after that
		c.pass(10 * time.Minute)
		c.ok(c.process().Recorded("another cluster", all...))
	}
	if files := c.files(); len(files) > 8 {
		t.Errorf("there are %d files: %v", len(files), files)
	}
	c.ok(c.process().Seen(ours, all[0]))
	for _, path := range c.files() {
		if strings.Contains(path, "another") {
			t.Errorf("a file is named after the cluster: %s", path)
		}
	}
}

// TestNotesThatCannotBe says so, and knows what it can.
func TestNotesThatCannotBe(t *testing.T) {
	c := newComputer(t)
	if err := os.WriteFile(c.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := c.process()
	if err := m.Seen(ours, machine("10.0.0.1", "m1")); err == nil {
		t.Error("that nothing can be noted is no error")
	}
	peers, err := m.Meet(ours, machine("10.0.0.2", "m1"))
	if peers.Twin == nil {
		t.Errorf("what this process has seen is forgotten: %v", err)
	}
	if peers, err := m.Meet(ours, machine("10.0.0.3", "m3")); err == nil || peers.Twin != nil {
		t.Errorf("that nothing can be read is no error: %+v", peers)
	}
}

func (c *computer) files() []string {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return files
}

// BenchmarkNotes notes ten thousand machines as a plan does, and meets one as
// the apply does.
func BenchmarkNotes(b *testing.B) {
	all := make([]fleet.Machine, 10_000)
	for i := range all {
		all[i] = machine(fmt.Sprintf("10.0.%d.%d", i/250, i%250), fmt.Sprintf("%032x", i))
	}
	for b.Loop() {
		dir := b.TempDir()
		if err := fleet.NewMachines(dir, time.Now).Recorded(ours, all...); err != nil {
			b.Fatal(err)
		}
		apply := fleet.NewMachines(dir, time.Now)
		if peers, err := apply.Meet(ours, machine("10.9.9.9", all[7].ID)); err != nil || peers.Twin == nil {
			b.Fatalf("%+v, %v", peers, err)
		}
	}
}
