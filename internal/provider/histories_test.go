// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

var (
	histories    = flag.Int("histories", 100_000, "how many histories TestHistories has")
	historySeed  = flag.Uint64("histories-seed", 14, "what its histories are drawn from")
	historyAlone = flag.Int("history", 0, "the number of one history that TestHistories has alone, and tells of")
)

// TestHistories has two directories of Terraform work on one cluster, three masters
// and some agents, at the same time: what they create, adopt, rename, move, replace,
// change and destroy is random, and so is when a process is killed, a connection
// breaks or a master dies. In no history is a master taken out of service that the
// ensemble cannot do without, unless all of it goes or its loss is allowed; is a node
// changed or uninstalled by who does not have it; or is there a deadlock, which ends
// the bubble of the fake clock.
//
// A history is made by its number and the seed. In one there is one order of events,
// since each takes a time of its own.
func TestHistories(t *testing.T) {
	t.Parallel()
	bundles := modelBundles(t)
	notes := t.TempDir()
	// Notes of machines are files, of which there are many.
	if dir, err := os.MkdirTemp("/dev/shm", "histories"); err == nil { //nolint:usetesting // the test's own directory may be on a disk
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		notes = dir
	}
	if n := *historyAlone; n > 0 {
		h := runHistory(t, bundles, notes, n, t.Logf)
		for _, wrong := range h.wrong {
			t.Error(wrong)
		}
		return
	}
	// What a history makes is soon garbage, and there is little else.
	defer debug.SetGCPercent(debug.SetGCPercent(2000))
	all := *histories
	if testing.Short() {
		all = min(all, 300)
	}
	begun := time.Now()
	var next atomic.Int64
	var failed atomic.Bool
	var mu sync.Mutex
	tally, most := modelTally{}, 0
	t.Run("all", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				own, out := modelTally{}, 0
				for n := int(next.Add(1)); n <= all && !failed.Load(); n = int(next.Add(1)) {
					h := runHistory(t, bundles, notes, n, nil)
					for what, count := range h.tally {
						own[what] += count
					}
					own["histories"]++
					out = max(out, h.most)
					if len(h.wrong) > 0 {
						failed.Store(true)
						tellHistory(t, bundles, notes, n, h)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				for what, count := range own {
					tally[what] += count
				}
				most = max(most, out)
			})
		}
	})
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%9d %s", tally[what], what)
	}
	t.Logf("in %v", time.Since(begun).Round(time.Millisecond))
	lab.TellOutages(t, most, modelMasters, modelMasters/2)
	if all < 2000 || t.Failed() {
		return
	}
	for _, what := range modelAll {
		if tally[what] == 0 {
			t.Errorf("in no history were there %s: that is no test of them", what)
		}
	}
}

// modelAll is what has to happen in some histories.
var modelAll = []string{
	"applies that succeeded", "connections that broke", "gates that stayed closed", "gates that were closed at the outage",
	"hosts that another operator had", "hosts that did not answer", "nodes left", "nodes left to another resource of the plan",
	"nodes seen to be another's", "nodes taken over", "nodes that were another's at apply", "operations that were halted",
	"outages of masters", "outages of masters of an ensemble that goes", "outages of masters that do not serve",
	"plans in which the ensemble goes", "plans that were refused", "processes that were killed", "rollbacks",
	"two resources at one machine", "uninstalled",
}

// tellHistory tells what is wrong in a history, and how it came to that.
func tellHistory(t *testing.T, bundles []*bundle.Bundle, notes string, number int, h *modelWorld) {
	t.Helper()
	var story []string
	again := runHistory(t, bundles, notes, number, func(format string, args ...any) { story = append(story, fmt.Sprintf(format, args...)) })
	if len(again.wrong) == 0 {
		story = []string{"run again, nothing was wrong in it"}
	}
	t.Errorf("history %d of the seed %d (-history=%d -histories-seed=%d):\n%s\n\n%s",
		number, *historySeed, number, *historySeed, strings.Join(h.wrong, "\n"), strings.Join(story, "\n"))
}

