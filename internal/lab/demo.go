// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// DemoName is the name of the lab that the demo's hosts are in.
const DemoName = "demo"

// ExhibitorDir is where masters of the demo have the directory that they share, exhibitor's storage backend.
const ExhibitorDir = "/srv/exhibitor"

// Demo is the demo's topology: a load-balanced site of three masters, one agent and one public agent.
type Demo struct {
	LoadBalancer                  *Host
	Masters, Agents, PublicAgents []*Host
	Fresh                         bool // a node's host was made anew by RaiseDemo: what was on it before is gone
}

// Nodes are the hosts that become nodes.
func (d *Demo) Nodes() []*Host {
	var all []*Host
	for _, hosts := range [][]*Host{d.Masters, d.Agents, d.PublicAgents} {
		all = append(all, hosts...)
	}
	return all
}

// demoHost is one host of the demo's plan.
type demoHost struct {
	name, address string
	list          func(*Demo) *[]*Host
}

var (
	demoBalancer = demoHost{name: "lb", address: "198.18.0.10"}
	demoNodes    = []demoHost{
		{"m1", "198.18.1.1", func(d *Demo) *[]*Host { return &d.Masters }},
		{"m2", "198.18.1.2", func(d *Demo) *[]*Host { return &d.Masters }},
		{"m3", "198.18.1.3", func(d *Demo) *[]*Host { return &d.Masters }},
		{"a1", "198.18.2.1", func(d *Demo) *[]*Host { return &d.Agents }},
		{"p1", "198.18.3.1", func(d *Demo) *[]*Host { return &d.PublicAgents }},
	}
)

// RaiseDemo makes the demo's lab and hosts, or what is missing of them, boots those that are off, and says what it
// does on out. It may be run at any time, also after an interruption.
func RaiseDemo(ctx context.Context, out io.Writer) (*Lab, *Demo, error) {
	l, err := New(ctx, DemoName)
	if err != nil {
		return nil, nil, err
	}
	demo, err := l.RaiseDemo(ctx, out)
	return l, demo, err
}

// RaiseDemo is the function of that name for hosts in a lab of another name, a test's own say.
func (l *Lab) RaiseDemo(ctx context.Context, out io.Writer) (*Demo, error) {
	unlock, err := lockFile(filepath.Join(l.dir, "demo.lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	var saying sync.Mutex
	say := func(h *Host, what string) {
		saying.Lock()
		defer saying.Unlock()
		fmt.Fprintf(out, "  %-4s %-12s %s\n", h.Name, h.Address, what)
	}
	shared := filepath.Join(l.Dir(), "exhibitor")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		return nil, err
	}
	demo := &Demo{}
	hosts, fresh := make([]*Host, len(demoNodes)), make([]bool, len(demoNodes))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	masters := make([]string, 0, len(demoNodes))
	for i, plan := range demoNodes {
		opts := []Option{WithAddress(plan.address)}
		if plan.list(demo) == &demo.Masters {
			masters = append(masters, plan.address)
			opts = append(opts, WithMount(shared, ExhibitorDir))
		}
		group.Go(func() (err error) {
			hosts[i], fresh[i], err = l.ensure(gctx, say, plan.name, func() (*Host, error) {
				return l.Create(gctx, plan.name, opts...)
			})
			return err
		})
	}
	group.Go(func() (err error) {
		demo.LoadBalancer, _, err = l.ensure(gctx, say, demoBalancer.name, func() (*Host, error) {
			return l.LoadBalancer(gctx, demoBalancer.name, LoadBalancer{Backends: masters}, WithAddress(demoBalancer.address))
		})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, plan := range demoNodes {
		list := plan.list(demo)
		*list = append(*list, hosts[i])
		demo.Fresh = demo.Fresh || fresh[i]
	}
	return demo, nil
}

// OpenDemo gives the demo as RaiseDemo left it; an error of fs.ErrNotExist where there is none.
func OpenDemo() (*Lab, *Demo, error) {
	l, err := at(DemoName)
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no demo: %w", fs.ErrNotExist)
	}
	demo := &Demo{}
	for _, plan := range demoNodes {
		h, err := l.Find(plan.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // an interrupted RaiseDemo
		}
		if err != nil {
			return nil, nil, err
		}
		list := plan.list(demo)
		*list = append(*list, h)
	}
	demo.LoadBalancer, err = l.Find(demoBalancer.name)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return l, demo, err
}

// ensure gives the host of that name, booted and reachable; fresh says that it was made just now.
func (l *Lab) ensure(
	ctx context.Context, say func(*Host, string), name string, create func() (*Host, error),
) (h *Host, fresh bool, err error) {
	dir := filepath.Join(l.dir, "hosts", name)
	whole := filepath.Join(dir, "whole") // there once the host is, so that an interrupted one is made again
	if exists(dir) && !exists(whole) {
		if err := (&Host{Name: name, lab: l, dir: dir}).Destroy(ctx); err != nil {
			return nil, false, fmt.Errorf("remove the half-made host %s: %w", name, err)
		}
	}
	if !exists(dir) {
		if h, err = create(); err != nil {
			return nil, false, err
		}
		say(h, "made and booted")
		return h, true, os.WriteFile(whole, nil, 0o600)
	}
	if h, err = l.Find(name); err != nil {
		return nil, false, err
	}
	what := "is there"
	if !h.Running() {
		what = "booted"
	}
	if err := errors.Join(h.Rejoin(ctx), h.Start(ctx), h.WaitSSH(ctx)); err != nil {
		return nil, false, fmt.Errorf("bring up host %s: %w", name, err)
	}
	say(h, what)
	return h, false, nil
}
