// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package fleet does one host's turn, and orders those of many.
//
// # A host and its operations
//
// A [Host] is a machine that is a node or is to be one, in plain data: how it is
// reached, its role, its cluster, its bundle, and what is known of it. Whoever
// has a model of it, such as a resource of Terraform's, makes a Host of that and
// hands it to a [Fleet], which knows these operations:
//
//   - [Fleet.Bring] makes it the node that its bundle says: installs, adopts,
//     upgrades or repairs.
//   - [Fleet.Remove] drains and uninstalls.
//   - [Fleet.Look] sees what is there, [Fleet.LookAll] does so on many hosts, and
//     [Fleet.Check] judges a host that is to be a node. These change nothing and
//     have no turn.
//   - [Fleet.Ask] and [Fleet.Disturb] do something with a node that runs and stays what
//     it is. What takes it out of service for a time is done in a turn, as a change.
//   - [Fleet.Connect] is for hosts that are no nodes.
//
// What decides about hosts is decided here, once, whoever asks: whether a node is
// present, gone or replaced; when its turn has come; what a gate says; what is
// noted of its machine. What happens on the host is internal/node's. The caller
// turns results back into its own form, and errors, all of them a [*Failure] with
// what the packages below say in it, into its messages.
//
// An operation is a visit: it waits for its turn without a connection, connects,
// and asks the gates over the same connection as it works. A connection that
// breaks meanwhile is made anew, with the host key pinned that was shown first.
//
// When the process is about to end (Fleet.Closing), an operation is given up within a
// second, with what is known of the host until then.
//
// Of what answers over HTTP ([StatusReader]) 256 MiB are read at most, of which 4 MiB
// are held at once, and no more than 200,000 agents are kept. The bounds on what
// comes over SSH are internal/remote's.
//
// # Turns
//
// Terraform calls resources in parallel, in an order of its own, and knows
// nothing of quorum. A [Coordinator], one per process, puts an order into it,
// cluster by cluster:
//
//   - Masters change strictly one at a time, with a gate before and after
//     each. A master whose gate is closed gives its turn to the next one that
//     waits, so that the master which is the trouble can be mended. First
//     installations are free: no quorum can exist before most of the ensemble
//     is there. One that finds a master there, which has to be stopped for it,
//     is a change from the gate at that outage on.
//   - When a master's change fails, or the ensemble is not well after it,
//     nothing more of the cluster is changed in this process ([HaltedError]).
//   - Agents change after the masters, at most Turn.MaxUnavailable at once;
//     those that are out of service since their change failed count on.
//   - Masters are removed after the agents, and not while others are changed. A
//     removal is a change: strictly one at a time, with a gate before it. When
//     the whole ensemble goes, or its loss is allowed ([Terms.EnsembleGoes]),
//     all removals of its masters in this process are free of that.
//   - Who waits holds no connection: limits of connections cannot keep those
//     away that are waited for.
//
// What the gates ask is the rule of quorum, the methods RiskWithout and Unwell
// of [node.Health], of what the master's own exhibitor says at that moment. That is
// what each exhibitor saw of its ZooKeeper when it last looked, up to 30 s ago. So at
// the moment of the outage, last of all, those masters of which it is said that they
// serve are asked themselves ([Fleet.Serves]): one that does not counts as out.
//
// The gate before a change is asked twice: when the turn has come, before
// anything is transferred, which may take minutes; and at the moment of the
// outage, in the script that causes it, which does not go on without an answer
// ([Pass], [node.Options.Gate]). While the gate is closed there, the master stays
// in service, and its turn is free: the next one may be the one to be mended.
//
// # Other processes
//
// Another process, with a state of its own and its own masters, asks the same
// ensemble at the same time, and exhibitor takes seconds to notice an outage. So
// a master's outage takes the ensemble's lock ([Fleet.Outages], internal/outage),
// last, when everything else says go: in the answer to the script that asks at the
// moment of the outage. It is given back when the master serves again (after the
// last gate, or when the operation has failed and the master serves all the same),
// and when a gate closes later on in front of a master that serves, so that
// another one can be mended meanwhile. What was removed is said to be so: the lock
// is free for whoever sees that the master is gone.
//
// No lock is taken for a first installation, by a single master, where the whole
// ensemble goes, and by agents. A master that is out already takes it if it can,
// and goes on if not: its outage costs nothing more. An ensemble that gives no
// lock is one where the gates decide alone ([outage.NoLockError]); one that may
// give it at another time, because its ZooKeeper does not answer or has no quorum,
// keeps the gate closed.
//
// That no two masters are out rests on this: the script that waits for its go does
// so for 20 s by its own clock, and a holder counts as there for
// [outage.SessionTimeout] after the last that was heard of it, so that the go of a
// process that was stopped or cut off comes too late or while it still counts; and
// whoever takes over what was left has seen the master serve for [outage.Steady].
// It does not hold where the process dies right after its go and the master's
// services take longer than both to stop, nor where ZooKeeper grants a shorter
// session than the script waits. A rollback asks nobody: its master is out already,
// unless it served in between and its process was cut off for longer than both.
//
// # No deadlock at any parallelism
//
// Terraform may call fewer resources at once than there are. A turn therefore
// waits only for what has been called already ([Coordinator.Arrive]) and
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
// # Dead machines
//
// A node whose machine gives no answer is given up ([Terms.IfReachable]) only if it
// is the machine that is dead, and not the way to it. So another machine of the
// cluster is asked at that moment, one that was looked at in the last hour, by
// whichever process, and that is reached through the same proxy and jump hosts: one
// behind another jump host says nothing of this way. If it answers, the silent one
// gets a second chance, since what was down may have come back in between. If none
// answers, or none is known, nothing is given up.
//
// # Many hosts in one call
//
// A [Batch] works on many hosts: so many at once, the canaries first, and
// none is begun any more when too many have failed or somebody says stop.
package fleet
