// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// Where Debian's default-jre-headless and libzookeeper-java have theirs.
const (
	java         = "/usr/bin/java"
	zookeeperJar = "/usr/share/java/zookeeper.jar"
)

// An ownZooKeeper is a real ZooKeeper, which this member starts and stops with
// itself, as exhibitor does.
type ownZooKeeper struct {
	dir      string
	ensemble Static
	id       int // from 1
	serving  atomic.Bool
}

// findZooKeeper gives the member's ZooKeeper, nil where the host has none or the
// ensemble is not told from the beginning who its members are.
func findZooKeeper(h host.Host, cfg Config) *ownZooKeeper {
	static, ok := cfg.Storage.(Static)
	if !ok || cfg.Count < 2 {
		return nil
	}
	for _, path := range []string{java, zookeeperJar} {
		if _, err := os.Stat(path); err != nil {
			return nil
		}
	}
	return &ownZooKeeper{dir: h.State("exhibitor/zookeeper/server"), ensemble: static, id: slices.Index(static, cfg.Hostname) + 1}
}

// prepare writes what the server reads: what exhibitor of DC/OS writes.
func (z *ownZooKeeper) prepare() error {
	if err := os.MkdirAll(z.dir, 0o700); err != nil {
		return err
	}
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "tickTime=2000\ninitLimit=10\nsyncLimit=5\nquorumListenOnAllIPs=true\nmaxClientCnxns=0\ndataDir=%s\nclientPort=%s\n"+
		"admin.enableServer=false\n", z.dir, zookeeperPort)
	for i, hostname := range z.ensemble {
		fmt.Fprintf(&cfg, "server.%d=%s:2888:3888\n", i+1, hostname)
	}
	return errors.Join(
		host.WriteFile(filepath.Join(z.dir, "zoo.cfg"), []byte(cfg.String()), 0o600),
		host.WriteFile(filepath.Join(z.dir, "myid"), fmt.Appendln(nil, z.id), 0o600),
	)
}

// run has the server run, and asks it how it is, until ctx is done.
func (z *ownZooKeeper) run(ctx context.Context) {
	go func() {
		for {
			z.serving.Store(z.asked(ctx))
			if !host.Wait(ctx, 300*time.Millisecond) {
				return
			}
		}
	}()
	for {
		cmd := exec.CommandContext(ctx, java, "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
			"-Dzookeeper.forceSync=no", "-cp", zookeeperJar, "org.apache.zookeeper.server.quorum.QuorumPeerMain", filepath.Join(z.dir, "zoo.cfg"))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		err := cmd.Run()
		if ctx.Err() != nil {
			return
		}
		log.Printf("ZooKeeper has ended: %v", err)
		if !host.Wait(ctx, time.Second) {
			return
		}
	}
}

// asked says whether the server serves.
func (z *ownZooKeeper) asked(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+zookeeperPort)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return false
	}
	answer, err := io.ReadAll(conn)
	return err == nil && strings.Contains(string(answer), "Mode: ")
}
