// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func machineKinds() []*kind {
	changeable := schema.StringAttribute{Optional: true}
	return []*kind{{
		name: "aws_instance",
		attributes: with(map[string]schema.Attribute{
			"ami": optional(), "instance_type": optional(), "subnet_id": optional(), "vpc_security_group_ids": setOfText(),
			"iam_instance_profile": optional(), "key_name": optional(), "associate_public_ip_address": flag(), "user_data": changeable,
			"availability_zone": either(), "private_ip": either(), "public_ip": computed(), "private_dns": computed(), "instance_state": computed(),
		}, true),
		blocks: map[string]schema.Block{
			"metadata_options": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"http_tokens": changeable, "http_endpoint": changeable,
				"http_put_response_hop_limit": schema.Int64Attribute{Optional: true},
			}}},
			"root_block_device": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"volume_size": number(), "volume_type": optional(), "encrypted": flag(), "delete_on_termination": flag(),
			}}},
		},
		refers: map[string]string{
			"subnet_id": "aws_subnet", "vpc_security_group_ids": "aws_security_group",
			"iam_instance_profile": "aws_iam_instance_profile", "key_name": "aws_key_pair",
		},
		create: launch,
		remove: terminate,
	}}
}

// createSubnet holds that a subnet is a part of its VPC's range that no other
// has, in a zone that there is.
func createSubnet(ctx context.Context, c *Cloud, v values) (map[string]any, error) {
	vpc, _ := c.get("aws_vpc", v.text("vpc_id"))
	whole, err := netip.ParsePrefix(vpc.text("cidr_block"))
	if err != nil {
		return nil, err
	}
	part, err := netip.ParsePrefix(v.text("cidr_block"))
	if err != nil {
		return nil, err
	}
	if !whole.Contains(part.Addr()) || part.Bits() < whole.Bits() {
		return nil, fmt.Errorf("InvalidSubnet.Range: %s is not in %s", part, whole)
	}
	c.mu.Lock()
	for _, other := range c.objects["aws_subnet"] {
		if p, err := netip.ParsePrefix(other.text("cidr_block")); err == nil && p.Overlaps(part) {
			err = fmt.Errorf("InvalidSubnet.Conflict: %s overlaps %s", part, p)
			c.mu.Unlock()
			return nil, err
		}
	}
	c.mu.Unlock()
	zone := v.text("availability_zone")
	if zone == "" {
		zone = c.zones()[0]
	}
	given, err := made("subnet")(ctx, c, v)
	if err == nil {
		given["availability_zone"] = zone
	}
	return given, err
}

func (c *Cloud) zones() []string { return []string{c.region + "a", c.region + "b", c.region + "c"} }

// localZone is one that the account has opted in to. By name it comes before the others, as real ones do.
func (c *Cloud) localZone() string { return c.region + "-ham-1a" }

// Zones gives the zones that there are subnets in.
func (c *Cloud) Zones() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var zones []string
	for _, v := range c.objects["aws_subnet"] {
		zones = append(zones, v.text("availability_zone"))
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// publicAddresses are where Elastic IPs are taken from. In the lab hosts have them themselves.
const publicAddresses = "198.18.200.0/24"

// allocate gives an Elastic IP, and an instance that it is for.
func allocate(ctx context.Context, c *Cloud, v values) (map[string]any, error) {
	id := newID("eipalloc")
	address, err := c.leaseOf(publicAddresses)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": id, "allocation_id": id, "public_ip": address}, c.associate(ctx, "add", v.text("instance"), address)
}

// Associated gives the instance of an Elastic IP, "" if it has none.
func (c *Cloud) Associated(eip string) string {
	v, _ := c.get("aws_eip", eip)
	return v.text("instance")
}

// associate gives an instance's host an address ("add"), or takes it away ("del").
func (c *Cloud) associate(ctx context.Context, verb, instance, address string) error {
	h := c.HostOf(instance)
	if instance == "" || h == nil {
		return nil
	}
	_, err := h.Exec(ctx, "ip", "address", verb, address+"/32", "dev", "host0")
	return err
}

// launch makes an instance's host. Its name is the instance's.
func launch(ctx context.Context, c *Cloud, v values) (map[string]any, error) {
	if v.text("ami") != AMI {
		return nil, fmt.Errorf("InvalidAMIID.NotFound: there is no %q", v.text("ami"))
	}
	// There are no launch templates here, which could give them.
	for _, needed := range []string{"instance_type", "subnet_id"} {
		if v.text(needed) == "" {
			return nil, fmt.Errorf("MissingInput: an instance needs %s", needed)
		}
	}
	key, _ := c.get("aws_key_pair", v.text("key_name"))
	ours, err := os.ReadFile(c.lab.KeyFile() + ".pub")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(key.text("public_key")) != strings.TrimSpace(string(ours)) {
		return nil, errors.New("the lab's hosts are made with the lab's key, which is not that of key_name")
	}
	subnet, _ := c.get("aws_subnet", v.text("subnet_id"))
	h, err := c.boot(ctx, v.entries("tags")["Name"], subnet)
	if err != nil {
		return nil, err
	}
	id := newID("i")
	c.mu.Lock()
	c.hosts[id] = h
	c.mu.Unlock()
	if c.Launched != nil {
		if err := c.Launched(ctx, h); err != nil {
			return nil, err
		}
	}
	public := ""
	if v.yes("associate_public_ip_address") {
		public = h.Address // in the lab, everybody is inside
	}
	return map[string]any{
		"id": id, "private_ip": h.Address, "public_ip": public, "instance_state": "running",
		"availability_zone": subnet.text("availability_zone"),
		"private_dns":       "ip-" + strings.ReplaceAll(h.Address, ".", "-") + "." + c.region + ".compute.internal",
		"arn":               "arn:aws:ec2:" + c.region + ":123456789012:instance/" + id,
	}, nil
}

// boot makes an instance's host in a subnet.
func (c *Cloud) boot(ctx context.Context, name string, subnet values) (*lab.Host, error) {
	address, err := c.lease(subnet)
	if err != nil {
		return nil, err
	}
	return c.lab.Create(ctx, "aws-"+strings.ReplaceAll(address, ".", "-")+"-"+name, append([]lab.Option{lab.WithAddress(address),
		lab.WithFile("/etc/resolv.conf", "nameserver "+resolverAddress+"\n", 0o644),
		lab.WithFile("/etc/ssl/certs/ca-certificates.crt", c.ca.pem, 0o644)}, c.Hosts...)...)
}

// lease gives the next address of a subnet, never one twice. The first four
// are Amazon's.
func (c *Cloud) lease(subnet values) (string, error) {
	return c.leaseOf(subnet.text("cidr_block"))
}

func (c *Cloud) leaseOf(network string) (string, error) {
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	address := prefix.Masked().Addr()
	for range 4 {
		address = address.Next()
	}
	for slices.Contains(c.leased, address.String()) {
		address = address.Next()
	}
	c.leased = append(c.leased, address.String())
	return address.String(), nil
}

func terminate(ctx context.Context, c *Cloud, v values) error {
	c.mu.Lock()
	h := c.hosts[v.text("id")]
	delete(c.hosts, v.text("id"))
	c.mu.Unlock()
	if h == nil {
		return nil
	}
	return h.Destroy(ctx)
}
