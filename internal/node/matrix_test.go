// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A stage of the matrix is where the fault strikes: while the script with that
// name says its first word, while files are uploaded, or while it connects.
type stage struct{ name, script string }

const (
	inConnection = "(connection)"
	inUpload     = "(upload)"
)

var (
	connecting   = stage{"connect", inConnection}
	checking     = stage{"preflight", "preflight"}
	connected    = stage{"connect, installed", inConnection}
	checked      = stage{"preflight, installed", "preflight"}
	transferring = stage{"transfer", inUpload}
	installing   = stage{"install", "follow"}
	waiting      = stage{"postflight", "postflight"}
	fetching     = stage{"upgrade: fetch", "fetch"}
	activating   = stage{"upgrade: activate", "follow"}
	draining     = stage{"drain", "drain"}
	removing     = stage{"uninstall", "uninstall"}
)

// A fault is what happens to the host, or to us.
type fault struct {
	name string
	disk bool // the host needs a disk of its own
	// strike is called once, in the middle of things. It may take its time.
	strike func(ctx context.Context, h *lab.Host) error
	// mend ends the fault, if it does not end by itself; after the operation.
	mend func(ctx context.Context, h *lab.Host) error
	// cancel interrupts us; kill takes us away with -9.
	cancel, kill bool
}

// gone is how long the network stays away.
const gone = 60 * time.Second

func faults() []fault {
	inHost := func(script string) func(context.Context, *lab.Host) error {
		return func(ctx context.Context, h *lab.Host) error {
			_, err := h.Shell(ctx, script)
			return err
		}
	}
	return []fault{
		// Every other one strikes the same stages in make test (theLives): of two that are alike, one each.
		{name: "connection cut", strike: inHost("pkill -KILL -u alice sshd || true")},
		{name: "sshd restarted", strike: inHost("systemctl restart ssh")},
		{name: "reboot", strike: func(ctx context.Context, h *lab.Host) error { return h.Reboot(ctx) }},
		{name: "power cut", strike: func(ctx context.Context, h *lab.Host) error { return errors.Join(h.PowerCut(ctx), h.Start(ctx)) }},
		{name: "interrupted", cancel: true},
		{name: "killed -9", kill: true},
		{name: "sudo withdrawn", strike: inHost("mv /etc/sudoers.d/lab /etc/sudoers.d/.lab"),
			mend: inHost("mv /etc/sudoers.d/.lab /etc/sudoers.d/lab")},
		{name: "disk full", disk: true,
			strike: func(ctx context.Context, h *lab.Host) error { return h.FillDisk(ctx, 0) },
			mend:   func(ctx context.Context, h *lab.Host) error { return h.FreeDisk(ctx) }},
	}
}

// networkGone is apart: it takes its time, and no processor.
func networkGone() fault {
	back := make(chan error, 1)
	return fault{name: "network gone 60 s",
		strike: func(ctx context.Context, h *lab.Host) error {
			go func() {
				select {
				case <-ctx.Done():
				case <-time.After(gone):
				}
				back <- h.Rejoin(context.WithoutCancel(ctx))
			}()
			return h.Cut(ctx, lab.BlackHole)
		},
		mend: func(context.Context, *lab.Host) error { return <-back },
	}
}

// A life is one way from an empty host to an empty host. In each of its three
// parts, what is named is struck, and then done once more.
type life struct {
	install []stage // the first strikes the installation; further ones strike looking at the node again
	upgrade *stage
	remove  *stage
}

// A cell is what came of a fault in a stage.
type cell struct{ stage, fault, said string }

// A lane is a host to which one fault happens again and again.
type lane struct {
	*matrix
	h      *lab.Host
	role   node.Role
	fault  fault
	before *lab.Snapshot
	log    *runlog.Scope
	id     string // machine id, once it is a node
}

// A matrix is what all lanes have in common.
type matrix struct {
	lab    *lab.Lab
	client *remote.Client
	site   map[string]string
	now    *bundle.Bundle
	next   *bundle.Bundle
	mu     sync.Mutex
	cells  []cell
}

// changed is what differs in the matrix's second bundle: a file that any service
// may read, so that all of them stop and start.
var changed = []string{"dns_search", "example.com"}

// TestFaultMatrix lets every fault happen in the stages of a node's lives, on hosts. What was
// struck is done once more and has to succeed; at the end of each life the
// host is what it was. The table says what the struck operation said.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	rel := openRelease(t, samplerelease.V22)
	master := l.Host(t, "faults-m")
	m := &matrix{lab: l, client: newClient(t, l), site: staticSite(t, "faults", master)}
	m.now, m.next = build(t, rel, m.site), build(t, rel, m.site, changed...)
	if _, err := node.Install(t.Context(), dial(t, m.client, master), node.Options{Role: node.Master, Bundle: m.now}); err != nil {
		t.Fatalf("%+v", err)
	}
	want := 0
	var wg sync.WaitGroup
	start := func(name string, f fault, lives []life, n int) {
		for _, life := range lives {
			want += life.cells()
		}
		wg.Go(func() { t.Run(name, func(t *testing.T) { m.run(t, f, lives, n) }) })
	}
	slow := slowLives()
	for i, lives := range slow {
		start(fmt.Sprintf("network gone %d", i+1), networkGone(), lives, i)
	}
	for i, f := range faults() {
		start(f.name, f, theLives(i), len(slow)+i)
	}
	wg.Wait()
	m.print(t, want)
}

