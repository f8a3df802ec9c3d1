// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// pretend does to a host what an installation may do, and a bit more.
const pretend = `
useradd --system --home-dir /opt/pretend --shell /usr/sbin/nologin dcos_pretend
mkdir -p /opt/pretend /etc/systemd/system/pretend.target.wants
echo one >/opt/pretend/file; chmod 755 /opt/pretend/file; ln -s file /opt/pretend/link; chown dcos_pretend /opt/pretend/file
sed -i 's/^/#/' /etc/services
rm /etc/issue.net
mv /opt/pretend/file /opt/pretend/file2; cp -a /usr/share/base-passwd /tmp/copy
printf '[Service]\nUser=dcos_pretend\nPrivateTmp=yes\nExecStart=/bin/bash -c "exec sleep 1234"\n' >/etc/systemd/system/pretend.service
systemctl daemon-reload
systemctl start pretend.service network-online.target
systemctl mask -q systemd-tmpfiles-clean.timer
ipset create pretended hash:ip
ip link add pretend0 type bridge; ip addr add 10.9.8.7/24 dev pretend0; ip link set pretend0 up
ip route add 10.20.0.0/16 via 198.18.0.1; ip rule add from 10.9.8.0/24 table 77
iptables -N PRETEND; iptables -A FORWARD -j ACCEPT
sysctl -qw net.ipv4.ip_forward=1
mkdir -p /mnt/pretend; mount -t tmpfs pretend /mnt/pretend
mkdir -p /run/pretend; touch /dev/shm/pretend
d=/sys/fs/cgroup; [ ! -d $d/systemd ] || d=$d/systemd; mkdir $d/mesos
setsid bash -c 'exec -a listener sleep 4321' </dev/null >/dev/null 2>&1 &
until pgrep -f '^listener' >/dev/null; do sleep 0.01; done
`

const undo = `
pkill -f '^listener'
systemctl stop pretend.service; systemctl unmask -q systemd-tmpfiles-clean.timer; systemctl restart systemd-tmpfiles-clean.timer
rm -rf /opt/pretend /etc/systemd/system/pretend.service /etc/systemd/system/pretend.target.wants /tmp/copy /run/pretend /dev/shm/pretend
sed -i 's/^#//' /etc/services
systemctl daemon-reload
umount /mnt/pretend; rmdir /mnt/pretend
ipset destroy pretended; ip rule del from 10.9.8.0/24 table 77; ip route del 10.20.0.0/16; ip link del pretend0
iptables -D FORWARD -j ACCEPT; iptables -X PRETEND
sysctl -qw net.ipv4.ip_forward=0
d=/sys/fs/cgroup; [ ! -d $d/systemd ] || d=$d/systemd; rmdir $d/mesos
userdel dcos_pretend
`

// A snapshot sees everything that an installation does, nothing where nothing
// was done, and nothing of what looking and logging in do.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	h := l.Host(t, "looked-at")
	take := func() *lab.Snapshot {
		t.Helper()
		s, err := h.Snapshot(t.Context())
		check(t, err)
		text, err := json.Marshal(s)
		check(t, err)
		kept := &lab.Snapshot{}
		check(t, json.Unmarshal(text, kept))
		return kept
	}
	before := take()
	if n := len(before.Entries); n < 5000 {
		t.Errorf("only %d entries", n)
	}
	for _, user := range []string{lab.UserNoPassword, lab.UserRequireTTY} {
		if out, err := ssh(t, h, user, "sudo id", "-tt"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	same := func(when string) {
		t.Helper()
		for _, c := range lab.Diff(before, take()) {
			t.Errorf("%s: %s", when, c)
		}
	}
	same("after logins")

	shell(t, h, pretend)
	var lines []string
	for _, c := range lab.Diff(before, take()) {
		lines = append(lines, c.String())
	}
	have := strings.Join(lines, "\n")
	for _, want := range []string{
		"changed: file /etc/services", "removed: file /etc/issue.net", "added: file /opt/pretend/file2 (-rwxr-xr-x ",
		"added: file /opt/pretend/link (Lrwxrwxrwx 0:0 -> file)",
		"added: file /tmp/copy/", "added: file /tmp/systemd-private-*-pretend.service-*", "added: user dcos_pretend", "added: group dcos_pretend",
		"added: unit pretend.service", "added: unitfile pretend.service", "changed: unitfile systemd-tmpfiles-clean.timer",
		"added: ipset pretended",
		"added: link pretend0", "added: route 10.20.0.0/16", "added: rule 32765: from 10.9.8.0/24 lookup 77",
		"added: firewall table ip filter chain FORWARD: counter accept",
		"added: firewall table ip filter chain PRETEND", "changed: sysctl net.ipv4.ip_forward (0, now 1)", "added: mount /mnt/pretend",
		"added: name /run/pretend", "added: name /dev/shm/pretend",
		"added: cgroup /mesos", "added: process sleep 1234 (user 9", "added: process listener 4321 (user 0)",
	} {
		if !strings.Contains(have, want) {
			t.Errorf("not seen: %s", want)
		}
	}
	if t.Failed() {
		t.Log(have)
	}
	shell(t, h, undo)
	check(t, h.WriteFile("/etc/issue.net", []byte("Debian GNU/Linux 12\n"), 0o644))
	same("after all was undone")
	check(t, h.Stop(t.Context()))
	check(t, h.Start(t.Context()))
	same("after a boot")
}
