// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// handleMaintenance serves the two ways Mesos has to empty an agent: the
// maintenance schedule with /machine/down, and DRAIN_AGENT of the operator's
// API.
func (m *Master) handleMaintenance(mux *http.ServeMux) {
	for _, prefix := range []string{"", "/master"} {
		mux.HandleFunc("GET "+prefix+"/maintenance/schedule", m.leaderOnly(func(w http.ResponseWriter, _ *http.Request) {
			m.mu.Lock()
			defer m.mu.Unlock()
			host.JSON(w, http.StatusOK, m.reg.Schedule)
		}))
		mux.HandleFunc("POST "+prefix+"/maintenance/schedule", m.leaderOnly(m.serveSchedule))
		mux.HandleFunc("GET "+prefix+"/maintenance/status", m.leaderOnly(m.serveMaintenanceStatus))
		mux.HandleFunc("POST "+prefix+"/machine/down", m.leaderOnly(m.serveDown))
		mux.HandleFunc("POST "+prefix+"/machine/up", m.leaderOnly(m.serveUp))
	}
	mux.HandleFunc("POST /api/v1", m.leaderOnly(m.serveAPI))
}

func (m *Master) serveSchedule(w http.ResponseWriter, r *http.Request) {
	var s Schedule
	if !host.Read(w, r, &s) {
		return
	}
	answer(w, m.change(r.Context(), func(reg *registry) error {
		for _, d := range reg.Down {
			if !s.has(d) {
				return fmt.Errorf("machine %s is down and must stay in the schedule", d.IP)
			}
		}
		reg.Schedule = s
		return nil
	}))
}

func (s Schedule) has(d Machine) bool {
	return slices.ContainsFunc(s.Windows, func(w Window) bool { return slices.Contains(w.Machines, d) })
}

func (m *Master) serveMaintenanceStatus(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	draining := []map[string]any{}
	for _, window := range m.reg.Schedule.Windows {
		for _, d := range window.Machines {
			if !slices.Contains(m.reg.Down, d) {
				draining = append(draining, map[string]any{"id": d, "statuses": []any{}})
			}
		}
	}
	host.JSON(w, http.StatusOK, map[string]any{"draining_machines": draining, "down_machines": m.reg.Down})
}

func (m *Master) serveDown(w http.ResponseWriter, r *http.Request) {
	var machines []Machine
	if !host.Read(w, r, &machines) {
		return
	}
	answer(w, m.change(r.Context(), func(reg *registry) error {
		for _, d := range machines {
			if !reg.Schedule.has(d) {
				return fmt.Errorf("machine %s is not in the maintenance schedule", d.IP)
			}
			if !slices.Contains(reg.Down, d) {
				reg.Down = append(reg.Down, d)
			}
		}
		return nil
	}))
}

func (m *Master) serveUp(w http.ResponseWriter, r *http.Request) {
	var machines []Machine
	if !host.Read(w, r, &machines) {
		return
	}
	answer(w, m.change(r.Context(), func(reg *registry) error {
		for _, d := range machines {
			if !slices.Contains(reg.Down, d) {
				return fmt.Errorf("machine %s is not down", d.IP)
			}
			reg.Down = slices.DeleteFunc(reg.Down, func(x Machine) bool { return x == d })
			for i, window := range reg.Schedule.Windows {
				reg.Schedule.Windows[i].Machines = slices.DeleteFunc(slices.Clone(window.Machines), func(x Machine) bool { return x == d })
			}
		}
		reg.Schedule.Windows = slices.DeleteFunc(slices.Clone(reg.Schedule.Windows), func(w Window) bool { return len(w.Machines) == 0 })
		return nil
	}))
}

// agentCall is the part of the operator's API that is about one agent.
type agentCall struct {
	ID struct {
		Value string `json:"value"`
	} `json:"agent_id"`
}

func (m *Master) serveAPI(w http.ResponseWriter, r *http.Request) {
	var call struct {
		Type       string    `json:"type"`
		Drain      agentCall `json:"drain_agent"`
		Deactivate agentCall `json:"deactivate_agent"`
		Reactivate agentCall `json:"reactivate_agent"`
		Gone       agentCall `json:"mark_agent_gone"`
	}
	if !host.Read(w, r, &call) {
		return
	}
	var (
		id string
		f  func(reg *registry)
	)
	switch call.Type {
	case "GET_HEALTH":
		host.JSON(w, http.StatusOK, map[string]any{"type": call.Type, "get_health": map[string]any{"healthy": true}})
		return
	case "GET_VERSION":
		host.JSON(w, http.StatusOK,
			map[string]any{"type": call.Type, "get_version": map[string]any{"version_info": map[string]any{"version": m.cfg.Version}}})
		return
	case "DRAIN_AGENT":
		id, f = call.Drain.ID.Value, func(reg *registry) { reg.Draining[id] = true }
	case "DEACTIVATE_AGENT":
		id, f = call.Deactivate.ID.Value, func(reg *registry) { reg.Deactivated[id] = true }
	case "REACTIVATE_AGENT":
		id, f = call.Reactivate.ID.Value, func(reg *registry) {
			delete(reg.Draining, id)
			delete(reg.Deactivated, id)
		}
	case "MARK_AGENT_GONE":
		if err := m.unregister(r.Context(), call.Gone.ID.Value); err != nil {
			answer(w, err)
		}
		return
	default:
		http.Error(w, "the sample does not know the call "+call.Type, http.StatusNotImplemented)
		return
	}
	answer(w, m.change(r.Context(), func(reg *registry) error {
		if _, ok := reg.Agents[id]; !ok {
			return fmt.Errorf("there is no agent %q", id)
		}
		f(reg)
		return nil
	}))
}
