// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote_test

import (
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// A process that may have few files open dials many hosts: connections wait
// for each other instead of running out of files.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	const hosts, openFiles = 300, 128
	if port, err := strconv.Atoi(os.Getenv("REMOTE_TEST_PORT")); err == nil {
		client := newClient(t, remote.Config{User: "user", HostKeyPolicy: remote.Ignore})
		var wg sync.WaitGroup
		var open, most atomic.Int64
		for range hosts {
			wg.Go(func() {
				conn, err := client.Dial(t.Context(), remote.Target{Address: "127.0.0.1", Port: port, ConnectTimeout: time.Minute})
				if err != nil {
					t.Error(err)
					return
				}
				for n, m := open.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				// Without a cap all would be open by the end of it.
				<-time.After(200 * time.Millisecond)
				open.Add(-1)
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := most.Load(); n > openFiles-32 {
			t.Errorf("%d connections at once with %d files", n, openFiles)
		}
		return
	}
	server := remotetest.Serve(t, remotetest.Options{})
	child := exec.Command("sh", "-c", `ulimit -n "$1"; exec "$0" -test.run='^TestOpenFiles$' -test.short`, os.Args[0], strconv.Itoa(openFiles))
	child.Env = append(os.Environ(), "REMOTE_TEST_PORT="+strconv.Itoa(server.Port))
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := server.Accepted(); n != hosts {
		t.Errorf("%d connections for %d hosts", n, hosts)
	}
}
