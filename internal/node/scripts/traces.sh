# Goes after lib.sh and record.sh in front of uninstall and verify: where DC/OS leaves traces.
#
# reads    nothing
# prints   nothing
# changes  nothing

# Files that are DC/OS's alone. Its directories are the places of record.sh.
own_files="/opt/dcos-prereqs.installed /run/systemd/system/mesos_executors.slice /run/libstorage/lsx.lock
/run/docker/plugins/rexray.sock /run/docker/plugins/calico.sock /run/docker/plugins/calico-ipam.sock
/var/log/mesos-state.tar.gz /var/lib/dcos-cfn-signal"

# What a serve directory has at its top, 1.10 to 2.2 (as DC/OS's generator lays it out, and our manifest), and its directories.
serve_names='bootstrap.latest cluster-package-info.json cluster-package-list.latest dcos_install.sh .terraform-provider-dcos.json'
serve_directories='bootstrap package_lists packages upgrade'

served() { # files of a serve directory in the directories of the one that we are in, one a line; find follows no link
	find $serve_directories -xdev -type f \( -path 'bootstrap/*.bootstrap.tar.xz' -o -path 'bootstrap/*.active.json' -o \
		-path 'package_lists/*.package_list.json' -o -path 'packages/*/*--*.tar.xz' -o -path 'upgrade/*/dcos_node_upgrade.sh' \) 2>/dev/null |
		grep '^[A-Za-z0-9_.@+/-]*$'
}

remove_served() { # DIRECTORY: what a serve directory consists of; all else in it is others'
	(
		cd "$1" || exit
		rm -f $serve_names
		files=$(served)
		printf '%s\n' "$files" | xargs rm -f
		printf '%s\n' "$files" | sed -n 's|/[^/]*$||p' | sort -ru | xargs rmdir 2>/dev/null
		rmdir $serve_directories 2>/dev/null
	)
}

# What others use as well: removed if it is empty and was not there before or, where nobody knows, if it is no package's.
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
	} | sort -u | while read -r n; do recorded "$systemd/$n" || printf '%s\n' "$n"; done
}

stop_units() { # stops all units of DC/OS and keeps them from starting at boot; sets names
	say "stopping DC/OS's units"
	names=$(unit_names)
	if [ -z "$names" ]; then return 0; fi
	quickly 60 systemctl stop dcos-setup.service dcos-download.service >&2 </dev/null
	# shellcheck disable=SC2086 # unit names have no blanks
	quickly 300 systemctl stop dcos.target $names >&2 </dev/null
	for n in $names; do
		case $(unit_show "$n" ActiveState) in
		active | activating | deactivating | reloading)
			systemctl kill -s KILL "$n" >&2 </dev/null
			quickly 30 systemctl stop "$n" >&2 </dev/null
			;;
		esac
	done
	systemctl disable dcos-setup.service dcos.target >/dev/null 2>&1 </dev/null
}

forgotten_units() { # what systemd still knows only because it failed: somebody else has removed the file
	systemctl list-units --all --no-legend --plain 'dcos-*' dcos.target 2>/dev/null </dev/null |
		awk '$2 == "not-found" && $3 == "failed" { print $1 }'
}

dcos_users() { # accounts that pkgpanda made, one a line
	if [ -e "$etc/manual_host_users" ]; then return 0; fi
	# useradd --system --home-dir /opt/mesosphere -c 'DCOS System User' (pkgpanda, add_user)
	awk -F: '$1 ~ /^dcos_/ && ($5 == "DCOS System User" || $6 == "/opt/mesosphere") { print $1 }' /etc/passwd | not_recorded users
}

# Accounts of packages, 1.8 to 2.2, without dcos_. userdel leaves a group that has another member.
account_names=' adminrouter bouncer check_runner cockroach cosmos diagnostics docker_gc epmd etcd exhibitor fluent_bit history log
marathon mesos_dns metrics metronome oauth signal telegraf ui_update_service '

