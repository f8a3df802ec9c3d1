// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// How an agent is taken out of service for maintenance depends on the line. From 2.0 on, whose
// Mesos is 1.9 or newer, the leading master drains it: its tasks are ended with their grace, its
// frameworks start them elsewhere, and it is offered to nobody until it is reactivated (Mesos's
// operator API, DRAIN_AGENT and REACTIVATE_AGENT). Before that there are the maintenance
// primitives: the machine is put on a schedule, of which frameworks learn and may move their
// tasks, and is declared down when it is empty, by which its agent leaves the cluster until the
// machine is declared up again. Mesos ends no task there by itself.

// Draining is how an agent is drained.
type Draining struct {
	// Limit is how long its tasks may take to end or move.
	Limit time.Duration
	// Force takes the machine down with the tasks that are left when Limit is over, on lines
	// before 2.0. Later ones end tasks by themselves.
	Force bool
	// Schedule is held while the cluster's maintenance schedule is read and replaced as a
	// whole, which several agents of one run must not do at once.
	Schedule *sync.Mutex
}

// maintained is an agent as it and the leading master see it.
type maintained struct {
	ip, hostname, id, leader string
	slave                    *struct {
		ID          string          `json:"id"`
		Deactivated bool            `json:"deactivated"`
		DrainInfo   json.RawMessage `json:"drain_info"`
	}
	schedule schedule
	down     []machine
}

// A schedule is Mesos's maintenance schedule. It is posted as a whole.
type schedule struct {
	Windows []window `json:"windows"`
}

type window struct {
	Machines       []machine       `json:"machine_ids"`
	Unavailability json.RawMessage `json:"unavailability"`
}

type machine struct {
	Hostname string `json:"hostname,omitempty"`
	IP       string `json:"ip,omitempty"`
}

// is reports whether both are one: names know no case, and what one does not say is not
// compared (MachineID in mesos.proto).
func (m machine) is(o machine) bool {
	same := func(a, b string) bool { return a == "" || b == "" || strings.EqualFold(a, b) }
	return same(m.Hostname, o.Hostname) && same(m.IP, o.IP)
}

func (s schedule) has(m machine) bool {
	return slices.ContainsFunc(s.Windows, func(w window) bool { return slices.ContainsFunc(w.Machines, m.is) })
}

// with is the schedule with a window for a machine from a time on, without an end.
func (s schedule) with(m machine, from time.Time) schedule {
	w := window{Machines: []machine{m}, Unavailability: json.RawMessage(fmt.Sprintf(`{"start":{"nanoseconds":%d}}`, from.UnixNano()))}
	return schedule{append(slices.Clone(s.Windows), w)}
}

// without is the schedule without the machine.
func (s schedule) without(m machine) schedule {
	rest := schedule{Windows: []window{}}
	for _, w := range s.Windows {
		w.Machines = slices.DeleteFunc(slices.Clone(w.Machines), m.is)
		if len(w.Machines) > 0 {
			rest.Windows = append(rest.Windows, w)
		}
	}
	return rest
}

func (m *maintained) machine() machine { return machine{m.hostname, m.ip} }

// drains reports whether the line's Mesos drains agents by itself.
func drains(state State) bool { return !strings.HasPrefix(lineOf(state.Version), "1.") }

// Drain takes an agent out of service for maintenance, and returns what it is now, in words. It
// stays in its cluster's care: [Resume] brings it back. It can be repeated.
func Drain(ctx context.Context, conn Conn, opts Options, d Draining) (words string, err error) {
	s, state, err := act(ctx, conn, opts, true)
	defer func() { s.close(err) }()
	if err != nil {
		return "", err
	}
	s.outage()
	if drains(*state) {
		return s.drainByMaster(ctx, d)
	}
	return s.drainBySchedule(ctx, *state, d)
}

