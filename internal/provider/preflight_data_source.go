// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

var (
	_ datasource.DataSource              = (*preflightDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*preflightDataSource)(nil)
)

// preflightDataSource is dcos_preflight: would these hosts pass? Its schema is
// in preflight_schema.go.
type preflightDataSource struct{ configured }

func newPreflightDataSource() datasource.DataSource { return &preflightDataSource{} }

// preflightModel is a dcos_preflight.
type preflightModel struct {
	Bundle         types.Object `tfsdk:"bundle"`
	Hosts          types.Map    `tfsdk:"hosts"`
	Skip           types.Set    `tfsdk:"skip"`
	ConnectTimeout types.String `tfsdk:"connect_timeout"`

	Passed   types.Bool `tfsdk:"passed"`
	Findings types.Map  `tfsdk:"findings"`
	Problems types.List `tfsdk:"problems"`
}

// preflightHostModel is one host of a dcos_preflight.
type preflightHostModel struct {
	Address types.String `tfsdk:"address"`
	Role    types.String `tfsdk:"role"`
	SSH     types.Object `tfsdk:"ssh"`
	Skip    types.Set    `tfsdk:"skip"`
}

// findingType is the type of one finding.
var findingType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"name": types.StringType, "severity": types.StringType, "found": types.StringType, "needed": types.StringType, "hint": types.StringType,
}}

// checkConnect is the name of the finding on a host that could not be checked:
// one that cannot be reached, or on which nobody becomes root.
const checkConnect = "connect"

// Metadata names the data source.
func (d *preflightDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_preflight"
}

// Schema is in preflight_schema.go.
func (d *preflightDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = preflightSchema()
}

// Read checks all hosts at once. Nothing is changed on them.
func (d *preflightDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model preflightModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Diagnostics.Append(d.shared.ready()...); resp.Diagnostics.HasError() {
		return
	}
	hosts, diags := d.hosts(ctx, &model)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	targets := make([]remote.Target, len(hosts))
	for i, h := range hosts {
		targets[i] = h.Target
	}
	resp.Diagnostics.Append(d.shared.tellReach(ctx, targets...)...)
	found := d.checkAll(ctx, hosts)
	if err := ctx.Err(); err != nil {
		resp.Diagnostics.AddError("Interrupted", "The hosts were not all checked: "+sentence(context.Cause(ctx).Error()))
		return
	}
	resp.Diagnostics.Append(notCheckedWarning(found)...)
	resp.Diagnostics.Append(model.take(found)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// A namedHost is a host of the configuration and its key there.
type namedHost struct {
	fleet.Host
	name string
}

// hosts makes the hosts that are to be checked.
func (d *preflightDataSource) hosts(ctx context.Context, model *preflightModel) ([]namedHost, diag.Diagnostics) {
	var given map[string]preflightHostModel
	diags := model.Hosts.ElementsAs(ctx, &given, false)
	skip, more := checkNames(ctx, tfpath.Root("skip"), model.Skip)
	diags.Append(more...)
	b, more := readBundle(ctx, model.Bundle)
	diags.Append(more...)
	if diags.HasError() || len(given) == 0 {
		return nil, diags
	}
	made, err := d.shared.bundleOf(ctx, b)
	var hosts []namedHost
	for _, name := range slices.Sorted(maps.Keys(given)) {
		h := given[name]
		own, more := checkNames(ctx, tfpath.Root("hosts").AtMapKey(name).AtName("skip"), h.Skip)
		diags.Append(more...)
		target, more := d.shared.target(ctx, h.Address.ValueString(), h.SSH, "")
		diags.Append(more...)
		if err != nil && !diags.HasError() {
			diags.Append(d.shared.bundleError(h.Address.ValueString(), err))
		}
		if diags.HasError() {
			return nil, diags
		}
		target.ConnectTimeout = durationOr(model.ConnectTimeout, d.shared.fleet.Patience())
		hosts = append(hosts, namedHost{name: name, Host: fleet.Host{
			Target: target, Role: node.Role(h.Role.ValueString()), Cluster: b.ClusterName.ValueString(), Site: d.shared.site(model.Bundle),
			Bundle: made, SkipChecks: slices.Concat(skip, own),
		}})
	}
	return hosts, diags
}

// checkNames reads names of checks, and refuses those that no check has.
func checkNames(ctx context.Context, at tfpath.Path, set types.Set) ([]string, diag.Diagnostics) {
	var names []string
	if set.IsNull() {
		return nil, nil
	}
	diags := set.ElementsAs(ctx, &names, false)
	known := node.CheckNames()
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(known, name) })
	if len(unknown) > 0 {
		diags.AddAttributeError(at, "Unknown Preflight Check", unknownChecksText(unknown))
	}
	return names, diags
}

