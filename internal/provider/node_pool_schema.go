// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
)

// How much of a pool a refresh looks at.
const (
	refreshAll    = "all"
	refreshSample = "sample"
	refreshNone   = "none"
)

// What holds for a pool where nothing else is given.
const (
	defaultMaxParallel    = 50
	defaultMaxUnavailable = "10%"
	defaultMaxFailures    = "10%"
)

// poolNodeType is the type of what is known of one host of a pool.
func poolNodeType() types.ObjectType {
	kinds := map[string]attr.Type{}
	for _, f := range new(poolRecord).fields() {
		kinds[f.name] = types.StringType
	}
	return types.ObjectType{AttrTypes: kinds}
}

// packedPoolSchema is a pool's schema as the framework has it; see server.
func packedPoolSchema(published schema.Schema) schema.Schema {
	attributes := maps.Clone(published.Attributes)
	for name := range poolPacked {
		a := schema.StringAttribute{Required: attributes[name].IsRequired(), Computed: attributes[name].IsComputed()}
		if name == "hosts" {
			a.Validators = []validator.String{hostsValidator{}}
		}
		attributes[name] = a
	}
	published.Attributes = attributes
	return published
}

// nodePoolSchema is the schema of dcos_node_pool.
func nodePoolSchema(ctx context.Context) schema.Schema {
	s := nodeSchema(ctx)
	attributes := map[string]schema.Attribute{
		// Terraform compares the types of all elements with each other before it
		// hands a map of objects to a provider. It hands on what is of any type as
		// it is, so hostsValidator looks at the types.
		"hosts": schema.DynamicAttribute{
			Required: true,
			MarkdownDescription: "The hosts of the pool: a map of objects, by names of your choice. Hosts that are added are installed, " +
				"hosts that are left out are drained and uninstalled. " +
				"A host that goes to another pool of the same role and cluster in the same apply is taken over there as it is. " +
				"All of this happens in place: the other hosts are not touched. " +
				"Each host has `address` (required), the host name or IP address under which it is reached over SSH: " +
				"another address is another host. It may have `machine`, any text that another machine does not have (`aws_instance.agent.id`): " +
				"another value, or one that is not known yet, says that another machine is there. Apply then installs the host anew if the machine's " +
				"id is another one, and only then forgets the key that was accepted; it takes the value over as it is if machine and key are " +
				"the same. A first value and none change nothing, and nothing is connected to for them. And it may have " +
				"`ssh`, what differs for it from the provider's `ssh`: an object with `port`, `user`, `host_key`, `jump_hosts` and " +
				"`proxy_command`, as the `ssh` of a `dcos_node`. A change of `ssh` touches nothing on the host.",
		},
		"role": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "What the nodes are: `master`, `agent` or `public_agent`. Another role replaces the pool.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			Validators:          []validator.String{stringvalidator.OneOf("master", "agent", "public_agent")},
		},
		"bundle": bundleAttribute(bundleNeeded, "What to install: the `bundle` of a `dcos_cluster_config`. "+
			"Another bundle upgrades or reconfigures the nodes in place."),
		"max_parallel": schema.Int64Attribute{
			Optional: true, Computed: true,
			Default: int64default.StaticInt64(defaultMaxParallel),
			MarkdownDescription: "How many hosts are worked on at once. The provider's `limits` hold besides. " +
				"Masters change one at a time whatever it says. A change touches nothing on the hosts. " +
				fmt.Sprintf("Default: `%d`.", defaultMaxParallel),
			Validators: []validator.Int64{int64validator.Between(1, 10000)},
		},
		"max_unavailable": schema.StringAttribute{
			Optional: true, Computed: true,
			Default: stringdefault.StaticString(defaultMaxUnavailable),
			MarkdownDescription: "How many agents may be out of service at once for an upgrade, a change of configuration or a repair: " +
				"a count (`5`) or a percentage of the pool's hosts (`\"10%\"`), " +
				"rounded down, but at least one. Agents of the cluster that other resources are changing count too, and so do those that are out of " +
				"service since their change failed: when these are as many, no other is touched. Installing hosts that are not nodes yet is not " +
				"bounded by it. A change touches nothing on the hosts. " +
				"Default: `" + defaultMaxUnavailable + "`.",
			Validators: []validator.String{shareValidator{least: 1}},
		},
		"max_failures": schema.StringAttribute{
			Optional: true, Computed: true,
			Default: stringdefault.StaticString(defaultMaxFailures),
			MarkdownDescription: "How many hosts may fail in one apply: a count (`0`) or a percentage of the hosts that there is something to do " +
				"on (`\"5%\"`), rounded down. When more have failed no further ones are started; those that are at work end what they do. " +
				"Removing hosts is not bounded by it. A change touches nothing on the hosts. Default: `" + defaultMaxFailures + "`.",
			Validators: []validator.String{shareValidator{}},
		},
		"canaries": schema.Int64Attribute{
			Optional: true, Computed: true,
			Default: int64default.StaticInt64(0),
			MarkdownDescription: "How many hosts, the first ones by name, go before all others. When one of them fails no other is started. " +
				"A change touches nothing on the hosts. Default: `0`.",
			Validators: []validator.Int64{int64validator.AtLeast(0)},
		},
		"adopt": schema.SetAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Names of hosts of the pool that are nodes of the same cluster in another configuration, and that no resource " +
				"has (installed by DC/OS's own installer, by Ansible or by hand): apply changes them to the pool's bundle in place, as any change, " +
				"and uninstalls nothing. The plan looks at each of them, whatever `refresh` says, and tells in what it would be changed. One that it " +
				"cannot look at, that is of another cluster or not proven to be of this one, that another resource has, or that is broken is an " +
				"error. A name has no effect on a host without DC/OS, on one with the pool's bundle, and once the host is the pool's: it may stay. " +
				"A change touches nothing else. Default: none.",
		},
		"refresh": schema.StringAttribute{
			Optional: true, Computed: true,
			Default: stringdefault.StaticString(refreshAll),
			MarkdownDescription: "What a refresh looks at: `all` hosts (default); a `sample` of 20 hosts or one in a hundred, whichever is more, " +
				"picked anew each time; or `none`. What apply does is the same, but drift of hosts that were not looked at is not seen.",
			Validators: []validator.String{stringvalidator.OneOf(refreshAll, refreshSample, refreshNone)},
		},
		"timeouts": describedTimeouts(ctx, timeouts.Opts{
			Create: true, Read: true, Update: true, Delete: true,
			CreateDescription: "Time limit of an installation of one host. A duration such as `90m`. Default: `60m`.",
			ReadDescription:   "Time limit of looking at one host. A duration such as `30s`. Default: `2m`.",
			UpdateDescription: "Time limit of an upgrade, a change of configuration or a repair of one host. A duration such as `90m`. " +
				"Default: `60m`.",
			DeleteDescription: "Time limit of draining and uninstalling one host. A duration such as `45m`. Default: `30m`.",
		}),
		"wait_for_cloud_init": schema.BoolAttribute{
			Optional: true, Computed: true,
			PlanModifiers: []planmodifier.Bool{quietDefault{is: true}},
			MarkdownDescription: "Whether to wait on each host until cloud-init has finished. Default: `true`. " +
				"A change touches nothing on the hosts.",
		},

		// Outputs.
		"id": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "A random id of the pool.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"summary": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "How many hosts are done, in words: `4,988 of 5,000 hosts done`.",
		},
		"pending": schema.MapAttribute{
			Computed:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Hosts on which there is something to do, and what, in words. It is planned to be empty: " +
				"apply does it, and nothing on the other hosts.",
		},
		"nodes": schema.MapAttribute{
			Computed:    true,
			ElementType: poolNodeType(),
			MarkdownDescription: "What is known of each host, by its name: `status` (`done`, `failed`, `drifted`, `gone`, or `pending` where " +
				"nothing was begun), `machine_id`, `host_key` (the one that was accepted; from then on only this key is), " +
				"`bundle_id` and `dcos_version` of what was installed, `detected_ip` and `error` (why the host failed last, or how refresh found it " +
				"drifted or gone, in words).",
		},
	}
	for _, name := range []string{"preflight", "on_destroy", "drain_timeout"} {
		attributes[name] = s.Attributes[name]
	}
	return schema.Schema{
		MarkdownDescription: "DC/OS on many hosts of one role. It does for each what `dcos_node` does, and costs Terraform no more than one " +
			"resource: the way to run hundreds and thousands of hosts. " +
			"Hosts that are done stay done when others fail; the next apply takes up only what is missing.",
		Attributes: attributes,
	}
}

// shareValidator accepts a count or a percentage.
type shareValidator struct{ least int }

var _ validator.String = shareValidator{}

// Description says what is accepted.
func (v shareValidator) Description(context.Context) string {
	return fmt.Sprintf(`a count of at least %d, or a percentage such as "10%%"`, v.least)
}

// MarkdownDescription says what is accepted.
func (v shareValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v shareValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	// Of a very large total, each percentage but 0% is something.
	if n, err := fleet.Share(req.ConfigValue.ValueString(), 1_000_000); err != nil || n < v.least {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid Share",
			fmt.Sprintf("The value must be %s; got: %q.", v.Description(ctx), req.ConfigValue.ValueString()))
	}
}