// theLives returns the lives of the fault with that number. Every stage that
// changes a host or that a host takes its time for is struck by every other
// fault; every night each stage is by each, and where it is the same before there
// is anything on the host and afterwards, both. The cells between are held without a
// host by TestLostConnections, TestTakenUp, TestRebooted, TestFetchOfBrokenCopies,
// TestWhatIsThere and TestDrainOfAStoppedAgent.
func theLives(fault int) []life {
	if !lab.Nightly {
		return [][]life{
			{{install: []stage{installing, checked}, upgrade: &fetching, remove: &draining}},
			{{install: []stage{transferring, connected}, upgrade: &activating, remove: &removing}},
		}[fault%2]
	}
	return []life{
		{install: []stage{connecting}, upgrade: &fetching, remove: &draining},
		{install: []stage{checking}, upgrade: &activating, remove: &removing},
		{install: []stage{transferring, connected, checked}},
		{install: []stage{installing}},
		{install: []stage{waiting}},
	}
}

// slowLives returns those of the hosts whose network goes, which takes a minute
// each time: one list a host.
func slowLives() [][]life {
	if !lab.Nightly {
		return [][]life{{{install: []stage{installing}, upgrade: &activating}}}
	}
	return [][]life{
		{{install: []stage{transferring, connected}}},
		{{install: []stage{installing}, remove: &draining}},
		{{install: []stage{waiting, checked}}},
		{{install: []stage{connecting}, upgrade: &fetching, remove: &removing}},
		{{install: []stage{checking}, upgrade: &activating}},
	}
}

// cells returns in how many stages a life is struck.
func (l life) cells() int {
	n := len(l.install)
	for _, s := range []*stage{l.upgrade, l.remove} {
		if s != nil {
			n++
		}
	}
	return n
}

// run takes one host through lives.
func (m *matrix) run(t *testing.T, f fault, lives []life, n int) {
	var options []lab.Option
	if f.disk {
		options = append(options, lab.WithDisk(1<<30))
	}
	l := &lane{matrix: m, h: m.lab.Host(t, fmt.Sprintf("faults-%d", n), options...), role: node.Agent, fault: f}
	if n%2 == 1 {
		l.role = node.PublicAgent
	}
	l.log = testLog(t).Scope("faults", l.h.Name, string(l.role))
	l.before = snapshot(t, l.h)
	for _, life := range lives {
		l.live(t, life)
	}
}

func (l *lane) live(t *testing.T, life life) {
	l.id = ""
	install, look := l.operation("install", l.now), l.operation("upgrade", l.now)
	for i, s := range life.install {
		op := install
		if i > 0 {
			op = look
		}
		l.strike(t, s, op)
		l.again(t, s, op)
	}
	if s := life.upgrade; s != nil {
		op := l.operation("upgrade", l.next)
		l.strike(t, *s, op)
		l.again(t, *s, op)
	}
	op := l.operation("uninstall", l.now)
	if s := life.remove; s != nil {
		l.strike(t, *s, op)
	}
	l.again(t, cmp.Or(*cmp.Or(life.remove, &removing)), op)
	wantNoTrace(t, l.before, l.h)
}

// An operation is done to a node.
type operation struct {
	what     string
	bundle   *bundle.Bundle
	patience time.Duration // with a node that does not do its work, if not the usual
}

func (l *lane) operation(what string, b *bundle.Bundle) operation {
	return operation{what: what, bundle: b}
}

// dial connects as the provider does.
func (l *lane) dial(ctx context.Context) (node.Conn, error) {
	return l.client.Dial(ctx, remote.Target{Address: l.h.Address, HostKey: l.h.HostKey, ConnectTimeout: 2 * time.Minute})
}

// do does it over a connection that wrap may wrap.
func (l *lane) do(ctx context.Context, op operation, wrap func(node.Conn) node.Conn) (*node.State, error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn = wrap(conn)
	opts := node.Options{Role: l.role, Bundle: op.bundle, Run: "matrix", MachineID: l.id, Log: l.log, Redial: l.dial,
		PostflightTimeout: op.patience,
		OnChange:          func(s node.State) { l.id = s.MachineID }}
	state, err := perform(ctx, conn, op.what, opts)
	// Where the host is gone, so is what Close would tidy up.
	_ = conn.Close()
	return state, err
}

