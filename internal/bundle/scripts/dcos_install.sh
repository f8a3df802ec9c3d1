#!/bin/bash
# Makes this host a node of a DC/OS @{.Version}@ cluster.
#
#   dcos_install.sh [-d|--disable-preflight] [--no-block-dcos-setup] ROLE
#   dcos_install.sh -p|--preflight-only ROLE
#
# ROLE is master, slave or slave_public. The preflight's exit code is the
# number of problems that it found.
#
# Rendered by terraform-provider-dcos.
#   commit of the release: @{.Commit}@
#   bundle: @{.BundleID}@

set -u
umask 022

preflight=yes
install=yes
no_block=no
problems=0
versions=yes

usage() {
	echo "usage: ${0##*/} [-d|--disable-preflight] [-p|--preflight-only] [--no-block-dcos-setup] master|slave|slave_public" >&2
	exit 1
}

# --- what preflight says

good() { echo "  ok       $*"; }
note() { echo "  warning  $*"; }
bad() {
	echo "  FAILED   $*"
	problems=$((problems + 1))
}
stop() {
	echo "  FAILED   $1"
	echo "$2" >&2
	exit 1
}

# --- what preflight looks at

have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: is version HAVE not below WANT?
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$1" ]; }

need_command() {
	if have "$1"; then
		good "$1 is there"
		return 0
	fi
	bad "$1 is not installed, or not on PATH"
	return 1
}

# need_version NAME HAVE WANT
need_version() {
	[ "$versions" = yes ] || return 0
	if [ -z "$2" ]; then
		bad "the version of $1 cannot be found out, $3 or later is needed"
	elif at_least "$2" "$3"; then
		good "$1 is version $2"
	else
		bad "$1 is version $2, $3 or later is needed"
	fi
}

check_former_installation() {
	for place in /etc/systemd/system/dcos.target /etc/systemd/system/dcos.target.wants; do
		[ ! -d "$place" ] || former "$place"
	done
@{- if .Facts.EmptyRoot }@
	if [ -e /opt/mesosphere ] && { [ ! -d /opt/mesosphere ] || [ -n "$(ls -A /opt/mesosphere)" ]; }; then
@{- else }@
	if [ -d /opt/mesosphere ]; then
@{- end }@
		former /opt/mesosphere
	fi
	good "no DC/OS is installed here"
}

former() {
	stop "DC/OS is installed here already: there is $1" \
		"Uninstall it before you install it again."
}

check_selinux() {
	mode=$(getenforce 2>/dev/null)
	if [ "$mode" != Enforcing ]; then
		good "SELinux is not enforcing"
		return
	fi
@{- if .Facts.SELinuxTargeted }@
	policy=$(sestatus 2>/dev/null | sed -n 's/^Loaded policy name:[[:space:]]*//p')
	if [ "$policy" = targeted ]; then
		good "SELinux enforces the policy targeted"
	else
		bad "SELinux enforces the policy '$policy'; it must be targeted, or SELinux permissive or off"
	fi
@{- else }@
	bad "SELinux is enforcing; it must be permissive or off"
@{- end }@
}

check_sort() {
	if ! echo 1 | sort -V >/dev/null 2>&1; then
		note "sort has no option -V, so versions are not compared"
		versions=no
	fi
}

check_docker() {
@{- if .Facts.DockerRunning }@
	need_command docker
	if docker info >/dev/null 2>&1; then
		good "Docker's daemon answers"
		daemon=yes
	else
		bad "Docker's daemon does not answer (docker info)"
		daemon=no
	fi
@{- else }@
	daemon=yes
@{- end }@
	if need_command docker && [ "$daemon" = yes ]; then
		need_version docker "$(docker version --format '{{.Server.Version}} {{.Client.Version}}' 2>/dev/null |
			tr ' ' '\n' | grep '^[0-9][0-9]*\.' | sort -V 2>/dev/null | head -n 1)" 1.6
	fi
}

check_systemd() {
	if need_command systemctl; then
		need_version systemd "$(systemctl --version | sed -n '1s/^[^ ]* \([^ ]*\).*/\1/p')" 200
	fi
}
@{- if .Facts.Groups }@

need_group() {
	if getent group "$1" >/dev/null; then
		good "the group $1 exists"
	else
		bad "there is no group $1"
	fi
}
@{- end }@

# A port is in use when something listens on it (state 0A of TCP, 07 of UDP).
check_ports() {
	used=$(cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null |
		awk '$4 == "0A" || $4 == "07" { n = split($2, part, ":"); print part[n] }')
	while read -r port service; do
		hex=$(printf '%04X' "$port")
		case "
$used
" in
		*"
$hex
"*) bad "port $port is in use, $service needs it" ;;
		*) good "port $port is free for $service" ;;
		esac
	done <<END
$1
END
}

master_ports='@{ range $i, $p := .MasterPorts }@@{ if $i }@
@{ end }@@{ $p.Port }@ @{ $p.Service }@@{ end }@'

agent_ports='@{ range $i, $p := .AgentPorts }@@{ if $i }@
@{ end }@@{ $p.Port }@ @{ $p.Service }@@{ end }@'

docker_says() { docker info 2>/dev/null | sed -n "s/^[[:space:]]*$1:[[:space:]]*//p" | head -n 1; }

