// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package marathon is the sample's stand-in for Marathon: a part of its HTTP
// interface over the applications that the leading Mesos master keeps. Any
// instance of it answers for all.
//
// Left out: groups, constraints, health checks, deployments that last, events,
// pods and everything else.
//
// Compared: never with the real one run beside it.
package marathon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/mesos"
)

// Main is the dcos-marathon service.
func Main(ctx context.Context, h host.Host) error {
	ln, err := host.Listen(ctx, "tcp", ":8080")
	if err != nil {
		return err
	}
	return host.Serve(ctx, ln, Handler("http://127.0.0.1:5050", h.Getenv("SAMPLE_VERSION")))
}

type server struct{ master, version string }

// Handler serves Marathon's interface; master is the URL of any master.
func Handler(master, version string) http.Handler {
	s := &server{master, version}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /v2/info", s.info)
	mux.HandleFunc("GET /v2/leader", s.leader)
	mux.HandleFunc("GET /v2/deployments", func(w http.ResponseWriter, _ *http.Request) { host.JSON(w, http.StatusOK, []any{}) })
	mux.HandleFunc("GET /v2/apps", s.list)
	mux.HandleFunc("POST /v2/apps", s.create)
	mux.HandleFunc("GET /v2/tasks", s.tasks)
	mux.HandleFunc("GET /v2/apps/{id...}", s.get)
	mux.HandleFunc("PUT /v2/apps/{id...}", s.update)
	mux.HandleFunc("DELETE /v2/apps/{id...}", s.remove)
	return mux
}

func (s *server) apps(ctx context.Context) ([]mesos.AppView, error) {
	var all []mesos.AppView
	err := host.Get(ctx, s.master+"/sample/v1/apps", &all)
	return all, err
}

// fail answers with the master's own answer, or that there is no master.
func fail(w http.ResponseWriter, err error) {
	var status *host.StatusError
	if errors.As(err, &status) {
		http.Error(w, status.Text, status.Code)
		return
	}
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

func (s *server) info(w http.ResponseWriter, r *http.Request) {
	leader, err := s.leading(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	host.JSON(w, http.StatusOK, map[string]any{"name": "marathon", "version": s.version, "leader": leader, "elected": true,
		"frameworkId": "marathon"})
}

func (s *server) leader(w http.ResponseWriter, r *http.Request) {
	leader, err := s.leading(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	host.JSON(w, http.StatusOK, map[string]any{"leader": leader})
}

func (s *server) leading(ctx context.Context) (string, error) {
	var state struct{ Hostname string }
	err := host.Get(ctx, s.master+"/state", &state)
	return state.Hostname + ":8080", err
}

// shown is an app in Marathon's form.
func shown(v mesos.AppView) map[string]any {
	running, staged := 0, 0
	for _, t := range v.Tasks {
		switch t.State {
		case mesos.Running:
			running++
		case mesos.Staging:
			staged++
		}
	}
	return map[string]any{
		"id": v.ID, "cmd": v.Cmd, "instances": v.Instances, "acceptedResourceRoles": v.Roles, "taskKillGracePeriodSeconds": v.Grace,
		"tasks": v.Tasks, "tasksRunning": running, "tasksStaged": staged,
	}
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	apps, err := s.apps(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	all := []map[string]any{}
	for _, v := range apps {
		all = append(all, shown(v))
	}
	host.JSON(w, http.StatusOK, map[string]any{"apps": all})
}

func (s *server) tasks(w http.ResponseWriter, r *http.Request) {
	apps, err := s.apps(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	all := []mesos.Task{}
	for _, v := range apps {
		all = append(all, v.Tasks...)
	}
	host.JSON(w, http.StatusOK, map[string]any{"tasks": all})
}

// find gets one app by the id in the request's path.
func (s *server) find(r *http.Request) (*mesos.AppView, error) {
	apps, err := s.apps(r.Context())
	if err != nil {
		return nil, err
	}
	id := absolute(strings.TrimSuffix(r.PathValue("id"), "/tasks"))
	i := slices.IndexFunc(apps, func(v mesos.AppView) bool { return v.ID == id })
	if i < 0 {
		return nil, &host.StatusError{Code: http.StatusNotFound, Text: "there is no app " + id}
	}
	return &apps[i], nil
}

func absolute(id string) string { return "/" + strings.Trim(id, "/") }

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	v, err := s.find(r)
	if err != nil {
		fail(w, err)
		return
	}
	if strings.HasSuffix(r.PathValue("id"), "/tasks") {
		host.JSON(w, http.StatusOK, map[string]any{"tasks": v.Tasks})
		return
	}
	host.JSON(w, http.StatusOK, map[string]any{"app": shown(*v)})
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	app := mesos.App{Instances: 1}
	if !host.Read(w, r, &app) {
		return
	}
	if app.ID == "" || app.Cmd == "" {
		http.Error(w, "an app needs id and cmd", http.StatusUnprocessableEntity)
		return
	}
	app.ID = absolute(app.ID)
	apps, err := s.apps(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	if slices.ContainsFunc(apps, func(v mesos.AppView) bool { return v.ID == app.ID }) {
		http.Error(w, "there is an app "+app.ID+" already", http.StatusConflict)
		return
	}
	s.put(w, r, app, http.StatusCreated)
}

func (s *server) put(w http.ResponseWriter, r *http.Request, app mesos.App, code int) {
	if err := host.Do(r.Context(), http.MethodPut, s.master+"/sample/v1/apps", app, nil); err != nil {
		fail(w, err)
		return
	}
	host.JSON(w, code, shown(mesos.AppView{App: app, Tasks: []mesos.Task{}}))
}

// update changes the given fields of an app.
func (s *server) update(w http.ResponseWriter, r *http.Request) {
	v, err := s.find(r)
	if err != nil {
		fail(w, err)
		return
	}
	app := v.App
	if err := json.NewDecoder(r.Body).Decode(&app); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	app.ID = v.ID
	s.put(w, r, app, http.StatusOK)
}

func (s *server) remove(w http.ResponseWriter, r *http.Request) {
	v, err := s.find(r)
	if err != nil {
		fail(w, err)
		return
	}
	if err := host.Do(r.Context(), http.MethodDelete, s.master+"/sample/v1/apps?id="+url.QueryEscape(v.ID), nil, nil); err != nil {
		fail(w, err)
		return
	}
	host.JSON(w, http.StatusOK, map[string]any{"deploymentId": v.ID})
}
