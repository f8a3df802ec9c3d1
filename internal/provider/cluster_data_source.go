// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
)

var (
	_ datasource.DataSource                   = (*clusterDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*clusterDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*clusterDataSource)(nil)
)

// defaultClusterTimeout is how long a cluster may take to have what is waited
// for.
const defaultClusterTimeout = time.Minute

// clusterInterval is the time between two looks at a cluster.
const clusterInterval = 2 * time.Second

// clusterDataSource is dcos_cluster: a running cluster as its masters see it.
// Its schema is in cluster_data_source_schema.go.
type clusterDataSource struct{ configured }

func newClusterDataSource() datasource.DataSource { return &clusterDataSource{} }

// clusterModel is a dcos_cluster.
type clusterModel struct {
	clusterWay
	WaitFor *clusterWaitForModel `tfsdk:"wait_for"`
	Timeout types.String         `tfsdk:"timeout"`

	ID          types.String         `tfsdk:"id"`
	Version     types.String         `tfsdk:"dcos_version"`
	Variant     types.String         `tfsdk:"dcos_variant"`
	ImageCommit types.String         `tfsdk:"dcos_image_commit"`
	BootstrapID types.String         `tfsdk:"bootstrap_id"`
	Leader      types.String         `tfsdk:"leader"`
	Quorum      types.Bool           `tfsdk:"quorum"`
	Masters     []clusterMasterModel `tfsdk:"masters"`
	Agents      []clusterAgentModel  `tfsdk:"agents"`
}

// clusterWaitForModel is what is waited for.
type clusterWaitForModel struct {
	Masters types.Int64 `tfsdk:"masters"`
	Agents  types.Int64 `tfsdk:"agents"`
}

type clusterMasterModel struct {
	Address         types.String `tfsdk:"address"`
	Status          types.String `tfsdk:"status"`
	Serving         types.Bool   `tfsdk:"serving"`
	ZooKeeperLeader types.Bool   `tfsdk:"zookeeper_leader"`
}

type clusterAgentModel struct {
	ID           types.String `tfsdk:"id"`
	Address      types.String `tfsdk:"address"`
	Role         types.String `tfsdk:"role"`
	Active       types.Bool   `tfsdk:"active"`
	MesosVersion types.String `tfsdk:"mesos_version"`
}

