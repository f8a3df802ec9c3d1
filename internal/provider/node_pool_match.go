// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// renamed gives hosts that are left names that no other has: theirs may stand
// for another address now.
func renamed(left, others []*poolHost) []*poolHost {
	taken := map[string]bool{}
	for _, h := range others {
		taken[h.name] = true
	}
	for _, h := range left {
		name := strings.TrimSuffix(h.name, beforeSuffix)
		for n := 1; taken[h.name]; n++ {
			h.name = name + beforeSuffix
			if n > 1 {
				h.name += fmt.Sprintf(" %d", n)
			}
		}
		taken[h.name] = true
	}
	return left
}

const beforeSuffix = " (before)"

// notOf gives the leaving hosts whose machines are not those of hosts that the
// pool has: the same machine may be reached in another way now.
func notOf(hosts, leaving []*poolHost) []*poolHost {
	machines := map[string]bool{}
	for _, h := range hosts {
		machines[h.MachineID] = !h.notInstalled()
	}
	return slices.DeleteFunc(leaving, func(h *poolHost) bool { return machines[h.MachineID] })
}

// matchHosts gives the hosts of a plan with what is known of them from the
// state, whatever their names were there, and those of the state that the plan
// has no more. A host is where it is reached; where one host alone has an
// address, on both sides, its port may be another.
func matchHosts(planned, prior []*poolHost) (hosts, leaving []*poolHost) {
	known := make(map[string]*poolHost, len(prior))
	for _, h := range prior {
		known[h.identity()] = h
	}
	gone := maps.Clone(known)
	for _, h := range planned {
		h.poolRecord, h.former, h.another = poolRecord{}, nil, false
		if h.address.IsUnknown() {
			continue
		}
		if was := known[h.identity()]; was != nil {
			h.continues(was)
			delete(gone, h.identity())
		}
	}
	before, now := alone(prior), alone(planned)
	for address, h := range now {
		was := before[address]
		if was == nil || h == nil || known[h.identity()] != nil || gone[was.identity()] != was {
			continue
		}
		h.continues(was)
		delete(gone, was.identity())
	}
	for _, h := range prior {
		if gone[h.identity()] == h {
			leaving = append(leaving, h)
		}
	}
	return planned, leaving
}

// alone gives the hosts whose addresses no other one has, by these; nil stands
// for several.
func alone(hosts []*poolHost) map[string]*poolHost {
	list := make(map[string]*poolHost, len(hosts))
	for _, h := range hosts {
		if h.address.IsUnknown() {
			continue
		}
		address := h.address.ValueString()
		if _, several := list[address]; several {
			h = nil
		}
		list[address] = h
	}
	return list
}

// continues takes over what is known of the host from the state.
func (h *poolHost) continues(was *poolHost) { h.resume(was.poolRecord) }

// resume takes over what is known of the host, unless the user says that the
// machine is another one: then it is put by.
func (h *poolHost) resume(was poolRecord) {
	h.poolRecord, h.former, h.another = was, nil, false
	pinned := h.pinned()
	rebuilt := pinned != "" && h.HostKey != "" && !sameKey(pinned, h.HostKey)
	named := !h.machine.IsNull() && was.Machine != "" && h.machine.ValueString() != was.Machine
	if rebuilt || named && !h.notInstalled() {
		h.poolRecord, h.former, h.another = poolRecord{}, &was, !rebuilt
	}
}

// asItWas takes back that the machine is another one.
func (h *poolHost) asItWas() {
	if h.former != nil {
		h.poolRecord, h.former, h.another = *h.former, nil, false
	}
}

// goBack takes it back where nothing was changed on the other machine: what was known
// still is, and so is what the host's machine was called, so that the next plan has the
// same to do.
func (h *poolHost) goBack() {
	if h.former == nil || !h.notInstalled() {
		return
	}
	if name := h.former.Machine; h.another {
		raw, err := packed.Change(h.raw, func(attribute string, value packed.Value) (packed.Value, error) {
			if attribute == "machine" {
				value = packed.Text(name)
			}
			return value, nil
		})
		if err == nil { // it was read before
			h.raw, h.machine, h.kept = raw, types.StringValue(name), true
		}
	}
	h.asItWas()
}
