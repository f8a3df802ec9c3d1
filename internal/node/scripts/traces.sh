# Goes after lib.sh and record.sh in front of uninstall and verify: where DC/OS leaves traces.
#
# reads    nothing
# prints   nothing
# changes  nothing

# Files and directories that are DC/OS's alone.
own_paths="$opt $etc $staging
/etc/profile.d/dcos.sh /etc/systemd/journald.conf.d/dcos.conf /etc/systemd/network/dcos.network
/etc/NetworkManager/conf.d/dcos-net.conf /opt/dcos-prereqs.installed
/run/dcos /run/mesos /run/systemd/system/mesos_executors.slice /run/dcos_exhibitor /run/libstorage/lsx.lock
/run/docker/plugins/rexray.sock /run/docker/plugins/calico.sock /run/docker/plugins/calico-ipam.sock
/var/log/mesos /var/log/mesos-state.tar.gz /var/lib/dcos-cfn-signal /var/lib/mesos /var/lib/dcos"

# What others may use as well: removed if it was not there before or, where nobody knows, if it is no
# package's. The directories also have to be empty.
shared_paths='/etc/calico /var/lib/calico /run/calico'
shared_directories='/etc/rexray /etc/systemd/journald.conf.d /etc/NetworkManager/conf.d /etc/NetworkManager /etc/systemd/network
/run/docker/plugins /run/docker /run/libstorage /etc/systemd/system/multi-user.target.wants'

unit_files() { # every file of a DC/OS unit, one a line
	for n in $(unit_names); do
		for f in "$systemd/$n" "$systemd/$n.unit.new" "$systemd/$n.dcos-new" "$systemd/multi-user.target.wants/$n"; do
			if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "$f"; fi
		done
	done
	for f in "$systemd"/dcos-*.unit.new "$systemd/dcos.target" "$systemd"/dcos.target.wants "$systemd"/dcos.target.wants.new \
		"$systemd"/dcos.target.wants.old /var/lib/systemd/timers/stamp-dcos-* /etc/systemd/journald.conf.d/dcos.conf.dcos-new; do
		if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "$f"; fi
	done
}

unit_names() {
	{
		dcos_units
		# A swap that was interrupted has moved the links aside.
		for f in "$systemd"/dcos.target.wants.old/* "$systemd"/dcos.target.wants.new/* "$systemd"/multi-user.target.wants/dcos-* \
			"$systemd"/multi-user.target.wants/dcos.target; do
			if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "${f##*/}"; fi
		done
	} | sort -u
}

dcos_users() { # accounts that pkgpanda made, one a line
	if [ -e "$etc/manual_host_users" ]; then return 0; fi
	# useradd --system --home-dir /opt/mesosphere -c 'DCOS System User' (pkgpanda, add_user)
	awk -F: '$1 ~ /^dcos_/ && ($5 == "DCOS System User" || $6 == "/opt/mesosphere") { print $1 }' /etc/passwd | not_recorded users
}

dcos_groups() {
	if [ -e "$etc/manual_host_users" ]; then return 0; fi
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/group | not_recorded groups
}

not_recorded() { # LIST: leaves out what the record says was there before
	if [ -s "$record/$1" ]; then grep -vxFf "$record/$1"; else cat; fi
}

mounts_below() { # DIRECTORY: mount points strictly below it, deepest first
	awk -v d="$1/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r
}

configured() { # MOUNT POINT: does the host's administrator want it there (fstab, a mount unit)?
	[ -n "$(unit_show "$(systemd-escape -p --suffix=mount "$1" 2>/dev/null)" FragmentPath)" ]
}

kept() { # PATH: is it only there for disks that are mounted at it or below?
	if [ ! -d "$1" ] || [ -L "$1" ]; then return 1; fi
	if is_mount "$1" && configured "$1" && [ -z "$(find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found)" ]; then return 0; fi
	if [ -z "$(mounts_below "$1")" ]; then return 1; fi
	(for c in "$1"/* "$1"/.[!.]*; do
		if [ -e "$c" ] || [ -L "$c" ]; then kept "$c" || exit 1; fi
	done)
}

is_mount() { awk -v d="$1" '$5 == d { found = 1 } END { exit !found }' /proc/self/mountinfo; }

overlay_names() { # names of DC/OS's overlay networks
	{
		printf 'dcos\ndcos6\n'
		cat "$opt"/etc/overlay/config/*.json 2>/dev/null | tr -d ' \n\t' | tr '{,' '\n\n' | sed -n 's/^"name":"\([A-Za-z0-9_.-]*\)".*/\1/p'
	} | sort -u
}

