# preflight: facts about the host that tell whether it is fit for a role. Judging them is not done here.
#
# reads    standard input, one wish a line, its words separated by single blanks:
#            command NAME             is it there?
#            group NAME               is it there?
#            module NAME              is it loaded?
#            space PATH               file system, free space
#            xfs PATH                 the same, and ftype if it is XFS; "docker": Docker's root directory
#            artifact PATH SIZE SHA   is this file there with this content?
#            package ID               is this package in DC/OS's repository?
#            url URL                  does it answer?
#            tcp HOST PORT            does it accept a connection?
#            directory PATH           is it there, can it be written to, what is in it, and which servers
#                                     does a configuration of exhibitor there name?
#            place PATH               can DC/OS make this directory, or use the one that is there?
#            ip_detect BASE64         what does this script print?
#            resolve NAME             has it an address? "@": the host's own name
#            account USER GROUP       does pkgpanda find or make this user? "-": in a group of its own
#            instance_role            does EC2's metadata service name this machine's role?
#            bucket HOST BUCKET       is there a bucket of this name in S3 at this host, and where?
#            health TYPE              what does DC/OS's own check runner say?
# prints   see parseFacts in preflight.go
# changes  nothing; ip-detect runs from a temporary file that is gone afterwards
put begin preflight

# first existing directory at or above a path: df knows nothing of what is not there yet
existing() {
	p=$1
	while [ ! -d "$p" ]; do p=$(dirname "$p"); done
	printf '%s' "$p"
}

space() { # KEY PATH: prints "PATH device type free_kib mount"
	at=$(existing "$2")
	line=$(df -P -k -T "$at" 2>/dev/null | awk 'END { print $1, $2, $5, $7 }')
	put "$1" "$2 $line"
}

# run_script FILE: runs a script through the interpreter that it names, so that it also works
# where the temporary directory is mounted noexec.
run_script() {
	read -r first <"$1" || first=
	case $first in
	'#!'*)
		interpreter=${first#??}
		# shellcheck disable=SC2086 # "#!/usr/bin/env bash" has an argument
		quickly 30 $interpreter "$1"
		;;
	*) quickly 30 sh "$1" ;;
	esac
}

# Below /run only root writes, so that names need not be secret: one that is known beforehand is removed
# whenever the script is stopped, and by the next one if it was killed outright.
ip_detect() {
	for f in /run/terraform-dcos-*.*; do
		if [ -e "$f" ] && [ ! -d "/proc/${f##*.}" ]; then rm -f "$f"; fi
	done
	t=/run/terraform-dcos-script.$$
	e=/run/terraform-dcos-stderr.$$
	trap 'rm -f "$t" "$e"' EXIT
	trap 'exit 143' HUP INT TERM
	decode "$1" >"$t" || return 1
	out=$(PATH=$opt/bin:$PATH run_script "$t" 2>"$e" </dev/null)
	put ip_detect_code $?
	put ip_detect "$out"
	tail -c 2000 "$e" | put_in ip_detect_stderr
	rm -f "$t" "$e"
}

tcp() {
	# bash is what DC/OS itself wants; it connects without sending anything.
	if quickly 8 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" >/dev/null 2>&1 </dev/null; then put tcp "$1 $2 yes"; else put tcp "$1 $2 no"; fi
}

url() {
	code=$(curl -sS -o /dev/null -m 20 --connect-timeout 10 -w '%{http_code}' -I "$1" 2>&1 </dev/null)
	put url "$1 $code"
}

entry() { getent "$1" "$2" 2>/dev/null || grep "^$2:" "/etc/$1" 2>/dev/null; } # DATABASE NAME

# account USER GROUP: prints what pkgpanda finds, as its own rules go: "ok"; "nogroup"; "other", and the primary group of the user that is
# there; "left", a group that useradd would make; "manual", no user where users are made by hand.
account() {
	user=$(entry passwd "$1")
	group=$(entry group "$2")
	found=ok
	if [ "$2" != - ] && [ -z "$group" ]; then
		found=nogroup
	elif [ -n "$user" ] && [ "$2" != - ]; then
		primary=$(printf '%s' "$user" | cut -d: -f4)
		members=$(printf '%s' "$group" | cut -d: -f4)
		if [ "$primary" != "$(printf '%s' "$group" | cut -d: -f3)" ]; then
			case ",$members," in
			*",$1,"*) : ;;
			*) found="other $(entry group "$primary" | cut -d: -f1)" ;;
			esac
		fi
	elif [ -z "$user" ] && [ -e "$etc/manual_host_users" ]; then
		found=manual
	elif [ -z "$user" ] && [ "$2" = - ] && [ -n "$(entry group "$1")" ]; then
		found=left
	fi
	put account "$1 $2 $found"
}

# instance_role asks as exhibitor and REX-Ray do: without a token and past any proxy. What is told is the answer's code
# and length; the name itself is not kept, and what is below it, the credentials, is never asked for.
instance_role() {
	put instance_role "$(curl -s -o /dev/null -m 5 --noproxy '*' -w '%{http_code} %{size_download}' \
		http://169.254.169.254/latest/meta-data/iam/security-credentials/ 2>/dev/null </dev/null)"
}

# bucket HOST BUCKET: prints the code of an unsigned HEAD, and the region that S3 names to everybody who asks.
bucket() {
	put bucket "$2 $(curl -s -I -m 15 --noproxy '*' "https://$1/$2" 2>/dev/null </dev/null | tr -d '\r' |
		awk 'NR == 1 { code = $2 } tolower($1) == "x-amz-bucket-region:" { region = $2 } END { print code, region }')"
}

