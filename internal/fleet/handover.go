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

// One pool may let go of hosts that another one of the same process wants: it
// offers them, and who wants one takes it over with what is known of it.

// Want says that a member is wanted where it was not before. Whoever lets go
// of it then leaves it as it is. It gives what was said of the member when it
// was offered, "" if it was not.
func (c *Coordinator) Want(m Member) (known string) {
	cl := c.cluster(m.Cluster)
	cl.set(func() {
		cl.wants[m] = true
		known = cl.offers[m]
	})
	return known
}

// Offered gives what was said of a wanted member that has been offered since,
// or is within the Grace that Terraform gets to call whoever lets it go.
func (c *Coordinator) Offered(ctx context.Context, m Member) (known string) {
	cl := c.cluster(m.Cluster)
	deadline := time.NewTimer(Grace)
	defer deadline.Stop()
	for {
		cl.mu.Lock()
		known, changed := cl.offers[m], cl.changed
		cl.mu.Unlock()
		if known != "" {
			return known
		}
		select {
		case <-changed:
		case <-deadline.C:
			return ""
		case <-ctx.Done():
			return ""
		}
	}
}

// Waive says that a member is not wanted any more: nothing has come of it. If it
// was offered meanwhile it cannot be given back, and what was said of it is
// given.
func (c *Coordinator) Waive(m Member) (known string) {
	cl := c.cluster(m.Cluster)
	cl.set(func() {
		if known = cl.offers[m]; known == "" {
			delete(cl.wants, m)
		}
	})
	return known
}

// Offer says that members are let go, and what is known of each.
func (c *Coordinator) Offer(known map[Member]string) {
	for m, said := range known {
		cl := c.cluster(m.Cluster)
		cl.set(func() { cl.offers[m] = said })
	}
}

// Wanted returns which of some members that were offered somebody wants, or wants
// within the Grace that Terraform gets to call whoever may. Those stay offered:
// whoever wants one learns what is known of it. The others cannot be had any
// more.
func (c *Coordinator) Wanted(ctx context.Context, members []Member) map[Member]bool {
	wanted := make(map[Member]bool, len(members))
	deadline := time.NewTimer(Grace)
	defer deadline.Stop()
	for waiting := true; waiting; {
		var changed chan struct{}
		for _, m := range members {
			cl := c.cluster(m.Cluster)
			cl.mu.Lock()
			if cl.wants[m] {
				wanted[m] = true
			}
			changed = cl.changed
			cl.mu.Unlock()
		}
		if len(wanted) == len(members) {
			break
		}
		select {
		case <-changed: // members that are offered together are of one cluster
		case <-deadline.C:
			waiting = false
		case <-ctx.Done():
			waiting = false
		}
	}
	for _, m := range members {
		cl := c.cluster(m.Cluster)
		cl.set(func() {
			// One may have been wanted, or waived, at the last moment.
			if wanted[m] = cl.wants[m]; !wanted[m] {
				delete(cl.offers, m)
			}
		})
	}
	return wanted
}
