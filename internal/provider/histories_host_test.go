// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage/outagetest"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// The hosts of TestHistories. They answer the scripts of internal/node by name, as
// a host that carried them out would, on the clock of the test's bubble. What is
// left out: what scripts do to files, drift, checks but that of the machine id, a
// swap of directories that a power cut interrupts, and clusters besides the one.

const (
	modelCluster = "one"
	modelMasters = 3 // the first hosts
	modelHosts   = 6
)

// A modelWorld is all hosts, and what must not happen on them.
type modelWorld struct {
	bundles map[string]*bundle.Bundle // by id

	// lag is how long exhibitor takes to see that a master was stopped, less than
	// [outage.Steady]. What dies by itself it sees at once: that two are out since
	// the second one has just died is nobody's fault.
	lag time.Duration
	// noLock says that the ensemble gives no lock. Then there is only one process:
	// nothing else keeps another one away.
	noLock bool

	mu       sync.Mutex
	hosts    []*modelHost
	ensemble *outagetest.Ensemble // the register of its lock
	goes     bool                 // it is lost, since somebody may have it so
	most     int                  // masters that were out at once since scripts had stopped them
	wrong    []string             // what must not have happened
	tally    modelTally
	say      func(format string, args ...any) // nil: nothing is told
}

// A modelTally counts what happened, by what it is.
type modelTally map[string]int

// A modelHost is one machine. It is reached at two addresses, of which nobody
// says that they are one machine's.
type modelHost struct {
	number    int
	machineID string
	role      node.Role // of its nodes

	installed     node.Installed
	bundle        *bundle.Bundle // whose packages are active
	setup         bool           // dcos-setup has not been through, or never will
	stopped       bool           // a script has stopped DC/OS
	stoppedAt     time.Time      // when one did so last, of a master that served
	sick          bool           // it does not serve with these packages
	recorded      bool
	owner         string // the marker, as it came
	marked        *bundle.Bundle
	claim         string // as it came
	claimID       string
	claimedBy     *modelOp // that wrote the claim last; nil if the history began with it
	uninstalled   *modelOp // that took the last node away
	uninstalledAt string   // the address at which it did

	outBy   *modelOp // that has taken the master out of service and is not done with it
	weather []modelWeather
	later   *modelLater
	lock    *modelConn // of the operators
}

// A modelWeather is a time in which a master's exhibitor is dead, or its machine
// is switched off, without anybody's doing.
type modelWeather struct {
	from, to time.Time
	off      bool
}

// A modelLater is something that goes on on a host by itself.
type modelLater struct {
	at   time.Time
	unit string // "" for a script whose connection is gone
	then func()
}

func newModelWorld(bundles map[string]*bundle.Bundle) *modelWorld {
	w := &modelWorld{bundles: bundles, tally: modelTally{}, ensemble: &outagetest.Ensemble{}}
	for i := range modelHosts {
		role := node.Agent
		if i < modelMasters {
			role = node.Master
		}
		w.hosts = append(w.hosts, &modelHost{number: i, machineID: fmt.Sprintf("m%d", i), role: role, installed: node.None})
	}
	return w
}

// modelAddress is one of the addresses of a host.
func modelAddress(number, way int) string { return fmt.Sprintf("10.0.%d.%d", way, number+1) }

func (w *modelWorld) host(address string) *modelHost {
	var way, number int
	if _, err := fmt.Sscanf(address, "10.0.%d.%d", &way, &number); err != nil {
		panic(err)
	}
	return w.hosts[number-1]
}

func (w *modelWorld) fault(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	w.tell("FAULT: "+format, args...)
}

func (w *modelWorld) tell(format string, args ...any) {
	if w.say != nil {
		w.say(format, args...)
	}
}

// settle does what has gone on on the host by itself.
func (h *modelHost) settle(now time.Time) {
	if h.later != nil && !now.Before(h.later.at) {
		then := h.later.then
		h.later = nil
		then()
	}
}

func (h *modelHost) under(now time.Time) *modelWeather {
	for i, it := range h.weather {
		if !now.Before(it.from) && now.Before(it.to) {
			return &h.weather[i]
		}
	}
	return nil
}

