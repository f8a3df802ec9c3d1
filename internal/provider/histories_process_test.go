// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/outage"
	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Terraform, as TestHistories has it: a configuration, a state, and for each apply
// a process, which refreshes, plans and applies as Terraform's graph would. What
// decides is the provider's own: its register of the plan, its notes in private
// state, pools' work, and all that is below. What its resources do around that with
// Terraform's types is written down here once more, step by step, since a call
// through the framework costs more than a whole history may.

// A modelTerraform is a directory that Terraform is run in.
type modelTerraform struct {
	name     string
	seed     uint64
	world    *modelWorld
	versions []*bundle.Bundle
	notes    string // directory
	loss     bool   // allow_ensemble_loss

	wants map[string]modelWant // the configuration
	runs  int

	mu     sync.Mutex
	state  map[string]*modelResource
	backup map[string]*modelResource
	serial int
}

// A modelWant is a resource of the configuration.
type modelWant struct {
	pool      bool
	role      node.Role
	version   int
	addresses []string
}

// A modelResource is a resource in the state.
type modelResource struct {
	pool       bool
	role       node.Role
	version    int
	private    modelPrivate
	tainted    bool
	id         string // of a pool
	unfinished bool   // a pool with something to do
	hosts      []*poolHost
}

// clone is what an operation works on: what is in the state stays as it is until
// the operation is done.
func (r *modelResource) clone() *modelResource {
	if r == nil {
		return nil
	}
	c := *r
	c.private, c.hosts = maps.Clone(r.private), make([]*poolHost, len(r.hosts))
	for i, h := range r.hosts {
		own := *h
		c.hosts[i] = &own
	}
	return &c
}

// A modelPrivate is private state.
type modelPrivate map[string][]byte

func (p modelPrivate) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) {
	return p[key], nil
}

func (p modelPrivate) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	p[key] = value
	return nil
}

// A modelProcess is one process of the provider.
type modelProcess struct {
	*modelTerraform
	*shared
	run  string
	ctx  context.Context //nolint:containedctx // it ends with the process
	dead chan struct{}   // closed when it is killed
	once *sync.Once
	end  context.CancelFunc
	// sessions are those with the register of the ensemble's lock.
	sessions *modelSessions
	free     bool // a removal has been called that lets the whole ensemble go
}

func (p *modelProcess) killed() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

func (p *modelProcess) kill() {
	p.once.Do(func() {
		close(p.dead)
		p.sessions.die()
		p.end()
	})
}