health() {
	if [ -x "$opt/bin/dcos-check-runner" ]; then
		set -- "$1" "$opt/bin/dcos-check-runner"
	elif [ -f "$opt/etc/dcos-diagnostics-runner-config.json" ]; then
		set -- "$1" "$opt/bin/dcos-diagnostics"
	else
		return
	fi
	out=$(
		# shellcheck disable=SC1091 # DC/OS's own file
		if [ -f "$opt/environment.export" ]; then set +u && . "$opt/environment.export"; fi
		quickly 90 "$2" check "$1" 2>/dev/null </dev/null
	)
	put health_code "$1 $?"
	put "health_$1" "$out"
}

docker_root=
if command -v docker >/dev/null 2>&1; then
	docker_info=$(quickly 30 docker info 2>/dev/null </dev/null)
	put docker_code $?
	put docker_info "$docker_info"
	docker_root=$(printf '%s\n' "$docker_info" | sed -n 's/^ *Docker Root Dir: *//p')
	put docker_version "$(quickly 30 docker version --format '{{.Server.Version}} {{.Client.Version}}' 2>/dev/null </dev/null)"
fi

while read -r what a b c; do
	case $what in
	command)
		at=$(command -v "$a" 2>/dev/null)
		put command "$a $at"
		;;
	group)
		if grep -q "^$a:" /etc/group || getent group "$a" >/dev/null 2>&1; then put group "$a yes"; else put group "$a no"; fi
		;;
	module)
		if grep -q "^$a " /proc/modules 2>/dev/null || [ -d "/sys/module/$a" ]; then put module "$a yes"; else put module "$a no"; fi
		;;
	space) space space "$a" ;;
	xfs)
		if [ "$a" = docker ]; then a=$docker_root; fi
		if [ -z "$a" ]; then continue; fi
		space xfs "$a"
		if command -v xfs_info >/dev/null 2>&1; then
			ftype=$(xfs_info "$(existing "$a")" 2>/dev/null </dev/null | sed -n 's/.*ftype=\([0-9]\).*/\1/p' | head -n 1)
			put xfs_ftype "$a $ftype"
		fi
		;;
	artifact)
		if [ -f "$a" ] && [ "$(stat -c %s "$a")" = "$b" ]; then
			sum=$(sha256sum <"$a")
			if [ "${sum%% *}" = "$c" ]; then put have "$a"; fi
		fi
		;;
	package)
		if [ -s "$opt/packages/$a/pkginfo.json" ]; then put package "$a"; fi
		;;
	content)
		if [ -d "$opt/packages/$a" ]; then
			sum=$(cd "$opt/packages/$a" && find . -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum)
			if [ "${sum%% *}" != "$b" ]; then put altered "$a"; fi
		fi
		;;
	url) url "$a" ;;
	tcp) tcp "$a" "$b" ;;
	directory)
		if [ ! -d "$a" ]; then put directory "$a missing"; elif [ ! -w "$a" ]; then put directory "$a readonly"; else put directory "$a yes"; fi
		put contents "$a $(contents "$a" | sed 's|.*/||' | head -n 20 | tr '\n' ' ')"
		put servers "$a $(sed -n 's/^[^#]*servers-spec *= *//p' "$a/exhibitor.properties" 2>/dev/null | tr -d '\\ ')"
		;;
	place)
		if [ -L "$a" ] && [ ! -e "$a" ]; then
			put unfit "$a dangling"
		elif [ -e "$a" ] && [ ! -d "$a" ]; then
			put unfit "$a file"
		elif [ ! -w "$(existing "$a")" ]; then
			put unfit "$a readonly"
		fi
		;;
	ip_detect) ip_detect "$a" ;;
	resolve)
		if [ "$a" = @ ]; then a=$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname); fi
		if ! command -v getent >/dev/null 2>&1; then
			put resolve "$a unknown"
		elif quickly 15 getent ahosts "$a" >/dev/null 2>&1 </dev/null; then
			put resolve "$a yes"
		else
			put resolve "$a no"
		fi
		;;
	account) account "$a" "$b" ;;
	instance_role) instance_role ;;
	bucket) bucket "$a" "$b" ;;
	health) health "$a" ;;
	'') : ;;
	*)
		put failed "reading what to look at: $what"
		exit 70
		;;
	esac
done

# Ports in use, in hex: the second column of these tables is ADDRESS:PORT. Of TCP's only those that are
# listened on count (state 0A); what is left of closed connections keeps nobody from binding.
{
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { sub(".*:", "", $2); print $2 }'
	cat /proc/net/udp /proc/net/udp6 2>/dev/null | awk '$2 ~ /:/ { sub(".*:", "", $2); print $2 }'
} | sort -u | put_in ports

if command -v getenforce >/dev/null 2>&1; then
	put selinux "$(getenforce 2>/dev/null)"
	put selinux_policy "$(sestatus 2>/dev/null </dev/null | sed -n 's/^Loaded policy name: *//p')"
fi
put systemd_version "$(systemctl --version 2>/dev/null </dev/null | sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p')"
put pid1 "$(cat /proc/1/comm)"
put cgroups "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)"
# Asking timedatectl would start a service on the host.
if systemctl is-active --quiet chronyd chrony ntpd ntp systemd-timesyncd openntpd 2>/dev/null </dev/null; then put ntp yes; else put ntp no; fi
put end preflight
