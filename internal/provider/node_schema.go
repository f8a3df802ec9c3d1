// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// What happens to DC/OS on the host when the resource is destroyed.
const (
	onDestroyUninstall = "uninstall"
	onDestroyAbandon   = "abandon"
	// onDestroyIfReachable uninstalls where the machine answers.
	onDestroyIfReachable = "uninstall_if_reachable"
)

// Time limits of the operations on one node. Installing is bounded by what a
// cluster needs to converge: upstream waits 15 minutes for it, on top of
// booting, transfer and the installation itself.
const (
	defaultCreateTimeout = 60 * time.Minute
	defaultReadTimeout   = 2 * time.Minute
	defaultUpdateTimeout = 60 * time.Minute
	defaultDeleteTimeout = 30 * time.Minute
	defaultDrainTimeout  = 10 * time.Minute
)

// nodeSchema is the schema of dcos_node.
func nodeSchema(ctx context.Context) schema.Schema {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	return schema.Schema{
		MarkdownDescription: "DC/OS on one host: installed over SSH, upgraded and reconfigured in place, repaired when it has drifted, " +
			"and uninstalled without a trace on destroy.",
		Attributes: map[string]schema.Attribute{
			// Inputs.
			"address": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Host name or IP address under which the host is reached over SSH, for example " +
					"`aws_instance.master.private_ip`. Another address replaces the node.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:    hostNames(),
			},
			"role": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "What the node is: `master`, `agent` or `public_agent`. Another role replaces the node.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{stringvalidator.OneOf("master", "agent", "public_agent")},
			},
			"machine": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Which machine the node is on: any text that another machine does not have, for example " +
					"`aws_instance.master.id`. Another value says that another machine is at the address: the node is replaced, as with " +
					"another address. A value that is not " +
					"known yet at plan counts as another one. Nothing is done on the host, and it is not connected to, for the first value, for one " +
					"that is taken away, and for the first one after an import. Where refresh saw at the address the machine that the node is on " +
					"(`id`), another value is taken over as it is. Where refresh was refused by another host key, the machine has been replaced " +
					"already: the node is installed on the one that answers there, in place, if its machine id is another one. The old key is forgotten " +
					"then, and the new one accepted as `host_key_policy` says; a key that `ssh.host_key` names counts as ever. " +
					"Default: none.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"bundle": bundleAttribute(bundleTaken, "What to install: the `bundle` of a `dcos_cluster_config`. "+
				"Another bundle upgrades or reconfigures the node in place. Without one, a node that was imported, or had one before, is kept as "+
				"it is: nothing is changed on its host, what is amiss there shows in `drift` and in a warning, and destroying it uninstalls it. "+
				"A node cannot be made without."),
			"ssh": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "What differs for this host from the provider's `ssh`. Nothing here is secret: " +
					"credentials are the provider's, so that refresh and destroy have them. " +
					"A change touches nothing on the host.",
				Attributes: nodeSSHAttributes(),
			},
			"preflight": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "The checks made on the host before anything is changed. A change touches nothing on the host.",
				Attributes: map[string]schema.Attribute{
					"skip": schema.SetAttribute{
						Optional:    true,
						ElementType: types.StringType,
						MarkdownDescription: "Names of checks to leave out, for example `[\"docker\"]`. A failed check is named in its error; " +
							"a name that no check has is an error. Default: none.",
					},
				},
			},
			"on_destroy": schema.StringAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "What destroying the resource does. `uninstall` (default): agents are drained, DC/OS is removed, " +
					"and it is verified that nothing of it is left. " +
					"`uninstall_if_reachable`: the same, but a node whose machine gives no answer at all is given up with a warning. A refused " +
					"login, another host key, a jump host or name that fails are errors all the same, and so is a machine beside which no " +
					"other one of the cluster answers at that moment. " +
					"`abandon`: the host is not even connected to; for machines that are already gone or go together with the node. " +
					"It must be applied before the destroy that it is meant for; `uninstall_if_reachable` in the provider block need not be.",
				PlanModifiers: []planmodifier.String{quietDefault{text: onDestroyUninstall}},
				Validators:    []validator.String{stringvalidator.OneOf(onDestroyUninstall, onDestroyIfReachable, onDestroyAbandon)},
			},
			"drain_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "How long an agent's tasks may take to end before it is uninstalled. " +
					"A duration such as `10m`; `0s` does not wait. " +
					"Default: `10m`. A change touches nothing on the host.",
				Validators: []validator.String{durationValidator{zero: true}},
			},
			"wait_for_cloud_init": schema.BoolAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Whether to wait, before anything is checked, until cloud-init has finished on hosts that have it. " +
					"Default: `true`. A change touches nothing on the host.",
				PlanModifiers: []planmodifier.Bool{quietDefault{is: true}},
			},
			"timeouts": describedTimeouts(ctx, timeouts.Opts{
				Create: true, Read: true, Update: true, Delete: true,
				CreateDescription: "Time limit of an installation, from connecting to the last check. A duration such as `90m`. Default: `60m`.",
				ReadDescription: "Time limit of a refresh. A host that cannot be reached within it (30 seconds at most for connecting) keeps its " +
					"state, with a warning. A duration such as `30s`. Default: `2m`.",
				UpdateDescription: "Time limit of an upgrade, a change of configuration or a repair. A duration such as `90m`. Default: `60m`.",
				DeleteDescription: "Time limit of draining and uninstalling. A duration such as `45m`. Default: `30m`.",
			}),

			// Outputs.
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "The machine id (`/etc/machine-id`) of the host.",
				PlanModifiers:       keep,
			},
			"host_key": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "The host's public key that was accepted, as in `authorized_keys`. " +
					"From then on only this key is accepted for the node.",
				PlanModifiers: keep,
			},
			"dcos_version": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Version of DC/OS that is on the host.",
			},
			"config_package_id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Id of the configuration package that is active on the host.",
			},
			"detected_ip": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "The address that the site's ip-detect script gives on the host.",
				PlanModifiers:       keep,
			},
			"drift": schema.ListAttribute{
				Computed:    true,
				ElementType: types.StringType,
				MarkdownDescription: "What refresh found on the host that is not as it was installed, in words. " +
					"It is planned to be empty: apply repairs it, if the node has a `bundle`.",
			},
		},
	}
}

// describedTimeouts is the attribute of the timeouts module, which has no
// description of its own and takes limits that are over before they begin ("-5m").
func describedTimeouts(ctx context.Context, opts timeouts.Opts) schema.Attribute {
	attribute := timeouts.Attributes(ctx, opts)
	if nested, ok := attribute.(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = "Time limits of the operations. A change touches nothing on the host."
		for name, limit := range nested.Attributes {
			if text, ok := limit.(schema.StringAttribute); ok {
				text.Validators = []validator.String{durationValidator{}}
				nested.Attributes[name] = text
			}
		}
		return nested
	}
	return attribute
}