dcos_groups() { # groups that useradd made for them, one a line
	if [ -e "$etc/manual_host_users" ]; then return 0; fi
	others=$(dcos_users)
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/group | not_recorded groups | while read -r g; do
		case " $(printf '%s ' $account_names $others)" in *" ${g#dcos_} "* | *" $g "*) printf '%s\n' "$g" ;; esac
	done
}

not_recorded() { # LIST: leaves out what the record says was there before
	if [ -s "$record/$1" ]; then grep -vxFf "$record/$1"; else cat; fi
}

configured() { # MOUNT POINT: does the host's administrator want it there (fstab, a mount unit)?
	[ -n "$(unit_show "$(systemd-escape -p --suffix=mount "$1" 2>/dev/null)" FragmentPath)" ]
}

self_bound() { # MOUNT POINT: does what is mounted there last only show again what is there anyway? Mesos makes its work directory so.
	m=$1 awk '
		{ device[$1] = $3; root[$1] = $4; at[$1] = $5; above[$1] = $2 }
		$5 == ENVIRON["m"] { top = $1 }
		END {
			under = above[top]
			path = (root[under] == "/" ? "" : root[under]) substr(ENVIRON["m"], length(at[under] == "/" ? "" : at[under]) + 1)
			exit !(top != "" && device[top] == device[under] && root[top] == (path == "" ? "/" : path))
		}' /proc/self/mountinfo
}

