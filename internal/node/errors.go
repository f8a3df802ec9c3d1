// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"fmt"
	"slices"
	"strings"
)

// A StageError says that a stage failed on a host, and all that is known of why.
type StageError struct {
	Host     string
	Stage    string
	Doing    string // what was being done, in words: "starting dcos-setup"
	ExitCode int    // of the script; 0 if that is not what failed
	Stderr   string // its tail
	Journal  string // of the units that failed, taken before anything was cleaned up
	Hint     string // what to do
	Err      error  // nil: what was being done failed, and that is all
}

func (e *StageError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Host, e.Stage)
	if e.Doing != "" {
		fmt.Fprintf(&b, ": %s", e.Doing)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	switch {
	case e.ExitCode != 0:
		fmt.Fprintf(&b, " (exit code %d)", e.ExitCode)
	case e.Err == nil:
		b.WriteString(" failed")
	}
	return b.String()
}

func (e *StageError) Unwrap() error { return e.Err }

// A ForeignError says that DC/OS is on the host and is not ours.
type ForeignError struct {
	Host      string
	Cluster   string // as DC/OS itself says; may be ""
	Version   string
	Role      Role
	MachineID string
	Installed Installed
	Why       string // how it was told
}

func (e *ForeignError) Error() string {
	what := "DC/OS"
	if e.Version != "" {
		what += " " + e.Version
	}
	if e.Role != "" {
		what += " with the role " + string(e.Role)
	}
	if e.Cluster != "" {
		what += fmt.Sprintf(" of the cluster %q", e.Cluster)
	}
	if e.Installed == Partial {
		what = "an unfinished or broken installation of " + what
	}
	return fmt.Sprintf("%s: %s is already on this host and was not put there by this resource (%s)", e.Host, what, e.Why)
}

// Hint says what to do.
func (e *ForeignError) Hint() string {
	if e.Installed == Partial {
		return "if nothing on the host is needed any more, remove DC/OS from it by hand (systemctl stop dcos.target, pkgpanda uninstall) or " +
			"start from a fresh machine"
	}
	return "if it is to be managed here, import it: terraform import ADDRESS_OF_THE_RESOURCE " + e.Host + "; otherwise uninstall it first"
}

// A ReplacedError says that another machine answers at the node's address.
type ReplacedError struct {
	Host      string
	Want, Got string // machine ids
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s: another machine answers at this address: its machine id is %s, the node's is %s", e.Host, e.Got, e.Want)
}

// Hint says what to do.
func (e *ReplacedError) Hint() string {
	return "nothing was changed on it. If the machine was replaced on purpose, let Terraform replace the node too (terraform apply " +
		"-replace, or replace_triggered_by on the machine); if not, find out who answers there"
}

// A PreflightError says which checks a host did not pass.
type PreflightError struct {
	Host     string
	Findings []Finding // those of severity error
}

func (e *PreflightError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d preflight check(s) failed", e.Host, len(e.Findings))
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	return b.String()
}

// An UnknownCheckError says that checks were to be skipped that do not exist.
type UnknownCheckError struct{ Names []string }

func (e *UnknownCheckError) Error() string {
	return fmt.Sprintf("there is no preflight check named %s; there are %s", strings.Join(e.Names, ", "), strings.Join(CheckNames(), ", "))
}

// A RoleError says that a node cannot get another role in place.
type RoleError struct {
	Host      string
	Have, Get Role
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("%s: the node's role is %s and cannot become %s in place; DC/OS has to be uninstalled first", e.Host, e.Have, e.Get)
}

// A LeftoverError names what is still on a host after uninstalling.
type LeftoverError struct{ Left []string }

func (e *LeftoverError) Error() string {
	left := slices.Clone(e.Left)
	if len(left) > 20 {
		left = append(left[:20], fmt.Sprintf("and %d more", len(e.Left)-20))
	}
	return "left on the host: " + strings.Join(left, ", ")
}

// A RollbackError says that an upgrade failed, and how putting the node back
// on its former packages went.
type RollbackError struct {
	Upgrade  error
	Rollback error // nil: the node is back on its former packages and well
}

func (e *RollbackError) Error() string {
	if e.Rollback == nil {
		return fmt.Sprintf("%v; the node was put back on its former packages and passed its checks", e.Upgrade)
	}
	return fmt.Sprintf("%v; putting the node back on its former packages failed too: %v", e.Upgrade, e.Rollback)
}

func (e *RollbackError) Unwrap() []error {
	if e.Rollback == nil {
		return []error{e.Upgrade}
	}
	return []error{e.Upgrade, e.Rollback}
}
