// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"context"
	"errors"
	"testing"
	"time"
)

var errProvisional = errors.New("not built yet")

// Faults is what a Proxy does to what passes through it.
type Faults struct {
	Latency, Jitter time.Duration // each way
	Bandwidth       int64         // bytes a second, each way; 0 = no limit
	Loss            float64       // fraction of segments that come late, as if sent again
	Up, Down        Fault         // client to server, server to client
	Refuse          bool          // new connections are closed at once
}

// Fault happens to every connection of a Proxy once, at a byte of one direction.
type Fault struct {
	Kind FaultKind
	At   int64
}

// FaultKind is a kind of Fault.
type FaultKind int

// The kinds of Fault.
const (
	NoFault FaultKind = iota
	Close             // both sides are closed in order
	Reset             // both sides are reset
	Stall             // nothing passes any more, either way
	Corrupt           // one bit of the byte is changed
)

// Proxy is a TCP proxy in front of a host that makes the path to it a bad one.
type Proxy struct{}

// Proxy makes a proxy to target ("ADDRESS:PORT"), gone when the test ends.
func (l *Lab) Proxy(t testing.TB, target string, f Faults) *Proxy { t.Helper(); return nil }

// Address is where the proxy listens, "ADDRESS:PORT".
func (p *Proxy) Address() string { return "" }

// Set changes the faults, for new connections and for what else passes in open ones.
func (p *Proxy) Set(f Faults) {}

// Cut resets all open connections.
func (p *Proxy) Cut() {}

// Bytes is how much has passed so far, each way, and Connections how many there were.
func (p *Proxy) Bytes() (up, down int64) { return 0, 0 }

// Connections is how many connections were accepted so far.
func (p *Proxy) Connections() int { return 0 }

// LoadBalancer describes a load balancer.
type LoadBalancer struct {
	Listeners []Listener // nil: DCOSListeners
	Backends  []string   // addresses of the hosts behind it
	CheckPort int        // TCP port whose answer makes a backend healthy; 0: 5050
}

// Listener is a port of a load balancer.
type Listener struct {
	Port int
	HTTP bool // else TCP
}

// DCOSListeners are the listeners of DC/OS's internal master load balancer.
func DCOSListeners() []Listener { return nil }

// LoadBalancer makes a host with HAProxy on it, set up as described.
func (l *Lab) LoadBalancer(ctx context.Context, name string, lb LoadBalancer, opts ...Option) (*Host, error) {
	return nil, errProvisional
}