// Metadata names the data source.
func (d *clusterDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

// ValidateConfig asks for a way to the cluster.
func (d *clusterDataSource) ValidateConfig(
	ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse,
) {
	resp.Diagnostics.Append(wayGiven(ctx, req.Config)...)
}

// Read reads the cluster's status, again and again until it has what is asked
// for or the time is over.
func (d *clusterDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model clusterModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.shared == nil {
		resp.Diagnostics.Append(notConfigured())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, model.limit())
	defer cancel()
	reader, closer, diags := model.reader(ctx, d.shared, model.WaitFor == nil)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	status := &fleet.Status{}
	if reader != nil {
		defer closer()
		var err error
		status, err = awaitCluster(ctx, reader, model.WaitFor)
		if err != nil {
			resp.Diagnostics.Append(clusterError(d.shared, &model.clusterWay, model.limit(), model.WaitFor == nil, err))
			if resp.Diagnostics.HasError() {
				return
			}
		}
	}
	model.observe(status)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// limit is how long to try. Where nothing is waited for, that is as long as a
// refresh waits for a host: a cluster that is down must not hold up the plan
// that mends it.
func (m *clusterModel) limit() time.Duration {
	if m.WaitFor == nil {
		return durationOr(m.Timeout, fleet.LookTimeout)
	}
	return durationOr(m.Timeout, defaultClusterTimeout)
}

// awaitCluster reads until all that is asked for is there. With an error comes
// what is known of the cluster.
func awaitCluster(ctx context.Context, reader *fleet.StatusReader, want *clusterWaitForModel) (*fleet.Status, error) {
	ticker := time.NewTicker(clusterInterval)
	defer ticker.Stop()
	var last error
	var best *fleet.Status
	for {
		status, err := reader.Read(ctx)
		if err == nil {
			err = want.missing(status)
		}
		if err == nil {
			return status, nil
		}
		// What was cut off at the end says less than what was found before.
		if last == nil || ctx.Err() == nil {
			last, best = err, status
		}
		var refused *fleet.StatusError
		if errors.As(err, &refused) && refused.Login {
			return best, last
		}
		select {
		case <-ctx.Done():
			return best, last
		case <-ticker.C:
		}
	}
}

// A notReady is a cluster that answers and is not what is waited for.
type notReady struct{ lacks string }

func (e *notReady) Error() string { return e.lacks }

// missing says what of it a cluster lacks; nil if nothing.
func (m *clusterWaitForModel) missing(s *fleet.Status) error {
	if m == nil {
		return nil
	}
	serving, active := int64(s.Health().Serving()), int64(0)
	for _, agent := range s.Agents {
		if agent.Active {
			active++
		}
	}
	switch {
	case serving < m.Masters.ValueInt64():
		return &notReady{fmt.Sprintf("%d of %d masters serve", serving, m.Masters.ValueInt64())}
	case active < m.Agents.ValueInt64():
		return &notReady{fmt.Sprintf("%d of %d agents are registered and active", active, m.Agents.ValueInt64())}
	}
	return nil
}

// observe takes over what was read.
func (m *clusterModel) observe(s *fleet.Status) {
	m.ID = types.StringValue(m.base())
	if m.SSH != nil {
		m.ID = types.StringValue(m.SSH.Address.ValueString() + " " + m.base())
	}
	m.Version, m.Variant, m.ImageCommit, m.BootstrapID = types.StringNull(), types.StringNull(), types.StringNull(), types.StringNull()
	if s.Knows(fleet.PartVersion) {
		m.Version, m.Variant = types.StringValue(s.Version), types.StringValue(s.Variant)
		m.ImageCommit, m.BootstrapID = types.StringValue(s.ImageCommit), types.StringValue(s.BootstrapID)
	}
	m.Leader, m.Quorum, m.Masters, m.Agents = types.StringNull(), types.BoolNull(), nil, nil
	if s.Knows(fleet.PartMasters) {
		m.Quorum, m.Masters = types.BoolValue(s.Health().Quorum()), clusterMasters(s)
	}
	if s.Knows(fleet.PartAgents) {
		m.Agents = clusterAgents(s)
	}
	if s.Knows(fleet.PartLeader) {
		m.Leader = types.StringValue(s.Leader)
	}
}

func clusterMasters(s *fleet.Status) []clusterMasterModel {
	masters := []clusterMasterModel{}
	for _, master := range s.Masters {
		masters = append(masters, clusterMasterModel{types.StringValue(master.Address), types.StringValue(master.Status),
			types.BoolValue(master.Serving()), types.BoolValue(master.ZooKeeperLeader)})
	}
	return masters
}

func clusterAgents(s *fleet.Status) []clusterAgentModel {
	agents := []clusterAgentModel{}
	for _, agent := range s.Agents {
		role := "agent"
		if agent.Public {
			role = "public_agent"
		}
		agents = append(agents, clusterAgentModel{types.StringValue(agent.ID), types.StringValue(agent.Address), types.StringValue(role),
			types.BoolValue(agent.Active), types.StringValue(agent.MesosVersion)})
	}
	return agents
}

// clusterError words a cluster that could not be read, or that lacks what was waited
// for. If it may be down, no answer is a warning.
func clusterError(s *shared, w *clusterWay, limit time.Duration, mayBeDown bool, err error) diag.Diagnostic {
	where := w.base()
	if w.SSH != nil {
		where += " through " + w.SSH.Address.ValueString()
	}
	summary, hint := "Cluster Not Read", "See whether the address is that of a master or of the load balancer before the masters, "+
		"and whether this machine reaches it. "+
		"Where only SSH does, give ssh."
	var status *fleet.StatusError
	var lacking *notReady
	switch {
	case errors.As(err, &status) && status.Login:
		hint = "The cluster asks for a login (oauth_enabled): give the provider api_token, or ssh, through which exhibitor and Mesos are read " +
			"without one."
	case errors.As(err, &lacking):
		summary = "Cluster Not Ready"
		hint = "Look at the nodes that are missing, or give it more time with timeout."
	}
	detail := s.redactor.Redact(fmt.Sprintf("Cluster:   %s\nTime limit: %s\n\n%s\n\nWhat to do: %s",
		where, limit, sentence(err.Error()), hint))
	if !mayBeDown || status == nil || status.Login {
		return diag.NewErrorDiagnostic(summary, detail)
	}
	return diag.NewWarningDiagnostic(summary, detail+clusterUnknownNote)
}

// clusterUnknownNote says what becomes of a plan for which a cluster could not be
// read.
const clusterUnknownNote = "\n\nWhat could not be read is null in this plan. With wait_for this is an error."

// clusterUnknown words a cluster the way to which does not answer.
func (s *shared) clusterUnknown(h *fleet.Host, operation string, err error) diag.Diagnostic {
	f := s.failure(h, operation, err)
	return diag.NewWarningDiagnostic("Cluster Not Read", s.redactor.Redact(f.detail())+clusterUnknownNote)
}
