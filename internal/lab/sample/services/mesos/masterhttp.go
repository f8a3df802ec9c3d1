// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

const masterPort = "5050"

// Handler serves Mesos's endpoints, with and without /master before them, and
// those by which masters, agents and the marathon stand-in talk.
func (m *Master) Handler() http.Handler {
	mux := http.NewServeMux()
	both := func(path string, f http.HandlerFunc) {
		mux.HandleFunc("GET "+path, f)
		mux.HandleFunc("GET /master"+path, f)
	}
	both("/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	both("/version", func(w http.ResponseWriter, _ *http.Request) {
		host.JSON(w, http.StatusOK, map[string]any{"version": m.cfg.Version})
	})
	both("/flags", func(w http.ResponseWriter, _ *http.Request) {
		host.JSON(w, http.StatusOK, map[string]any{"flags": m.cfg.Flags})
	})
	mux.HandleFunc("GET /metrics/snapshot", m.serveMetrics)
	both("/redirect", m.serveRedirect)
	both("/state", m.leaderOnly(m.serveState))
	both("/slaves", m.leaderOnly(m.serveSlaves))
	both("/tasks", m.leaderOnly(m.serveTasks))
	m.handleMaintenance(mux)

	mux.HandleFunc("GET /sample/v1/registry", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		reg := m.reg.clone()
		m.mu.Unlock()
		host.JSON(w, http.StatusOK, reg)
	})
	mux.HandleFunc("PUT /sample/v1/registry", m.servePutRegistry)
	mux.HandleFunc("POST /sample/v1/agents", m.leaderOnly(m.serveReport))
	mux.HandleFunc("DELETE /sample/v1/agents/{id}", m.leaderOnly(func(w http.ResponseWriter, r *http.Request) {
		m.logf("agent %s unregisters", r.PathValue("id"))
		answer(w, m.unregister(r.Context(), r.PathValue("id")))
	}))
	mux.HandleFunc("GET /sample/v1/apps", m.leaderOnly(m.serveApps))
	mux.HandleFunc("PUT /sample/v1/apps", m.leaderOnly(m.servePutApp))
	mux.HandleFunc("DELETE /sample/v1/apps", m.leaderOnly(m.serveDeleteApp))
	return mux
}

// leaderOnly redirects to the leader, as Mesos does, when this is not it.
func (m *Master) leaderOnly(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		leading := m.leading
		m.mu.Unlock()
		if leading {
			f(w, r)
			return
		}
		m.serveRedirect(w, r)
	}
}

