// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// MasterConfig is what a master needs to know.
type MasterConfig struct {
	Hostname  string
	Count     int // of masters
	Cluster   string
	Version   string
	WorkDir   string
	Exhibitor string // URL of the local exhibitor
	URL       func(hostname string) string
	Flags     map[string]string
	Log       io.Writer
	ClusterID string        // file that gets the cluster's id; "" = none
	Interval  time.Duration // between two looks at the election
	Settle    time.Duration // how long a new leader waits for known agents
	Timeout   time.Duration // after which a silent agent counts as unreachable
}

// Master is one master.
type Master struct {
	cfg     MasterConfig
	id      string
	started time.Time
	log     *log.Logger

	mu        sync.Mutex
	view      view
	leading   bool
	elected   time.Time
	synced    time.Time // when a follower last had the leader's registry
	reg       *registry
	agents    map[string]*agent
	gone      map[string]AgentInfo // registered once, not any more
	completed []Task
	failed    map[string]time.Time // app → when a task of it failed last
}

// view is exhibitor's answer about our group.
type view struct {
	Leader  string
	Quorum  bool
	Members []string
}

const group = "mesos"

// NewMaster makes a master; Run starts it.
func NewMaster(cfg MasterConfig) (*Master, error) {
	m := &Master{
		cfg: cfg, id: newID(), started: time.Now(), log: log.New(cfg.Log, "", log.LstdFlags),
		agents: map[string]*agent{}, gone: map[string]AgentInfo{}, failed: map[string]time.Time{},
	}
	err := m.loadRegistry()
	return m, err
}

func newID() string {
	b := make([]byte, 16)
	// crypto/rand.Read never fails.
	_, _ = rand.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (m *Master) logf(format string, args ...any) { m.log.Printf(format, args...) }

// others are the other masters. The caller holds the lock.
func (m *Master) others() []string {
	var names []string
	for _, name := range m.view.Members {
		if name != m.cfg.Hostname {
			names = append(names, name)
		}
	}
	return names
}

// Ready waits until the ensemble has a quorum: a master does not open its port
// before.
func (m *Master) Ready(ctx context.Context) error {
	for {
		if err := m.look(ctx); err != nil {
			m.logf("waiting for exhibitor: %v", err)
		}
		m.mu.Lock()
		quorum := m.view.Quorum
		m.mu.Unlock()
		if quorum {
			return nil
		}
		if !host.Wait(ctx, m.cfg.Interval) {
			return ctx.Err()
		}
	}
}

// Run takes part in the election, leads or follows, until ctx is done. Then it
// withdraws, so that another can lead at once.
func (m *Master) Run(ctx context.Context) {
	for {
		if err := m.step(ctx); err != nil && ctx.Err() == nil {
			m.logf("%v", err)
		}
		if !host.Wait(ctx, m.cfg.Interval) {
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := host.Do(ctx, "DELETE", m.cfg.Exhibitor+"/sample/v1/group/"+group, nil, nil); err != nil {
		m.logf("withdraw: %v", err)
	}
}

// look stands for election and learns who leads.
func (m *Master) look(ctx context.Context) error {
	var v view
	me := map[string]any{"hostname": m.cfg.Hostname, "started": m.started}
	err := host.Do(ctx, "POST", m.cfg.Exhibitor+"/sample/v1/group/"+group, me, &v)
	if err != nil {
		// Without exhibitor there is no leader.
		v = view{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		v.Members = m.view.Members
	}
	if v.Leader != m.view.Leader {
		m.logf("the leading master is %q, it was %q", v.Leader, m.view.Leader)
	}
	m.view = v
	if m.leading && v.Leader != m.cfg.Hostname {
		m.leading = false
		m.agents, m.gone = map[string]*agent{}, map[string]AgentInfo{}
	}
	return err
}

func (m *Master) step(ctx context.Context) error {
	if err := m.look(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	leader, leading := m.view.Leader, m.leading
	m.mu.Unlock()
	switch {
	case leader == "":
		return nil
	case leader != m.cfg.Hostname:
		return m.follow(ctx, leader)
	case !leading:
		if err := m.lead(ctx); err != nil {
			return fmt.Errorf("elected, but: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire()
	m.schedule()
	return nil
}

// lead begins to lead.
func (m *Master) lead(ctx context.Context) error {
	if err := m.recoverRegistry(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	m.leading, m.elected = true, time.Now()
	m.agents = map[string]*agent{}
	m.mu.Unlock()
	m.logf("leading")
	return m.change(ctx, func(r *registry) error {
		if r.ClusterID == "" {
			r.ClusterID = newID()
		}
		return nil
	})
}

// recovered tells whether this master has the registry: it leads, or it has
// it from the leader.
func (m *Master) recovered() bool {
	return m.view.Quorum && (m.leading || time.Since(m.synced) < 10*time.Second)
}
