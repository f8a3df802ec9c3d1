// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A Machine is what a node runs on.
type Machine struct {
	Address string
	ID      string // of /etc/machine-id
	BootID  string // "" if not known
	// Site tells clusters of the same name apart; "" if not known, and then
	// the machine may be of any of them.
	Site   string
	Master bool
	// Port is where it was reached when it was looked at, 0 if nobody knows, and
	// Via stands for what was in between, "" if nothing was.
	Port int
	Via  string
}

// Machines is what is known of the machines of clusters' nodes. A machine id
// that is there twice means cloned images.
//
// Terraform runs a plan and its apply in processes of their own, and apply
// calls only what changes. What one process has seen is therefore noted in
// files, for an hour, and counts in all others on this computer.
type Machines struct {
	dir string
	now func() time.Time

	mu       sync.Mutex
	clusters map[string]*clusterMachines
	holders  map[string]holder // by machine id: who has brought it in this process
}

// A holder is who has brought a machine to its bundle.
type holder struct{ claim, address string }

// hold says that a machine is about to be changed for a holder. Another one of
// this process that has it already is a [*SharedError]: one of the two would
// uninstall the other's node one day.
func (m *Machines) hold(machineID string, by holder) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if other, ok := m.holders[machineID]; ok && other != by {
		return &SharedError{Host: by.address, MachineID: machineID, Other: other.address}
	}
	m.holders[machineID] = by
	return nil
}

// beside gives the other machines of a cluster that have been looked at in the
// last hour, here or in another process on this computer, and that are reached
// through the same as a machine: the one last looked at first. One whose node is
// gone since is still a machine. The error is as of Meet.
func (m *Machines) beside(cluster string, it Machine) ([]Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.cluster(cluster).notes
	_, err := n.with("") // reads them
	var noted []notedMachine
	for _, other := range n.machines {
		itself := other.Address == it.Address || other.ID != "" && other.ID == it.ID
		if !itself && other.Port > 0 && other.Via == it.Via && n.now().Sub(other.seen) <= noteLife {
			noted = append(noted, other)
		}
	}
	slices.SortFunc(noted, func(a, b notedMachine) int {
		return cmp.Or(b.seen.Compare(a.seen), cmp.Compare(a.Address, b.Address))
	})
	others := make([]Machine, len(noted))
	for i := range noted {
		others[i] = noted[i].Machine
	}
	return others, err
}

// letGo says that there is no node on the machine any more.
func (m *Machines) letGo(machineID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.holders, machineID)
}

// NewMachines keeps its notes in a directory, which is made when the first
// note is. Without one ("") nothing is noted: each process knows what it has seen
// itself.
func NewMachines(dir string, now func() time.Time) *Machines {
	return &Machines{dir: dir, now: now, clusters: map[string]*clusterMachines{}, holders: map[string]holder{}}
}

// clusterMachines are found by address and by id: a cluster may have fifty
// thousand.
type clusterMachines struct {
	byAddress map[string]seenMachine
	addresses map[string]string // by machine id; of two, the first
	masters   int
	notes     *notes
}

type seenMachine struct {
	Machine
	at time.Time
}

func (m *Machines) cluster(name string) *clusterMachines {
	c := m.clusters[name]
	if c == nil {
		c = &clusterMachines{byAddress: map[string]seenMachine{}, addresses: map[string]string{}, notes: newNotes(m.dir, name, m.now)}
		m.clusters[name] = c
	}
	return c
}

// Seen says that these are machines of nodes: somebody has just looked.
func (m *Machines) Seen(cluster string, machines ...Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.cluster(cluster)
	for _, it := range machines {
		c.take(seenMachine{it, m.now()})
	}
	return c.notes.add(noteSeen, machines)
}

// Recorded says that these are machines of nodes as Terraform's state has it.
func (m *Machines) Recorded(cluster string, machines ...Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cluster(cluster).notes.add(noteRecorded, machines)
}

// Gone says that there are no nodes at these addresses any more.
func (m *Machines) Gone(cluster string, addresses ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.cluster(cluster)
	machines := make([]Machine, len(addresses))
	for i, a := range addresses {
		c.forget(a)
		machines[i].Address = a
	}
	return c.notes.add(noteGone, machines)
}

// Meet is told of a machine that is to become a node, or is one, and gives
// what is known of the others. The first of two with the same machine id has
// it. The error says why not all notes of other processes count.
func (m *Machines) Meet(cluster string, it Machine) (node.Peers, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.cluster(cluster)
	masters := c.masters
	if c.byAddress[it.Address].Master {
		masters--
	}
	peers := node.Peers{Master: masters > 0}
	if other, known := c.addresses[it.ID]; known && other != it.Address {
		twin := c.byAddress[other]
		peers.Twin = &node.Twin{Address: other, BootID: twin.BootID, Seen: twin.at}
		return peers, nil
	}
	noted, err := c.notes.with(it.ID)
	peers.Twin = c.twin(it, noted)
	if peers.Twin == nil {
		c.take(seenMachine{it, m.now()})
	}
	return peers, err
}

// twin gives the one of the noted machines that is another node with the
// machine's id, the one last looked at if there are several.
func (c *clusterMachines) twin(it Machine, noted []notedMachine) *node.Twin {
	var twin *node.Twin
	for _, other := range noted {
		if own, known := c.byAddress[other.Address]; known && own.ID != other.ID {
			continue // it was there before
		}
		if other.Address == it.Address || it.Site != "" && other.Site != "" && it.Site != other.Site {
			continue
		}
		if twin == nil || other.seen.After(twin.Seen) {
			twin = &node.Twin{Address: other.Address, BootID: other.BootID, Seen: other.seen}
		}
	}
	return twin
}

func (c *clusterMachines) take(found seenMachine) {
	c.forget(found.Address)
	c.byAddress[found.Address] = found
	if _, taken := c.addresses[found.ID]; !taken {
		c.addresses[found.ID] = found.Address
	}
	if found.Master {
		c.masters++
	}
}

func (c *clusterMachines) forget(address string) {
	was, known := c.byAddress[address]
	if !known {
		return
	}
	delete(c.byAddress, address)
	if c.addresses[was.ID] == address {
		delete(c.addresses, was.ID)
	}
	if was.Master {
		c.masters--
	}
}
