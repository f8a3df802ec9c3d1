// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A fakeMachine is a host as a connection shows it. It answers the scripts that the
// tests here get to; what they do on a host is internal/node's to test.
type fakeMachine struct {
	mu      sync.Mutex
	id      string
	dcos    bool
	claim   node.Claim // on the host, if it has an id
	serving []bool     // the ensemble, this master first; empty: exhibitor is silent
	key     string
	slow    bool   // taking the lock takes for ever
	held    bool   // somebody else has the lock
	asked   int    // for the lock
	breaks  int    // so many scripts break the connection
	breakAt string // so does this one, once, when it has asked what it asks
	// atGate gives the ensemble as it is when a script that takes the node out
	// of service asks for the nth time; nil: as it was.
	atGate  func(n int) []bool
	gates   int           // such questions
	sees    func() []bool // the ensemble as it is; nil: it does not change by itself
	work    func()        // of an uninstallation; nil: it takes no time
	left    string        // it leaves that behind
	refuses bool          // no connection comes about
	silent  bool          // nor is there an answer
	returns bool          // there is one from the second time on
	answers []string      // the addresses of other machines at which there is one now
	greeted []remote.Target
	dials   []remote.Target
	ran     []string
}

func (m *fakeMachine) fleet(dir string) *fleet.Fleet {
	return &fleet.Fleet{
		Turns: fleet.New(), Machines: fleet.NewMachines(dir, time.Now), PinHostKeys: true,
		Dial: func(_ context.Context, t remote.Target) (fleet.Conn, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.dials = append(m.dials, t)
			if m.refuses && !(m.returns && len(m.dials) > 1) {
				return nil, &remote.ConnectError{Host: t.Address, Stage: remote.StepTCP, Silent: m.silent, Err: errors.New("connection refused")}
			}
			return &fakeConn{m, t, len(m.dials)}, nil
		},
		Greet: func(ctx context.Context, t remote.Target) error {
			m.mu.Lock()
			m.greeted = append(m.greeted, t)
			answers := slices.Contains(m.answers, t.Address)
			m.mu.Unlock()
			if answers && ctx.Err() == nil {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
		Way: func(_ context.Context, t remote.Target) (remote.Way, error) {
			way := remote.Way{Port: cmp.Or(t.Port, 22)}
			for _, h := range t.JumpHosts {
				way.Via += " " + h.Address
			}
			return way, nil
		},
	}
}

type fakeConn struct {
	*fakeMachine
	target remote.Target
	number int // of the connection, from 1
}

func (c *fakeConn) Target() remote.Target { return c.target }
func (c *fakeConn) HostKey() string       { return c.key }
func (c *fakeConn) Close() error          { return nil }

func (*fakeConn) JumpKeys() map[string]string { return nil } // there are no jump hosts here

func (c *fakeConn) DialThrough(context.Context, string, int) (net.Conn, error) {
	return nil, fmt.Errorf("there is nothing beyond connection %d", c.number)
}

func (c *fakeConn) Upload(context.Context, []remote.File, func(int64)) (string, error) {
	return "/var/tmp/x", nil
}

func (c *fakeConn) Lock(ctx context.Context, _ string) error {
	c.mu.Lock()
	c.asked++
	slow, held := c.slow, c.held
	c.mu.Unlock()
	switch {
	case slow:
		<-ctx.Done()
		return ctx.Err()
	case held:
		return &remote.LockedError{Host: c.target.Address, Owner: "somebody"}
	}
	return nil
}

// Run answers.
func (c *fakeConn) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, s.Name)
	lost := &remote.LostError{Host: c.target.Address, Work: "script " + s.Name, Err: io.EOF}
	if c.breaks > 0 {
		c.breaks--
		return nil, lost
	}
	put := func(format string, values ...any) {
		_, _ = fmt.Fprintf(s.Stdout, format+"\n", values...) // a frame takes everything
	}
	for name := range strings.SplitSeq(s.Name, "+") {
		put("begin=%s", name)
		switch name {
		case "inspect":
			put("machine_id=%s\nboot_id=b\nclock=1700000000", c.id)
			if c.dcos {
				put("opt=yes")
			}
			if c.claim.ID != "" {
				text := fmt.Sprintf("begin=claim\nid=%s\ncluster=%s\nend=claim\n", c.claim.ID, c.claim.Cluster)
				put("claim:%s", base64.StdEncoding.EncodeToString([]byte(text)))
			}
		case "health":
			c.health(put)
		case "gate":
			if !c.gate(ctx, s, put) {
				put("failed=no-go")
				return &remote.Result{ExitCode: 70}, &remote.ExitError{Host: c.target.Address, Script: s.Name, Code: 70}
			}
			if c.breakAt == s.Name {
				c.breakAt = ""
				return nil, lost
			}
		case "uninstall":
			c.dcos = false
			if c.work != nil {
				c.mu.Unlock()
				c.work()
				c.mu.Lock()
			}
		case "verify":
			if c.left != "" {
				put("left=%s", c.left)
			}
		}
		put("end=%s", name)
	}
	return &remote.Result{}, nil
}

