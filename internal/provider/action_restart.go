// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var (
	_ action.ActionWithConfigure      = (*restartAction)(nil)
	_ action.ActionWithValidateConfig = (*restartAction)(nil)
)

// restartAction is dcos_restart: services or whole machines, rolling.
type restartAction struct{ acting }

func newRestartAction() action.Action { return &restartAction{acting{changes: true}} }

// disturbingModel is what actions have that take nodes out of service.
type disturbingModel struct {
	actionModel
	MaxUnavailable types.String `tfsdk:"max_unavailable"`
}

// maxUnavailableAttribute is its attribute.
func maxUnavailableAttribute(plus string) schema.Attribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "How many agents may be out of service for it at once: a count (`5`) or a percentage of the agents in `nodes` " +
			"(`\"10%\"`), rounded down, but at least one." + plus + " Default: `" + defaultMaxUnavailable + "`.",
		Validators: []validator.String{shareValidator{least: 1}},
	}
}

// disturb does something with each host that takes it out of service, when it is its turn: as
// changes do. When one fails no other is begun.
func (r *actionRun) disturb(
	ctx context.Context, m *disturbingModel, work func(ctx context.Context, h actionHost, conn node.Conn, opts node.Options) (string, error),
) {
	masters, kind := 0, fleet.Repair // there is no master that agents would wait for
	for _, h := range r.hosts {
		if h.Role == node.Master {
			masters, kind = masters+1, fleet.Change
		}
	}
	share := defaultMaxUnavailable
	if !m.MaxUnavailable.IsNull() {
		share = m.MaxUnavailable.ValueString()
	}
	unavailable, _ := fleet.Share(share, len(r.hosts)-masters) // its validator has taken it
	r.batch.MaxFailures = 0
	r.each(ctx, func(ctx context.Context, h actionHost) (done string, err error) {
		terms := r.terms(h)
		terms.Kind, terms.Masters, terms.MaxUnavailable = kind, masters, max(unavailable, 1)
		err = r.fleet.Disturb(ctx, h.Host, terms, func(ctx context.Context, conn node.Conn, opts node.Options) (err error) {
			done, err = work(ctx, h, conn, opts)
			return err
		})
		return done, err
	})
}

// restartModel is a dcos_restart.
type restartModel struct {
	disturbingModel
	What          types.String `tfsdk:"what"`
	Services      types.Set    `tfsdk:"services"`
	StartedBefore types.String `tfsdk:"started_before"`
}

// What what says.
const (
	restartServices = "services"
	restartMachines = "machines"
)

const defaultRestartLimit = 30 * time.Minute

// Metadata names the action.
func (a *restartAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_restart"
}

// Schema describes the action.
func (a *restartAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = actionSchema("Restarts DC/OS's services, or the machines, of many nodes, one after the other: masters one at a time, "+
		"each only "+
		"while its ensemble can do without it and the next only when it serves again; then agents, so many at once as may be out of service. "+
		"Each node is waited for until it does its work and DC/OS's checks of it pass. When a node fails, no other is begun.",
		"The nodes that are restarted, each with its `id`.", defaultRestartLimit, map[string]schema.Attribute{
			"max_unavailable": maxUnavailableAttribute(" Masters are restarted one at a time whatever it says."),
			"what": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "What is restarted: `services` (default), DC/OS's, or `machines`, which are booted anew. An agent's tasks " +
					"outlive a " +
					"restart of its services; those on a machine that boots do not: drain it first, with `dcos_drain`.",
				Validators: []validator.String{stringvalidator.OneOf(restartServices, restartMachines)},
			},
			"services": schema.SetAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Names of DC/OS's services, such as `dcos-adminrouter.service`, for those alone. A node that has one of them " +
					"not " +
					"fails, and nothing is restarted on it. Default: all that the node has.",
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(serviceValidator{})},
			},
			"started_before": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "A time such as `2026-12-01T08:00:00Z`. What was started then or later, by the host's clock, is left as it " +
					"is: an " +
					"action that was interrupted, or failed on a host, then goes on where it ended. Default: everything is restarted.",
				Validators: []validator.String{timeValidator{}},
			},
		})
}

// ValidateConfig judges what does not depend on the nodes, too.
func (a *restartAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	a.acting.ValidateConfig(ctx, req, resp)
	var m restartModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	if m.What.ValueString() == restartMachines && !m.Services.IsNull() {
		resp.Diagnostics.AddAttributeError(tfpath.Root("services"), "Services Of Machines",
			"services names what of DC/OS is restarted, and with what = \"machines\" whole machines are. Leave one of the two out.")
	}
}

// Invoke restarts.
func (a *restartAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m restartModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	what := node.Restarting{Machine: m.What.ValueString() == restartMachines}
	if !m.Services.IsNull() {
		resp.Diagnostics.Append(m.Services.ElementsAs(ctx, &what.Units, false)...)
	}
	what.Before, _ = time.Parse(time.RFC3339, m.StartedBefore.ValueString()) // it has been judged; none is the zero time
	r := a.begin(ctx, &m.actionModel, "restarting", defaultRestartLimit, resp)
	if r == nil {
		return
	}
	r.disturb(ctx, &m.disturbingModel, func(ctx context.Context, _ actionHost, conn node.Conn, opts node.Options) (string, error) {
		n, err := node.Restart(ctx, conn, opts, what)
		switch {
		case err != nil:
			return "", err
		case n == 0:
			return "left as it is: nothing is older than started_before", nil
		case what.Machine:
			return "the machine was booted anew", nil
		}
		return plural(n, "service") + " restarted", nil
	})
	r.end(resp)
}

// serviceValidator accepts names of DC/OS's services.
type serviceValidator struct{}

// Description says what is accepted.
func (serviceValidator) Description(context.Context) string {
	return "the name of a service of DC/OS, such as dcos-adminrouter.service"
}

// MarkdownDescription says what is accepted.
func (v serviceValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v serviceValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || node.IsService(req.ConfigValue.ValueString()) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid Service", fmt.Sprintf("%s must be %s; got: %q.", req.Path, v.Description(ctx),
		req.ConfigValue.ValueString()))
}

// timeValidator accepts times.
type timeValidator struct{}

// Description says what is accepted.
func (timeValidator) Description(context.Context) string {
	return `a time such as "2026-12-01T08:00:00Z" (RFC 3339)`
}

// MarkdownDescription says what is accepted.
func (v timeValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v timeValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := time.Parse(time.RFC3339, req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Time", fmt.Sprintf("%s must be %s; got: %q.", req.Path, v.Description(ctx),
			req.ConfigValue.ValueString()))
	}
}