dcos_links() { # network interfaces that DC/OS makes, one a line
	if ! command -v ip >/dev/null 2>&1; then return 0; fi
	names=$(overlay_names)
	ip -o link show 2>/dev/null | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | while read -r link; do
		case $link in
		minuteman | spartan | ucr-br0 | vtep[0-9]* | vxlan.calico) printf '%s\n' "$link" ;;
		m-* | d-*) if printf '%s\n' "$names" | grep -qxF "${link#?-}"; then printf '%s\n' "$link"; fi ;;
		cali[0-9a-f]*) if [ -d /var/lib/calico ] || [ -d "$opt" ]; then printf '%s\n' "$link"; fi ;;
		esac
	done
}

ipvs_table=/proc/net/ip_vs

ipvs_services() { # how many virtual services the kernel balances; dcos-net puts them there
	if [ -r "$ipvs_table" ]; then awk '/^[A-Z]+ +[0-9A-F[]/ { n++ } END { print n + 0 }' "$ipvs_table"; else echo 0; fi
}

clear_ipvs() { # says whether none is left; a host of DC/OS need not have ipvsadm
	if [ "$(ipvs_services)" != 0 ] && command -v ipvsadm >/dev/null 2>&1; then ipvsadm -C >&2 </dev/null; fi
	# IP_VS_SO_SET_FLUSH of linux/ip_vs.h, what ipvsadm did before there was netlink
	if [ "$(ipvs_services)" != 0 ] && command -v perl >/dev/null 2>&1; then
		perl -MSocket -e 'socket(S, PF_INET, SOCK_RAW, 255) && setsockopt(S, 0, 1157, "") or die "$!\n"' >&2 </dev/null
	fi
	for python in python3 "$opt/bin/python3"; do
		if [ "$(ipvs_services)" != 0 ] && command -v "$python" >/dev/null 2>&1; then
			"$python" -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 255).setsockopt(0, 1157, b"")' >&2 </dev/null
		fi
	done
	[ "$(ipvs_services)" = 0 ]
}

ip_sets() { # names of DC/OS's sets, one a line
	if ! command -v ipset >/dev/null 2>&1; then return 0; fi
	ipset list -n 2>/dev/null </dev/null | while read -r set; do
		case $set in
		dcos-* | minuteman* | cali40* | cali60*) printf '%s\n' "$set" ;;
		esac
	done
}

firewall_chains() { # TOOL: names of DC/OS's chains, one a line
	if ! command -v "$1-save" >/dev/null 2>&1; then return 0; fi
	"$1-save" 2>/dev/null </dev/null | sed -n 's/^:\(UCR-DEFAULT-BRIDGE\|M-CALICO\|cali-[^ ]*\) .*/\1/p' | sort -u
}

dcos_processes() { # ids of processes that run DC/OS's programs or belong to its units or users
	{
		# shellcheck disable=SC2012 # these names are numbers
		ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/exe -> $opt/.*|\1|p"
		for c in /sys/fs/cgroup/mesos /sys/fs/cgroup/*/mesos /sys/fs/cgroup/mesos_executors.slice /sys/fs/cgroup/*/mesos_executors.slice /sys/fs/cgroup/system.slice/dcos-*.service /sys/fs/cgroup/*/system.slice/dcos-*.service; do
			if [ -d "$c" ]; then find "$c" -name cgroup.procs -exec cat {} + 2>/dev/null; fi
		done
		for u in $(dcos_users); do ps -o pid= -u "$u" 2>/dev/null; done
	} | tr -d ' ' | sort -u | grep -vx "$$"
}

work_directories() { # where an agent keeps its work
	{
		sed -n 's/^MESOS_WORK_DIR=//p' "$opt/etc/mesos-slave-common" "$opt/etc/mesos-slave" "$opt/etc/mesos-slave-public" 2>/dev/null
		cat "$record/work_directories" 2>/dev/null
	} | grep '^/..*' | grep -v '^/var/lib/\(mesos\|dcos\)\(/\|$\)' | sort -u
}

# What Mesos makes in an agent's work directory, which may be somebody's disk.
work_names='meta slaves containers volumes provisioner resource_provider resource_providers fetch isolators csi store frameworks'
