// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// preflightSchema is the schema of dcos_preflight.
func preflightSchema() schema.Schema {
	names := "The checks are `" + strings.Join(node.CheckNames(), "`, `") + "`."
	return schema.Schema{
		MarkdownDescription: "Whether hosts are fit to become nodes: the checks that `dcos_node` makes before it changes anything, " +
			"all hosts at once, without installing. A host that is a node of the cluster already is checked as before an upgrade.\n\n" +
			"The first time it is read by apply and not by plan, since `bundle` is of a resource that apply makes. " +
			"`terraform apply -target=data.dcos_preflight.NAME` makes the configuration, checks the hosts, and installs nothing. Nodes with " +
			"`depends_on = [data.dcos_preflight.NAME]`, and a `postcondition` as below, are installed only if all hosts have passed. " +
			"Later on it is read, and all hosts are connected to, whenever Terraform plans.",
		Attributes: map[string]schema.Attribute{
			"bundle": schema.SingleNestedAttribute{
				Required:            true,
				MarkdownDescription: "What is to be installed: the `bundle` of a `dcos_cluster_config`.",
				Attributes: map[string]schema.Attribute{
					"id":           schema.StringAttribute{Required: true, MarkdownDescription: "Id of the bundle."},
					"cluster_name": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the cluster."},
					"dcos_version": schema.StringAttribute{Required: true, MarkdownDescription: "Version of DC/OS."},
					"recipe":       schema.StringAttribute{Required: true, Sensitive: true, MarkdownDescription: "What the bundle is made of."},
				},
			},
			"hosts": schema.MapNestedAttribute{
				Required:            true,
				MarkdownDescription: "The hosts, by names of your choice.",
				Validators:          []validator.Map{mapvalidator.SizeAtLeast(1)},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"address": schema.StringAttribute{
						Required:            true,
						MarkdownDescription: "Host name or IP address under which the host is reached over SSH.",
						Validators:          hostNames(),
					},
					"role": schema.StringAttribute{
						Required:            true,
						MarkdownDescription: "What it is to be: `master`, `agent` or `public_agent`.",
						Validators:          []validator.String{stringvalidator.OneOf("master", "agent", "public_agent")},
					},
					"ssh": schema.SingleNestedAttribute{
						Optional:            true,
						MarkdownDescription: "What differs for this host from the provider's `ssh`, as in `dcos_node`.",
						Attributes:          dataSSHAttributes(),
					},
					"skip": schema.SetAttribute{
						Optional: true, ElementType: types.StringType,
						MarkdownDescription: "Names of checks to leave out on this host, besides those that are left out on all. Default: none.",
					},
				}},
			},
			"skip": schema.SetAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Names of checks to leave out. A name that no check has is an error. Default: none. " + names,
			},
			"connect_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "How long a host may take to be reached and logged in to. A duration such as `5m`. Default: `30s`, " +
					"or the provider's `connect_timeout` if that is shorter, so that one host that is down does not hold up a plan. " +
					"Hosts that boot in the same apply need more.",
				Validators: []validator.String{durationValidator{}},
			},
			"passed": schema.BoolAttribute{
				Computed:            true,
				MarkdownDescription: "Whether all hosts passed: there is no finding of severity `error`.",
			},
			"findings": schema.MapAttribute{
				Computed:    true,
				ElementType: types.ListType{ElemType: findingType},
				MarkdownDescription: "What was found wrong, by the host's name, errors first; an empty list for a host that is as it should be. " +
					"Each has the `name` of the check, its `severity` " +
					"(`error` or `warning`), what was `found`, what is `needed`, and a `hint` what to do. The name of the finding on a host that could " +
					"not be checked is `connect`.",
			},
			"problems": schema.ListAttribute{
				Computed: true, ElementType: types.StringType,
				MarkdownDescription: "The findings of severity `error`, each as a line of text that begins with the host's name.",
			},
		},
	}
}
