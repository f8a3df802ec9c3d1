// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
)

// bareImage takes from a host what a plain image does not have, Docker's stand-in among it, and lets cloud-init find its
// data at the next boot.
const bareImage = `set -e
systemctl disable --now docker.service
rm -rf /etc/systemd/system/docker.service /usr/bin/docker /var/lib/docker
systemctl daemon-reload
dpkg --purge curl xz-utils unzip ipset iptables iputils-ping net-tools
sed -i '/^127.0.1.1/d' /etc/hosts
rm -f /etc/apt/sources.list /etc/systemd/system/systemd-resolved.service # the lab masks it
mkdir -p /etc/systemd/resolved.conf.d
printf '[Resolve]\nDNS=198.18.0.1\n' >/etc/systemd/resolved.conf.d/lab.conf
systemctl daemon-reload
systemctl enable --now systemd-resolved.service
ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
`

// bareConfig is what an image's maker sets: where apt's packages come from, and that host keys and addresses are there.
const bareConfig = `datasource_list: [NoCloud]
network: {config: disabled}
ssh_deletekeys: false
apt: {preserve_sources_list: true}
locale: C.UTF-8
`

// TestAccCloudInit has Debian's own cloud-init make a host ready that has nothing but Debian's base system: preflight fails
// before, and passes after. Docker, its programs and the time service are Debian's own, from a mirror inside the lab.
func TestAccCloudInit(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	source := l.Mirror(t, "docker.io", "curl", "xz-utils", "unzip", "ipset", "iptables", "iputils-ping", "net-tools", "chrony")
	h := l.Host(t, "cloud-init", lab.WithPackages("cloud-init", "systemd-resolved"), // as Debian's images have them
		lab.WithFile("/etc/cloud/cloud.cfg.d/99_lab.cfg", bareConfig, 0o644),
		lab.WithFile("/etc/cloud/cloud-init.disabled", "", 0o644), // until the host is bare
		lab.WithFile("/etc/apt/sources.list.d/lab.list", source, 0o644),
		// There is no clock to set, and Debian's unit does not start where there is none: chronyd is to run all the same.
		lab.WithFile("/etc/systemd/system/chrony.service",
			"[Service]\nExecStart=/usr/sbin/chronyd -x -d -u root\n[Install]\nWantedBy=multi-user.target\n", 0o644),
		lab.WithFile("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: lab-1\nlocal-hostname: cloud-init\n", 0o644),
		lab.WithFile("/var/lib/cloud/seed/nocloud/user-data", mustCloudInit(t, "debian", "2.2", "agent"), 0o644))
	shell := func(script string) string {
		t.Helper()
		out, err := h.Shell(t.Context(), script)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(out)
	}
	shell(bareImage)

	check := func(passed bool, problems knownvalue.Check) resource.TestStep {
		return resource.TestStep{Config: cloudInitSite(t, l, h), ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownOutputValue("passed", knownvalue.Bool(passed)),
			statecheck.ExpectKnownOutputValueAtPath("problems", tfjsonpath.New("agent"), problems),
		}}
	}
	before := check(false, knownvalue.StringRegexp(regexp.MustCompile(
		`(?s)commands: found no curl, no ping, no xz, no unzip, no ipset.*no docker command.*ports in use: 53`)))
	after := check(true, knownvalue.StringExact(""))
	after.PreConfig = func() {
		shell("rm /etc/cloud/cloud-init.disabled")
		if err := h.Reboot(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for status := ""; !strings.Contains(status, "status: done"); time.Sleep(time.Second) {
			status = shell("cloud-init status --long || :")
			if strings.Contains(status, "status: error") || time.Since(begun) > 8*time.Minute {
				t.Fatalf("%s\n%s", status, shell("tail -n 60 /var/log/cloud-init-output.log; journalctl -u docker --no-pager | tail -n 20"))
			}
		}
		t.Logf("cloud-init took %s", time.Since(begun).Round(time.Second))
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories(), Steps: []resource.TestStep{before, after}})

	log := shell("cat /var/log/cloud-init-output.log")
	for _, want := range []string{"dcos: Docker 20.10.", "dcos: time: chrony", "dcos: stopping systemd-resolved",
		"dcos: the host's name in /etc/hosts", "dcos: ready for DC/OS 2.2"} {
		if !strings.Contains(log, want) {
			t.Errorf("its log has no %q:\n%s", want, log)
		}
	}

	if out := shell("cat /etc/resolv.conf; [ ! -L /etc/resolv.conf ] && systemctl is-enabled systemd-resolved || :"); !strings.Contains(out,
		"nameserver 198.18.0.1\n") || !strings.HasSuffix(out, "disabled") {
		t.Errorf("names are resolved by %s", out)
	}

	if out := shell("systemctl is-active chrony || journalctl -u chrony --no-pager"); out != "active" {
		t.Errorf("the time service: %s", out)
	}

	// Once more: nothing is left to be done.
	first, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again := shell("/var/lib/cloud/instance/scripts/part-001 2>&1")
	for _, line := range strings.Split(again, "\n") {
		if !regexp.MustCompile(`^dcos: (Docker 20\.10\.|no kernel module |ready for )`).MatchString(line) {
			t.Errorf("the second run says %q", line)
		}
	}
	second, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range lab.Diff(first, second) {
		t.Errorf("the second run changed %s", c)
	}

	// Other lines ask for more. Debian always has the group nogroup.
	for line, want := range map[string]string{"1.10": "dcos: group lab-nogroup", "1.12": "dcos: installing net-tools"} {
		script := strings.Replace(mustCloudInit(t, "debian", line, "master"), "groups='nogroup'", "groups='lab-nogroup'", 1)
		if err := h.WriteFile("/root/prepare", []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if out := shell("/root/prepare 2>&1"); !strings.Contains(out, want) || !strings.Contains(out, "dcos: ready for DC/OS "+line) {
			t.Errorf("%s says %q", line, out)
		}
	}
	shell("getent group lab-nogroup && command -v ifconfig")

	// A host with cgroups of version 2 alone: what says so, the boot loader's program and the restart are stand-ins.
	const stubs = `mkdir -p /root/stubs
printf '#!/bin/sh\necho cgroup2fs\n' >/root/stubs/stat
printf '#!/bin/sh\n. /etc/default/grub.d/dcos.cfg && echo "kernel: $GRUB_CMDLINE_LINUX"\n' >/root/stubs/update-grub
printf '#!/bin/sh\n[ "$*" != "--no-block reboot" ] && exec /usr/bin/systemctl "$@"\necho restarts\n' >/root/stubs/systemctl
printf '#!/bin/sh\n' >/root/stubs/sleep
chmod 755 /root/stubs/*
`
	for role, restarts := range map[string]bool{"master": false, "agent": true} {
		if err := h.WriteFile("/root/prepare", []byte(mustCloudInit(t, "debian", "2.2", role)), 0o755); err != nil {
			t.Fatal(err)
		}
		out := shell(stubs + "PATH=/root/stubs:$PATH /root/prepare 2>&1")
		if strings.Contains(out, "kernel:  systemd.unified_cgroup_hierarchy=0\n") != restarts || strings.Contains(out, "restarts\n") != restarts {
			t.Errorf("of cgroups the %s's script says %q", role, out)
		}
	}
}

