// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// successorKey is the private state of the plan of a creation: which hosts the
// pool will have. Delete finds it there when it is one half of a replacement.
const successorKey = "successor"

// A poolSuccessor is the pool that comes after one that is replaced.
type poolSuccessor struct {
	Cluster string `json:"cluster"`
	Role    string `json:"role"`
	// Hosts are hashes of the hosts' identities and of their names, eight
	// bytes each: a plan should not hold ten thousand addresses twice.
	Hosts []byte `json:"hosts"`
}

func hostHash(kind, text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(kind + "\x00" + text)) // a hash never fails
	return h.Sum64()
}

// successorOf is what the plan of a creation says, in JSON.
func successorOf(model *nodePoolModel, hosts []*poolHost, cluster string) ([]byte, error) {
	s := poolSuccessor{Cluster: cluster, Role: model.Role.ValueString()}
	for _, h := range hosts {
		hash := hostHash("name", h.name)
		if !h.address.IsUnknown() {
			hash = hostHash("host", h.identity())
		}
		s.Hosts = binary.BigEndian.AppendUint64(s.Hosts, hash)
	}
	return json.Marshal(s)
}

// readSuccessor gives the pool that comes next; nil in a mere destroy.
func readSuccessor(ctx context.Context, private privateReader) (*poolSuccessor, diag.Diagnostics) {
	var s *poolSuccessor
	diags := readPrivate(ctx, private, successorKey, &s)
	if diags.HasError() {
		return nil, diags
	}
	return s, diags
}

// without gives the hosts that the successor does not have. Of those that it
// has, what is known is handed on to it.
func (s *poolSuccessor) without(hosts []*poolHost, model *nodePoolModel, run *poolRun) []*poolHost {
	if s == nil || s.Cluster != run.like.Cluster || s.Role != model.Role.ValueString() {
		return hosts
	}
	kept := map[uint64]bool{}
	for chunk := range slices.Chunk(s.Hosts, 8) {
		if len(chunk) == 8 {
			kept[binary.BigEndian.Uint64(chunk)] = true
		}
	}
	var rest, handed []*poolHost
	for _, h := range hosts {
		if kept[hostHash("host", h.identity())] || kept[hostHash("name", h.name)] {
			handed = append(handed, h)
		} else {
			rest = append(rest, h)
		}
	}
	run.shared.pools.remember(model, run.like.Cluster, handed)
	return rest
}
