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

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
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
	if d.shared == nil {
		resp.Diagnostics.Append(notConfigured())
		return
	}
	if d.shared.client == nil {
		resp.Diagnostics.Append(unknownConfiguration(d.shared.unknown))
		return
	}
	works, diags := d.works(ctx, &model)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	found := preflightAll(ctx, works)
	if err := ctx.Err(); err != nil {
		resp.Diagnostics.AddError("Interrupted", "The hosts were not all checked: "+sentence(context.Cause(ctx).Error()))
		return
	}
	resp.Diagnostics.Append(model.take(found)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &model)...)
}

// A preflightWork is the check of one host.
type preflightWork struct {
	*nodeWork
	name string // the key in hosts
	opts node.Options
}

// works makes ready to check each host.
func (d *preflightDataSource) works(ctx context.Context, model *preflightModel) ([]*preflightWork, diag.Diagnostics) {
	var hosts map[string]preflightHostModel
	diags := model.Hosts.ElementsAs(ctx, &hosts, false)
	skip, more := checkNames(ctx, tfpath.Root("skip"), model.Skip)
	diags.Append(more...)
	if diags.HasError() {
		return nil, diags
	}
	var b *bundle.Bundle
	var works []*preflightWork
	machines := d.shared.newMachines() // of this reading alone: it may be repeated
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		h := hosts[name]
		own, more := checkNames(ctx, tfpath.Root("hosts").AtMapKey(name).AtName("skip"), h.Skip)
		diags.Append(more...)
		w, more := d.shared.begin(ctx, &nodeModel{Address: h.Address, Role: h.Role, Bundle: model.Bundle, SSH: h.SSH})
		diags.Append(more...)
		if diags.HasError() {
			return nil, diags
		}
		if b == nil {
			made, err := w.bundle(ctx)
			if err != nil {
				diags.Append(w.bundleError(err))
				return nil, diags
			}
			b = made
		}
		w.target.ConnectTimeout = durationOr(model.ConnectTimeout, 0)
		works = append(works, &preflightWork{nodeWork: w, name: name, opts: node.Options{
			Role: w.model.role(), Bundle: b, Address: h.Address.ValueString(), Run: d.shared.log.Run(), Log: w.log,
			SkipChecks: slices.Concat(skip, own),
			Claim:      w.claim(ctx, machines),
		}})
	}
	return works, diags
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

// preflightAll checks all hosts. The client's limits bound how many connections there are at once.
func preflightAll(ctx context.Context, works []*preflightWork) map[string][]node.Finding {
	found := make(map[string][]node.Finding, len(works))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, w := range works {
		wg.Go(func() {
			findings := w.check(ctx)
			mu.Lock()
			defer mu.Unlock()
			found[w.name] = findings
		})
	}
	wg.Wait()
	return found
}

// check checks one host. That it cannot be checked is a finding too.
func (w *preflightWork) check(ctx context.Context) []node.Finding {
	var findings []node.Finding
	err := w.dial(ctx)
	if err == nil {
		findings, err = node.Preflight(ctx, w.conn, w.opts)
		err = errors.Join(err, w.conn.Close())
	}
	if err == nil {
		return findings
	}
	f := w.failure(ctx, "checking the host", err)
	needed := "a host that can be logged in to, and on which scripts run as root"
	var refused *remote.HostKeyError
	if errors.As(err, &refused) {
		needed = "the host key that is known"
	}
	return []node.Finding{{Name: checkConnect, Severity: node.SeverityError,
		Found: strings.TrimSuffix(w.shared.redactor.Redact(f.message), "."), Needed: needed, Hint: w.shared.redactor.Redact(f.hint)}}
}

// take fills in the results.
func (m *preflightModel) take(found map[string][]node.Finding) diag.Diagnostics {
	passed := true
	lists := make(map[string]attr.Value, len(found))
	problems := []attr.Value{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list := []attr.Value{}
		for _, f := range found[name] {
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