// process begins one.
func (t *modelTerraform) process(run string) *modelProcess {
	p := &modelProcess{modelTerraform: t, run: run, dead: make(chan struct{}), once: &sync.Once{}, sessions: &modelSessions{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	p.shared = &shared{plan: newPlanRegister(), pools: newPoolMemory(), allowEnsembleLoss: t.loss}
	p.fleet = &fleet.Fleet{
		Turns: fleet.New(), Machines: fleet.NewMachines(t.notes, time.Now), PinHostKeys: true,
		Dial: func(ctx context.Context, to remote.Target) (fleet.Conn, error) { return t.world.dial(ctx, to) },
		Outages: func(context.Context, outage.Dial, []string) (outage.Register, error) {
			if t.world.noLock {
				return nil, &outage.NoLockError{Err: errors.New("nobody may write there")}
			}
			return p.sessions.open(t.world), nil
		},
	}
	return p
}

// A modelOp is an operation of a process on a resource, as hosts know it.
type modelOp struct {
	p      *modelProcess
	run    string
	what   string
	holder string // the resource
	serial uint64
	dials  [modelHosts]uint64
	// known gives the claim that the holder knows of the node at an address, and
	// whether it may take it over.
	known func(address string) (claim string, takes bool)
	lost  bool // it has one and does not know it
	// goes says that the whole ensemble goes, or that its loss is allowed. Then all
	// removals of the process are free, once one of these is called.
	goes     bool
	removing bool
}

type modelOpKey struct{}

func (o *modelOp) String() string { return o.run + " " + o.what + " " + o.holder }

func (o *modelOp) knows(address string) (string, bool) {
	if o.known == nil {
		return "", false
	}
	return o.known(address)
}

// removes is told how the operation goes on to a removal.
func (o *modelOp) removes(goes bool) {
	o.p.world.mu.Lock()
	defer o.p.world.mu.Unlock()
	o.goes, o.removing = goes, true
	o.p.free = o.p.free || goes
}

// free reports whether the operation need not care for the ensemble.
func (o *modelOp) free() bool { return o.goes || o.removing && o.p.free }

// draws gives what decides on one connection of the operation. It is called with
// the world locked.
func (o *modelOp) draws(h *modelHost) *rand.Rand {
	o.dials[h.number]++
	return rand.New(rand.NewPCG(o.p.seed, o.serial<<32|uint64(h.number)<<24|o.dials[h.number]))
}

// op begins an operation.
func (p *modelProcess) op(what, holder string) (context.Context, *modelOp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	o := &modelOp{p: p, run: p.run, what: what, holder: holder, serial: uint64(p.serial)}
	return context.WithValue(p.ctx, modelOpKey{}, o), o
}

// host is a node as the fleet knows it.
func (p *modelProcess) host(r *modelResource, h *poolHost) fleet.Host {
	holder := holderNode
	if r.pool {
		holder = holderPool
	}
	return fleet.Host{
		Target: remote.Target{Address: h.address.ValueString(), HostKey: h.HostKey}, Role: r.role, Cluster: modelCluster, Site: "site",
		Holder: holder, MachineID: h.MachineID, DetectedIP: h.DetectedIP, SkipChecks: modelSkips,
	}
}

// modelSkips are all checks but that of the machine id: the hosts say nothing of
// themselves that others could judge.
var modelSkips = slices.DeleteFunc(node.CheckNames(), func(name string) bool { return name == "machine-id" })

func modelHostAt(address string) *poolHost {
	return &poolHost{name: address, address: types.StringValue(address), ssh: types.ObjectNull(nodeSSHType.AttrTypes)}
}

// resource makes that of a configuration.
func (w modelWant) resource() *modelResource {
	r := &modelResource{pool: w.pool, role: w.role, version: w.version, private: modelPrivate{}}
	for _, a := range w.addresses {
		r.hosts = append(r.hosts, modelHostAt(a))
	}
	return r
}

// model is a pool as its own work wants it.
func (r *modelResource) model() *nodePoolModel {
	return &nodePoolModel{
		ID: types.StringValue(r.id), Role: types.StringValue(string(r.role)), OnDestroy: types.StringValue(onDestroyUninstall),
		MaxParallel: types.Int64Value(10), MaxUnavailable: types.StringValue("2"), MaxFailures: types.StringValue("1"),
		Canaries: types.Int64Value(0), Refresh: types.StringValue("all"), Pending: r.pending(),
	}
}

// pending says of a pool that is not done that something is to do on it.
func (r *modelResource) pending() types.String {
	if r.unfinished {
		return modelSome
	}
	return modelNone
}

var modelSome, modelNone = packMap([]packed.Element{{Name: "some", Value: packed.Text("some")}}), packMap(nil)

// poolRun begins an operation on a pool.
func (p *modelProcess) poolRun(ctx context.Context, r *modelResource) *poolRun {
	like := p.host(r, modelHostAt(""))
	like.Target = remote.Target{}
	like.Bundle = p.versions[r.version]
	return &poolRun{shared: p.shared, model: r.model(), like: like, bundleID: like.Bundle.ID, claim: r.id, asked: ctx}
}

// A modelChange is a resource in a plan.
type modelChange struct {
	key       string
	was, will *modelResource // nil: there is none
	act       modelAct
	first     bool          // of a replacement: the new one comes before the old one goes
	private   modelPrivate  // planned
	leaving   []*poolHost   // of a pool that stays
	done      chan struct{} // the first half of a replacement is done
	ok        bool
}

// A modelAct is what a plan does to a resource.
type modelAct int

const (
	modelNoop modelAct = iota
	modelCreate
	modelUpdate
	modelReplace
	modelDelete
)

func (a modelAct) String() string {
	return [...]string{"nothing", "creation", "update", "replacement", "removal"}[a]
}

// refresh looks at all that is in the state.
func (p *modelProcess) refresh(r *rand.Rand) {
	for _, key := range modelShuffled(r, p.state) {
		it := p.state[key].clone()
		ctx, _ := p.op("refresh", key)
		if it.pool {
			p.refreshPool(ctx, it)
		} else if gone := p.refreshNode(ctx, it); gone {
			p.save(key, nil)
			continue
		}
		p.save(key, it)
	}
}

// refreshNode is Read of dcos_node.
func (p *modelProcess) refreshNode(ctx context.Context, it *modelResource) (gone bool) {
	h := p.host(it, it.hosts[0])
	h.Claim, _ = readClaim(ctx, it.private)
	p.claims.Store(p.way(h.Target), h.Claim)
	sight, err := p.fleet.Look(ctx, h)
	switch {
	case err != nil:
		return false
	case sight.Presence == fleet.Replaced || sight.Presence == fleet.Gone:
		return true
	}
	if sight.Presence == fleet.Taken {
		p.count("nodes seen to be another's")
	}
	refreshClaim(ctx, it.private, &h, sight, false)
	if sight.Presence != fleet.Taken {
		it.hosts[0].look(sight)
		if sight.State.Installed != node.Complete || !slices.Equal(sight.State.ActivePackages, p.versions[it.version].PackageIDs) {
			it.unfinished = true // it has drifted
		}
	}
	return false
}

// refreshPool is Read of dcos_node_pool.
func (p *modelProcess) refreshPool(ctx context.Context, it *modelResource) {
	readPoolClaims(ctx, it.private, it.id, it.hosts)
	run := p.poolRun(ctx, it)
	if run.lookAt(sampleHosts(it.hosts, "all"), nil, time.Minute) {
		it.judge(run.bundleID)
		keepPoolClaims(ctx, it.private, it.id, it.hosts)
	}
	p.pools.remember(it.model(), modelCluster, it.hosts)
}

// judge notes whether there is something to do on a pool.
func (r *modelResource) judge(bundleID string) {
	r.unfinished = slices.ContainsFunc(r.hosts, func(h *poolHost) bool { return h.toDo(bundleID) != "" })
}

// save writes the state, unless the process is dead.
func (p *modelProcess) save(key string, it *modelResource) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.killed():
	case it == nil:
		delete(p.state, key)
	default:
		p.state[key] = it
	}
}

