// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A planRegister knows what the resources of one plan do to which hosts.
// Terraform plans each resource by itself, in any order, and does not tell a
// resource its name. What only all of them together show is seen by whichever
// is planned last: two resources for one host, a host whose old resource goes
// while a new one comes, more masters removed than the ensemble can spare.
//
// Terraform plans a replacement in two calls, of which the second looks like a
// creation. That it is the same resource shows from planned private data, which
// the second call is given: the id under which the first one was registered.
//
// Processes of other provider blocks take part through a planExchange.
type planRegister struct {
	mu   sync.Mutex
	with *planExchange // nil if nobody else can be heard
	news []planLine    // that the others have not been told yet
	// unheard is why the others could not be told or heard.
	unheard error

	ways     map[string][]*plannedHost // by way
	machines map[string][]*plannedHost // by machine, of those whose machine is known
	// kept are the ways at which resources keep nodes by the plan that apply carries out,
	// by machine: an earlier process has planned them.
	kept map[string]map[string]planLine
	byID map[string]map[string]*plannedHost // by id of the resource and way
	// again are the ways that an earlier process of this provider block has planned
	// in this run.
	again map[string]bool
	// lost are the clusters whose plan removes more masters than their ensembles
	// can spare, with why in words.
	lost map[string]lostEnsemble
	// ended are the clusters of which nothing stays, with their dcos_cluster_config.
	ended map[string]bool
	// told is what has been said once for many resources.
	told map[string]bool
}

// A lostEnsemble is why a plan costs an ensemble.
type lostEnsemble struct {
	why  string
	only string // the resource of the only master, if there is no more than one: it has nothing to lose but what depends on it
}

func newPlanRegister() *planRegister {
	return &planRegister{ways: map[string][]*plannedHost{}, machines: map[string][]*plannedHost{}, kept: map[string]map[string]planLine{},
		byID: map[string]map[string]*plannedHost{}, again: map[string]bool{}, lost: map[string]lostEnsemble{}, ended: map[string]bool{},
		told: map[string]bool{}}
}

// A plannedHost is a host of one resource of the plan.
type plannedHost struct {
	id      string // of the resource, in this plan
	way     string
	machine string // of the node that the resource has there, as machineOf has it; "" if there is none yet
	address string
	holder  string // dcos_node, dcos_node_pool
	role    node.Role
	cluster string      // "" if it is not known yet
	host    *fleet.Host // of a master
	target  remote.Target
	masters int  // the size of the ensemble, where it matters; 0 if nothing says it
	stays   bool // where its resource is replaced the node stays all the same: another one goes on with it, or it is abandoned
	had     bool // the resource has the host before the plan is applied
	comes   bool // the resource has the host when the plan has been applied
	goes    bool // the resource has a node there that is removed
	left    bool // the removal leaves the node as it is: another resource has it then
	given   bool // it goes from a pool that stays

	elsewhere elsewhere // where it was planned
}

// elsewhere says which other process has planned a host. Terraform plans more
// than once in a run, with new processes each time: a destroy begins with an
// ordinary plan, and apply plans again what it is about to do. So the process of
// this provider block that is over has planned these very resources; and of
// another block's that was over before this one began nobody knows whether it was in
// this plan.
type elsewhere int

const (
	here     elsewhere = iota // in this process
	beside                    // in one that runs, or has run beside this one
	finished                  // in one of another provider block that was over before
)

// meets reports whether a host that comes is surely another resource's.
func (h *plannedHost) meets() bool { return h.comes && h.elsewhere != finished }

// keeps reports whether a host that comes takes over the node of a resource that
// goes. What has had it before, in a process that is over, may be that resource. And
// if this provider block has planned the removal before, this is not the plan that a
// process which is over was in: a destroy begins with an ordinary plan, in which
// resources may come that the destroy knows nothing of.
func (p *planRegister) keeps(h *plannedHost) bool {
	return h.meets() || h.comes && !h.had && !p.again[h.way]
}

// newPlanID is what a resource is registered under.
func newPlanID() string { return rand.Text()[:16] }

