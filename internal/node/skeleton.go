// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"context"
	"errors"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
)

var errProvisional = errors.New("provisional")

// Inspect looks at a host and changes nothing. It costs one round trip.
// Besides the files that DC/OS's installer writes, those at the paths given
// are looked at too.
func Inspect(ctx context.Context, conn Conn, paths ...string) (*State, error) {
	return nil, errProvisional
}

// A Severity says whether a finding stands in the way.
type Severity string

// Severities of findings.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// A Finding is what a preflight check found wrong.
type Finding struct {
	Name     string // of the check, as in preflight.skip
	Severity Severity
	Found    string
	Needed   string
	Hint     string
}

// String gives the finding as one line.
func (f Finding) String() string {
	s := f.Name + ": found " + f.Found + ", needed " + f.Needed
	if f.Hint != "" {
		s += "; " + f.Hint
	}
	return s
}

// CheckNames gives the names of the preflight checks, sorted.
func CheckNames() []string { return nil }

func checkSkips(names []string) error { return nil }

// Preflight checks whether the host is fit for the role. It changes nothing
// and costs one round trip. The error is for a host that could not be
// checked; what is wrong with the host is in the findings.
func Preflight(ctx context.Context, conn Conn, opts Options) ([]Finding, error) {
	return nil, errProvisional
}

// Install makes the host a node: preflight, transfer, install, postflight.
// A host that already is the node wanted is adopted; an unfinished
// installation of ours is continued or redone; anything else that is there is
// a [*ForeignError]. The state is what the host looks like at the end.
func Install(ctx context.Context, conn Conn, opts Options) (*State, error) {
	return nil, errProvisional
}

// Upgrade brings a node to the bundle in place, and repairs it: it does what
// [State.Drift] names and nothing else. When the node does not come up on its
// new packages it is put back on the former ones ([*RollbackError]).
func Upgrade(ctx context.Context, conn Conn, opts Options) (*State, error) {
	return nil, errProvisional
}

// Uninstall drains an agent, removes DC/OS and everything it and this package
// made on the host, puts back what they had changed, and verifies that nothing
// is left. It works on any remains of DC/OS and can be repeated. A master is
// not drained. Nothing is done to a machine that is not ours.
func Uninstall(ctx context.Context, conn Conn, opts Options) error { return errProvisional }

// Health is how a master sees its ensemble.
type Health struct {
	Size      int    // entries of the ensemble
	Serving   int    // those that serve
	Leader    string // Mesos leader; "" if none is known
	Recovered bool   // this master's registrar has recovered
	Agents    int    // registered agents; -1 if not known
	Detail    string // what is wrong, in words; "" if nothing is
}

// Quorum says whether more than half of the ensemble serves.
func (h Health) Quorum() bool { return h.Size > 0 && h.Serving > h.Size/2 }

// MasterHealth asks a master for the ensemble's health. It costs one round
// trip and changes nothing.
func MasterHealth(ctx context.Context, conn Conn, opts Options) (Health, error) {
	return Health{}, errProvisional
}

// UpgradePath says why DC/OS does not support going from one version to
// another in place; nil if it does.
func UpgradePath(from, to string) error { return nil }

type work struct{}

func (s State) plan(b *bundle.Bundle, role Role) work { return work{} }

func (w work) words() []string { return nil }
