// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// What all actions have in common: which hosts they are about, how these are reached and
// told from others, what is said while they are at work, and how it ends.

// acting is what all actions are built on.
type acting struct {
	roles   []node.Role // of the nodes that it takes; none: all
	changes bool        // it changes something on hosts
	shared  *shared
}

// ValidateConfig judges the nodes, as far as they are known (see server, PlanAction).
func (a *acting) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var nodes types.Map
	if resp.Diagnostics.Append(req.Config.GetAttribute(ctx, tfpath.Root("nodes"), &nodes)...); !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(checkNodes(ctx, nodes, a.roles, a.changes)...)
	}
}

// Configure takes what the provider block made.
func (a *acting) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.shared = sharedFrom(req.ProviderData)
}

// actionModel is what all actions have.
type actionModel struct {
	Nodes       types.Map    `tfsdk:"nodes"`
	MaxParallel types.Int64  `tfsdk:"max_parallel"`
	Timeout     types.String `tfsdk:"timeout"`
}

// actionNodeModel is one node of an action.
type actionNodeModel struct {
	Address types.String `tfsdk:"address"`
	Role    types.String `tfsdk:"role"`
	ID      types.String `tfsdk:"id"`
	HostKey types.String `tfsdk:"host_key"`
	Bundle  types.Object `tfsdk:"bundle"`
	SSH     types.Object `tfsdk:"ssh"`
}

// An actionHost is a node by its name in nodes.
type actionHost struct {
	name string
	fleet.Host
}

// Which roles an action takes that does not take all.
var (
	agentsOnly  = []node.Role{node.Agent, node.PublicAgent}
	mastersOnly = []node.Role{node.Master}
)

// checkNodes judges the nodes as far as they are known: their roles, if the action takes
// not all, and, if it changes something, that each names its machine.
func checkNodes(ctx context.Context, nodes types.Map, roles []node.Role, changes bool) (diags diag.Diagnostics) {
	if nodes.IsNull() || nodes.IsUnknown() {
		return nil
	}
	machines := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(nodes.Elements())) {
		object, ok := nodes.Elements()[name].(types.Object)
		if !ok || object.IsUnknown() {
			continue
		}
		at := tfpath.Root("nodes").AtMapKey(name)
		if object.IsNull() {
			diags.AddAttributeError(at, "Node Lacks An Attribute", name+" is null.")
			continue
		}
		var n actionNodeModel
		if d := object.As(ctx, &n, basetypes.ObjectAsOptions{}); d.HasError() {
			diags.Append(d...)
			continue
		}
		diags.Append(n.check(name, at, roles, changes && n.ID.ValueString() == "" && !n.ID.IsUnknown())...)
		if id := n.ID.ValueString(); machines[id] != "" {
			diags.AddAttributeError(at.AtName("id"), "One Machine Named Twice",
				fmt.Sprintf("%s and %s have the same machine id, %s.", machines[id], name, id))
		} else if id != "" {
			machines[id] = name
		}
	}
	return diags
}

// check judges one node; anonymous says that it has to name its machine and does not.
func (n actionNodeModel) check(name string, at tfpath.Path, roles []node.Role, anonymous bool) (diags diag.Diagnostics) {
	for _, a := range []struct {
		name  string
		value types.String
	}{{"address", n.Address}, {"role", n.Role}} {
		if a.value.IsNull() {
			diags.AddAttributeError(at.AtName(a.name), "Node Lacks An Attribute", fmt.Sprintf("%s has no %s.", name, a.name))
		}
	}
	if role := n.Role.ValueString(); len(roles) > 0 && role != "" && !slices.Contains(roles, node.Role(role)) {
		diags.AddAttributeError(at.AtName("role"), "Role Not Of This Action",
			fmt.Sprintf("%s is %s; this action is for nodes of the role %s.", name, role, rolesInWords(roles)))
	}
	if anonymous {
		diags.AddAttributeError(at.AtName("id"), "Machine Not Named",
			fmt.Sprintf("%s has no id. This action changes something on the host, and the machine id proves that it is the node that is meant: "+
				"a dcos_node has it in id, a dcos_node_pool in nodes[...].machine_id.", name))
	}
	return diags
}

func rolesInWords(roles []node.Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, " or ")
}