func (t *modelTerraform) count(what string) {
	t.world.mu.Lock()
	defer t.world.mu.Unlock()
	t.world.tally[what]++
}

func modelShuffled[V any](r *rand.Rand, m map[string]V) []string {
	keys := slices.Sorted(maps.Keys(m))
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

// diff gives what a plan has to look at.
func (p *modelProcess) diff(force, first map[string]bool) map[string]*modelChange {
	changes := map[string]*modelChange{}
	for key, want := range p.wants {
		c := &modelChange{key: key, will: want.resource(), was: p.state[key].clone(), first: first[key], done: make(chan struct{})}
		switch {
		case c.was == nil:
			c.act = modelCreate
		case c.was.tainted || force[key] || !c.was.pool && c.was.hosts[0].name != c.will.hosts[0].name:
			c.act = modelReplace
		case c.was.unfinished || c.was.version != want.version || c.was.moved(c.will):
			c.act = modelUpdate
		}
		changes[key] = c
	}
	for key, was := range p.state {
		if _, ok := p.wants[key]; !ok {
			changes[key] = &modelChange{key: key, was: was.clone(), act: modelDelete, done: make(chan struct{})}
		}
	}
	return changes
}

// moved reports whether a pool is to have other hosts.
func (r *modelResource) moved(will *modelResource) bool {
	names := func(hosts []*poolHost) []string {
		var list []string
		for _, h := range hosts {
			list = append(list, h.name)
		}
		slices.Sort(list)
		return list
	}
	return !slices.Equal(names(r.hosts), names(will.hosts))
}

// plan plans all resources, in any order.
func (p *modelProcess) planAll(r *rand.Rand, changes map[string]*modelChange) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, key := range modelShuffled(r, changes) {
		c := changes[key]
		c.private = modelPrivate{}
		if c.was != nil && (!c.was.tainted || c.act == modelDelete) {
			c.private = maps.Clone(c.was.private)
		}
		ctx, _ := p.op("plan", key)
		plan := p.planNode
		if c.pool() {
			plan = p.planPoolOf
		}
		switch {
		case c.act == modelReplace && !c.was.tainted:
			diags.Append(plan(ctx, c, c.was, c.will)...)
			diags.Append(plan(ctx, c, nil, c.will)...)
		case c.act == modelReplace:
			diags.Append(plan(ctx, c, nil, c.will)...)
		default:
			diags.Append(plan(ctx, c, c.was, c.will)...)
		}
	}
	return diags
}

func (c *modelChange) pool() bool {
	if c.will != nil {
		return c.will.pool
	}
	return c.was.pool
}

