// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A Host is a machine that is a node or is to be one: what operations need to
// know of it.
type Host struct {
	// Target says how it is reached. Its address names the host, in messages
	// and in notes.
	Target remote.Target
	Role   node.Role // "" for one that is no node
	// Cluster is the cluster's name, and Site tells clusters of one name apart
	// ([bundle.Recipe.SiteID]); "" if it is not known.
	Cluster, Site string
	// Bundle is what Bring makes of the host and Check judges it for, what Look
	// compares it with, and a help to Remove. These two do without.
	Bundle *bundle.Bundle
	// Claim is the id of the claim that whoever has the host knows; "" if it has
	// none yet. Holder is what that is, in words: "dcos_node". Former is another
	// name that the cluster may still have on the host. ClaimFrom is the id of the
	// claim of whom it has the host from, which may be on the host yet.
	Claim, Holder, Former, ClaimFrom string
	// ClaimLost says that whoever has the host has a claim that is not known here;
	// see [node.Holding].
	ClaimLost bool
	// MachineID and DetectedIP are those of the node; "" while they are not
	// known. With a machine id, DC/OS on that machine counts as ours.
	MachineID, DetectedIP string
	// OtherThan is as in [node.Options].
	OtherThan string

	SkipChecks       []string      // names of preflight checks
	DrainTimeout     time.Duration // negative: tasks are not waited for
	WaitForCloudInit bool
}

// Address is where the host is reached.
func (h *Host) Address() string { return h.Target.Address }

// names are those under which an ensemble may know a master.
func (h *Host) names() []string { return []string{h.DetectedIP, h.Address()} }

// holding is what is known of whose the node is.
func (h *Host) holding() node.Holding {
	claim := node.Claim{ID: h.Claim, Holder: h.Holder, Cluster: h.Cluster, Site: h.Site}
	return node.Holding{Claim: claim, From: h.ClaimFrom, Former: h.Former, Lost: h.ClaimLost}
}

// machine is what the host runs on.
func (h *Host) machine(id, bootID string) Machine {
	return Machine{Address: h.Address(), ID: id, BootID: bootID, Site: h.Site, Master: h.Role == node.Master}
}

// A Conn is a connection to a host. [remote.Conn] is one.
type Conn interface {
	node.Conn
	// HostKey is the key that the host has shown, in authorized_keys form.
	HostKey() string
	// JumpKeys are the keys that the jump hosts on the way have shown; see
	// [remote.Conn.JumpKeys].
	JumpKeys() map[string]string
	// DialThrough connects to another host from there.
	DialThrough(ctx context.Context, host string, port int) (net.Conn, error)
}

var _ Conn = (*remote.Conn)(nil)

// A Fleet is what operations on hosts have in common: one for each configured
// provider. It is safe for concurrent use.
type Fleet struct {
	// Dial connects to a host. It is nil while what it needs is not known.
	Dial func(ctx context.Context, t remote.Target) (Conn, error)
	// Greet asks whether an SSH server answers at a host, and Way says how one is
	// reached, as [remote.Client.Greet] and [remote.Client.Way] do. Without them
	// no machine is given up.
	Greet func(ctx context.Context, t remote.Target) error
	Way   func(ctx context.Context, t remote.Target) (remote.Way, error)
	// ConnectTimeout is how long a host may take to answer; 0: Dial knows.
	ConnectTimeout time.Duration
	// PinHostKeys says that a host keeps the key which it has shown first for
	// as long as an operation lasts.
	PinHostKeys bool
	// Closing is closed when the process is about to end. Bring and Remove begin
	// nothing more then, and return within a second with what is known of what is
	// under way on the host. It may be nil.
	Closing <-chan struct{}

	// Outages opens the lock that keeps other processes from taking out another
	// master of an ensemble; nil: there is none.
	Outages outage.Opener
	// Serves asks a master's own ZooKeeper, at the moment of another one's outage,
	// whether it serves, as [outage.Serves] does; nil: what exhibitor says is all.
	Serves func(ctx context.Context, through outage.Dial, server string) (serves, known bool)

	Turns    *Coordinator
	Machines *Machines
	Log      *runlog.Log
	// NotNoted is told that what is known of machines could not be noted or
	// read, which keeps nobody from working.
	NotNoted func(ctx context.Context, err error)
}

// reached is what the host runs on, and how it is reached.
func (f *Fleet) reached(ctx context.Context, h *Host, id, bootID string) Machine {
	m := h.machine(id, bootID)
	if f.Way == nil {
		return m
	}
	if way, err := f.Way(ctx, h.Target); err == nil { // else it could not be reached
		m.Port = way.Port
		if way.Via != "" {
			m.Via = fmt.Sprintf("%x", sha256.Sum256([]byte(way.Via)))[:16]
		}
	}
	return m
}

// Record notes hosts that are nodes as Terraform's state has it.
func (f *Fleet) Record(ctx context.Context, cluster string, hosts ...Host) {
	machines := make([]Machine, len(hosts))
	for i := range hosts {
		machines[i] = hosts[i].machine(hosts[i].MachineID, "")
	}
	f.noted(ctx, f.Machines.Recorded(cluster, machines...))
}

// Forget notes that there are no nodes at these addresses any more, or that
// nobody looks after them.
func (f *Fleet) Forget(ctx context.Context, cluster string, addresses ...string) {
	f.noted(ctx, f.Machines.Gone(cluster, addresses...))
}

func (f *Fleet) noted(ctx context.Context, err error) {
	if err != nil && f.NotNoted != nil {
		f.NotNoted(ctx, err)
	}
}
