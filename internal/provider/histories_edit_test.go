// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// What users of TestHistories do to configurations and states.

// modelClaim is a claim as it lies on a host.
func modelClaim(id string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "begin=claim\nid=%s\nholder=dcos_node\ncluster=%s\nsite=\nrun=\nend=claim\n",
		id, modelCluster))
}

// some draws some of the resources of the configuration, one to three.
func (t *modelTerraform) some(r *rand.Rand, is func(modelWant) bool) []string {
	keys := slices.DeleteFunc(modelShuffled(r, t.wants), func(key string) bool { return !is(t.wants[key]) })
	return keys[:min(len(keys), 1+r.IntN(3))]
}

// one draws one of them, if there is one.
func (t *modelTerraform) one(r *rand.Rand, is func(modelWant) bool) []string {
	keys := t.some(r, is)
	return keys[:min(len(keys), 1)]
}

func anyOf(modelWant) bool     { return true }
func nodesOf(w modelWant) bool { return !w.pool }
func poolsOf(w modelWant) bool { return w.pool }

// named gives a key that was not there yet.
func (t *modelTerraform) named(what string) string {
	t.serial++
	return fmt.Sprint(what, "-", t.serial)
}

// edit is one thing that a user does. force and first are told of replacements:
// those that are asked for, and those in which the new one comes first.
func (t *modelTerraform) edit(r *rand.Rand, force, first map[string]bool) {
	switch r.IntN(12) {
	case 0, 1: // an upgrade
		keys := t.some(r, anyOf)
		if r.IntN(2) == 0 {
			keys = slices.Sorted(maps.Keys(t.wants))
		}
		for _, key := range keys {
			want := t.wants[key]
			want.version = 1
			t.wants[key] = want
		}
	case 2: // other names
		for _, key := range t.some(r, anyOf) {
			t.wants[t.named("renamed")] = t.wants[key]
			delete(t.wants, key)
		}
	case 3: // from nodes to a pool
		keys := t.some(r, nodesOf)
		if len(keys) == 0 {
			return
		}
		role := t.wants[keys[0]].role
		into := modelWant{pool: true, role: role, version: t.wants[keys[0]].version}
		name := t.named("pool")
		for _, other := range t.some(r, poolsOf) {
			if it := t.wants[other]; it.role == role {
				name, into = other, it
			}
		}
		into.addresses = slices.Clone(into.addresses)
		for _, key := range keys {
			if it := t.wants[key]; it.role == role && !slices.Contains(into.addresses, it.addresses[0]) {
				into.addresses = append(into.addresses, it.addresses[0])
				delete(t.wants, key)
			}
		}
		t.wants[name] = into
	case 4: // from a pool to a node, or to another pool
		for _, key := range t.one(r, poolsOf) {
			it := t.wants[key]
			moved := modelWant{pool: r.IntN(2) == 0, role: it.role, version: it.version, addresses: it.addresses[:1]}
			t.wants[t.named("moved")] = moved
			if it.addresses = it.addresses[1:]; len(it.addresses) == 0 {
				delete(t.wants, key)
			} else {
				t.wants[key] = it
			}
		}
	case 5, 6: // replacements
		before := r.IntN(2) == 0
		for _, key := range t.some(r, anyOf) {
			force[key], first[key] = true, before
		}
	case 7: // a destroy, of some or of all
		keys := t.some(r, anyOf)
		if r.IntN(3) == 0 {
			keys = slices.Sorted(maps.Keys(t.wants))
		}
		for _, key := range keys {
			delete(t.wants, key)
		}
	case 8, 9: // something new, on a host that may be anybody's
		number := r.IntN(modelHosts)
		want := modelHosting(t.world.hosts[number].role, number)
		want.version = r.IntN(2)
		if r.IntN(3) == 0 {
			want.addresses = []string{modelAddress(number, 1)}
		}
		t.wants[t.named("new")] = want
		if r.IntN(3) == 0 { // by a slip, the machine has two
			want.addresses = []string{modelAddress(number, r.IntN(2))}
			t.wants[t.named("twice")] = want
		}
	case 10: // an older state, or one without something
		t.mu.Lock()
		defer t.mu.Unlock()
		if r.IntN(2) == 0 && t.backup != nil {
			t.state = maps.Clone(t.backup)
			return
		}
		for _, key := range t.one(r, nodesOf) {
			delete(t.state, key)
		}
	case 11: // an import
		number := r.IntN(modelHosts)
		t.world.mu.Lock()
		h := t.world.hosts[number]
		there, claim, b := h.installed == node.Complete && !h.setup, h.claimID, h.bundle
		t.world.mu.Unlock()
		if !there {
			return
		}
		want := modelHosting(h.role, number)
		if b == t.versions[1] {
			want.version = 1
		}
		it, key := want.resource(), t.named("imported")
		it.hosts[0].poolRecord = poolRecord{Status: poolDone, MachineID: h.machineID, HostKey: "key", BundleID: b.ID,
			DCOSVersion: b.Version, DetectedIP: modelAddress(number, 0)}
		if claim != "" {
			keepPrivate(context.Background(), it.private, claimKey, claim)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.state[key], t.wants[key] = it, want
	}
}
