// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/exhibitor"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// An ensemble is members in this process.
type ensemble struct {
	t    *testing.T
	n    int
	dir  string
	mu   sync.Mutex
	urls map[string]string

	instance exhibitor.Instance // of the next member; nil: a stand-in
}

type member struct {
	*exhibitor.Server
	name string
	stop func()
}

func newEnsemble(t *testing.T) *ensemble {
	return &ensemble{t: t, n: 3, dir: t.TempDir(), urls: map[string]string{}}
}

func (e *ensemble) url(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.urls[name] == "" {
		return "http://127.0.0.1:1" // nothing listens there
	}
	return e.urls[name]
}

func (e *ensemble) start(name string) *member {
	s := exhibitor.New(exhibitor.Config{
		Hostname: name, Count: e.n, Defaults: exhibitor.Settings{Size: e.n}, Storage: exhibitor.Shared{Dir: e.dir}, URL: e.url,
		Interval: 20 * time.Millisecond, Instance: e.instance,
	})
	web := httptest.NewServer(s.Handler())
	e.mu.Lock()
	e.urls[name] = web.URL
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(e.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			e.t.Error(err)
		}
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-done
		e.mu.Lock()
		delete(e.urls, name)
		e.mu.Unlock()
		web.Close()
	})
	e.t.Cleanup(stop)
	return &member{s, name, stop}
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		host.Wait(t.Context(), 10*time.Millisecond)
	}
}

const group = "zookeeper"

func agree(leader string, members ...*member) func() bool {
	return func() bool {
		return !slices.ContainsFunc(members, func(m *member) bool { return m.View(group).Leader != leader })
	}
}

func TestElection(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t)
	a := e.start("a")
	until(t, "a knows itself", func() bool { return len(a.View(group).Members) == 1 })
	if v := a.View(group); v.Quorum || v.Leader != "" {
		t.Errorf("one of three has quorum %v, leader %q", v.Quorum, v.Leader)
	}
	b := e.start("b")
	until(t, "a leads two of three", agree("a", a, b))
	c := e.start("c")
	until(t, "a leads all", agree("a", a, b, c))

	a.stop()
	until(t, "b leads without a", agree("b", b, c))
	until(t, "b's view of a", func() bool {
		return slices.Equal(b.Status(t.Context()), []exhibitor.Status{
			{Code: 1, Description: "down", Hostname: "a"},
			{Code: 3, Description: "serving", Hostname: "b", IsLeader: true},
			{Code: 3, Description: "serving", Hostname: "c"},
		})
	})
	a = e.start("a")
	until(t, "a follows when it is back", agree("b", a, b, c))

	c.stop()
	a.stop()
	until(t, "no leader without a majority", agree("", b))
	until(t, "b does not serve without a majority", func() bool { return b.Status(t.Context())[1].Code == 2 })
}

// Candidates of a group are elected among themselves, and who withdraws is
// followed at once.
func TestCandidates(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t)
	all := []*member{e.start("a"), e.start("b"), e.start("c")}
	now := time.Now()
	stand := func(which ...int) {
		for _, i := range which {
			all[i].Stand("mesos", now.Add(time.Duration(i)*time.Second))
		}
	}
	leads := func(name string) bool { // as every member sees it
		return !slices.ContainsFunc(all, func(m *member) bool { return m.View("mesos").Leader != name })
	}
	// One at a time, so that whose word gets round first decides nothing.
	until(t, "b leads alone", func() bool { stand(1); return leads("b") })
	until(t, "b still leads when the older a comes", func() bool { stand(0, 1); return leads("b") })
	all[1].Withdraw("mesos")
	until(t, "a leads after b", func() bool { stand(0); return leads("a") })
	until(t, "a still leads when c comes", func() bool { stand(0, 2); return leads("a") })
}

// A new member takes the place of one that is gone, which stays out when it is back.
func TestReplacement(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t)
	has := func(m *member, want ...string) func() bool {
		return func() bool { return slices.Equal(m.View(group).Members, want) }
	}
	a := e.start("a")
	until(t, "a is in", has(a, "a"))
	b := e.start("b")
	until(t, "b is in", has(a, "a", "b"))
	c := e.start("c")
	until(t, "c is in", has(a, "a", "b", "c"))
	e.start("more")
	host.Wait(t.Context(), 2*time.Second) // some of its periods
	if !has(a, "a", "b", "c")() {
		t.Errorf("a full ensemble is %v", a.View(group).Members)
	}
	c.stop()
	until(t, "the new member takes c's place", has(a, "a", "b", "more"))
	until(t, "there is a leader", func() bool { return b.View(group).Leader != "" })
	c = e.start("c")
	host.Wait(t.Context(), 2*time.Second)
	if !has(c, "a", "b", "more")() {
		t.Errorf("with c back it is %v", c.View(group).Members)
	}
	text, err := os.ReadFile(filepath.Join(e.dir, "exhibitor.properties"))
	if want := `com.netflix.exhibitor.servers-spec=S\:1\:a,S\:2\:b,S\:4\:more`; err != nil || !strings.Contains(string(text), want+"\n") {
		t.Errorf("%v: %s", err, text)
	}
}