// hosts makes the hosts of the nodes: masters first, then by name.
func (m *actionModel) hosts(ctx context.Context, s *shared) ([]actionHost, diag.Diagnostics) {
	var models map[string]actionNodeModel
	diags := m.Nodes.ElementsAs(ctx, &models, false)
	hosts := make([]actionHost, 0, len(models))
	for name, n := range models {
		b, d := readBundle(ctx, n.Bundle)
		diags.Append(d...)
		h := fleet.Host{
			Role: node.Role(n.Role.ValueString()), Cluster: b.ClusterName.ValueString(), Site: s.site(n.Bundle), MachineID: n.ID.ValueString(),
		}
		h.Target, d = s.target(ctx, n.Address.ValueString(), n.SSH, n.HostKey.ValueString())
		diags.Append(d...)
		hosts = append(hosts, actionHost{name, h})
	}
	slices.SortFunc(hosts, func(a, b actionHost) int {
		return cmp.Or(cmp.Compare(agentsAfter(a.Role), agentsAfter(b.Role)), cmp.Compare(a.name, b.name))
	})
	return hosts, diags
}

func agentsAfter(r node.Role) int {
	if r == node.Master {
		return 0
	}
	return 1
}

// An actionRun is an action at work.
type actionRun struct {
	*shared
	hosts  []actionHost
	limit  time.Duration
	batch  fleet.Batch
	doing  string // in words: "running DC/OS's checks"
	report foldedDiagnostics

	mu   sync.Mutex
	said map[string]string // what was said last of a host
	send func(action.InvokeProgressEvent)
}

// begin makes the run of an action. defaultLimit is that of one host.
func (a *acting) begin(
	ctx context.Context, m *actionModel, doing string, defaultLimit time.Duration, resp *action.InvokeResponse,
) *actionRun {
	if diags := a.shared.ready(); diags.HasError() {
		resp.Diagnostics.Append(diags...)
		return nil
	}
	hosts, diags := m.hosts(ctx, a.shared)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return nil
	}
	parallel := defaultActionParallel
	if !m.MaxParallel.IsNull() {
		parallel = int(m.MaxParallel.ValueInt64())
	}
	return &actionRun{
		shared: a.shared, hosts: hosts, doing: doing, limit: durationOr(m.Timeout, defaultLimit), send: resp.SendProgress,
		batch: fleet.Batch{Parallel: parallel, MaxFailures: -1, Stop: ctx.Done()}, said: map[string]string{},
	}
}

// tell says how a host goes on: a line in Terraform's own output. What is said twice in a
// row is said once, and lines of several hosts come one after the other.
func (r *actionRun) tell(h actionHost, stage, words string) {
	line := stage
	if words != "" {
		line += ": " + words
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said[h.name] == line {
		return
	}
	r.said[h.name] = line
	r.send(action.InvokeProgressEvent{Message: fmt.Sprintf("%s: %s", h.names(), r.redactor.Redact(clipped(line, maxProgress)))})
}

// maxProgress bounds a line of progress, in bytes.
const maxProgress = 400

// names are a host's name in the configuration and its address.
func (h actionHost) names() string {
	if h.name == h.Address() {
		return h.name
	}
	return h.name + " (" + h.Address() + ")"
}

// terms are those of one host.
func (r *actionRun) terms(h actionHost) fleet.Terms {
	return fleet.Terms{
		Limit: r.limit, Tell: func(stage, words string) { r.tell(h, stage, words) },
		Warn: func(f node.Finding) { r.report.add(r.finding(h.Address(), f)) },
	}
}

// each does something with each host, so many at once, and reports what failed. done is
// what is said of a host that is through; "" says nothing.
func (r *actionRun) each(ctx context.Context, do func(ctx context.Context, h actionHost) (done string, err error)) {
	out := r.batch.Run(ctx, len(r.hosts), func(ctx context.Context, i int) error {
		h := r.hosts[i]
		done, err := do(ctx, h)
		if err != nil {
			f := r.failure(&h.Host, r.doing, err)
			if h.name != h.Address() {
				f.host = h.names()
			}
			r.report.add(diag.NewErrorDiagnostic(f.summary, r.redactor.Redact(f.detail())))
			r.tell(h, "failed", f.summary)
			return err
		}
		if done != "" {
			r.tell(h, "done", done)
		}
		return nil
	})
	if rest := len(r.hosts) - out.Started; rest > 0 {
		why := "Terraform was interrupted"
		if out.Halt == fleet.HaltFailures {
			why = "a host failed before"
		}
		names := make([]string, 0, rest)
		for _, h := range r.hosts[out.Started:] {
			names = append(names, h.name)
		}
		r.report.add(diag.NewErrorDiagnostic("Action Not Finished",
			fmt.Sprintf("While %s: nothing was begun on %s (%s), because %s.\n\nWhat to do: Put right what failed, if anything did, "+
				"then invoke the action again.", r.doing, plural(rest, "host"), namedHosts(names), why)))
	}
}

// end gives what is to be said of the whole.
func (r *actionRun) end(resp *action.InvokeResponse) {
	resp.Diagnostics.Append(r.report.diagnostics()...)
}
