# prepare: makes a plain image of a Linux distribution ready for DC/OS: what its preflight, and that of dcos_node, ask for.
#
# reads    what is put in front of it: line, role; commands, groups and modules that the line wants; docker_below, the
#          first major version of Docker that DC/OS is not to be given; selinux (targeted or permissive); and how the
#          distribution does it (debian.sh, rhel.sh, flatcar.sh), with the names in /etc/os-release that it is for
# prints   what it does, into cloud-init's log; exit code 1 where the host cannot be made ready
# changes  packages, groups, modules, services, SELinux's mode, /etc/resolv.conf, /etc/hosts, the kernel's parameters: only
#          what is missing, so that a second run changes nothing. May restart the host, as the last thing
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"

say() { echo "dcos: $*"; }
die() {
	echo "dcos: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
active() { systemctl is-active --quiet "$@" 2>/dev/null; }

# put FILE: writes standard input there, in place of a link too, and whole or not at all.
put() {
	cat >"$1.dcos"
	chmod 644 "$1.dcos"
	mv -f "$1.dcos" "$1"
}

# choose: prints the first of the versions on standard input, newest first, that is older than docker_below, else the newest.
choose() {
	awk -v below="$docker_below" '
		{ v = $1; sub(/^[0-9]+:/, "", v); split(v, part, ".") }
		NR == 1 { newest = $1 }
		part[1] + 0 < below { print $1; found = 1; exit }
		END { if (!found && NR) print newest }'
}

right_system() {
	# shellcheck disable=SC1091 # the host's own
	. /etc/os-release
	for system in $systems; do
		case " ${ID-} ${ID_LIKE-} " in
		*" $system "*) fits=yes ;;
		esac
	done
	[ -n "${fits-}" ] || die "this is made for $kind, and the host is ${ID-} ${VERSION_ID-}"
	[ "$(cat /proc/1/comm)" = systemd ] || die "DC/OS needs systemd as process 1"
}

programs() {
	missing=
	for c in $commands; do
		if [ "$c" != docker ] && ! have "$c"; then missing="$missing $(package_of "$c")"; fi
	done
	if [ -n "$missing" ]; then
		say "installing$missing"
		# shellcheck disable=SC2086 # names of packages
		install_packages $missing
	fi
	for c in $commands; do
		if [ "$c" != docker ] && ! have "$c"; then die "there is no $c, and $(package_of "$c") did not bring it"; fi
	done
}

engine() {
	if ! have docker; then install_docker; fi
	if ! systemctl is-enabled --quiet docker 2>/dev/null; then systemctl enable docker; fi
	if ! active docker; then systemctl start docker; fi
	tries=0
	until docker info >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || die "Docker does not answer: see journalctl -u docker"
		sleep 1
	done
	version=$(docker version --format '{{.Server.Version}}')
	say "Docker $version"
	if [ "${version%%.*}" -ge "$docker_below" ]; then
		say "WARNING: Docker $version was never tried with DC/OS $line; agents with Calico (2.1, 2.2) need one older than $docker_below"
	fi
}

accounts() {
	for g in $groups; do
		if ! getent group "$g" >/dev/null; then
			say "group $g"
			groupadd --system "$g"
		fi
	done
}

security() {
	have getenforce || return 0
	[ "$(getenforce)" = Enforcing ] || return 0
	if [ "$selinux" = targeted ]; then
		policy=$(sestatus 2>/dev/null | sed -n 's/^Loaded policy name: *//p')
		if [ "$policy" = targeted ]; then return 0; fi
	fi
	say "SELinux permissive"
	setenforce 0
	if [ -w /etc/selinux/config ]; then sed -i 's/^SELINUX=enforcing/SELINUX=permissive/' /etc/selinux/config; fi
}

clock() {
	if active chronyd chrony ntpd ntp systemd-timesyncd openntpd; then return 0; fi
	say "time: $time_unit"
	install_time
	systemctl enable --now "$time_unit"
}

# Port 53 is DC/OS's own: names are resolved by the host's real servers until it is there. firewalld takes Docker's rules away.
ports() {
	if active systemd-resolved; then
		say "stopping systemd-resolved"
		put /etc/resolv.conf </run/systemd/resolve/resolv.conf
		systemctl disable --now systemd-resolved
	fi
	for unit in dnsmasq firewalld; do
		if active "$unit"; then
			say "stopping $unit"
			systemctl disable --now "$unit"
		fi
	done
	if ! getent ahosts "$(hostname)" >/dev/null; then
		say "the host's name in /etc/hosts"
		echo "127.0.1.1 $(hostname)" >>/etc/hosts
	fi
}

# The DC/OS Storage Service's modules; where the kernel does not have them, all else works.
kernel_modules() {
	loaded=
	for m in $modules; do
		if [ -d "/sys/module/$m" ] || modprobe "$m" 2>/dev/null; then
			loaded="$loaded $m"
		else
			say "no kernel module $m here, which only the DC/OS Storage Service needs"
		fi
	done
	file=/etc/modules-load.d/dcos.conf
	if [ -n "$loaded" ] && [ ! -e "$file" ]; then
		# shellcheck disable=SC2086 # one a line
		printf '%s\n' $loaded | put "$file"
	fi
}

# Mesos isolates tasks by cgroups of version 1 alone. What the kernel is told counts from the next boot on.
cgroups() {
	if [ "$role" = master ] || [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then return 0; fi
	if grep -q systemd.unified_cgroup_hierarchy=0 /proc/cmdline; then
		say "WARNING: cgroups of version 2 alone, whatever the kernel is told: this systemd knows no others"
	elif kernel_parameter; then
		say "restarting, for cgroups of version 1"
		systemctl --no-block reboot
		sleep 600 # so that nobody takes the host for ready
	else
		say "WARNING: cgroups of version 2 alone, and no boot loader to tell the kernel so: agents' tasks are not isolated"
	fi
}

right_system
programs
engine
accounts
security
clock
ports
kernel_modules
own
cgroups
say "ready for DC/OS $line"