// planned makes what the register knows of a host.
func (s *shared) planned(id string, h fleet.Host) plannedHost {
	p := plannedHost{id: id, way: s.way(h.Target), machine: machineOf(h.MachineID, h.DetectedIP), address: h.Address(), holder: h.Holder,
		role: h.Role, cluster: h.Cluster, target: h.Target}
	if h.Role == node.Master {
		p.host = &h
	}
	return p
}

// way is how a host is reached, as far as it tells hosts apart: the address, the
// port, and what is in between. Who logs in does not count.
func (s *shared) way(t remote.Target) string {
	port := cmp.Or(t.Port, s.config.Port, 22)
	way := net.JoinHostPort(strings.ToLower(strings.TrimSuffix(t.Address, ".")), strconv.Itoa(port))
	if t.ProxyCommand != "" {
		way += " by " + t.ProxyCommand
	}
	if t.JumpHosts == nil && (t.ProxyCommand == "" || strings.EqualFold(t.ProxyCommand, "none")) {
		return way + s.route // another block's address may be another host's
	}
	for _, hop := range t.JumpHosts {
		way += " " + net.JoinHostPort(strings.ToLower(hop.Address), strconv.Itoa(cmp.Or(hop.Port, 22)))
	}
	return way + " direct"
}

// machineOf tells machines apart, however they are reached: clones of one image have
// one machine id, and addresses of their own. It is "" if one of the two is not known.
func machineOf(id, detectedIP string) string {
	if id == "" || detectedIP == "" {
		return ""
	}
	return id + " " + detectedIP
}

// A planConflict is another resource's host that a host cannot be beside.
type planConflict struct {
	with plannedHost
	kind conflictKind
}

// A conflictKind says what is wrong.
type conflictKind int

const (
	conflictTwice   conflictKind = iota // both want the host
	conflictRenamed                     // the other one's removal was planned before, and would take the node away
	conflictChanges                     // the same, and the host is to get another role or cluster
	conflictLeaves                      // a pool that stays gives the host up, and the other one has it
	conflictGiven                       // the same, seen from the other one
	conflictMachine                     // the other one's removal would take away the node that this one has, too
)

// add registers hosts that a resource comes to have, or goes on to have. It gives
// what speaks against each; nil if nothing does.
func (p *planRegister) add(hosts ...plannedHost) []*planConflict {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range hosts {
		h.comes = true
		p.goesOn(h.cluster)
		p.note(h)
	}
	p.exchange()
	found := make([]*planConflict, len(hosts))
	for i, h := range hosts {
		found[i] = p.conflict(&h)
	}
	return found
}

// conflict gives what speaks against a host that comes.
func (p *planRegister) conflict(h *plannedHost) (found *planConflict) {
	for _, other := range p.atMachine(h) {
		if !h.had || !other.goes || other.left {
			continue
		}
		found = &planConflict{with: *other, kind: conflictMachine}
		if other.given {
			found.kind = conflictGiven
		}
	}
	for _, other := range p.ways[h.way] {
		switch {
		case other.id == h.id:
		case other.meets():
			found = &planConflict{with: *other, kind: conflictTwice}
		case other.comes:
		case other.elsewhere == here && other.goes && other.holder == holderPool && h.holder == holderPool:
			// Pools of one process hand hosts over by themselves ([fleet.Coordinator.Want]).
		case other.goes && !other.left && found == nil:
			found = &planConflict{with: *other, kind: conflictRenamed}
			switch {
			case h.had && other.given:
				found.kind = conflictGiven
			case h.had: // both are in the state
				found.kind = conflictMachine
			case other.role != h.role || other.cluster != h.cluster && h.cluster != "":
				found.kind = conflictChanges
			case other.given:
				found.kind = conflictGiven
			}
		}
	}
	return found
}