stray_mounts() { # PLACE: mount points at it or below that neither were there before nor are the administrator's, deepest first
	if [ ! -d "$1" ]; then return 0; fi
	place=$(readlink -f "$1")
	{ mounts_below "$place" && if is_mount "$place"; then printf '%s\n' "$place"; fi; } | while read -r m; do
		allowed=$(recorded_mounts "$m")
		if [ "$allowed" = 0 ] && configured "$(printf '%b' "$m")"; then allowed=1; fi # blanks are written as \040 there
		if [ "$(count_mounts "$m")" -le "$allowed" ]; then continue; fi
		# At its own places DC/OS mounts nothing else.
		if { [ "$m" = "$place" ] || is_place "$m"; } && ! self_bound "$m"; then continue; fi
		if [ "$m" != "$place" ] && ! is_place "$1"; then
			m=${m#"$place"/} # in a directory that somebody chose, only where Mesos mounts
			case ${m%%/*} in slaves | containers | volumes | provisioner | csi | isolators) m=$place/$m ;; *) continue ;; esac
		fi
		printf '%s\n' "$m"
	done
}

is_place() { case " $(printf '%s ' $places)" in *" $1 "*) return 0 ;; *) return 1 ;; esac; } # PATH

# What follows walks through places, to remove or to look whether that has been done.

mountpoints=
read_mounts() { mountpoints=$nl$(awk '{ print $5 }' /proc/self/mountinfo)$nl; }

to_remove() {
	read_mounts
	# Nothing is mounted there, unless somebody does so right now.
	if rm -f --one-file-system 2>/dev/null; then here_only=--one-file-system; else here_only=; fi # BusyBox's knows it not
	gone() { rm -rf $here_only "$1"; }   # PATH
	unmake() { rmdir "$1" 2>/dev/null; } # DIRECTORY: if nothing is in it
	stay() { put stays "$1 $2"; }        # WHY PATH: what is not DC/OS's is named
	give_back() { # PLACE: directories that were there become again whose they were; not what a link in their place leads to
		led=$(readlink -f "$1")
		printf '%s' "$past" | sed -n 's/^owner //p' | while read -r whose mode d; do
			case $d in "$1"/*) ;; *) continue ;; esac
			if [ -d "$d" ] && [ "$(readlink -f "$d")" = "$led${d#"$1"}" ]; then chown -h "$whose" "$d" && chmod "$mode" "$d"; fi
		done
	}
}

to_look() { # left= for what is still there
	read_mounts
	gone() { put left "$1"; }
	unmake() { if [ -d "$1" ] && bare "$1"; then put left "$1"; fi; }
	stay() { :; }
	give_back() { :; }
}

clear_place() { # PLACE [work]: all that was not there before, or only what DC/OS is known to make
	if [ ! -d "$1" ]; then
		# Not followed anywhere, so that nothing is behind it.
		how=$(listed "$1")
		if [ -e "$1" ] && [ "$how" = none ]; then gone "$1"; fi
		if [ "$how${2:-}" = nonework ]; then unmake_above "$1"; fi
		return 0
	fi
	root=$1
	real=$(readlink -f "$1")
	how=$(listed "$1")
	if [ -L "$1" ] || is_mounted "$1"; then plain=; else plain=yes; fi
	if [ "$how" = none ] && [ -z "$plain" ]; then how=; fi # somebody has put a link or a disk there since
	case $how$plain-${2:-} in
	yes-) if [ "$1" = $default_work ]; then take "$1"; else take_known "$1"; fi ;; # a name that only DC/OS uses
	noneyes-) take "$1" ;;
	noneyes-work) # somebody chose the name, and somebody may use what is there now
		take_known "$1"
		unmake "$1"
		unmake_above "$1"
		;;
	[123]*-) sweep "$1" "$how" ;;
	*) take_known "$1" ;;
	esac
	if [ -n "$how" ]; then give_back "$1"; fi
}

unmake_above() { # PLACE: the directories that were made so that it could be
	above=${1%/*}
	while [ -n "$above" ] && ! recorded "$above"; do
		unmake "$above"
		above=${above%/*}
	done
}

take_known() { # PLACE
	known_below "$1" | while read -r n; do
		for c in "$1"/${n%/}; do
			if recorded "$c" || ! { [ -e "$c" ] || [ -L "$c" ]; }; then continue; fi
			case $n$how in
			*/) unmake "$c" ;;
			*) (take "$c") ;;
			esac
		done
	done
	case $how in
	[123]) why=shared ;;
	none) why=since ;;
	0) why=uncounted ;;
	*) why=unknown ;;
	esac
	contents "$1" | head -n 21 | while read -r c; do
		case $c in "$1"/*) : ;; *) continue ;; esac # the second line of a name
		if [ "$c" != "$record" ] && ! is_place "$c"; then stay $why "$c"; fi
	done
	if [ -z "$how" ] && [ -n "$plain" ] && ! { [ -e "$former" ] && had "$1"; }; then unmake "$1"; fi
}

sweep() { # DIRECTORY LEVELS [quiet]: what was not there before goes, the levels of it that are listed
	for c in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		case $c in "$record" | */lost+found | */.snapshot) continue ;; esac
		if [ ! -e "$c" ] && [ ! -L "$c" ]; then continue; fi
		if ! recorded "$c"; then
			(take "$c")
			continue
		fi
		if [ -d "$c" ] && [ -n "$(listed "$c")" ]; then
			is_place "$c" || (clear_place "$c")
			continue # it has, or gets, its own turn
		fi
		if [ -d "$c" ] && [ ! -L "$c" ]; then
			if [ "$2" -gt 1 ]; then (sweep "$c" $(($2 - 1)) quiet); fi
			if bare "$c"; then continue; fi
		fi
		if [ -z "${3:-}" ]; then stay before "$c"; fi
	done
}

take() { # PATH: it was not there before. Nothing is deleted through a mount: what stays mounted is emptied.
	if [ "$1" = "$record" ]; then return 0; fi
	if [ -L "$1" ] || [ ! -d "$1" ]; then
		gone "$1"
		return 0
	fi
	case $record in
	"$1"/*) : ;;
	*)
		if ! is_mounted "$1" && ! has_mounts "$1"; then
			gone "$1"
			return 0
		fi
		;;
	esac
	for c in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		case $c in */lost+found | */.snapshot) if is_mounted "$1"; then continue; fi ;; esac
		if [ -e "$c" ] || [ -L "$c" ]; then (take "$c"); fi # in a subshell, which keeps this loop's own variables
	done
	if ! is_mounted "$1"; then unmake "$1"; fi
}

