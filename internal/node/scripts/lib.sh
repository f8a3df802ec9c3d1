# Goes in front of every script of this directory.
#
# reads    nothing
# prints   nothing by itself; put, put_in and put_file print one line of a result each:
#            key=value     a value of harmless characters, as it is
#            key:base64    anything else
#          A script starts with `put begin NAME` and ends with `put end NAME`; whoever reads it
#          takes a result without its end for cut short.
# changes  nothing by itself
#
# POSIX sh (dash, bash, busybox ash). set -e is not used: what may fail is said at each command.
set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

opt=/opt/mesosphere
etc=/etc/mesosphere
systemd=/etc/systemd/system
staging=/opt/dcos_install_tmp
owner=$staging/.owner
placed=$staging/.placed
record=/var/lib/dcos/.before-install
claim=$record/claim

put() { # KEY VALUE
	case $2 in
	*[!A-Za-z0-9._/@:+,%=-]*) printf '%s:%s\n' "$1" "$(printf '%s' "$2" | base64 | tr -d '\n')" ;;
	*) printf '%s=%s\n' "$1" "$2" ;;
	esac
}

put_in() { # KEY, value on standard input
	printf '%s:' "$1"
	base64 | tr -d '\n'
	echo
}

put_file() { # KEY FILE; nothing if there is no such file
	if [ -f "$2" ]; then put_in "$1" <"$2"; fi
}

say() { put progress "$1"; }

# fail DOING [UNIT...]: says what was being done, adds the units' journal, ends the script.
fail() {
	put failed "$1"
	shift
	if [ $# -gt 0 ]; then put_journal "$@"; fi
	exit 70
}

# try DOING COMMAND...: runs the command with its output on standard error, or fails.
try() {
	doing=$1
	shift
	"$@" </dev/null >&2 || fail "$doing"
}

journal_from= # a cursor: what the journal had before is of no interest

put_journal() { # UNIT...: what they have said; of a unit of ours, not that systemd has started it
	case $* in terraform-dcos-*) not=' systemd\[[0-9]*\]: ' ;; *) not='^$' ;; esac
	for u; do set -- "$@" -u "$u" && shift; done
	if [ -n "$journal_from" ]; then set -- "$@" --after-cursor="$journal_from"; fi
	journalctl --no-pager -q -o short-iso "$@" 2>/dev/null </dev/null | grep -v "$not" | tail -n 60 | put_in journal
}

decode() { # BASE64: prints what it stands for; "-" stands for nothing
	case $1 in
	-) : ;;
	*) printf '%s' "$1" | base64 -d ;;
	esac
}

# unit_show UNIT PROPERTY: one property. systemctl show --value is too new for CentOS 7.
unit_show() { systemctl show -p "$2" "$1" 2>/dev/null </dev/null | sed -n "s/^$2=//p"; }

now() { date +%s; }

# quickly SECONDS COMMAND...: with a limit, where there is timeout(1).
quickly() {
	if command -v timeout >/dev/null 2>&1; then
		timeout "$@"
	else
		shift
		"$@"
	fi
}

# http SECONDS URL: prints what answers.
http() { curl -fsS -m "$1" --noproxy '*' "$2" 2>/dev/null </dev/null; }

# What an activation of packages makes anew, as NAME.new, and swaps: pkgpanda's swap_active moves NAME to NAME.old, then NAME.new to
# NAME, and notes in install_progress which it is at, "archive" or "move_new" (pkgpanda/__init__.py, get_active_names).
swapped="$opt/bin $opt/etc $opt/include $opt/lib $systemd/dcos.target.wants $opt/active $opt/environment $opt/environment.export
$opt/active.buildinfo.full.json"

stage=
read_stage() { stage=$(sed -n 's/.*"stage": *"\([a-z_]*\)".*/\1/p' "$opt/install_progress" 2>/dev/null); }

# swapped_at NAME: where that is now which recover.sh moves to the name, after an activation that was ended; the name, if it is there.
swapped_at() {
	if [ "$stage" = move_new ] && [ -e "$1.new" ]; then
		printf '%s' "$1.new"
	elif [ ! -e "$1" ] && [ -e "$1.old" ]; then
		printf '%s' "$1.old"
	else
		printf '%s' "$1"
	fi
}

dcos_units() { # names of every unit that DC/OS has on this host, one a line
	{
		for f in "$systemd"/dcos-*.service "$systemd"/dcos-*.timer "$systemd"/dcos-*.socket "$systemd"/dcos-*.target \
			"$systemd"/dcos-*.path "$systemd"/dcos-*.mount "$systemd"/dcos-*.slice "$systemd"/dcos.target \
			"$systemd"/dcos.target.wants/*; do
			if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\n' "${f##*/}"; fi
		done
	} | sort -u
}

# contents DIRECTORY: paths of what is in it, one a line, also behind a link. What a file system has by itself
# (ext4's lost+found, a filer's .snapshot) is nothing, here and wherever something is asked to be empty.
contents() { find "$1/" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name .snapshot 2>/dev/null; }

bare() { [ -z "$(contents "$1" | head -n 1)" ]; } # DIRECTORY: is nothing in it?

# What DC/OS makes in its own directory, as patterns (pkgpanda/__init__.py, __well_known_dirs and get_active_names), and their .new and .old.
opt_names='packages active active.* bin bin.* etc etc.* include include.* lib lib.* environment environment.* bootstrap
install_progress install_progress.*'

mkdir_recorded() { mkdir -p "$1" && chmod 0700 "$1"; }

# account_files: the files that useradd and userdel write copies of their former content to.
account_files='passwd group shadow gshadow subuid subgid'

save_account_backups() { # DIRECTORY
	mkdir_recorded "$1" || return 1
	if [ -e "$1/saved" ]; then return 0; fi
	for f in $account_files; do
		rm -f "$1/$f-" "$1/$f-.none"
		if [ -e "/etc/$f-" ]; then cp -a "/etc/$f-" "$1/$f-" || return 1; else : >"$1/$f-.none"; fi
	done
	if [ ! -e /etc/.pwd.lock ]; then : >"$1/.pwd.lock.none"; fi
	: >"$1/saved"
}

# remove_account_locks removes what a useradd or userdel that was killed leaves: its lock, which
# holds its process id, the file that the lock was made from, and a new account file without its name.
remove_account_locks() {
	for f in $account_files; do
		for p in "/etc/$f.lock" "/etc/$f".[0-9]*; do
			if [ ! -f "$p" ]; then continue; fi
			pid=${p##*.}
			if [ "$pid" = lock ]; then pid=$(tr -d '\000' <"$p"); fi
			case $pid in
			"" | *[!0-9]*) : ;;
			*) kill -0 "$pid" 2>/dev/null || rm -f "$p" ;;
			esac
		done
		if [ ! -e "/etc/$f.lock" ]; then rm -f "/etc/$f+"; fi
	done
}

restore_account_backups() { # DIRECTORY
	if [ ! -e "$1/saved" ]; then return 0; fi
	for f in $account_files; do
		if [ -e "$1/$f-" ]; then
			cmp -s "$1/$f-" "/etc/$f-" || { cp -a "$1/$f-" "/etc/$f-.tmp" && mv -f "/etc/$f-.tmp" "/etc/$f-"; }
		elif [ -e "$1/$f-.none" ]; then
			rm -f "/etc/$f-"
		fi
	done
	if [ -e "$1/.pwd.lock.none" ]; then rm -f /etc/.pwd.lock; fi
	rm -rf "$1"
}
