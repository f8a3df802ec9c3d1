// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package exhibitor_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
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
}

type member struct {
	*exhibitor.Server
	name string
	stop func()
}

func newEnsemble(t *testing.T, n int) *ensemble {
	return &ensemble{t: t, n: n, dir: filepath.Join(t.TempDir(), "shared"), urls: map[string]string{}}
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
		Hostname: name, Count: e.n, Storage: exhibitor.Shared{Dir: e.dir}, URL: e.url, Interval: 20 * time.Millisecond,
	})
	web := httptest.NewServer(s.Handler())
	e.mu.Lock()
	e.urls[name] = web.URL
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(e.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
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
	e := newEnsemble(t, 3)
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
		return slices.Equal(b.Status(), []exhibitor.Status{
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
	until(t, "b does not serve without a majority", func() bool { return b.Status()[1].Code == 2 })
}

// Candidates of a group are elected among themselves, and who withdraws is
// followed at once.
func TestCandidates(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3)
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

// A new member takes the place of one that is gone, and the old one stays out.
func TestReplacement(t *testing.T) {
	t.Parallel()
	now := time.Now()
	e := newEnsemble(t, 3)
	a, b := e.start("a"), e.start("b")
	old := filepath.Join(e.dir, "old.member.json")
	if err := host.WriteFile(old, []byte(`{"hostname": "old", "since": "2020-01-01T00:00:00Z", "seen": "2020-01-02T00:00:00Z"}`),
		0o644); err != nil {
		t.Fatal(err)
	}
	has := func(want ...string) func() bool {
		return func() bool { return slices.Equal(a.View(group).Members, want) }
	}
	until(t, "the old member fills the ensemble", has("a", "b", "old"))
	e.start("new")
	until(t, "the new member takes its place", has("a", "b", "new"))
	until(t, "there is a leader", func() bool { return b.View(group).Leader != "" })
	if time.Since(now) > 10*time.Second {
		t.Errorf("it took %v", time.Since(now))
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	s, err := exhibitor.ParseStatic("1:10.0.0.1,2:10.0.0.2")
	if err != nil || !slices.Equal(s, exhibitor.Static{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := exhibitor.ParseStatic("10.0.0.1"); err == nil {
		t.Error("an entry without a number is taken")
	}
	if _, err := s.Join(t.Context(), "10.0.0.3"); err == nil {
		t.Error("a host that is not in the list may join")
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s := exhibitor.New(exhibitor.Config{
		Hostname: "a", Count: 1, Storage: exhibitor.Static{"a"},
		Realm: func(user, password string) bool { return user == "admin" && password == "secret" },
	})
	for _, tt := range []struct {
		path, password string
		want           int
	}{
		{"/exhibitor/v1/cluster/status", "", http.StatusOK},
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
