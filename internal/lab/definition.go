// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
)

// definition says what is in the base image that all hosts share. A change of
// any of it makes a new image.
type definition struct {
	Suite    string
	Packages []string
	Files    []file
	Masked   []string // units that a test host has no use for, or that would change it behind a test's back
	Script   string   // run by sh in the image, last
}

type file struct {
	Path    string
	Mode    fs.FileMode
	Content string
}

// id is the definition's hash, short enough for a directory's name.
func (d definition) id() (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("hash the image definition: %w", err)
	}
	sum := sha256.Sum256(text)
	return d.Suite + "-" + hex.EncodeToString(sum[:6]), nil
}

// baseImage is the image of all hosts: what DC/OS's own preflight asks for,
// small, without Python, with an account for every kind of sudo.
func baseImage() definition {
	return definition{
		Suite: "bookworm",
		Packages: []string{
			"systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "curl", "xz-utils", "tar", "procps",
			"ca-certificates", "iputils-ping", "unzip", "ipset", "net-tools", "kmod", "iptables",
		},
		Files: []file{
			{"/etc/resolv.conf", 0o644, "# no DNS in the lab\n"},
			{"/etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n"},
			{"/etc/sudoers.d/lab", 0o440, sudoers},
			{"/etc/ssh/sshd_config.d/50-lab.conf", 0o644, sshdConfig},
			{"/etc/ssh/sshd_config.d/60-sftp.conf", 0o644, "Subsystem sftp /usr/lib/openssh/sftp-server\n"},
			{"/etc/systemd/system/lab-net.service", 0o644, netUnit},
			{"/etc/systemd/journald.conf.d/lab.conf", 0o644, "[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n"},
			{"/etc/systemd/system/docker.service", 0o644, dockerUnit},
			{"/usr/bin/docker", 0o755, dockerCommand},
		},
		Masked: []string{
			"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
			"systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service", "systemd-resolved.service",
			"systemd-timesyncd.service", "console-getty.service", "getty.target", "systemd-pstore.service",
		},
		Script: finishImage,
	}
}

const sudoers = `Defaults:tina requiretty
alice ALL=(ALL:ALL) NOPASSWD: ALL
tina  ALL=(ALL:ALL) NOPASSWD: ALL
paul  ALL=(ALL:ALL) ALL
`

const sshdConfig = `HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication yes
PermitRootLogin prohibit-password
UseDNS no
`

// netUnit gives the host its address at every boot: like a real machine's,
// its network device is there before anything is set on it.
const netUnit = `[Unit]
Description=Static address of a lab host
DefaultDependencies=no
Before=network-pre.target ssh.service
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/lab/net
ExecStart=/sbin/ip addr add ${ADDRESS} dev host0
ExecStart=/sbin/ip link set host0 up
ExecStart=-/sbin/ip route add default via ${GATEWAY}
[Install]
WantedBy=sysinit.target
`

// dockerUnit and dockerCommand stand in for Docker: DC/OS's preflight asks
// for it, its installer restarts it, and nothing in the lab runs a container.
// It is of the last version that DC/OS 2.1 and 2.2 with Calico can work with.
const dockerUnit = `[Unit]
Description=Stand-in for Docker
After=network.target
[Service]
ExecStart=/usr/bin/docker daemon
Restart=always
[Install]
WantedBy=multi-user.target
`

const dockerCommand = `#!/bin/sh
# Stand-in for Docker: answers what DC/OS's preflight asks, runs no container.
version=20.10.24
running() {
	systemctl is-active -q docker.service && return
	echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
	exit 1
}
case $1 in
daemon) exec sleep infinity ;;
info)
	running
	printf 'Client:\n Version:    %s\nServer:\n Containers: 0\n Server Version: %s\n' $version $version
	printf ' Storage Driver: overlay2\n Cgroup Driver: systemd\n Docker Root Dir: /var/lib/docker\n'
	;;
version)
	running
	case "$*" in
	*Server.Version*Client.Version* | *Client.Version*Server.Version*) printf '%s\n%s\n' $version $version ;;
	*.Version*) echo $version ;;
	*) printf 'Client:\n Version: %s\nServer:\n Version: %s\n' $version $version ;;
	esac
	;;
-v | --version) echo "Docker version $version, build lab" ;;
ps | images)
	running
	case " $* " in
	*" -q"*) ;;
	*" images "*) echo 'REPOSITORY   TAG   IMAGE ID   CREATED   SIZE' ;;
	*) echo 'CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES' ;;
	esac
	;;
network)
	running
	[ "$2" != ls ] || echo 'NETWORK ID   NAME   DRIVER   SCOPE'
	;;
*)
	running
	echo "docker: the lab's stand-in cannot do '$*'" >&2
	exit 125
	;;
esac
`

// finishImage makes the image small and generic: no documentation, and no
// identity, which every host gets for itself.
const finishImage = `set -e
rm -rf /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/* \
	/usr/share/info/* /usr/share/lintian/* /var/log/bootstrap.log /var/log/dpkg.log /var/log/alternatives.log /var/log/apt/*
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
: >/etc/machine-id
ln -s /etc/machine-id /var/lib/dbus/machine-id
sed -i '/^Subsystem[[:space:]]*sftp/d' /etc/ssh/sshd_config # in a file of its own, so that a host can do without
mkdir -p -m 700 /root/.ssh
for user in alice tina paul nora; do
	useradd -m -s /bin/bash $user
	echo $user:$user-secret | chpasswd
	mkdir -m 700 /home/$user/.ssh
	chown $user:$user /home/$user/.ssh
done
visudo -cq
mkdir -p /etc/lab /etc/systemd/system/sysinit.target.wants /var/lib/docker
ln -s ../lab-net.service /etc/systemd/system/sysinit.target.wants/lab-net.service
systemctl enable -q docker.service
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
`