find_mount() { # PATH below the place that is walked through: sets at, as mountinfo writes it
	at=$real${1#"$root"}
	case $at in
	*[[:space:]\\]*) at=$(printf '%s\n' "$at" | awk 'NR > 1 { printf "\\012" } { gsub(/\\/, "\\134"); gsub(/ /, "\\040"); gsub(/\t/, "\\011"); printf "%s", $0 }') ;;
	esac
}

is_mounted() {
	find_mount "$1"
	case $mountpoints in *"$nl$at$nl"*) return 0 ;; esac
	return 1
}

has_mounts() {
	find_mount "$1"
	case $mountpoints in *"$nl$at/"*) return 0 ;; esac
	return 1
}

overlay_names() { # names of DC/OS's overlay networks
	{
		printf 'dcos\ndcos6\n'
		cat "$opt"/etc/overlay/config/*.json 2>/dev/null | tr -d ' \n\t' | tr '{,' '\n\n' | sed -n 's/^"name":"\([A-Za-z0-9_.-]*\)".*/\1/p'
	} | sort -u
}

cni_networks() { # names of those whose addresses are noted below /var/lib/cni, one a line; since 2.0 most have another place
	{
		overlay_names
		printf 'mesos-bridge\ncalico\n'
		cat "$opt"/etc/dcos/network/cni/* 2>/dev/null | tr -d ' \n\t' | tr '{,' '\n\n' | sed -n 's/^"name":"\([A-Za-z0-9_.-]*\)".*/\1/p'
	} | grep -v '^[.]*$' | sort -u
}

take_addresses() { # NETWORK...: of those; others' container engines have theirs beside them
	root=/var/lib/cni
	real=$(readlink -f $root)
	for n in "$@"; do take "$root/networks/$n"; done
	remove_empty $root/networks $root
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

# Behind a link there may be others' programs besides.
real_opt=$(readlink -f "$opt")

dcos_processes() { # ids of processes that run DC/OS's programs or belong to its units or users
	{
		# shellcheck disable=SC2012 # these names are numbers
		ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/exe -> $opt/.*|\1|p; s|.* /proc/\([0-9]*\)/exe -> $real_opt/\(packages\|bin\|lib\)/.*|\1|p"
		for c in /sys/fs/cgroup/mesos /sys/fs/cgroup/*/mesos /sys/fs/cgroup/mesos_executors.slice /sys/fs/cgroup/*/mesos_executors.slice /sys/fs/cgroup/system.slice/dcos-*.service /sys/fs/cgroup/*/system.slice/dcos-*.service; do
			if [ -d "$c" ]; then find "$c" -name cgroup.procs -exec cat {} + 2>/dev/null; fi
		done
		for u in $(dcos_users); do ps -o pid= -u "$u" 2>/dev/null; done
	} | tr -d ' ' | sort -u | grep -vx "$$"
}

work_directories() { # where Mesos was told to keep its work, one a line
	{
		# Any node has the settings of all roles.
		if [ ! -e "$etc/roles/master" ]; then
			sed -n 's/^MESOS_WORK_DIR=//p' "$opt/etc/mesos-slave-common" "$opt/etc/mesos-slave" "$opt/etc/mesos-slave-public" 2>/dev/null
		fi
		if [ ! -e "$etc/roles/slave" ] && [ ! -e "$etc/roles/slave_public" ]; then sed -n 's/^MESOS_WORK_DIR=//p' "$opt/etc/mesos-master" 2>/dev/null; fi
		cat "$record/work_directories" 2>/dev/null
	} | of_their_own
}

of_their_own() { # leaves out the places, and what is no plain absolute path
	sed 's|//*|/|g; s|\(.\)/$|\1|' | grep '^\(/[A-Za-z0-9._+@-]\{1,\}\)\{1,\}$' | grep -v '/\.\.\{0,1\}\(/\|$\)' |
		grep -vxF "$(printf '%s\n' $places)" | grep -v '^/var/lib/dcos/' | sort -u
}
