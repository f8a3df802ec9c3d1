// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// Kinds of what can go wrong with a node.
const (
	KindStage        remote.Kind = "stage"
	KindForeign      remote.Kind = "foreign"
	KindStrangers    remote.Kind = "strangers"
	KindReplaced     remote.Kind = "replaced machine"
	KindSameMachine  remote.Kind = "same machine"
	KindPreflight    remote.Kind = "preflight checks"
	KindUnknownCheck remote.Kind = "unknown check"
	KindRole         remote.Kind = "role"
	KindTopology     remote.Kind = "topology"
	KindLeftover     remote.Kind = "leftovers"
	KindRollback     remote.Kind = "rollback"
	KindWorse        remote.Kind = "worse than planned"
	KindNotNode      remote.Kind = "not the node"
)

var (
	_ remote.Fault = (*StageError)(nil)
	_ remote.Fault = (*ForeignError)(nil)
	_ remote.Fault = (*StrangersError)(nil)
	_ remote.Fault = (*ReplacedError)(nil)
	_ remote.Fault = (*SameMachineError)(nil)
	_ remote.Fault = (*PreflightError)(nil)
	_ remote.Fault = (*UnknownCheckError)(nil)
	_ remote.Fault = (*RoleError)(nil)
	_ remote.Fault = (*TopologyError)(nil)
	_ remote.Fault = (*LeftoverError)(nil)
	_ remote.Fault = (*RollbackError)(nil)
	_ remote.Fault = (*WorseError)(nil)
	_ remote.Fault = (*NotNodeError)(nil)
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

// Kind is KindStage.
func (*StageError) Kind() remote.Kind { return KindStage }

// Reason says why, without what the other fields say.
func (e *StageError) Reason() string {
	var exit *remote.ExitError
	switch {
	case errors.As(e.Err, &exit) && e.Stderr == exit.Stderr:
		return fmt.Sprintf("it ended with exit code %d", exit.Code)
	case e.Err != nil:
		return e.Err.Error()
	case e.Doing != "":
		return e.Doing + " failed"
	}
	return e.Error()
}

// A ForeignError says that DC/OS is on the host and is not ours.
type ForeignError struct {
	Host      string
	Cluster   string // as DC/OS itself says; may be ""
	Ours      string // the cluster that the node was of, if it was one of ours; ""
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
	if e.Ours != "" {
		return fmt.Sprintf("%s: %s is on this host now: %s", e.Host, what, e.Why)
	}
	return fmt.Sprintf("%s: %s is already on this host and was not put there by this resource (%s)", e.Host, what, e.Why)
}

// Kind is KindForeign.
func (*ForeignError) Kind() remote.Kind { return KindForeign }

// Hint says what to do.
func (e *ForeignError) Hint() string {
	if e.Ours != "" {
		return "nothing was changed on it. If the machine was given to the other cluster on purpose, take this resource out of the " +
			"configuration: its destroy leaves the host as it is. If not, the state is older than the host; find out who changed it"
	}
	if e.Installed == Partial {
		return "if nothing on the host is needed any more, remove DC/OS from it by hand (systemctl stop dcos.target, pkgpanda uninstall) or " +
			"start from a fresh machine"
	}
	return "if it is to be managed here, import it: terraform import ADDRESS_OF_THE_RESOURCE " + e.Host + "; otherwise uninstall it first"
}

// Importable reports whether what is on the host is a node that could be imported.
func (e *ForeignError) Importable() bool { return e.Ours == "" && e.Installed == Complete }

// A StrangersError says that in the directory that is DC/OS's alone something is
// that is not DC/OS's, on a host where nothing else is DC/OS's either.
type StrangersError struct {
	Host  string
	Names []string // of what is in /opt/mesosphere
}

func (e *StrangersError) Error() string { return e.Host + ": " + e.found() }

func (e *StrangersError) found() string {
	names, more := e.Names, ""
	if n := len(names) - 5; n > 0 {
		names, more = names[:5], fmt.Sprintf(" and %d more", n)
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", clip(n, 100))
	}
	return "something that is not DC/OS's is in /opt/mesosphere: " + strings.Join(quoted, ", ") + more
}

// Kind is KindStrangers.
func (*StrangersError) Kind() remote.Kind { return KindStrangers }

// Hint says what to do.
func (e *StrangersError) Hint() string {
	return "nothing was changed on the host. DC/OS has that directory for itself, and it would go when the node does: move what is there to " +
		"another place, or remove it, until /opt/mesosphere is empty or gone, then run the same again"
}

// A ReplacedError says that another machine answers at the node's address.
type ReplacedError struct {
	Host      string
	Want, Got string // machine ids
}

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s: another machine answers at this address: its machine id is %s, the node's is %s", e.Host, e.Got, e.Want)
}

// Kind is KindReplaced.
func (*ReplacedError) Kind() remote.Kind { return KindReplaced }

// Hint says what to do.
func (e *ReplacedError) Hint() string {
	return "nothing was changed on it. If the machine was replaced on purpose, let the next plan look at the host (no -refresh=false), or " +
		"let Terraform replace the node too (terraform apply -replace, or another value of machine); if not, find out who answers there"
}

// A SameMachineError says that the machine that the node was on answers where
// another one was to be, and with another host key.
type SameMachineError struct {
	Host      string
	MachineID string
}

