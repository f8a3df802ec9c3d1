// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// An agent is what the leader knows of a registered agent.
type agent struct {
	info         AgentInfo
	registered   time.Time
	reregistered time.Time
	heard        time.Time
	orders       map[string]TaskSpec
	tasks        map[string]Task // as reported last
}

// retryAfter is how long the leader waits before it replaces a task that
// ended by itself.
const retryAfter = 2 * time.Second

// completedLimit is how many ended tasks are remembered.
const completedLimit = 100

var errNotLeading = errors.New("this master does not lead")

// report takes an agent's report and gives it its orders. An agent that is not
// registered is registered by it.
func (m *Master) report(ctx context.Context, r Report) (Orders, error) {
	m.mu.Lock()
	if !m.leading {
		m.mu.Unlock()
		return Orders{}, errNotLeading
	}
	down := slices.ContainsFunc(m.reg.Down, func(d Machine) bool { return d.is(r.Agent) })
	known, ok := m.reg.Agents[r.Agent.ID]
	m.mu.Unlock()
	if down {
		m.forget(r.Agent)
		return Orders{Shutdown: true}, nil
	}
	if !ok || r.Agent.ID == "" || !reflect.DeepEqual(known, r.Agent) {
		if err := m.admit(ctx, &r.Agent); err != nil {
			return Orders{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	current := m.agents[r.Agent.ID]
	if current == nil {
		m.logf("agent %s at %s registered", r.Agent.ID, r.Agent.Hostname)
		current = &agent{registered: now, orders: map[string]TaskSpec{}, tasks: map[string]Task{}}
		if ok {
			current.reregistered = now
		}
		m.agents[r.Agent.ID] = current
		delete(m.gone, r.Agent.ID)
	}
	current.info, current.heard = r.Agent, now
	return m.take(current, r.Tasks), nil
}

// admit puts an agent into the registry. A new agent at the address of an old
// one replaces it.
func (m *Master) admit(ctx context.Context, info *AgentInfo) error {
	return m.change(ctx, func(r *registry) error {
		if info.ID == "" {
			info.ID = fmt.Sprintf("%s-S%d", m.id, r.NextAgent)
			r.NextAgent++
		}
		for id, other := range r.Agents {
			if id != info.ID && other.Hostname == info.Hostname {
				delete(r.Agents, id)
				delete(m.agents, id)
				delete(r.Deactivated, id)
				delete(r.Draining, id)
			}
		}
		r.Agents[info.ID] = *info
		return nil
	})
}

// forget drops an agent on a machine that is down.
func (m *Master) forget(info AgentInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.agents, func(_ string, a *agent) bool { return a.info.Hostname == info.Hostname })
}

// unregister removes an agent that says good-bye.
func (m *Master) unregister(ctx context.Context, id string) error {
	return m.change(ctx, func(r *registry) error {
		delete(r.Agents, id)
		delete(m.agents, id)
		delete(r.Deactivated, id)
		delete(r.Draining, id)
		return nil
	})
}

// take notes the tasks an agent has and says which it shall have.
func (m *Master) take(a *agent, tasks []Task) Orders {
	o := Orders{ID: a.info.ID, ClusterID: m.reg.ClusterID, Tasks: []TaskSpec{}}
	reported := map[string]Task{}
	for _, t := range tasks {
		t.Agent, t.Host = a.info.ID, a.info.Hostname
		if t.terminal() {
			if _, ok := a.orders[t.ID]; ok {
				m.failed[t.App] = time.Now()
			}
			m.end(a, t)
			o.Done = append(o.Done, t.ID)
			continue
		}
		reported[t.ID] = t
		_, ordered := a.orders[t.ID]
		if app, ok := m.reg.Apps[t.App]; ok && !ordered && t.State == Running && m.count(t.App) < app.Instances && !m.reg.Draining[a.info.ID] {
			// A new leader finds what runs already.
			a.orders[t.ID] = t.TaskSpec
		}
	}
	for id, before := range a.tasks {
		if _, ok := reported[id]; !ok && !slices.Contains(o.Done, id) {
			before.State = Lost
			m.end(a, before)
		}
	}
	a.tasks = reported
	for _, id := range slices.Sorted(maps.Keys(a.orders)) {
		o.Tasks = append(o.Tasks, a.orders[id])
	}
	return o
}

func (m *Master) end(a *agent, t Task) {
	delete(a.orders, t.ID)
	m.completed = append(m.completed, t)
	if len(m.completed) > completedLimit {
		m.completed = m.completed[1:]
	}
}

// count is how many tasks of an app are ordered.
func (m *Master) count(app string) int {
	n := 0
	for _, a := range m.agents {
		for _, t := range a.orders {
			if t.App == app {
				n++
			}
		}
	}
	return n
}

// expire removes agents that have been silent for too long.
func (m *Master) expire() {
	for id, a := range m.agents {
		if time.Since(a.heard) > m.cfg.Timeout {
			m.logf("agent %s at %s is unreachable", id, a.info.Hostname)
			m.gone[id] = a.info
			delete(m.agents, id)
		}
	}
}

// leaving tells whether an agent is on a machine whose maintenance has begun.
func (m *Master) leaving(a *agent) bool {
	for _, w := range m.reg.Schedule.Windows {
		if w.begun(time.Now()) && slices.ContainsFunc(w.Machines, func(x Machine) bool { return x.is(a.info) }) {
			return true
		}
	}
	return false
}

// schedule orders what is missing and takes back what is too much. The caller
// holds the lock.
func (m *Master) schedule() {
	if len(m.agents) < len(m.reg.Agents)-len(m.gone) && time.Since(m.elected) < m.cfg.Settle {
		return // agents that have not reported yet may run what seems to be missing
	}
	for id, a := range m.agents {
		maps.DeleteFunc(a.orders, func(_ string, t TaskSpec) bool {
			_, ok := m.reg.Apps[t.App]
			return !ok || m.reg.Draining[id]
		})
	}
	for _, id := range slices.Sorted(maps.Keys(m.reg.Apps)) {
		m.scheduleApp(m.reg.Apps[id])
	}
}

func (m *Master) scheduleApp(app App) {
	var staying, moving []string // task ids
	running := 0
	where := map[string]*agent{}
	for _, a := range m.agents {
		for id, t := range a.orders {
			if t.App != app.ID {
				continue
			}
			where[id] = a
			if m.leaving(a) {
				moving = append(moving, id)
				continue
			}
			staying = append(staying, id)
			if a.tasks[id].State == Running {
				running++
			}
		}
	}
	slices.Sort(staying)
	slices.Sort(moving)
	for len(staying) > app.Instances {
		last := len(staying) - 1
		delete(where[staying[last]].orders, staying[last])
		staying = staying[:last]
	}
	// A task on a machine that goes into maintenance stays until another runs
	// in its place.
	for i, id := range moving {
		if running+len(moving)-i > app.Instances {
			delete(where[id].orders, id)
		}
	}
	if time.Since(m.failed[app.ID]) < retryAfter {
		return
	}
	for n := len(staying); n < app.Instances; n++ {
		a := m.place(app)
		if a == nil {
			return
		}
		id := fmt.Sprintf("%s.%s", app.name(), newID())
		a.orders[id] = TaskSpec{ID: id, App: app.ID, Cmd: app.Cmd, Grace: app.Grace}
	}
}

// place finds the agent with the fewest tasks that may run the app.
func (m *Master) place(app App) *agent {
	var best *agent
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		a := m.agents[id]
		if !app.accepts(a.info.Role) || m.reg.Deactivated[id] || m.reg.Draining[id] || m.leaving(a) {
			continue
		}
		if best == nil || len(a.orders) < len(best.orders) {
			best = a
		}
	}
	return best
}

// tasks are all that are ordered, reported or remembered; the ended ones last.
func (m *Master) tasks() []Task {
	var all []Task
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		a := m.agents[id]
		for _, task := range slices.Sorted(maps.Keys(a.tasks)) {
			all = append(all, a.tasks[task])
		}
		for _, task := range slices.Sorted(maps.Keys(a.orders)) {
			if _, ok := a.tasks[task]; !ok {
				all = append(all, Task{TaskSpec: a.orders[task], State: Staging, Agent: id, Host: a.info.Hostname})
			}
		}
	}
	return append(all, m.completed...)
}