# good_xfs DIRECTORY: does overlayfs work there? XFS needs ftype=1 for that.
good_xfs() {
	directory=$1
	while [ ! -d "$directory" ]; do
		directory=$(dirname "$directory")
	done
	df -PT "$directory" | {
		read -r _
		read -r device type _ _ _ _ mount
		[ "$type" = xfs ] && [ -b "$device" ] || exit 0
		if xfs_info "$mount" | grep -q 'ftype=1'; then
			good "the XFS at $mount has ftype=1"
		else
			echo "  FAILED   the XFS at $mount does not have ftype=1"
			exit 1
		fi
	}
}

check_xfs() {
	all=yes
	good_xfs '@{ .AgentWorkDir }@' || all=no
	good_xfs "$(docker_says 'Docker Root Dir')" || all=no
	[ "$all" = yes ] || problems=$((problems + 1))
}

check_storage_driver() {
	driver=$(docker_says 'Storage Driver')
	file=$(docker_says 'Data file')
	case "$driver $file" in
	"devicemapper /dev/loop"*)
		stop "Docker stores on a loop device ($driver, $file)" \
			"Configure Docker to use another storage driver, or a real device for devicemapper."
		;;
	esac
	good "Docker's storage driver is ${driver:-not known}"
}
@{- if .Facts.KernelModules }@

want_module() {
	if lsmod 2>/dev/null | grep -q "^$1"; then
		good "the kernel module $1 is loaded"
	else
		note "the kernel module $1 is not loaded; the DC/OS Storage Service needs it"
	fi
}
@{- end }@

check_role() {
	case $roles in
	master | slave | slave_public | minuteman) good "the role is $roles" ;;
	'') bad "no role is named" ;;
	*) bad "'$roles' is no role; a node has one of master, slave, slave_public" ;;
	esac
}

run_preflight() {
	echo "Preflight:"
	check_former_installation
	check_selinux
	check_sort
	check_docker
@{- range .PlainCommands }@
	need_command @{ . }@
@{- end }@
	check_systemd
@{- range .Facts.Groups }@
	need_group @{ . }@
@{- end }@
	case " $roles " in
	*" slave "* | *" slave_public "*)
		check_ports "$agent_ports"
		check_xfs
		;;
	*) check_ports "$master_ports" ;;
	esac
	check_storage_driver
@{- range .Facts.KernelModules }@
	want_module @{ . }@
@{- end }@
	check_role
	[ "$problems" -eq 0 ] && return 0
	echo "Preflight found $problems problem(s)." >&2
	[ "$problems" -le 255 ] || problems=255
	exit "$problems"
}

# --- installation

# put MODE PATH: makes a file of what comes in.
put() {
	mkdir -p "$(dirname "$2")"
	(umask 077 && cat >"$2")
	chmod "$1" "$2"
}

set_roles() {
	mkdir -p /etc/mesosphere/roles /etc/mesosphere/setup-flags
	for role in $roles; do
		touch "/etc/mesosphere/roles/$role"
	done
}

write_files() {
@{- range .Files }@
	put @{ .Mode }@ '@{ .Path }@' <<'@{ .Mark }@'
@{ .Text -}@
@{ .Mark }@
@{- end }@
}

start_services() {
@{- range .Commands }@
@{- if .NoBlock }@
	if [ "$no_block" = yes ]; then
		systemctl @{ .Verb }@ @{ .Unit }@ --no-block
	else
		systemctl @{ .Verb }@ @{ .Unit }@
	fi
@{- else }@
	systemctl @{ .Verb }@ @{ .Unit }@
@{- end }@
@{- end }@
}

# --- what is asked for

roles=
options=yes
while [ $# -gt 0 ]; do
	argument=$1
	shift
	if [ "$options" = no ]; then
		roles="$roles $argument"
		continue
	fi
	case $argument in
	--) options=no ;;
	--?*)
		# As with getopt, the start of an option will do.
		known=
		for option in --disable-preflight --preflight-only --no-block-dcos-setup; do
			case $option in "$argument"*) known=$option ;; esac
		done
		case $known in
		--disable-preflight) preflight=no ;;
		--preflight-only) install=no ;;
		--no-block-dcos-setup) no_block=yes ;;
		*) usage ;;
		esac
		;;
	-*)
		case $argument in - | -*[!dp]*) usage ;; esac
		case $argument in *d*) preflight=no ;; esac
		case $argument in *p*) install=no ;; esac
		;;
	*) roles="$roles $argument" ;;
	esac
done
roles=${roles# }

if [ "$(id -u)" -ne 0 ]; then
	echo "${0##*/} has to run as root." >&2
	exit 1
fi
@{- if .BothRefused }@
if [ "$preflight$install" = nono ]; then
	echo "--disable-preflight and --preflight-only exclude each other." >&2
	usage
fi
@{- end }@
if [ "$install" = no ]; then
	run_preflight
	exit 0
fi
if [ -z "$roles" ]; then
	echo "Which role is this node to have?" >&2
	usage
fi
[ "$preflight" = no ] || run_preflight

set -e
echo "Installing DC/OS @{.Version}@ as $roles."
set_roles
write_files
start_services
