// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package fleet orders work on many nodes within one process.
//
// Terraform calls resources in parallel, in an order of its own, and knows
// nothing of quorum. A [Coordinator], one per process, puts an order into it,
// cluster by cluster:
//
//   - Masters change strictly one at a time, with a gate before and after
//     each. A master whose gate is closed gives its turn to the next one that
//     waits, so that the master which is the trouble can be mended. First
//     installations are free: no quorum can exist before most of the ensemble
//     is there.
//   - When a master's change fails, or the ensemble is not well after it,
//     nothing more of the cluster is changed in this process ([HaltedError]).
//   - Agents change after the masters, at most Work.MaxUnavailable at once;
//     those that are out of service since their change failed count on.
//   - Masters are removed after the agents, and not while others are changed.
//   - Who waits holds no connection: limits of connections cannot keep those
//     away that are waited for.
//
// # No deadlock at any parallelism
//
// Terraform may call fewer resources at once than there are. Work therefore
// waits only for work that has been called already ([Coordinator.Arrive]) and
// that does not wait for it in turn: agents for masters in a change, masters
// for agents in a removal. What Terraform has yet to call cannot be known; it
// is given a short time to come ([Grace]) and is not waited for after that.
// With -parallelism=1 the order is therefore that of Terraform's own graph,
// where depends_on decides.
//
// # Cloned machines
//
// [Machines] knows which machines nodes run on, also what earlier processes on
// this computer have seen, so that preflight finds one that is there twice.
//
// # Many hosts in one call
//
// A [Batch] runs work on many hosts: so many at once, the canaries first, and
// none is started any more when too many have failed or somebody says stop.
package fleet
