// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// defaultActionParallel is how many hosts an action works on at once where nothing
// else is given.
const defaultActionParallel = 10

// actionSchema is what all actions have, and an action's own attributes beside it.
// about says what it does, nodes which nodes it takes, limit how long it may take on one.
func actionSchema(about, nodes string, limit time.Duration, own map[string]schema.Attribute) schema.Schema {
	attributes := map[string]schema.Attribute{
		"nodes": schema.MapNestedAttribute{
			Required: true,
			MarkdownDescription: nodes + " A map by names of your choice; `dcos_node` resources with `for_each` are such a map already " +
				"(`nodes = dcos_node.agent`), and `merge` puts several together. Of a node only the attributes below are taken.",
			Validators:   []validator.Map{mapvalidator.SizeAtLeast(1)},
			NestedObject: schema.NestedAttributeObject{Attributes: actionNodeAttributes()},
		},
		"max_parallel": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: fmt.Sprintf("How many hosts are worked on at once. The provider's `limits` hold besides. Default: `%d`.",
				defaultActionParallel),
			Validators: []validator.Int64{int64validator.Between(1, 10000)},
		},
		"timeout": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: fmt.Sprintf("Time limit of one host, from when it is its turn. A duration such as `45m`. Default: "+
				"`%s`.", minutes(limit)),
			Validators: []validator.String{durationValidator{}},
		},
	}
	maps.Copy(attributes, own)
	return schema.Schema{MarkdownDescription: about, Attributes: attributes}
}

func minutes(d time.Duration) string { return fmt.Sprintf("%dm", int(d.Minutes())) }

// actionNodeAttributes are those of one node: as a dcos_node has them.
func actionNodeAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		// These two are not Required here: the framework (1.19) takes them for missing where the whole object is unknown, as
		// dcos_node.agent["a1"] is while a configuration is validated.
		"address": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "**Required.** Host name or IP address under which the host is reached over SSH. No default.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"role": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "**Required.** What the node is: `master`, `agent` or `public_agent`. A host that is something else is left " +
				"alone, with an error. " +
				"No default.",
			Validators: []validator.String{stringvalidator.OneOf(string(node.Master), string(node.Agent),
				string(node.PublicAgent))},
		},
		"id": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "The machine id of the host, as a `dcos_node` has it in `id` and a `dcos_node_pool` in `nodes[...].machine_id`. " +
				"Another machine at the address is left alone, with an error. Actions that change something need it. Default: any machine.",
		},
		"host_key": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "The key that the host has shown, as a `dcos_node` has it. Any other key is refused. " +
				"Default: the provider's `host_key_policy` decides.",
		},
		"bundle": schema.SingleNestedAttribute{
			Optional: true,
			MarkdownDescription: "The `bundle` of the node's `dcos_cluster_config`, which says of what cluster it is. A node of another " +
				"cluster is left " +
				"alone, with an error. Default: the cluster is not looked at.",
			Attributes: map[string]schema.Attribute{
				"id":           schema.StringAttribute{Optional: true, MarkdownDescription: "Id of the bundle. Default: not known."},
				"cluster_name": schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the cluster. Default: not known."},
				"dcos_version": schema.StringAttribute{Optional: true, MarkdownDescription: "Version of DC/OS. Default: not known."},
				"recipe": schema.StringAttribute{Optional: true, MarkdownDescription: "What the bundle is made of, which tells clusters of " +
					"one name apart. Default: not known."},
			},
		},
		"ssh": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "What differs for this host from the provider's `ssh`, as in `dcos_node`.",
			Attributes:          actionSSHAttributes(),
		},
	}
}