func (c *fakeConn) health(put func(string, ...any)) {
	if c.sees != nil {
		c.serving = c.sees()
	}
	if len(c.serving) > 0 {
		put("ensemble:%s", c.ensemble())
	}
	put("leader=10.0.0.1\nrecovered=yes")
}

// gate asks as the script does, and says whether there was a go.
func (c *fakeConn) gate(ctx context.Context, s remote.Script, put func(string, ...any)) bool {
	answers := bufio.NewReader(s.Stdin)
	for {
		if c.gates++; c.atGate != nil {
			c.serving = c.atGate(c.gates)
		}
		c.health(put)
		put("ask=yes")
		switch answer, err := answers.ReadString('\n'); {
		case err != nil || answer == "no\n":
			return false
		case answer == "go\n":
			return true
		}
		c.mu.Unlock()
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
		c.mu.Lock()
	}
}

func (c *fakeConn) ensemble() string {
	entries := make([]string, len(c.serving))
	for i, serves := range c.serving {
		entries[i] = fmt.Sprintf(`{"hostname":"10.0.0.%d","description":%q}`, i+1, map[bool]string{true: "serving", false: "down"}[serves])
	}
	return base64.StdEncoding.EncodeToString([]byte("[" + strings.Join(entries, ",") + "]"))
}

// hostAt is a node.
func hostAt(role node.Role) fleet.Host {
	return fleet.Host{
		Target: remote.Target{Address: "10.0.0.1", HostKey: "pinned"}, Role: role, Cluster: "one", MachineID: "m1",
		Bundle: &bundle.Bundle{ClusterName: "one",
			Arguments: map[string]string{"num_masters": "3", "bootstrap_url": "file:///opt/dcos_install_tmp"}},
	}
}

// TestLook tells a node that is there from one that is gone and from another
// machine, and notes it for others to know.
func TestLook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		machine *fakeMachine
		known   string
		want    fleet.Presence
		noted   bool
	}{
		"there":               {&fakeMachine{id: "m1", dcos: true}, "m1", fleet.Present, true},
		"gone":                {&fakeMachine{id: "m1"}, "m1", fleet.Gone, false},
		"another machine":     {&fakeMachine{id: "m2", dcos: true}, "m1", fleet.Replaced, false},
		"another's":           {&fakeMachine{id: "m1", dcos: true, claim: node.Claim{ID: "other", Cluster: "one"}}, "m1", fleet.Taken, true},
		"its own":             {&fakeMachine{id: "m1", dcos: true, claim: node.Claim{ID: "own", Cluster: "one"}}, "m1", fleet.Present, true},
		"never seen":          {&fakeMachine{id: "m1", dcos: true}, "", fleet.Present, false},
		"never seen, nothing": {&fakeMachine{id: "m1"}, "", fleet.Gone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := c.machine.fleet(t.TempDir())
			h := hostAt(node.Agent)
			h.MachineID, h.Bundle, h.Claim = c.known, nil, "own"
			if c.known != "" {
				f.Record(t.Context(), "one", h)
			}
			s, err := f.Look(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			if s.Presence != c.want {
				t.Errorf("it is %v, want %v", s.Presence, c.want)
			}
			if d := c.machine.dials[0]; d.ConnectTimeout != fleet.LookTimeout || d.HostKey != "pinned" {
				t.Errorf("dialled %+v", d)
			}
			peers, err := f.Machines.Meet("one", fleet.Machine{Address: "10.0.0.9", ID: "m1"})
			if err != nil || (peers.Twin != nil) != c.noted {
				t.Errorf("noted: %+v, %v", peers.Twin, err)
			}
		})
	}
}

