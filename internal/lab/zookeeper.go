// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// zookeeperJar is that of Debian's libzookeeper-java. It names what it needs.
const zookeeperJar = "/usr/share/java/zookeeper.jar"

// exhibitorPace is where the sample's exhibitor looks for how many times as fast it is to be.
const exhibitorPace = "/etc/sample-exhibitor-pace"

// zookeeperPackages are what a host with a ZooKeeper has besides: a layer of its own, in
// which a Java runtime is.
func zookeeperPackages() []string { return []string{"default-jre-headless", "libzookeeper-java"} }

// WithZooKeeper gives the host a ZooKeeper, Debian's, which the sample's exhibitor then
// runs. Exhibitor is so many times as fast as it really is; 1 is its real pace.
func WithZooKeeper(pace int) Option {
	return func(s *spec) {
		s.ZooKeeper = true
		WithPackages(zookeeperPackages()...)(s)
		WithFile(exhibitorPace, fmt.Sprintln(pace), 0o644)(s)
	}
}

// HasZooKeeper reports whether the host was made [WithZooKeeper].
func (h *Host) HasZooKeeper() bool { return h.zookeeper }

// SetPace has the exhibitor of a host with a ZooKeeper be so many times as fast as it
// really is, from now on.
func (h *Host) SetPace(t testing.TB, pace int) {
	t.Helper()
	if _, err := h.Shell(t.Context(), fmt.Sprintf("echo %d >%s.new && mv %[2]s.new %[2]s", pace, exhibitorPace)); err != nil {
		t.Fatalf("lab: %v", err)
	}
}

// ZooKeeperSession is the longest session that a [ZooKeeper] grants, a tenth of
// what it is in DC/OS: nobody wants to wait for a session to end.
const ZooKeeperSession = 4 * time.Second

// A ZooKeeper is an ensemble of real ZooKeeper servers, each a process of this
// machine at an address of its own, at ZooKeeper's ports. They know nothing of
// exhibitor, and what they keep goes with the test.
type ZooKeeper struct {
	Addresses []string

	java string
	dirs []string
	cmds []*zookeeperServer // nil: it does not run
}

// A zookeeperServer is one process. It goes with what holds alive open: with this
// process at the latest.
type zookeeperServer struct {
	cmd   *exec.Cmd
	alive io.Closer
}

// NewZooKeeper starts an ensemble at addresses of this machine, and waits until
// it serves. Where there is no ZooKeeper the test is skipped, and fails instead
// where CI is set.
func NewZooKeeper(t testing.TB, addresses ...string) *ZooKeeper {
	t.Helper()
	z := &ZooKeeper{Addresses: addresses, java: RequireProgram(t, "java"), cmds: make([]*zookeeperServer, len(addresses))}
	if _, err := os.Stat(zookeeperJar); err != nil {
		lacks(t, "needs a package that make deps installs: %v", err)
	}
	var peers strings.Builder
	for i, a := range addresses {
		fmt.Fprintf(&peers, "server.%d=%s:2888:3888\n", i+1, a)
	}
	for i, a := range addresses {
		dir := t.TempDir()
		z.dirs = append(z.dirs, dir)
		// As DC/OS has it (packages/exhibitor/extra/start_exhibitor.py of dcos/dcos), but with a tenth of its tick.
		cfg := fmt.Sprintf("tickTime=200\ninitLimit=50\nsyncLimit=25\nmaxClientCnxns=0\ndataDir=%s\nclientPort=2181\nclientPortAddress=%s\n"+
			"admin.enableServer=false\n%s", dir, a, peers.String())
		for name, text := range map[string]string{"zoo.cfg": cfg, "myid": fmt.Sprintln(i + 1)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatalf("lab: %v", err)
			}
		}
	}
	t.Cleanup(func() {
		for i := range z.cmds {
			z.Kill(t, i)
		}
	})
	for i := range addresses {
		z.Start(t, i)
	}
	z.Wait(t)
	return z
}

// Start starts a server.
func (z *ZooKeeper) Start(t testing.TB, i int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `"$@" & cat; kill -KILL $!`, "sh", // it ends with its input
		z.java, "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no", "-cp", zookeeperJar,
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", filepath.Join(z.dirs[i], "zoo.cfg"))
	alive, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	z.cmds[i] = &zookeeperServer{cmd, alive}
}

// Kill ends a server without a word, as a power cut would.
func (z *ZooKeeper) Kill(t testing.TB, i int) {
	t.Helper()
	s := z.cmds[i]
	if s == nil {
		return
	}
	if err := s.alive.Close(); err != nil {
		t.Errorf("lab: %v", err)
	}
	_ = s.cmd.Wait() // it killed what it was for
	z.cmds[i] = nil
}

// Wait waits until all servers that run serve.
func (z *ZooKeeper) Wait(t testing.TB) {
	t.Helper()
	for i, cmd := range z.cmds {
		for begun := time.Now(); cmd != nil; time.Sleep(50 * time.Millisecond) {
			answer := z.word(t.Context(), i)
			if strings.Contains(answer, "Mode: ") {
				break
			}
			if time.Since(begun) > time.Minute {
				t.Fatalf("lab: ZooKeeper at %s does not serve: %q", z.Addresses[i], answer)
			}
		}
	}
}

// word asks a server for its state; "" if it does not answer.
func (z *ZooKeeper) word(ctx context.Context, i int) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(z.Addresses[i], "2181"))
	if err != nil {
		return ""
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return ""
		}
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return ""
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return ""
	}
	return string(answer)
}