// planNode is ModifyPlan of dcos_node.
func (p *modelProcess) planNode(ctx context.Context, c *modelChange, was, will *modelResource) diag.Diagnostics {
	note, diags := readPlanNote(ctx, c.private)
	leaving := func() {
		owner, d := taken(ctx, c.private)
		if diags.Append(d...); owner.Whose != "" {
			return
		}
		h := p.planned(note.ID, p.host(was, was.hosts[0]))
		h.masters = modelSize(was.role)
		diags.Append(p.planRemovals(ctx, &note, h)...)
	}
	switch {
	case will == nil:
		note.Creation = false
		leaving()
		diags.Append(keepPrivate(ctx, c.private, planKey, note)...)
		return diags
	case was != nil:
		note = planNote{ID: note.ID}
		p.fleet.Record(ctx, modelCluster, p.host(was, was.hosts[0]))
	}
	same := was != nil && was.hosts[0].name == will.hosts[0].name
	switch {
	case was == nil:
		diags.Append(p.planEnsemble(ctx, &note, p.plan.replaced(note.ID))...)
	case !same:
		leaving()
	}
	planned := p.planned(note.ID, p.host(will, will.hosts[0]))
	if claim, ok := p.claims.Load(planned.way); ok && note.Creation {
		note.Claim, _ = claim.(string)
	}
	if same {
		if planned.host != nil {
			h := p.host(was, was.hosts[0])
			planned.host = &h
		}
		planned.had, planned.masters = true, modelSize(was.role)
	}
	diags.Append(p.planPlaces(ctx, []plannedHost{planned}, func(int) tfpath.Path { return tfpath.Root("address") })...)
	if c.act == modelUpdate {
		if owner, d := taken(ctx, c.private); owner.Whose != "" {
			diags.Append(d...)
			diags.Append(takenPlan(planned.address, owner))
		}
	}
	diags.Append(keepPrivate(ctx, c.private, planKey, note)...)
	return diags
}

func modelSize(role node.Role) int {
	if role == node.Master {
		return modelMasters
	}
	return 0
}

// planPoolOf is ModifyPlan of dcos_node_pool.
func (p *modelProcess) planPoolOf(ctx context.Context, c *modelChange, was, will *modelResource) diag.Diagnostics {
	note, diags := readPlanNote(ctx, c.private)
	all := func(r *modelResource, hosts []*poolHost) []plannedHost {
		list := make([]plannedHost, len(hosts))
		for i, h := range hosts {
			list[i] = p.planned(note.ID, p.host(r, h))
			list[i].masters = modelSize(r.role)
		}
		return list
	}
	switch {
	case will == nil:
		note.Creation = false
		diags.Append(p.planRemovals(ctx, &note, all(was, slices.DeleteFunc(slices.Clone(was.hosts), (*poolHost).notInstalled))...)...)
		diags.Append(keepPrivate(ctx, c.private, planKey, note)...)
		return diags
	case was == nil:
		successor, err := successorOf(will.model(), will.hosts, modelCluster)
		if err != nil {
			panic(err)
		}
		c.private[successorKey] = successor
		for _, h := range will.hosts {
			h.poolRecord = poolRecord{}
		}
		diags.Append(p.planEnsemble(ctx, &note, p.plan.replaced(note.ID))...)
	default:
		for _, h := range was.hosts {
			p.fleet.Record(ctx, modelCluster, p.host(was, h))
		}
		note = planNote{ID: note.ID}
		_, c.leaving = matchHosts(will.hosts, was.hosts)
		gone := all(was, c.leaving)
		for i, to := range p.plan.remove(gone...) {
			if to != nil && to.holder != holderPool {
				diags.Append(hostConflict(gone[i], planConflict{*to, conflictLeaves}, tfpath.Root("hosts")))
			}
		}
		diags.Append(p.planRemovals(ctx, &note, gone...)...)
		note.Leave = nil
	}
	there := all(will, will.hosts)
	for i := range there {
		there[i].had, there[i].stays = !will.hosts[i].notInstalled(), was != nil && was.unfinished
	}
	diags.Append(p.planPlaces(ctx, there, func(int) tfpath.Path { return tfpath.Root("hosts") })...)
	if was == nil {
		p.pools.recall(will.model(), modelCluster, will.hosts)
	}
	diags.Append(keepPrivate(ctx, c.private, planKey, note)...)
	return diags
}