// checkAll checks all hosts. The client's limits bound how many connections there are at once.
func (d *preflightDataSource) checkAll(ctx context.Context, hosts []namedHost) map[string][]node.Finding {
	alone := *d.shared.fleet
	alone.Machines = d.shared.newMachines() // of this reading alone: it may be repeated
	found := make(map[string][]node.Finding, len(hosts))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(func() {
			findings, err := alone.Check(ctx, h.Host)
			if err != nil {
				findings = []node.Finding{d.notChecked(&h.Host, err)}
			}
			mu.Lock()
			defer mu.Unlock()
			found[h.name] = findings
		})
	}
	wg.Wait()
	return found
}

// notChecked is the finding that a host cannot be checked.
func (d *preflightDataSource) notChecked(h *fleet.Host, err error) node.Finding {
	f := d.shared.failure(h, "checking the host", err)
	needed := "a host that can be logged in to, and on which scripts run as root"
	var refused *remote.HostKeyError
	if errors.As(err, &refused) {
		needed = "the host key that is known"
	}
	redact := d.shared.redactor.Redact
	return node.Finding{Name: checkConnect, Severity: node.SeverityError,
		Found: strings.TrimSuffix(redact(f.message), "."), Needed: needed, Hint: redact(f.hint)}
}

// maxFinding bounds what a host may say in a finding, in bytes: the findings of all
// hosts are one answer.
const maxFinding = 4 << 10

// notCheckedWarning names the hosts that could not be checked: a plan that goes on
// without them has to say so.
func notCheckedWarning(found map[string][]node.Finding) diag.Diagnostics {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if slices.ContainsFunc(found[name], func(f node.Finding) bool { return f.Name == checkConnect }) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return diag.Diagnostics{diag.NewAttributeWarningDiagnostic(tfpath.Root("hosts"), "Hosts Not Checked",
		fmt.Sprintf("%s could not be checked; findings say why. What is known of the others stands.\n\nWhat to do: A host that is still to boot "+
			"needs a longer connect_timeout.", namedHosts(names)))}
}

// take fills in the results.
func (m *preflightModel) take(found map[string][]node.Finding) diag.Diagnostics {
	passed := true
	lists := make(map[string]attr.Value, len(found))
	problems := []attr.Value{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list := []attr.Value{}
		for _, f := range found[name] {
			f.Found, f.Hint = clipped(f.Found, maxFinding), clipped(f.Hint, maxFinding)
			list = append(list, types.ObjectValueMust(findingType.AttrTypes, map[string]attr.Value{
				"name": types.StringValue(f.Name), "severity": types.StringValue(string(f.Severity)), "found": types.StringValue(f.Found),
				"needed": types.StringValue(f.Needed), "hint": types.StringValue(f.Hint),
			}))
			if f.Severity == node.SeverityError {
				passed = false
				problems = append(problems, types.StringValue(fmt.Sprintf("%s: %s", name, f)))
			}
		}
		lists[name] = types.ListValueMust(findingType, list)
	}
	m.Passed = types.BoolValue(passed)
	var diags, more diag.Diagnostics
	m.Findings, diags = types.MapValue(types.ListType{ElemType: findingType}, lists)
	m.Problems, more = types.ListValue(types.StringType, problems)
	diags.Append(more...)
	return diags
}
