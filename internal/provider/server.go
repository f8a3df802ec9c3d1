// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// MaxMessage is the most bytes that a message between Terraform and a provider is
// to have: the limit of terraform-plugin-go's server (tf6server.Serve), which
// serves where the provider is attached to by hand.
const MaxMessage = 256 << 20

// A Server answers all that Terraform asks of a provider. What the protocol has got
// since its first version are interfaces of their own, which are looked for one by one:
// whatever stands before a provider has to have them too.
type Server interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// NewServer makes the provider of one process as Terraform talks to it. closing
// is closed when the process is about to end, which work under way is then told;
// nil if nobody says so.
func NewServer(version string, closing <-chan struct{}) func() Server {
	return func() Server {
		serve := func(published bool) Server {
			made := providerserver.NewProtocol6(&dcosProvider{version: version, getenv: os.Getenv, published: published, closing: closing})()
			whole, ok := made.(Server)
			if !ok {
				panic(fmt.Sprintf("the framework's %T does not answer all that Terraform asks", made))
			}
			return whole
		}
		return &server{Server: serve(false), published: serve(true)}
	}
}

// A server is the framework's, but for what it does to maps of many thousand
// elements: for each element it copies what it knows of all others, several
// times in one plan. The large attributes of a dcos_node_pool therefore reach
// it packed, as strings (see packed.Pack): it hands them on as it hands on any other
// string, and only the resource looks into them.
type server struct {
	Server
	published tfprotov6.ProviderServer // has the schemas as users see them, and does nothing else
}

const poolTypeName = typeName + "_node_pool"

// poolPacked are the attributes of a dcos_node_pool that have an element for
// each host.
var poolPacked = map[string]bool{"hosts": true, "nodes": true, "pending": true}

// GetProviderSchema gives the schemas as users see them.
func (s *server) GetProviderSchema(
	ctx context.Context, req *tfprotov6.GetProviderSchemaRequest,
) (*tfprotov6.GetProviderSchemaResponse, error) {
	return s.published.GetProviderSchema(ctx, req)
}

// ValidateResourceConfig checks a configuration.
func (s *server) ValidateResourceConfig(
	ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest,
) (*tfprotov6.ValidateResourceConfigResponse, error) {
	if req.TypeName == poolTypeName {
		call := *req
		if err := packPool(&call.Config); err != nil {
			return nil, err
		}
		req = &call
	}
	return s.Server.ValidateResourceConfig(ctx, req)
}

// UpgradeResourceState reads what is in the state file.
func (s *server) UpgradeResourceState(
	ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest,
) (*tfprotov6.UpgradeResourceStateResponse, error) {
	if req.TypeName != poolTypeName || req.RawState == nil {
		return s.Server.UpgradeResourceState(ctx, req)
	}
	state, err := readPoolState(ctx, req.RawState.JSON)
	if err != nil {
		return nil, fmt.Errorf("reading the state of a pool: %w", err)
	}
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: state}, nil
}

// readPoolState reads a pool's state as it is in the state file. There has been
// one version of its schema; Terraform itself refuses the state of a later one.
func readPoolState(ctx context.Context, text []byte) (*tfprotov6.DynamicValue, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	large := map[string]json.RawMessage{}
	for name := range poolPacked {
		large[name] = parts[name]
		delete(parts, name)
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return nil, err
	}
	kind := packedPoolSchema(nodePoolSchema(ctx)).Type().TerraformType(ctx)
	value, err := tftypes.ValueFromJSONWithOpts(text, kind, tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true})
	if err != nil {
		return nil, err
	}
	small, err := tfprotov6.NewDynamicValue(kind, value)
	if err != nil {
		return nil, err
	}
	state, err := packed.Change(small.MsgPack, func(name string, value packed.Value) (packed.Value, error) {
		switch text := large[name]; {
		case len(text) == 0:
			return value, nil
		case name == "hosts":
			return packed.DynamicFromJSON(text)
		default:
			return packed.FromJSON(text)
		}
	})
	return &tfprotov6.DynamicValue{MsgPack: state}, err
}

// ReadResource refreshes.
func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	if req.TypeName != poolTypeName {
		return s.Server.ReadResource(ctx, req)
	}
	call := *req
	if err := packPool(&call.CurrentState); err != nil {
		return nil, err
	}
	resp, err := s.Server.ReadResource(ctx, &call)
	if err != nil {
		return nil, err
	}
	return resp, unpackPool(&resp.NewState)
}

