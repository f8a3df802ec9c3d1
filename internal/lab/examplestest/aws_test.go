// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/aws"
)

// A cloudSite watches what Terraform does with the stand-in for AWS.
type cloudSite struct {
	*aws.Cloud
	t *testing.T

	mu     sync.Mutex
	before map[string]*lab.Snapshot // by address
	ended  []string                 // names of hosts of instances, in the order of their end
}

func newCloudSite(t *testing.T, l *lab.Lab, region string) *cloudSite {
	t.Helper()
	// It outlives the test's context, so that a failed test takes it down.
	cloud, done, err := aws.New(context.WithoutCancel(t.Context()), l, region)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	if lab.Nightly { // masters' ensembles take their time with real ZooKeepers
		cloud.Hosts = []lab.Option{lab.WithZooKeeper(10)}
	}
	s := &cloudSite{Cloud: cloud, t: t, before: map[string]*lab.Snapshot{}}
	cloud.Launched = func(ctx context.Context, h *lab.Host) error {
		snapshot, err := h.Snapshot(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.before[h.Address] = snapshot
		return err
	}
	cloud.Deleting = s.deleting
	return s
}

// needs gives the instances that lose something with a resource: the way by
// which they are reached, and by which they reach each other.
func (s *cloudSite) needs(kind, id string) []*lab.Host {
	var hosts []*lab.Host
	switch kind {
	case "aws_internet_gateway", "aws_nat_gateway", "aws_route", "aws_route_table_association":
		return s.Instances()
	case "aws_instance":
		hosts = append(hosts, s.HostOf(id))
	case "aws_eip":
		hosts = append(hosts, s.HostOf(s.Associated(id)))
		hosts = slices.DeleteFunc(hosts, func(h *lab.Host) bool { return h == nil })
	case "aws_elb_attachment", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
		hosts = s.Behind(id)
	}
	if slices.ContainsFunc(hosts, func(h *lab.Host) bool { return strings.HasSuffix(h.Name, "-jump") }) {
		return s.Instances() // which all are reached through it
	}
	return hosts
}

// deleting refuses what would be wrong: a resource that an instance with DC/OS
// on it still needs, and an instance that DC/OS has left traces on.
func (s *cloudSite) deleting(ctx context.Context, kind, id string) error {
	for _, h := range s.needs(kind, id) {
		if installed(h) {
			return fmt.Errorf("%s still has DC/OS on it", h.Name)
		}
	}
	if h := s.HostOf(id); kind == "aws_instance" {
		after, err := h.Snapshot(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = append(s.ended, h.Name)
		var left []string
		for _, c := range lab.Diff(s.before[h.Address], after) {
			left = append(left, c.String())
		}
		if len(left) > 0 {
			return fmt.Errorf("%s is not what it was:\n%s", h.Name, strings.Join(left, "\n"))
		}
	}
	return nil
}

// installed says whether DC/OS is on a host.
func installed(h *lab.Host) bool {
	_, err := h.ReadFile("/etc/mesosphere/setup-flags/repository-url")
	return err == nil
}

func TestAWSELB(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	const region = "eu-central-1"
	s := newCloudSite(t, l, region)
	tf := open(t, "aws-elb", map[string]any{
		"release": sampleRelease(t), "cluster_name": "awselb", "region": region, "network": "198.18.64.0/18",
		"admin_networks": []string{l.Gateway() + "/32"}, "ami": aws.AMI, "ssh_user": aws.User,
		"ssh_private_key_file": l.KeyFile(), "ssh_public_key_file": l.KeyFile() + ".pub", "agents": 1, "public_agents": 1,
		"distribution": "debian",
	})
	tf.Env = append(tf.Env, s.Serve(t))
	tf.Run("get") // its parts are modules

	// One apply from nothing, with the balancer's name and the jump host's address unknown. Where masters' services get no
	// keys of their role, it ends before anything is installed, and says what to change.
	const options = "machines/tokens_override.tf"
	const tokens = "resource \"aws_instance\" \"%s\" {\n  metadata_options {\n    http_tokens = \"required\"\n  }\n}\n"
	tf.Write(options, fmt.Sprintf(tokens, "master"))
	if out, err := tf.Try("apply", "-auto-approve", "-no-color"); err == nil || !strings.Contains(out, "IMDSv2") ||
		!strings.Contains(out, `http_tokens = "optional"`) {
		t.Fatalf("with metadata that wants a token: %v\n%s", err, out)
	}
	for _, h := range s.Instances() {
		if installed(h) {
			t.Errorf("%s has DC/OS", h.Name)
		}
	}
	asks := "curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/iam/security-credentials/"
	if out := onHost(t, s.Host("awselb-m1"), asks); out != "401" {
		t.Errorf("a master's metadata service answers %s without a token", out)
	}
	tf.Write(options, "")
	tf.Apply()
	name := address(tf)
	if !strings.HasPrefix(name, "internal-awselb-masters-") {
		t.Errorf("the cluster is at %s, which is not the internal balancer", name)
	}
	whole(t, s.Lookup(name), 3, 2)
	for _, node := range []string{"awselb-a1", "awselb-p1"} {
		out := onHost(t, s.Host(node), "cat /opt/mesosphere/etc/dns_config /opt/mesosphere/etc/master_list 2>&1 || :")
		if !installed(s.Host(node)) || !strings.Contains(out, name) || strings.Contains(out, s.Host("awselb-m1").Address) {
			t.Errorf("%s does not find the masters by the balancer's name alone: %s", node, out)
		}
	}
	keys, err := s.Keys(t.Context())
	if err != nil || !slices.Equal(keys, []string{"awselb"}) { // all locks are given back
		t.Errorf("exhibitor's bucket has %v, %v", keys, err)
	}
	if zones := s.Zones(); !slices.Equal(zones, []string{region + "a", region + "b", region + "c"}) {
		t.Errorf("subnets are in %v, and a Local Zone is no Availability Zone", zones)
	}
	const token = `curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token`
	userData := "curl -s -H \"X-aws-ec2-metadata-token: $(" + token + ")\" http://169.254.169.254/latest/user-data | head -n 2 | tail -n 1"
	for host, role := range map[string]string{"awselb-m1": "master", "awselb-a1": "agent", "awselb-p1": "public_agent"} {
		if out := onHost(t, s.Host(host), userData); !strings.Contains(out, `cloud_init("debian", "2.2", "`+role+`")`) {
			t.Errorf("%s has the user data %q", host, out)
		}
	}
	var jump string
	if tf.Output("jump_host", &jump); jump == "" || jump == s.Host("awselb-jump").Address {
		t.Errorf("the jump host is reached at %q, which is its machine's own address, and goes with that", jump)
	}
	if out := onHost(t, s.Host("awselb-jump"), "journalctl -u ssh --no-pager | grep -c 'Accepted publickey'"); out == "0" {
		t.Error("nobody came through the jump host")
	}
	tf.NoChanges()

	// Agents' volumes are by their role too, and fail where REX-Ray, which is well by all that DC/OS looks at, cannot ask for it.
	const volumes = "/opt/mesosphere/bin/rexray volume ls 2>&1"
	onHost(t, s.Host("awselb-a1"), volumes)
	tf.Write(options, fmt.Sprintf(tokens, "agent"))
	tf.Apply()
	if out := onHost(t, s.Host("awselb-a1"), volumes+" || :"); !strings.Contains(out, "401 Unauthorized") {
		t.Errorf("REX-Ray says %s", out)
	}
	tf.Write(options, "")
	tf.Apply()

	// A machine is replaced: its node leaves it before, the others stay.
	old := s.Host("awselb-a1").Address
	tf.Apply(`-replace=module.machines.aws_instance.agent["a1"]`)
	if now := s.Host("awselb-a1").Address; now == old {
		t.Errorf("the agent is still at %s", now)
	}
	if len(s.ended) != 1 || !strings.HasSuffix(s.ended[0], "-awselb-a1") {
		t.Errorf("replaced: %v", s.ended)
	}
	whole(t, s.Lookup(name), 3, 2)
	tf.NoChanges()

	ended := 7
	if lab.Nightly { // the new one has another address, and exhibitor takes it in the old one's place
		tf.Apply(`-replace=module.machines.aws_instance.master["m3"]`)
		whole(t, s.Lookup(name), 3, 2)
		tf.NoChanges()
		ended++
	}

	tf.Destroy()
	if left := s.Resources(); len(left) > 0 {
		t.Errorf("left in AWS: %v", left)
	}
	if len(s.ended) != ended {
		t.Errorf("instances that ended: %v", s.ended)
	}
}
