// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var (
	_ action.ActionWithConfigure      = (*drainAction)(nil)
	_ action.ActionWithValidateConfig = (*drainAction)(nil)
	_ action.ActionWithConfigure      = (*resumeAction)(nil)
	_ action.ActionWithValidateConfig = (*resumeAction)(nil)
)

// drainAction is dcos_drain: agents out of service for maintenance.
type drainAction struct{ acting }

func newDrainAction() action.Action { return &drainAction{acting{roles: agentsOnly, changes: true}} }

// resumeAction is dcos_resume: agents back in service.
type resumeAction struct{ acting }

func newResumeAction() action.Action { return &resumeAction{acting{roles: agentsOnly, changes: true}} }

// drainModel is a dcos_drain.
type drainModel struct {
	disturbingModel
	DrainTimeout types.String `tfsdk:"drain_timeout"`
	Force        types.Bool   `tfsdk:"force"`
}

const (
	drainReserve       = 10 * time.Minute // for all but the tasks
	defaultResumeLimit = 15 * time.Minute
)

// Metadata names the action.
func (a *drainAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_drain"
}

// Schema describes the action.
func (a *drainAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	s := actionSchema("Takes agents out of service for maintenance: their tasks end or move, and they get no new ones until "+
		"`dcos_resume` brings "+
		"them back. DC/OS stays on them. From DC/OS 2.0 on Mesos drains the agent; before that its machine is put on Mesos's maintenance "+
		"schedule, "+
		"and taken down when it has no tasks.",
		"The agents that are drained, each with its `id`.", defaultDrainTimeout+drainReserve, map[string]schema.Attribute{
			"max_unavailable": maxUnavailableAttribute(" Agents that have been drained stay out of service and are not counted any more: " +
				"it bounds how many are waited for at once."),
			"drain_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "How long an agent's tasks may take to end or move. When it is over the action fails; the agent goes on " +
					"draining. " +
					"A duration such as `30m`; `0s` does not wait. Default: `10m`.",
				Validators: []validator.String{durationValidator{zero: true}},
			},
			"force": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Before DC/OS 2.0: whether the machine is taken down with the tasks that are left after `drain_timeout`, " +
					"which end by that. " +
					"Later lines end tasks by themselves, and this does nothing. Default: `false`.",
			},
		})
	s.Attributes["timeout"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Time limit of one host, from when it is its turn. A duration such as `45m`. Default: ten minutes more than " +
			"`drain_timeout`.",
		Validators: []validator.String{durationValidator{}},
	}
	resp.Schema = s
}

// Invoke drains.
func (a *drainAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m drainModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	d := node.Draining{Limit: durationOr(m.DrainTimeout, defaultDrainTimeout), Force: m.Force.ValueBool(), Schedule: &sync.Mutex{}}
	r := a.begin(ctx, &m.actionModel, "draining agents", d.Limit+drainReserve, resp)
	if r == nil {
		return
	}
	r.disturb(ctx, &m.disturbingModel, func(ctx context.Context, _ actionHost, conn node.Conn, opts node.Options) (string, error) {
		return node.Drain(ctx, conn, opts, d)
	})
	r.end(resp)
}

// Metadata names the action.
func (a *resumeAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_resume"
}

// Schema describes the action.
func (a *resumeAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = actionSchema("Brings agents back into service that `dcos_drain`, or somebody by the same ways of Mesos, has taken out "+
		"of it, and waits "+
		"until each does its work. Agents that are in service stay as they are.",
		"The agents that are brought back, each with its `id`.", defaultResumeLimit, nil)
}

// Invoke resumes. An agent that does not come back does not keep the others out.
func (a *resumeAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m actionModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	r := a.begin(ctx, &m, "bringing agents back", defaultResumeLimit, resp)
	if r == nil {
		return
	}
	one := &sync.Mutex{}
	r.each(ctx, func(ctx context.Context, h actionHost) (done string, err error) {
		err = r.fleet.Ask(ctx, h.Host, r.terms(h), func(ctx context.Context, conn node.Conn, opts node.Options) (err error) {
			done, err = node.Resume(ctx, conn, opts, one)
			return err
		})
		return done, err
	})
	r.end(resp)
}
