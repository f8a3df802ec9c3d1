// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

func TestMain(m *testing.M) {
	if os.Getenv(runChild) != "" {
		if err := beChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	// These tests wait for hosts more than they compute.
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(lab.Main(m))
}

// newClient gives a client that opens every host of the lab.
func newClient(t *testing.T, l *lab.Lab) *remote.Client {
	t.Helper()
	return newClientFor(t, l, lab.UserNoPassword)
}

// newClientFor gives a client that logs in as one of the lab's users.
func newClientFor(t *testing.T, l *lab.Lab, user string) *remote.Client {
	t.Helper()
	key, err := l.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	c, err := remote.NewClient(remote.Config{
		User: user, Credentials: remote.Credentials{PrivateKey: remote.Secret(key)},
		Sudo:           remote.Sudo{Password: remote.Secret(lab.Password(user))},
		HostKeyPolicy:  remote.Strict,
		ConnectTimeout: time.Minute, KeepaliveInterval: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// counted is a connection that counts round trips, and what goes over them,
// by what they are for.
type counted struct {
	node.Conn
	mu    sync.Mutex
	trips []string
	bytes []traffic
}

// traffic is what one round trip carries, without the protocol's own.
type traffic struct{ up, down int64 }

// reset begins to count anew.
func (c *counted) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips, c.bytes = nil, nil
}

// table shows each round trip with its bytes, and the sum.
func (c *counted) table() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	var all traffic
	for i, what := range c.trips {
		fmt.Fprintf(&b, "%-20s %9d bytes to the host, %7d from it\n", what, c.bytes[i].up, c.bytes[i].down)
		all.up += c.bytes[i].up
		all.down += c.bytes[i].down
	}
	fmt.Fprintf(&b, "%-20s %9d bytes to the host, %7d from it", fmt.Sprintf("%d round trips", len(c.trips)), all.up, all.down)
	return b.String()
}

// tally counts bytes that pass.
type tally struct {
	io.Reader
	io.Writer
	n int64
}

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.n += int64(n)
	return n, err
}

func (t *tally) Write(p []byte) (int, error) {
	n, err := t.Writer.Write(p)
	t.n += int64(n)
	return n, err
}

func (c *counted) note(what string, t traffic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips = append(c.trips, what)
	c.bytes = append(c.bytes, t)
}

func (c *counted) Run(ctx context.Context, s remote.Script) (*remote.Result, error) {
	up, down := &tally{}, &tally{Writer: io.Discard}
	if s.Stdin != nil {
		up.Reader, s.Stdin = s.Stdin, up
	}
	if s.Stdout != nil {
		down.Writer = s.Stdout
	}
	s.Stdout = down
	result, err := c.Conn.Run(ctx, s)
	c.note(s.Name, traffic{int64(len(s.Text)+len(strings.Join(s.Args, " "))) + up.n, down.n})
	return result, err
}

func (c *counted) Upload(ctx context.Context, files []remote.File, progress func(int64)) (string, error) {
	var t traffic
	for _, f := range files {
		t.up += f.Size
	}
	c.note(fmt.Sprintf("upload of %d", len(files)), t)
	return c.Conn.Upload(ctx, files, progress)
}

func (c *counted) Lock(ctx context.Context, owner string) error {
	c.note("lock", traffic{up: int64(len(owner))})
	return c.Conn.Lock(ctx, owner)
}

// dial connects to a host for the length of the test.
func dial(t *testing.T, c *remote.Client, h *lab.Host) *counted {
	t.Helper()
	conn, err := c.Dial(t.Context(), remote.Target{Address: h.Address, HostKey: h.HostKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &counted{Conn: conn}
}

// testLog gives a run log whose events are shown when the test fails.
func testLog(t *testing.T) *runlog.Log {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	l, err := runlog.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		for e, err := range runlog.Read(strings.NewReader(string(text))) {
			if err != nil {
				t.Error(err)
				continue
			}
			t.Logf("%s %s %-10s %-9s %6.1fs %s %s", e.Time.Format("15:04:05"), e.Host, e.Stage, e.Event, e.Duration.Seconds(), e.Message, e.Tail)
		}
	})
	return l
}

func snapshot(t *testing.T, h *lab.Host) *lab.Snapshot {
	t.Helper()
	shell(t, h, "systemctl is-system-running --wait >/dev/null || true") // nothing of the boot is to show as a change
	s, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantNoTrace compares the host with what it was. The keeper of a connection
// that broke waits half a minute for a successor before it ends, and what it
// was running, a second more.
func wantNoTrace(t *testing.T, before *lab.Snapshot, h *lab.Host) {
	t.Helper()
	var left []lab.Change
	for begun := time.Now(); time.Since(begun) < 45*time.Second; pause(t) {
		left = lab.Diff(before, snapshot(t, h))
		if !slices.ContainsFunc(left, func(c lab.Change) bool { return strings.HasPrefix(c.Name, "process ") }) {
			break
		}
	}
	for _, c := range left {
		t.Errorf("%s: left behind: %s", h.Name, c)
	}
}

// pause leaves the processors to the hosts between two looks at one.
func pause(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(time.Second):
	case <-t.Context().Done():
		t.Fatal(context.Cause(t.Context()))
	}
}

func shell(t *testing.T, h *lab.Host, script string) string {
	t.Helper()
	out, err := h.Shell(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func TestInspectOfAnEmptyHost(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "empty")
	before := snapshot(t, h)
	conn := dial(t, newClient(t, l), h)
	asked := time.Now().Truncate(time.Second)
	s, err := node.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if s.Installed != node.None || s.MachineID == "" || s.BootID == "" || s.Hostname != "empty" || len(s.Addresses) < 2 || s.Role != "" ||
		s.Owner != nil {
		t.Errorf("%+v", s)
	}
	if now := time.Now(); s.Clock.Before(asked) || s.Clock.After(now) {
		t.Errorf("its clock is %v, asked between %v and %v", s.Clock, asked, now)
	}
	if len(conn.trips) != 1 {
		t.Errorf("%d round trips: %q", len(conn.trips), conn.trips)
	}

	// What is not DC/OS's in its own directory is called what it is, and no broken DC/OS.
	shell(t, h, `cd /opt && mkdir -p mesosphere/'old data' mesosphere/etcetera && echo mine >"mesosphere/a
b" && echo mine >mesosphere/.notes`)
	b := build(t, openRelease(t, samplerelease.V22), staticSite(t, "empty", h))
	var strangers *node.StrangersError
	_, err = node.Install(t.Context(), conn, node.Options{Role: node.Master, Bundle: b})
	if want := []string{".notes", "a", "etcetera", "old data"}; !errors.As(err, &strangers) || !slices.Equal(strangers.Names, want) {
		t.Errorf("%v; want it to name %q", err, want)
	}
	findings, err := node.Preflight(t.Context(), conn, node.Options{Role: node.Master, Bundle: b})
	if err != nil || !slices.ContainsFunc(findings, func(f node.Finding) bool {
		return f.Name == "dcos" && strings.Contains(f.Found, "not DC/OS's") && strings.Contains(f.Found, `"old data"`)
	}) {
		t.Errorf("%v, %v", findings, err)
	}
	// Beside the least of DC/OS it is one that is broken.
	for _, what := range []string{"/opt/mesosphere/bin", "/etc/mesosphere/roles/master"} {
		shell(t, h, "mkdir -p "+what)
		var foreign *node.ForeignError
		if _, err := node.Install(t.Context(), conn, node.Options{Role: node.Master, Bundle: b}); !errors.As(err, &foreign) ||
			foreign.Installed != node.Partial {
			t.Errorf("with %s: %v", what, err)
		}
		shell(t, h, "rmdir "+what)
	}
	if got := shell(t, h, `cat /opt/mesosphere/.notes /opt/mesosphere/a*; rm -r /opt/mesosphere /etc/mesosphere`); got != "mine\nmine" {
		t.Errorf("of what was there, this is left: %q", got)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	wantNoTrace(t, before, h)
}

// Removing DC/OS from a host that has none, or another machine's, does
// nothing to it.
func TestUninstallOfWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "stranger")
	before := snapshot(t, h)
	c := newClient(t, l)
	conn := dial(t, c, h)
	s, err := node.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	var changes atomic.Int32
	opts := node.Options{MachineID: "0123456789abcdef0123456789abcdef", OnChange: func(node.State) { changes.Add(1) }}
	err = node.Uninstall(t.Context(), conn, opts)
	if err == nil || !strings.Contains(err.Error(), s.MachineID) || !strings.Contains(err.Error(), opts.MachineID) {
		t.Errorf("%v", err)
	}
	if changes.Load() != 0 {
		t.Error("it was changed")
	}
	opts.MachineID = s.MachineID
	for range 2 {
		if err := node.Uninstall(t.Context(), conn, opts); err != nil {
			t.Error(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	wantNoTrace(t, before, h)
}