// runHistory has a history happen.
func runHistory(t *testing.T, bundles []*bundle.Bundle, notes string, number int, say func(string, ...any)) *modelWorld {
	t.Helper()
	byID := map[string]*bundle.Bundle{}
	for _, b := range bundles {
		byID[b.ID] = b
	}
	w := newModelWorld(byID)
	dir := filepath.Join(notes, fmt.Sprint(number))
	if number%4 > 0 {
		dir = "/dev/null/notes" // the two have a computer each, on which no note can be kept: that costs less
	}
	defer os.RemoveAll(dir)
	defer func() {
		if why := recover(); why != nil { // such as a deadlock
			panic(fmt.Sprintf("history %d of the seed %d: %v", number, *historySeed, why))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		if say != nil {
			begun := time.Now()
			w.say = func(format string, args ...any) {
				say("%8.1fs %s", time.Since(begun).Seconds(), fmt.Sprintf(format, args...))
			}
		}
		seed := *historySeed<<40 + uint64(number)<<20
		r := rand.New(rand.NewPCG(seed, 1))
		w.lag = time.Duration(r.IntN(12_000)) * time.Millisecond
		w.noLock = r.IntN(4) == 0
		w.cloud(r)
		var terraforms []*modelTerraform
		for i, name := range []string{"P", "Q"} {
			terraforms = append(terraforms, &modelTerraform{name: name, seed: seed + uint64(i+1)<<10, world: w, versions: bundles, notes: dir,
				wants: map[string]modelWant{}, state: map[string]*modelResource{}})
		}
		w.found(r, terraforms)
		var wg sync.WaitGroup
		for i, t := range terraforms {
			if w.noLock && i > 0 {
				break
			}
			own := rand.New(rand.NewPCG(seed, uint64(2+i)))
			wg.Go(func() { t.live(own) })
		}
		wg.Wait()
	})
	return w
}

// modelBundles are two versions of a bundle, made as others are and then cut down
// to what a node of the model needs.
func modelBundles(t *testing.T) []*bundle.Bundle {
	t.Helper()
	var bundles []*bundle.Bundle
	for _, version := range []samplerelease.Version{samplerelease.V21, samplerelease.V22} {
		rel, err := release.Open(t.Context(), sampleRelease(t, version), release.Options{CacheDirectory: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = rel.Close() })
		site := config.Site{
			Given: map[string]config.Value{},
			Files: map[string]config.File{"genconf/ip-detect": {Content: []byte("#!/bin/sh\necho 10.0.0.1\n")}},
		}
		for key, value := range map[string]string{
			"cluster_name": modelCluster, "master_discovery": "static", "exhibitor_storage_backend": "static",
			"master_list": `["10.0.0.1","10.0.0.2","10.0.0.3"]`, "resolvers": `["198.18.0.1"]`, "bootstrap_url": "file:///opt/dcos_install_tmp",
		} {
			site.Given[key] = config.Value{Text: value}
		}
		whole, err := bundle.Build(t.Context(), rel, site)
		if err != nil {
			t.Fatal(err)
		}
		b := *whole
		b.PackageIDs, b.ConfigPackages, b.SetupFiles, b.Units = []string{whole.ConfigPackages[0].ID}, whole.ConfigPackages[:1], nil, nil
		// What is worked out when it is first asked for is worked out before the clock is a fake one.
		if _, err := b.Artifacts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Bootstrapped(t.Context()); err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, &b)
	}
	return bundles
}

// cloud draws what happens to masters by itself.
func (w *modelWorld) cloud(r *rand.Rand) {
	if r.IntN(3) > 0 {
		return
	}
	for range 1 + r.IntN(2) {
		h := w.hosts[r.IntN(modelMasters+1)]
		from := time.Now().Add(time.Duration(r.Int64N(int64(5 * time.Minute))))
		h.weather = append(h.weather, modelWeather{from, from.Add(time.Duration(r.Int64N(int64(3 * time.Minute)))), r.IntN(3) == 0})
	}
}