func (e *SameMachineError) Error() string {
	return fmt.Sprintf("%s: this is no other machine than the one that the node was on, as its machine id says (%s)", e.Host, e.MachineID)
}

// Kind is KindSameMachine.
func (*SameMachineError) Kind() remote.Kind { return KindSameMachine }

// Hint says what to do.
func (*SameMachineError) Hint() string {
	return "nothing was changed on it, and the host key that was accepted before still is the only one. If the machine is the same and its " +
		"key was changed on purpose, say so with ssh.host_key. If it is another one, made of an image that has a machine id in it, give it an " +
		"id of its own (systemd-machine-id-setup after emptying /etc/machine-id). If neither, find out who answers there"
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

// Kind is KindPreflight.
func (*PreflightError) Kind() remote.Kind { return KindPreflight }

// Reason lists the findings.
func (e *PreflightError) Reason() string {
	var b strings.Builder
	for _, f := range e.Findings {
		// One line each: a hint may begin with a command, and a pool shows the first line.
		fmt.Fprintf(&b, "%s: found %s; needed: %s", f.Name, f.Found, f.Needed)
		if f.Hint != "" {
			b.WriteString("; what to do: " + f.Hint)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Hint says what to do.
func (*PreflightError) Hint() string {
	return "Put the host right, or leave a check out by its name in preflight.skip. Nothing was changed on the host."
}

// An UnknownCheckError says that checks were to be skipped that do not exist.
type UnknownCheckError struct{ Names []string }

func (e *UnknownCheckError) Error() string {
	return fmt.Sprintf("there is no preflight check named %s; there are %s", strings.Join(e.Names, ", "), strings.Join(CheckNames(), ", "))
}

// Kind is KindUnknownCheck.
func (*UnknownCheckError) Kind() remote.Kind { return KindUnknownCheck }

// A RoleError says that a node cannot get another role in place.
type RoleError struct {
	Host      string
	Have, Get Role
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("%s: the node's role is %s and cannot become %s in place; DC/OS has to be uninstalled first", e.Host, e.Have, e.Get)
}

// Kind is KindRole.
func (*RoleError) Kind() remote.Kind { return KindRole }

// A NotNodeError says that a host is not the node that something was to be done with.
type NotNodeError struct {
	Host string
	Why  string
}

func (e *NotNodeError) Error() string { return e.Host + ": " + e.Why }

// Kind is KindNotNode.
func (*NotNodeError) Kind() remote.Kind { return KindNotNode }

// Reason says why, without the host.
func (e *NotNodeError) Reason() string { return e.Why }

// Hint says what to do.
func (*NotNodeError) Hint() string {
	return "Nothing was changed on the host. Apply first, so that the node is as the configuration has it, or correct its address and " +
		"role in nodes"
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

// Kind is KindLeftover.
func (*LeftoverError) Kind() remote.Kind { return KindLeftover }

// Hint says what to do.
func (*LeftoverError) Hint() string {
	return "Apply or destroy again: uninstalling can be repeated. What stays then has to be removed by hand."
}

// A RollbackError says that an upgrade failed, and how putting the node back
// on its former packages went.
type RollbackError struct {
	Upgrade   error
	Rollback  error // nil: the node is back on its former packages and well
	Untouched bool  // it was on them all the time
}

// outcome says how it went well.
func (e *RollbackError) outcome() string {
	if e.Untouched {
		return "the node's packages and services were not touched"
	}
	return "the node was put back on its former packages and passed its checks"
}

func (e *RollbackError) Error() string {
	if e.Rollback == nil {
		return fmt.Sprintf("%v; %s", e.Upgrade, e.outcome())
	}
	return fmt.Sprintf("%v; putting the node back on its former packages failed too: %v", e.Upgrade, e.Rollback)
}

func (e *RollbackError) Unwrap() []error {
	if e.Rollback == nil {
		return []error{e.Upgrade}
	}
	return []error{e.Upgrade, e.Rollback}
}

// Kind is KindRollback.
func (*RollbackError) Kind() remote.Kind { return KindRollback }

// Reason says why the upgrade failed, and how the way back went.
func (e *RollbackError) Reason() string {
	if e.Rollback != nil {
		return e.Error()
	}
	why := e.Upgrade.Error()
	var stage *StageError
	if errors.As(e.Upgrade, &stage) {
		why = stage.Reason()
	}
	if why = strings.TrimSpace(why); !strings.HasSuffix(why, ".") && !strings.HasSuffix(why, "!") && !strings.HasSuffix(why, "?") {
		why += "."
	}
	return why + " T" + strings.TrimPrefix(e.outcome(), "t") + "."
}

// Hint says what to do.
func (e *RollbackError) Hint() string {
	if e.Rollback != nil {
		return "Look at the node: its services may be down. Put right what the output names, then apply again."
	}
	return "The node does its work as before. Put right what kept the new packages from working, then apply again."
}

// A WorseError says that a host is worse than the plan had it.
type WorseError struct {
	Host  string
	Found string // in words
}

func (e *WorseError) Error() string {
	return fmt.Sprintf("%s: the host is worse than the plan has it: %s", e.Host, e.Found)
}

// Kind is KindWorse.
func (*WorseError) Kind() remote.Kind { return KindWorse }

// Hint says what to do.
func (*WorseError) Hint() string {
	return "Nothing was changed on the host. Plan again, with refresh, and apply that if it is what you want"
}
