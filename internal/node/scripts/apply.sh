# apply: writes the role, setup files and units of a bundle, and commands units.
#
# reads    standard input, one line each, done in this order:
#            watch PATH               a directory that DC/OS is told to use, which the record is to know of
#            marker BASE64 CLAIM      the marker's content, and the claim's (base64; - for none)
#            accounts                 keep the backups of the account files, useradd is about to run
#            work PATH                note the agent's work directory
#            before PATH              keep what is at the path for the day DC/OS goes
#            role NAME                make sure of /etc/mesosphere/roles/NAME
#            file MODE PATH BASE64    write a file
#            reload                   systemctl daemon-reload
#            enable UNIT, start UNIT, restart UNIT, start-later UNIT (does not wait)
#            restart-if-there UNIT    nothing if the host has no such unit
#            forget UNIT              reset-failed
#            revive UNIT              reset-failed and start; of a socket, its services stop before and start after it
# prints   cursor= the journal's end before units were commanded; written=PATH for each file
# changes  what it was told; in the record it notes the sums of files that only root may read; before
#          a file is overwritten it is kept below the staging directory if a former copy is asked for with
#            keep PATH
put begin apply
put cursor "$(journalctl -q --no-pager -n 0 --show-cursor 2>/dev/null </dev/null | sed -n 's/^-- cursor: //p')"
put started "$(now)"

write() { # MODE PATH BASE64
	d=${2%/*}
	if [ ! -d "$d" ]; then try "making $d" mkdir -p "$d"; fi
	# Never a moment with half a file, or with a secret that anybody may read.
	(umask 077 && decode "$3" >"$2.dcos-new") || fail "writing $2"
	try "setting the mode of $2" chmod "$1" "$2.dcos-new"
	case $1 in
	*00) if [ -d "$record" ]; then note_written "$2" || fail "noting what $2 is"; fi ;;
	esac
	try "writing $2" mv -f "$2.dcos-new" "$2"
	put written "$2"
}

# A file that only root may read holds secrets. To see that somebody edited it, nobody but this host
# has to know what was in it.
note_written() { # PATH
	s=$(sha256sum <"$1.dcos-new") || return 1
	(umask 077 && {
		if [ -f "$record/written" ]; then awk -v p="$1" '$2 != p' "$record/written"; fi
		printf '%s %s\n' "${s%% *}" "$1"
	} >"$record/written.new") && mv -f "$record/written.new" "$record/written"
}

before() { # PATH
	to=$record/files$1
	# That nothing was there is noted too: a run that goes on with this one finds what this one writes.
	none=$record/none$1
	if [ ! -e "$record/complete" ] || [ -e "$to" ] || [ -e "$none" ] || [ -d "$opt/active" ]; then return 0; fi
	if [ ! -e "$1" ]; then to=$none; fi
	try "noting what $1 was" mkdir -p "${to%/*}"
	if [ "$to" = "$none" ]; then
		: >"$none" || fail "noting that there was no $1"
	else
		try "keeping a copy of $1" cp -a "$1" "$to.new"
		try "keeping a copy of $1" mv -f "$to.new" "$to"
	fi
}

keep() { # PATH
	to=$staging/.former$1
	try "making $staging/.former" mkdir -p "${to%/*}"
	if [ -e "$1" ]; then try "keeping a copy of $1" cp -a "$1" "$to"; else : >"$to.none"; fi
}

keep_once() { # PATH
	if [ ! -e "$staging/.former$1" ] && [ ! -e "$staging/.former$1.none" ]; then keep "$1"; fi
}

revive() { # UNIT
	again=
	case $1 in
	*.socket) # systemd refuses it while its service runs
		for s in $(unit_show "$1" Triggers); do
			case $(unit_show "$s" ActiveState) in active | activating | reloading) again="$again $s" ;; esac
		done
		;;
	esac
	for s in $again; do systemctl stop "$s" </dev/null >&2 || fail "stopping $s, for $1" "$s"; done
	systemctl reset-failed "$1" </dev/null 2>/dev/null
	for s in "$1" $again; do systemctl start --no-block "$s" </dev/null >&2 || fail "starting $s" "$s"; done
}

while read -r what a b c; do
	case $what in
	watch) watched="$watched $a" ;;
	marker) make_marker "$a" "${b:-}" ;;
	accounts) save_account_backups "$record/accounts" || fail "keeping the backups of the account files" ;;
	role)
		try "making $etc" mkdir -p "$etc/roles" "$etc/setup-flags"
		if [ ! -e "$etc/roles/$a" ]; then : >"$etc/roles/$a" || fail "writing the role"; fi
		;;
	work) printf '%s\n' "$a" >>"$record/work_directories" || fail "noting the agent's work directory" ;;
	before) before "$a" ;;
	keep)
		if [ -d "$record" ]; then keep_once "$record/written"; fi
		keep "$a"
		;;
	file) write "$a" "$b" "$c" ;;
	reload) try "reloading systemd's units" systemctl daemon-reload ;;
	enable) try "enabling $a" systemctl enable "$a" ;;
	start | restart)
		doing="${what}ing $a"
		systemctl "$what" "$a" </dev/null >&2 || fail "$doing" "$a"
		;;
	start-later)
		systemctl start --no-block "$a" </dev/null >&2 || fail "starting $a" "$a"
		;;
	restart-if-there)
		if [ "$(unit_show "$a" LoadState)" = loaded ]; then
			systemctl restart "$a" </dev/null >&2 || fail "restarting $a" "$a"
		fi
		;;
	forget) systemctl reset-failed "$a" </dev/null 2>/dev/null ;;
	revive) revive "$a" ;;
	*) fail "reading what to apply: $what" ;;
	esac
done
put end apply
