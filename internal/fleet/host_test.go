// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet_test

import (
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
	slow    bool // taking the lock takes for ever
	held    bool // somebody else has the lock
	asked   int  // for the lock
	breaks  int  // so many scripts break the connection
	refuses bool // no connection comes about
	silent  bool // nor is there an answer
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
			if m.refuses {
				return nil, &remote.ConnectError{Host: t.Address, Stage: remote.StepTCP, Silent: m.silent, Err: errors.New("connection refused")}
			}
			return &fakeConn{m, t}, nil
		},
	}
}

type fakeConn struct {
	*fakeMachine
	target remote.Target
}

func (c *fakeConn) Target() remote.Target { return c.target }
func (c *fakeConn) HostKey() string       { return c.key }
func (c *fakeConn) Close() error          { return nil }

func (c *fakeConn) DialThrough(context.Context, string, int) (net.Conn, error) {
	return nil, errors.New("there is nothing beyond")
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
func (c *fakeConn) Run(_ context.Context, s remote.Script) (*remote.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, s.Name)
	if c.breaks > 0 {
		c.breaks--
		return nil, &remote.LostError{Host: c.target.Address, Work: "script " + s.Name, Err: io.EOF}
	}
	var out strings.Builder
	for name := range strings.SplitSeq(s.Name, "+") {
		fmt.Fprintf(&out, "begin=%s\n", name)
		switch name {
		case "inspect":
			fmt.Fprintf(&out, "machine_id=%s\nboot_id=b\nclock=1700000000\n", c.id)
			if c.dcos {
				out.WriteString("opt=yes\n")
			}
			if c.claim.ID != "" {
				text := fmt.Sprintf("begin=claim\nid=%s\ncluster=%s\nend=claim\n", c.claim.ID, c.claim.Cluster)
				fmt.Fprintf(&out, "claim:%s\n", base64.StdEncoding.EncodeToString([]byte(text)))
			}
		case "health":
			if len(c.serving) > 0 {
				fmt.Fprintf(&out, "ensemble:%s\n", c.ensemble())
			}
			out.WriteString("leader=10.0.0.1\nrecovered=yes\n")
		case "uninstall":
			c.dcos = false
		}
		fmt.Fprintf(&out, "end=%s\n", name)
	}
	_, err := io.WriteString(s.Stdout, out.String())
	return &remote.Result{}, err
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
				if only := slices.Compact(m.ran); !slices.Equal(only, []string{"health"}) {
					t.Errorf("ran %q", only)
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