// TestWith is the rule of an ensemble of a fixed size (FixedEnsembleBuilder of exhibitor).
func TestWith(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ servers, down, want string }{
		{"", "", "S:1:new"},
		{"S:1:a", "", "S:1:a,S:2:new"},
		{"S:1:a,S:2:b,S:3:c", "", "S:1:a,S:2:b,S:3:c"},
		{"S:1:a,S:2:b,S:3:c", "b", "S:1:a,S:3:c,S:4:new"},
		{"S:1:a,S:2:b,S:3:c", "c", "S:1:a,S:2:b,S:4:new"},
		{"S:1:a,S:2:b,S:3:c", "a b c", "S:4:new"}, // all that are down leave at once
		{"S:1:a,S:2:b", "a", "S:2:b,S:3:new"},
	} {
		servers, err := exhibitor.ParseServers(tt.servers)
		if err != nil {
			t.Fatal(err)
		}
		down := func(name string) bool { return slices.Contains(strings.Fields(tt.down), name) }
		if got := servers.With("new", 3, down).String(); got != tt.want {
			t.Errorf("%s without %q: %s, want %s", tt.servers, tt.down, got, tt.want)
		}
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	s, err := exhibitor.ParseServers("1:10.0.0.1,2:10.0.0.2")
	if err != nil || s.String() != "S:1:10.0.0.1,S:2:10.0.0.2" {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := exhibitor.ParseServers("10.0.0.1"); err == nil {
		t.Error("an entry without a number is taken")
	}
}

// A scripted instance is what a test says, and counts how often it is started.
type scripted struct {
	mu     sync.Mutex
	state  exhibitor.State
	starts []string
}

func (i *scripted) Restart(_ context.Context, servers exhibitor.Servers, own int) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.starts = append(i.starts, fmt.Sprint(own, " of ", servers))
	return nil
}

func (i *scripted) Ask(context.Context) (exhibitor.State, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.state, false
}

func (i *scripted) is(s exhibitor.State) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.state = s
}

func (i *scripted) started() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.starts)
}

// TestChecks has exhibitor see its own instance only when it looks, and start it again
// when it finds it down, when its ensemble is another, and not because it has no quorum.
func TestChecks(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t)
	one := &scripted{state: exhibitor.Down}
	e.instance = one
	a := e.start("a")
	until(t, "a starts its instance alone, and again in its ensemble of one", func() bool {
		return slices.Equal(one.started(), []string{"0 of ", "1 of S:1:a"})
	})
	one.is(exhibitor.Serving)
	own := func() exhibitor.Status {
		all := a.Status(t.Context())
		if len(all) == 0 {
			return exhibitor.Status{}
		}
		return all[0]
	}
	until(t, "a serves", func() bool { return own().Description == "serving" })
	one.is(exhibitor.NotServing)
	until(t, "a sees that it does not", func() bool { return own().Description == "not serving" })
	host.Wait(t.Context(), time.Second)
	if n := len(one.started()); n != 2 {
		t.Errorf("what has no quorum was started again: %q", one.started())
	}
	one.is(exhibitor.Serving)
	e.instance = nil
	e.start("b")
	until(t, "a starts its instance again, with b", func() bool { return slices.Contains(one.started(), "1 of S:1:a,S:2:b") })
}

// A member has not looked yet when it is first asked, and one that is not there is down.
func TestLatent(t *testing.T) {
	t.Parallel()
	s := exhibitor.New(exhibitor.Config{
		Hostname: "a", Count: 2, Defaults: exhibitor.Settings{Servers: exhibitor.Servers{{1, "a"}, {2, "b"}}},
		URL: func(string) string { return "http://127.0.0.1:1" },
	})
	want := []exhibitor.Status{{0, "latent", "a", false}, {1, "down", "b", false}}
	if got := s.Status(t.Context()); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s := exhibitor.New(exhibitor.Config{
		Hostname: "a", Count: 1, Defaults: exhibitor.Settings{Servers: exhibitor.Servers{{1, "a"}}},
		Realm: map[string]string{"admin": "secret"},
	})
	for _, tt := range []struct {
		path, password string
		want           int
	}{
		{"/exhibitor/v1/cluster/status", "", http.StatusOK},
		{"/exhibitor/v1/cluster/state", "", http.StatusUnauthorized},
		{"/exhibitor/v1/cluster/list", "", http.StatusUnauthorized},
		{"/exhibitor/v1/cluster/list", "wrong", http.StatusUnauthorized},
		{"/exhibitor/v1/cluster/list", "secret", http.StatusOK},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		if tt.password != "" {
			r.SetBasicAuth("admin", tt.password)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s with password %q: %d, want %d", tt.path, tt.password, w.Code, tt.want)
		}
	}
}
