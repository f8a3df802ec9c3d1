// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package fleet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Kinds of what keeps a node from having its turn, or an ensemble from being
// well after it.
const (
	KindGate        remote.Kind = "gate"
	KindHalted      remote.Kind = "halted"
	KindUnavailable remote.Kind = "agents unavailable"
	KindShared      remote.Kind = "shared machine"
	KindAlone       remote.Kind = "no host answers"
)

var (
	_ remote.Fault = (*GateError)(nil)
	_ remote.Fault = (*HaltedError)(nil)
	_ remote.Fault = (*UnavailableError)(nil)
	_ remote.Fault = (*SharedError)(nil)
	_ remote.Fault = (*AloneError)(nil)
)

// A GateError says that a gate of a master's change or removal did not open.
type GateError struct {
	Host   string
	Outage bool // it was the one at the moment of the outage
	After  bool // the node has been changed already
	Err    error
}

func (e *GateError) Error() string {
	if e.After {
		return fmt.Sprintf("%s: the master was changed, but the ensemble is not well after it, so no further node is touched: %v", e.Host, e.Err)
	}
	if e.Outage {
		return fmt.Sprintf("%s: the master was left in service, because the ensemble would be at risk: %v", e.Host, e.Err)
	}
	return fmt.Sprintf("%s: the master was not touched, because the ensemble would be at risk: %v", e.Host, e.Err)
}

func (e *GateError) Unwrap() error { return e.Err }

// Kind is KindGate.
func (*GateError) Kind() remote.Kind { return KindGate }

// Hint says what is safe to do.
func (e *GateError) Hint() string {
	const look = "Look at /exhibitor/v1/cluster/status on any master, and at the journal of dcos-exhibitor and dcos-mesos-master on the " +
		"one that does not serve. "
	if e.After {
		return look + "It is safe to mend this master and to apply again, which goes on from here; " +
			"it is not safe to restart or change another master before the ensemble is well"
	}
	what := "Nothing was changed on this host. "
	if e.Outage {
		what = "Nothing was stopped on this host. "
	}
	return look + what + "It is safe to mend or to apply the masters that do not serve; " +
		"it is not safe to take one out that does. Then apply again"
}

// A HaltedError says that a node was not touched because the change of a
// master of its cluster failed before.
type HaltedError struct {
	Host   string // that was not touched
	By     string // the master
	Missed bool   // it could not be reached, so that nothing was changed on it
	Err    error  // why its change failed
}

func (e *HaltedError) Error() string {
	if e.Missed {
		return fmt.Sprintf("%s: not touched, because the master %s could not be reached to be changed, and agents come after all masters",
			e.Host, e.By)
	}
	return fmt.Sprintf("%s: not touched, because the change of the master %s failed and the ensemble could not do without another one",
		e.Host, e.By)
}

// Kind is KindHalted.
func (*HaltedError) Kind() remote.Kind { return KindHalted }

// Hint says what is safe to do.
func (e *HaltedError) Hint() string {
	return fmt.Sprintf("Nothing was changed on this host. Mend the master %s as its own error says, then apply again: "+
		"what has been done is not done twice", e.By)
}

// An UnavailableError says that an agent was not touched because as many others
// as may be have failed and are out of service.
type UnavailableError struct {
	Host string // that was not touched
	Lost int    // agents that are out of service
	Most int    // that may be
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s: not touched, because %d of the cluster's agents are out of service since their change failed, "+
		"and max_unavailable allows %d", e.Host, e.Lost, e.Most)
}

// Kind is KindUnavailable.
func (*UnavailableError) Kind() remote.Kind { return KindUnavailable }

// Hint says what is safe to do.
func (*UnavailableError) Hint() string {
	return "Nothing was changed on this host. Mend the agents that failed as their own errors say, then apply again"
}

// A SharedError says that two resources have the same machine.
type SharedError struct {
	Host      string // that was not touched
	MachineID string
	Other     string // the address at which the other one reaches it
}

func (e *SharedError) Error() string {
	return fmt.Sprintf("%s: another resource of this run has this machine for its node, at the address %s (machine id %s)",
		e.Host, e.Other, e.MachineID)
}

// Kind is KindShared.
func (*SharedError) Kind() remote.Kind { return KindShared }

// Hint says what to do.
func (*SharedError) Hint() string {
	return "Nothing was changed for this resource. One machine is one node: take one of the two out, or correct its address"
}

// A SilentError says that the machine of a node that was to be removed gives no
// answer, while others of its cluster do, and that it was given up.
type SilentError struct {
	Host string
	Err  error
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("%s: its machine gives no answer: %v", e.Host, e.Err)
}

func (e *SilentError) Unwrap() error { return e.Err }

// An AloneError says that a machine gives no answer, and that none of its cluster
// does which is reached through the same, so that it is not given up.
type AloneError struct {
	Host  string
	Asked []string // the other machines
	Err   error
}

func (e *AloneError) Error() string {
	others := "no other host of the cluster is known here that was seen in the last hour and is reached in the same way"
	if n := len(e.Asked); n > 0 {
		named := strings.Join(e.Asked[:min(n, maxNamed)], ", ")
		if n > maxNamed {
			named += fmt.Sprintf(" and %d more", n-maxNamed)
		}
		others = fmt.Sprintf("neither does any other host of the cluster that was asked (%s)", named)
	}
	return fmt.Sprintf("%s: its machine gives no answer, and %s, so that the way to all of them may be what is broken: %v",
		e.Host, others, e.Err)
}

// maxNamed is how many hosts a message names.
const maxNamed = 5

func (e *AloneError) Unwrap() error { return e.Err }

// Kind is KindAlone.
func (*AloneError) Kind() remote.Kind { return KindAlone }

// Hint says what to do.
func (*AloneError) Hint() string {
	return "Look at the way to the hosts (VPN, jump host, security groups). Where the machines are gone for good, set on_destroy = " +
		"\"abandon\" and apply that first, or take the resource out with terraform state rm"
}

// An Ending is how an operation that failed came to its end.
type Ending int

// How an operation that failed came to its end.
const (
	ByItself Ending = iota
	ByTimeLimit
	ByInterrupt
)

// A Failure is an operation on a host that failed. What it says is Err's.
type Failure struct {
	Reached bool // a connection to the host was there
	Ended   Ending
	Err     error
}

func (e *Failure) Error() string { return e.Err.Error() }

func (e *Failure) Unwrap() error { return e.Err }

// haltedFor makes the error of a cluster that of one of its hosts.
func haltedFor(host string, err error) error {
	var halted *HaltedError
	if errors.As(err, &halted) {
		return &HaltedError{Host: host, By: halted.By, Missed: halted.Missed, Err: halted.Err}
	}
	var gate *GateError
	if errors.As(err, &gate) {
		return &HaltedError{Host: host, By: gate.Host, Err: gate}
	}
	return err
}
