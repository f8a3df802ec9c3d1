// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// What the documentation shows and nothing applies: terraform validate looks at it, and there is nothing behind it.

var errShown = errors.New("the stand-in has the schema of this alone")

func shownKinds() []*kind {
	text, texts := schema.StringAttribute{Optional: true}, setOfText()
	yes, count := schema.BoolAttribute{Optional: true}, schema.Int64Attribute{Optional: true}
	block := func(attributes map[string]schema.Attribute) schema.Block {
		return schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: attributes}}
	}
	kinds := []*kind{
		{
			name: "aws_lb",
			attributes: with(map[string]schema.Attribute{
				"name": text, "internal": yes, "load_balancer_type": text, "subnets": texts, "security_groups": texts, "idle_timeout": count,
				"enable_cross_zone_load_balancing": yes, "dns_name": computed(),
			}, true),
		},
		{
			name: "aws_lb_target_group",
			attributes: with(map[string]schema.Attribute{
				"name": text, "port": count, "protocol": text, "vpc_id": text, "target_type": text, "preserve_client_ip": text,
			}, true),
			blocks: map[string]schema.Block{"health_check": block(map[string]schema.Attribute{
				"protocol": text, "port": text, "path": text, "interval": count, "healthy_threshold": count, "unhealthy_threshold": count,
			})},
		},
		{
			name: "aws_lb_target_group_attachment",
			attributes: with(map[string]schema.Attribute{
				"target_group_arn": schema.StringAttribute{Required: true}, "target_id": schema.StringAttribute{Required: true}, "port": count,
			}, false),
		},
		{
			name: "aws_lb_listener",
			attributes: with(map[string]schema.Attribute{
				"load_balancer_arn": schema.StringAttribute{Required: true}, "port": count, "protocol": text, "tcp_idle_timeout_seconds": count,
			}, true),
			blocks: map[string]schema.Block{"default_action": block(map[string]schema.Attribute{
				"type": schema.StringAttribute{Required: true}, "target_group_arn": text,
			})},
		},
		{
			name: "aws_launch_template",
			attributes: with(map[string]schema.Attribute{
				"name_prefix": text, "image_id": text, "instance_type": text, "key_name": text, "user_data": text, "vpc_security_group_ids": texts,
				"latest_version": schema.Int64Attribute{Computed: true},
			}, true),
			blocks: map[string]schema.Block{
				"iam_instance_profile":    block(map[string]schema.Attribute{"name": text}),
				"metadata_options":        block(map[string]schema.Attribute{"http_tokens": text, "http_put_response_hop_limit": count}),
				"instance_market_options": block(map[string]schema.Attribute{"market_type": text}),
			},
		},
		{
			name: "aws_autoscaling_group",
			attributes: with(map[string]schema.Attribute{
				"name": text, "min_size": schema.Int64Attribute{Required: true}, "max_size": schema.Int64Attribute{Required: true},
				"desired_capacity": count, "vpc_zone_identifier": texts, "suspended_processes": texts, "protect_from_scale_in": yes,
				"capacity_rebalance": yes,
			}, false),
			blocks: map[string]schema.Block{"launch_template": block(map[string]schema.Attribute{"id": text, "version": text})},
		},
	}
	for _, k := range kinds {
		k.create = func(context.Context, *Cloud, values) (map[string]any, error) { return nil, errShown }
	}
	return kinds
}

// instances is the data source aws_instances.
type instances struct{}

var _ datasource.DataSource = (*instances)(nil)

func (*instances) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "aws_instances"
}

func (*instances) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	list := dataschema.ListAttribute{ElementType: types.StringType, Computed: true}
	resp.Schema = dataschema.Schema{
		Attributes: map[string]dataschema.Attribute{
			"id": dataschema.StringAttribute{Computed: true}, "ids": list, "private_ips": list, "public_ips": list,
			"instance_tags":        dataschema.MapAttribute{ElementType: types.StringType, Optional: true},
			"instance_state_names": dataschema.SetAttribute{ElementType: types.StringType, Optional: true},
		},
		Blocks: map[string]dataschema.Block{"filter": filterBlock()},
	}
}

func (*instances) Read(_ context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	resp.Diagnostics.AddError("Reading aws_instances", errShown.Error())
}
