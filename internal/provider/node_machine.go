// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// lookedKey is the private state with the id of the machine that the last refresh
// saw on the node's host; there is none if it could not look.
const lookedKey = "looked"

// A machineChange is what another value of machine means for a node.
//
// A plan knows what the last refresh saw. Apply plans once more, from the state as
// it was refreshed: it knows the same, also of a saved plan and in another process. But
// that may be long ago, so apply makes sure of it on the host.
type machineChange int

const (
	machineSame     machineChange = iota // no other value, or a first one or none: nothing
	machineNamed                         // another word for the machine that is there
	machineOther                         // another machine has come: the node is installed on it, in place
	machineReplaces                      // the node is replaced
)

// samePlace reports whether a plan has the node where it is: else it is replaced.
func (m *nodeModel) samePlace(plan *nodeModel) bool {
	return plan.Address.Equal(m.Address) && plan.Role.Equal(m.Role)
}

// machineNamed reports whether a plan has another value of machine than the state.
func (m *nodeModel) machineNamed(plan *nodeModel) bool {
	return !m.Machine.IsNull() && !plan.Machine.IsNull() && !plan.Machine.Equal(m.Machine)
}

// machineChanged says what a plan's value of machine means. A user who pins the key
// that refresh refused has said already that the machine is another one.
func machineChanged(ctx context.Context, private privateReader, state, plan *nodeModel) (machineChange, diag.Diagnostics) {
	if !state.samePlace(plan) || !state.machineNamed(plan) {
		return machineSame, nil
	}
	if plan.Machine.IsUnknown() {
		// Refused or not: what is to come there is not there yet, and masters that go are counted.
		return machineReplaces, nil
	}
	pinned, diags := confirmed(ctx, private, plan)
	var refused, looked string
	diags.Append(readPrivate(ctx, private, refusedKey, &refused)...)
	diags.Append(readPrivate(ctx, private, lookedKey, &looked)...)
	switch {
	case pinned:
		return machineSame, diags
	case refused != "":
		return machineOther, diags
	case looked != "" && looked == state.ID.ValueString():
		return machineNamed, diags
	}
	return machineReplaces, diags
}

// keepLooked notes which machine a refresh saw; nil if it could not look.
func keepLooked(ctx context.Context, private privateWriter, seen *node.State) diag.Diagnostics {
	if seen == nil {
		return private.SetKey(ctx, lookedKey, nil)
	}
	return keepPrivate(ctx, private, lookedKey, seen.MachineID)
}

// notOn gives the id of the machine that the node must not be on any more: the one
// that it was on, where the plan says by machine that another one has come.
func notOn(ctx context.Context, private privateReader, prior, model *nodeModel) (string, diag.Diagnostics) {
	if !model.ID.IsUnknown() {
		return "", nil
	}
	pinned, diags := confirmed(ctx, private, model)
	if pinned {
		return "", diags // what the user says of the key holds for any machine
	}
	return prior.ID.ValueString(), diags
}

// sameMachine makes sure that the machine which a node is on is there, and changes
// nothing.
func (r *nodeResource) sameMachine(ctx context.Context, model *nodeModel, private privateReader) diag.Diagnostics {
	const operation = "looking whether the machine is the same"
	h, diags := r.shared.begin(ctx, model)
	limit, d := model.Timeouts.Read(ctx, defaultReadTimeout)
	diags.Append(d...)
	h.Target.JumpKeys, d = readJumpKeys(ctx, private)
	if diags.Append(d...); diags.HasError() {
		return diags
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	sight, err := r.shared.fleet.Look(ctx, h)
	if err == nil && sight.Presence == fleet.Replaced {
		err = &node.ReplacedError{Host: h.Address(), Want: h.MachineID, Got: sight.State.MachineID}
	}
	if err != nil {
		diags.Append(r.shared.hostError(&h, operation, err))
	}
	return diags
}

// begunOn is the node on a machine on which its installation has begun and not
// ended: what is there is the node's, and destroy removes it.
func (m *nodeModel) begunOn(planned *nodeModel, h *fleet.Host, result fleet.Result) *nodeModel {
	begun := *m
	begun.Machine = planned.Machine
	begun.observe(result.Before, result.HostKey)
	begun.Drift = driftList([]string{cmp.Or(strings.Join(result.Before.Drift(h.Bundle, h.Role), "; "), "its installation has not ended")})
	return &begun
}

// otherMachine words a plan that installs a node on another machine, in place.
func otherMachine(state, plan *nodeModel) diag.Diagnostic {
	return diag.NewAttributeWarningDiagnostic(tfpath.Root("machine"), "Machine Replaced",
		fmt.Sprintf("Host:      %s\n\nmachine was %s and is %s, and the host shows another key than the one that was accepted: another machine "+
			"has come to this address. Apply installs the node on it, and forgets the old key, if its machine id is not %s; else nothing is "+
			"changed.",
			plan.Address.ValueString(), quotedText(state.Machine), quotedText(plan.Machine), state.ID.ValueString()))
}

// quotedText is a text as a message has it.
func quotedText(value types.String) string { return fmt.Sprintf("%q", value.ValueString()) }