// found draws what is there when a history begins.
func (w *modelWorld) found(r *rand.Rand, terraforms []*modelTerraform) {
	p, q := terraforms[0], terraforms[1]
	for _, t := range terraforms {
		t.loss = r.IntN(12) == 0
	}
	masters := func(hosts ...int) modelWant { return modelHosting(node.Master, hosts...) }
	agents := func(hosts ...int) modelWant { return modelHosting(node.Agent, hosts...) }
	switch r.IntN(8) {
	case 0: // nothing but agents
	case 1: // a state has some masters, another one the others
		p.has(r, "m0", masters(0))
		p.has(r, "m1", masters(1))
		q.has(r, "m2", masters(2))
	case 2:
		p.has(r, "masters", masters(0, 1, 2))
	case 3: // two states have them all
		for i := range modelMasters {
			p.has(r, fmt.Sprint("m", i), masters(i))
			q.has(r, fmt.Sprint("m", i), masters(i))
		}
	case 4: // of which one is not up to date
		for i := range modelMasters {
			q.has(r, fmt.Sprint("m", i), masters(i))
			p.has(r, fmt.Sprint("n", i), masters(i))
		}
	case 5:
		p.has(r, "m0", masters(0))
		q.has(r, "masters", masters(1, 2))
	default:
		for i := range modelMasters {
			p.has(r, fmt.Sprint("m", i), masters(i))
		}
	}
	switch r.IntN(6) {
	case 0:
		p.has(r, "a3", agents(3))
		q.has(r, "a4", agents(4))
	case 1:
		q.has(r, "agents", agents(3, 4))
	case 2:
		p.has(r, "agents", agents(3, 4))
		p.has(r, "a5", agents(5))
	}
}

// modelHosting is a node on a host, or a pool on several.
func modelHosting(role node.Role, hosts ...int) modelWant {
	w := modelWant{pool: len(hosts) > 1, role: role}
	for _, h := range hosts {
		w.addresses = append(w.addresses, modelAddress(h, 0))
	}
	return w
}

// has begins with a resource that is there, and its nodes.
func (t *modelTerraform) has(r *rand.Rand, key string, want modelWant) {
	it := want.resource()
	claim := node.NewClaimID()
	if it.pool {
		it.id = claim
	}
	if r.IntN(8) == 0 {
		claim = "" // as before there were claims
	}
	for _, at := range it.hosts {
		h := t.world.host(at.name)
		if h.installed == node.Complete && r.IntN(2) == 0 && !it.pool {
			claim = h.claimID // it was imported
		} else if claim != "" {
			h.claimID = claim
			h.claim = modelClaim(claim)
		}
		h.installed, h.bundle, h.recorded = node.Complete, t.versions[0], true
		at.poolRecord = poolRecord{Status: poolDone, MachineID: h.machineID, HostKey: "key", BundleID: t.versions[0].ID,
			DCOSVersion: t.versions[0].Version, DetectedIP: modelAddress(h.number, 0)}
	}
	if !it.pool && claim != "" {
		keepPrivate(context.Background(), it.private, claimKey, claim)
	}
	t.state[key], t.wants[key] = it, want
}

// live has a directory of Terraform live through some applies.
func (t *modelTerraform) live(r *rand.Rand) {
	for range 1 + r.IntN(5)/3 {
		time.Sleep(time.Duration(r.Int64N(int64(time.Minute))))
		before := maps.Clone(t.wants)
		force, first := map[string]bool{}, map[string]bool{}
		for range 1 + r.IntN(4)/3 {
			t.edit(r, force, first)
		}
		crash := time.Duration(0)
		if r.IntN(5) == 0 {
			crash = time.Second + time.Duration(r.Int64N(int64(3*time.Minute)))
		}
		if !t.apply(r, force, first, crash) && r.IntN(3) > 0 {
			t.wants = before
		}
	}
}
