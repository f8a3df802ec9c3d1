// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

var (
	_ action.ActionWithConfigure      = (*checkAction)(nil)
	_ action.ActionWithValidateConfig = (*checkAction)(nil)
)

// checkAction is dcos_check: DC/OS's own checks.
type checkAction struct{ acting }

func newCheckAction() action.Action { return &checkAction{} }

// checkModel is a dcos_check.
type checkModel struct {
	actionModel
	Checks types.Set `tfsdk:"checks"`
}

// What checks names.
const (
	checkNode    = "node"
	checkCluster = "cluster"
)

const defaultCheckLimit = 10 * time.Minute

// Metadata names the action.
func (a *checkAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_check"
}

// Schema describes the action.
func (a *checkAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = actionSchema("Runs DC/OS's own checks: those of each node, and those of the cluster on one of its masters. "+
		"A check that is critical or unknown is an error, one that warns is a warning. Nothing is changed on any host.",
		"The nodes that are checked.", defaultCheckLimit, map[string]schema.Attribute{
			"checks": schema.SetAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Which checks: `node`, those that each node makes of itself; `cluster`, those of the whole cluster, which " +
					"the first " +
					"of the masters in `nodes` makes. Default: both, or `node` alone where there is no master in `nodes`.",
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(checkNode, checkCluster))},
			},
		})
}

// Invoke runs the checks.
func (a *checkAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m checkModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	r := a.begin(ctx, &m.actionModel, "running DC/OS's checks", defaultCheckLimit, resp)
	if r == nil {
		return
	}
	kinds, diags := m.kinds(ctx, r.hosts)
	if resp.Diagnostics.Append(diags...); diags.HasError() {
		return
	}
	r.each(ctx, func(ctx context.Context, h actionHost) (string, error) {
		if len(kinds[h.name]) == 0 {
			return "", nil
		}
		var results []node.CheckResult
		err := r.fleet.Ask(ctx, h.Host, r.terms(h), func(ctx context.Context, conn node.Conn, opts node.Options) (err error) {
			results, err = node.RunChecks(ctx, conn, opts, kinds[h.name]...)
			return err
		})
		if err != nil {
			return "", err
		}
		return r.judge(h, results), nil
	})
	r.end(resp)
}

// kinds says which checks each host is to run, by its name.
func (m *checkModel) kinds(ctx context.Context, hosts []actionHost) (map[string][]string, diag.Diagnostics) {
	wanted := []string{checkNode, checkCluster}
	var diags diag.Diagnostics
	if !m.Checks.IsNull() {
		wanted = nil
		diags = m.Checks.ElementsAs(ctx, &wanted, false)
	}
	kinds := map[string][]string{}
	if slices.Contains(wanted, checkNode) {
		for _, h := range hosts {
			kinds[h.name] = append(kinds[h.name], node.NodeChecks)
		}
	}
	if !slices.Contains(wanted, checkCluster) {
		return kinds, diags
	}
	if first := hosts[0]; first.Role == node.Master { // masters come first
		kinds[first.name] = append(kinds[first.name], node.ClusterChecks)
	} else if !m.Checks.IsNull() {
		diags.AddAttributeError(tfpath.Root("checks"), "No Master To Check The Cluster",
			"A master makes the checks of the cluster, and there is none in nodes. Add one, or leave cluster out.")
	}
	return kinds, diags
}

// judge reports what the checks of a host say, and gives it in short.
func (r *actionRun) judge(h actionHost, results []node.CheckResult) string {
	var warned, failed []string
	for _, c := range results {
		line := fmt.Sprintf("%s check %s: %s (%d)", kindInWords(c.Kind), c.Name, statusInWords(c.Status), c.Status)
		if c.Name == "" {
			line = kindInWords(c.Kind) + " checks could not be run"
		}
		if c.Output != "" {
			line += "\n    " + strings.ReplaceAll(c.Output, "\n", "\n    ")
		}
		switch c.Status {
		case node.CheckOK:
		case node.CheckWarning:
			warned = append(warned, line)
		default:
			failed = append(failed, line)
		}
	}
	detail := func(lines []string) string {
		return r.redactor.Redact(fmt.Sprintf("%s%s\n\n%s\n\nWhat to do: The dcos_diagnostics action, or the journal of the units named, on "+
			"the host, "+
			"shows why.", hostLine, h.names(), strings.Join(lines, "\n")))
	}
	if len(failed) > 0 {
		r.report.add(diag.NewErrorDiagnostic("DC/OS's Checks Fail", detail(failed)))
	}
	if len(warned) > 0 {
		r.report.add(diag.NewWarningDiagnostic("DC/OS's Checks Warn", detail(warned)))
	}
	return fmt.Sprintf("%s: %d fail, %d warn", plural(len(results), "check"), len(failed), len(warned))
}

func kindInWords(kind string) string {
	if kind == node.ClusterChecks {
		return "cluster"
	}
	return "node"
}

func statusInWords(status int) string {
	switch status {
	case node.CheckWarning:
		return "warning"
	case node.CheckCritical:
		return "critical"
	}
	return "unknown"
}
