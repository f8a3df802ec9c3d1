// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package aws

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

func setOfText() schema.Attribute {
	return schema.SetAttribute{ElementType: types.StringType, Optional: true,
		PlanModifiers: []planmodifier.Set{setplanmodifier.RequiresReplace()}}
}

func balancerKinds() []*kind {
	needed := schema.Int64Attribute{Required: true}
	word := schema.StringAttribute{Required: true}
	return []*kind{
		{
			name: "aws_elb",
			attributes: with(map[string]schema.Attribute{
				"name": either(), "name_prefix": optional(), "internal": flag(), "subnets": setOfText(), "security_groups": setOfText(),
				"cross_zone_load_balancing": flag(), "idle_timeout": number(), "dns_name": computed(), "zone_id": computed(),
			}, true),
			blocks: map[string]schema.Block{
				"listener": schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
					"instance_port": needed, "instance_protocol": word, "lb_port": needed, "lb_protocol": word,
				}}},
				"health_check": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
					"healthy_threshold": needed, "unhealthy_threshold": needed, "target": word, "interval": needed, "timeout": needed,
				}}},
			},
			refers: map[string]string{"subnets": "aws_subnet", "security_groups": "aws_security_group"},
			create: createBalancer,
			update: func(ctx context.Context, c *Cloud, v values) error { return c.balance(ctx, v.text("id")) },
			remove: removeBalancer,
		},
		{
			name:       "aws_elb_attachment",
			attributes: with(map[string]schema.Attribute{"elb": required(), "instance": required()}, false),
			refers:     map[string]string{"elb": "aws_elb", "instance": "aws_instance"},
			create:     made("elb-attachment"),
		},
	}
}

var balancerName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)

func createBalancer(ctx context.Context, c *Cloud, v values) (map[string]any, error) {
	name := v.text("name")
	if !balancerName.MatchString(name) {
		return nil, fmt.Errorf("ValidationError: %q is no name for a load balancer: letters, digits and hyphens, at most 32", name)
	}
	if len(v.all("subnets")) == 0 {
		return nil, fmt.Errorf("ValidationError: one of availability_zones, subnets has to be given")
	}
	description, err := describe(v, nil)
	if err != nil {
		return nil, err
	}
	subnet, _ := c.get("aws_subnet", v.all("subnets")[0])
	c.balancing.Lock()
	defer c.balancing.Unlock()
	address, err := c.lease(subnet)
	if err != nil {
		return nil, err
	}
	h, err := c.lab.LoadBalancer(ctx, "aws-elb-"+strings.ToLower(name), description, lab.WithAddress(address))
	if err != nil {
		return nil, err
	}
	dns := name + "-1234567890." + c.region + ".elb.amazonaws.com"
	if v.yes("internal") {
		dns = "internal-" + dns
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[name], c.names[strings.ToLower(dns)] = h, h.Address
	return map[string]any{
		"id": name, "dns_name": dns, "zone_id": "Z0000000000000",
		"arn": "arn:aws:elasticloadbalancing:" + c.region + ":123456789012:loadbalancer/" + name,
	}, nil
}

// describe is a balancer in the lab's words. In the lab checks come faster
// than a real balancer's (see lab.LoadBalancer).
func describe(v values, backends []string) (lab.LoadBalancer, error) {
	lb := lab.LoadBalancer{Backends: backends, Listeners: []lab.Listener{}}
	for _, l := range v.blocks("listener") {
		protocol := strings.ToUpper(l.text("lb_protocol"))
		if protocol != strings.ToUpper(l.text("instance_protocol")) || protocol != "HTTP" && protocol != "TCP" ||
			l.number("lb_port") != l.number("instance_port") {
			return lb, fmt.Errorf("listener %d: the stand-in knows HTTP and TCP, the same on both sides", l.number("lb_port"))
		}
		lb.Listeners = append(lb.Listeners, lab.Listener{Port: l.number("lb_port"), HTTP: protocol == "HTTP"})
	}
	if len(lb.Listeners) == 0 {
		return lb, fmt.Errorf("ValidationError: at least one listener has to be given")
	}
	slices.SortFunc(lb.Listeners, func(a, b lab.Listener) int { return a.Port - b.Port })
	checks := v.blocks("health_check")
	if len(checks) != 1 {
		return lb, fmt.Errorf("%d health checks; the stand-in wants one", len(checks))
	}
	check := checks[0]
	if check.number("interval") <= check.number("timeout") {
		return lb, fmt.Errorf("ValidationError: HealthCheck timeout must be less than interval")
	}
	target := regexp.MustCompile(`^(TCP|HTTP):([0-9]+)(/.*)?$`).FindStringSubmatch(check.text("target"))
	if target == nil || (target[1] == "HTTP") != (target[3] != "") {
		return lb, fmt.Errorf("ValidationError: HealthCheck target %q", check.text("target"))
	}
	port, err := strconv.Atoi(target[2])
	lb.CheckPort, lb.CheckPath = port, (&url.URL{Path: target[3]}).EscapedPath()
	return lb, err
}

// balance gives a balancer's host what is attached to it now.
func (c *Cloud) balance(ctx context.Context, id string) error {
	c.balancing.Lock()
	defer c.balancing.Unlock()
	v, found := c.get("aws_elb", id)
	h := c.HostOf(id)
	if !found || h == nil {
		return fmt.Errorf("LoadBalancerNotFound: there is no %q", id)
	}
	var backends []string
	c.mu.Lock()
	for _, a := range c.objects["aws_elb_attachment"] {
		if instance := c.hosts[a.text("instance")]; a.text("elb") == id && instance != nil {
			backends = append(backends, instance.Address)
		}
	}
	c.mu.Unlock()
	slices.Sort(backends)
	lb, err := describe(v, backends)
	if err != nil {
		return err
	}
	return h.SetLoadBalancer(ctx, lb)
}

func removeBalancer(ctx context.Context, c *Cloud, v values) error {
	c.mu.Lock()
	delete(c.names, strings.ToLower(v.text("dns_name")))
	c.mu.Unlock()
	return terminate(ctx, c, v)
}
