// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// refreshConnectTimeout bounds how long a refresh waits for one host: nobody
// expects hosts to boot then.
const refreshConnectTimeout = 30 * time.Second

// A nodeWork is one operation on one node, with everything it needs.
type nodeWork struct {
	shared  *shared
	model   *nodeModel
	cluster string
	log     *runlog.Scope
	target  remote.Target
	conn    *remote.Conn
}

// begin makes ready for work on the host of a model. What cannot be reached
// for want of configuration is in the diagnostics.
func (s *shared) begin(ctx context.Context, model *nodeModel) (*nodeWork, diag.Diagnostics) {
	var diags diag.Diagnostics
	if s == nil {
		diags.Append(notConfigured())
		return nil, diags
	}
	if s.client == nil {
		diags.Append(unknownConfiguration(s.unknown))
		return nil, diags
	}
	b, d := model.bundle(ctx)
	diags.Append(d...)
	w := &nodeWork{shared: s, model: model, cluster: b.ClusterName.ValueString()}
	w.log = s.log.Scope(w.cluster, model.Address.ValueString(), model.Role.ValueString())
	w.target, d = model.target(ctx, s, w.log)
	diags.Append(d...)
	return w, diags
}

// dial connects. From then on the key that was accepted is pinned.
func (w *nodeWork) dial(ctx context.Context) error {
	conn, err := w.shared.client.Dial(ctx, w.target)
	if err != nil {
		return err
	}
	w.conn = conn
	if w.shared.config.HostKeyPolicy != remote.Ignore {
		w.target.HostKey = conn.HostKey()
	}
	return nil
}

// close ends the connection. What goes wrong then has no bearing on the work,
// which is over: the host cleans up after itself.
func (w *nodeWork) close() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// redial makes a new connection to the same host, for stages that outlive one.
func (w *nodeWork) redial(ctx context.Context) (node.Conn, error) {
	return w.shared.client.Dial(ctx, w.target)
}

// bundle makes the bundle of the model's recipe.
func (w *nodeWork) bundle(ctx context.Context) (*bundle.Bundle, error) {
	b, diags := w.model.bundle(ctx)
	if diags.HasError() {
		return nil, errNoRecipe
	}
	return w.shared.bundleOf(ctx, b)
}

// options are those of the operation.
func (w *nodeWork) options(ctx context.Context, b *bundle.Bundle) (node.Options, diag.Diagnostics) {
	skip, diags := w.model.skip(ctx)
	return node.Options{
		Role:      w.model.role(),
		Bundle:    b,
		Address:   w.model.Address.ValueString(),
		MachineID: w.model.ID.ValueString(),
		Claim: func(id string) node.Peers {
			return w.shared.machines.claim(w.cluster, w.target.Address, id, w.model.role())
		},
		Run:              w.shared.log.Run(),
		SkipChecks:       skip,
		DrainTimeout:     w.model.drainTimeout(),
		WaitForCloudInit: w.model.WaitForCloudInit.ValueBool(),
		Log:              w.log,
		Redial:           w.redial,
	}, diags
}

// machines are what a process knows of its nodes' machines, by cluster: a
// machine id that is there twice means cloned images.
type machines struct {
	mu       sync.Mutex
	clusters map[string]*clusterMachines
}

// clusterMachines are found by address and by id: a cluster may have fifty
// thousand.
type clusterMachines struct {
	byAddress map[string]machine
	addresses map[string]string // by machine id; of two, the first
	masters   int
}

type machine struct {
	id     string
	master bool
}

func newMachines() *machines { return &machines{clusters: map[string]*clusterMachines{}} }

func (m *machines) cluster(name string) *clusterMachines {
	c := m.clusters[name]
	if c == nil {
		c = &clusterMachines{byAddress: map[string]machine{}, addresses: map[string]string{}}
		m.clusters[name] = c
	}
	return c
}

// seen notes the machine of a node.
func (m *machines) seen(cluster, address, id string, role node.Role) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cluster(cluster).note(address, machine{id, role == node.Master})
}

func (c *clusterMachines) note(address string, found machine) {
	c.forget(address)
	c.byAddress[address] = found
	if _, taken := c.addresses[found.id]; !taken {
		c.addresses[found.id] = address
	}
	if found.master {
		c.masters++
	}
}

func (c *clusterMachines) forget(address string) {
	was, known := c.byAddress[address]
	if !known {
		return
	}
	delete(c.byAddress, address)
	if c.addresses[was.id] == address {
		delete(c.addresses, was.id)
	}
	if was.master {
		c.masters--
	}
}

// claim notes a machine that is to become a node, or is one, and gives what is
// known of the others. The first of two with the same machine id has it.
func (m *machines) claim(cluster, address, id string, role node.Role) node.Peers {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.cluster(cluster)
	others := c.masters
	if c.byAddress[address].master {
		others--
	}
	peers := node.Peers{Master: others > 0}
	if other, known := c.addresses[id]; known && other != address {
		peers.Twin = other
	} else {
		c.note(address, machine{id, role == node.Master})
	}
	return peers
}

// gone forgets a node.
func (m *machines) gone(cluster, address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cluster(cluster).forget(address)
}
