// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node_test

import (
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// remains puts onto a host what DC/OS and its services leave on real ones, as
// far as the sample release does not: the inventory of a complete uninstall.
const remains = `
# What a userdel that was killed leaves, by the numbers of processes that cannot be.
printf '4999999\0' >/etc/shadow.4999999; ln /etc/shadow.4999999 /etc/shadow.lock; : >/etc/gshadow.4999998; cp -a /etc/shadow /etc/shadow+
unit() { printf '[Service]\nExecStart=/bin/sleep 1000000\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/$1; }
mkdir -p /opt/mesosphere/active /opt/mesosphere/bin /opt/mesosphere/etc /opt/mesosphere/packages/x--1 \
  /etc/mesosphere/roles /etc/mesosphere/setup-flags
touch /etc/mesosphere/roles/slave /opt/mesosphere/install_progress
echo 'MESOS_WORK_DIR=/srv/mesos' >/opt/mesosphere/etc/mesos-slave-common
ln -s /opt/mesosphere/packages/x--1 /opt/mesosphere/active/x
cp /bin/sleep /opt/mesosphere/bin/sleep
setsid /opt/mesosphere/bin/sleep 1000000 >/dev/null 2>&1 </dev/null &
mkdir -p /etc/systemd/system/dcos.target.wants /etc/systemd/system/dcos.target.wants.old
printf '[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/dcos.target
for u in dcos-a.service dcos-link-env.service dcos-download.service dcos-setup.service own-name.service; do unit $u; done
printf '[Service]\nExecStart=/bin/false\n' >/etc/systemd/system/dcos-failed.service
printf '[Timer]\nOnCalendar=daily\nPersistent=true\n' >/etc/systemd/system/dcos-failed.timer
ln -s /etc/systemd/system/dcos-a.service /etc/systemd/system/dcos.target.wants/dcos-a.service
ln -s /etc/systemd/system/own-name.service /etc/systemd/system/dcos.target.wants/own-name.service
unit dcos-b.service.unit.new
systemctl daemon-reload
systemctl enable -q dcos-setup dcos.target
systemctl start dcos-a own-name dcos-failed.timer
systemctl start dcos-failed || true
# A removal that was killed after the files were gone, in a version that let systemd forget only at its end.
printf '[Service]\nExecStart=/bin/false\n' >/etc/systemd/system/dcos-forgotten.service
systemctl start dcos-forgotten || true
rm /etc/systemd/system/dcos-forgotten.service
systemctl daemon-reload
ln -sf /opt/mesosphere/bin/add_dcos_path.sh /etc/profile.d/dcos.sh
mkdir -p /etc/systemd/journald.conf.d /etc/rexray /etc/calico /var/lib/calico /etc/NetworkManager/conf.d
echo '[Journal]' >/etc/systemd/journald.conf.d/dcos.conf
echo x >/etc/rexray/config.yml
touch /etc/systemd/network/dcos.network /etc/NetworkManager/conf.d/dcos-net.conf /opt/dcos-prereqs.installed /var/log/mesos-state.tar.gz
mkdir -p /opt/dcos_install_tmp/packages/x /var/lib/dcos/exhibitor/snapshots /var/lib/dcos/exec /var/log/mesos \
  /var/lib/mesos/slave/meta /srv/mesos/meta /srv/mesos/slaves /run/dcos /run/mesos /run/docker/plugins
touch /run/docker/plugins/rexray.sock
groupadd other
groupadd dcos_operators
for u in dcos_exhibitor dcos_telegraf; do
  useradd --system --home-dir /opt/mesosphere --shell /sbin/nologin -c 'DCOS System User' --user-group $u
done
usermod -aG other dcos_telegraf
touch /tmp/of-a-user && chown dcos_exhibitor /tmp/of-a-user
mkdir -p /srv/mesos/slaves/0a1b-S0/bound /var/lib/mesos/slave/volume
mount --bind /etc /srv/mesos/slaves/0a1b-S0/bound
mount -t tmpfs none /var/lib/mesos/slave/volume
for l in minuteman spartan ucr-br0 d-dcos m-dcos vtep1024; do ip link add $l type bridge; done
ip link add d-lan type bridge
iptables -A FORWARD -j ACCEPT
iptables -N UCR-DEFAULT-BRIDGE
iptables -A FORWARD -j UCR-DEFAULT-BRIDGE
iptables -N mine
iptables -A FORWARD -m comment --comment "two words" -j mine
for s in minuteman dcos-x cali40all-ipam-pools mine; do ipset create $s hash:ip; done
ipset create dcos-all list:set; ipset add dcos-all dcos-x; ipset add mine 10.9.8.7
for l in cali0123456789a vxlan.calico; do ip link add $l type bridge; done
for tool in iptables ip6tables; do
  $tool -N cali-FORWARD && $tool -N cali-from-wl && $tool -A FORWARD -j cali-FORWARD && $tool -A cali-FORWARD -g cali-from-wl
done
iptables -t nat -N M-CALICO
iptables -t nat -A POSTROUTING -j M-CALICO
iptables -t nat -A POSTROUTING -m comment --comment Minuteman-IPVS-IPTables-masquerade-rule -j MASQUERADE ||
  iptables -t nat -A POSTROUTING -m comment --comment Minuteman-IPVS-IPTables-masquerade-rule -j ACCEPT
`

// docker is a Docker with containers and networks of DC/OS's and of others. It
// notes what is removed.
const docker = `#!/bin/sh
case "$*" in
info) ;;
'ps -aq --filter name='*)
  id=0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f
  for c in c1:/mesos-$id c2:/mesos-$id-S0.$id c3:/mesos-exporter; do
    if printf '%s\n' "${c#*:}" | grep -qE "${4#name=}"; then echo "${c%%:*}"; fi
  done ;;
'network ls -q') printf 'n1\nn2\nn3\nn4\n' ;;
'network inspect '*) eval "id=\${$#}"
  case $id in
  n1) echo 'calico calico <no value>' ;;
  n2) echo 'overlay bridge d-dcos' ;;
  n4) echo 'lan bridge d-lan' ;;
  *) echo 'mine bridge docker1' ;;
  esac ;;
*) echo "$*" >>/run/docker-calls ;;
esac
`

// What a host has that only looks like DC/OS's is left alone, and so is what a
// bind mount leads to.
func TestUninstallOfRemains(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "remains")
	// A disk of its own for ZooKeeper is the administrator's.
	shell(t, h, "mkdir -p /var/lib/dcos/exhibitor && echo 'none /var/lib/dcos/exhibitor tmpfs defaults 0 0' >>/etc/fstab && systemctl "+
		"daemon-reload && systemctl start var-lib-dcos-exhibitor.mount")
	if err := h.WriteFile("/usr/local/bin/docker", []byte(docker), 0o755); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, h)
	conn := dial(t, newClient(t, l), h)
	shell(t, h, "set -e\n"+remains)
	s, err := node.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if s.Installed != node.Partial || !s.SwapUnfinished || len(s.Units) < 6 {
		t.Errorf("%+v", s)
	}
	err = node.Uninstall(t.Context(), conn, node.Options{MachineID: s.MachineID, Log: testLog(t).Scope("", "remains", "")})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if got, want := shell(t, h, "cat /run/docker-calls; rm /run/docker-calls"), "rm -fv c1 c2\nnetwork rm n1\nnetwork rm n2"; got != want {
		t.Errorf("Docker was told to\n%s\nwant\n%s", got, want)
	}
	// What else of this there is, is in the snapshots.
	shell(t, h, "ipset test mine 10.9.8.7; ipset destroy mine; ip link delete d-lan; iptables -D FORWARD -m comment --comment 'two words' "+
		"-j mine; iptables -X mine; groupdel other; groupdel dcos_operators")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range lab.Diff(before, snapshot(t, h)) {
		line := c.String()
		// Our own groupadd and groupdel above, and a directory of the test's.
		if strings.Contains(line, "/etc/group-") || strings.Contains(line, "/etc/gshadow-") {
			continue
		}
		t.Error(line)
	}
}
