// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build !windows

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// A stuckProgram is what a program of this machine does that is asked for a connection, or
// for known keys: in sh, behind a line that notes its number in the file $PIDS.
type stuckProgram struct{ name, text string }

// stuckProxies are those of ProxyCommand.
var stuckProxies = []stuckProgram{
	{"says nothing", "exec sleep 600"},
	{"reads and says nothing", "exec cat >/dev/null"},
	{"closes both and goes on", "exec <&- >&-; sleep 600"},
	{"ends", "exit 3"},
	{"writes garbage without end", "exec yes"},
	{"writes garbage, then nothing", `printf '\001\002\003\377'; exec sleep 600`},
	{"says a name, then garbage", "echo SSH-2.0-x; exec yes"},
	{"says a name, then nothing", "echo SSH-2.0-x; exec sleep 600"},
	{"ignores SIGTERM and has children",
		`trap '' TERM HUP INT; for i in 1 2; do sleep 600 & echo $! >>"$PIDS"; done; while :; do sleep 1; done`},
	{"fills its error output", "exec yes >&2"},
	{"fills its error output, and a child goes on", `sleep 600 & echo $! >>"$PIDS"; exec yes >&2`},
}

// stuckKnown are those of KnownHostsCommand, whose argument says what it is asked.
var stuckKnown = []stuckProgram{
	{"never ends", "exec sleep 600"},
	{"never ends when there is a key", `[ "$1" = ORDER ] || exec sleep 600`},
	{"closes its output and goes on", "exec >&-; sleep 600"},
	{"ignores SIGTERM and has children", `trap '' TERM HUP INT; sleep 600 & echo $! >>"$PIDS"; while :; do sleep 1; done`},
	{"leaves a child with its output", `sleep 600 & echo $! >>"$PIDS"`},
	{"writes without end", "exec yes"},
	{"fills its error output", "exec yes >&2"},
}

// Whatever a program does that stands between us and a host: the dial ends with its limit
// and when it is cancelled, nothing of the program is left, and another host does not wait.
func TestEndsOfPrograms(t *testing.T) {
	t.Parallel()
	s := remotetest.Serve(t, remotetest.Options{})
	for kind, programs := range map[string][]stuckProgram{"ProxyCommand sh %s": stuckProxies, "KnownHostsCommand /bin/sh %s %%I": stuckKnown} {
		for _, p := range programs {
			t.Run(kind[:strings.IndexByte(kind, ' ')]+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				for _, by := range []ender{byLimit, byCancel} {
					p.try(t, s, kind, by)
				}
			})
		}
	}
}

// try dials the host behind the program, and another one meanwhile.
func (p stuckProgram) try(t *testing.T, s *remotetest.Server, option string, by ender) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	script := writeFile(t, dir, "script", "PIDS="+pids+"\necho $$ >>\"$PIDS\"\n"+p.text+"\n")
	client := newClient(t, remote.Config{User: "core", HostKeyPolicy: remote.AcceptNew, ConfigFile: writeFile(t, dir, "config",
		fmt.Sprintf("Host stuck\n "+option+"\nHost *\n HostName %s\n Port %d\n UserKnownHostsFile none\n", script, s.Host, s.Port))})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	limit := time.Hour
	if by == byLimit {
		limit = 2 * time.Second
	}
	start, ended := time.Now(), make(chan error, 1)
	go func() {
		conn, err := client.Dial(ctx, remote.Target{Address: "stuck", ConnectTimeout: limit})
		if err == nil {
			err = errors.Join(errors.New("it is connected"), conn.Close())
		}
		ended <- err
	}()
	comesTrue(t, "a program in "+pids, func() bool { return len(pidsIn(t, pids)) > 0 })
	if err := dial(t, client, remote.Target{Address: "good", ConnectTimeout: time.Minute}); err != nil {
		t.Errorf("by %s: another host waits: %v", by, err)
	}
	end := start.Add(limit)
	if by == byCancel {
		end = time.Now()
		cancel()
	}
	select {
	case err := <-ended:
		t.Logf("by %s: %s behind it: %v", by, time.Since(end).Round(time.Millisecond), err)
		if err == nil || strings.Contains(err.Error(), "it is connected") {
			t.Errorf("by %s: have %v", by, err)
		}
	case <-time.After(time.Until(end) + 30*time.Second): // what is stuck is so for much longer
		t.Fatalf("by %s: it has not ended", by)
	}
	comesTrue(t, "the end of all that the program was", func() bool {
		for _, pid := range pidsIn(t, pids) {
			if runs(pid) {
				return false
			}
		}
		return true
	})
}

// pidsIn gives the processes that are noted in a file, none if there is no such file yet.
func pidsIn(t *testing.T, path string) (pids []int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if pid, err := strconv.Atoi(strings.TrimSuffix(line, "\n")); err == nil && strings.HasSuffix(line, "\n") {
			pids = append(pids, pid)
		}
	}
	return pids
}
