// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// AgentConfig is what an agent needs to know.
type AgentConfig struct {
	Info     AgentInfo
	WorkDir  string
	Masters  func(context.Context) ([]string, error) // the site's master discovery
	URL      func(hostname string) string            // where a master's HTTP server is
	Flags    map[string]string
	BootID   string
	Scopes   bool // run tasks in systemd scopes of their own, so that they outlive the agent
	Log      io.Writer
	Notice   func(clusterID string) error // called when the cluster's id is known
	Interval time.Duration                // between two reports
}

// Agent is one agent.
type Agent struct {
	cfg     AgentConfig
	log     *log.Logger
	started time.Time
	exec    *executor

	mu         sync.Mutex
	id         string
	registered bool
	leader     string // URL that took the last report
	cluster    string
}

// NewAgent makes an agent. It takes up the id and the tasks it had before,
// if its machine has not been booted since.
func NewAgent(cfg AgentConfig) (*Agent, error) {
	a := &Agent{cfg: cfg, log: log.New(cfg.Log, "", log.LstdFlags), started: time.Now()}
	a.exec = newExecutor(cfg.WorkDir, cfg.Scopes, a.log)
	meta := filepath.Join(cfg.WorkDir, "meta")
	text, err := os.ReadFile(filepath.Join(meta, "slaves/latest/slave.info"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		var info AgentInfo
		if err := json.Unmarshal(text, &info); err != nil {
			return nil, err
		}
		a.id = info.ID
	}
	boot, err := os.ReadFile(filepath.Join(meta, "boot_id"))
	if err == nil && string(boot) == cfg.BootID {
		if err := a.exec.recover(); err != nil {
			return nil, err
		}
	}
	return a, host.WriteFile(filepath.Join(meta, "boot_id"), []byte(cfg.BootID), 0o644)
}

// Run reports to the leader until ctx is done. Tasks that run stay.
func (a *Agent) Run(ctx context.Context) {
	for said := ""; ; {
		switch err := a.report(ctx); {
		case err == nil:
			said = ""
		case err.Error() != said && ctx.Err() == nil:
			said = err.Error()
			a.log.Printf("not registered: %v", err)
		}
		if !host.Wait(ctx, a.cfg.Interval) {
			return
		}
	}
}

// report finds the leader, reports and does what the answer says.
func (a *Agent) report(ctx context.Context) error {
	a.mu.Lock()
	info, leader := a.cfg.Info, a.leader
	info.ID = a.id
	a.mu.Unlock()
	r := Report{Agent: info, Tasks: a.exec.list()}
	orders, leader, err := a.send(ctx, leader, r)
	a.mu.Lock()
	a.registered = err == nil && !orders.Shutdown
	if err == nil {
		a.leader = leader
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	if orders.Shutdown {
		a.exec.killAll(ctx)
		return errors.New("the master says that this machine is down for maintenance")
	}
	if err := a.keep(orders); err != nil {
		return err
	}
	a.exec.obey(ctx, orders)
	return nil
}

// send gives the report to the master that took the last one, or else to one
// that discovery finds; any of them redirects to the leader. It returns the
// URL of the one that took it.
func (a *Agent) send(ctx context.Context, leader string, r Report) (orders Orders, url string, err error) {
	try := func(url string) error {
		orders = Orders{}
		return host.Do(ctx, http.MethodPost, url+"/sample/v1/agents", r, &orders)
	}
	if leader != "" && try(leader) == nil {
		return orders, leader, nil
	}
	masters, err := a.cfg.Masters(ctx)
	if err != nil {
		return Orders{}, "", fmt.Errorf("find the masters: %w", err)
	}
	for _, name := range masters {
		url = a.cfg.URL(name)
		if err = try(url); err == nil {
			return orders, url, nil
		}
	}
	return Orders{}, "", err
}

// keep writes down the id that the master gave.
func (a *Agent) keep(orders Orders) error {
	a.mu.Lock()
	changed := a.id != orders.ID || a.cluster != orders.ClusterID
	a.id, a.cluster = orders.ID, orders.ClusterID
	info := a.cfg.Info
	info.ID = orders.ID
	a.mu.Unlock()
	if !changed {
		return nil
	}
	a.log.Printf("registered as %s", orders.ID)
	if err := a.cfg.Notice(orders.ClusterID); err != nil {
		return err
	}
	slaves := filepath.Join(a.cfg.WorkDir, "meta/slaves")
	text, err := json.Marshal(info)
	if err != nil {
		return err
	}
	if err := host.WriteFile(filepath.Join(slaves, orders.ID, "slave.info"), text, 0o644); err != nil {
		return err
	}
	a.exec.setAgent(orders.ID)
	latest := filepath.Join(slaves, "latest")
	if err := os.Remove(latest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(orders.ID, latest)
}

// Shutdown is the graceful stop: it ends all tasks, waits for them,
// unregisters and forgets its id, so that the next start is a new agent.
func (a *Agent) Shutdown(ctx context.Context) error {
	a.log.Print("graceful stop: ending all tasks")
	a.exec.killAll(ctx)
	a.exec.finish(ctx)
	a.mu.Lock()
	id, leader := a.id, a.leader
	a.mu.Unlock()
	var errs []error
	if id != "" && leader != "" {
		errs = append(errs, host.Do(ctx, http.MethodDelete, leader+"/sample/v1/agents/"+id, nil, nil))
	}
	err := os.Remove(filepath.Join(a.cfg.WorkDir, "meta/slaves/latest"))
	if !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Handler serves the agent's endpoints.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	both := func(path string, f func() any) {
		h := func(w http.ResponseWriter, _ *http.Request) { host.JSON(w, http.StatusOK, f()) }
		mux.HandleFunc("GET "+path, h)
		mux.HandleFunc("GET /slave(1)"+path, h)
	}
	both("/health", func() any { return map[string]any{} })
	both("/version", func() any { return map[string]any{"version": a.cfg.Info.Version} })
	both("/flags", func() any { return map[string]any{"flags": a.cfg.Flags} })
	both("/state", a.state)
	mux.HandleFunc("GET /metrics/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		registered := 0.0
		if a.registered {
			registered = 1
		}
		a.mu.Unlock()
		host.JSON(w, http.StatusOK, map[string]any{
			"slave/registered":    registered,
			"slave/uptime_secs":   time.Since(a.started).Seconds(),
			"slave/tasks_running": float64(a.exec.running()),
		})
	})
	return mux
}

func (a *Agent) state() any {
	a.mu.Lock()
	defer a.mu.Unlock()
	info := a.cfg.Info
	master := ""
	if a.registered {
		master = strings.TrimPrefix(a.leader, "http://")
	}
	return map[string]any{
		"id": a.id, "pid": "slave(1)@" + info.Hostname + ":5051", "hostname": info.Hostname, "version": info.Version,
		"attributes": info.Attributes, "resources": info.Resources, "master_hostname": master,
		"start_time": seconds(a.started), "flags": a.cfg.Flags,
		"frameworks": []map[string]any{{"id": "marathon", "name": "marathon", "executors": a.exec.list()}},
	}
}
