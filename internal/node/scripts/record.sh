# Goes after lib.sh in front of the scripts that change a host: the marker of an unfinished
# installation of ours, the record of what the host looked like before, and the claim of whose the
# node is.
#
# reads    nothing
# prints   nothing
# changes  nothing by itself; make_marker, record_host and write_claim say what they change
nl='
'
list=$record/list
early=$record/had     # what a version that knows no list reads: which of its paths were there
early_etc=$record/etc # and what was in /etc/mesosphere
aside=.before-dcos # behind the name of a file in whose place something of ours lies
watched=           # directories that DC/OS is told to use by parameters
relist=

make_marker() { # BASE64 CLAIM: writes the marker, the record if there is none yet, and the claim if one is given
	# A record without a marker and without DC/OS is of a removal that broke off at its end. What is there by now is the
	# host's, so that its list is not good any more. It goes first: a run that is killed in between has none.
	if [ ! -e "$owner" ] && [ -e "$record/complete" ] && ! begun; then
		relist=yes
		rm -rf "$list" "$staging/.list" "$early" "$early_etc" || fail "removing the list of an earlier installation in $record"
	fi
	if [ ! -d "$staging" ]; then
		# By its name at once with the note that it is ours: a run that is killed in between leaves nothing in doubt.
		rm -rf "$staging.new" && try "making $staging" mkdir -p "$staging.new"
		try "making $staging private" chmod 0700 "$staging.new"
		printf 'dir %s\n' "$staging" >"$staging.new/${placed##*/}" || fail "making $staging"
		try "making $staging" mv -f "$staging.new" "$staging"
	elif bare "$staging" && [ "$(stat -c %u:%a "$staging")" = 0:700 ]; then
		printf 'dir %s\n' "$staging" >>"$placed" # as a run of an older version leaves it that was killed right after it had made it
	fi
	decode "$1" >"$owner.new" || fail "writing the marker in $staging"
	sync "$owner.new" 2>/dev/null </dev/null # a name without its content says nothing; where sync knows no files, all is synced
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

# Directories that are DC/OS's, those inside others first. Each may be a link to a directory or a mount: DC/OS goes where it leads.
default_work=/var/lib/mesos/slave
places="$default_work /var/lib/mesos /var/lib/dcos /var/log/mesos $opt /run/dcos /run/mesos /run/dcos_exhibitor
/etc/calico /var/lib/calico /run/calico $etc"

# What Mesos makes in an agent's work directory (src/slave/paths.hpp, src/csi/paths.hpp, the isolators' paths.hpp) and
# in a master's (src/master/main.cpp; the overlay module's). A name that ends in a slash is one that others use too.
work_names='meta/boot_id meta/resources meta/slaves meta/volume_gid_manager meta/ slaves/latest slaves/*-S[0-9]* slaves/
containers/????????-????-????-????-???????????? containers/ volumes/roles volumes/ provisioner/containers provisioner/
csi/*/*/containers csi/*/*/volumes csi/*/*/mounts csi/*/*/ csi/*/ csi/ isolators/network/cni isolators/volume/csi
isolators/network/ isolators/volume/ isolators/ replicated_log overlay_replicated_log'

known_below() { # PLACE: names of what DC/OS is known to make there, as patterns, one a line, those inside others first
	case $1 in
	"$opt") names=$opt_names ;;
	"$etc") names='roles setup-flags setup-packages docker_credentials docker_credentials.dcos-new' ;;
	/var/lib/dcos) # packages with a state_directory, and what units write, 1.8 to 2.2
		names='3dt bootstrap bouncer bouncer-deps cluster-id cockroach conntrack-tools cosmos dcos-checks dcos-diagnostics dcos-history
		dcos-oauth dcos-ui-update-service docker-gc etcd exec exhibitor exhibitor-tls-artifacts flb-storage lashup marathon mesos
		mesos-resources metronome minuteman navstar pki telegraf .dcos-bootstrap-ca-psk'
		;;
	/var/lib/mesos) names='isolators/docker/volume isolators/docker/ isolators/' ;; # and the default work directory
	"$default_work") names="store/docker store/ $work_names" ;; # MESOS_DOCKER_STORE_DIR is there whatever the work directory is
	/var/log/mesos) names='mesos-* lt-mesos-* archive' ;;
	/run/dcos | /run/mesos | /run/dcos_exhibitor) names='* .[!.]*' ;;
	/run/calico) names='bird.ctl bird6.ctl' ;;
	/etc/calico) names='calicoctl.cfg confd' ;; # start-calico-felix.sh and dcos-calico-confd.service
	/var/lib/calico) names='nodename profile.yaml mtu' ;;
	*) names=$work_names ;;
	esac
	(set -f && printf '%s\n' $names)
}

is_mount() { m=$1 awk '$5 == ENVIRON["m"] { found = 1 } END { exit !found }' /proc/self/mountinfo; } # PATH as mountinfo writes it

mounts_below() { # DIRECTORY: mount points strictly below it, deepest first
	d="$1/" awk 'index($5, ENVIRON["d"]) == 1 { print $5 }' /proc/self/mountinfo | sort -ru
}

count_mounts() { m=$1 awk '$5 == ENVIRON["m"] { n++ } END { print n + 0 }' /proc/self/mountinfo; } # MOUNT POINT

# Files and directories besides, which DC/OS makes or changes and which a host may have had before.
host_paths='/etc/systemd/journald.conf.d /etc/rexray /etc/docker /etc/docker/daemon.json
/etc/NetworkManager /etc/NetworkManager/conf.d /etc/systemd/network /etc/profile.d /opt
/var/lib/cni /run/docker /run/docker/plugins /run/libstorage
/etc/systemd/system/multi-user.target.wants /var/lib/systemd/timers
/opt/dcos-prereqs.installed /run/systemd/system/mesos_executors.slice /run/libstorage/lsx.lock
/run/docker/plugins/rexray.sock /run/docker/plugins/calico.sock /run/docker/plugins/calico-ipam.sock
/var/log/mesos-state.tar.gz /var/lib/dcos-cfn-signal'

# Settings that DC/OS's services write or replace; what they were is kept.
host_settings='/etc/profile.d/dcos.sh /etc/systemd/journald.conf.d/dcos.conf /etc/systemd/network/dcos.network
/etc/NetworkManager/conf.d/dcos-net.conf'

begun() { [ -e "$systemd/dcos.target" ] || { [ -d "$opt" ] && ! bare "$opt"; } || [ -e "$record/up" ]; } # is DC/OS there, or was it?

note_up() { mkdir_recorded "$record" && : >"$record/up"; } # the node is or was up, and has something to lose from now on

record_host() { # writes the record, once, and only while DC/OS has not changed anything
	if begun; then return 0; fi
	if [ -e "$record/complete" ] && [ -z "$relist" ]; then return 0; fi
	# The list is made before the record's own directory is, and in one step, because a run that is
	# killed in between would take that directory for the host's.
	if [ ! -e "$list" ] && [ ! -e "$staging/.list" ]; then
		lines=$(list_host) && printf '%s\n' "$lines" >"$staging/.list.new" && mv -f "$staging/.list.new" "$staging/.list" || return 1
	fi
	mkdir_recorded "$record" || return 1
	if [ -e "$staging/.list" ]; then
		record_early "$staging/.list" && cp "$staging/.list" "$list.new" && mv -f "$list.new" "$list" || return 1
	fi
	if [ -e "$record/complete" ]; then return 0; fi
	for p in $host_settings; do
		if { [ -f "$p" ] || [ -L "$p" ]; } && [ ! -e "$record/files$p" ] && [ ! -L "$record/files$p" ]; then
			mkdir -p "$record/files${p%/*}" && cp -a "$p" "$record/files$p.new" && mv -f "$record/files$p.new" "$record/files$p" || return 1
		fi
	done
	if [ -L /etc/resolv.conf ] || [ -e /etc/resolv.conf ]; then cp -a /etc/resolv.conf "$record/resolv.conf" || return 1; fi
	if [ -e /etc/docker/daemon.json ]; then cp -a /etc/docker/daemon.json "$record/daemon.json" || return 1; fi
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/passwd >"$record/users" || return 1
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/group >"$record/groups" || return 1
	if command -v sysctl >/dev/null 2>&1; then sysctl -a 2>/dev/null >"$record/sysctl"; fi
	: >"$record/complete"
}

# An early version, which may be the one that uninstalls, removes what it knows to be DC/OS's but for the directories that
# this names, and puts back what was in /etc/mesosphere. Where there is a list, nobody else reads either.
record_early() { # LIST
	grep -xF "$(printf '%s\n' $host_paths $places | grep -vxF "$default_work")" "$1" >"$early.new" || [ $? = 1 ] || return 1
	mv -f "$early.new" "$early" || return 1
	if [ ! -d "$etc" ] || [ -e "$early_etc" ]; then return 0; fi
	rm -rf "$early_etc.new" && cp -a "$etc" "$early_etc.new" && mv "$early_etc.new" "$early_etc"
}

# The list says what was there before. Lines of it:
#   begin MACHINE       the first: the machine it is of; what was cloned from there has none
#   /PATH               it was there
#   none PLACE          the place was not there
#   owner ID:ID MODE PATH  whose the directory was; a package's state directory becomes its user's
#   place DEPTH PLACE   it was, and what was in it so many levels deep is listed; 0: of what is in it only the
#                       names that DC/OS is known to make are
#   mount COUNT PATH    so many mounts were at the path, which is as in /proc/self/mountinfo
#   end                 the last: without it a power cut has taken the rest
list_host() {
	printf 'begin %s\n' "$(cat /etc/machine-id 2>/dev/null)"
	for p in $host_paths $host_settings "$systemd"/dcos-* "$systemd"/dcos.target* "$systemd"/multi-user.target.wants/dcos[-.]*; do
		if [ -e "$p" ] || [ -L "$p" ]; then printf '%s\n' "$p"; fi
	done
	if [ -d "$staging" ] && ! grep -qsxF "dir $staging" "$placed"; then printf '%s\n' "$staging"; fi
	for p in $places $watched; do list_place "$p"; done
	for p in $places $watched; do
		if [ ! -d "$p" ]; then continue; fi
		real=$(readlink -f "$p")
		{ if is_mount "$real"; then printf '%s\n' "$real"; fi && mounts_below "$real"; } |
			while read -r m; do printf 'mount %s %s\n' "$(count_mounts "$m")" "$m"; done
	done
	echo end
}

most=1000 # names that are listed of one place

list_place() { # PATH
	if [ ! -e "$1" ]; then
		if [ -L "$1" ]; then printf '%s\n' "$1"; fi
		printf 'none %s\n' "$1"
		# Which of the directories above it were there: the others are made with it.
		d=${1%/*}
		while [ -n "$d" ]; do
			if [ -e "$d" ]; then printf '%s\n' "$d"; fi
			d=${d%/*}
		done
		return 0
	fi
	# An earlier installation's record makes no directory of the host's.
	if [ "$1" = "${record%/*}" ] && [ ! -L "$1" ] && [ "$(ls -A "$1")" = "${record##*/}" ] && ! is_mount "$1" && ! recorded "$1"; then
		printf 'none %s\n' "$1"
		return 0
	fi
	printf '%s\n' "$1"
	if [ ! -d "$1" ]; then return 0; fi
	# A name of two lines could say anything of any place: where there is one, nothing is listed, so that all but known names stays.
	depths='3 2 1 0'
	if [ -n "$(quickly 5 find "$1/" -mindepth 1 -maxdepth 3 -name "*$nl*" 2>/dev/null | head -c 1)" ]; then depths=0; fi
	for depth in $depths; do
		if [ $depth = 0 ]; then break; fi
		# The last line says that nothing was cut off.
		names=$({ quickly 5 find "$1/" -mindepth 1 -maxdepth $depth 2>/dev/null && echo /; } | head -n $((most + 1)))
		case $nl$names in
		*"$nl/")
			printf '%s\n' "$names" | sed '$d'
			break
			;;
		esac
	done
	known_below "$1" | while read -r n; do
		for f in "$1"/${n%/}; do
			case $f in *"$nl"*) continue ;; esac
			if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "$f"; fi
			if [ -d "$f" ]; then stat -L -c 'owner %u:%g %a %n' "$f"; fi
		done
	done
	printf 'place %s %s\n' $depth "$1"
	if [ $depth = 0 ]; then return 0; fi
	case $1 in
	/var/lib/dcos | /var/lib/mesos) # a part of it may be a link to another disk
		for f in "$1"/* "$1"/.[!.]*; do
			case $f in *"$nl"*) continue ;; esac
			if [ -L "$f" ] && [ -d "$f" ] && [ "$f" != $default_work ]; then (list_place "$f"); fi
		done
		;;
	esac
}

past= # the list; empty if there is none, or none of this machine
load_record() {
	if [ -e "$record/complete" ] && [ -f "$list" ]; then past=$nl$(cat "$list")$nl; fi
	case $past in
	"${nl}begin $(cat /etc/machine-id 2>/dev/null)$nl"*"${nl}end$nl") : ;;
	*) past= ;;
	esac
}
load_record
former=
former_etc=
if [ ! -e "$list" ]; then # the installation is of an early version
	former=$early
	former_etc=$early_etc
fi

recorded() { # PATH: does the list say that it was there?
	case $past in *"$nl$1$nl"*) return 0 ;; esac
	return 1
}

listed() { # PLACE: how deep what was in it is listed; none if it was not there; nothing if the list does not say
	for deep in none "place 3" "place 2" "place 1" "place 0"; do
		case $past in *"$nl$deep $1$nl"*) printf '%s' "${deep#* }" && return 0 ;; esac
	done
}

recorded_mounts() { # MOUNT POINT: how many there were
	n=$(printf '%s' "$past" | m=$1 awk '$1 == "mount" && $3 == ENVIRON["m"] { print $2; exit }')
	printf '%s' "${n:-0}"
}

had() { # PATH: was it there before? Without a list: an older version's says it, or a package of the system owns it
	if [ -n "$past" ]; then
		recorded "$1"
	elif [ -e "$former" ]; then
		grep -qxF "$1" "$former"
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
			if [ "$what" != file ]; then continue; fi
			if ! grep -qxF "aside $path" "$placed"; then
				rm -f "$path"
			elif [ -e "$path$aside" ] || [ -L "$path$aside" ]; then # else it is back already
				rm -f "$path" && mv -f "$path$aside" "$path" || return 1
			fi
			rm -f "$path.part"
		done <"$placed"
		dirs=$(sed -n 's/^dir //p' "$placed" | sort -ru)
	fi
	rm -rf "$staging/.former"
	rm -f "$staging/.ids" "$staging/.activate" "$staging/.had" "$staging/.had.new" "$staging/.list" "$staging/.list.new"
	# While the list is there, so that a run that is killed in between leaves it to the next; then what it was in.
	remove_empty $dirs
	rm -f "$owner.new" "$owner" "$placed"
	rm -rf "$staging.new"
	if ! recorded "$staging"; then dirs="$dirs $staging"; fi
	remove_empty $dirs
	return 0
}

remove_empty() { # DIRECTORY...
	for d in "$@"; do
		if [ -d "$d" ]; then rmdir "$d" 2>/dev/null; fi
	done
}