// judgePlan holds that a plan lets a whole ensemble go only if nothing is left of the
// cluster, as far as the configuration knows it: that another state has the rest is
// not to be seen from here.
func (p *modelProcess) judgePlan(changes map[string]*modelChange) {
	goes, stays := "", ""
	for _, c := range changes {
		if note, _ := readPlanNote(p.ctx, c.private); note.EnsembleGoes {
			goes = c.key
		}
		if c.will != nil {
			stays = c.key
		}
	}
	if goes == "" || p.loss {
		return
	}
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.world.tally["plans in which the ensemble goes"]++
	if stays != "" {
		p.world.fault("%s: the plan of %s lets the whole ensemble go, but %s stays or comes", p.run, goes, stays)
	}
}

// applyAll applies a plan: so much at once, in any order, but the halves of a
// replacement one after the other.
func (p *modelProcess) applyAll(r *rand.Rand, changes map[string]*modelChange, parallelism int) (failed bool) {
	type half struct {
		c      *modelChange
		do     func(ctx context.Context, c *modelChange) bool
		second bool
	}
	var halves []half
	for _, key := range modelShuffled(r, changes) {
		c := changes[key]
		remove, create, update := p.removeNode, p.createNode, p.updateNode
		if c.pool() {
			remove, create, update = p.removePool, p.createPool, p.updatePool
		}
		switch {
		case c.act == modelCreate:
			halves = append(halves, half{c, create, false})
		case c.act == modelUpdate:
			halves = append(halves, half{c, update, false})
		case c.act == modelDelete:
			halves = append(halves, half{c, remove, false})
		case c.act == modelReplace && c.first:
			halves = append(halves, half{c, create, false}, half{c, remove, true})
		case c.act == modelReplace:
			halves = append(halves, half{c, remove, false}, half{c, create, true})
		}
	}
	slots := make(chan struct{}, parallelism)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, it := range halves {
		wg.Go(func() {
			time.Sleep(time.Duration(i+1) * time.Microsecond) // they come in this order
			if it.second {
				select {
				case <-it.c.done:
				case <-p.dead:
					return
				}
				if !it.c.ok {
					return
				}
			}
			slots <- struct{}{}
			ok := p.ctx.Err() == nil && it.do(p.ctx, it.c)
			<-slots
			if !it.second {
				it.c.ok = ok
				close(it.c.done)
			}
			mu.Lock()
			defer mu.Unlock()
			failed = failed || !ok
		})
	}
	wg.Wait()
	return failed || p.killed()
}

// createNode is Create of dcos_node.
func (p *modelProcess) createNode(_ context.Context, c *modelChange) bool {
	ctx, op := p.op("create", c.key)
	op.known = func(string) (string, bool) { return "", true }
	it := c.will.clone()
	it.private = modelPrivate{}
	h := p.host(it, it.hosts[0])
	h.MachineID, h.DetectedIP = "", ""
	result, err := p.bring(ctx, it, &h, fleet.FirstInstall)
	seen := result.State
	if seen == nil {
		seen = result.Before
	}
	if seen == nil {
		return err == nil
	}
	it.hosts[0].observe(seen, result.HostKey, p.versions[it.version].ID)
	it.tainted = err != nil
	keepClaim(ctx, it.private, result)
	p.save(c.key, it)
	return err == nil
}

// bring is what dcos_node does.
func (p *modelProcess) bring(ctx context.Context, it *modelResource, h *fleet.Host, kind fleet.Kind) (fleet.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, defaultCreateTimeout)
	defer cancel()
	defer p.fleet.Turns.Arrive(h.Cluster, h.Role, kind)()
	h.Bundle = p.versions[it.version]
	result, err := p.fleet.Bring(ctx, *h, fleet.Terms{Kind: kind})
	p.outcome(err)
	return result, err
}

// outcome counts how operations end.
func (p *modelProcess) outcome(err error) {
	if err == nil {
		p.count("operations that succeeded")
		return
	}
	p.world.mu.Lock()
	p.world.tell("%s: %v", p.run, err)
	p.world.mu.Unlock()
	for _, it := range []struct {
		what string
		is   bool
	}{
		{"two resources at one machine", errors.As(err, new(*fleet.SharedError))},
		{"gates that stayed closed", errors.As(err, new(*fleet.GateError))},
		{"nodes that were another's at apply", errors.As(err, new(*node.ClaimedError))},
		{"operations that were halted", errors.As(err, new(*fleet.HaltedError))},
		{"rollbacks", errors.As(err, new(*node.RollbackError))},
	} {
		if it.is {
			p.count(it.what)
		}
	}
}

