// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// A kind is a type of resource.
type kind struct {
	name       string
	attributes map[string]schema.Attribute
	blocks     map[string]schema.Block
	// refers says which attributes hold ids of which type.
	refers map[string]string
	// create gives the values of computed attributes, "id" among them.
	create func(ctx context.Context, c *Cloud, v values) (map[string]any, error)
	// update and remove do what has to be done beside keeping and dropping it; nil is nothing.
	update, remove func(ctx context.Context, c *Cloud, v values) error
}

// Forms of arguments, in the words of hashicorp/aws's documentation. What it
// does not say can change forces a new resource here, as it does there.

func required() schema.Attribute {
	return schema.StringAttribute{Required: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}}
}

func optional() schema.Attribute {
	return schema.StringAttribute{Optional: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}}
}

// either is an argument that AWS chooses where it is not given.
func either() schema.Attribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured()},
	}
}

func computed() schema.Attribute {
	return schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
}

func flag() schema.Attribute {
	return schema.BoolAttribute{Optional: true, PlanModifiers: []planmodifier.Bool{boolplanmodifier.RequiresReplace()}}
}

func number() schema.Attribute {
	return schema.Int64Attribute{Optional: true, PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()}}
}

func tags() schema.Attribute {
	return schema.MapAttribute{ElementType: types.StringType, Optional: true}
}

// with adds to a kind's attributes what all of them have.
func with(attributes map[string]schema.Attribute, tagged bool) map[string]schema.Attribute {
	attributes["id"] = computed()
	if tagged {
		attributes["arn"], attributes["tags"] = computed(), tags()
	}
	return attributes
}

// made is the create function of what is only kept: it gives an id with a
// prefix.
func made(prefix string) func(context.Context, *Cloud, values) (map[string]any, error) {
	return func(_ context.Context, c *Cloud, _ values) (map[string]any, error) {
		id := newID(prefix)
		return map[string]any{"id": id, "arn": fmt.Sprintf("arn:aws:ec2:%s:123456789012:%s/%s", c.region, prefix, id)}, nil
	}
}

// named is the create function of what has its name for an id.
func named(attribute, arn string) func(context.Context, *Cloud, values) (map[string]any, error) {
	return func(_ context.Context, _ *Cloud, v values) (map[string]any, error) {
		name := v.text(attribute)
		if name == "" {
			name = v.text(attribute+"_prefix") + newID("")[1:]
		}
		return map[string]any{"id": name, attribute: name, "arn": arn + name}, nil
	}
}

// kinds are all types of resources, each as the page of its name in
// hashicorp/aws's documentation (website/docs/r) has it, as far as it is used:
// testdata/documented.txt has the names there, and a test compares.
var kinds = append(networkKinds(), append(machineKinds(), append(balancerKinds(), append(accessKinds(), shownKinds()...)...)...)...)

func networkKinds() []*kind {
	rule := func(name string) *kind {
		return &kind{
			name: name,
			attributes: with(map[string]schema.Attribute{
				"security_group_id": required(), "ip_protocol": required(), "from_port": number(), "to_port": number(),
				"cidr_ipv4": optional(), "referenced_security_group_id": optional(), "description": optional(), "security_group_rule_id": computed(),
			}, true),
			refers: map[string]string{"security_group_id": "aws_security_group", "referenced_security_group_id": "aws_security_group"},
			create: func(_ context.Context, c *Cloud, v values) (map[string]any, error) {
				if (v.text("cidr_ipv4") == "") == (v.text("referenced_security_group_id") == "") {
					return nil, fmt.Errorf("exactly one of cidr_ipv4, referenced_security_group_id has to be given")
				}
				ports := v["from_port"].IsNull() || v["to_port"].IsNull()
				if ports != (v.text("ip_protocol") == "-1") {
					return nil, fmt.Errorf("from_port and to_port go with every ip_protocol but -1")
				}
				id := newID("sgr")
				return map[string]any{"id": id, "security_group_rule_id": id, "arn": "arn:aws:ec2:" + c.region +
					":123456789012:security-group-rule/" + id}, nil
			},
		}
	}
	return []*kind{
		{
			name: "aws_vpc",
			attributes: with(map[string]schema.Attribute{
				"cidr_block": required(), "enable_dns_support": flag(), "enable_dns_hostnames": flag(),
			}, true),
			create: made("vpc"),
		},
		{
			name:       "aws_internet_gateway",
			attributes: with(map[string]schema.Attribute{"vpc_id": optional()}, true),
			refers:     map[string]string{"vpc_id": "aws_vpc"},
			create:     made("igw"),
		},
		{
			name: "aws_subnet",
			attributes: with(map[string]schema.Attribute{
				"vpc_id": required(), "cidr_block": required(), "availability_zone": either(), "map_public_ip_on_launch": flag(),
			}, true),
			refers: map[string]string{"vpc_id": "aws_vpc"},
			create: createSubnet,
		},
		{
			name: "aws_eip",
			attributes: with(map[string]schema.Attribute{
				"domain": optional(), "instance": schema.StringAttribute{Optional: true}, "allocation_id": computed(), "public_ip": computed(),
			}, true),
			refers: map[string]string{"instance": "aws_instance"},
			create: allocate,
			update: func(ctx context.Context, c *Cloud, v values) error {
				return c.associate(ctx, "add", v.text("instance"), v.text("public_ip"))
			},
			remove: func(ctx context.Context, c *Cloud, v values) error {
				return c.associate(ctx, "del", v.text("instance"), v.text("public_ip"))
			},
		},
		{
			name: "aws_nat_gateway",
			attributes: with(map[string]schema.Attribute{"allocation_id": optional(), "subnet_id": required(), "tags": tags(),
				"public_ip": computed()}, false),
			refers: map[string]string{"allocation_id": "aws_eip", "subnet_id": "aws_subnet"},
			create: made("nat"),
		},
		{
			name:       "aws_route_table",
			attributes: with(map[string]schema.Attribute{"vpc_id": required()}, true),
			refers:     map[string]string{"vpc_id": "aws_vpc"},
			create:     made("rtb"),
		},
		{
			name: "aws_route",
			attributes: with(map[string]schema.Attribute{
				"route_table_id": required(), "destination_cidr_block": optional(), "gateway_id": optional(), "nat_gateway_id": optional(),
			}, false),
			refers: map[string]string{"route_table_id": "aws_route_table", "gateway_id": "aws_internet_gateway",
				"nat_gateway_id": "aws_nat_gateway"},
			create: made("r-rtb"),
		},
		{
			name:       "aws_route_table_association",
			attributes: with(map[string]schema.Attribute{"subnet_id": optional(), "route_table_id": required()}, false),
			refers:     map[string]string{"subnet_id": "aws_subnet", "route_table_id": "aws_route_table"},
			create:     made("rtbassoc"),
		},
		{
			name: "aws_security_group",
			attributes: with(map[string]schema.Attribute{
				"name": either(), "name_prefix": optional(), "description": optional(), "vpc_id": either(),
			}, true),
			refers: map[string]string{"vpc_id": "aws_vpc"},
			create: func(_ context.Context, c *Cloud, v values) (map[string]any, error) {
				id, name := newID("sg"), v.text("name")
				if name == "" {
					name = v.text("name_prefix") + id[3:]
				}
				return map[string]any{"id": id, "name": name, "arn": "arn:aws:ec2:" + c.region + ":123456789012:security-group/" + id}, nil
			},
		},
		rule("aws_vpc_security_group_ingress_rule"),
		rule("aws_vpc_security_group_egress_rule"),
	}
}