// serves reports whether a master serves.
func (h *modelHost) serves(now time.Time) bool {
	h.settle(now)
	return h.installed == node.Complete && !h.setup && !h.stopped && !h.sick && h.under(now) == nil
}

// serving returns which masters serve.
func (w *modelWorld) serving(now time.Time) (serving [modelMasters]bool, n int) {
	for i, h := range w.hosts[:modelMasters] {
		if serving[i] = h.serves(now); serving[i] {
			n++
		}
	}
	return serving, n
}

// outage is told of a script that takes a node out of service, and holds the rule
// of quorum.
func (w *modelWorld) outage(op *modelOp, h *modelHost, script string) {
	now := time.Now()
	if h.role != node.Master {
		return
	}
	serving, n := w.serving(now)
	w.tell("%s: %s takes host %d out of service, %v serve", op, script, h.number, serving)
	if !serving[h.number] {
		w.tally["outages of masters that do not serve"]++
		return
	}
	w.tally["outages of masters"]++
	h.stoppedAt = now
	if !op.free() {
		w.alone(op, h)
		h.outBy = op
	}
	w.goes = w.goes && n < modelMasters // else it is whole again
	if !op.free() && !w.goes {
		w.most = max(w.most, modelMasters-n+1)
	}
	switch {
	case op.free():
		w.goes = true
		w.tally["outages of masters of an ensemble that goes"]++
	case w.goes:
	case n-1 <= modelMasters/2:
		w.fault("%s: %s takes the master %d out of service, and %d of %d are left", op, script, h.number, n-1, modelMasters)
	}
}

// alone holds that a run changes masters one at a time: none while another one is
// out by it.
func (w *modelWorld) alone(op *modelOp, h *modelHost) {
	for _, other := range w.hosts[:modelMasters] {
		if h.role == node.Master && other != h && other.outBy != nil && other.outBy.p == op.p {
			w.fault("%s: works on the master %d while %s is not done with the master %d", op, h.number, other.outBy, other.number)
		}
	}
}

// mark takes a marker and a claim, and holds whose the node is.
func (w *modelWorld) mark(op *modelOp, c *modelConn, h *modelHost, owner, claim string) {
	if owner != "" && owner != "-" {
		h.owner, h.marked = owner, w.bundles[modelField(owner, "bundle")]
	}
	h.recorded = true
	if claim == "" || claim == "-" {
		return
	}
	known, takes := op.knows(c.target.Address)
	if !takes {
		w.alone(op, h)
	}
	id := modelField(claim, "id")
	if id == h.claimID {
		return
	}
	switch {
	case h.claimedBy != nil && h.claimedBy.run == op.run && h.claimedBy.holder != op.holder && h.claimID != known:
		w.fault("%s: has the machine %s, which %s of the same run has made its node", op, h.machineID, h.claimedBy)
	case h.claimID != "" && known != "" && known != h.claimID && !takes:
		w.fault("%s: changes the node of host %d, whose claim is %s, with the claim %s", op, h.number, h.claimID, known)
	case h.claimID != "":
		w.tally["nodes taken over"]++
	}
	w.tell("%s: claims host %d: %s, before %q", op, h.number, id, h.claimID)
	h.claim, h.claimID, h.claimedBy = claim, id, op
}

// leaves is told of a node that is uninstalled, and holds whose it is.
func (w *modelWorld) leaves(op *modelOp, c *modelConn, h *modelHost) {
	known, takes := op.knows(c.target.Address)
	if h.installed == node.None {
		return
	}
	w.tally["uninstalled"]++
	w.tell("%s: uninstalls host %d: claim %q, known %q", op, h.number, h.claimID, known)
	switch {
	case h.claimID == "" || h.claimID == known || takes && !op.removing:
	case op.lost && h.owner != "" && h.claimedBy.same(op):
		w.tally["uninstalled unfinished, by a holder that does not know its claim"]++
	default:
		w.fault("%s: uninstalls the node of host %d by the claim %q, whose claim is %q, of %v", op, h.number, known, h.claimID, h.claimedBy)
	}
	h.uninstalled, h.uninstalledAt = op, c.target.Address
}

// same reports whether another operation is of the same resource.
func (o *modelOp) same(other *modelOp) bool {
	return o != nil && o.holder == other.holder && o.p.modelTerraform == other.p.modelTerraform
}