func (s *session) drainByMaster(ctx context.Context, d Draining) (string, error) {
	m, err := s.maintained(ctx, stageDrain)
	if err != nil {
		return "", err
	}
	if m.slave == nil {
		return "", s.maintenanceError(stageDrain, "the leading master "+m.leader+" does not know this agent", "look at the journal of "+
			"dcos-mesos-slave")
	}
	if len(m.slave.DrainInfo) == 0 {
		if err := s.post(ctx, stageDrain, "/api/v1", map[string]any{
			"type": "DRAIN_AGENT", "drain_agent": map[string]any{"agent_id": map[string]string{"value": m.id}},
		}); err != nil {
			return "", err
		}
	}
	left, err := s.awaitTasks(ctx, d.Limit)
	switch {
	case err != nil:
		return "", err
	case left != "":
		return "", s.maintenanceError(stageDrain, fmt.Sprintf("after %s there are still tasks on the agent: %s", d.Limit, left),
			"The agent goes on draining and takes no new tasks. Invoke the action again to wait on, with a longer drain_timeout, or resume the "+
				"agent")
	}
	return "drained: it has no tasks, and gets none until it is resumed", nil
}

func (s *session) drainBySchedule(ctx context.Context, state State, d Draining) (string, error) {
	m, err := s.scheduled(ctx, stageDrain, d.Schedule, func(m *maintained) *schedule {
		if m.schedule.has(m.machine()) {
			return nil
		}
		plan := m.schedule.with(m.machine(), state.Clock.Add(-time.Second))
		return &plan
	})
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(m.down, m.machine().is) {
		return "out of service already: its machine is down for maintenance until it is resumed", nil
	}
	left, err := s.awaitTasks(ctx, d.Limit)
	if err != nil {
		return "", err
	}
	if left != "" && !d.Force {
		return "", s.maintenanceError(stageDrain, fmt.Sprintf("after %s there are still tasks on the agent: %s", d.Limit, left),
			"DC/OS "+lineOf(state.Version)+" ends no tasks for maintenance: it tells frameworks, and they may move theirs. Move or stop those "+
				"tasks "+
				"and invoke the action again, or set force, with which they end when the machine is taken down. The machine stays on Mesos's "+
				"maintenance schedule until the agent is resumed")
	}
	if err := s.post(ctx, stageDrain, "/machine/down", []machine{m.machine()}); err != nil {
		return "", err
	}
	if left != "" {
		return "taken down with " + left + " tasks left; it is out of service until it is resumed", nil
	}
	return "its machine is down for maintenance: it has no tasks, and gets none until it is resumed", nil
}

// Resume brings an agent back that [Drain] has taken out of service, waits until it does its
// work, and returns what was done, in words. Nothing is done to one that is in service.
func Resume(ctx context.Context, conn Conn, opts Options, one *sync.Mutex) (words string, err error) {
	s, state, err := act(ctx, conn, opts, true)
	defer func() { s.close(err) }()
	if err != nil {
		return "", err
	}
	did := false
	if drains(*state) {
		did, err = s.reactivate(ctx)
	} else {
		did, err = s.unschedule(ctx, one)
	}
	if err != nil {
		return "", err
	}
	if err := s.postflight(ctx, true); err != nil {
		return "", err
	}
	if !did {
		return "in service already", nil
	}
	return "in service again", nil
}

func (s *session) reactivate(ctx context.Context) (did bool, err error) {
	m, err := s.maintained(ctx, stageResume)
	switch {
	case err != nil:
		return false, err
	case m.slave == nil: // it has yet to register: postflight waits for that
		return false, nil
	case !m.slave.Deactivated && len(m.slave.DrainInfo) == 0:
		return false, nil
	}
	return true, s.post(ctx, stageResume, "/api/v1", map[string]any{
		"type": "REACTIVATE_AGENT", "reactivate_agent": map[string]any{"agent_id": map[string]string{"value": m.id}},
	})
}

func (s *session) unschedule(ctx context.Context, one *sync.Mutex) (did bool, err error) {
	m, err := s.maintained(ctx, stageResume)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(m.down, m.machine().is) { // which takes it off the schedule
		return true, s.post(ctx, stageResume, "/machine/up", []machine{m.machine()})
	}
	_, err = s.scheduled(ctx, stageResume, one, func(m *maintained) *schedule {
		if !m.schedule.has(m.machine()) {
			return nil
		}
		did = true
		plan := m.schedule.without(m.machine())
		return &plan
	})
	return did, err
}