// perform does an operation by its name.
func perform(ctx context.Context, conn node.Conn, what string, opts node.Options) (*node.State, error) {
	switch what {
	case "install":
		return node.Install(ctx, conn, opts)
	case "upgrade":
		return node.Upgrade(ctx, conn, opts)
	case "uninstall":
		return nil, node.Uninstall(ctx, conn, opts)
	}
	return nil, fmt.Errorf("there is no operation %q", what)
}

// strike does the operation while the fault happens.
func (l *lane) strike(t *testing.T, s stage, op operation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	struck := false
	hit := func() {
		struck = true
		if l.fault.cancel {
			cancel()
			return
		}
		if err := l.fault.strike(t.Context(), l.h); err != nil {
			t.Errorf("%s in %s: %v", l.fault.name, s.name, err)
		}
	}
	if l.fault.disk {
		op.patience = 30 * time.Second // it will not do it before the disk is mended
	}
	known := l.id
	var err error
	switch {
	case l.fault.kill:
		err = l.killed(t, s, op)
		struck = true
		l.id = known // nobody lived to tell
	case s.script == inConnection:
		// It happens while the client is at it, or right before.
		hit()
		_, err = l.do(ctx, op, func(c node.Conn) node.Conn { return c })
	default:
		_, err = l.do(ctx, op, func(c node.Conn) node.Conn {
			return &struckConn{Conn: c, script: s.script, hit: hit}
		})
	}
	if !struck {
		t.Errorf("%s did not happen in %s: %v", l.fault.name, s.name, err)
	}
	if l.fault.mend != nil && struck {
		if err := l.fault.mend(t.Context(), l.h); err != nil {
			t.Errorf("mending %s: %v", l.fault.name, err)
		}
	}
	said := "went on and succeeded"
	if err != nil {
		said, _, _ = strings.Cut(err.Error(), "\n")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cells = append(l.cells, cell{s.name, l.fault.name, said})
}

// again does the operation once more, as the next apply or destroy does: it
// has to succeed and to leave nothing behind that should not be there.
func (l *lane) again(t *testing.T, s stage, op operation) {
	t.Helper()
	conn := &counted{}
	state, err := l.do(t.Context(), op, func(c node.Conn) node.Conn { conn.Conn = c; return conn })
	if err != nil {
		t.Fatalf("%s after %s in %s: %+v", op.what, l.fault.name, s.name, err)
	}
	if state == nil {
		return
	}
	l.id = state.MachineID
	if drift := state.Drift(op.bundle, l.role); len(drift) > 0 || state.Owner != nil || state.Staged {
		t.Errorf("after %s in %s: drift %q, owner %v, staging directory %v", l.fault.name, s.name, drift, state.Owner, state.Staged)
	}
	installedBy(t, l.h, op.bundle, l.role.OnDisk())
}

// A struckConn is one on which something happens once.
type struckConn struct {
	node.Conn
	script string
	hit    func()
	once   sync.Once
}

func (c *struckConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	if strings.Contains(s.Name, c.script) {
		s.Stdout = &onFirst{w: s.Stdout, do: func() { c.once.Do(c.hit) }}
	}
	return c.Conn.Run(ctx, s)
}

func (c *struckConn) Upload(ctx context.Context, files []remote.File, progress func(int64)) (string, error) {
	if c.script != inUpload {
		return c.Conn.Upload(ctx, files, progress)
	}
	dir, err := c.Conn.Upload(ctx, files, func(sent int64) {
		c.once.Do(c.hit)
		if progress != nil {
			progress(sent)
		}
	})
	c.once.Do(c.hit)
	return dir, err
}

// onFirst does something when the first byte is written.
type onFirst struct {
	w interface {
		Write(p []byte) (int, error)
	}
	do func()
}

func (o *onFirst) Write(p []byte) (int, error) {
	if o.do != nil {
		o.do()
		o.do = nil
	}
	return o.w.Write(p)
}

// print shows the table: a row for each stage, and what was said.
func (m *matrix) print(t *testing.T, want int) {
	t.Helper()
	count := map[bool]int{}
	order := []string{connecting.name, connected.name, checking.name, checked.name, transferring.name, installing.name, waiting.name,
		fetching.name, activating.name, draining.name, removing.name}
	slices.SortStableFunc(m.cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.stage), slices.Index(order, b.stage)), cmp.Compare(a.fault, b.fault))
	})
	var table strings.Builder
	for _, c := range m.cells {
		count[strings.HasPrefix(c.said, "went on")]++
		said := c.said
		if len(said) > 150 {
			said = said[:150] + "…"
		}
		fmt.Fprintf(&table, "%-20s %-18s %s\n", c.stage, c.fault, said)
	}
	t.Logf("%d cells: %d went on by themselves, %d said an error; the next operation converged in all that are not errors above\n%s",
		len(m.cells), count[true], count[false], table.String())
	if len(m.cells) != want {
		t.Errorf("%d cells of %d were run", len(m.cells), want)
	}
}