// remove registers hosts whose nodes go. For each it gives the host of another
// resource of the plan that has the node then, so that the removal has to leave
// it as it is; nil if there is none.
func (p *planRegister) remove(hosts ...plannedHost) []*plannedHost {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range hosts {
		h.had, h.goes = true, true
		p.note(h)
	}
	p.exchange()
	to := make([]*plannedHost, len(hosts))
	for i, h := range hosts {
		for _, other := range p.ways[h.way] {
			if other.id != h.id && p.keeps(other) && other.role == h.role && (other.cluster == h.cluster || other.cluster == "") {
				found := *other
				to[i], h.goes, h.left = &found, true, true
			}
		}
		for _, other := range p.atMachine(&h) {
			if to[i] == nil && other.had && other.meets() && !other.goes {
				found := *other
				to[i], h.left = &found, true
			}
		}
		if h.left {
			p.note(h)
		}
	}
	p.exchange()
	return to
}

// atMachine gives what other resources plan for a host's machine, in the same cluster
// and reached in another way. A pool knows its own hosts' machines (notOf).
func (p *planRegister) atMachine(h *plannedHost) []*plannedHost {
	var others []*plannedHost
	for _, other := range p.machines[h.machine] {
		if other.id != h.id && other.way != h.way && other.cluster == h.cluster {
			others = append(others, other)
		}
	}
	return others
}

// keeper returns where a resource keeps its node on a machine, reached in another way,
// by the plan that this run carries out; "" if none does. A plan that another run has
// saved is not known.
func (p *planRegister) keeper(machine, way, cluster string) (address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchange()
	for at, l := range p.kept[machine] {
		if at != way && l.Cluster == cluster {
			return l.Address
		}
	}
	return ""
}

// keep notes what another process, which is over, has said of a machine.
func (p *planRegister) keep(l planLine) {
	if l.Machine == "" {
		return
	}
	if !l.Had || !l.Comes || l.Goes {
		delete(p.kept[l.Machine], l.Way)
		return
	}
	if p.kept[l.Machine] == nil {
		p.kept[l.Machine] = map[string]planLine{}
	}
	p.kept[l.Machine][l.Way] = l
}

// done says that the nodes of a resource have been removed, or left.
func (p *planRegister) done(ways ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, way := range ways {
		p.news = append(p.news, planLine{Way: way, Done: true})
	}
	p.exchange()
}

// replaced says that the resource is replaced, so that what it was first
// registered with goes, and gives its masters that go since.
func (p *planRegister) replaced(id string) (masters []plannedHost) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.byID[id] {
		if !h.had || h.goes || h.stays {
			continue
		}
		h.goes = true
		p.tell(h)
		if h.role == node.Master {
			masters = append(masters, *h)
		}
	}
	p.exchange()
	return masters
}

// note adds a host of this process, or what is new of one.
func (p *planRegister) note(h plannedHost) {
	p.tell(p.take(&h))
}

// tell has the others told of a host.
func (p *planRegister) tell(h *plannedHost) {
	if p.with == nil {
		return
	}
	p.news = append(p.news, planLine{Resource: h.id, Way: h.way, Machine: h.machine, Address: h.address, Holder: h.holder, Role: h.role,
		Cluster: h.cluster, Had: h.had, Comes: h.comes, Goes: h.goes, Left: h.left, Given: h.given})
}

// take adds a host, or what is new of one, and gives it as it is then.
func (p *planRegister) take(h *plannedHost) *plannedHost {
	own := p.byID[h.id]
	if own == nil {
		own = map[string]*plannedHost{}
		p.byID[h.id] = own
	}
	if known := own[h.way]; known != nil {
		known.host, known.cluster = h.host, h.cluster
		if known.machine == "" && h.machine != "" {
			known.machine = h.machine
			p.machines[h.machine] = append(p.machines[h.machine], known)
		}
		known.had, known.comes = known.had || h.had, known.comes || h.comes
		known.goes, known.left, known.given = known.goes || h.goes, known.left || h.left, known.given || h.given
		return known
	}
	own[h.way] = h
	p.ways[h.way] = append(p.ways[h.way], h)
	if h.machine != "" {
		p.machines[h.machine] = append(p.machines[h.machine], h)
	}
	return h
}

