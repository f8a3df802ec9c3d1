// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// outagesFile is the environment variable that names a file to which each watch
// of masters appends a line: what tests that pass say is not shown.
const outagesFile = "DCOS_LAB_OUTAGES"

// How often masters are asked.
const (
	outagesEvery = 200 * time.Millisecond
	serversEvery = 50 * time.Millisecond
)

// WatchMasters counts how many masters of an ensemble are out of service at once,
// from now until stop is called: those that say of themselves that they do not
// serve, or refuse to be asked, twice in a row. One that gives no answer in time
// counts as it did: this machine may be slow. More than allowed fails the test.
// stop tells how many there were.
func WatchMasters(t testing.TB, allowed int, masters ...*Host) (stop func() (out int)) {
	t.Helper()
	return watchOutages(t, outageWatch{serves: servesItself}, outagesEvery, allowed, masters)
}

// WatchServers is WatchMasters for an ensemble of real ZooKeepers: a master is out
// while nobody listens at ZooKeeper's port. What servers say of themselves does not
// tell outages: when their leader is taken out, all of them are without one for a
// moment.
func WatchServers(t testing.TB, allowed int, masters ...*Host) (stop func() (out int)) {
	t.Helper()
	return watchOutages(t, outageWatch{serves: listens}, serversEvery, allowed, masters)
}

func watchOutages(t testing.TB, w outageWatch, every time.Duration, allowed int, masters []*Host) (stop func() (out int)) {
	t.Helper()
	addresses := make([]string, len(masters))
	for i, m := range masters {
		addresses[i] = m.Address
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			w.look(ctx, addresses)
			select {
			case <-time.After(every):
			case <-ctx.Done():
			}
		}
	}()
	end := sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(end)
	return func() int {
		t.Helper()
		end()
		TellOutages(t, len(w.most), len(addresses), allowed)
		if len(w.most) > allowed {
			t.Errorf("these masters were out at once, at %s: %s", w.when.Format(time.TimeOnly), strings.Join(w.most, ", "))
		}
		if w.looks < 2 {
			t.Errorf("the masters were asked %d times, which says nothing", w.looks)
		}
		return len(w.most)
	}
}

// TellOutages tells how many masters were out of service at once in a test, where
// make test shows it at its end.
func TellOutages(t testing.TB, out, of, allowed int) {
	t.Helper()
	Tell(t, "%s: masters out at most: %d of %d (allowed: %d)", t.Name(), out, of, allowed)
}

// Tell notes a line that the end of make test shows, of a test that has passed too.
func Tell(t testing.TB, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	if path := os.Getenv(outagesFile); path != "" {
		if err := appendLine(path, line); err != nil {
			t.Errorf("lab: %v", err)
		}
	}
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		_ = f.Close() // it was not written
		return err
	}
	return f.Close()
}

// An outageWatch is what was seen of masters.
type outageWatch struct {
	// serves asks a master; known says whether it could be asked at all.
	serves func(ctx context.Context, address string) (serves, known bool)

	looks int
	out   []string // at the last look
	most  []string // that were out at once
	when  time.Time
}

// look asks all masters at the same time.
func (w *outageWatch) look(ctx context.Context, addresses []string) {
	serves, known := make([]bool, len(addresses)), make([]bool, len(addresses))
	var wg sync.WaitGroup
	for i, a := range addresses {
		wg.Go(func() { serves[i], known[i] = w.serves(ctx, a) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	w.looks++
	var out, still []string
	for i, a := range addresses {
		was := slices.Contains(w.out, a)
		if known[i] && !serves[i] || !known[i] && was {
			out = append(out, a)
			if was {
				still = append(still, a)
			}
		}
	}
	w.out = out
	if len(still) > len(w.most) {
		w.most, w.when = still, time.Now()
	}
}

// servesItself asks a master's exhibitor for what it says of the master.
func servesItself(ctx context.Context, address string) (serves, known bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+":8181/exhibitor/v1/cluster/status", nil)
	if err != nil {
		return false, false
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return false, ctx.Err() == nil
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is not wanted
	var masters []struct {
		Hostname    string `json:"hostname"`
		Description string `json:"description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&masters); err != nil {
		return false, ctx.Err() == nil // as of a service that only starts
	}
	for _, m := range masters {
		if m.Hostname == address {
			return m.Description == "serving", true
		}
	}
	return false, true
}

// listens reports whether somebody listens at a master's ZooKeeper's port.
func listens(ctx context.Context, address string) (serves, known bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(address, "2181"))
	if err != nil {
		return false, ctx.Err() == nil
	}
	_ = conn.Close() // nothing was said
	return true, true
}