// modelField reads a value of what scripts take in base64.
func modelField(text, key string) string {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	_, rest, found := strings.Cut(string(b), "\n"+key+"=")
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// A modelConn is a connection of an operation to a host.
type modelConn struct {
	w      *modelWorld
	h      *modelHost
	op     *modelOp
	target remote.Target
	r      *rand.Rand
	broken bool
}

func (c *modelConn) Target() remote.Target { return c.target }
func (c *modelConn) HostKey() string       { return "key" }

// JumpKeys are none.
func (c *modelConn) JumpKeys() map[string]string { return nil }

// DialThrough leads nowhere.
func (c *modelConn) DialThrough(context.Context, string, int) (net.Conn, error) {
	return nil, errors.New("there is nothing beyond")
}

func (c *modelConn) Close() error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.free()
	if c.h.outBy == c.op {
		c.h.outBy = nil
	}
	return nil
}

// free gives the operators' lock back, unless a script goes on.
func (c *modelConn) free() {
	if c.h.lock == c && (c.h.later == nil || c.h.later.unit != "") {
		c.h.lock = nil
	}
}

// dial connects.
func (w *modelWorld) dial(ctx context.Context, t remote.Target) (fleet.Conn, error) {
	op, ok := ctx.Value(modelOpKey{}).(*modelOp)
	if !ok {
		panic("nobody's connection")
	}
	h := w.host(t.Address)
	w.mu.Lock()
	c := &modelConn{w: w, h: h, op: op, target: t, r: op.draws(h)}
	w.mu.Unlock()
	silent := &remote.ConnectError{Host: t.Address, Stage: remote.StepTCP, Silent: true, Err: errors.New("no answer")}
	if err := c.passes(ctx, 100*time.Millisecond, time.Second); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if op.p.killed() {
		return nil, silent
	}
	if it := h.under(time.Now()); it != nil && it.off {
		w.tally["hosts that did not answer"]++
		return nil, silent
	}
	return c, nil
}

// passes lets some time pass, a different one for everybody: what happens in a
// history is then in one order, whatever the order in which goroutines run.
func (c *modelConn) passes(ctx context.Context, least, most time.Duration) error {
	c.w.mu.Lock()
	d := least + time.Duration(c.r.Int64N(int64(most-least)))
	c.w.mu.Unlock()
	return c.until(ctx, time.Now().Add(d))
}

func (c *modelConn) until(ctx context.Context, when time.Time) error {
	timer := time.NewTimer(time.Until(when))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.op.p.dead:
	}
	return nil
}

// lost breaks the connection. The host is not told.
func (c *modelConn) lost(work string) error {
	c.broken = true
	c.free()
	c.w.tally["connections that broke"]++
	return &remote.LostError{Host: c.target.Address, Work: work, Err: io.EOF}
}

// gone says why nothing can be done over the connection any more, nil if it can.
func (c *modelConn) gone(work string) error {
	it := c.h.under(time.Now())
	if c.broken || c.op.p.killed() || it != nil && it.off {
		return c.lost(work)
	}
	return nil
}

// Upload takes its time.
func (c *modelConn) Upload(ctx context.Context, files []remote.File, _ func(int64)) (string, error) {
	if len(files) > 0 {
		if err := c.passes(ctx, time.Second, time.Minute); err != nil {
			return "", err
		}
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return "/var/tmp/x", c.gone("upload")
}

// Lock is refused while another connection has it.
func (c *modelConn) Lock(context.Context, string) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if err := c.gone("lock"); err != nil {
		return err
	}
	c.h.settle(time.Now())
	if c.h.lock != nil && c.h.lock != c {
		c.w.tally["hosts that another operator had"]++
		return &remote.LockedError{Host: c.target.Address, Owner: "somebody"}
	}
	c.h.lock = c
	return nil
}

