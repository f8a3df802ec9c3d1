// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/exhibitor"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/marathon"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/mesos"
)

// A cluster is masters with their exhibitors, and agents, in this process.
type cluster struct {
	t    *testing.T
	dir  string
	mu   sync.Mutex
	urls map[string]string // "exhibitor a", "master a" → URL
}

var names = []string{"a", "b", "c"}

func newCluster(t *testing.T) *cluster {
	return &cluster{t: t, dir: t.TempDir(), urls: map[string]string{}}
}

func (c *cluster) url(kind string) func(string) string {
	return func(name string) string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if u := c.urls[kind+" "+name]; u != "" {
			return u
		}
		return "http://127.0.0.1:1"
	}
}

func (c *cluster) serve(kind, name string, h http.Handler) (stop func()) {
	web := httptest.NewServer(h)
	c.mu.Lock()
	c.urls[kind+" "+name] = web.URL
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		delete(c.urls, kind+" "+name)
		c.mu.Unlock()
		web.CloseClientConnections()
		web.Close()
	}
}

// loop runs f until stop is called, which waits for its end.
func (c *cluster) loop(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	c.t.Cleanup(stop)
	return stop
}

func (c *cluster) exhibitor(name string) {
	var servers exhibitor.Servers
	for i, n := range names {
		servers = append(servers, exhibitor.Spec{ID: i + 1, Hostname: n})
	}
	s := exhibitor.New(exhibitor.Config{Hostname: name, Count: len(names), Defaults: exhibitor.Settings{Servers: servers},
		URL: c.url("exhibitor"), Interval: 20 * time.Millisecond})
	c.t.Cleanup(c.serve("exhibitor", name, s.Handler()))
	c.loop(func(ctx context.Context) {
		if err := s.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
}

func (c *cluster) master(name string) (stop func()) {
	m, err := mesos.NewMaster(mesos.MasterConfig{
		Hostname: name, Count: len(names), Cluster: "test", Version: "1.2.3", WorkDir: filepath.Join(c.dir, "master-"+name),
		Exhibitor: c.url("exhibitor")(name), URL: c.url("master"), Flags: map[string]string{"cluster": "test"}, Log: io.Discard,
		ClusterID: filepath.Join(c.dir, "cluster-id-"+name),
		Interval:  30 * time.Millisecond, Settle: time.Second, Timeout: 3 * time.Second,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := m.Ready(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	closed := c.serve("master", name, m.Handler())
	ended := c.loop(m.Run)
	return func() { ended(); closed() }
}

type runningAgent struct {
	*mesos.Agent
	stop func()
}

func (c *cluster) agent(name, role string) *runningAgent {
	a, err := mesos.NewAgent(mesos.AgentConfig{
		Info:    mesos.AgentInfo{Hostname: name, Port: 5051, Version: "1.2.3", Role: role, Attributes: map[string]string{"rack": "r1"}},
		WorkDir: filepath.Join(c.dir, "agent-"+name), URL: c.url("master"), BootID: "boot", Log: io.Discard,
		Masters:  func(context.Context) ([]string, error) { return names, nil },
		Notice:   func(string) error { return nil },
		Interval: 30 * time.Millisecond,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = a.Shutdown(ctx) // its tasks are processes; the masters may be gone
	})
	return &runningAgent{a, c.loop(a.Run)}
}

type state struct {
	Hostname, Cluster, Version string
	LeaderInfo                 struct{ Hostname string } `json:"leader_info"`
	Slaves                     []struct {
		ID, Hostname string
		Deactivated  bool
		Attributes   map[string]string
		Drain        struct{ State string } `json:"drain_info"`
	}
	Frameworks []struct {
		Tasks []struct{ ID, State, Slave string }
	}
}

// state asks a master, which may redirect to the leader.
func (c *cluster) state(name string) (*state, error) {
	s := &state{}
	return s, host.Get(c.t.Context(), c.url("master")(name)+"/state", s)
}

func (c *cluster) until(what string, f func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			c.t.Fatalf("never: %s", what)
		}
		host.Wait(c.t.Context(), 20*time.Millisecond)
	}
}

// marathon calls the marathon stand-in beside a master.
func (c *cluster) marathon(name, method, path, body string) (code int, answer string) {
	w := httptest.NewRecorder()
	marathon.Handler(c.url("master")(name), "1").ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// hosts are where the running tasks of the app /job are.
func (c *cluster) hosts(master string) []string {
	_, text := c.marathon(master, "GET", "/v2/apps/job/tasks", "")
	var answer struct {
		Tasks []struct{ Host, State string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil
	}
	var all []string
	for _, t := range answer.Tasks {
		if t.State == mesos.Running {
			all = append(all, t.Host)
		}
	}
	return all
}

func (c *cluster) post(master, path, body string) int {
	c.t.Helper()
	resp, err := http.Post(c.url("master")(master)+path, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func (c *cluster) agentID(master, hostname string) string {
	s, err := c.state(master)
	if err != nil {
		return ""
	}
	for _, a := range s.Slaves {
		if a.Hostname == hostname {
			return a.ID
		}
	}
	return ""
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, name := range names {
		c.exhibitor(name)
	}
	stops := map[string]func(){}
	for _, name := range names {
		stops[name] = c.master(name)
	}
	c.agent("x", "*")
	y := c.agent("y", "*")
	c.agent("p", "slave_public")

	// Every master's answer is the leader's.
	for _, name := range names {
		c.until("three agents are registered, says "+name, func() bool {
			s, err := c.state(name)
			return err == nil && len(s.Slaves) == 3 && s.Cluster == "test" && s.Version == "1.2.3" && s.LeaderInfo.Hostname == s.Hostname
		})
		c.until("the registry is recovered on "+name, func() bool {
			var metrics map[string]float64
			return host.Get(t.Context(), c.url("master")(name)+"/metrics/snapshot", &metrics) == nil && metrics["registrar/log/recovered"] == 1
		})
	}
	before := c.agentID("a", "y")

	// Tasks are real processes.
	app := fmt.Sprintf(`{"id": "job", "cmd": "echo $$ >> %s/pids; exec sleep 1000", "instances": 2}`, c.dir)
	if code, text := c.marathon("b", "POST", "/v2/apps", app); code != http.StatusCreated {
		t.Fatalf("%d %s", code, text)
	}
	if code, _ := c.marathon("b", "POST", "/v2/apps", app); code != http.StatusConflict {
		t.Errorf("the same app again: %d", code)
	}
	c.until("a task runs on each private agent", func() bool {
		h := c.hosts("c")
		return len(h) == 2 && h[0] != h[1] && h[0] != "p" && h[1] != "p"
	})

	// The leader goes; agents, tasks and apps stay.
	s, err := c.state("a")
	if err != nil {
		t.Fatal(err)
	}
	gone, rest := s.Hostname, ""
	stops[gone]()
	for _, name := range names {
		if name != gone {
			rest = name
		}
	}
	c.until("another master leads, with all agents and tasks", func() bool {
		s, err := c.state(rest)
		return err == nil && s.Hostname != gone && len(s.Slaves) == 3 && len(c.hosts(rest)) == 2
	})
	if after := c.agentID(rest, "y"); after != before {
		t.Errorf("agent y was %s and is %s", before, after)
	}
	if text, err := os.ReadFile(filepath.Join(c.dir, "pids")); err != nil || strings.Count(string(text), "\n") != 2 {
		t.Errorf("the tasks were started anew: %q, %v", text, err)
	}

	// An agent's restart keeps its tasks and its id.
	y.stop()
	y = c.agent("y", "*")
	c.until("y is back with its task", func() bool { return len(c.hosts(rest)) == 2 })
	if after := c.agentID(rest, "y"); after != before {
		t.Errorf("agent y was %s and is %s after its restart", before, after)
	}

	drain(t, c, rest)

	// The graceful stop ends the tasks and unregisters.
	y.stop()
	if err := y.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if id := c.agentID(rest, "y"); id != "" {
		t.Errorf("y is still registered as %s", id)
	}
	c.until("x does all the work", func() bool {
		h := c.hosts(rest)
		return len(h) == 2 && h[0] == "x" && h[1] == "x"
	})
	if code, _ := c.marathon(rest, "DELETE", "/v2/apps/job", ""); code != http.StatusOK {
		t.Errorf("delete: %d", code)
	}
	c.until("nothing runs", func() bool {
		s, err := c.state(rest)
		return err == nil && len(s.Frameworks[0].Tasks) == 0
	})
}

// drain empties agent x in both ways, and gives it back.
func drain(t *testing.T, c *cluster, master string) {
	t.Helper()
	only := func(name string) func() bool {
		return func() bool {
			h := c.hosts(master)
			return len(h) == 2 && h[0] == name && h[1] == name
		}
	}
	call := func(kind, field string) {
		t.Helper()
		body := fmt.Sprintf(`{"type": %q, %q: {"agent_id": {"value": %q}}}`, kind, field, c.agentID(master, "x"))
		if code := c.post(master, "/api/v1", body); code != http.StatusOK {
			t.Fatalf("%s: %d", kind, code)
		}
	}
	call("DRAIN_AGENT", "drain_agent")
	c.until("x is drained", func() bool {
		s, err := c.state(master)
		if err != nil {
			return false
		}
		for _, a := range s.Slaves {
			if a.Hostname == "x" {
				return a.Drain.State == "DRAINED" && a.Deactivated
			}
		}
		return false
	})
	c.until("y took over", only("y"))
	call("REACTIVATE_AGENT", "reactivate_agent")

	machine := `{"hostname": "y", "ip": "y"}`
	schedule := `{"windows": [{"machine_ids": [` + machine + `], "unavailability": {"start": {"nanoseconds": 1}}}]}`
	if code := c.post(master, "/machine/down", "["+machine+"]"); code != http.StatusBadRequest {
		t.Errorf("down without a schedule: %d", code)
	}
	if code := c.post(master, "/maintenance/schedule", schedule); code != http.StatusOK {
		t.Fatalf("schedule: %d", code)
	}
	c.until("x took over", only("x"))
	if code := c.post(master, "/machine/down", "["+machine+"]"); code != http.StatusOK {
		t.Fatalf("down: %d", code)
	}
	c.until("y is gone", func() bool { return c.agentID(master, "y") == "" })
	if code := c.post(master, "/machine/up", "["+machine+"]"); code != http.StatusOK {
		t.Fatalf("up: %d", code)
	}
	c.until("y is back", func() bool { return c.agentID(master, "y") != "" })
}
