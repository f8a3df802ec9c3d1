// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package mesos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

// A registry is what masters remember together.
type registry struct {
	Version   int64                `json:"version"`
	ClusterID string               `json:"cluster_id"`
	NextAgent int                  `json:"next_agent"`
	Agents    map[string]AgentInfo `json:"agents"`
	Apps      map[string]App       `json:"apps"`
	Schedule  Schedule             `json:"schedule"`
	Down      []Machine            `json:"down"`
	// Agents by id that take no new tasks, and those that also lose theirs.
	Deactivated map[string]bool `json:"deactivated"`
	Draining    map[string]bool `json:"draining"`
}

func (r *registry) clone() *registry {
	c := *r
	c.Agents, c.Apps = maps.Clone(r.Agents), maps.Clone(r.Apps)
	c.Deactivated, c.Draining = maps.Clone(r.Deactivated), maps.Clone(r.Draining)
	c.Down = append([]Machine{}, r.Down...)
	c.fill()
	return &c
}

func (r *registry) fill() {
	if r.Agents == nil {
		r.Agents = map[string]AgentInfo{}
	}
	if r.Apps == nil {
		r.Apps = map[string]App{}
	}
	if r.Deactivated == nil {
		r.Deactivated = map[string]bool{}
	}
	if r.Draining == nil {
		r.Draining = map[string]bool{}
	}
}

func (m *Master) registryPath() string { return filepath.Join(m.cfg.WorkDir, "registry.json") }

func (m *Master) loadRegistry() error {
	m.reg = &registry{}
	text, err := os.ReadFile(m.registryPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := json.Unmarshal(text, m.reg); err != nil {
			return fmt.Errorf("%s: %w", m.registryPath(), err)
		}
	}
	m.reg.fill()
	return nil
}

// store keeps a registry here. The caller holds the lock.
func (m *Master) store(reg *registry) error {
	reg.fill()
	text, err := json.Marshal(reg)
	if err != nil {
		return err
	}
	if err := host.WriteFile(m.registryPath(), text, 0o600); err != nil {
		return err
	}
	if m.cfg.ClusterID != "" && reg.ClusterID != "" && reg.ClusterID != m.reg.ClusterID {
		if err := host.WriteFile(m.cfg.ClusterID, []byte(reg.ClusterID+"\n"), 0o644); err != nil {
			return err
		}
	}
	m.reg = reg
	return nil
}

// change applies f to the registry and copies the result to the other masters.
// Only the leader may. f is called with the lock held and without side
// effects if it fails.
func (m *Master) change(ctx context.Context, f func(*registry) error) error {
	m.mu.Lock()
	next := m.reg.clone()
	next.Version++
	err := f(next)
	if err == nil {
		err = m.store(next)
	}
	others := m.others()
	m.mu.Unlock()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, name := range others {
		wg.Go(func() {
			// A master that misses a copy gets it when it asks next.
			if err := host.Do(ctx, "PUT", m.cfg.URL(name)+"/sample/v1/registry", next, nil); err != nil {
				m.logf("copy the registry to %s: %v", name, err)
			}
		})
	}
	wg.Wait()
	return nil
}

// recoverRegistry takes the newest registry that a majority of the masters
// has, as a new leader must before it does anything.
func (m *Master) recoverRegistry(ctx context.Context) error {
	m.mu.Lock()
	newest, others := m.reg, m.others()
	m.mu.Unlock()
	var (
		mu sync.Mutex
		n  = 1
		wg sync.WaitGroup
	)
	for _, name := range others {
		wg.Go(func() {
			reg := &registry{}
			if err := host.Get(ctx, m.cfg.URL(name)+"/sample/v1/registry", reg); err != nil {
				return // it does not count towards the majority
			}
			mu.Lock()
			defer mu.Unlock()
			n++
			if reg.Version > newest.Version {
				newest = reg
			}
		})
	}
	wg.Wait()
	if n < m.cfg.Count/2+1 {
		return fmt.Errorf("%d of %d masters answered, which is no majority", n, m.cfg.Count)
	}
	m.mu.Lock()
	err := m.store(newest.clone())
	m.mu.Unlock()
	return err
}

// follow takes the leader's registry.
func (m *Master) follow(ctx context.Context, leader string) error {
	reg := &registry{}
	if err := host.Get(ctx, m.cfg.URL(leader)+"/sample/v1/registry", reg); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.synced = time.Now()
	if reg.Version == m.reg.Version {
		return nil
	}
	return m.store(reg)
}
