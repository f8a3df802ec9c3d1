// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// Private state of dcos_node and dcos_node_pool; see "Whose a node is" in doc.go.
const (
	// claimKey is the private state with the resource's claim.
	claimKey = "claim"
	// takenKey says whose the node was at the last refresh if it was not the
	// resource's: an ownerNote.
	takenKey = "taken"
)

// What has nodes, as it is called on hosts.
const (
	holderNode = "dcos_node"
	holderPool = "dcos_node_pool"
)

// An ownerNote says in words whose a node is, and what to do about it.
type ownerNote struct {
	Whose string `json:"whose"`
	Hint  string `json:"hint"`
}

// readPrivate reads a value of private state; it stays as it is if there is
// none.
func readPrivate(ctx context.Context, private privateReader, key string, value any) diag.Diagnostics {
	text, diags := private.GetKey(ctx, key)
	if diags.HasError() || len(text) == 0 {
		return diags
	}
	if err := json.Unmarshal(text, value); err != nil {
		diags.Append(internalFault("reading "+key+" from private state", err))
	}
	return diags
}

// keepPrivate notes a value in private state.
func keepPrivate(ctx context.Context, private privateWriter, key string, value any) diag.Diagnostics {
	text, err := json.Marshal(value)
	if err != nil {
		return diag.Diagnostics{internalFault("noting "+key+" in private state", err)}
	}
	return private.SetKey(ctx, key, text)
}

// readClaim gives the resource's claim, "" if it has none.
func readClaim(ctx context.Context, private privateReader) (claim string, diags diag.Diagnostics) {
	diags = readPrivate(ctx, private, claimKey, &claim)
	return claim, diags
}

// keepClaim notes the claim that an operation has written, if it came so far.
func keepClaim(ctx context.Context, private privateWriter, r fleet.Result) diag.Diagnostics {
	if r.Claim == "" || r.State == nil && r.Before == nil {
		return nil
	}
	diags := keepPrivate(ctx, private, claimKey, r.Claim)
	diags.Append(private.SetKey(ctx, takenKey, nil)...)
	return diags
}

// refreshClaim takes over what a refresh saw of whose the node is. imported says
// that nothing was known of the node before.
func refreshClaim(ctx context.Context, private privateWriter, h *fleet.Host, s fleet.Sight, imported bool) diag.Diagnostics {
	if s.Presence == fleet.Taken {
		diags := keepPrivate(ctx, private, takenKey, ownerNote{whose(h.Address(), s.Taken), hintOf(s.Taken)})
		diags.Append(takenNode(h.Address(), s.Taken))
		return diags
	}
	diags := private.SetKey(ctx, takenKey, nil)
	on := s.State.Claim
	switch {
	case on == nil && h.Claim != "":
		diags.Append(claimGone(h.Address()))
	case on != nil && on.ID != h.Claim:
		diags.Append(keepPrivate(ctx, private, claimKey, on.ID)...)
		if imported {
			diags.Append(importedClaim(h.Address(), *on))
		} else {
			diags.Append(claimTaken(h.Address(), *on))
		}
	}
	return diags
}

// taken says whose the node was at the last refresh; nothing is in it if it was
// the resource's.
func taken(ctx context.Context, private privateReader) (owner ownerNote, diags diag.Diagnostics) {
	diags = readPrivate(ctx, private, takenKey, &owner)
	return owner, diags
}

// leftNode words a destroy that left the host as it was.
func leftNode(address string, err error) diag.Diagnostic {
	var replaced *node.ReplacedError
	if errors.As(err, &replaced) {
		return abandonedMachine(address, replaced)
	}
	var silent *fleet.SilentError
	if errors.As(err, &silent) {
		return diag.NewWarningDiagnostic("Node Given Up",
			fmt.Sprintf("Host:      %s\n\n%s.\n\nThe resource is gone from the state. If the machine comes back, DC/OS is still on it, and joins "+
				"its cluster again: then create the resource anew, which takes the node over, and destroy it.", address, whose(address, err)))
	}
	return diag.NewWarningDiagnostic("Node Left As It Is",
		fmt.Sprintf("Host:      %s\n\n%s. The resource is gone from this state, and nothing was changed on the host.", address,
			whose(address, err)))
}

// handedOver words a destroy that was planned to leave the node to another
// resource of the same plan.
func handedOver(address string) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Node Left As It Is",
		fmt.Sprintf("Host:      %s\n\nAnother resource of the same plan has this node, or gets it. This resource is gone from the state, and "+
			"nothing was changed on the host. A moved block does the same without a creation.\n\nWhat to do: Nothing, if that resource is "+
			"in the state now (terraform state list). If it is not, DC/OS is still on the host, and no state has it. With a resource in the "+
			"configuration that has the address %[1]s, terraform apply -target=RESOURCE takes the node over as it is, and "+
			"terraform destroy -target=RESOURCE uninstalls it.", address))
}

// takenNode words a refresh that found the node to be somebody else's.
func takenNode(address string, err error) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Node Belongs To Another Resource",
		fmt.Sprintf("Host:      %s\n\n%s. Destroying this resource will leave the node as it is, and nothing can be changed through it.\n\n"+
			"What to do: %s", address, whose(address, err), capital(sentence(hintOf(err)))))
}

// takenPlan words a change that is planned on somebody else's node.
func takenPlan(address string, owner ownerNote) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(tfpath.Root("address"), "Node Belongs To Another Resource",
		fmt.Sprintf("Host:      %s\n\n%s. It cannot be changed through this resource.\n\nWhat to do: %s", address, owner.Whose,
			capital(sentence(owner.Hint))))
}

// claimGone words a host that has lost its claim.
func claimGone(address string) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Claim Missing On The Host",
		fmt.Sprintf("Host:      %s\n\nThe node is there, but nothing on the host says any more that it is this resource's (%s/claim). It may "+
			"have been restored from an image, or cleaned. The next change of the node writes it again.", address, node.RecordDirectory))
}

// claimTaken words a refresh of a state without a claim that found one: who made
// it, this resource or another one, nothing can tell any more.
func claimTaken(address string, on node.Claim) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Claim Taken From The Host",
		fmt.Sprintf("Host:      %s\n\nThis state does not know whose the node is, as one that is older than the node's last change, or was "+
			"written by a version of the provider that knew no claims. The host says that it is that of %s. That counts as this resource from "+
			"now on. If it is another one, in another state, take this one out (terraform state rm): its destroy would uninstall the node.",
			address, on))
}

// importedClaim words an import of a node that had an owner.
func importedClaim(address string, on node.Claim) diag.Diagnostic {
	return diag.NewWarningDiagnostic("Imported Node Had An Owner",
		fmt.Sprintf("Host:      %s\n\nThe host says that the node is that of %s. From now on this resource counts as the owner too. If the "+
			"other one is still in a state somewhere, take it out there (terraform state rm), or both will change the node.", address, on))
}

// whose is an error on an owner, as the beginning of a text.
func whose(address string, err error) string {
	return capital(strings.TrimPrefix(err.Error(), address+": "))
}