func accessKinds() []*kind {
	return []*kind{
		{
			name: "aws_iam_role",
			attributes: with(map[string]schema.Attribute{
				"name": either(), "name_prefix": optional(), "assume_role_policy": required(), "unique_id": computed(),
			}, true),
			create: named("name", "arn:aws:iam::123456789012:role/"),
		},
		{
			name: "aws_iam_role_policy",
			attributes: with(map[string]schema.Attribute{"name": either(), "name_prefix": optional(), "policy": required(), "role": required()},
				false),
			refers: map[string]string{"role": "aws_iam_role"},
			create: func(_ context.Context, _ *Cloud, v values) (map[string]any, error) {
				return map[string]any{"id": v.text("role") + ":" + v.text("name")}, nil
			},
		},
		{
			name: "aws_iam_instance_profile",
			attributes: with(map[string]schema.Attribute{"name": either(), "name_prefix": optional(), "role": optional(), "unique_id": computed()},
				true),
			refers: map[string]string{"role": "aws_iam_role"},
			create: named("name", "arn:aws:iam::123456789012:instance-profile/"),
		},
		{
			name: "aws_s3_bucket",
			attributes: with(map[string]schema.Attribute{
				"bucket": either(), "bucket_prefix": optional(), "force_destroy": flag(), "bucket_domain_name": computed(),
			}, true),
			create: func(ctx context.Context, c *Cloud, v values) (map[string]any, error) {
				given, err := named("bucket", "arn:aws:s3:::")(ctx, c, v)
				if err != nil {
					return nil, err
				}
				name := given["id"].(string) //nolint:forcetypeassert // named's
				if len(v.text("bucket_prefix")) > 37 || len(name) > 63 {
					return nil, fmt.Errorf("InvalidBucketName: %q is too long", name)
				}
				given["bucket_domain_name"] = name + ".s3.amazonaws.com"
				return given, c.store.CreateBucket(ctx, name)
			},
			remove: func(ctx context.Context, c *Cloud, v values) error {
				return c.store.DeleteBucket(ctx, v.text("id"), v.yes("force_destroy"))
			},
		},
		{
			name: "aws_s3_bucket_public_access_block",
			attributes: with(map[string]schema.Attribute{
				"bucket": required(), "block_public_acls": flag(), "block_public_policy": flag(), "ignore_public_acls": flag(),
				"restrict_public_buckets": flag(),
			}, false),
			refers: map[string]string{"bucket": "aws_s3_bucket"},
			create: func(_ context.Context, _ *Cloud, v values) (map[string]any, error) {
				return map[string]any{"id": v.text("bucket")}, nil
			},
		},
		{
			name: "aws_key_pair",
			attributes: with(map[string]schema.Attribute{
				"key_name": either(), "key_name_prefix": optional(), "public_key": required(), "fingerprint": computed(),
			}, true),
			create: named("key_name", "arn:aws:ec2:::key-pair/"),
		},
	}
}
