// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"context"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// A Member is a host that has, or is to have, a role in a cluster.
type Member struct {
	Cluster string
	Role    node.Role
	Host    string
}

// Claim says that a member is wanted where it was not before. Whoever lets go
// of it then leaves it as it is. It gives the machine id with which the member
// was offered, "" if it was not.
func (c *Coordinator) Claim(m Member) (machineID string) {
	cl := c.cluster(m.Cluster)
	cl.set(func() {
		cl.claims[m] = true
		machineID = cl.offers[m]
	})
	return machineID
}

// Offer says that a member is let go, and with which machine id it was known,
// and reports whether somebody has claimed it or does so within the Grace that
// Terraform gets to call whoever may want it.
func (c *Coordinator) Offer(ctx context.Context, machineIDs map[Member]string) (claimed map[Member]bool) {
	claimed = map[Member]bool{}
	deadline := time.NewTimer(Grace)
	defer deadline.Stop()
	for m, id := range machineIDs {
		cl := c.cluster(m.Cluster)
		cl.set(func() { cl.offers[m] = id })
	}
	for {
		var changed chan struct{}
		for m := range machineIDs {
			cl := c.cluster(m.Cluster)
			cl.mu.Lock()
			if cl.claims[m] {
				claimed[m] = true
			}
			changed = cl.changed
			cl.mu.Unlock()
		}
		if len(claimed) == len(machineIDs) {
			return claimed
		}
		select {
		case <-changed: // members that are offered together are of one cluster
		case <-deadline.C:
			return claimed
		case <-ctx.Done():
			return claimed
		}
	}
}

// Leave takes offers back: nobody may count on those members any more.
func (c *Coordinator) Leave(members ...Member) {
	for _, m := range members {
		cl := c.cluster(m.Cluster)
		cl.set(func() { delete(cl.offers, m) })
	}
}
