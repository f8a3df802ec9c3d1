// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package mesos is the sample's stand-in for Mesos: masters of which one
// leads, agents that register with the leader and run tasks, and the HTTP
// endpoints of both that an operator or a load balancer asks.
//
// Agents report to the leader once a second and get orders back: which tasks
// they shall run. The leader keeps a registry (known agents, applications,
// maintenance) that every change copies to the other masters; a new leader
// takes the newest copy that a majority has, and learns the rest from the
// agents' reports. Masters that do not lead redirect to the leader, as Mesos
// does.
//
// Left out: frameworks and offers (applications are given to the leader by
// the marathon stand-in), resources (every agent has room for every task),
// containers, authentication, and the replicated log's guarantees.
//
// Compared: never with the real one run beside it.
package mesos

import (
	"slices"
	"strings"
	"time"
)

// AgentInfo is what an agent says of itself when it registers.
type AgentInfo struct {
	ID         string            `json:"id"`
	Hostname   string            `json:"hostname"`
	Port       int               `json:"port"`
	Version    string            `json:"version"`
	Role       string            `json:"role"` // "*" or slave_public
	Attributes map[string]string `json:"attributes"`
	Resources  map[string]any    `json:"resources"`
}

// An App is an application that shall run.
type App struct {
	ID        string   `json:"id"`
	Cmd       string   `json:"cmd"`
	Instances int      `json:"instances"`
	Roles     []string `json:"acceptedResourceRoles,omitempty"`
	Grace     float64  `json:"taskKillGracePeriodSeconds,omitempty"`
}

// accepts tells whether the app may run on agents of a role.
func (a App) accepts(role string) bool {
	if len(a.Roles) == 0 {
		return role == "*"
	}
	return slices.Contains(a.Roles, role)
}

// name is the app's id in the form that task ids have.
func (a App) name() string {
	return strings.ReplaceAll(strings.Trim(a.ID, "/"), "/", "_")
}

// A TaskSpec is a task that an agent shall run.
type TaskSpec struct {
	ID    string  `json:"id"`
	App   string  `json:"app"`
	Cmd   string  `json:"cmd"`
	Grace float64 `json:"grace"`
}

// Task states, as Mesos calls them.
const (
	Staging  = "TASK_STAGING"
	Running  = "TASK_RUNNING"
	Killing  = "TASK_KILLING"
	Finished = "TASK_FINISHED"
	Failed   = "TASK_FAILED"
	Killed   = "TASK_KILLED"
	Lost     = "TASK_LOST"
)

// A Task is a task and how it is.
type Task struct {
	TaskSpec
	State   string    `json:"state"`
	Agent   string    `json:"slave_id"`
	Host    string    `json:"host"`
	Started time.Time `json:"startedAt"`
}

func (t Task) terminal() bool {
	return t.State == Finished || t.State == Failed || t.State == Killed || t.State == Lost
}

// A Report is what an agent tells the leader.
type Report struct {
	Agent AgentInfo `json:"agent"`
	Tasks []Task    `json:"tasks"`
}

// Orders are the leader's answer.
type Orders struct {
	ID        string     `json:"id"`         // the agent's id
	ClusterID string     `json:"cluster_id"` // the cluster's
	Shutdown  bool       `json:"shutdown"`   // this machine is down for maintenance
	Tasks     []TaskSpec `json:"tasks"`      // what shall run; nothing else may
	Done      []string   `json:"done"`       // tasks whose end has been noted
}

// A Machine is a host in the words of Mesos's maintenance endpoints.
type Machine struct {
	Hostname string `json:"hostname"`
	IP       string `json:"ip"`
}

// is tells whether an agent runs on the machine. Agents here go by address.
func (m Machine) is(a AgentInfo) bool {
	return m.IP == a.Hostname || m.IP == "" && m.Hostname == a.Hostname
}

// A Schedule is a maintenance schedule.
type Schedule struct {
	Windows []Window `json:"windows"`
}

// A Window is a time for which machines are announced to be unavailable.
type Window struct {
	Machines       []Machine `json:"machine_ids"`
	Unavailability struct {
		Start    nanoseconds  `json:"start"`
		Duration *nanoseconds `json:"duration,omitempty"`
	} `json:"unavailability"`
}

type nanoseconds struct {
	Nanoseconds int64 `json:"nanoseconds"`
}

// begun tells whether the time has come.
func (w Window) begun(now time.Time) bool {
	return w.Unavailability.Start.Nanoseconds <= now.UnixNano()
}