// PlanResourceChange plans.
func (s *server) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	if req.TypeName != poolTypeName {
		return s.Server.PlanResourceChange(ctx, req)
	}
	call := *req
	if err := packPool(&call.Config, &call.PriorState, &call.ProposedNewState); err != nil {
		return nil, err
	}
	resp, err := s.Server.PlanResourceChange(ctx, &call)
	if err != nil {
		return nil, err
	}
	return resp, unpackPool(&resp.PlannedState)
}

// ApplyResourceChange creates, changes or destroys.
func (s *server) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	if req.TypeName != poolTypeName {
		return s.Server.ApplyResourceChange(ctx, req)
	}
	call := *req
	if err := packPool(&call.Config, &call.PriorState, &call.PlannedState); err != nil {
		return nil, err
	}
	resp, err := s.Server.ApplyResourceChange(ctx, &call)
	if err != nil {
		return nil, err
	}
	return resp, unpackPool(&resp.NewState)
}

// PlanAction plans an action. Terraform (1.16) has an action's configuration validated while no
// variable and no resource is known, and never again: so it is validated here once more, and
// before it is invoked.
func (s *server) PlanAction(ctx context.Context, req *tfprotov6.PlanActionRequest) (*tfprotov6.PlanActionResponse, error) {
	wrong, err := s.invalidAction(ctx, req.ActionType, req.Config)
	if err != nil || len(wrong) > 0 {
		return &tfprotov6.PlanActionResponse{Diagnostics: wrong}, err
	}
	return s.Server.PlanAction(ctx, req)
}

// InvokeAction does an action.
func (s *server) InvokeAction(ctx context.Context, req *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	wrong, err := s.invalidAction(ctx, req.ActionType, req.Config)
	switch {
	case err != nil:
		return nil, err
	case len(wrong) == 0:
		return s.Server.InvokeAction(ctx, req)
	}
	return &tfprotov6.InvokeActionServerStream{Events: func(yield func(tfprotov6.InvokeActionEvent) bool) {
		yield(tfprotov6.InvokeActionEvent{Type: tfprotov6.CompletedInvokeActionEventType{Diagnostics: wrong}})
	}}, nil
}

// invalidAction gives what is wrong with an action's configuration; nothing if there are only
// warnings, which have been given.
func (s *server) invalidAction(ctx context.Context, kind string, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
	resp, err := s.ValidateActionConfig(ctx, &tfprotov6.ValidateActionConfigRequest{ActionType: kind, Config: config})
	if err != nil {
		return nil, err
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return resp.Diagnostics, nil
		}
	}
	return nil, nil
}

// ImportResourceState imports.
func (s *server) ImportResourceState(
	ctx context.Context, req *tfprotov6.ImportResourceStateRequest,
) (*tfprotov6.ImportResourceStateResponse, error) {
	resp, err := s.Server.ImportResourceState(ctx, req)
	if err != nil || req.TypeName != poolTypeName {
		return resp, err
	}
	for _, imported := range resp.ImportedResources {
		if err := unpackPool(&imported.State); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// MoveResourceState makes a resource's state of one of another type.
func (s *server) MoveResourceState(
	ctx context.Context, req *tfprotov6.MoveResourceStateRequest,
) (*tfprotov6.MoveResourceStateResponse, error) {
	resp, err := s.Server.MoveResourceState(ctx, req)
	if err != nil || req.TargetTypeName != poolTypeName {
		return resp, err
	}
	return resp, unpackPool(&resp.TargetState)
}

// GenerateResourceConfig writes a configuration of what was imported.
func (s *server) GenerateResourceConfig(
	ctx context.Context, req *tfprotov6.GenerateResourceConfigRequest,
) (*tfprotov6.GenerateResourceConfigResponse, error) {
	if req.TypeName != poolTypeName {
		return s.Server.GenerateResourceConfig(ctx, req)
	}
	call := *req
	if err := packPool(&call.State); err != nil {
		return nil, err
	}
	resp, err := s.Server.GenerateResourceConfig(ctx, &call)
	if err != nil {
		return nil, err
	}
	return resp, unpackPool(&resp.Config)
}

// packPool packs pools where they are.
func packPool(values ...**tfprotov6.DynamicValue) error { return eachPool(packed.Pack, values) }

// unpackPool is its inverse.
func unpackPool(values ...**tfprotov6.DynamicValue) error { return eachPool(packed.Unpack, values) }

func eachPool(do func(packed.Value, map[string]bool) (packed.Value, error), values []**tfprotov6.DynamicValue) error {
	for _, v := range values {
		if *v == nil {
			continue
		}
		text, err := do((*v).MsgPack, poolPacked)
		if err != nil {
			return fmt.Errorf("a pool between Terraform and the provider: %w", err)
		}
		*v = &tfprotov6.DynamicValue{MsgPack: text}
	}
	return nil
}