// updateNode is Update of dcos_node.
func (p *modelProcess) updateNode(_ context.Context, c *modelChange) bool {
	ctx, op := p.op("update", c.key)
	it := c.was.clone()
	it.version = c.will.version
	kind := fleet.Change
	if c.was.version == it.version {
		kind = fleet.Repair
	}
	h := p.host(it, it.hosts[0])
	h.Claim, _ = readClaim(ctx, it.private)
	op.known = func(string) (string, bool) { return h.Claim, false }
	result, err := p.bring(ctx, it, &h, kind)
	keepClaim(ctx, it.private, result)
	if err != nil {
		was := c.was.clone()
		was.private = it.private
		p.save(c.key, was)
		return false
	}
	it.hosts[0].observe(result.State, result.HostKey, p.versions[it.version].ID)
	it.unfinished = false
	p.save(c.key, it)
	return true
}

// removeNode is Delete of dcos_node.
func (p *modelProcess) removeNode(_ context.Context, c *modelChange) bool {
	ctx, op := p.op("remove", c.key)
	gone := func() bool {
		if c.act == modelDelete || !c.first { // else the state has the new one
			p.save(c.key, nil)
		}
		return true
	}
	note, _ := readPlanNote(ctx, c.private)
	if len(note.Leave) > 0 {
		p.count("nodes left to another resource of the plan")
		return gone()
	}
	it := c.was
	h := p.host(it, it.hosts[0])
	ctx, cancel := context.WithTimeout(ctx, defaultDeleteTimeout)
	defer cancel()
	defer p.fleet.Turns.Arrive(h.Cluster, h.Role, fleet.Removal)()
	h.Bundle = p.versions[it.version]
	h.Claim, _ = readClaim(ctx, c.private)
	if h.Claim == "" && note.Creation {
		h.Claim, h.ClaimLost = note.Claim, note.Claim == ""
	}
	op.known, op.lost = func(string) (string, bool) { return h.Claim, false }, h.ClaimLost
	op.removes(note.EnsembleGoes || p.loss)
	result, err := p.fleet.Remove(ctx, h, fleet.Terms{EnsembleGoes: note.EnsembleGoes || p.loss})
	p.outcome(err)
	if err != nil {
		return false
	}
	if result.Left != nil {
		p.count("nodes left")
	} else {
		p.plan.done(p.way(h.Target))
	}
	return gone()
}

// knows gives the claims that a pool knows.
func (r *modelResource) knows(address string) (string, bool) {
	for _, h := range r.hosts {
		if h.name == address {
			if h.Claim == "" {
				return r.id, h.BundleID == ""
			}
			return h.Claim, h.BundleID == ""
		}
	}
	return r.id, false
}

// createPool is Create of dcos_node_pool.
func (p *modelProcess) createPool(_ context.Context, c *modelChange) bool {
	ctx, op := p.op("create", c.key)
	it := c.will.clone()
	it.private = modelPrivate{}
	for _, h := range it.hosts {
		h.poolRecord = poolRecord{}
	}
	p.pools.recall(it.model(), modelCluster, it.hosts)
	it.id = newPoolID(it.hosts)
	op.known = it.knows
	release := p.want(it.model(), modelCluster, it.hosts)
	run := p.poolRun(ctx, it)
	run.bring(it.hosts, modelLimit)
	release()
	keepPoolClaims(ctx, it.private, run.claim, it.hosts)
	it.judge(run.bundleID)
	it.tainted = it.unfinished
	p.save(c.key, it)
	return !it.unfinished
}

func modelLimit(fleet.Kind) time.Duration { return defaultCreateTimeout }

// updatePool is Update of dcos_node_pool.
func (p *modelProcess) updatePool(_ context.Context, c *modelChange) bool {
	ctx, op := p.op("update", c.key)
	it, before := c.will.clone(), c.was.clone()
	it.id, it.private = before.id, before.private
	readPoolClaims(ctx, it.private, it.id, before.hosts)
	planned := len(it.hosts)
	hosts, leaving := matchHosts(it.hosts, before.hosts)
	all := &modelResource{id: it.id, hosts: slices.Concat(hosts, leaving)}
	op.known = all.knows
	release := p.want(it.model(), modelCluster, hosts)
	run := p.poolRun(ctx, it)
	note, _ := readPlanNote(ctx, c.private)
	run.offer(leaving)
	run.bring(hosts, modelLimit)
	release()
	there := run.notLeft(note, notOf(hosts, leaving))
	op.removes(run.ensembleGoes)
	it.hosts = slices.Concat(hosts, renamed(run.remove(there, defaultDeleteTimeout), hosts))
	it.judge(run.bundleID)
	keepPoolClaims(ctx, it.private, run.claim, it.hosts)
	p.save(c.key, it)
	return !it.unfinished && len(it.hosts) == planned
}