// scheduled replaces the cluster's maintenance schedule, as it is at that moment, by what
// change makes of it; nil leaves it.
func (s *session) scheduled(ctx context.Context, stage string, one *sync.Mutex, change func(*maintained) *schedule) (*maintained, error) {
	one.Lock()
	defer one.Unlock()
	m, err := s.maintained(ctx, stage)
	if err != nil {
		return nil, err
	}
	plan := change(m)
	if plan == nil {
		return m, nil
	}
	return m, s.post(ctx, stage, "/maintenance/schedule", plan)
}

// maintained asks the agent and the leading master.
func (s *session) maintained(ctx context.Context, stage string) (*maintained, error) {
	f, err := s.do(ctx, stage, call{scripts: []string{"maintain"}, doing: "asking the leading master for the agent", args: []string{"look"},
		timeout: 3 * time.Minute})
	if err != nil {
		return nil, err
	}
	return readMaintained(f, func(why string) error { return s.maintenanceError(stage, why, "") })
}

func readMaintained(f *frame, wrong func(why string) error) (*maintained, error) {
	m := &maintained{ip: f.trimmed("ip"), hostname: f.get("hostname"), id: f.get("id"), leader: f.get("leader")}
	if m.hostname == "" {
		m.hostname = m.ip // the agent does not answer; DC/OS has Mesos call agents by their addresses
	}
	var status struct {
		Down []machine `json:"down_machines"`
	}
	var list struct {
		Slaves []json.RawMessage `json:"slaves"`
	}
	for key, into := range map[string]any{"slave": &list, "schedule": &m.schedule, "status": &status} {
		if text := f.trimmed(key); text == "" && key != "slave" {
			return nil, wrong("the leading master " + m.leader + " does not answer")
		} else if text != "" && json.Unmarshal([]byte(text), into) != nil {
			return nil, wrong("the leading master " + m.leader + " does not answer as Mesos does: " + clip(text, 200))
		}
	}
	m.down = status.Down
	for _, raw := range list.Slaves {
		one := m.slave
		if err := json.Unmarshal(raw, &one); err == nil && one != nil && one.ID == m.id && m.id != "" {
			m.slave = one
			return m, nil
		}
	}
	return m, nil
}

// post tells the leading master something.
func (s *session) post(ctx context.Context, stage, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var in strings.Builder
	in.Write(text)
	f, err := s.do(ctx, stage, call{scripts: []string{"maintain"}, doing: "telling the leading master (" + path + ")",
		args: []string{"post", path}, input: &in, timeout: time.Minute})
	if err != nil {
		return err
	}
	if code := f.get("code"); code != "200" && code != "202" {
		return s.maintenanceError(stage, fmt.Sprintf("the leading master %s refused %s with HTTP %s: %s", f.get("leader"), path, code,
			clip(f.trimmed("body"), 400)), "look at the journal of dcos-mesos-master on "+f.get("leader"))
	}
	return nil
}

// waitSlice is how long the agent is waited for before it is asked whether to go on: an
// interruption need not wait until all tasks are gone.
const waitSlice = 10 * time.Second

// awaitTasks waits until the agent has no task, and returns how many are left when the time is
// over, "" if none.
func (s *session) awaitTasks(ctx context.Context, limit time.Duration) (left string, err error) {
	begun := time.Now()
	said := ""
	for {
		rest := max(limit-time.Since(begun), 0)
		f, err := s.do(ctx, stageDrain, call{
			scripts: []string{"maintain"}, doing: "waiting for the agent's tasks",
			args: []string{"wait", fmt.Sprint(int(min(rest, waitSlice).Seconds()))}, timeout: 2 * time.Minute,
		})
		left = f.get("left")
		switch {
		case err != nil || left == "" || rest == 0:
			return left, err
		case closed(s.opts.Stop):
			return left, s.canceled(stageDrain, "waiting for the agent's tasks, of which there are "+left)
		case left != said:
			said = left
			words := fmt.Sprintf("waiting for tasks to end or move: %s (for at most %s)", left, limit)
			s.stage.Progress(words, 0)
			s.tell(stageDrain, words)
		}
	}
}

func (s *session) maintenanceError(stage, why, hint string) error {
	return &StageError{Host: s.host, Stage: stage, Doing: "taking the agent out of service or back", Err: errors.New(why), Hint: hint}
}
