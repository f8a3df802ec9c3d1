// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A standIn is an Instance where there is no ZooKeeper: it serves while a majority of
// the servers with which it was started are there.
type standIn struct {
	member *Server

	mu      sync.Mutex
	started bool
	servers Servers
}

func (i *standIn) Restart(_ context.Context, servers Servers, own int) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.started, i.servers = own > 0 || len(servers) == 0, servers
	return nil
}

func (i *standIn) Ask(context.Context) (State, bool) {
	i.mu.Lock()
	started, servers := i.started, i.servers
	i.mu.Unlock()
	switch there := i.member.there(servers); {
	case !started:
		return Down, false
	case len(servers) > 1 && there <= len(servers)/2:
		return NotServing, false
	case len(servers) <= 1:
		return Serving, true
	}
	return Serving, i.member.View(zookeeper).Leader == i.member.cfg.Hostname
}

// serve answers ZooKeeper's four-letter words.
func (i *standIn) serve(ctx context.Context, ln net.Listener, version string) {
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				return
			}
			word := make([]byte, 4)
			if _, err := io.ReadFull(conn, word); err != nil {
				return
			}
			fmt.Fprint(conn, i.word(ctx, string(word), version))
		}()
	}
}

func (i *standIn) word(ctx context.Context, word, version string) string {
	state, leads := i.Ask(ctx)
	i.mu.Lock()
	alone := len(i.servers) <= 1
	i.mu.Unlock()
	mode := "follower"
	switch {
	case state == Down:
		return ""
	case word == "ruok":
		return "imok"
	case word != "srvr" && word != "stat" && word != "mntr":
		return ""
	case state == NotServing:
		return "This ZooKeeper instance is not currently serving requests\n"
	case alone:
		mode = "standalone"
	case leads:
		mode = "leader"
	}
	if word == "mntr" {
		return fmt.Sprintf("zk_version\t%s\nzk_server_state\t%s\n", version, mode)
	}
	return fmt.Sprintf("Zookeeper version: %s\nMode: %s\nNode count: 0\n", version, mode)
}