// exchange tells the processes of other provider blocks what is new here, and
// then hears them: whichever of two comes last knows of both.
func (p *planRegister) exchange() {
	err := p.with.say(p.news)
	p.news = nil
	heard, hearErr := p.with.hear()
	p.unheard = cmp.Or(p.unheard, errors.Join(err, hearErr))
	for _, l := range heard {
		from := p.with.place(l)
		if l.Ends {
			// Another provider block's cluster may be another one of that name.
			if l.Block == p.with.block && !p.remains(l.Cluster) {
				p.ended[l.Cluster] = true
			}
			continue
		}
		if l.Comes {
			p.goesOn(l.Cluster)
		}
		if from != beside {
			p.keep(l)
		}
		switch {
		case from == here: // it was
			p.again[l.Way] = p.again[l.Way] || !l.Done
		case l.Done:
			p.gone(l.Way)
		default:
			p.take(&plannedHost{id: l.Resource, way: l.Way, machine: l.Machine, address: l.Address, holder: l.Holder, role: l.Role,
				cluster: l.Cluster, had: l.Had, comes: l.Comes, goes: l.Goes, left: l.Left, given: l.Given, elsewhere: from})
		}
	}
}

// first reports whether what concerns many resources is said for the first time: by
// this process, and by those of its provider block that have planned the host of
// this one in the same run, as the plan has before its apply plans again.
func (p *planRegister) first(what, way string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told[what] || p.again[way] {
		return false
	}
	p.told[what] = true
	return true
}

// trouble gives, once, why the others could not be told or heard; nil if they
// were.
func (p *planRegister) trouble() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err, p.unheard = p.unheard, nil
	return err
}

// gone says that a node has been removed as it was planned elsewhere.
func (p *planRegister) gone(way string) {
	for _, h := range p.ways[way] {
		if h.elsewhere != here {
			h.goes = false
		}
	}
}

// masters returns how many masters of a cluster the plan removes, replacements
// counted, and whether anything of the cluster stays or comes besides a resource.
func (p *planRegister) masters(cluster, but string) (going int, stays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.byID[but]
	for way, hosts := range p.ways {
		goes := false
		for _, h := range hosts {
			// Another provider block's cluster may be another one of that name.
			if h.elsewhere != here || h.cluster != cluster && h.cluster != "" {
				continue
			}
			stays = stays || h.comes && own[way] == nil
			goes = goes || h.role == node.Master && h.goes && !h.left
		}
		if goes {
			going++
		}
	}
	return going, stays
}

// end notes that a cluster's configuration goes, unless something of the cluster
// stays or comes: all of it goes then, of this state. Terraform plans it after the
// nodes that it is for, so it is apply that asks for it (ends).
func (p *planRegister) end(cluster string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remains(cluster) {
		return
	}
	p.ended[cluster] = true
	p.news = append(p.news, planLine{Cluster: cluster, Ends: true})
	p.exchange()
}

// remains reports whether something of a cluster stays or comes, in this process.
func (p *planRegister) remains(cluster string) bool {
	for _, hosts := range p.ways {
		if slices.ContainsFunc(hosts, func(h *plannedHost) bool {
			return h.elsewhere == here && h.comes && (h.cluster == cluster || h.cluster == "")
		}) {
			return true
		}
	}
	return false
}

// ends reports whether the plan of this run of Terraform ends a cluster. Of a plan
// that another run has saved that is not known.
func (p *planRegister) ends(cluster string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchange()
	return p.ended[cluster]
}

// goesOn takes back that a cluster ends: something of it comes. An earlier plan of
// this run, as a destroy begins with, has said so before the end was planned.
func (p *planRegister) goesOn(cluster string) {
	if cluster == "" { // not known yet
		clear(p.ended)
	}
	delete(p.ended, cluster)
}

// lose notes that a cluster's plan removes more masters than its ensemble can
// spare, and losing gives why to another resource of the cluster; "" if it does
// not.
func (p *planRegister) lose(cluster string, lost lostEnsemble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost[cluster] = lost
}

func (p *planRegister) losing(cluster, id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lost := p.lost[cluster]; lost.only == "" || lost.only != id {
		return lost.why
	}
	return ""
}