// cloudInitSite asks what preflight says of a host, as a master and as an agent.
func cloudInitSite(t *testing.T, l *lab.Lab, h *lab.Host) string {
	t.Helper()
	return fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user        = %q
    private_key = file(%q)
  }
}
resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = "cloud-init"
  master_discovery          = "static"
  master_list               = [%q]
  exhibitor_storage_backend = "static"
  ip_detect_script          = provider::dcos::ip_detect("route")
}
data "dcos_preflight" "master" {
  bundle = dcos_cluster_config.test.bundle
  hosts  = { h = { address = %[4]q, role = "master", ssh = { host_key = %[5]q } } }
}
data "dcos_preflight" "agent" {
  bundle = dcos_cluster_config.test.bundle
  hosts  = { h = { address = %[4]q, role = "agent", ssh = { host_key = %[5]q } } }
  skip   = ["master-list"] # one host is judged as both
}
output "passed" {
  value = data.dcos_preflight.master.passed && data.dcos_preflight.agent.passed
}
output "problems" {
  value = {
    master = join("\n", data.dcos_preflight.master.problems)
    agent  = join("\n", data.dcos_preflight.agent.problems)
  }
}
`, lab.UserNoPassword, l.KeyFile(), sampleRelease(t, samplerelease.V22), h.Address, h.HostKey)
}