// TestGate holds that a master which the ensemble cannot do without is not
// touched, and that nobody takes a broken connection for an answer.
func TestGate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		machine *fakeMachine
		opens   bool
	}{
		"all serve":               {&fakeMachine{serving: []bool{true, true, true}}, true},
		"another does not":        {&fakeMachine{serving: []bool{true, false, true}}, false},
		"this one does not":       {&fakeMachine{serving: []bool{false, true, true}}, true},
		"exhibitor is silent":     {&fakeMachine{}, false},
		"the connection breaks":   {&fakeMachine{serving: []bool{true, true, true}, breaks: 2}, true},
		"it breaks, and one less": {&fakeMachine{serving: []bool{true, true, false}, breaks: 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := c.machine
				m.id, m.key, m.held = "m1", "shown", true // no further than to the node
				f, start := m.fleet(dir), time.Now()
				_, err := f.Bring(t.Context(), hostAt(node.Master), fleet.Terms{Kind: fleet.Change})
				var gate *fleet.GateError
				if closed := errors.As(err, &gate); closed == c.opens {
					t.Fatalf("the gate: %v", err)
				}
				if touched := m.asked > 0; touched != c.opens || remote.OfKind(err, remote.KindLocked) == nil == c.opens {
					t.Errorf("it was touched: %t; %v", touched, err)
				}
				ran := slices.DeleteFunc(slices.Clone(m.ran), func(s string) bool { return s == "health" })
				if want := []string{"inspect"}; len(ran) > 0 && !slices.Equal(ran, want) {
					t.Errorf("beside asking for the ensemble's health, it ran %q", ran)
				}
				if took := time.Since(start); !c.opens && (took < fleet.Patience-time.Minute || took > fleet.Patience+time.Minute) {
					t.Errorf("it was closed for %s", took)
				}
				for i, d := range m.dials {
					if want := map[bool]string{true: "pinned", false: "shown"}[i == 0]; d.HostKey != want {
						t.Errorf("connection %d has to show the key %q, want %q", i, d.HostKey, want)
					}
				}
			})
		})
	}
}

// TestEndings tells apart how operations end: by themselves, by their time limit
// or since somebody asked for it, and that with a time limit of its own what is
// under way is not cut off.
func TestEndings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit     time.Duration // in the terms
		bound     time.Duration // of the context
		interrupt time.Duration // the context is cancelled
		refuses   bool
		want      fleet.Ending
		after     time.Duration
	}{
		"refused":                      {0, 0, 0, true, fleet.ByItself, 0},
		"refused, with a limit":        {time.Hour, 0, 0, true, fleet.ByItself, 0},
		"its context's time is over":   {0, time.Minute, 0, false, fleet.ByTimeLimit, time.Minute},
		"interrupted":                  {0, time.Hour, time.Minute, false, fleet.ByInterrupt, time.Minute},
		"its own time is over":         {time.Minute, 0, 0, false, fleet.ByTimeLimit, time.Minute},
		"asked to stop, goes on":       {time.Hour, 0, time.Minute, false, fleet.ByTimeLimit, time.Hour},
		"asked to stop before it runs": {time.Hour, 0, -1, false, fleet.ByInterrupt, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := &fakeMachine{id: "m1", dcos: true, slow: true, refuses: c.refuses}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.bound > 0 {
					var done context.CancelFunc
					ctx, done = context.WithTimeout(ctx, c.bound)
					defer done()
				}
				switch {
				case c.interrupt < 0:
					cancel()
				case c.interrupt > 0:
					time.AfterFunc(c.interrupt, cancel)
				}
				start := time.Now()
				role, kind := node.Agent, fleet.Repair
				_, err := m.fleet(dir).Bring(ctx, hostAt(role), fleet.Terms{Kind: kind, Limit: c.limit})
				var failed *fleet.Failure
				if !errors.As(err, &failed) || failed.Ended != c.want || failed.Reached == (c.refuses || c.interrupt < 0) {
					t.Errorf("%#v: %v", failed, err)
				}
				if took := time.Since(start); took != c.after {
					t.Errorf("it took %s, want %s", took, c.after)
				}
			})
		})
	}
}

// TestRemove holds that a removal leaves another machine alone, which is no
// failure, and that a host that cannot be reached is one.
func TestRemove(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		machine  *fakeMachine
		replaced bool
		fails    bool
	}{
		"the node's":      {&fakeMachine{id: "m1", dcos: true}, false, false},
		"another machine": {&fakeMachine{id: "m2", dcos: true}, true, false},
		"not reached":     {&fakeMachine{refuses: true}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := c.machine
			f := m.fleet(t.TempDir())
			f.Record(t.Context(), "one", hostAt(node.Agent))
			r, err := f.Remove(t.Context(), hostAt(node.Agent), fleet.Terms{})
			if (err != nil) != c.fails || (r.Left != nil) != c.replaced || (r.Before != nil) == (c.fails || c.replaced) {
				t.Errorf("%+v, %v", r, err)
			}
			if c.replaced != m.dcos {
				t.Errorf("DC/OS is there: %v", m.dcos)
			}
			peers, err := f.Machines.Meet("one", fleet.Machine{Address: "10.0.0.9", ID: "m1"})
			if err != nil || (peers.Twin != nil) != c.fails {
				t.Errorf("it is noted: %+v, %v", peers.Twin, err)
			}
		})
	}
}

