// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// A scaledPool is a pool of so many hosts, all of them done, as Terraform hands
// it to the provider.
type scaledPool struct {
	server                 tfprotov6.ProviderServer
	kind                   tftypes.Object
	config, state          *tfprotov6.DynamicValue
	wider, widerConfig     *tfprotov6.DynamicValue // with another max_parallel
	unknown, unknownConfig *tfprotov6.DynamicValue // with a bundle that is not known yet
	created, none          *tfprotov6.DynamicValue // as it is planned for the first time
	json                   []byte
}

// object makes a value of an object type; what is not given is null.
func object(kind tftypes.Type, given map[string]tftypes.Value) tftypes.Value {
	values := map[string]tftypes.Value{}
	o, ok := kind.(tftypes.Object)
	if !ok {
		panic(fmt.Sprintf("%s is no object", kind))
	}
	for name, t := range o.AttributeTypes {
		values[name] = tftypes.NewValue(t, nil)
	}
	maps.Copy(values, given)
	return tftypes.NewValue(kind, values)
}

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

func newScaledPool(t testing.TB, n int) *scaledPool {
	t.Helper()
	p := &scaledPool{server: NewServer("test", nil)()}
	resp, err := p.server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var ok bool
	if p.kind, ok = resp.ResourceSchemas["dcos_node_pool"].ValueType().(tftypes.Object); !ok {
		t.Fatal("a pool is no object")
	}
	kinds := p.kind.AttributeTypes
	node := kinds["nodes"].(tftypes.Map).ElementType //nolint:forcetypeassert // it is what the schema says
	hostKind := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"address": tftypes.String}}
	hostKinds := map[string]tftypes.Type{}
	hosts, nodes := map[string]tftypes.Value{}, map[string]tftypes.Value{}
	for i := range n {
		name := fmt.Sprintf("h%05d", i)
		hostKinds[name] = hostKind
		hosts[name] = object(hostKind, map[string]tftypes.Value{"address": text(simhosts.Address(i))})
		nodes[name] = object(node, map[string]tftypes.Value{
			"status": text("done"), "machine_id": text(fmt.Sprintf("%032x", i)), "bundle_id": text("b"), "dcos_version": text("2.2.1"),
			"host_key": text(fmt.Sprintf("ssh-ed25519 %068d", i)), "detected_ip": text(simhosts.Address(i)),
		})
	}
	bundle := func(id tftypes.Value) tftypes.Value {
		return object(kinds["bundle"], map[string]tftypes.Value{"id": id, "cluster_name": text("c"), "dcos_version": text("2.2.1"), "recipe": id})
	}
	config := map[string]tftypes.Value{"hosts": tftypes.NewValue(tftypes.Object{AttributeTypes: hostKinds}, hosts), "role": text("agent"),
		"bundle": bundle(text("b")), "refresh": text("none")}
	state := maps.Clone(config)
	maps.Copy(state, map[string]tftypes.Value{
		"max_parallel": tftypes.NewValue(tftypes.Number, 50), "max_unavailable": text("10%"), "max_failures": text("10%"),
		"canaries": tftypes.NewValue(tftypes.Number, 0), "on_destroy": text("uninstall"),
		"wait_for_cloud_init": tftypes.NewValue(tftypes.Bool, true),
	})
	create := maps.Clone(state)
	maps.Copy(state, map[string]tftypes.Value{
		"id": text("id"), "summary": text(poolSummary(n, n)), "nodes": tftypes.NewValue(kinds["nodes"], nodes),
		"pending": tftypes.NewValue(kinds["pending"], map[string]tftypes.Value{}),
	})
	with := func(values map[string]tftypes.Value, name string, value tftypes.Value) *tfprotov6.DynamicValue {
		values = maps.Clone(values)
		if name != "" {
			values[name] = value
		}
		return p.encode(t, object(p.kind, values))
	}
	wide := tftypes.NewValue(tftypes.Number, 60)
	later := bundle(tftypes.NewValue(tftypes.String, tftypes.UnknownValue))
	p.config, p.state, p.created = with(config, "", wide), with(state, "", wide), with(create, "bundle", later)
	p.wider, p.widerConfig = with(state, "max_parallel", wide), with(config, "max_parallel", wide)
	p.unknown, p.unknownConfig = with(state, "bundle", later), with(config, "bundle", later)
	p.none = p.encode(t, tftypes.NewValue(p.kind, nil))
	jsonHosts, jsonKinds, jsonNodes := map[string]any{}, map[string]any{}, map[string]any{}
	for i := range n {
		name := fmt.Sprintf("h%05d", i)
		jsonHosts[name], jsonKinds[name] = map[string]any{"address": simhosts.Address(i)}, []any{"object", map[string]any{"address": "string"}}
		jsonNodes[name] = map[string]any{"status": "done", "machine_id": fmt.Sprintf("%032x", i), "bundle_id": "b"}
	}
	if p.json, err = json.Marshal(map[string]any{"hosts": map[string]any{"value": jsonHosts, "type": []any{"object", jsonKinds}},
		"nodes": jsonNodes, "role": "agent"}); err != nil {
		t.Fatal(err)
	}
	p.configure(t, resp.Provider.ValueType())
	return p
}