func (m *Master) serveRedirect(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	leader, leading := m.view.Leader, m.leading
	m.mu.Unlock()
	if leader == "" || leader == m.cfg.Hostname && !leading {
		http.Error(w, "no leader elected", http.StatusServiceUnavailable)
		return
	}
	path := r.URL.RequestURI()
	if strings.HasSuffix(r.URL.Path, "/redirect") {
		path = ""
	}
	// Mesos leaves the scheme to the client.
	w.Header().Set("Location", strings.TrimPrefix(m.cfg.URL(leader), "http:")+path)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func answer(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, errNotLeading):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (m *Master) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	number := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	running := 0
	for _, t := range m.tasks() {
		if t.State == Running {
			running++
		}
	}
	active := 0
	for id := range m.agents {
		if !m.reg.Deactivated[id] && !m.reg.Draining[id] {
			active++
		}
	}
	host.JSON(w, http.StatusOK, map[string]any{
		"master/elected":              number(m.leading),
		"master/uptime_secs":          time.Since(m.started).Seconds(),
		"master/slaves_active":        float64(active),
		"master/slaves_inactive":      float64(len(m.agents) - active),
		"master/slaves_connected":     float64(len(m.agents)),
		"master/slaves_disconnected":  0.0,
		"master/slaves_unreachable":   float64(len(m.gone)),
		"master/frameworks_active":    number(m.leading),
		"master/tasks_running":        float64(running),
		"registrar/log/recovered":     number(m.recovered()),
		"registrar/queued_operations": 0.0,
	})
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func pid(hostname string) string { return "master@" + hostname + ":" + masterPort }

func (m *Master) serveState(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	flags := m.cfg.Flags
	tasks, ended := []map[string]any{}, []map[string]any{}
	for _, t := range m.tasks() {
		if t.terminal() {
			ended = append(ended, shownTask(t))
		} else {
			tasks = append(tasks, shownTask(t))
		}
	}
	host.JSON(w, http.StatusOK, map[string]any{
		"version":            m.cfg.Version,
		"id":                 m.id,
		"pid":                pid(m.cfg.Hostname),
		"hostname":           m.cfg.Hostname,
		"cluster":            m.cfg.Cluster,
		"start_time":         seconds(m.started),
		"elected_time":       seconds(m.elected),
		"leader":             pid(m.cfg.Hostname),
		"leader_info":        map[string]any{"id": m.id, "pid": pid(m.cfg.Hostname), "port": 5050, "hostname": m.cfg.Hostname},
		"flags":              flags,
		"activated_slaves":   len(m.agents),
		"deactivated_slaves": 0,
		"unreachable_slaves": len(m.gone),
		"slaves":             m.shownAgents(),
		"frameworks": []map[string]any{{
			"id": "marathon", "name": "marathon", "active": true, "hostname": m.cfg.Hostname,
			"tasks": tasks, "completed_tasks": ended,
		}},
		"completed_frameworks": []any{},
	})
}

func (m *Master) serveSlaves(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := []AgentInfo{}
	for _, id := range slices.Sorted(maps.Keys(m.reg.Agents)) {
		if m.agents[id] == nil && m.gone[id].ID == "" {
			waiting = append(waiting, m.reg.Agents[id])
		}
	}
	host.JSON(w, http.StatusOK, map[string]any{"slaves": m.shownAgents(), "recovered_slaves": waiting})
}

func (m *Master) serveTasks(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []map[string]any{}
	for _, t := range m.tasks() {
		all = append(all, shownTask(t))
	}
	host.JSON(w, http.StatusOK, map[string]any{"tasks": all})
}

// shownAgents are the registered agents in the form of /slaves.
func (m *Master) shownAgents() []map[string]any {
	all := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		a := m.agents[id]
		attributes := map[string]any{}
		for k, v := range a.info.Attributes {
			attributes[k] = v
		}
		shown := map[string]any{
			"id": id, "hostname": a.info.Hostname, "port": a.info.Port, "version": a.info.Version,
			"pid":        "slave(1)@" + a.info.Hostname + ":5051",
			"attributes": attributes, "resources": a.info.Resources, "active": true,
			"deactivated":     m.reg.Deactivated[id] || m.reg.Draining[id],
			"registered_time": seconds(a.registered),
		}
		if !a.reregistered.IsZero() {
			shown["reregistered_time"] = seconds(a.reregistered)
		}
		if m.reg.Draining[id] {
			state := "DRAINING"
			if len(a.tasks) == 0 && len(a.orders) == 0 {
				state = "DRAINED"
			}
			shown["drain_info"] = map[string]any{"state": state}
		}
		all = append(all, shown)
	}
	return all
}

func shownTask(t Task) map[string]any {
	return map[string]any{
		"id": t.ID, "name": t.App, "state": t.State, "slave_id": t.Agent, "framework_id": "marathon",
		"statuses": []map[string]any{{"state": t.State, "timestamp": seconds(t.Started)}},
	}
}

func (m *Master) servePutRegistry(w http.ResponseWriter, r *http.Request) {
	var reg registry
	if !host.Read(w, r, &reg) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leading || reg.Version < m.reg.Version {
		http.Error(w, "this master's registry is newer", http.StatusConflict)
		return
	}
	if err := m.store(&reg); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	m.synced = time.Now()
}

func (m *Master) serveReport(w http.ResponseWriter, r *http.Request) {
	var report Report
	if !host.Read(w, r, &report) {
		return
	}
	orders, err := m.report(r.Context(), report)
	if err != nil {
		answer(w, err)
		return
	}
	host.JSON(w, http.StatusOK, orders)
}

// AppView is an app and its tasks.
type AppView struct {
	App
	Tasks []Task `json:"tasks"`
}

func (m *Master) serveApps(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []AppView{}
	for _, id := range slices.Sorted(maps.Keys(m.reg.Apps)) {
		v := AppView{App: m.reg.Apps[id], Tasks: []Task{}}
		for _, t := range m.tasks() {
			if t.App == id && !t.terminal() {
				v.Tasks = append(v.Tasks, t)
			}
		}
		all = append(all, v)
	}
	host.JSON(w, http.StatusOK, all)
}

func (m *Master) servePutApp(w http.ResponseWriter, r *http.Request) {
	var app App
	if host.Read(w, r, &app) {
		answer(w, m.change(r.Context(), func(reg *registry) error {
			reg.Apps[app.ID] = app
			return nil
		}))
	}
}

func (m *Master) serveDeleteApp(w http.ResponseWriter, r *http.Request) {
	answer(w, m.change(r.Context(), func(reg *registry) error {
		delete(reg.Apps, r.URL.Query().Get("id"))
		return nil
	}))
}
