// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// What masters' real ZooKeepers keep, and how they are. Nothing here asks exhibitor.

// quick is how many times as fast as it is exhibitor is in tests that every change waits
// for. What it says of ZooKeepers is not as old then; a test for which
// that is too kind has it be as slow as it is.
const quick = 20

const (
	znode     = "/kept"
	znodeText = "before anything was changed"
)

type quietZK struct{}

func (quietZK) Printf(string, ...any) {}

// session gives a client of one master's ZooKeeper, which ends with the test.
func session(t *testing.T, h *lab.Host) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect([]string{h.Address + ":2181"}, 20*time.Second, zk.WithLogger(quietZK{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// soon tries until something works, and gives up after two minutes.
func soon[T any](t *testing.T, what string, try func() (T, error)) T {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		v, err := try()
		if err == nil {
			return v
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// keepZnode writes a znode by way of one master.
func keepZnode(t *testing.T, h *lab.Host) {
	t.Helper()
	conn := session(t, h)
	defer conn.Close()
	soon(t, "writing a znode at "+h.Name, func() (string, error) {
		path, err := conn.Create(znode, []byte(znodeText), 0, zk.WorldACL(zk.PermAll))
		if errors.Is(err, zk.ErrNodeExists) { // an answer that was lost
			return path, nil
		}
		return path, err
	})
}

// wantZnode holds that each of the masters has the znode.
func wantZnode(t *testing.T, masters ...*lab.Host) {
	t.Helper()
	for _, h := range masters {
		conn := session(t, h)
		text := soon(t, "reading the znode at "+h.Name, func() ([]byte, error) {
			if _, err := conn.Sync(znode); err != nil {
				return nil, err
			}
			text, _, err := conn.Get(znode)
			if errors.Is(err, zk.ErrNoNode) {
				return nil, nil
			}
			return text, err
		})
		if string(text) != znodeText {
			t.Errorf("%s: the znode is %q", h.Name, text)
		}
		conn.Close()
	}
}

// mode asks a master's server what it is: leader, follower, standalone, or "" where it does not serve.
func mode(ctx context.Context, h *lab.Host) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", h.Address+":2181")
	if err != nil {
		return ""
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return ""
	}
	answer, _ := io.ReadAll(conn) // what came before it broke is an answer, too
	for line := range strings.Lines(string(answer)) {
		if m, found := strings.CutPrefix(line, "Mode: "); found {
			return strings.TrimSpace(m)
		}
	}
	return ""
}

// until waits for masters' modes, sorted, and says how long it took.
func until(t *testing.T, want []string, masters ...*lab.Host) time.Duration {
	t.Helper()
	begun := time.Now()
	soon(t, fmt.Sprintf("waiting for %q", want), func() (any, error) {
		var modes []string
		for _, h := range masters {
			modes = append(modes, mode(t.Context(), h))
		}
		slices.Sort(modes)
		if !slices.Equal(modes, want) {
			return nil, fmt.Errorf("they are %q", modes)
		}
		return nil, nil
	})
	return time.Since(begun)
}

// leading gives the master whose server leads.
func leading(t *testing.T, masters ...*lab.Host) *lab.Host {
	t.Helper()
	return soon(t, "looking for a leader", func() (*lab.Host, error) {
		for _, h := range masters {
			if mode(t.Context(), h) == "leader" {
				return h, nil
			}
		}
		return nil, errors.New("nobody leads")
	})
}

// serversOf gives the list with which a master's server was started.
func serversOf(t *testing.T, h *lab.Host) string {
	t.Helper()
	return shell(t, h, "grep ^server /var/lib/dcos/exhibitor/conf/zoo.cfg | sort")
}