func (p *scaledPool) encode(t testing.TB, value tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	d, err := tfprotov6.NewDynamicValue(p.kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// configure configures the provider with nothing that it could log in with.
func (p *scaledPool) configure(t testing.TB, kind tftypes.Type) {
	t.Helper()
	ssh := kind.(tftypes.Object).AttributeTypes["ssh"] //nolint:forcetypeassert // it is what the schema says
	config, err := tfprotov6.NewDynamicValue(kind, object(kind, map[string]tftypes.Value{
		"ssh": object(ssh, map[string]tftypes.Value{"user": text("nobody"), "password": text("not a password")}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: &config})
	if err != nil {
		t.Fatal(err)
	}
	fine(t, resp.Diagnostics)
}

func fine(t testing.TB, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			t.Fatalf("%s: %s", d.Summary, d.Detail)
		}
	}
}

// same says whether two values are the same to Terraform.
func (p *scaledPool) same(t testing.TB, a, b *tfprotov6.DynamicValue) bool {
	t.Helper()
	left, err := a.Unmarshal(p.kind)
	if err != nil {
		t.Fatal(err)
	}
	right, err := b.Unmarshal(p.kind)
	if err != nil {
		t.Fatal(err)
	}
	return left.Equal(right)
}

// plan plans, and gives what is planned.
func (p *scaledPool) plan(t testing.TB, config, prior, proposed *tfprotov6.DynamicValue) *tfprotov6.DynamicValue {
	t.Helper()
	// The plans are all of one resource.
	private, err := json.Marshal(map[string][]byte{planKey: []byte(`{"id":"scaled"}`)})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "dcos_node_pool", Config: config, PriorState: prior, ProposedNewState: proposed, PriorPrivate: private,
	})
	if err != nil {
		t.Fatal(err)
	}
	fine(t, resp.Diagnostics)
	return resp.PlannedState
}

// calls are what Terraform calls for a pool without working on its hosts.
func (p *scaledPool) calls() map[string]func(testing.TB) {
	return map[string]func(testing.TB){
		"validate": func(t testing.TB) {
			resp, err := p.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{TypeName: "dcos_node_pool",
				Config: p.config})
			if err != nil {
				t.Fatal(err)
			}
			fine(t, resp.Diagnostics)
		},
		"state": func(t testing.TB) {
			resp, err := p.server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: "dcos_node_pool",
				RawState: &tfprotov6.RawState{JSON: p.json}})
			if err != nil {
				t.Fatal(err)
			}
			fine(t, resp.Diagnostics)
		},
		"refresh": func(t testing.TB) {
			resp, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: "dcos_node_pool", CurrentState: p.state})
			if err != nil {
				t.Fatal(err)
			}
			fine(t, resp.Diagnostics)
		},
		"plan without changes": func(t testing.TB) { p.plan(t, p.config, p.state, p.state) },
		"plan of a creation":   func(t testing.TB) { p.plan(t, p.unknownConfig, p.none, p.created) },
		"plan of a change":     func(t testing.TB) { p.plan(t, p.unknownConfig, p.state, p.unknown) },
		"apply": func(t testing.TB) {
			resp, err := p.server.ApplyResourceChange(t.Context(),
				&tfprotov6.ApplyResourceChangeRequest{TypeName: "dcos_node_pool", Config: p.widerConfig, PriorState: p.state, PlannedState: p.wider})
			if err != nil {
				t.Fatal(err)
			}
			fine(t, resp.Diagnostics)
		},
	}
}

// What one more host may cost in one call. What copies all hosts for each
// host, or hands each to the framework by itself, needs a hundred times that.
const (
	mostAllocations = 60
	mostBytes       = 12 << 10
)

// The work for each host is the same however many there are. What is allocated
// for one more host is the same on every machine, and bounded: what copies all
// hosts for each host shows there. What only looks at all of them for each
// shows in the processor's time, which is compared with that of a smaller pool.
func TestNodePoolScales(t *testing.T) { // not parallel: what other tests do would count
	const small, factor = 500, 16
	const more = small * (factor - 1)
	one, many := newScaledPool(t, small), newScaledPool(t, small*factor)
	if !one.same(t, one.plan(t, one.config, one.state, one.state), one.state) {
		t.Fatal("the plan has changes")
	}
	manyCalls := many.calls()
	calls := one.calls()
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		low, high := costOf(t, calls[name]), costOf(t, manyCalls[name])
		count, bytes := (high.allocations-low.allocations)/more, (high.bytes-low.bytes)/more
		slower := float64(high.cpu) / float64(low.cpu) / factor
		t.Logf("%-22s %5.1f allocations of %6.0f bytes for one more host; %6s of CPU for each of %d, %6s for each of %d", name,
			count, bytes, low.cpu/small, small, high.cpu/small/factor, small*factor)
		if count > mostAllocations || bytes > mostBytes {
			t.Errorf("%s: %.0f allocations of %.0f bytes for one more host; goal: %d, %d", name, count, bytes, mostAllocations, mostBytes)
		}
		if slower > 2 {
			t.Errorf("%s: each of %d hosts costs %.1f times the CPU that each of %d does", name, small*factor, slower, small)
		}
	}
}

// callCost is what a call costs.
type callCost struct {
	allocations, bytes float64
	cpu                time.Duration
}

// costOf measures a call, the best of three.
func costOf(t *testing.T, call func(testing.TB)) (best callCost) {
	t.Helper()
	call(t) // what is made once
	for i := range 3 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := cpuTime(t)
		call(t)
		cpu := cpuTime(t) - begin
		runtime.ReadMemStats(&after)
		if i == 0 || cpu < best.cpu {
			best = callCost{float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc), cpu}
		}
	}
	return best
}

// cpuTime is the processor's time that this process has had.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNodePoolPlan is a plan without changes: ns/host is to be the same
// for any number of hosts.
func BenchmarkNodePoolPlan(b *testing.B) {
	for _, n := range []int{1000, 4000, 16000} {
		p := newScaledPool(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.plan(b, p.config, p.state, p.state)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/host")
		})
	}
}
