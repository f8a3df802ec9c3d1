// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// LoadBalancer describes a load balancer that stands in for AWS's classic
// one: HAProxy on a host of its own, which takes a backend out of rotation
// after two failed health checks and back in after two good ones.
//
// Two things are not as there: checks are half a second apart, not thirty
// (with a time limit of as long, not five), so that tests need not wait; and
// backends count as healthy until their first checks, not the other way round.
type LoadBalancer struct {
	Listeners []Listener // nil: DCOSListeners
	Backends  []string   // addresses of the hosts behind it
	CheckPort int        // the TCP port whose answer makes a backend healthy; 0: 5050, Mesos
	CheckPath string     // a path that has to be answered there over HTTP, "" = that it listens is enough
}

// Listener is a port of a load balancer, which is the backends' port too.
type Listener struct {
	Port int
	HTTP bool // each request is balanced, and gets X-Forwarded-For; else each connection is
}

// DCOSListeners are the listeners of the internal load balancer that DC/OS's
// own templates put in front of masters on AWS (gen/aws of 2.2).
//
// All of them follow the health check on 5050. A master's exhibitor (8181) is
// therefore reached through the balancer as soon as its Mesos listens, and not
// before.
func DCOSListeners() []Listener {
	return []Listener{{5050, true}, {2181, false}, {8181, true}, {80, false}, {443, false}, {8080, true}, {12379, false}}
}

const balancerConfig = "/etc/haproxy/haproxy.cfg"

// LoadBalancer makes a host with HAProxy on it, set up as described, and
// waits until it listens.
func (l *Lab) LoadBalancer(ctx context.Context, name string, lb LoadBalancer, opts ...Option) (*Host, error) {
	h, err := l.Create(ctx, name, append([]Option{WithPackages("haproxy"), WithFile(balancerConfig, lb.config(), 0o644)}, opts...)...)
	if err != nil || !h.Running() {
		return h, err
	}
	if err := h.waitListener(ctx, lb.listeners()[0].Port); err != nil {
		return nil, errors.Join(fmt.Errorf("load balancer %s: %w", name, err), h.Destroy(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// SetLoadBalancer gives a host that LoadBalancer made a new description.
// Connections through listeners and backends that stay are kept.
func (h *Host) SetLoadBalancer(ctx context.Context, lb LoadBalancer) error {
	if err := h.WriteFile(balancerConfig, []byte(lb.config()), 0o644); err != nil {
		return err
	}
	if _, err := h.Exec(ctx, "systemctl", "reload-or-restart", "haproxy"); err != nil {
		return err
	}
	return h.waitListener(ctx, lb.listeners()[0].Port)
}

func (h *Host) waitListener(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootLimit, fmt.Errorf("nobody listens at port %d in time", port))
	defer cancel()
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		conn, err := h.lab.Dial(ctx, "tcp", net.JoinHostPort(h.Address, strconv.Itoa(port)))
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		return true, conn.Close()
	})
}

func (lb LoadBalancer) listeners() []Listener {
	if lb.Listeners == nil {
		return DCOSListeners()
	}
	return lb.Listeners
}

// config is the description in HAProxy's words. A minute without a byte ends
// a connection, as AWS's balancer has it.
func (lb LoadBalancer) config() string {
	check := lb.CheckPort
	if check == 0 {
		check = 5050
	}
	var b strings.Builder
	b.WriteString(`global
	log /dev/log local0 notice
	stats socket /run/haproxy/admin.sock mode 660 level admin
	maxconn 4000
	user haproxy
	group haproxy
	daemon

defaults
	log global
	timeout connect 5s
	timeout client 60s
	timeout server 60s
	timeout check 500ms
	default-server check inter 500ms fall 2 rise 2
`)
	for _, l := range lb.listeners() {
		mode, extra := "tcp", "balance roundrobin"
		if l.HTTP {
			mode, extra = "http", "balance leastconn\n\toption forwardfor"
		}
		fmt.Fprintf(&b, "\nlisten port-%d\n\tbind *:%d\n\tmode %s\n\t%s\n", l.Port, l.Port, mode, extra)
		if lb.CheckPath != "" {
			fmt.Fprintf(&b, "\toption httpchk GET %s\n", lb.CheckPath)
		}
		for _, address := range lb.Backends {
			fmt.Fprintf(&b, "\tserver %s %s:%d port %d\n", address, address, l.Port, check)
		}
	}
	return b.String()
}
