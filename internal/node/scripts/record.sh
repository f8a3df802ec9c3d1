# Goes after lib.sh in front of the scripts that change a host: the marker of an unfinished
# installation of ours, the record of what the host looked like before, and the claim of whose the
# node is.
#
# reads    nothing
# prints   nothing
# changes  nothing by itself; make_marker, record_host and write_claim say what they change

make_marker() { # BASE64 CLAIM: writes the marker, the record if there is none yet, and the claim if one is given
	if [ ! -d "$staging" ]; then
		try "making $staging" mkdir -p "$staging"
		try "making $staging private" chmod 0700 "$staging"
		printf 'dir %s\n' "$staging" >>"$placed"
	fi
	decode "$1" >"$owner.new" || fail "writing the marker in $staging"
	try "writing the marker in $staging" mv -f "$owner.new" "$owner"
	record_host || fail "recording the host's state in $record"
	write_claim "${2:-}"
}

write_claim() { # BASE64: says whose the node is; "" and "-" say nothing
	case $1 in "" | -) return 0 ;; esac
	# Only after record_host: the directory must not count as the host's own.
	mkdir_recorded "$record" || fail "making $record"
	(umask 077 && decode "$1" >"$claim.new") || fail "writing whose the node is to $claim"
	try "writing whose the node is to $claim" mv -f "$claim.new" "$claim"
}

# Directories and files which DC/OS makes or changes and which a host may have had before.
host_paths='/etc/systemd/journald.conf.d /etc/rexray /etc/calico /etc/docker /etc/docker/daemon.json
/etc/NetworkManager/conf.d /etc/systemd/network /etc/profile.d /etc/mesosphere /opt/mesosphere /opt
/var/lib/dcos /var/lib/mesos /var/log/mesos /var/lib/calico /var/lib/cni /var/lib/zookeeper
/run/docker/plugins /run/mesos /run/calico /run/libstorage /run/dcos
/etc/systemd/system/multi-user.target.wants /var/lib/systemd/timers'

record_host() { # writes the record, once, and only while DC/OS has not changed anything
	if [ -e "$record/complete" ] || [ -d "$opt/active" ] || [ -e "$systemd/dcos.target" ]; then return 0; fi
	# The list is made before the record's own directory is, and in one step, because a run that is
	# killed in between would take that directory for the host's.
	if [ ! -e "$record/had" ] && [ ! -e "$staging/.had" ]; then
		for p in $host_paths; do
			if [ -e "$p" ] || [ -L "$p" ]; then printf '%s\n' "$p"; fi
		done >"$staging/.had.new" && mv -f "$staging/.had.new" "$staging/.had" || return 1
	fi
	mkdir_recorded "$record" || return 1
	if [ -e "$staging/.had" ]; then cp "$staging/.had" "$record/had.new" && mv -f "$record/had.new" "$record/had" || return 1; fi
	if [ -d "$etc" ] && [ ! -e "$record/etc" ]; then
		rm -rf "$record/etc.new"
		cp -a "$etc" "$record/etc.new" && mv "$record/etc.new" "$record/etc" || return 1
	fi
	if [ -L /etc/resolv.conf ] || [ -e /etc/resolv.conf ]; then cp -a /etc/resolv.conf "$record/resolv.conf" || return 1; fi
	if [ -e /etc/docker/daemon.json ]; then cp -a /etc/docker/daemon.json "$record/daemon.json" || return 1; fi
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/passwd >"$record/users" || return 1
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/group >"$record/groups" || return 1
	if command -v sysctl >/dev/null 2>&1; then sysctl -a 2>/dev/null >"$record/sysctl"; fi
	: >"$record/complete"
}

had() { # PATH: was it there before? Without a record: does a package of the system own it?
	if [ -e "$record/had" ]; then
		grep -qxF "$1" "$record/had"
	elif command -v dpkg >/dev/null 2>&1; then
		dpkg -S "$1" >/dev/null 2>&1
	elif command -v rpm >/dev/null 2>&1; then
		rpm -qf "$1" >/dev/null 2>&1
	else
		return 1
	fi
}

remove_placed() { # removes what place.sh moved onto the host, and the marker, which goes last
	dirs=
	if [ -f "$placed" ]; then
		while read -r what path; do
			if [ "$what" = file ]; then rm -f "$path" "$path.part"; fi
		done <"$placed"
		dirs=$(sed -n 's/^dir //p' "$placed" | sort -ru)
	fi
	rm -rf "$staging/.former"
	rm -f "$staging/.ids" "$staging/.activate" "$staging/.had" "$staging/.had.new"
	# While the list is there, so that a run that is killed in between leaves it to the next; then what it was in.
	remove_empty $dirs
	rm -f "$owner.new" "$owner" "$placed"
	# A run that was killed right after it had made it could not note it.
	remove_empty $dirs "$staging"
	return 0
}

remove_empty() { # DIRECTORY...
	for d in "$@"; do
		if [ -d "$d" ]; then rmdir "$d" 2>/dev/null; fi
	done
}