// TestRemoveMaster removes a master only if its ensemble can do without it, when
// it is asked and when it is about to stop, unless the ensemble goes.
func TestRemoveMaster(t *testing.T) {
	t.Parallel()
	all, two := []bool{true, true, true}, []bool{true, false, true}
	until := func(n int, then []bool) func(int) []bool {
		return func(asked int) []bool {
			if asked > n {
				return then
			}
			return two
		}
	}
	const gated, free = "health inspect gate+uninstall verify", "inspect uninstall verify"
	for name, c := range map[string]struct {
		machine *fakeMachine
		goes    bool
		ran     string // without what was asked again
		outage  bool   // it was left in service at the last moment
		after   time.Duration
	}{
		"all serve":         {&fakeMachine{serving: all}, false, gated, false, 0},
		"another does not":  {&fakeMachine{serving: two}, false, "health inspect health", false, fleet.RemovalPatience},
		"this one does not": {&fakeMachine{serving: []bool{false, true, true}}, false, gated, false, 0},
		"another dies meanwhile": {&fakeMachine{serving: all, atGate: until(1000, nil)}, false,
			"health inspect gate+uninstall", true, fleet.RemovalPatience},
		"it comes back": {&fakeMachine{serving: all, atGate: until(5, all)}, false, gated, false, 10 * time.Second},
		"the connection breaks": {&fakeMachine{serving: all, breakAt: "gate+uninstall"}, false,
			"health inspect gate+uninstall gate+uninstall verify", false, 0},
		"the ensemble goes": {&fakeMachine{serving: two}, true, free, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := c.machine
				m.id, m.dcos = "m1", true
				f := m.fleet(dir)
				start := time.Now()
				_, err := f.Remove(t.Context(), hostAt(node.Master), fleet.Terms{EnsembleGoes: c.goes})
				if took := time.Since(start) - fleet.Grace; took > c.after || took < c.after-3*time.Second {
					t.Errorf("it took %s, want %s", took, c.after)
				}
				stays := !strings.Contains(c.ran, "verify")
				var gate *fleet.GateError
				if errors.As(err, &gate) != stays || !stays && err != nil ||
					stays && (gate.Outage != c.outage || gate.After || gate.Host != "10.0.0.1") {
					t.Errorf("%#v: %v", gate, err)
				}
				if stays != m.dcos {
					t.Errorf("DC/OS is there: %t", m.dcos)
				}
				ran := m.ran
				if strings.HasSuffix(c.ran, "health") {
					ran = slices.Compact(ran)
				}
				if got := strings.Join(ran, " "); got != c.ran {
					t.Errorf("ran %q, want %q", got, c.ran)
				}
			})
		})
	}
}

// TestClosedGateOfAnother holds that a master which is not the host's any more is
// told so, and that nobody waits at the gate of its ensemble for that.
func TestClosedGateOfAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id    string
		claim node.Claim
	}{
		"another machine": {id: "m2"},
		"another's":       {"m1", node.Claim{ID: "other", Cluster: "one"}},
		"another cluster": {"m1", node.Claim{ID: "other", Cluster: "two"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				m := &fakeMachine{id: c.id, dcos: true, claim: c.claim, serving: []bool{true, true, false}}
				h, start := hostAt(node.Master), time.Now()
				h.Claim = "own"
				r, err := m.fleet(dir).Remove(t.Context(), h, fleet.Terms{})
				if err != nil || r.Left == nil || !m.dcos {
					t.Errorf("removed: %+v, %v; DC/OS is there: %t", r, err, m.dcos)
				}
				m.held = true // no further than to the node
				_, err = m.fleet(dir).Bring(t.Context(), h, fleet.Terms{Kind: fleet.Change})
				if remote.OfKind(err, remote.KindLocked) == nil {
					t.Errorf("changed: %v", err)
				}
				if took := time.Since(start); took > 2*fleet.Grace {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestAgentsHaveNoGate holds that an agent's removal asks nobody.
func TestAgentsHaveNoGate(t *testing.T) {
	t.Parallel()
	m := &fakeMachine{id: "m1", dcos: true, serving: []bool{true, false, false}}
	if _, err := m.fleet(t.TempDir()).Remove(t.Context(), hostAt(node.Agent), fleet.Terms{}); err != nil {
		t.Error(err)
	}
	if got := strings.Join(m.ran, " "); got != "inspect uninstall verify" {
		t.Errorf("ran %q", got)
	}
}