// Run answers scripts.
func (c *modelConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	out := &bytes.Buffer{}
	defer func() { _, _ = s.Stdout.Write(out.Bytes()) }() // a frame takes everything
	c.w.mu.Lock()
	err := c.gone("script " + s.Name)
	if err == nil && c.r.IntN(200) == 0 {
		err = c.lost("script " + s.Name)
	}
	c.w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	in := []byte(nil)
	for name := range strings.SplitSeq(s.Name, "+") {
		fmt.Fprintf(out, "begin=%s\n", name)
		if name == "gate" {
			if in, err = c.gate(ctx, s, out); err != nil {
				return nil, err
			}
		} else {
			if in == nil && s.Stdin != nil {
				if in, err = io.ReadAll(s.Stdin); err != nil {
					return nil, err
				}
			}
			if err := c.script(ctx, name, s, in, out); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(out, "end=%s\n", name)
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if err := c.gone("script " + s.Name); err != nil {
		return nil, err
	}
	if c.r.IntN(200) == 0 {
		return nil, c.lost("script " + s.Name)
	}
	return &remote.Result{}, nil
}

func (c *modelConn) failed(s remote.Script, out *bytes.Buffer, why string) error {
	fmt.Fprintf(out, "failed=%s\n", why)
	return &remote.ExitError{Host: c.target.Address, Script: s.Name, Code: 70}
}

// gate asks as gate.sh does, and gives what the script behind it reads.
func (c *modelConn) gate(ctx context.Context, s remote.Script, out *bytes.Buffer) (rest []byte, err error) {
	for {
		begun := false
		c.w.mu.Lock()
		err := c.gone("script gate")
		c.h.settle(time.Now())
		if len(s.Args) > 0 && s.Args[0] != "" && c.h.later != nil && c.h.later.unit == s.Args[0] {
			begun = true
		}
		c.health(out)
		c.w.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if begun {
			out.WriteString("ask=begun\n")
		} else {
			out.WriteString("ask=yes\n")
		}
		// Whoever takes this answers meanwhile.
		_, _ = s.Stdout.Write(out.Bytes())
		out.Reset()
		line, err := modelLine(s.Stdin)
		switch {
		case err != nil || line == "no":
			return nil, c.failed(s, out, "no-go")
		case line == "go":
			return io.ReadAll(s.Stdin)
		}
		c.w.mu.Lock()
		c.w.tally["gates that were closed at the outage"]++
		c.w.mu.Unlock()
		if err := c.passes(ctx, 2*time.Second, 2*time.Second+time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// modelLine reads no byte beyond a line.
func modelLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

// health is what put_ensemble prints.
func (c *modelConn) health(out *bytes.Buffer) {
	now := time.Now()
	if !c.h.serves(now) {
		return
	}
	serving, n := c.w.serving(now)
	for i, h := range c.w.hosts[:modelMasters] {
		serving[i] = serving[i] || now.Before(h.stoppedAt.Add(c.w.lag)) && h.under(now) == nil
	}
	fmt.Fprintf(out, "ip=%s\n", modelAddress(c.h.number, 0))
	var entries []byte
	for i, is := range serving {
		word := "down"
		if is {
			word = "serving"
		}
		entries = fmt.Appendf(entries, `,{"hostname":%q,"description":%q}`, modelAddress(i, 0), word)
	}
	entries[0] = '['
	fmt.Fprintf(out, "ensemble:%s\n", base64.StdEncoding.EncodeToString(append(entries, ']')))
	if n > modelMasters/2 {
		out.WriteString("leader=10.0.0.1\nrecovered=yes\n")
	}
}

// script carries out one script.
func (c *modelConn) script(ctx context.Context, name string, s remote.Script, in []byte, out *bytes.Buffer) error {
	const quick = 3 * time.Second
	switch name {
	case "preflight", "inspect", "health", "peers":
		if err := c.passes(ctx, time.Millisecond, quick); err != nil {
			return err
		}
	case "postflight":
		return c.postflight(ctx, s, out)
	case "follow":
		return c.follow(ctx, s.Args[0])
	case "drain", "fetch", "rollback":
		if err := c.passes(ctx, time.Second, time.Minute); err != nil {
			return err
		}
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if err := c.gone("script " + name); err != nil {
		return err
	}
	h := c.h
	h.settle(time.Now())
	switch name {
	case "inspect":
		c.inspect(out)
	case "health":
		c.health(out)
	case "drain":
		h.stopped = true
	case "place":
		c.marker(in)
	case "finish":
		c.marker(in)
		h.owner, h.marked = "", nil
	case "apply":
		c.marker(in)
		if h.installed == node.Complete && !h.setup {
			return nil // a repair, which restarts nothing
		}
		h.installed, h.setup, h.stopped, h.sick = node.Partial, true, false, false
		wanted := h.marked
		h.later = &modelLater{at: c.in(10*time.Second, 2*time.Minute), unit: "setup", then: func() {
			h.installed, h.setup, h.bundle = node.Complete, false, wanted
		}}
	case "activate":
		if h.later != nil && h.later.unit == modelActivate {
			return nil // it is under way
		}
		c.w.outage(c.op, h, name)
		c.marker(in)
		h.stopped = true
		wanted, sick := c.packages(in), c.r.IntN(30) == 0
		h.later = &modelLater{at: c.in(10*time.Second, 2*time.Minute), unit: modelActivate, then: func() {
			h.stopped, h.bundle, h.sick = false, wanted, sick
		}}
	case "uninstall":
		return c.uninstall(ctx)
	case "verify":
		if s.Args[0] == "all" {
			h.owner, h.marked, h.claim, h.claimID, h.claimedBy, h.recorded = "", nil, "", "", nil, false
		}
	}
	return nil
}

const modelActivate = "terraform-dcos-activate.service"

func (c *modelConn) in(least, most time.Duration) time.Time {
	return time.Now().Add(least + time.Duration(c.r.Int64N(int64(most-least))))
}

// marker takes what scripts are told of whose the node is.
func (c *modelConn) marker(in []byte) {
	line, _, _ := strings.Cut(string(in), "\n")
	switch words := strings.Fields(line); {
	case len(words) == 3 && words[0] == "marker":
		c.w.mark(c.op, c, c.h, words[1], words[2])
	case len(words) == 2 && words[0] == "claim":
		c.w.mark(c.op, c, c.h, "", words[1])
	}
}

// packages gives the bundle whose packages are to be activated.
func (c *modelConn) packages(in []byte) *bundle.Bundle {
	var ids []string
	for line := range strings.Lines(string(in)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "id "); ok {
			ids = append(ids, id)
		}
	}
	for _, b := range c.w.bundles {
		if slices.Equal(b.PackageIDs, ids) {
			return b
		}
	}
	panic(fmt.Sprintf("no bundle has the packages %q", ids))
}

// uninstall is called with the world locked. When its connection breaks, the
// script ends there, or goes on.
func (c *modelConn) uninstall(ctx context.Context) error {
	h, w := c.h, c.w
	w.leaves(c.op, c, h)
	if h.installed != node.None {
		w.outage(c.op, h, "uninstall")
		h.installed, h.setup = node.Partial, true
	}
	h.stopped, h.later = true, nil
	gone := func() {
		h.installed, h.bundle, h.setup, h.stopped, h.sick = node.None, nil, false, false, false
		if !slices.ContainsFunc(w.hosts[:modelMasters], func(h *modelHost) bool { return h.installed != node.None }) {
			w.ensemble = &outagetest.Ensemble{} // the next one knows nothing of it
		}
	}
	at, goesOn := c.in(10*time.Second, time.Minute), c.r.IntN(2) == 0
	w.mu.Unlock()
	err := c.until(ctx, at)
	w.mu.Lock()
	if err == nil {
		err = c.gone("script uninstall")
	}
	switch {
	case err == nil:
		gone()
	case goesOn:
		h.lock = c
		h.later = &modelLater{at: c.in(time.Second, time.Minute), then: func() {
			gone()
			if h.lock == c {
				h.lock = nil
			}
		}}
	}
	return err
}

// follow waits for a unit.
func (c *modelConn) follow(ctx context.Context, unit string) error {
	for {
		c.w.mu.Lock()
		err := c.gone("script follow")
		c.h.settle(time.Now())
		at := time.Time{}
		if c.h.later != nil && c.h.later.unit == unit {
			at = c.h.later.at
		}
		c.w.mu.Unlock()
		if err != nil || at.IsZero() {
			return err
		}
		if err := c.until(ctx, at); err != nil {
			return err
		}
	}
}

// postflight waits for the master to serve; in a first installation not for long.
func (c *modelConn) postflight(ctx context.Context, s remote.Script, out *bytes.Buffer) error {
	ensemble := c.h.role == node.Master && s.Args[1] == "ensemble"
	deadline := time.Now().Add(20 * time.Second)
	if ensemble {
		deadline = time.Now().Add(5 * time.Minute)
	}
	for {
		c.w.mu.Lock()
		err := c.gone("script postflight")
		serves := c.h.serves(time.Now()) || c.h.role != node.Master && !c.h.sick
		c.w.mu.Unlock()
		switch {
		case err != nil:
			return err
		case serves:
			return nil
		case time.Now().After(deadline) && (ensemble || c.h.role != node.Master):
			out.WriteString("timeout=yes\n")
			return c.failed(s, out, "it-does-not-serve")
		case time.Now().After(deadline):
			return nil
		}
		if err := c.passes(ctx, 10*time.Second, 20*time.Second); err != nil {
			return err
		}
	}
}

// inspect prints what inspect.sh does.
func (c *modelConn) inspect(out *bytes.Buffer) {
	h := c.h
	fmt.Fprintf(out, "machine_id=%s\nboot_id=b\nclock=%d\ndetected_ip=%s\n", h.machineID, time.Now().Unix(), modelAddress(h.number, 0))
	if h.installed != node.None {
		out.WriteString("opt=yes\n")
	}
	if h.installed == node.Complete {
		fmt.Fprintf(out, "active_directory=yes\ntarget=yes\nmesos_master_provider=MESOS_CLUSTER=%s\nrole=%s\nactive=%s\n",
			modelCluster, h.role.OnDisk(), strings.Join(h.bundle.PackageIDs, " "))
		fmt.Fprintf(out, "version={\"version\":%q}\n", h.bundle.Version)
	}
	if h.setup {
		out.WriteString("setup_pending=yes\n")
	}
	if h.later != nil && h.later.unit == "setup" {
		fmt.Fprintf(out, "units:%s\n", base64.StdEncoding.EncodeToString([]byte("Id=dcos-setup.service\nActiveState=activating\n")))
	}
	if h.later != nil && h.later.unit == modelActivate {
		out.WriteString("activating=running\n")
	}
	if h.owner != "" {
		fmt.Fprintf(out, "owner:%s\nstaged=yes\n", h.owner)
	}
	if h.claim != "" {
		fmt.Fprintf(out, "claim:%s\n", h.claim)
	}
	if h.recorded {
		out.WriteString("recorded=yes\n")
	}
}

// modelSessions are a process's with the register.
type modelSessions struct {
	mu   sync.Mutex
	all  []*outagetest.Session
	dead bool
}

func (s *modelSessions) open(w *modelWorld) outage.Register {
	w.mu.Lock()
	session := w.ensemble.Session()
	w.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, session)
	if s.dead {
		session.Die()
	}
	return &modelRegister{session, w}
}

// die has the process fall silent.
func (s *modelSessions) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	for _, it := range s.all {
		it.Die()
	}
}

// A modelRegister answers as long as the ensemble has its quorum.
type modelRegister struct {
	*outagetest.Session
	w *modelWorld
}

func (r *modelRegister) quorum() error {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if _, n := r.w.serving(time.Now()); n <= modelMasters/2 {
		return errors.New("the ensemble has no quorum")
	}
	return nil
}

func (r *modelRegister) Announce(ctx context.Context, holder string) error {
	if err := r.quorum(); err != nil {
		return err
	}
	return r.Session.Announce(ctx, holder)
}

func (r *modelRegister) Alive(ctx context.Context, holder string) (bool, error) {
	if err := r.quorum(); err != nil {
		return false, err
	}
	return r.Session.Alive(ctx, holder)
}

func (r *modelRegister) Read(ctx context.Context) (record []byte, version string, err error) {
	if err := r.quorum(); err != nil {
		return nil, "", err
	}
	return r.Session.Read(ctx)
}

func (r *modelRegister) Create(ctx context.Context, record []byte) error {
	if err := r.quorum(); err != nil {
		return err
	}
	return r.Session.Create(ctx, record)
}

func (r *modelRegister) Write(ctx context.Context, record []byte, version string) error {
	if err := r.quorum(); err != nil {
		return err
	}
	return r.Session.Write(ctx, record, version)
}

func (r *modelRegister) Delete(ctx context.Context, version string) error {
	if err := r.quorum(); err != nil {
		return err
	}
	return r.Session.Delete(ctx, version)
}
