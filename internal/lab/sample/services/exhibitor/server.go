// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// Where Debian's default-jre-headless and libzookeeper-java have theirs.
const (
	java         = "/usr/bin/java"
	zookeeperJar = "/usr/share/java/zookeeper.jar"
)

// paceFile is how a test tells the sample that exhibitor is to be so many times as fast
// as it is; without it, or with 1 in it, it has its real times.
const paceFile = "/etc/sample-exhibitor-pace"

// paced is the real pace for so many masters, as many times as fast as paceFile says.
func paced(masters int) Pace {
	text, err := os.ReadFile(paceFile)
	if err != nil {
		return Real(masters)
	}
	times, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || times < 1 {
		return Real(masters)
	}
	return Real(masters).Faster(times)
}

// A zooKeeper is a real one, a process that goes with exhibitor.
type zooKeeper struct {
	conf, data, transactions, pid string

	mu  sync.Mutex
	cmd *exec.Cmd
	end chan struct{} // closed when cmd has ended

	served atomic.Int64 // when it last served, in Unix milliseconds
}

// findZooKeeper gives the host's, nil if it has none.
func findZooKeeper(h host.Host) *zooKeeper {
	for _, path := range []string{java, zookeeperJar} {
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	return &zooKeeper{
		conf: h.State("exhibitor/conf"), data: h.State("exhibitor/zookeeper/snapshot"),
		transactions: h.State("exhibitor/zookeeper/transactions"), pid: h.State("exhibitor/zk.pid"),
	}
}

// Restart writes what the server reads, as DC/OS has it, and starts it.
func (z *zooKeeper) Restart(ctx context.Context, servers Servers, own int) error {
	z.stop()
	// Debian's version answers one of the words that exhibitor asks, unless it is told to
	// answer all, and would have an HTTP server.
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "tickTime=2000\ninitLimit=10\nsyncLimit=5\nquorumListenOnAllIPs=true\nmaxClientCnxns=0\nautopurge.purgeInterval=1\n"+
		"dataDir=%s\ndataLogDir=%s\nclientPort=%s\n4lw.commands.whitelist=*\nadmin.enableServer=false\n", z.data, z.transactions, zookeeperPort)
	for _, one := range servers {
		fmt.Fprintf(&cfg, "server.%d=%s:2888:3888\n", one.ID, one.Hostname)
	}
	id := filepath.Join(z.data, "myid")
	var err error
	if own > 0 {
		err = host.WriteFile(id, fmt.Appendln(nil, own), 0o644)
	} else if err = os.Remove(id); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, host.WriteFile(z.config(), []byte(cfg.String()), 0o644)); err != nil {
		return err
	}
	return z.start(ctx)
}

func (z *zooKeeper) config() string { return filepath.Join(z.conf, "zoo.cfg") }

func (z *zooKeeper) start(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, java, "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-cp", zookeeperJar, "org.apache.zookeeper.server.quorum.QuorumPeerMain", z.config())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	end := make(chan struct{})
	z.mu.Lock()
	z.cmd, z.end = cmd, end
	z.mu.Unlock()
	go func() {
		err := cmd.Wait()
		close(end)
		if ctx.Err() == nil {
			log.Printf("ZooKeeper has ended: %v", err)
		}
	}()
	return host.WriteFile(z.pid, fmt.Appendln(nil, cmd.Process.Pid), 0o644)
}

// stop ends the server as exhibitor does: politely, and at once if that takes long.
func (z *zooKeeper) stop() {
	z.mu.Lock()
	cmd, end := z.cmd, z.end
	z.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-end:
		return
	case <-time.After(300 * time.Millisecond):
	}
	_ = cmd.Process.Kill() // it may have ended
	<-end
}

// Ask asks the server as exhibitor does.
func (z *zooKeeper) Ask(ctx context.Context) (State, bool) {
	if ask(ctx, "ruok") != "imok" {
		return Down, false
	}
	for line := range strings.Lines(ask(ctx, "srvr")) {
		if strings.Contains(line, "not currently serving") {
			return NotServing, false
		}
		if name, mode, _ := strings.Cut(line, ":"); strings.EqualFold(name, "mode") {
			mode = strings.TrimSpace(mode)
			return Serving, strings.EqualFold(mode, "leader") || strings.EqualFold(mode, "standalone")
		}
	}
	return Down, false
}

// sessions is how long a session of the masters' services outlives its server (Mesos's
// zk_session_timeout).
const sessions = 10 * time.Second

// serves reports whether the services would still have their sessions.
func (z *zooKeeper) serves() bool { return time.Since(time.UnixMilli(z.served.Load())) < sessions }

// watch asks the server all the time, for serves.
func (z *zooKeeper) watch(ctx context.Context) {
	for {
		if state, _ := z.Ask(ctx); state == Serving {
			z.served.Store(time.Now().UnixMilli())
		}
		if !host.Wait(ctx, 300*time.Millisecond) {
			return
		}
	}
}

// ask gives the server's answer to a four-letter word; "" if it gives none.
func ask(ctx context.Context, word string) string {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+zookeeperPort)
	if err != nil {
		return ""
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, word); err != nil {
		return ""
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return ""
	}
	return string(answer)
}