// removePool is Delete of dcos_node_pool.
func (p *modelProcess) removePool(_ context.Context, c *modelChange) bool {
	ctx, op := p.op("remove", c.key)
	it := c.was.clone()
	private := c.private
	hosts := it.hosts
	readPoolClaims(ctx, private, it.id, hosts)
	op.known = it.knows
	successor, _ := readSuccessor(ctx, private)
	run := p.poolRun(ctx, it)
	if it.unfinished {
		hosts = successor.without(hosts, run.model, run)
	}
	note, _ := readPlanNote(ctx, private)
	hosts = run.notLeft(note, hosts)
	op.removes(run.ensembleGoes)
	left := run.remove(hosts, defaultDeleteTimeout)
	if len(left) > 0 {
		it.hosts = left
		it.judge(run.bundleID)
		p.save(c.key, it)
		return false
	}
	if c.act == modelDelete || !c.first {
		p.save(c.key, nil)
	}
	return true
}

// judgeState holds that a run has not removed what it says is there.
func (p *modelProcess) judgeState() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	for key, it := range p.state {
		if _, stays := p.wants[key]; !stays {
			continue // it was not removed, which the next plan sees
		}
		for _, of := range it.hosts {
			if of.BundleID == "" || of.Status == poolFailed || it.tainted {
				continue
			}
			h := p.world.host(of.address.ValueString())
			by := h.uninstalled
			if h.installed == node.None && by != nil && by.p == p && by.holder != key && h.uninstalledAt == of.address.ValueString() {
				p.world.fault("%s: the state has %s on host %d, which %s has uninstalled", p.run, key, h.number, by)
			}
		}
	}
}

// apply is terraform apply. It is killed after some time, if that is not 0.
func (t *modelTerraform) apply(r *rand.Rand, force, first map[string]bool, crash time.Duration) (applied bool) {
	t.runs++
	run := fmt.Sprintf("%s/%d", t.name, t.runs)
	p := t.process(run)
	defer p.end()
	if crash > 0 {
		how, end := "killed", p.kill
		if r.IntN(3) == 0 {
			how, end = "interrupted", p.end
		}
		timer := time.AfterFunc(crash, func() {
			t.world.mu.Lock()
			t.world.tell("%s: is %s", run, how)
			t.world.tally["processes that were "+how]++
			t.world.mu.Unlock()
			end()
		})
		defer timer.Stop()
	}
	t.backup = maps.Clone(t.state)
	if r.IntN(4) > 0 {
		p.refresh(r)
	}
	if p.ctx.Err() != nil {
		return false
	}
	changes := p.diff(force, first)
	diags := p.planAll(r, changes)
	t.tell(run, changes, diags)
	if diags.HasError() || p.ctx.Err() != nil {
		t.count("plans that were refused")
		return false
	}
	p.judgePlan(changes)
	// What applies is another process, which has seen nothing yet.
	after := t.process(run)
	after.end() // it lives and dies as the one that planned
	after.dead, after.once, after.ctx, after.end, after.sessions = p.dead, p.once, p.ctx, p.end, p.sessions
	failed := after.applyAll(r, changes, []int{1, 2, 10}[r.IntN(3)])
	if !after.killed() {
		after.judgeState()
	}
	if !failed {
		t.count("applies that succeeded")
	}
	return true
}

func (t *modelTerraform) tell(run string, changes map[string]*modelChange, diags diag.Diagnostics) {
	if t.world.say == nil {
		return
	}
	t.world.mu.Lock()
	defer t.world.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if c := changes[key]; c.act != modelNoop {
			note, _ := readPlanNote(context.Background(), c.private)
			t.world.say("%s: plans the %s of %s %+v, %v", run, c.act, key, t.wants[key], note)
		}
	}
	for _, d := range diags.Errors() {
		t.world.say("%s: is refused: %s", run, d.Summary())
	}
}
